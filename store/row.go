package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	bolt "go.etcd.io/bbolt"
)

// A row's value in the file, format 2, begins with the CRC-32C of its key (table NUL key) and what follows, 4 bytes, big-endian: what belongs to
// another row does not fit. In format 1 it had none, and stood in another bucket. A file of format 1 becomes one of format 2 when it is opened: the first
// piece of its rows that is moved changes the number, so that a program that knows of no sums refuses the file, and the old bucket goes with the last.
const (
	rowSum    = 4
	moveRows  = 20_000 // in one commit of the conversion
	moveBytes = 8 << 20
)

func sumRow(key, value []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, value)
}

// decodeRow returns a copy of a row's value, never nil, if it fits to its sum.
func decodeRow(key, v []byte) ([]byte, error) {
	if len(v) < rowSum || sumRow(key, v[rowSum:]) != binary.BigEndian.Uint32(v) {
		return nil, fmt.Errorf("%w: row %.64q: %w", ErrDamaged, key, errSum)
	}
	return append(make([]byte, 0, len(v)-rowSum), v[rowSum:]...), nil
}

// putRows writes rows. bbolt keeps the values only until the commit: they share one buffer.
func putRows(b *bolt.Bucket, rows []Row, size *int) error {
	need := 0
	for _, r := range rows {
		need += rowSum + len(r.Value)
	}
	buf := make([]byte, 0, need)
	for _, r := range rows {
		key := rowKey(r.Table, r.Key)
		*size += len(key) + len(r.Value)
		var err error
		if r.Value == nil {
			err = b.Delete(key)
		} else {
			start := len(buf)
			buf = binary.BigEndian.AppendUint32(buf, sumRow(key, r.Value))
			buf = append(buf, r.Value...)
			err = b.Put(key, buf[start:len(buf):len(buf)])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func rowKey(table, key string) []byte {
	k := make([]byte, 0, len(table)+1+len(key))
	return append(append(append(k, table...), 0), key...)
}

// Get returns a copy of a row's value, nil where it is missing. ErrDamaged where it is not what was put.
func (s *Store) Get(table, key string) (value []byte, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		k := rowKey(table, key)
		if v := tx.Bucket([]byte(rowBucket)).Get(k); v != nil {
			value, err = decodeRow(k, v)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return value, nil
}

// Rows calls fn for every row of a table in the order of keys; fn's error ends it. fn keeps what it
// is given and may call the store. A long table is read in pieces: of what is put
// meanwhile, fn may see a part.
func (s *Store) Rows(table string, fn func(key string, value []byte) error) error {
	prefix := rowKey(table, "")
	for from := prefix; from != nil; {
		var rows []Row
		var err error
		if rows, from, err = s.readRows(prefix, from); err != nil {
			return err
		}
		for _, r := range rows {
			if err := fn(r.Key, r.Value); err != nil {
				return err
			}
		}
	}
	return nil
}

// readRows returns a piece of a table and where the next one starts, nil at the end.
func (s *Store) readRows(prefix, from []byte) (rows []Row, next []byte, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		c := tx.Bucket([]byte(rowBucket)).Cursor()
		size := 0
		for k, v := c.Seek(from); bytes.HasPrefix(k, prefix); k, v = c.Next() {
			if len(rows) == readRecords || size > readBytes {
				next = bytes.Clone(k)
				return nil
			}
			value, err := decodeRow(k, v)
			if err != nil {
				return err
			}
			rows = append(rows, Row{Key: string(k[len(prefix):]), Value: value})
			size += len(k) + len(v)
		}
		return nil
	})
	return rows, next, err
}

// convert moves the rows of format 1, a piece in each commit. A process that ends meanwhile leaves the rest to the next Open.
func (s *Store) convert() error {
	for {
		old := false
		if err := s.view(func(tx *bolt.Tx) error {
			old = tx.Bucket([]byte(oldRowBucket)) != nil
			return nil
		}); err != nil || !old {
			return err
		}
		if err := s.update(moveSome); err != nil {
			return fmt.Errorf("giving checksums to its rows: %w", err)
		}
	}
}

// moveSome moves a piece of the rows of format 1.
func moveSome(tx *bolt.Tx) error {
	from := tx.Bucket([]byte(oldRowBucket))
	to, err := tx.CreateBucketIfNotExists([]byte(rowBucket))
	if err != nil {
		return err
	}
	to.FillPercent = 0.9 // the keys ascend
	var keys [][]byte
	size := 0
	c := from.Cursor()
	k, v := c.First()
	for ; k != nil && len(keys) < moveRows && size < moveBytes; k, v = c.Next() {
		table, key, _ := bytes.Cut(k, []byte{0})
		if err := putRows(to, []Row{{string(table), string(key), append([]byte{}, v...)}}, &size); err != nil {
			return err
		}
		keys = append(keys, bytes.Clone(k))
	}
	if k == nil {
		err = tx.DeleteBucket([]byte(oldRowBucket))
	} else {
		for _, key := range keys {
			if err := from.Delete(key); err != nil {
				return err
			}
		}
	}
	if err != nil {
		return err
	}
	return tx.Bucket([]byte(metaBucket)).Put([]byte(formatKey), binary.BigEndian.AppendUint32(nil, format))
}
