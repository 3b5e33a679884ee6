// Package store keeps the log and the rows of a desk in one bbolt file. It
// knows no XMPP and no desk: kinds, numbers and content are the caller's.
//
// One goroutine appends; any may read. A record is durable when Append returns.
//
// Reads copy what they return and hold the file's read transaction only while they
// copy: a reader never holds up the appender for longer than that, and what the
// callbacks of Replay and Rows do is not bounded by it.
package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
)

// Side is the domain whose words a record holds.
type Side uint8

const (
	Customers Side = 1
	Agents    Side = 2
)

// Record is one entry of the log.
type Record struct {
	Seq     uint64    // set by Append: consecutive from 1
	Time    time.Time // of the decision, nanoseconds, UTC; years 1678 to 2261
	Side    Side
	Archive string // which archive it belongs to ("17", "lobby"); "" is none. No NUL, at most MaxKey bytes
	Kind    uint16 // the caller's
	Numbers []byte // the caller's; what replay needs; at most MaxValue bytes. Empty comes back as nil
	Content []byte // words, kept apart; nil where there are none; at most MaxValue bytes. Replay leaves it out
	Erased  bool   // content was there and has been replaced by a tombstone; Replay and Append leave it out
}

// Row is a value outside the log that is put in the same transaction: sessions,
// threads, keys, cursors. A nil Value deletes; an empty one is kept. Of two rows with the same
// key in a batch the later one counts. Table and Key together have at most MaxKey bytes, Value
// at most MaxValue; Table is not empty and has no NUL.
type Row struct {
	Table, Key string
	Value      []byte
}

// Batch is what one commit holds.
type Batch struct {
	Records []Record
	Rows    []Row
}

// Query asks for a page of an archive. Bounds are exclusive; zero is none.
type Query struct {
	After, Before uint64
	Limit         int  // 1 to MaxPage
	Last          bool // the newest Limit of the range instead of the oldest
}

const (
	MaxPage      = 1000    // bounds Query.Limit
	MaxPageBytes = 8 << 20 // bounds the content and numbers of a page: it ends early rather than exceed this by more than one record
	MaxKey       = 8 << 10 // bytes of Record.Archive, and of Row.Table and Row.Key together
	MaxValue     = 1 << 20 // bytes of Record.Numbers, Record.Content and Row.Value
	MaxSnapshot  = 1 << 30 // bytes
)

var (
	ErrConflict = errors.New("store: expected sequence number is not the next one")
	ErrLocked   = errors.New("store: another process has the file")
	ErrVersion  = errors.New("store: the file has another format version")
	ErrForeign  = errors.New("store: not a frontdesk file")
	ErrDamaged  = errors.New("store: the file is damaged")
)

// The buckets. Log and content have an 8-byte big-endian sequence number as key, rows
// table NUL key, index archive NUL 8-byte number of the chunk's first record. What is in a row stands in row.go.
const (
	metaBucket     = "meta"
	logBucket      = "log"
	contentBucket  = "content"
	rowBucket      = "rows-2"
	oldRowBucket   = "rows" // of format 1: without sums
	indexBucket    = "index"
	snapshotBucket = "snapshot"
)

// A value in the content bucket starts with one of these.
const (
	plainContent  = 0
	erasedContent = 1
)

// Reads that may be long are cut into transactions of this size.
const (
	readRecords = 1024
	readBytes   = 1 << 20
)

// keepBuffer is how many bytes of encoding space outlive an Append.
const keepBuffer = 4 << 20

// Store is an open file.
type Store struct {
	db     *bolt.DB
	file   *os.File      // that db has
	next   atomic.Uint64 // everything before it is durable
	broken atomic.Pointer[error]
	stuck  atomic.Bool // bbolt panicked in a write: its lock may be held for ever
	index  index
	buf    []byte // encoded values of one batch; the appender's

	// Scrub has both for itself in each of its steps. Backups are long and would hold up readers, who wait for who waits.
	backups, readers sync.RWMutex

	commits, records, bytes atomic.Uint64
}

