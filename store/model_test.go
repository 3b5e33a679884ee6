package store

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"
)

// model is what the store should be: everything in memory, searched from end to end.
type model struct {
	log  []Record
	rows map[string][]byte // of table "t"
	snap uint64
	data []byte
}

// TestModel does the same at random to a store and to a model of it, and compares.
func TestModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			x := exercise{
				T: t, path: filepath.Join(t.TempDir(), "desk.db"), rng: rand.New(rand.NewPCG(seed, 0)),
				model: model{rows: map[string][]byte{}},
			}
			x.open()
			for range 500 {
				x.step()
			}
			x.compare()
			if err := x.s.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

type exercise struct {
	*testing.T
	path  string
	rng   *rand.Rand
	s     *Store
	model model
}

func (x *exercise) open() {
	s, err := Open(x.path)
	if err != nil {
		x.Fatal(err)
	}
	s.db.NoSync = true                           // other tests look at what a crash leaves
	s.index.every = uint64(50 + x.rng.IntN(400)) // sweeps come often
	x.s = s
}

func (x *exercise) step() {
	switch n := x.rng.IntN(100); {
	case n < 50:
		x.append()
	case n < 90:
		x.page()
	case n < 92:
		x.erase()
	case n < 94:
		x.snapshot()
	case n < 97:
		if err := x.s.Close(); err != nil {
			x.Fatal(err)
		}
		x.open()
	default:
		x.compare()
	}
}

// archive draws one: few have most of the records, many have few.
func (x *exercise) archive() string {
	switch x.rng.IntN(4) {
	case 0:
		return "lobby"
	case 1:
		return strconv.Itoa(x.rng.IntN(5)) // "1" and "17" have a common start
	case 2:
		return strconv.Itoa(x.rng.IntN(300))
	}
	return []string{"", "\xff", "\xff\xff"}[x.rng.IntN(3)]
}

func (x *exercise) append() {
	var b Batch
	size := x.rng.IntN(12)
	if x.rng.IntN(20) == 0 {
		size = 300
	}
	for range size {
		r := Record{
			Time: time.Unix(x.rng.Int64N(9_000_000_000), x.rng.Int64N(1e9)).UTC(), Side: Side(x.rng.IntN(2) + 1), Archive: x.archive(), Kind: uint16(x.rng.Uint32()),
		}
		if x.rng.IntN(3) > 0 {
			r.Numbers = bytes.Repeat([]byte{'n'}, 1+x.rng.IntN(50))
		}
		if x.rng.IntN(3) > 0 {
			r.Content = bytes.Repeat([]byte{byte(x.rng.Uint32())}, x.rng.IntN(900))
		}
		b.Records = append(b.Records, r)
	}
	for range x.rng.IntN(4) {
		row := Row{Table: "t", Key: strconv.Itoa(x.rng.IntN(2000))}
		if x.rng.IntN(4) > 0 {
			row.Value = bytes.Repeat([]byte{'v'}, x.rng.IntN(20))
			x.model.rows[row.Key] = row.Value
		} else {
			delete(x.model.rows, row.Key)
		}
		b.Rows = append(b.Rows, row, Row{Table: "t!", Key: row.Key, Value: []byte("another table")})
	}
	if err := x.s.Append(uint64(len(x.model.log)+1), b); err != nil {
		x.Fatal(err)
	}
	x.model.log = append(x.model.log, b.Records...)
}

func (x *exercise) erase() {
	var seqs []uint64
	for range x.rng.IntN(5) {
		if len(x.model.log) == 0 {
			return
		}
		r := &x.model.log[x.rng.IntN(len(x.model.log))]
		seqs = append(seqs, r.Seq)
		if r.Content != nil {
			r.Content, r.Erased = nil, true
		}
	}
	if _, err := x.s.Erase(seqs); err != nil {
		x.Fatal(err)
	}
}

func (x *exercise) snapshot() {
	if len(x.model.log) == 0 {
		return
	}
	x.model.snap = 1 + x.rng.Uint64N(uint64(len(x.model.log)))
	x.model.data = bytes.Repeat([]byte{byte(x.rng.Uint32())}, x.rng.IntN(3*snapshotPiece))
	if err := x.s.Snapshot(x.model.snap, x.model.data); err != nil {
		x.Fatal(err)
	}
}

