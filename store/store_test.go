package store

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

// openStore opens the file and closes it with the test.
func openStore(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// record is one with everything that a record can have.
func record(archive, content string) Record {
	return Record{
		Time: time.Date(2026, 3, 4, 5, 6, 7, 891, time.UTC), Side: Agents, Archive: archive,
		Kind: 300, Numbers: []byte("n" + content), Content: []byte(content),
	}
}

func mustAppend(t *testing.T, s *Store, b Batch) {
	t.Helper()
	if err := s.Append(s.Next(), b); err != nil {
		t.Fatal(err)
	}
}

// The bytes of a record are in files for ever.
func TestHeaderBytes(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_700_000_000, 5)
	for _, c := range []struct {
		record Record
		bytes  string // flags as they were before there were sums
		sums   string
	}{
		{Record{Seq: 1, Time: at, Side: Customers, Kind: 1}, "0001" + "17979cfe362a0005" + "01" + "00" + "00", "00000000" + "380180ae"},
		{Record{Seq: 300, Time: at, Side: Agents, Archive: "17", Kind: 300, Numbers: []byte("{}"), Content: []byte("x")},
			"0102" + "17979cfe362a0005" + "ac02" + "023137" + "027b7d", "c4c21e9c" + "ad2e52b2"},
		{Record{Seq: 301, Time: at, Side: Agents, Archive: "17", Kind: 300, Numbers: []byte("{}"), Erased: true},
			"0102" + "17979cfe362a0005" + "ac02" + "023137" + "027b7d", "00000000" + "64c7ee76"},
		{Record{Seq: 2, Time: time.Unix(-1, 0), Kind: 65535, Content: []byte{}}, "0100" + "ffffffffc4653600" + "ffff03" + "00" + "00", "00000002" + "902a4e80"},
	} {
		old, err := hex.DecodeString(c.bytes)
		if err != nil {
			t.Fatal(err)
		}
		b := c.record.appendHeader(nil)
		if got, want := hex.EncodeToString(b), hex.EncodeToString([]byte{old[0] | 0x1e})+c.bytes[2:]+c.sums; got != want {
			t.Errorf("%+v: %s, want %s", c.record, got, want)
		}
		if len(b) > c.record.maxSize() {
			t.Errorf("%d bytes, said to be at most %d", len(b), c.record.maxSize())
		}
		for _, value := range [][]byte{old, b} {
			for _, more := range []string{"", "\x00", "what comes later"} {
				r, h, err := decodeHeader(c.record.Seq, append(slices.Clip(value), more...))
				want := c.record
				want.Content, want.Erased, want.Time = nil, false, want.Time.UTC()
				if err != nil || h.has != (c.record.Content != nil || c.record.Erased) || h.summed != (value[0] > 1) || h.size != len(value) || !reflect.DeepEqual(r, want) {
					t.Errorf("%x%q: %+v, %+v, %v", value, more, r, h, err)
				}
			}
			for n := range value {
				if _, _, err := decodeHeader(c.record.Seq, value[:n]); err == nil {
					t.Errorf("%x cut to %d bytes was accepted", value, n)
				}
			}
		}
		if _, _, err := decodeHeader(c.record.Seq+1, b); !errors.Is(err, errSum) {
			t.Errorf("%x is another record's: %v", b, err)
		}
		for bit := range 8 * len(b) {
			wrong := bytes.Clone(b)
			wrong[bit/8] ^= 1 << (bit % 8)
			if _, _, err := decodeHeader(c.record.Seq, wrong); err == nil {
				t.Errorf("%x with bit %d turned was accepted", b, bit)
			}
		}
	}
}

func FuzzHeader(f *testing.F) {
	r := record("17", "hello")
	f.Add(r.appendHeader(nil))
	f.Add([]byte("\x01\x0200000000\x80\x80\x04\x00\x00"))
	f.Add([]byte("\x01\x0200000000\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, _, err := decodeHeader(0, b)
		if err != nil {
			return
		}
		again, _, err := decodeHeader(0, r.appendHeader(nil))
		if err != nil || !reflect.DeepEqual(again, r) {
			t.Fatalf("%x: %+v, again %+v, %v", b, r, again, err)
		}
	})
}

