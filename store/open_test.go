package store

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

func TestOpenNew(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for name, prepare := range map[string]func(path string) error{
		"missing": func(string) error { return nil },
		"empty":   func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"without buckets": func(path string) error { // the process ended while it created the file
			db, err := bolt.Open(path, 0o600, &bolt.Options{PageSize: pageSize})
			if err != nil {
				return err
			}
			return db.Close()
		},
	} {
		path := filepath.Join(folder, name)
		if err := prepare(path); err != nil {
			t.Fatal(err)
		}
		s := openStore(t, path)
		mustAppend(t, s, Batch{Records: []Record{record("17", "x")}})
		if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := s.Append(2, Batch{Records: []Record{record("17", "x")}}); err == nil {
			t.Error("append after close")
		}
		if _, _, err := s.Page("17", Query{Limit: 1}); err == nil || s.Stats().FileSize != 0 {
			t.Error("page after close")
		}
	}
}

// bucketFile makes a bbolt file with one bucket.
func bucketFile(t *testing.T, path, bucket string, pairs ...string) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Update(func(tx *bolt.Tx) error {
		b, err := tx.CreateBucket([]byte(bucket))
		for i := 0; i < len(pairs) && err == nil; i += 2 {
			err = b.Put([]byte(pairs[i]), []byte(pairs[i+1]))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// What can't be opened says why and stays as it is, to the byte and to the time of its last change.
func TestOpenRefused(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := func(content string) func(string) {
		return func(path string) {
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	bucket := func(name string, pairs ...string) func(string) {
		return func(path string) { bucketFile(t, path, name, pairs...) }
	}
	number := func(n uint32) string { return string(binary.BigEndian.AppendUint32(nil, n)) }
	for _, c := range []struct {
		name    string
		prepare func(path string)
		want    error
		says    string
	}{
		{"text", file("[front]\ndomain = 'help.example'\n"), ErrForeign, ""},
		{"one byte", file("x"), ErrForeign, ""},
		{"long text", file(strings.Repeat("words ", 20_000)), ErrForeign, ""},
		{"zeros", file(strings.Repeat("\x00", 70_000)), ErrForeign, ""},
		{"another bbolt file", bucket("etcd", "k", "v"), ErrForeign, ""},
		{"another's meta", bucket("meta", magicKey, "somebody"), ErrForeign, ""},
		{"newer", bucket("meta", magicKey, magic, formatKey, number(3)), ErrVersion, "3, and this program reads 1 and 2"},
		{"no format", bucket("meta", magicKey, magic), ErrDamaged, ""},
		{"no log", bucket("meta", magicKey, magic, formatKey, number(1)), ErrDamaged, `"log"`},
		{"folder", func(path string) { _ = os.Mkdir(path, 0o700) }, ErrForeign, "folder"},
		{"pipe", func(path string) { _ = syscall.Mkfifo(path, 0o600) }, ErrForeign, "regular"},
		{"nowhere/desk.db", func(string) {}, fs.ErrNotExist, filepath.Join(folder, "nowhere")},
		{"text/desk.db", func(string) {}, syscall.ENOTDIR, "text"},
	} {
		path := filepath.Join(folder, c.name)
		c.prepare(path)
		before := state(path)
		s, err := Open(path)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.name, err)
		}
		if s != nil || state(path) != before {
			t.Errorf("%s: touched", c.name)
		}
	}
}

// state is what must not change about a file.
func state(path string) string {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return fmt.Sprint(err)
	}
	content, err := os.ReadFile(path)
	return fmt.Sprint(info.ModTime(), info.Mode(), sha256.Sum256(content), err)
}

func TestOpenWithoutPermission(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "desk.db")
	s := openStore(t, path)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		// Root may read anything, so this thread becomes somebody else; it ends with its goroutine.
		runtime.LockOSThread()
		if os.Geteuid() == 0 {
			if err := syscall.Setfsuid(65534); err != nil {
				done <- err
				return
			}
		}
		_, err := Open(path)
		done <- err
	}()
	if err := <-done; !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), path) {
		t.Errorf("%v", err)
	}
}

