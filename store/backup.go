package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"
)

// Backup writes the file as it is after the last Append to w: a file that Open takes. Appends go on meanwhile; the file
// keeps the pages that they free until it is done. Any goroutine may call it. n is the bytes written.
func (s *Store) Backup(w io.Writer) (n int64, err error) {
	s.backups.RLock()
	defer s.backups.RUnlock()
	var failed error
	err, _ = guarded(func() error {
		return s.db.View(func(tx *bolt.Tx) error {
			n, failed = tx.WriteTo(w) // a reader that is gone is no fault of the file
			return nil
		})
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		return n, fmt.Errorf("store: backup: %w", err)
	}
	return n, nil
}

// Report is what Verify found in a file.
type Report struct {
	Records  uint64 // of the log, all of them
	Contents uint64 // those that have words
	Erased   uint64 // those whose words were erased
	Unsummed uint64 // those without a checksum: from before there was one
	Rows     uint64
	BareRows uint64 // those without a checksum: of format 1
	Bytes    int64  // of the file
	Free     int64  // bytes of pages that hold nothing: what Compact saves at least
}

// maxFaults bounds what Verify tells of one file.
const maxFaults = 10

// Verify reads the whole file at path and changes nothing. It checks that every page is used once, that
// every record is there, fits to its checksum and has its content, that the index has what the log has, and the
// snapshot; and every row to its checksum. ErrLocked while a desk runs with the file; ErrForeign, ErrVersion and ErrDamaged as Open.
func Verify(path string) (Report, error) {
	rep, err := verify(path)
	if err != nil {
		return rep, fmt.Errorf("verifying %s: %w", path, err)
	}
	return rep, nil
}

func verify(path string) (Report, error) {
	var rep Report
	fresh, err := inspect(path)
	switch {
	case err != nil:
		return rep, err
	case fresh:
		return rep, fmt.Errorf("%w: there is nothing in it", ErrForeign)
	}
	db, _, err := openFile(path, &bolt.Options{Timeout: lockWait, ReadOnly: true, PreLoadFreelist: true})
	if err != nil {
		return rep, err
	}
	file, err := os.Open(path)
	if err != nil {
		return rep, errors.Join(err, db.Close())
	}
	err, _ = guarded(func() error { return db.View(func(tx *bolt.Tx) error { return rep.read(tx, file) }) })
	return rep, errors.Join(err, file.Close(), db.Close())
}

func (rep *Report) read(tx *bolt.Tx, file io.ReaderAt) error {
	var faults []error
	add := func(err error) {
		if len(faults) < maxFaults {
			faults = append(faults, err)
		}
	}
	if err := checkPages(tx, file); err != nil {
		return err // what follows would read pages that are not what they say
	}
	rep.Bytes, rep.Free = tx.Size(), int64(tx.DB().Stats().FreePageN)*int64(tx.DB().Info().PageSize)
	floor := binary.BigEndian.Uint64(tx.Bucket([]byte(metaBucket)).Get([]byte(floorKey)))
	logged := map[string]roll{}
	next := uint64(1)
	err := tx.Bucket([]byte(logBucket)).ForEach(func(k, v []byte) error {
		if len(k) != 8 || binary.BigEndian.Uint64(k) != next {
			return fmt.Errorf("%w: record %d is missing", ErrDamaged, next)
		}
		r, err := decodeRecord(tx, next, v, true)
		switch {
		case err != nil:
			add(err)
		case r.Content != nil:
			rep.Contents++
		case r.Erased:
			rep.Erased++
		}
		if err == nil && v[0]&hasSums == 0 {
			rep.Unsummed++
		}
		if r.Archive != "" && next < floor {
			logged[r.Archive] = logged[r.Archive].with(next)
		}
		next++
		return nil
	})
	rep.Records = next - 1
	if err == nil {
		err = checkIndex(tx, logged, floor)
	}
	if n := uint64(tx.Bucket([]byte(contentBucket)).Stats().KeyN); err == nil && len(faults) == 0 && n != rep.Contents+rep.Erased {
		err = fmt.Errorf("%w: its log has words in %d records, and there are %d", ErrDamaged, rep.Contents+rep.Erased, n)
	}
	if err != nil {
		add(err)
	}
	switch seq, _, err := readSnapshot(tx); {
	case err != nil:
		add(err)
	case seq >= next:
		add(fmt.Errorf("%w: its snapshot knows record %d, and the log ends at %d", ErrDamaged, seq, next-1))
	}
	if b := tx.Bucket([]byte(oldRowBucket)); b != nil { // of format 1, or half way to format 2
		rep.BareRows = uint64(b.Stats().KeyN)
		rep.Rows = rep.BareRows
	}
	if b := tx.Bucket([]byte(rowBucket)); b != nil {
		err = b.ForEach(func(k, v []byte) error {
			rep.Rows++
			if _, err := decodeRow(k, v); err != nil {
				add(err)
			}
			return nil
		})
	}
	return errors.Join(errors.Join(faults...), err)
}

// roll is how many records an archive has, and something that only they add up to.
type roll struct{ n, sum uint64 }

func (r roll) with(seq uint64) roll { return roll{r.n + 1, r.sum + seq*seq} }

// checkIndex holds the index against what the log has before a number.
func checkIndex(tx *bolt.Tx, logged map[string]roll, floor uint64) error {
	indexed := map[string]roll{}
	err := tx.Bucket([]byte(indexBucket)).ForEach(func(k, v []byte) error {
		archive, _, _ := bytes.Cut(k, []byte{0})
		if !ofArchive(k, string(archive)) {
			return fmt.Errorf("%w: a key of the index", ErrDamaged)
		}
		seqs, err := decodeChunk(nil, string(archive), k, v)
		for _, seq := range seqs {
			if seq < floor {
				indexed[string(archive)] = indexed[string(archive)].with(seq)
			}
		}
		return err
	})
	if err == nil && !maps.Equal(indexed, logged) {
		err = fmt.Errorf("%w: its index has not what its log has", ErrDamaged)
	}
	return err
}

// Compact writes what the file at path holds to a new file, without the pages that hold nothing, checks that one as Verify
// does, and puts it in the place of the old one. Nothing changes where that fails. No desk may run with the file.
func Compact(path string) (before, after Report, err error) {
	if before, err = Verify(path); err != nil {
		return before, after, err
	}
	fresh := path + ".compact"
	defer os.Remove(fresh)
	if err = compact(path, fresh); err == nil {
		after, err = verify(fresh)
	}
	if err == nil && (after.Records != before.Records || after.Contents != before.Contents || after.Rows != before.Rows) {
		err = fmt.Errorf("%w: the new file has %d records, the old one %d", ErrDamaged, after.Records, before.Records)
	}
	if err == nil {
		err = replace(fresh, path)
	}
	if err != nil {
		return before, after, fmt.Errorf("compacting %s: %w", path, err)
	}
	return before, after, nil
}

func compact(path, fresh string) error {
	src, _, err := openFile(path, &bolt.Options{Timeout: lockWait, ReadOnly: true, NoStatistics: true})
	if err != nil {
		return err
	}
	defer src.Close()
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	dst, _, err := openFile(fresh, &bolt.Options{Timeout: lockWait, PageSize: pageSize, NoStatistics: true})
	if err != nil {
		return err
	}
	err, _ = guarded(func() error { return bolt.Compact(dst, src, 16<<20) })
	return errors.Join(err, dst.Close())
}

// Restore puts a copy of a backup in the place of the file at path, once it has been verified as a whole. A file that is there
// is kept under the name that it returns. No desk may run with it.
func Restore(path, backup string) (rep Report, kept string, err error) {
	if rep, err = Verify(backup); err != nil {
		return rep, "", err
	}
	if _, err := inspect(path); errors.Is(err, ErrLocked) {
		return rep, "", fmt.Errorf("restoring %s: %w", path, err)
	}
	fresh := path + ".restore"
	defer os.Remove(fresh)
	if err = copyFile(backup, fresh); err == nil {
		_, err = verify(fresh)
	}
	if _, found := os.Stat(path); err == nil && found == nil {
		kept = path + ".before-restore-" + time.Now().UTC().Format("20060102-150405")
		err = os.Rename(path, kept)
	}
	if err == nil {
		err = replace(fresh, path)
	}
	if err != nil {
		return rep, kept, fmt.Errorf("restoring %s: %w", path, err)
	}
	return rep, kept, nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

// replace puts a file that is on disk in the place of another, durably.
func replace(fresh, path string) error {
	if err := os.Rename(fresh, path); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