func TestAppend(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "desk.db")
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if s.Next() != 1 {
		t.Fatalf("a new file's next is %d", s.Next())
	}
	b := Batch{
		Records: []Record{record("17", "hello"), record("", "nowhere"), record("17", "")},
		Rows:    []Row{{"session", "anna", []byte("1")}, {"session", "bob", []byte{}}, {"sessions", "x", []byte("y")}},
	}
	b.Records[1].Content = nil
	mustAppend(t, s, b)
	for i, r := range b.Records {
		if r.Seq != uint64(i+1) {
			t.Errorf("record %d got number %d", i, r.Seq)
		}
	}
	for _, expect := range []uint64{0, 1, 3, 5} {
		if err := s.Append(expect, Batch{Records: []Record{record("17", "lost")}}); !errors.Is(err, ErrConflict) {
			t.Errorf("expecting %d: %v", expect, err)
		}
	}
	if err := s.Append(4, Batch{}); err != nil || s.Stats().Commits != 1 {
		t.Errorf("an empty batch: %v, %+v", err, s.Stats())
	}
	mustAppend(t, s, Batch{Rows: []Row{{"session", "anna", nil}, {"session", "carl", []byte("2")}, {"session", "carl", []byte("3")}}})
	if st := s.Stats(); st.Commits != 2 || st.Records != 3 || st.Bytes == 0 || st.FileSize < 6*pageSize {
		t.Errorf("%+v", st)
	}
	for range 2 { // the second time it has been closed and opened
		checkAppended(t, s, b.Records)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = openStore(t, path)
	}
}

// checkAppended looks for what TestAppend put.
func checkAppended(t *testing.T, s *Store, want []Record) {
	t.Helper()
	got, err := s.Scan(0, 10)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("scan: %v, %+v", err, got)
	}
	if got, err := s.Scan(2, 1); err != nil || !reflect.DeepEqual(got, want[1:2]) {
		t.Errorf("scan of one: %v, %+v", err, got)
	}
	if got, err := s.Scan(4, 1); err != nil || len(got) != 0 {
		t.Errorf("scan of none: %v, %+v", err, got)
	}
	for i, has := range []bool{false, true, false, true, false} {
		content, ok, err := s.Content(uint64(i))
		if err != nil || ok != has || has && !bytes.Equal(content, want[i-1].Content) {
			t.Errorf("content of %d: %q, %v, %v", i, content, ok, err)
		}
	}
	var rows []string
	if err := s.Rows("session", func(key string, value []byte) error {
		rows = append(rows, key+"="+string(value))
		return nil
	}); err != nil || !slices.Equal(rows, []string{"bob=", "carl=3"}) {
		t.Errorf("rows: %q, %v", rows, err)
	}
	for key, want := range map[string][]byte{"anna": nil, "bob": {}, "carl": []byte("3"), "": nil} {
		got, err := s.Get("session", key)
		if err != nil || !bytes.Equal(got, want) || (got == nil) != (want == nil) {
			t.Errorf("row %q: %q, %v", key, got, err)
		}
		for i := range got {
			got[i] = 'X' // it is a copy: the map below is not writable
		}
	}
	stop := errors.New("stop")
	if err := s.Replay(1, func(Record) error { return stop }); err != stop {
		t.Errorf("replay's error: %v", err)
	}
	if err := s.Rows("session", func(string, []byte) error { return stop }); err != stop {
		t.Errorf("rows' error: %v", err)
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	s := openStore(t, filepath.Join(t.TempDir(), "desk.db"))
	long := strings.Repeat("x", MaxKey+1)
	with := func(f func(*Record)) Batch {
		r := record("17", "x")
		f(&r)
		return Batch{Records: []Record{r}}
	}
	for name, b := range map[string]Batch{
		"archive":  with(func(r *Record) { r.Archive = long }),
		"NUL":      with(func(r *Record) { r.Archive = "a\x00b" }),
		"numbers":  with(func(r *Record) { r.Numbers = make([]byte, MaxValue+1) }),
		"content":  with(func(r *Record) { r.Content = make([]byte, MaxValue+1) }),
		"time":     with(func(r *Record) { r.Time = time.Time{} }),
		"table":    {Rows: []Row{{"", "k", nil}}},
		"tableNUL": {Rows: []Row{{"a\x00", "k", nil}}},
		"key":      {Rows: []Row{{"t", long, nil}}},
		"value":    {Rows: []Row{{"t", "k", make([]byte, MaxValue+1)}}},
	} {
		if err := s.Append(1, b); err == nil || s.Next() != 1 {
			t.Errorf("%s: %v, next %d", name, err, s.Next())
		}
	}
	mustAppend(t, s, Batch{
		Records: []Record{{
			Time: time.Unix(0, 0), Archive: long[:MaxKey], Numbers: make([]byte, MaxValue), Content: make([]byte, MaxValue),
		}},
		Rows: []Row{{"t", long[:MaxKey-1], make([]byte, MaxValue)}},
	})
	page, more, err := s.Page(long[:MaxKey], Query{Limit: 1})
	if err != nil || more || len(page) != 1 || len(page[0].Content) != MaxValue || len(page[0].Numbers) != MaxValue {
		t.Errorf("the largest record: %d, %v, %v", len(page), more, err)
	}
	for _, limit := range []int{-1, 0, MaxPage + 1} {
		if _, _, err := s.Page("17", Query{Limit: limit}); err == nil {
			t.Errorf("a page of %d", limit)
		}
	}
	mustAppend(t, s, Batch{Records: slices.Repeat([]Record{{Time: time.Unix(0, 0), Archive: "b", Content: make([]byte, MaxValue)}}, 12)})
	for _, last := range []bool{false, true} {
		page, more, err := s.Page("b", Query{Limit: 12, Last: last})
		if want := MaxPageBytes/MaxValue + 1; err != nil || !more || len(page) != want || last != (page[want-1].Seq == 13) {
			t.Errorf("a page of large records: %d, %v, %v", len(page), more, err)
		}
	}
}