// Close waits for readers and closes the file. Closing again does nothing. Nothing may be
// called after it.
func (s *Store) Close() error {
	if s.stuck.Load() {
		return *s.broken.Load()
	}
	return s.db.Close()
}

// Next returns the sequence number that the next record will get.
func (s *Store) Next() uint64 { return s.next.Load() }

// Append commits the batch with one fsync of its pages and one of bbolt's page that makes
// them valid, setting the Seq of its records in place. expect is the caller's idea of Next;
// ErrConflict when it is wrong. The batch is in the file as a whole or not at all. After an
// error the caller must stop: the state in memory has gone ahead of the
// disk, and where the disk itself failed only the next Open can tell whether the batch
// is there. Every later Append then returns the same error. An empty batch commits nothing.
func (s *Store) Append(expect uint64, b Batch) error {
	next := s.next.Load()
	if expect != next {
		return fmt.Errorf("%w: expected %d, next is %d", ErrConflict, expect, next)
	}
	if err := b.check(); err != nil {
		return fmt.Errorf("store: append: %w", err)
	}
	if len(b.Records) == 0 && len(b.Rows) == 0 {
		return nil
	}
	for i := range b.Records {
		b.Records[i].Seq = next + uint64(i)
	}
	after := next + uint64(len(b.Records))
	flush := s.index.add(b.Records, after)
	size := 0
	err := s.update(func(tx *bolt.Tx) error {
		size = 0
		if err := s.putRecords(tx, b.Records, &size); err != nil {
			return err
		}
		if err := putRows(tx.Bucket([]byte(rowBucket)), b.Rows, &size); err != nil {
			return err
		}
		return s.index.put(tx, flush)
	})
	if err != nil {
		return fmt.Errorf("store: append: %w", err)
	}
	s.next.Store(after)
	s.index.flushed(flush)
	s.commits.Add(1)
	s.records.Add(uint64(len(b.Records)))
	s.bytes.Add(uint64(size))
	return nil
}

// check tells whether the batch keeps to the bounds.
func (b Batch) check() error {
	for i := range b.Records {
		if err := b.Records[i].check(); err != nil {
			return fmt.Errorf("record %d of the batch: %w", i, err)
		}
	}
	for _, r := range b.Rows {
		switch {
		case r.Table == "" || strings.IndexByte(r.Table, 0) >= 0:
			return fmt.Errorf("table %q is empty or has a NUL", r.Table)
		case len(r.Table)+len(r.Key) > MaxKey:
			return fmt.Errorf("key of %d bytes in table %q", len(r.Key), r.Table)
		case len(r.Value) > MaxValue:
			return fmt.Errorf("row %q in table %q has %d bytes", r.Key, r.Table, len(r.Value))
		}
	}
	return nil
}

// putRecords writes the log and the content of a batch. bbolt keeps the values only until the
// commit, so that they share one buffer, which must not move while it is filled.
func (s *Store) putRecords(tx *bolt.Tx, records []Record, size *int) error {
	if len(records) == 0 {
		return nil
	}
	need := 0
	for i := range records {
		need += records[i].maxSize() + 1 + len(records[i].Content)
	}
	if cap(s.buf) < need || cap(s.buf) > max(need, keepBuffer) {
		s.buf = make([]byte, 0, need)
	}
	buf := s.buf[:0]
	log, content := tx.Bucket([]byte(logBucket)), tx.Bucket([]byte(contentBucket))
	log.FillPercent, content.FillPercent = 1, 1 // keys only grow: full pages are never split again
	var key [8]byte
	for i := range records {
		r := &records[i]
		binary.BigEndian.PutUint64(key[:], r.Seq)
		start := len(buf)
		buf = r.appendHeader(buf)
		if err := log.Put(key[:], buf[start:len(buf):len(buf)]); err != nil {
			return err
		}
		if r.Content == nil {
			continue
		}
		start = len(buf)
		buf = append(append(buf, plainContent), r.Content...)
		if err := content.Put(key[:], buf[start:len(buf):len(buf)]); err != nil {
			return err
		}
	}
	*size += len(buf)
	return nil
}

