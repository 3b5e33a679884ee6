package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/bits"
	"os"
	"path/filepath"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// Keys of the meta bucket.
const (
	magicKey   = "magic"
	formatKey  = "format"  // 4 bytes, big-endian
	createdKey = "created" // 8 bytes, big-endian, nanoseconds since 1970
	floorKey   = "indexed" // 8 bytes, big-endian: every record before it is in the index bucket
)

const (
	magic     = "frontdesk log\n"
	format    = 2 // that is written
	oldFormat = 1 // that is read, too: see row.go

	// pageSize is a part of the format: the file can then be moved between machines whose pages differ.
	pageSize = 4096

	// lockWait is how long Open waits for another process that only looks at the file, as Open itself does first.
	lockWait = 100 * time.Millisecond

	// mapped is the address space that is set aside at once, 16 GiB (1 GiB on 32 bits). While the file is smaller a reader
	// never holds up the appender; beyond it, bbolt takes more as it needs it and waits for readers then.
	mapped = 1 << (30 + (bits.UintSize-32)/8)
)

// Open opens or creates the file at path (mode 0600; a folder that is missing
// is an error that names it). Before anything is written it looks whether the file is ours and whole:
// ErrLocked, ErrForeign, ErrVersion and ErrDamaged leave it as it is. It reads the
// log from where the index ends: at most some 80,000 records and two batches, however long the log. A file of format 1 becomes one of
// format 2, which takes a while once.
func Open(path string) (*Store, error) {
	s, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	return s, nil
}

func open(path string) (*Store, error) {
	fresh, err := inspect(path)
	if err != nil {
		return nil, err
	}
	db, file, err := openFile(path, &bolt.Options{
		Timeout:         lockWait,
		PageSize:        pageSize,
		InitialMmapSize: mapped,
		FreelistType:    bolt.FreelistMapType,
		NoStatistics:    true,
	})
	if err != nil {
		if fresh && !errors.Is(err, ErrLocked) {
			discard(path)
		}
		return nil, err
	}
	s := &Store{db: db, file: file}
	if fresh {
		err = s.create(path)
	}
	if err == nil {
		err = s.load()
	}
	if err == nil {
		err = s.convert()
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// inspect tells whether there is nothing in the file yet, or why it can't be opened. It writes nothing.
func inspect(path string) (fresh bool, err error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		folder := filepath.Dir(path)
		if _, err := os.Stat(folder); err != nil {
			return false, fmt.Errorf("its folder: %w", err)
		}
		return true, nil
	case err != nil:
		return false, err
	case info.IsDir():
		return false, fmt.Errorf("%w: it is a folder", ErrForeign)
	case !info.Mode().IsRegular():
		return false, fmt.Errorf("%w: it is no regular file", ErrForeign)
	case info.Size() == 0:
		return true, nil
	}
	// Read-only and without its list of free pages, bbolt looks at the two pages that say how large the rest is.
	db, _, err := openFile(path, &bolt.Options{Timeout: lockWait, ReadOnly: true, NoStatistics: true})
	if err != nil {
		return false, err
	}
	err, _ = guarded(func() error {
		return db.View(func(tx *bolt.Tx) error {
			info, err := os.Stat(path) // again: it may have grown before it was locked
			if err != nil {
				return err
			}
			if size := info.Size(); size < tx.Size() {
				return fmt.Errorf("%w: it has %d bytes and must have %d: it has been cut off", ErrDamaged, size, tx.Size())
			}
			fresh, err = checkMarks(tx)
			return err
		})
	})
	return fresh, errors.Join(err, db.Close())
}

// openFile is bolt.Open with our errors. The file is db's, and closed with it.
func openFile(path string, o *bolt.Options) (db *bolt.DB, file *os.File, err error) {
	o.OpenFile = func(name string, flag int, mode fs.FileMode) (*os.File, error) {
		f, err := os.OpenFile(name, flag, mode)
		file = f
		return f, err
	}
	err, panicked := guarded(func() error {
		db, err = bolt.Open(path, 0o600, o)
		return err
	})
	switch {
	case panicked:
		// What bbolt has mapped stays mapped and would keep the lock beyond Close.
		return nil, nil, errors.Join(err, syscall.Flock(int(file.Fd()), syscall.LOCK_UN), file.Close())
	case errors.Is(err, berrors.ErrTimeout):
		return nil, nil, ErrLocked
	case err == nil:
		return db, file, nil
	}
	var failed *fs.PathError
	if errors.As(err, &failed) || !o.ReadOnly {
		return nil, nil, err
	}
	return nil, nil, classify(path, err)
}

// classify says what a file is that bbolt can't read: one of its own that has been damaged starts
// as they all do.
func classify(path string, cause error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	// A page's number (0), flags (meta), count and overflow, then bbolt's magic number, in this machine's byte order.
	start := make([]byte, 16, 20)
	binary.NativeEndian.PutUint16(start[8:], 4)
	start = binary.NativeEndian.AppendUint32(start, 0xED0CDAED)
	head := make([]byte, len(start))
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	if bytes.HasPrefix(start, head[:n]) {
		return fmt.Errorf("%w: %w", ErrDamaged, cause)
	}
	return ErrForeign
}

// checkMarks looks whether the file is ours. One without any bucket is fresh: its creation was cut short.
func checkMarks(tx *bolt.Tx) (fresh bool, err error) {
	if k, _ := tx.Cursor().First(); k == nil {
		return true, nil
	}
	meta := tx.Bucket([]byte(metaBucket))
	if meta == nil || string(meta.Get([]byte(magicKey))) != magic {
		return false, ErrForeign
	}
	v := meta.Get([]byte(formatKey))
	if len(v) != 4 {
		return false, fmt.Errorf("%w: its format number", ErrDamaged)
	}
	n := binary.BigEndian.Uint32(v)
	rows := rowBucket
	switch n {
	case format:
	case oldFormat:
		rows = oldRowBucket
	default:
		return false, fmt.Errorf("%w: %d, and this program reads %d and %d", ErrVersion, n, oldFormat, format)
	}
	for _, name := range []string{logBucket, contentBucket, rows, indexBucket, snapshotBucket} {
		if tx.Bucket([]byte(name)) == nil {
			return false, fmt.Errorf("%w: bucket %q is missing", ErrDamaged, name)
		}
	}
	return false, nil
}

// discard empties a file that bbolt could not finish creating (a full disk), so that the next
// Open finds it fresh. A file that another process has is left alone.
func discard(path string) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return
	}
	defer f.Close()
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return
	}
	if info, err := f.Stat(); err == nil && info.Size() < 4*pageSize { // what bbolt writes first
		_ = f.Truncate(0) // the error that brought us here is the one to tell
	}
}