// A batch is in the file as a whole or not at all, and after an error nothing is written any more.
func TestFailedAppend(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "desk.db")
	s := openStore(t, path)
	mustAppend(t, s, Batch{Records: []Record{record("17", "kept")}, Rows: []Row{{"t", "k", []byte("old")}}})
	s.db.MaxSize = 1 << 20 // no page beyond it: the commit fails half way
	large := Batch{Rows: []Row{{"t", "k", []byte("new")}}}
	for range 4 {
		large.Records = append(large.Records, record("17", strings.Repeat("x", MaxValue)[1:]))
	}
	first := s.Append(2, large)
	if first == nil {
		t.Fatal("there was room")
	}
	if err := s.Append(2, Batch{Records: []Record{record("17", "small")}}); err == nil || err.Error() != first.Error() {
		t.Errorf("the next append: %v, the first: %v", err, first)
	}
	if err := s.Snapshot(1, []byte("x")); err == nil {
		t.Error("a snapshot went through")
	}
	page, more, err := s.Page("17", Query{Limit: 10})
	if err != nil || more || len(page) != 1 || s.Next() != 2 {
		t.Errorf("%+v, %v, %v, next %d", page, more, err, s.Next())
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, path)
	if v, err := s.Get("t", "k"); err != nil || string(v) != "old" || s.Next() != 2 {
		t.Errorf("%q, %v, next %d", v, err, s.Next())
	}
	mustAppend(t, s, large)
}

func TestErase(t *testing.T) {
	t.Parallel()
	s := openStore(t, filepath.Join(t.TempDir(), "desk.db"))
	b := Batch{Records: []Record{record("17", "a"), record("17", "b"), record("17", "c")}}
	b.Records[2].Content = nil
	mustAppend(t, s, b)
	for _, want := range []int{1, 0} {
		if n, err := s.Erase([]uint64{2, 3, 99}); err != nil || n != want {
			t.Fatal(n, err)
		}
	}
	b.Records[1].Content, b.Records[1].Erased = nil, true
	if page, _, err := s.Page("17", Query{Limit: 9}); err != nil || !reflect.DeepEqual(page, b.Records) {
		t.Errorf("%+v, %v", page, err)
	}
	if content, ok, err := s.Content(2); content != nil || ok || err != nil {
		t.Errorf("%q, %v, %v", content, ok, err)
	}
	mustAppend(t, s, Batch{Records: []Record{record("17", "d")}})
	if content, ok, err := s.Content(4); string(content) != "d" || !ok || err != nil {
		t.Errorf("%q, %v, %v", content, ok, err)
	}
}