// filled makes a file with some of everything and returns the bytes that are in use.
func filled(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "filled.db")
	s := openStore(t, path)
	s.db.NoSync, s.index.every = true, 200
	for range 15 {
		if err := tell(s, 40); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Snapshot(511, bytes.Repeat([]byte{511 % 256}, 100_000)); err != nil {
		t.Fatal(err)
	}
	size := s.Stats().FileSize
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if int64(len(content)) <= size {
		t.Fatalf("%d bytes of %d are in use", size, len(content))
	}
	return content[:size]
}

// bbolt would map a file that has been cut off and die of the first page beyond its end.
func TestCutOff(t *testing.T) {
	t.Parallel()
	whole := filled(t)
	var sizes []int
	for _, n := range []int{1, 8, 16, 20, 79, 80, 512, 1024, pageSize, 2 * pageSize, 3 * pageSize, len(whole) / 2, len(whole) - pageSize} {
		sizes = append(sizes, n-1, n, n+1)
	}
	for n := 5 * pageSize; n < len(whole); n += 17 * pageSize {
		sizes = append(sizes, n, n+777)
	}
	sizes = append(sizes, len(whole)-1)
	path := filepath.Join(t.TempDir(), "desk.db")
	for _, n := range slices.Compact(sizes) {
		if n == 0 {
			continue // that is a new file
		}
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		before := state(path)
		if _, err := Open(path); !errors.Is(err, ErrDamaged) {
			t.Errorf("%d of %d bytes: %v", n, len(whole), err)
		}
		if state(path) != before {
			t.Errorf("%d of %d bytes: touched", n, len(whole))
		}
	}
	for _, more := range []int{0, 1, pageSize} { // what was only set aside is no loss
		if err := os.WriteFile(path, append(slices.Clip(whole), make([]byte, more)...), 0o600); err != nil {
			t.Fatal(err)
		}
		s := openStore(t, path)
		checkTold(t, s)
		if err := tell(s, 300); err != nil {
			t.Fatal(err)
		}
		checkTold(t, s)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A page that was lost is an error that says so, or it was not in use; never the end of the process, and
// never another content.
func TestLostPage(t *testing.T) {
	t.Parallel()
	whole := filled(t)
	path := filepath.Join(t.TempDir(), "desk.db")
	damaged := 0
	for page := 0; page < len(whole)/pageSize; page++ {
		content := bytes.Clone(whole)
		clear(content[page*pageSize : (page+1)*pageSize])
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		err := readAll(path)
		if err != nil && !errors.Is(err, ErrDamaged) {
			t.Errorf("page %d: %v", page, err)
		}
		if err != nil {
			damaged++
		}
	}
	if pages := len(whole) / pageSize; damaged < pages*3/4 {
		t.Errorf("%d of %d lost pages were noticed", damaged, pages)
	}
}

// readAll opens a file of told records and reads everything.
func readAll(path string) error {
	s, err := Open(path)
	if err != nil {
		return err
	}
	records, err := s.Scan(1, 1<<20)
	for i, r := range records {
		want := told(uint64(i + 1))
		if !reflect.DeepEqual(r.Numbers, want.Numbers) { // a page of long content has no mark in its later parts
			err = fmt.Errorf("record %d: %+v", i+1, r)
		}
	}
	for archive := range 40 {
		_, _, pageErr := s.Page(fmt.Sprint(archive), Query{Limit: MaxPage})
		err = errors.Join(err, pageErr)
	}
	_, rowErr := s.Get("cursor", "last")
	_, _, snapErr := s.LastSnapshot()
	return errors.Join(err, rowErr, snapErr, s.Close())
}

// Every format is read for ever: with checksums of records and of rows, and from before there were any. It is written as the present one.
func TestFormats(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ unsummed, bare uint64 }{"format1.db.gz": {400, 3}, "format1-sums.db.gz": {0, 3}, "format2.db.gz": {0, 0}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "desk.db")
			unpack(t, filepath.Join("testdata", name), path)
			verify := func(records, erased, bare uint64) {
				t.Helper()
				rep, err := Verify(path)
				if err != nil || rep.Records != records || rep.Erased != erased || rep.Unsummed != c.unsummed || rep.Rows != 3 || rep.BareRows != bare {
					t.Errorf("%+v, %v", rep, err)
				}
			}
			verify(400, 1, c.bare)
			checkGolden(t, path)
			verify(401, 2, 0)
			if bare := buckets(t, path)[oldRowBucket]; bare != 0 {
				t.Errorf("%d rows are still where format 1 had them", bare)
			}
		})
	}
}

