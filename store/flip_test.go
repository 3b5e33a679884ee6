//go:build !race

// The race detector loses count of calls that end in a fault of memory, of which there are many here, and then reports races that
// there are none of.

package store

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"testing"
)

// TestFlippedBits turns bits of a file at random, one to eight in each of some hundred files. A file is refused, or what is read of it is what was
// written: no record is ever another one's, or has other words. And one that Verify says is whole has all of them.
func TestFlippedBits(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "desk.db")
	whole, want := flippable(t, path)
	const rounds = 300
	rng := rand.New(rand.NewPCG(1, 20))
	var refused, unverified, served int
	for round := range rounds {
		content := bytes.Clone(whole)
		var bits []int
		for range 1 + round%8 {
			bits = append(bits, rng.IntN(8*len(content)))
			content[bits[len(bits)-1]/8] ^= 1 << (bits[len(bits)-1] % 8)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		_, verified := Verify(path)
		if verified != nil {
			unverified++
		}
		s, err := Open(path)
		if err != nil {
			refused++
			continue
		}
		n, err := readFlipped(s, want)
		served += n
		if err != nil {
			t.Errorf("round %d, bits %v: %v", round, bits, err)
		}
		if verified == nil && n != readings(want) {
			t.Errorf("round %d, bits %v: verified, and %d of %d were read", round, bits, n, readings(want))
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d files: %d not opened, %d not verified, %d records and rows read", rounds, refused, unverified, served)
	if unverified < rounds/2 {
		t.Errorf("of %d damaged files only %d were found", rounds, unverified)
	}
}

const flipArchives = 5

// flippable makes a file that is mostly messages, and returns its bytes in use and its records.
func flippable(t *testing.T, path string) (whole []byte, want []Record) {
	t.Helper()
	s := openStore(t, path)
	s.db.NoSync, s.index.every = true, 100
	for i := range 20 {
		var b Batch
		for j := range 20 {
			r := record(strconv.Itoa((i+j)%flipArchives), fmt.Sprintf("message %d of batch %d, which nobody else wrote", j, i))
			if j%7 == 0 {
				r.Content = bytes.Repeat([]byte{byte('a' + i)}, 100*i) // none, and some of several pages
			}
			b.Records = append(b.Records, r)
		}
		mustAppend(t, s, b)
	}
	if _, err := s.Erase([]uint64{7, 77, 177}); err != nil {
		t.Fatal(err)
	}
	want, err := s.Scan(1, 1000)
	if err != nil || len(want) != 400 || !want[6].Erased {
		t.Fatal(len(want), err)
	}
	var rows []Row
	for i := range flipRows {
		rows = append(rows, Row{"flips", flipKey(i), flipValue(i)})
	}
	mustAppend(t, s, Batch{Rows: rows})
	for range 2 { // both of bbolt's first pages know all of it: it takes the older one where the newer is damaged
		mustAppend(t, s, Batch{Rows: []Row{{"t", "k", []byte("v")}}})
	}
	size := s.Stats().FileSize
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content[:size], want
}

// readings is how many records and rows readFlipped reads where nothing is missing.
func readings(want []Record) int { return 4*len(want) + 2*flipRows }

const flipRows = 300

func flipKey(i int) string { return fmt.Sprintf("row %03d", i) }

func flipValue(i int) []byte {
	return fmt.Appendf(nil, `{"customer":%d,"is":"customer-%d@customers.example"}`, i, i*i)
}

// readFlipped reads everything in all ways, and reports how many records and rows it was given. The error says what was not as it
// was written.
func readFlipped(s *Store, want []Record) (n int, err error) {
	check := func(got Record, how string, bare bool) {
		n++
		if got.Seq < 1 || got.Seq > uint64(len(want)) {
			err = errors.Join(err, fmt.Errorf("%s: there is no record %d", how, got.Seq))
			return
		}
		w := want[got.Seq-1]
		if bare {
			w.Content, w.Erased = nil, false
		}
		if !reflect.DeepEqual(got, w) {
			err = errors.Join(err, fmt.Errorf("%s: %+v, was %+v", how, got, w))
		}
	}
	damaged := func(e error) {
		if e != nil && !errors.Is(e, ErrDamaged) {
			err = errors.Join(err, e)
		}
	}
	damaged(s.Replay(1, func(r Record) error { check(r, "replay", true); return nil }))
	for seq := range uint64(len(want)) {
		got, e := s.Scan(seq+1, 1)
		damaged(e)
		for _, r := range got {
			check(r, "scan", false)
		}
		content, ok, e := s.Content(seq + 1)
		damaged(e)
		if w := want[seq]; e == nil && ok {
			n++
			if !bytes.Equal(content, w.Content) || w.Content == nil {
				err = errors.Join(err, fmt.Errorf("content of %d: %q, was %q", seq+1, content, w.Content))
			}
		} else if e == nil && w.Content == nil {
			n++
		}
	}
	row := func(how, key string, value []byte) {
		n++
		var i int
		if _, e := fmt.Sscanf(key, "row %03d", &i); e != nil || key != flipKey(i) || !bytes.Equal(value, flipValue(i)) {
			err = errors.Join(err, fmt.Errorf("%s: row %q is %q", how, key, value))
		}
	}
	damaged(s.Rows("flips", func(key string, value []byte) error { row("rows", key, value); return nil }))
	for i := range flipRows {
		value, e := s.Get("flips", flipKey(i))
		damaged(e)
		if value != nil {
			row("get", flipKey(i), value)
		}
	}
	for a := range flipArchives {
		archive := strconv.Itoa(a)
		for q := (Query{Limit: 37}); ; {
			page, more, e := s.Page(archive, q)
			damaged(e)
			for _, r := range page {
				check(r, "page of "+archive, false)
				if r.Archive != archive {
					err = errors.Join(err, fmt.Errorf("page of %s: record %d of %s", archive, r.Seq, r.Archive))
				}
			}
			if !slices.IsSortedFunc(page, func(a, b Record) int { return int(a.Seq) - int(b.Seq) }) {
				err = errors.Join(err, fmt.Errorf("page of %s: out of order", archive))
			}
			if e != nil || !more || len(page) == 0 {
				break
			}
			q.After = page[len(page)-1].Seq
		}
	}
	return n, err
}
