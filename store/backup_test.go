package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// fill appends records of a few archives, with rows and a snapshot, and erases some words.
func fill(t *testing.T, s *Store, n int) {
	t.Helper()
	for i := 0; i < n; i += 100 {
		var b Batch
		for j := i; j < i+100; j++ {
			b.Records = append(b.Records, record(fmt.Sprint(j%7), strings.Repeat("words ", 20)+fmt.Sprint(j)))
		}
		b.Rows = []Row{{"table", fmt.Sprint(i), []byte("value")}}
		mustAppend(t, s, b)
	}
	if err := s.Snapshot(s.Next()-1, bytes.Repeat([]byte("state"), 10_000)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Erase([]uint64{1, 2, 3}); err != nil {
		t.Fatal(err)
	}
}

// TestBackup: a backup that is made while records are appended is a whole file of what was there at some instant.
func TestBackup(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openStore(t, filepath.Join(dir, "desk.db"))
	fill(t, s, 5000)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				mustAppend(t, s, Batch{Records: []Record{record("7", "meanwhile")}})
			}
		}
	})
	for i := range 5 {
		path := filepath.Join(dir, fmt.Sprint("backup", i))
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		before := s.Next() - 1
		n, err := s.Backup(f)
		after := s.Next() - 1
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		rep, err := Verify(path)
		if err != nil || rep.Records < before || rep.Records > after+1 || rep.Bytes != n || rep.Erased != 3 || rep.Contents != rep.Records-3 || rep.Rows != 50 {
			t.Fatalf("%v: %+v, between %d and %d records (and one that is just being appended), %d bytes", err, rep, before, after, n)
		}
	}
	close(stop)
	wg.Wait()
	if _, err := Verify(filepath.Join(dir, "desk.db")); !errors.Is(err, ErrLocked) {
		t.Errorf("a file in use was verified: %v", err)
	}
	if _, err := s.Backup(failing{}); err == nil {
		t.Error("a backup that could not be written was not refused")
	}
	mustAppend(t, s, Batch{Records: []Record{record("7", "and goes on")}})
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("nobody reads") }

// TestVerifyFinds: what is damaged is named, whatever it is.
func TestVerifyFinds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, bucket, key string
		value             []byte // nil: the key is deleted
		want              string
	}{
		{"a lost record", logBucket, string(seqKey(1234)), nil, "record 1234 is missing"},
		{"lost words", contentBucket, string(seqKey(77)), nil, "record 77"},
		{"a header", logBucket, string(seqKey(9)), []byte{1}, "record 9"},
		{"the index", indexBucket, "3\x00" + string(seqKey(4)), []byte{200}, "index"},
		{"a row", rowBucket, string(rowKey("table", "0")), []byte("....valuf"), `row "table\x000"`},
		{"the snapshot", snapshotBucket, string(pieceKey(1)), []byte("stale"), "snapshot"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "desk.db")
			s := openStore(t, path)
			s.index.every = 500
			fill(t, s, 5000)
			s.Close()
			if _, err := Verify(path); err != nil {
				t.Fatal(err)
			}
			edit(t, path, c.bucket, c.key, c.value)
			if _, err := Verify(path); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the damage was told as %v", err)
			}
		})
	}
}

// TestCompactAndRestore: a compacted file has what the old one had and is smaller; a backup takes a file's place, which is kept.
func TestCompactAndRestore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "desk.db")
	s := openStore(t, path)
	fill(t, s, 5000)
	var all []uint64
	for seq := uint64(1); seq <= 4000; seq++ {
		all = append(all, seq)
	}
	if _, err := s.Erase(all); err != nil {
		t.Fatal(err)
	}
	want, err := s.Scan(1, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Compact(path); !errors.Is(err, ErrLocked) {
		t.Fatalf("a file in use was compacted: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	before, after, err := Compact(path)
	if err != nil || after.Bytes >= before.Bytes || after.Records != 5000 {
		t.Fatalf("%v: %+v to %+v", err, before, after)
	}
	has := func() {
		t.Helper()
		s := openStore(t, path)
		defer s.Close()
		got, err := s.Scan(1, 10_000)
		if err != nil || len(got) != len(want) {
			t.Fatalf("%d records, %v", len(got), err)
		}
		for i := range got {
			if !bytes.Equal(got[i].Content, want[i].Content) || got[i].Erased != want[i].Erased || got[i].Archive != want[i].Archive {
				t.Fatalf("record %d is %+v, was %+v", i+1, got[i], want[i])
			}
		}
		mustAppend(t, s, Batch{Records: []Record{record("1", "goes on")}})
	}
	backup := filepath.Join(dir, "backup")
	if err := copyFile(path, backup); err != nil {
		t.Fatal(err)
	}
	has()
	_, kept, err := Restore(path, backup)
	if err != nil || kept == "" {
		t.Fatal(kept, err)
	}
	if rep, err := Verify(kept); err != nil || rep.Records != 5001 {
		t.Errorf("the file that was replaced: %+v, %v", rep, err)
	}
	has()
	if err := os.Truncate(backup, 40_000); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Restore(path, backup); !errors.Is(err, ErrDamaged) {
		t.Errorf("half a backup was restored: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.restore")); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}

// edit changes one value of a file behind our back.
func edit(t *testing.T, path, bucket, key string, value []byte) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte(bucket))
		if b.Get([]byte(key)) == nil {
			return fmt.Errorf("there is no %q in %s", key, bucket)
		}
		if value == nil {
			return b.Delete([]byte(key))
		}
		return b.Put([]byte(key), value)
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}
