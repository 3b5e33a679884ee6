package store

import (
	"encoding/binary"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// readPage returns the page that q asks for; q.Before is not zero.
func readPage(tx *bolt.Tx, archive string, tail []uint64, q Query) (page []Record, more bool, err error) {
	w := walk{c: tx.Bucket([]byte(indexBucket)).Cursor(), archive: archive, tail: tail, query: q}
	if q.Last {
		err = w.backward()
	} else {
		err = w.forward()
	}
	if err != nil {
		return nil, false, err
	}
	if more = len(w.found) > q.Limit; more {
		w.found = w.found[:q.Limit]
	}
	log := tx.Bucket([]byte(logBucket))
	page = make([]Record, 0, len(w.found))
	size := 0
	for _, seq := range w.found {
		if size > MaxPageBytes {
			more = true
			break
		}
		v := log.Get(seqKey(seq))
		if v == nil {
			return nil, false, fmt.Errorf("%w: record %d of archive %.64q is missing", ErrDamaged, seq, archive)
		}
		r, err := decodeRecord(tx, seq, v, true)
		if err != nil {
			return nil, false, err
		}
		if r.Archive != archive {
			return nil, false, fmt.Errorf("%w: record %d is in the index of archive %.64q", ErrDamaged, seq, archive)
		}
		size += len(r.Numbers) + len(r.Content)
		page = append(page, r)
	}
	if q.Last {
		slices.Reverse(page)
	}
	return page, more, nil
}

// walk collects the numbers of a page and one beyond it, in its own direction. An archive is its
// chunks and then the part of the tail that is not in them: the tail was taken
// before the transaction began and some of it may have been put since.
type walk struct {
	c       *bolt.Cursor
	archive string
	tail    []uint64
	query   Query
	found   []uint64
}

// take adds a number that is in the range, and tells whether the walk goes on.
func (w *walk) take(seq uint64) bool {
	if seq > w.query.After && seq < w.query.Before {
		w.found = append(w.found, seq)
	}
	return len(w.found) <= w.query.Limit
}

func (w *walk) forward() error {
	var seqs []uint64
	last := uint64(0) // of the chunks
	k, v := chunkUpTo(w.c, w.archive, w.query.After+1)
	if k == nil {
		k, v = w.c.Seek(indexKey(w.archive, 0))
	}
	for ; ofArchive(k, w.archive); k, v = w.c.Next() {
		if binary.BigEndian.Uint64(k[len(k)-8:]) >= w.query.Before {
			return nil
		}
		var err error
		if seqs, err = decodeChunk(seqs[:0], w.archive, k, v); err != nil {
			return err
		}
		if seqs[0] <= last {
			return fmt.Errorf("%w: index of archive %.64q after record %d", ErrDamaged, w.archive, last)
		}
		for _, seq := range seqs {
			if !w.take(seq) {
				return nil
			}
		}
		last = seqs[len(seqs)-1]
	}
	for _, seq := range after(w.tail, last) {
		if !w.take(seq) {
			return nil
		}
	}
	return nil
}

func (w *walk) backward() error {
	last, err := lastIndexed(w.c, w.archive)
	if err != nil {
		return err
	}
	for _, seq := range slices.Backward(after(w.tail, last)) {
		if !w.take(seq) {
			return nil
		}
	}
	var seqs []uint64
	for k, v := chunkUpTo(w.c, w.archive, w.query.Before-1); ofArchive(k, w.archive); k, v = w.c.Prev() {
		if seqs, err = decodeChunk(seqs[:0], w.archive, k, v); err != nil {
			return err
		}
		for _, seq := range slices.Backward(seqs) {
			if !w.take(seq) {
				return nil
			}
		}
		if seqs[0] <= w.query.After {
			return nil
		}
	}
	return nil
}
