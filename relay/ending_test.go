package relay

import (
	"io"
	"strings"
	"testing"
	"time"

	"frontdesk/dispatch"
	"frontdesk/store"
)

// TestRating: what may be a question is none.
func TestRating(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text  string
		n     int
		words string
	}{
		{"4", 4, ""}, {" 5 ", 5, ""}, {"3/5", 3, ""}, {"1.", 1, ""}, {"4, quick and friendly", 4, "quick and friendly"}, {"2: slow", 2, "slow"},
		{"5\nAnna knew\nat once", 5, "Anna knew\nat once"}, {"4 - fine", 4, "fine"}, {"５", 5, ""}, {"４，很好", 4, "很好"}, {"4 , ", 4, ""}, {"5!", 5, ""},
		{"5 parcels are missing", 0, ""}, {"0", 0, ""}, {"6", 0, ""}, {"45", 0, ""}, {"4.5", 0, ""}, {"4x", 0, ""}, {"3-day delivery?", 0, ""}, {"five", 0, ""}, {"", 0, ""},
		{"I say 4", 0, ""}, {"1/2", 0, ""}, {"2,5 kg", 0, ""},
	} {
		n, words, ok := rating(c.text)
		if n != c.n || words != c.words || ok != (c.n > 0) {
			t.Errorf("%q is %d %q %v, want %d %q", c.text, n, words, ok, c.n, c.words)
		}
	}
}

func TestParts(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", copyPart-4)
	c := &transcript{title: "T", lines: []string{"a", "b", long, long, "c"}}
	got := c.parts("rest")
	want := []string{"T\na\nb", long, long + "\nc"}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("the parts have %d, %d, %d bytes of %d", len(got[0]), len(got[1]), len(got[2]), len(got))
	}
	c.lines = nil
	for range 100 {
		c.lines = append(c.lines, long)
	}
	if got := c.parts("rest"); len(got) != copyParts || !strings.HasSuffix(got[copyParts-1], "\nrest") {
		t.Errorf("%d parts, the last ends in %q", len(got), got[len(got)-1][len(got[len(got)-1])-10:])
	}
}

// TestLongCopy: what a long copy leaves out it says, and what was taken back stays out of it, however late that was.
func TestLongCopy(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"short", strings.Repeat("x", 4<<10)} {
		r := stopped(t)
		first := r.store.Next()
		var records []store.Record
		say := func(w words) {
			e := &entry{kind: uint16(dispatch.Said), fact: dispatch.Fact{Thread: 1, Conversation: 1}, words: &w}
			rec := store.Record{Time: time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC), Side: store.Customers, Archive: "1", Kind: e.kind}
			rec.Numbers, rec.Content, _ = e.encode(nil)
			records = append(records, rec)
		}
		say(words{Body: "secret"})
		for range 900 {
			say(words{Body: body})
		}
		say(words{Retract: first})
		say(words{Body: "secret again", Replace: first})
		for range 200 {
			say(words{Body: body})
		}
		if err := r.store.Append(first, store.Batch{Records: records}); err != nil {
			t.Fatal(err)
		}
		c, err := copyOf(r.store, 1, first, r.store.Next(), copyNames{voice: r.texts.In("en"), queue: "support", zone: time.UTC})
		if err != nil {
			t.Fatal(err)
		}
		parts := c.parts("rest")
		if text := c.text("rest"); strings.Contains(text, "secret") || !strings.HasSuffix(text, "\nrest\n") || len(text) > 2*copyPart*copyParts {
			t.Errorf("%d bytes, which end in %q", len(text), text[len(text)-10:])
		}
		if last := parts[len(parts)-1]; strings.Contains(strings.Join(parts, ""), "secret") || !strings.HasSuffix(last, "\nrest") || len(parts) > copyParts {
			t.Errorf("%d parts, the last of which ends in %q", len(parts), last[len(last)-10:])
		}
	}
}