// create makes the buckets, and the file's name in its folder, durable.
func (s *Store) create(path string) error {
	err := s.update(func(tx *bolt.Tx) error {
		if k, _ := tx.Cursor().First(); k != nil {
			return nil // another process was faster, and has ended
		}
		for _, name := range []string{logBucket, contentBucket, rowBucket, indexBucket, snapshotBucket} {
			if _, err := tx.CreateBucket([]byte(name)); err != nil {
				return err
			}
		}
		meta, err := tx.CreateBucket([]byte(metaBucket))
		if err != nil {
			return err
		}
		return errors.Join(
			meta.Put([]byte(magicKey), []byte(magic)),
			meta.Put([]byte(formatKey), binary.BigEndian.AppendUint32(nil, format)),
			meta.Put([]byte(createdKey), binary.BigEndian.AppendUint64(nil, uint64(time.Now().UnixNano()))),
			meta.Put([]byte(floorKey), seqKey(1)),
		)
	})
	if err != nil {
		return fmt.Errorf("creating it: %w", err)
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// load finds where the log ends and makes the index's tails.
func (s *Store) load() error {
	var floor uint64
	err := s.view(func(tx *bolt.Tx) error {
		if _, err := checkMarks(tx); err != nil { // again: the file is ours only now
			return err
		}
		next := uint64(1)
		if k, _ := tx.Bucket([]byte(logBucket)).Cursor().Last(); len(k) == 8 {
			next = binary.BigEndian.Uint64(k) + 1
		} else if k != nil {
			return fmt.Errorf("%w: a key of the log", ErrDamaged)
		}
		if k, _ := tx.Bucket([]byte(contentBucket)).Cursor().Last(); len(k) == 8 && binary.BigEndian.Uint64(k) >= next {
			return fmt.Errorf("%w: record %d is missing, and its content is there", ErrDamaged, binary.BigEndian.Uint64(k))
		}
		v := tx.Bucket([]byte(metaBucket)).Get([]byte(floorKey))
		if len(v) != 8 {
			return fmt.Errorf("%w: where its index ends", ErrDamaged)
		}
		if floor = binary.BigEndian.Uint64(v); floor == 0 || floor > next {
			return fmt.Errorf("%w: its index ends at %d and its log at %d", ErrDamaged, floor, next)
		}
		s.next.Store(next)
		return nil
	})
	if err != nil {
		return err
	}
	return s.index.load(s, floor)
}