func (x *exercise) page() {
	archive := x.archive()
	q := Query{Limit: 1 + x.rng.IntN(80), Last: x.rng.IntN(2) == 0}
	if x.rng.IntN(2) == 0 {
		q.After = x.rng.Uint64N(uint64(len(x.model.log) + 3))
	}
	if x.rng.IntN(2) == 0 {
		q.Before = x.rng.Uint64N(uint64(len(x.model.log) + 3))
	}
	if x.rng.IntN(50) == 0 {
		q.After = 1<<64 - 1
	}
	page, more, err := x.s.Page(archive, q)
	want, wantMore := x.model.page(archive, q)
	if err != nil || more != wantMore || !sameRecords(page, want) {
		x.Fatalf("page of %q, %+v: %v, %v, want %v\n got %s\nwant %s", archive, q, err, more, wantMore, numbers(page), numbers(want))
	}
}

func (m *model) page(archive string, q Query) (page []Record, more bool) {
	for _, r := range m.log {
		if archive != "" && r.Archive == archive && r.Seq > q.After && (q.Before == 0 || r.Seq < q.Before) {
			page = append(page, r)
		}
	}
	switch {
	case len(page) <= q.Limit:
		return page, false
	case q.Last:
		return page[len(page)-q.Limit:], true
	}
	return page[:q.Limit], true
}

// compare looks at everything.
func (x *exercise) compare() {
	from := x.rng.Uint64N(uint64(len(x.model.log) + 2))
	want := x.model.log[min(max(from, 1)-1, uint64(len(x.model.log))):]
	scan, err := x.s.Scan(from, len(want)+1)
	if err != nil || !sameRecords(scan, want) {
		x.Fatalf("scan from %d: %v, %s", from, err, numbers(scan))
	}
	var replayed []Record
	if err := x.s.Replay(from, func(r Record) error { replayed = append(replayed, r); return nil }); err != nil {
		x.Fatal(err)
	}
	bare := slices.Clone(want)
	for i := range bare {
		bare[i].Content, bare[i].Erased = nil, false
	}
	if !sameRecords(replayed, bare) {
		x.Fatalf("replay from %d: %s", from, numbers(replayed))
	}
	keys := slices.Sorted(maps.Keys(x.model.rows))
	if err := x.s.Rows("t", func(key string, value []byte) error {
		if len(keys) == 0 || key != keys[0] || !bytes.Equal(value, x.model.rows[key]) || value == nil {
			return fmt.Errorf("row %q: %q, want %.20q", key, value, keys)
		}
		keys = keys[1:]
		return nil
	}); err != nil || len(keys) > 0 {
		x.Fatalf("rows: %v, left %q", err, keys)
	}
	key := strconv.Itoa(x.rng.IntN(2000))
	if value, err := x.s.Get("t", key); err != nil || !bytes.Equal(value, x.model.rows[key]) {
		x.Fatalf("row %q: %q, %v", key, value, err)
	}
	if seq, data, err := x.s.LastSnapshot(); err != nil || seq != x.model.snap || !bytes.Equal(data, x.model.data) {
		x.Fatalf("snapshot after %d: %v, want %d", seq, err, x.model.snap)
	}
	for archive := range 5 {
		page, more, err := x.s.Page(strconv.Itoa(archive), Query{Limit: MaxPage})
		want, wantMore := x.model.page(strconv.Itoa(archive), Query{Limit: MaxPage})
		if err != nil || more != wantMore || !sameRecords(page, want) {
			x.Fatalf("all of %d: %v", archive, err)
		}
	}
}

func sameRecords(a, b []Record) bool {
	return len(a) == len(b) && (len(a) == 0 || reflect.DeepEqual(a, b))
}

func numbers(records []Record) string {
	var b []byte
	for _, r := range records {
		b = fmt.Appendf(b, " %d", r.Seq)
	}
	return string(b)
}