// TestCopy: a copy is what was said between customer and desk, as it reads in the end, for who has its address and as long as that
// lasts.
func TestCopy(t *testing.T) {
	t.Parallel()
	r := stopped(t)
	clock := &stillClock{time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)}
	r.clock = clock
	if n, err := r.Backup(io.Discard); n != 0 || err == nil {
		t.Error("a backup is made before the desk has begun")
	}
	r.shelve()
	if n, err := r.Backup(io.Discard); n == 0 || err != nil {
		t.Errorf("a backup has %d bytes, %v", n, err)
	}
	first := r.store.Next()
	var records []store.Record
	add := func(archive string, e *entry) uint64 {
		e.seq = first + uint64(len(records))
		rec := store.Record{Time: clock.now.Add(time.Duration(len(records)) * time.Minute), Side: store.Agents, Archive: archive, Kind: e.kind}
		rec.Numbers, rec.Content, _ = e.encode(nil)
		records = append(records, rec)
		return e.seq
	}
	say := func(by string, w words) uint64 {
		return add("1", &entry{kind: uint16(dispatch.Said), fact: dispatch.Fact{Thread: 1, Conversation: 2, By: by}, words: &w})
	}
	change := func(by string, w words) { add("1", &entry{kind: kindAmended, own: own{Thread: 1, By: by}, words: &w}) }
	const anna = "anna@agents.localhost"
	say("", words{Body: "of the conversation before"})
	from := add("1", &entry{kind: uint16(dispatch.Opened), fact: dispatch.Fact{Thread: 1, Conversation: 2, Queue: "support"}})
	hello := say("", words{Body: "Helo"})
	change("", words{Body: "Hello", Replace: hello})
	add("1", &entry{kind: kindTold, own: own{Thread: 1, To: anna}, words: &words{Body: "to the agent"}})
	add("1", &entry{kind: kindTold, own: own{Thread: 1}, words: &words{Body: "You are next."}})
	add("1", &entry{kind: kindNoted, own: own{Thread: 1, By: anna}, words: &words{Body: "a note"}})
	add("2", &entry{kind: uint16(dispatch.Said), fact: dispatch.Fact{Thread: 2, Conversation: 1}, words: &words{Body: "of another"}})
	wrong := say(anna, words{Body: "wrong chat"})
	change(anna, words{Retract: wrong})
	change("", words{React: wrong, Emoji: []string{"👍"}})
	say(anna, words{Body: "Good day\nto you"})
	till := add("1", &entry{kind: uint16(dispatch.Closed), fact: dispatch.Fact{Thread: 1, Conversation: 2}})
	say("", words{Body: "of the next"})
	if err := r.store.Append(first, store.Batch{Records: records}); err != nil {
		t.Fatal(err)
	}
	token := r.copyToken(1, from, till, clock.now.Add(time.Hour), "de")
	want := "Unterhaltung mit support, 2026-01-05 (UTC)\n\n10:03 Sie: Hello\n10:05 support: You are next.\n10:11 support: Good day\nto you\n"
	if got, lang, ok := r.Copy(token); got != want || lang != "de" || !ok {
		t.Errorf("%v %s\n%s\nwant\n%s", ok, lang, got, want)
	}
	for i := range token {
		other := token[:i] + string(token[i]^1) + token[i+1:]
		if _, _, ok := r.Copy(other); ok {
			t.Errorf("byte %d changes nothing", i)
		}
	}
	for _, other := range []string{"", "x", r.newKey(), token + "A", token[:20]} {
		if _, _, ok := r.Copy(other); ok {
			t.Errorf("%q is an address", other)
		}
	}
	clock.now = clock.now.Add(time.Hour + time.Second)
	if _, _, ok := r.Copy(token); ok {
		t.Error("it never expires")
	}
}

// stillClock stands still.
type stillClock struct{ now time.Time }

func (c *stillClock) Now() time.Time                             { return c.now }
func (c *stillClock) Alarm(time.Time) (<-chan time.Time, func()) { return nil, func() {} }