// Replay calls fn for every record from seq on, in order, without content, up to the last one
// that was durable when it was called. fn's error ends it. fn keeps what it is given and may
// call the store.
func (s *Store) Replay(from uint64, fn func(Record) error) error {
	from = max(from, 1)
	for end := s.next.Load(); from < end; {
		records, err := s.read(from, min(end, from+readRecords), readBytes, false)
		if err != nil {
			return err
		}
		for i := range records {
			if err := fn(records[i]); err != nil {
				return err
			}
		}
		from += uint64(len(records))
	}
	return nil
}

// Scan is Replay with content, for what is sent again after a lost link; at most limit records.
// Fewer are the last ones. What it returns is in memory at once: limit is the bound.
func (s *Store) Scan(from uint64, limit int) ([]Record, error) {
	from, end := max(from, 1), s.next.Load()
	if limit < 1 || from >= end {
		return nil, nil
	}
	if uint64(limit) < end-from {
		end = from + uint64(limit)
	}
	return s.read(from, end, math.MaxInt, true)
}

// read returns the records from ≤ Seq < end, but ends once they have size bytes. At least one.
func (s *Store) read(from, end uint64, size int, content bool) ([]Record, error) {
	records := make([]Record, 0, min(end-from, readRecords))
	err := s.view(func(tx *bolt.Tx) error {
		c := tx.Bucket([]byte(logBucket)).Cursor()
		k, v := c.Seek(seqKey(from))
		for seq := from; seq < end && size > 0; seq++ {
			if len(k) != 8 || binary.BigEndian.Uint64(k) != seq {
				return fmt.Errorf("%w: record %d is missing", ErrDamaged, seq)
			}
			r, err := decodeRecord(tx, seq, v, content)
			if err != nil {
				return err
			}
			records = append(records, r)
			size -= len(v) + len(r.Content)
			k, v = c.Next()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return records, nil
}

// decodeRecord reads a value of the log bucket, and its content if that is asked for.
func decodeRecord(tx *bolt.Tx, seq uint64, value []byte, content bool) (Record, error) {
	r, h, err := decodeHeader(seq, value)
	if err != nil {
		return Record{}, fmt.Errorf("%w: record %d: %w", ErrDamaged, seq, err)
	}
	if h.has && content {
		if r.Content, r.Erased, err = readContent(tx, seq, h); err != nil {
			return Record{}, err
		}
	}
	return r, nil
}

// readContent returns a copy of a content that the log says is there, if it fits to its sum.
func readContent(tx *bolt.Tx, seq uint64, h header) (content []byte, erased bool, err error) {
	v := tx.Bucket([]byte(contentBucket)).Get(seqKey(seq))
	switch {
	case len(v) == 0:
		return nil, false, fmt.Errorf("%w: content of record %d is missing", ErrDamaged, seq)
	case v[0] == plainContent:
		if h.summed && sum(seq, v[1:]) != h.words {
			return nil, false, fmt.Errorf("%w: content of record %d: %w", ErrDamaged, seq, errSum)
		}
		return append(make([]byte, 0, len(v)-1), v[1:]...), false, nil
	case v[0] == erasedContent && len(v) == 1 && h.words == 0:
		return nil, true, nil
	}
	return nil, false, fmt.Errorf("%w: content of record %d has unknown form %d", ErrDamaged, seq, v[0])
}

// Page returns records of one archive, oldest first, with content; more tells whether the
// range holds others beyond the page. The work is bounded by the limit, however long the archive is.
func (s *Store) Page(archive string, q Query) (page []Record, more bool, err error) {
	if q.Limit < 1 || q.Limit > MaxPage {
		return nil, false, fmt.Errorf("store: page limit %d is not 1 to %d", q.Limit, MaxPage)
	}
	// The order matters: what is before next and no longer in the tail is in the index that a
	// transaction begun now sees. Records that are visible but not yet durable are left out.
	next := s.next.Load()
	if q.Before == 0 || q.Before > next {
		q.Before = next
	}
	tail := s.index.tail(archive)
	if archive == "" || len(archive) > MaxKey || q.Before <= 1 || q.After >= q.Before-1 {
		return nil, false, nil
	}
	err = s.view(func(tx *bolt.Tx) error {
		page, more, err = readPage(tx, archive, tail, q)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	return page, more, nil
}

// Content returns the record's content, and false where there is none or it was erased.
func (s *Store) Content(seq uint64) (content []byte, ok bool, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		v := tx.Bucket([]byte(logBucket)).Get(seqKey(seq))
		if v == nil {
			return nil
		}
		r, err := decodeRecord(tx, seq, v, true)
		content, ok = r.Content, r.Content != nil
		return err
	})
	if err != nil {
		return nil, false, err
	}
	return content, ok, nil
}

// Erase replaces the content of these records by tombstones, in one commit; those that
// have none stay as they are. n is how many had some. Any goroutine may call it, but an Append waits while it is
// written: a few hundred at a time. The old words stay on pages that the file has freed until something
// else is written there, or Scrub.
func (s *Store) Erase(seqs []uint64) (n int, err error) {
	err = s.update(func(tx *bolt.Tx) error {
		for _, seq := range seqs {
			erased, err := erase(tx, seq)
			if err != nil {
				return err
			}
			if erased {
				n++
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("store: erase: %w", err)
	}
	return n, nil
}

// erase replaces the content of a record, and takes its sum from the log.
func erase(tx *bolt.Tx, seq uint64) (bool, error) {
	key, content, log := seqKey(seq), tx.Bucket([]byte(contentBucket)), tx.Bucket([]byte(logBucket))
	if v := content.Get(key); v == nil || len(v) == 1 && v[0] == erasedContent {
		return false, nil
	}
	v := log.Get(key)
	if v == nil {
		return false, fmt.Errorf("%w: record %d is missing", ErrDamaged, seq)
	}
	r, h, err := decodeHeader(seq, v)
	if err != nil {
		return false, fmt.Errorf("%w: record %d: %w", ErrDamaged, seq, err)
	}
	if h.summed {
		r.Erased = true
		if err := log.Put(key, append(r.appendHeader(nil), v[h.size:]...)); err != nil {
			return false, err
		}
	}
	return true, content.Put(key, []byte{erasedContent})
}

// Stats are counters since Open.
type Stats struct {
	Commits, Records uint64 // of Append
	Bytes            uint64 // that Append was given: records as they are kept, and rows
	FileSize         int64  // bytes in use, not what the file system has set aside ahead of them
}

// Stats is cheap; zero after Close.
func (s *Store) Stats() Stats {
	st := Stats{Commits: s.commits.Load(), Records: s.records.Load(), Bytes: s.bytes.Load()}
	if tx, err := s.db.Begin(false); err == nil {
		st.FileSize = tx.Size()
		_ = tx.Rollback() // of a read: cannot fail
	}
	return st
}

// update commits what fn puts. Any error ends all writing: bbolt's and our own idea of
// the file may then be ahead of the disk.
func (s *Store) update(fn func(*bolt.Tx) error) error {
	if failed := s.broken.Load(); failed != nil {
		return *failed
	}
	err, panicked := guarded(func() error { return s.db.Update(fn) })
	if err != nil {
		s.broken.CompareAndSwap(nil, &err)
		s.stuck.CompareAndSwap(false, panicked)
	}
	return err
}

func (s *Store) view(fn func(*bolt.Tx) error) error {
	s.readers.RLock()
	defer s.readers.RUnlock()
	err, _ := guarded(func() error { return s.db.View(fn) })
	return err
}

// guarded turns a panic of bbolt, which it raises on pages that make no sense, and a fault in
// the mapped file, into ErrDamaged. No code of a caller runs inside.
func guarded(fn func() error) (err error, panicked bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err, panicked = fmt.Errorf("%w: %v", ErrDamaged, r), true
		}
	}()
	return fn(), false
}

func seqKey(seq uint64) []byte { return binary.BigEndian.AppendUint64(make([]byte, 0, 8), seq) }
