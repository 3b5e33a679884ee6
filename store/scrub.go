package store

import (
	"context"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// scrubStep is how many pages one step looks at: 8 MiB of the file, for which an Append waits.
const scrubStep = 2048

// Scrub overwrites with zeros what stands on pages that hold nothing any more: words that were erased before it was called are then
// nowhere in the file. n is how many pages had something. It waits for backups, goes through the file in steps between which others append
// and read, and ends early with ctx. Any goroutine may call it, one at a time.
func (s *Store) Scrub(ctx context.Context) (n int, err error) {
	for from, more := uint64(2), true; more && err == nil; from += scrubStep {
		if err = ctx.Err(); err == nil {
			var some int
			some, more, err = s.scrub(from, from+scrubStep)
			n += some
			if some > 0 && err == nil {
				err = s.file.Sync() // nobody waits for it
			}
		}
	}
	if err != nil {
		return n, fmt.Errorf("store: scrub: %w", err)
	}
	return n, nil
}

// scrub does a step, and reports whether there are pages behind it. No reader is under way meanwhile: the pages that bbolt
// calls free are then read by nobody, and by no other program but one that finds the newest of the file's first pages damaged.
func (s *Store) scrub(from, till uint64) (n int, more bool, err error) {
	if failed := s.broken.Load(); failed != nil {
		return 0, false, *failed
	}
	s.backups.Lock()
	defer s.backups.Unlock()
	s.readers.Lock()
	defer s.readers.Unlock()
	err, _ = guarded(func() error {
		tx, err := s.db.Begin(true)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		pages := uint64(tx.Size() / pageSize)
		more = till < pages
		n, err = s.overwrite(tx, from, min(till, pages))
		return err
	})
	return n, more, err
}

// overwrite puts zeros on the free pages of a range that have anything else.
func (s *Store) overwrite(tx *bolt.Tx, from, till uint64) (n int, err error) {
	page, zeros := make([]byte, pageSize), make([]byte, pageSize)
	for id := from; id < till; id++ {
		info, err := tx.Page(int(id))
		if err != nil {
			return n, err
		}
		if info.Type != "free" {
			continue
		}
		if _, err := s.file.ReadAt(page, int64(id)*pageSize); err != nil {
			return n, err
		}
		if string(page) == string(zeros) {
			continue
		}
		if _, err := s.file.WriteAt(zeros, int64(id)*pageSize); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