func TestSnapshot(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "desk.db")
	s := openStore(t, path)
	if seq, data, err := s.LastSnapshot(); seq != 0 || data != nil || err != nil {
		t.Errorf("none: %d, %q, %v", seq, data, err)
	}
	mustAppend(t, s, Batch{Records: []Record{record("17", "a"), record("17", "b")}})
	for _, seq := range []uint64{0, 3} {
		if err := s.Snapshot(seq, nil); err == nil {
			t.Errorf("a snapshot after record %d, which there is not", seq)
		}
	}
	for i, size := range []int{1, 3_000_000, snapshotPiece, 2*snapshotPiece + 1, 0} {
		want := bytes.Repeat([]byte{byte(i + 1)}, size)
		if err := s.Snapshot(2, want); err != nil {
			t.Fatal(err)
		}
		if i%2 == 1 {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = openStore(t, path)
		}
		seq, data, err := s.LastSnapshot()
		if err != nil || seq != 2 || !bytes.Equal(data, want) {
			t.Errorf("%d bytes: %d, %d bytes, %v", size, seq, len(data), err)
		}
	}
	if err := s.db.Update(func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte(snapshotBucket))
		return errors.Join(b.Put(pieceKey(0), append(binaryHead(2, 3), 0, 0, 0, 0)), b.Put(pieceKey(1), []byte("abc")))
	}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.LastSnapshot(); !errors.Is(err, ErrDamaged) {
		t.Errorf("a wrong checksum: %v", err)
	}
}

// binaryHead is the start of a snapshot's head.
func binaryHead(seq, size uint64) []byte { return append(seqKey(seq), seqKey(size)...) }

// Many archives of few records: neither the memory of the tails nor what Open reads again grows with the log.
func TestTailsAreBounded(t *testing.T) {
	t.Parallel()
	const every, batch, total = 500, 50, 20_000
	path := filepath.Join(t.TempDir(), "desk.db")
	s := openStore(t, path)
	s.db.NoSync, s.index.every = true, every
	b := Batch{Records: make([]Record, batch)}
	most, far := 0, uint64(0)
	for s.Next() <= total {
		for i := range b.Records {
			n := s.Next() + uint64(i)
			b.Records[i] = Record{Time: time.Unix(1, 0), Archive: strconv.FormatUint(n*7919%1511, 10), Kind: 1}
		}
		mustAppend(t, s, b)
		records := 0
		for _, tail := range s.index.tails {
			records += len(tail)
		}
		most, far = max(most, records), max(far, s.Next()-s.index.floor)
	}
	if most > every*3/2+2*batch || far > every*5/2+2*batch || most < every/2 {
		t.Errorf("%d records in tails, floor %d behind", most, far)
	}
	keys, chunks := 0, map[string]int{}
	if err := s.view(func(tx *bolt.Tx) error {
		return tx.Bucket([]byte(indexBucket)).ForEach(func(k, v []byte) error {
			keys++
			chunks[string(k[:len(k)-9])]++
			return nil
		})
	}); err != nil {
		t.Fatal(err)
	}
	if len(chunks) != 1511 || keys != 1511 {
		t.Errorf("%d chunks of %d archives with some 13 records each", keys, len(chunks))
	}
}

