package store

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"testing"
)

// A process that appends is killed again and again at any moment. What it reported as durable is there,
// once, with the row of the same batch.
func TestKilled(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "desk.db")
	reported := uint64(0)
	for range 8 {
		c := startChild(t, "append", path)
		lines := rand.IntN(40)
		for i := 0; ; i++ {
			if i == lines {
				if err := c.cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
			n, ok := c.number()
			if !ok {
				break
			}
			reported = n
		}
		if err := c.cmd.Wait(); err == nil || c.cmd.ProcessState.Exited() {
			t.Fatalf("the child ended by itself: %v", err)
		}
		s, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if s.Next() <= reported {
			t.Fatalf("record %d was durable, next is %d", reported, s.Next())
		}
		checkTold(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if reported < 100 {
		t.Errorf("only %d records", reported)
	}
}

// checkTold looks whether the file holds what told says, and nothing else.
func checkTold(t *testing.T, s *Store) {
	t.Helper()
	archives := map[string][]uint64{}
	records, err := s.Scan(1, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if uint64(len(records)) != s.Next()-1 {
		t.Fatalf("%d records, next is %d", len(records), s.Next())
	}
	for i, r := range records {
		if want := told(uint64(i + 1)); !reflect.DeepEqual(r, want) {
			t.Fatalf("record %d: %+v", i+1, r)
		}
		archives[r.Archive] = append(archives[r.Archive], r.Seq)
	}
	last, err := s.Get("cursor", "last")
	if want := strconv.AppendUint(nil, s.Next()-1, 10); err != nil || len(records) > 0 && !bytes.Equal(last, want) {
		t.Fatalf("row %q, %v, want %q", last, err, want)
	}
	for name, want := range archives {
		var got []uint64
		for after, more := uint64(0), true; more; after = got[len(got)-1] {
			var page []Record
			if page, more, err = s.Page(name, Query{After: after, Limit: 100}); err != nil || len(page) == 0 {
				t.Fatalf("archive %s after %d: %d, %v", name, after, len(page), err)
			}
			for _, r := range page {
				got = append(got, r.Seq)
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("archive %s: %v, want %v", name, got, want)
		}
	}
	seq, state, err := s.LastSnapshot()
	if err != nil || seq >= s.Next() || seq > 0 && !bytes.Equal(state, bytes.Repeat([]byte{byte(seq)}, 100_000)) {
		t.Fatalf("snapshot after %d: %d bytes, %v", seq, len(state), err)
	}
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "desk.db")
	c := startChild(t, "full", path)
	last, ok := c.number()
	if err := c.cmd.Wait(); err != nil || !ok {
		t.Fatal(err)
	}
	s := openStore(t, path)
	if s.Next() != last+1 {
		t.Errorf("%d was durable, next is %d", last, s.Next())
	}
	checkTold(t, s)
	if err := tell(s, 500); err != nil {
		t.Fatal(err)
	}
	checkTold(t, s)
}

func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "desk.db")
	c := startChild(t, "hold", path)
	if n, ok := c.number(); !ok || n != 1 {
		t.Fatal(n, ok)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); !errors.Is(err, ErrLocked) {
		t.Errorf("open elsewhere: %v", err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, before) {
		t.Errorf("the file changed, %v", err)
	}
	if err := c.stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, path)
	if _, err := Open(path); !errors.Is(err, ErrLocked) {
		t.Errorf("open here: %v", err)
	}
	mustAppend(t, s, Batch{Records: []Record{record("17", "x")}})
}