// buckets are the numbers of keys by bucket.
func buckets(t *testing.T, path string) map[string]int {
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true, Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	n := map[string]int{}
	if err := db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bolt.Bucket) error {
			n[string(name)] = b.Stats().KeyN
			return nil
		})
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestConversionCutShort: a process that ended while it gave checksums to rows left some here and some there; each piece is a whole file of
// format 2, and the next Open goes on.
func TestConversionCutShort(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "desk.db")
	s := openStore(t, path)
	const rows = 2*moveRows + moveRows/2
	key := func(i int) string { return fmt.Sprintf("%06d", i) }
	back := func(tx *bolt.Tx) error { // to format 1
		old, err := tx.CreateBucket([]byte(oldRowBucket))
		for i := 0; i < rows && err == nil; i++ {
			err = old.Put(rowKey("t", key(i)), []byte(key(i)))
		}
		return errors.Join(err, tx.DeleteBucket([]byte(rowBucket)), tx.Bucket([]byte(metaBucket)).Put([]byte(formatKey), binary.BigEndian.AppendUint32(nil, oldFormat)))
	}
	if err := errors.Join(s.db.Update(back), s.db.Update(moveSome), s.Close()); err != nil {
		t.Fatal(err)
	}
	if rep, err := Verify(path); err != nil || rep.Rows != rows || rep.BareRows != rows-moveRows {
		t.Errorf("half way: %+v, %v", rep, err)
	}
	s = openStore(t, path)
	n := 0
	if err := s.Rows("t", func(k string, v []byte) error {
		if k != key(n) || string(v) != k {
			return fmt.Errorf("row %d is %q: %q", n, k, v)
		}
		n++
		return nil
	}); err != nil || n != rows {
		t.Errorf("%d rows, %v", n, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if rep, err := Verify(path); err != nil || rep.Rows != rows || rep.BareRows != 0 || buckets(t, path)[oldRowBucket] != 0 {
		t.Errorf("through: %+v, %v", rep, err)
	}
}

func unpack(t *testing.T, packed, path string) {
	t.Helper()
	f, err := os.Open(packed)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func checkGolden(t *testing.T, path string) {
	s := openStore(t, path)
	b, row, state := golden()
	b.Records[goldenErased-1].Content, b.Records[goldenErased-1].Erased = nil, true
	if got, err := s.Scan(1, 1000); err != nil || !reflect.DeepEqual(got, b.Records) {
		t.Errorf("log: %v, %+v", err, got)
	}
	m := model{log: b.Records}
	for _, archive := range []string{"lobby", "17", "3", "399", "5"} {
		for _, q := range []Query{{Limit: 30}, {Limit: 30, Last: true}, {Limit: 1000}, {After: 200, Before: 300, Limit: 9}} {
			got, more, err := s.Page(archive, q)
			want, wantMore := m.page(archive, q)
			if err != nil || more != wantMore || !sameRecords(got, want) {
				t.Errorf("page of %q, %+v: %v, %s", archive, q, err, numbers(got))
			}
		}
	}
	for _, r := range append(b.Rows, row) {
		if got, err := s.Get(r.Table, r.Key); err != nil || !bytes.Equal(got, r.Value) || got == nil {
			t.Errorf("row %+v: %q, %v", r, got, err)
		}
	}
	if seq, got, err := s.LastSnapshot(); err != nil || seq != 400 || !bytes.Equal(got, state) {
		t.Errorf("snapshot: %d, %d bytes, %v", seq, len(got), err)
	}
	mustAppend(t, s, Batch{Records: []Record{{Time: time.Unix(1, 0), Archive: "17"}}})
	if got, _, err := s.Page("17", Query{Limit: 1, Last: true}); err != nil || got[0].Seq != 401 {
		t.Errorf("the next record: %+v, %v", got, err)
	}
	if n, err := s.Erase([]uint64{1, 401}); err != nil || n != 1 {
		t.Errorf("%d erased, %v", n, err)
	}
	if got, err := s.Scan(1, 1); err != nil || !got[0].Erased || got[0].Content != nil {
		t.Errorf("the erased record: %+v, %v", got, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
