package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// TestScrub: of words that were erased nothing is left in the file, whatever goes on meanwhile, and all the others are.
func TestScrub(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "desk.db")
	s := openStore(t, path)
	s.db.NoSync = true
	const n = 3000
	word := func(seq int) string { return fmt.Sprintf("word-%d-of-many", seq) }
	var gone []uint64
	for seq := 1; seq <= n; seq += 10 {
		var b Batch
		for i := seq; i < seq+10; i++ {
			b.Records = append(b.Records, record(fmt.Sprint(i%7), word(i)+strings.Repeat(".", i%1000*10)))
			if b.Records[i-seq].Numbers = nil; i%3 == 0 {
				gone = append(gone, uint64(i))
			}
		}
		mustAppend(t, s, b)
	}
	has := func() (left, kept int) {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]bool{}
		for _, w := range regexp.MustCompile(`word-\d+-of-many`).FindAll(content, -1) {
			found[string(w)] = true
		}
		for seq := 1; seq <= n; seq++ {
			switch {
			case !found[word(seq)]:
			case seq%3 == 0:
				left++
			default:
				kept++
			}
		}
		return left, kept
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	beside := func(fn func()) {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					fn()
				}
			}
		})
	}
	beside(func() {
		mustAppend(t, s, Batch{Records: []Record{record("7", "meanwhile")}, Rows: []Row{{"t", "k", []byte("v")}}})
	})
	beside(func() {
		if got, err := s.Scan(1, 100); err != nil || len(got) != 100 || !strings.HasPrefix(string(got[0].Content), word(1)) {
			t.Error(len(got), err)
		}
	})
	beside(func() {
		if _, err := s.Backup(io.Discard); err != nil {
			t.Error(err)
		}
	})
	for len(gone) > 0 {
		some := min(100, len(gone))
		if n, err := s.Erase(gone[:some]); err != nil || n != some {
			t.Error(n, err)
		}
		gone = gone[some:]
	}
	if left, _ := has(); left == 0 {
		t.Error("an erased word needs no scrubbing: this tests nothing")
	}
	pages, err := s.Scrub(t.Context())
	close(stop)
	wg.Wait()
	left, kept := has()
	if err != nil || pages == 0 || left != 0 || kept != n-n/3 {
		t.Errorf("%d pages, %v; %d erased words are left, and %d others of %d", pages, err, left, kept, n-n/3)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Scrub(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("a scrub that was ended: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if rep, err := Verify(path); err != nil || rep.Erased != n/3 {
		t.Errorf("%+v, %v", rep, err)
	}
}
