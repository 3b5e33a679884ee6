package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"

	bolt "go.etcd.io/bbolt"
)

// The index finds the records of an archive. Most of it is in its bucket, as
// chunks: the key is archive NUL number of the first record, the value the distances from each
// record to the next as uvarints. The newest records of an archive are only in its tail, in memory:
// a put per record at a random place of the file would cost four fifths of the throughput.
//
// Tails reach the bucket in two ways. One that has fullTail records goes whole, with the batch that
// filled it. And from time to time a sweep takes all archives in the order of their
// names, a few with every batch, so that neighbours share pages; once it is through, everything from before
// its start is in the bucket, and Open needs to look at the log from there only.
const (
	fullTail = 64  // records: then the tail is put
	maxChunk = 128 // records in one chunk; smaller ones are filled up first

	// A sweep starts this many records after the last one started and puts at least sweepPace records of tails per
	// record appended, so it is through within half as many again. So at most 3/2 of it, and a batch, are in tails,
	// and 5/2 of it, and a batch, are read again by Open.
	sweepEvery = 1 << 15
	sweepPace  = 2
)

// index is the appender's, except that anyone may read tails under mu. A tail is only ever
// appended to or dropped as a whole, so that a reader needs mu to get at it and not to read it.
// After an Append failed the tails hold records that are not in the file: readers
// leave out what is not before Store.next.
type index struct {
	mu    sync.RWMutex
	tails map[string][]uint64

	every    uint64   // sweepEvery; tests take less
	floor    uint64   // every record before it is in the bucket
	goal     uint64   // what floor becomes when the sweep is through; floor when there is none
	sweeping []string // archives that the sweep has still to put, in order
}

// flush is what an Append puts into the bucket.
type flush struct {
	archives []string // in order
	floor    uint64   // 0: not moved
}

// add puts the records into their tails and decides what is flushed with them; next is the
// number after the last of them.
func (x *index) add(records []Record, next uint64) flush {
	var full []string
	x.mu.Lock()
	for i := range records {
		r := &records[i]
		if r.Archive == "" {
			continue
		}
		t, known := x.tails[r.Archive]
		t = append(t, r.Seq)
		if known {
			x.tails[r.Archive] = t
		} else {
			x.tails[strings.Clone(r.Archive)] = t // the caller's may be a part of something large
		}
		if len(t)%fullTail == 0 {
			full = append(full, r.Archive)
		}
	}
	x.mu.Unlock()
	f := flush{archives: full}
	x.sweep(&f, len(records), next)
	slices.Sort(f.archives)
	f.archives = slices.Compact(f.archives)
	return f
}

// sweep adds to the flush what is due.
func (x *index) sweep(f *flush, appended int, next uint64) {
	if appended == 0 {
		return
	}
	if x.goal == x.floor {
		if next-x.floor < x.every {
			return
		}
		x.goal = next
		x.sweeping = slices.Sorted(maps.Keys(x.tails))
	}
	for due := sweepPace * appended; due > 0 && len(x.sweeping) > 0; {
		name := x.sweeping[0]
		x.sweeping = x.sweeping[1:]
		if t := x.tails[name]; len(t) > 0 {
			f.archives = append(f.archives, name)
			due -= len(t)
		}
	}
	if len(x.sweeping) == 0 {
		x.sweeping = nil
		f.floor = x.goal
		x.floor = x.goal // an Append that fails is the last
	}
}

// put writes the flush.
func (x *index) put(tx *bolt.Tx, f flush) error {
	if len(f.archives) > 0 {
		b := tx.Bucket([]byte(indexBucket))
		for _, name := range f.archives {
			if err := putTail(b, name, x.tails[name]); err != nil {
				return err
			}
		}
	}
	if f.floor == 0 {
		return nil
	}
	return tx.Bucket([]byte(metaBucket)).Put([]byte(floorKey), seqKey(f.floor))
}

// flushed drops the tails that are in the bucket now.
func (x *index) flushed(f flush) {
	if len(f.archives) == 0 {
		return
	}
	x.mu.Lock()
	for _, name := range f.archives {
		delete(x.tails, name)
	}
	x.mu.Unlock()
}