// Readers page, scan and get while batches are appended, flushed and swept; what they see of an
// archive never has a hole and never goes back.
func TestReadersBesideTheAppender(t *testing.T) {
	t.Parallel()
	s := openStore(t, filepath.Join(t.TempDir(), "desk.db"))
	s.db.NoSync, s.index.every = true, 100
	const batches = 300
	failed := make(chan error, 2)
	stop := make(chan struct{})
	mustAppend(t, s, Batch{Records: []Record{{Time: time.Unix(1, 0), Archive: "a", Kind: 1}}})
	for i := range cap(failed) {
		go func() { failed <- follow(s, i%2 == 0, stop) }()
	}
	for n := range batches {
		b := Batch{Rows: []Row{{"t", "k", []byte(strconv.Itoa(n))}}}
		for i := range 7 {
			b.Records = append(b.Records, Record{Time: time.Unix(1, 0), Archive: []string{"a", "b" + strconv.Itoa(n*i%31)}[i%2], Kind: 1})
		}
		mustAppend(t, s, b)
	}
	close(stop)
	for range cap(failed) {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
	// Of every seven records the four of even place are a's.
	page, more, err := s.Page("a", Query{Limit: 1000, After: 1})
	if err != nil || !more || len(page) != 1000 || page[999].Seq != 2+249*7+6 {
		t.Errorf("%d, %v, %v", len(page), more, err)
	}
}

// follow reads archive "a" of TestReadersBesideTheAppender until it is stopped, and once more.
func follow(s *Store, last bool, stop <-chan struct{}) error {
	newest := uint64(0)
	for ended := false; !ended; {
		select {
		case <-stop:
			ended = true
		default:
		}
		q := Query{Limit: 200, Last: last}
		if !last && newest > 100 {
			q.After = newest - 100
		}
		floor := s.Next()
		page, _, err := s.Page("a", q)
		if err != nil {
			return err
		}
		for i, r := range page {
			if i > 0 && r.Seq-page[i-1].Seq > 2 {
				return fmt.Errorf("a hole between %d and %d", page[i-1].Seq, r.Seq)
			}
		}
		if end := page[len(page)-1].Seq; last && end+2 < floor || end < newest {
			return fmt.Errorf("the page ends at %d; next was %d and %d has been seen", end, floor, newest)
		}
		newest = page[len(page)-1].Seq
		if _, err := s.Get("t", "k"); err != nil {
			return err
		}
		if scan, err := s.Scan(newest, 5); err != nil || len(scan) == 0 || scan[0].Seq != newest {
			return fmt.Errorf("scan from %d: %+v, %w", newest, scan, err)
		}
		if st := s.Stats(); st.FileSize == 0 {
			return errors.New("no size")
		}
	}
	return nil
}

// A reader took the tail, then the appender put it into the bucket, then the reader's
// transaction began: every record is in the page once.
func TestTailPutMeanwhile(t *testing.T) {
	t.Parallel()
	s := openStore(t, filepath.Join(t.TempDir(), "desk.db"))
	several := func(n int) Batch { return Batch{Records: slices.Repeat([]Record{record("17", "x")}, n)} }
	mustAppend(t, s, several(fullTail-2))
	tail := s.index.tail("17")
	if len(tail) != fullTail-2 {
		t.Fatalf("a tail of %d", len(tail))
	}
	mustAppend(t, s, several(6))
	if left := s.index.tail("17"); len(left) != 0 {
		t.Fatalf("the tail was not put: %d", len(left))
	}
	for _, last := range []bool{false, true} {
		for _, before := range []uint64{s.Next(), fullTail - 1, 10} {
			err := s.view(func(tx *bolt.Tx) error {
				page, more, err := readPage(tx, "17", tail, Query{Before: before, Limit: MaxPage, Last: last})
				if err != nil || more || uint64(len(page)) != before-1 {
					return fmt.Errorf("%d records, %v, %w", len(page), more, err)
				}
				for i, r := range page {
					if r.Seq != uint64(i+1) {
						return fmt.Errorf("record %d is in place %d", r.Seq, i)
					}
				}
				return nil
			})
			if err != nil {
				t.Errorf("last %v, before %d: %v", last, before, err)
			}
		}
	}
}

// FuzzChunk: a chunk of the index is read or refused, and what was read is written as it was.
func FuzzChunk(f *testing.F) {
	f.Add(uint64(1), appendDistances(nil, 1, []uint64{2, 5, 1000, 1 << 40}))
	f.Add(uint64(1<<63), []byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01"))
	f.Add(uint64(0), []byte{0x80})
	f.Fuzz(func(t *testing.T, first uint64, v []byte) {
		seqs, err := decodeChunk(nil, "17", indexKey("17", first), v)
		if err != nil {
			return
		}
		if seqs[0] != first || !slices.IsSorted(seqs) || len(seqs) > len(v)+1 {
			t.Fatalf("%x after %d: %d", v, first, seqs)
		}
		again, err := decodeChunk(nil, "17", indexKey("17", first), appendDistances(nil, first, seqs[1:]))
		if err != nil || !slices.Equal(again, seqs) {
			t.Fatalf("%x after %d: %d, again %d, %v", v, first, seqs, again, err)
		}
	})
}
