package store

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	bolt "go.etcd.io/bbolt"
)

// The snapshot bucket: key 0 (4 bytes, big-endian) has the number of the last record that the
// snapshot knows, its size in bytes (8 bytes each) and its CRC-32C (4); the pieces follow as keys 1, 2, ….
const (
	snapshotHead  = 8 + 8 + 4
	snapshotPiece = 32<<10 - 64 // a page that fits into 32 KiB with its key
)

// Snapshot keeps data as the state after record seq, replacing older snapshots in one commit; at most
// MaxSnapshot bytes. Any goroutine may call it, but an Append waits while it is written.
func (s *Store) Snapshot(seq uint64, data []byte) error {
	if next := s.next.Load(); seq == 0 || seq >= next {
		return fmt.Errorf("store: snapshot: no record %d, next is %d", seq, next)
	}
	if len(data) > MaxSnapshot {
		return fmt.Errorf("store: snapshot: %d bytes", len(data))
	}
	head := binary.BigEndian.AppendUint64(make([]byte, 0, snapshotHead), seq)
	head = binary.BigEndian.AppendUint64(head, uint64(len(data)))
	head = binary.BigEndian.AppendUint32(head, crc32.Checksum(data, castagnoli))
	err := s.update(func(tx *bolt.Tx) error {
		if err := tx.DeleteBucket([]byte(snapshotBucket)); err != nil {
			return err
		}
		b, err := tx.CreateBucket([]byte(snapshotBucket))
		if err != nil {
			return err
		}
		b.FillPercent = 1
		if err := b.Put(pieceKey(0), head); err != nil {
			return err
		}
		for i := uint32(1); len(data) > 0; i++ {
			n := min(snapshotPiece, len(data))
			if err := b.Put(pieceKey(i), data[:n]); err != nil {
				return err
			}
			data = data[n:]
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store: snapshot: %w", err)
	}
	return nil
}

// LastSnapshot returns the newest snapshot, or 0 and nil. ErrDamaged where it is not what was
// kept: the log still has everything.
func (s *Store) LastSnapshot() (seq uint64, data []byte, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		seq, data, err = readSnapshot(tx)
		return err
	})
	return seq, data, err
}

func readSnapshot(tx *bolt.Tx) (seq uint64, data []byte, err error) {
	b := tx.Bucket([]byte(snapshotBucket))
	head := b.Get(pieceKey(0))
	if head == nil {
		return 0, nil, nil
	}
	if len(head) < snapshotHead {
		return 0, nil, fmt.Errorf("%w: snapshot's head", ErrDamaged)
	}
	size := binary.BigEndian.Uint64(head[8:])
	if size > MaxSnapshot {
		return 0, nil, fmt.Errorf("%w: snapshot of %d bytes", ErrDamaged, size)
	}
	data = make([]byte, 0, size)
	for i := uint32(1); uint64(len(data)) < size; i++ {
		piece := b.Get(pieceKey(i))
		if len(piece) == 0 || uint64(len(data)+len(piece)) > size {
			return 0, nil, fmt.Errorf("%w: snapshot's piece %d", ErrDamaged, i)
		}
		data = append(data, piece...)
	}
	if crc32.Checksum(data, castagnoli) != binary.BigEndian.Uint32(head[16:]) {
		return 0, nil, fmt.Errorf("%w: snapshot's checksum", ErrDamaged)
	}
	return binary.BigEndian.Uint64(head), data, nil
}

func pieceKey(i uint32) []byte { return binary.BigEndian.AppendUint32(make([]byte, 0, 4), i) }