// tail returns the archive's tail. It is not written to any more.
func (x *index) tail(archive string) []uint64 {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.tails[archive]
}

// load makes the tails anew, from the records since floor that are not in the bucket.
func (x *index) load(s *Store, floor uint64) error {
	x.tails, x.every, x.floor, x.goal = make(map[string][]uint64), sweepEvery, floor, floor
	err := s.Replay(floor, func(r Record) error {
		if r.Archive != "" {
			x.tails[r.Archive] = append(x.tails[r.Archive], r.Seq)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.view(func(tx *bolt.Tx) error {
		c := tx.Bucket([]byte(indexBucket)).Cursor()
		for name, t := range x.tails { // the order does not matter: each on its own
			last, err := lastIndexed(c, name)
			if err != nil {
				return err
			}
			if t = after(t, last); len(t) > 0 {
				x.tails[name] = t
			} else {
				delete(x.tails, name)
			}
		}
		return nil
	})
}

// after returns the part of a tail behind seq.
func after(tail []uint64, seq uint64) []uint64 {
	i, found := slices.BinarySearch(tail, seq)
	if found {
		i++
	}
	return tail[i:]
}

// putTail fills the archive's last chunk up and begins new ones.
func putTail(b *bolt.Bucket, archive string, tail []uint64) error {
	k, v := chunkUpTo(b.Cursor(), archive, math.MaxUint64)
	if k != nil {
		seqs, err := decodeChunk(nil, archive, k, v)
		if err != nil {
			return err
		}
		last := seqs[len(seqs)-1]
		if room := min(maxChunk-len(seqs), len(tail)); room > 0 {
			if err := b.Put(k, appendDistances(bytes.Clone(v), last, tail[:room])); err != nil {
				return err
			}
			tail = tail[room:]
		}
	}
	for len(tail) > 0 {
		n := min(maxChunk, len(tail))
		if err := b.Put(indexKey(archive, tail[0]), appendDistances(nil, tail[0], tail[1:n])); err != nil {
			return err
		}
		tail = tail[n:]
	}
	return nil
}

func appendDistances(b []byte, last uint64, seqs []uint64) []byte {
	for _, seq := range seqs {
		b = binary.AppendUvarint(b, seq-last)
		last = seq
	}
	return b
}

// decodeChunk appends the chunk's numbers, of which there is at least one.
func decodeChunk(seqs []uint64, archive string, k, v []byte) ([]uint64, error) {
	seq := binary.BigEndian.Uint64(k[len(k)-8:])
	seqs = append(seqs, seq)
	for len(v) > 0 {
		d, n := binary.Uvarint(v)
		if n <= 0 || d == 0 || seq+d < seq {
			return nil, fmt.Errorf("%w: index of archive %.64q after record %d", ErrDamaged, archive, seq)
		}
		seq += d
		seqs = append(seqs, seq)
		v = v[n:]
	}
	return seqs, nil
}

func indexKey(archive string, seq uint64) []byte {
	k := make([]byte, 0, len(archive)+9)
	return binary.BigEndian.AppendUint64(append(append(k, archive...), 0), seq)
}

// ofArchive tells whether k is a key of that archive's chunks.
func ofArchive(k []byte, archive string) bool {
	n := len(archive)
	return len(k) == n+9 && string(k[:n]) == archive && k[n] == 0
}

// chunkUpTo moves to the archive's last chunk that starts at seq or before; nil where there is none.
func chunkUpTo(c *bolt.Cursor, archive string, seq uint64) (k, v []byte) {
	want := indexKey(archive, seq)
	k, v = c.Seek(want)
	switch {
	case k == nil:
		k, v = c.Last()
	case !bytes.Equal(k, want):
		k, v = c.Prev()
	}
	if !ofArchive(k, archive) {
		return nil, nil
	}
	return k, v
}

// lastIndexed returns the archive's last number in the bucket, 0 where there is none.
func lastIndexed(c *bolt.Cursor, archive string) (uint64, error) {
	k, v := chunkUpTo(c, archive, math.MaxUint64)
	if k == nil {
		return 0, nil
	}
	seqs, err := decodeChunk(nil, archive, k, v)
	if err != nil {
		return 0, err
	}
	return seqs[len(seqs)-1], nil
}
