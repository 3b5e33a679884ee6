package relay

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"frontdesk/dispatch"
	"frontdesk/store"
)

// logOf is a file with messages in it, of 1,000 threads.
func logOf(t testing.TB, n int, text func(i int) string) *store.Store {
	s, err := store.Open(filepath.Join(t.TempDir(), "desk.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	const batch = 5000
	for i := 0; i < n; i += batch {
		var b store.Batch
		for j := i; j < min(i+batch, n); j++ {
			e := &entry{kind: uint16(dispatch.Said), fact: dispatch.Fact{Thread: uint64(j%1000 + 1), Conversation: 1}, words: &words{Body: text(j)}}
			rec := store.Record{Time: time.Unix(int64(1e9+j), 0).UTC(), Side: store.Customers, Archive: fmt.Sprint(j%1000 + 1), Kind: e.kind}
			rec.Numbers, rec.Content, _ = e.encode(nil)
			b.Records = append(b.Records, rec)
		}
		if err := s.Append(uint64(i+1), b); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// TestSearch: newest first, over many chunks, whoever's case and accents, and an end where time is up.
func TestSearch(t *testing.T) {
	t.Parallel()
	s := logOf(t, 3500, func(i int) string {
		if i%1000 == 7 {
			return fmt.Sprintf("Die Ärztin number %d kommt", i)
		}
		return "nothing to see here"
	})
	look := func(ctx context.Context, text string) *search {
		q := &search{all: true, words: strings.Fields(fold(text))}
		if err := q.run(ctx, s, s.Next()); err != nil {
			t.Fatal(err)
		}
		return q
	}
	q := look(t.Context(), "KOMMT arztin")
	var got []string
	for _, h := range q.hits {
		got = append(got, h.body)
	}
	if want := "Die Ärztin number 3007 kommt,Die Ärztin number 2007 kommt,Die Ärztin number 1007 kommt,Die Ärztin number 7 kommt"; strings.Join(got, ",") != want {
		t.Errorf("found %q", got)
	}
	if q = look(t.Context(), "nothing"); len(q.hits) != maxKept || !q.since.IsZero() {
		t.Errorf("kept %d, since %v", len(q.hits), q.since)
	}
	late, cancel := context.WithCancel(t.Context())
	cancel()
	if q = look(late, "kommt"); len(q.hits) != 1 || q.since.IsZero() {
		t.Errorf("when time was up there were %d, since %v", len(q.hits), q.since)
	}
	// Who may see no thread finds nothing.
	q = &search{words: []string{"kommt"}}
	if err := q.run(t.Context(), s, s.Next()); err != nil || len(q.hits) != 0 {
		t.Errorf("found %v, %v", q.hits, err)
	}
}

// TestSnippet: what was looked for is in the line that is shown, whatever stands before it.
func TestSnippet(t *testing.T) {
	t.Parallel()
	before := strings.Repeat("Straße für dich ", 40)
	for _, x := range []struct{ look, body, shows string }{
		{"ärztin", "Die Ärztin kommt", "Die Ärztin kommt"},
		{"arztin", before + "die Ärztin kommt", "die Ärztin kommt"},
		{"KOMMT", before + "Sie KOMMT\nheute", "Sie KOMMT / heute"},
		{"zebra", strings.Repeat("x", 500) + "zebra", "xzebra"},
	} {
		q := &search{words: strings.Fields(fold(x.look))}
		if got := q.snippet(x.body); !strings.Contains(got, x.shows) || len(got) > 210 {
			t.Errorf("%s in %q is shown as %q", x.look, x.body, got)
		}
	}
}

// BenchmarkFind reads a million messages for a word that is nowhere.
func BenchmarkFind(b *testing.B) {
	filler := strings.Repeat("Some words that somebody wrote. ", 3)
	s := logOf(b, 1_000_000, func(i int) string { return filler + fmt.Sprint(i) })
	b.ResetTimer()
	for range b.N {
		q := &search{all: true, words: []string{"zebra"}}
		if err := q.run(context.Background(), s, s.Next()); err != nil || len(q.hits) != 0 || !q.since.IsZero() {
			b.Fatal(q.hits, q.since, err)
		}
	}
}
