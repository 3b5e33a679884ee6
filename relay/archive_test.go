package relay

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"frontdesk/component/stanza"
	"frontdesk/config"
	"frontdesk/muc"
	"frontdesk/store"
)

const asker = "anna@agents.localhost/phone"

// stopped is a relay whose loop does not run: its parts can be called.
func stopped(t testing.TB) *Relay {
	t.Helper()
	dir := t.TempDir()
	cfg, err := config.Parse(fmt.Sprintf(`
data = %q
[front]
domain = "help.customers.localhost"
server = "127.0.0.1:1"
secret = "f"
customers = ["customers.localhost"]
[desk]
domain = "desk.agents.localhost"
server = "127.0.0.1:1"
secret = "d"
[[queue]]
name = "support"
[[agent]]
jid = "anna@agents.localhost"
name = "Anna"
[web]
listen = ""
`, filepath.Join(dir, "desk.db")), dir, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	r, err := New(cfg, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.store.Close() })
	return r
}

// spoken is the record of a group message as the loop would write it.
func spoken(r *Relay, seq uint64, at time.Time, nick, body string) store.Record {
	f := muc.Fact{Kind: muc.Message, Room: lobby, ID: r.ids.of(seq), From: strings.ToLower(nick) + "@agents.localhost", Nick: nick}
	room := "lobby@" + string(r.cfg.Desk.Domain)
	m := stanza.New("", "message", "type", "groupchat", "from", room+"/"+nick, "id", fmt.Sprint("m", seq)).Add(
		stanza.Text("", "body", body),
		stanza.New("urn:xmpp:occupant-id:0", "occupant-id", "id", "FvuS5Q1P0LxEHWIOrJZiS8XYKnHJUHXzZPhTTVv6Q0w"),
		stanza.New(stanza.NSSID, "stanza-id", "by", room, "id", f.ID))
	return store.Record{Time: at, Side: store.Agents, Archive: r.archiveOf(&f), Kind: uint16(f.Kind), Numbers: mustJSON(&f), Content: m.AppendXML(nil)}
}

// query asks the lobby's archive.
func query(r *Relay, set, form *stanza.Element, flip bool) []muc.Sending {
	q := stanza.New(stanza.NSMAM, "query", "queryid", "q").Add(form, set)
	if flip {
		q.Add(stanza.New(stanza.NSMAM, "flip-page"))
	}
	iq := stanza.New("", "iq", "type", "set", "id", "1", "from", asker, "to", "lobby@"+r.cfg.Desk.Domain).Add(q)
	out := r.rooms.Step(r.now, iq, "none")
	if len(out.Asks) != 1 {
		return out.Send
	}
	r.sifted = 0
	return r.answerRoom(out.Asks[0], r.next).Send
}

// remembered is what the model knows of a message.
type remembered struct {
	id, nick string
	at       time.Time
}

// library writes a random log: messages of three people, and between them what nobody may page through.
func library(t *testing.T, r *Relay, rng *rand.Rand, n int) []remembered {
	var said []remembered
	var records []store.Record
	at, first := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), r.store.Next()
	for i := range n {
		seq := first + uint64(i)
		at = at.Add(time.Duration(rng.IntN(3)) * 300 * time.Microsecond)
		nick, body := []string{"Anna", "Bob", "Carol"}[min(rng.IntN(12)/5, 2)], "words"
		if rng.IntN(40) == 0 {
			body = strings.Repeat("x", 50<<10) // a few of them end a page early
		}
		rec := spoken(r, seq, at, nick, body)
		switch rng.IntN(10) {
		case 0: // as files of the first days have them
			rec.Kind, rec.Archive = uint16(muc.Private), r.roomArchive(lobby)
		case 1:
			rec.Archive = r.roomArchive("other")
		case 2:
			rec = store.Record{Time: at, Side: store.Agents, Archive: r.roomArchive(lobby), Kind: uint16(muc.Affiliated), Numbers: []byte(`{"room":"lobby"}`)}
		default:
			said = append(said, remembered{r.ids.of(seq), nick, at})
		}
		records = append(records, rec)
	}
	if err := r.store.Append(first, store.Batch{Records: records}); err != nil {
		t.Fatal(err)
	}
	r.next = r.store.Next()
	return said
}

// TestArchivePages pages through a random archive in both directions, under random filters, and compares what
// comes with what a look at all messages gives.
func TestArchivePages(t *testing.T) {
	t.Parallel()
	const seed = 7
	rng := rand.New(rand.NewPCG(seed, 1))
	r := stopped(t)
	said := library(t, r, rng, 2000)
	for round := range 40 {
		form, fits := filter(r, rng, said)
		var want []string
		for i, m := range said {
			if fits(i, m) {
				want = append(want, m.id)
			}
		}
		backward, flip, size := rng.IntN(2) == 0, rng.IntN(2) == 0, 1+rng.IntN(70)
		if len(want) > 300 {
			size += 20
		}
		got := walk(t, r, form, backward, flip, size)
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d, round %d: backward %v, pages of %d, %s:\n%d messages instead of %d", seed, round, backward, size, form, len(got), len(want))
		}
	}
}

// filter makes a form, and what it means.
func filter(r *Relay, rng *rand.Rand, said []remembered) (*stanza.Element, func(int, remembered) bool) {
	form := stanza.New("jabber:x:data", "x", "type", "submit")
	field := func(name, value string) {
		form.Add(stanza.New("jabber:x:data", "field", "var", name).Add(stanza.Text("jabber:x:data", "value", value)))
	}
	field("FORM_TYPE", stanza.NSMAM)
	const millis = "2006-01-02T15:04:05.000Z"
	var tests []func(int, remembered) bool
	some := func() int { return rng.IntN(len(said)) }
	if rng.IntN(4) == 0 {
		s := said[some()].at.Format(millis)
		field("start", s)
		tests = append(tests, func(_ int, m remembered) bool { return m.at.Format(millis) >= s })
	}
	if rng.IntN(4) == 0 {
		s := said[some()].at.Format(millis)
		field("end", s)
		tests = append(tests, func(_ int, m remembered) bool { return m.at.Format(millis) <= s })
	}
	if rng.IntN(4) == 0 {
		k := some()
		field("after-id", said[k].id)
		tests = append(tests, func(i int, _ remembered) bool { return i > k })
	}
	if rng.IntN(4) == 0 {
		k := some()
		field("before-id", said[k].id)
		tests = append(tests, func(i int, _ remembered) bool { return i < k })
	}
	if rng.IntN(3) == 0 {
		field("with", "lobby@"+r.cfg.Desk.Domain+"/Carol")
		tests = append(tests, func(_ int, m remembered) bool { return m.nick == "Carol" })
	}
	return form, func(i int, m remembered) bool {
		return !slices.ContainsFunc(tests, func(fits func(int, remembered) bool) bool { return !fits(i, m) })
	}
}

// walk pages until it is told that there is no more; the ids come oldest first.
func walk(t *testing.T, r *Relay, form *stanza.Element, backward, flip bool, size int) (all []string) {
	t.Helper()
	at := ""
	for {
		set := stanza.New(stanza.NSRSM, "set").Add(stanza.Text(stanza.NSRSM, "max", fmt.Sprint(size)))
		if backward {
			set.Add(stanza.Text(stanza.NSRSM, "before", at))
		} else if at != "" {
			set.Add(stanza.Text(stanza.NSRSM, "after", at))
		}
		sent := query(r, set, form.Clone(), flip)
		var page []string
		bytes := 0
		for _, s := range sent[:len(sent)-1] {
			bytes += len(s.Stanza.AppendXML(nil))
			page = append(page, s.Stanza.Child(stanza.NSMAM, "result").Attr("id"))
		}
		if flip {
			slices.Reverse(page)
		}
		fin := sent[len(sent)-1].Stanza.Child(stanza.NSMAM, "fin")
		first, last := fin.Child(stanza.NSRSM, "set").ChildText(stanza.NSRSM, "first"), fin.Child(stanza.NSRSM, "set").ChildText(stanza.NSRSM, "last")
		switch {
		case fin == nil:
			t.Fatalf("refused: %s", sent[len(sent)-1].Stanza)
		case len(page) > min(size, maxPage), len(page) > 1 && bytes > maxPageBytes+50*1024:
			t.Fatalf("a page of %d, %d bytes", len(page), bytes)
		case len(page) == 0 && (first != "" || fin.Attr("complete") != "true"):
			t.Fatalf("an empty page ends with %s", fin)
		case len(page) > 0 && (first != page[0] || last != page[len(page)-1]):
			t.Fatalf("a page from %s to %s ends with %s", page[0], page[len(page)-1], fin)
		}
		if backward {
			all, at = append(page, all...), first
		} else {
			all, at = append(all, page...), last
		}
		if fin.Attr("complete") == "true" {
			return all
		}
	}
}

// TestArchiveInBatch: what has been said in the same batch, but is not in the log yet, can be taken back.
func TestArchiveInBatch(t *testing.T) {
	t.Parallel()
	r := stopped(t)
	said := library(t, r, rand.New(rand.NewPCG(1, 1)), 20)
	if f, ok := r.past(lobby, said[3].id); !ok || f.Nick != said[3].nick || f.Kind != muc.Message {
		t.Errorf("of the log: %+v, %v", f, ok)
	}
	rec := spoken(r, r.next, r.now, "Bob", "now")
	r.records = append(r.records, rec)
	r.next++
	id := r.ids.of(r.next - 1)
	if f, ok := r.past(lobby, id); !ok || f.Nick != "Bob" {
		t.Errorf("of the batch: %+v, %v", f, ok)
	}
	if _, ok := r.past("other", id); ok {
		t.Error("a message of the lobby is found in another room")
	}
	if _, ok := r.past(lobby, r.ids.of(r.next)); ok {
		t.Error("an id of the future is found")
	}
}

// BenchmarkArchivePage is a page of 50 out of a room with a million messages, at a random place and in either direction,
// from the query to the bytes that leave, while somebody appends.
func BenchmarkArchivePage(b *testing.B) {
	const messages = 1_000_000
	r := stopped(b)
	rng := rand.New(rand.NewPCG(1, 2))
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	batch := func(n int) []store.Record {
		recs := make([]store.Record, n)
		for i := range recs {
			at = at.Add(time.Millisecond)
			recs[i] = spoken(r, r.store.Next()+uint64(i), at, "Bob", strings.Repeat("word ", 20))
		}
		return recs
	}
	for r.store.Next() <= messages {
		if err := r.store.Append(r.store.Next(), store.Batch{Records: batch(10_000)}); err != nil {
			b.Fatal(err)
		}
	}
	r.next = r.store.Next()
	stop, ended := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		defer func() { ended <- n }()
		for {
			select {
			case <-stop:
				return
			default:
			}
			if err := r.store.Append(r.store.Next(), store.Batch{Records: batch(10)}); err != nil {
				b.Error(err)
				return
			}
			n += 10
		}
	}()
	var buf []byte
	for _, direction := range []string{"before", "after"} {
		b.Run(direction, func(b *testing.B) {
			var slowest time.Duration
			for b.Loop() {
				begun := time.Now()
				set := stanza.New(stanza.NSRSM, "set").Add(stanza.Text(stanza.NSRSM, "max", "50"),
					stanza.Text(stanza.NSRSM, direction, r.ids.of(100+rng.Uint64N(messages-200))))
				sent := query(r, set, nil, false)
				if len(sent) != 51 {
					b.Fatalf("%d stanzas: %s", len(sent), sent[0].Stanza)
				}
				for _, s := range sent {
					buf = s.Stanza.AppendXMLTo(buf[:0], s.To[0])
				}
				slowest = max(slowest, time.Since(begun))
			}
			b.ReportMetric(float64(slowest.Microseconds())/1000, "max-ms")
		})
	}
	close(stop)
	b.ReportMetric(float64(<-ended), "appended")
}

// TestArchiveBounds: a search that would read too much is refused, and so is who asks too much at once; one
// that is told where to look is not.
func TestArchiveBounds(t *testing.T) {
	t.Parallel()
	r := stopped(t)
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	recs := make([]store.Record, maxSifted+maxPage)
	for i := range recs {
		recs[i] = spoken(r, r.next+uint64(i), at.Add(time.Duration(i)*time.Second), "Bob", "words")
	}
	if err := r.store.Append(r.next, store.Batch{Records: recs}); err != nil {
		t.Fatal(err)
	}
	r.next = r.store.Next()
	search := func(start string) string {
		form := stanza.New("jabber:x:data", "x", "type", "submit")
		for _, f := range [][2]string{{"with", "lobby@" + r.cfg.Desk.Domain + "/Carol"}, {"start", start}} {
			form.Add(stanza.New("jabber:x:data", "field", "var", f[0]).Add(stanza.Text("jabber:x:data", "value", f[1])))
		}
		sent := query(r, nil, form, false)
		if e, ok := stanza.ErrorOf(sent[0].Stanza); ok {
			return e.Type + "/" + e.Condition
		}
		return "complete=" + sent[0].Stanza.Child(stanza.NSMAM, "fin").Attr("complete")
	}
	if got := search(""); got != "wait/resource-constraint" {
		t.Errorf("a search through everything: %s", got)
	}
	if got := search(at.Add(time.Hour).Format(time.RFC3339)); got != "complete=true" {
		t.Errorf("a search through a part: %s", got)
	}
	var asks []*muc.Ask
	for range maxAsked + 1 {
		iq := stanza.New("", "iq", "type", "get", "id", "1", "from", asker, "to", "lobby@"+r.cfg.Desk.Domain).Add(stanza.New(stanza.NSMAM, "metadata"))
		asks = append(asks, r.rooms.Step(r.now, iq, "none").Asks...)
	}
	r.items = nil
	r.asking(asks)
	answered := 0
	for _, it := range r.items {
		if it.ask != nil {
			answered++
		}
	}
	if answered != maxAsked || len(r.items) != maxAsked+1 || r.items[maxAsked].el.Type() != "error" {
		t.Errorf("%d of %d questions are answered", answered, len(asks))
	}
}

// TestArchiveUnreadable: a record whose words cannot be read is a gap in a page, and not the end of the desk.
func TestArchiveUnreadable(t *testing.T) {
	t.Parallel()
	r := stopped(t)
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	recs := []store.Record{spoken(r, r.next, at, "Bob", "one"), spoken(r, r.next+1, at, "Bob", "two")}
	recs[0].Content = []byte("<message><bo")
	if err := r.store.Append(r.next, store.Batch{Records: recs}); err != nil {
		t.Fatal(err)
	}
	r.next = r.store.Next()
	sent := query(r, nil, nil, false)
	if len(sent) != 3 || r.broken != nil {
		t.Fatalf("%d stanzas, %v", len(sent), r.broken)
	}
	for i, want := range []string{"", "two"} {
		m := sent[i].Stanza.Child(stanza.NSMAM, "result").Child(stanza.NSForward, "forwarded").Child(stanza.NSClient, "message")
		if got := m.ChildText(stanza.NSClient, "body"); m == nil || got != want {
			t.Errorf("message %d says %q", i, got)
		}
	}
}

// TestRoomsAfterACrash: what a room's subject and vCard are follows from the log alone, where no snapshot was written.
func TestRoomsAfterACrash(t *testing.T) {
	t.Parallel()
	r := stopped(t)
	card := stanza.New("vcard-temp", "vCard").Add(stanza.Text("vcard-temp", "FN", "Us"))
	subject := stanza.New("", "message", "type", "groupchat").Add(stanza.Text("", "subject", "Today"))
	r.tickClock()
	r.rooming(muc.Out{Facts: []muc.Fact{{Kind: muc.Portrayed, Room: lobby, Words: card}, {Kind: muc.Subject, Room: lobby, Words: subject}}})
	if r.commit(); r.broken != nil {
		t.Fatal(r.broken)
	}
	r.store.Close()
	again, err := New(r.file, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer again.store.Close()
	for payload, want := range map[*stanza.Element]string{
		stanza.New("vcard-temp", "vCard"):       "<FN>Us</FN>",
		stanza.New(stanza.NSDiscoInfo, "query"): "<value>Today</value>",
	} {
		ask := stanza.New("", "iq", "type", "get", "id", "1", "from", asker, "to", "lobby@"+r.cfg.Desk.Domain).Add(payload)
		if out := again.rooms.Step(again.now, ask, "1"); len(out.Send) != 1 || !strings.Contains(out.Send[0].Stanza.String(), want) {
			t.Errorf("without %s: %v", want, out.Send)
		}
	}
}
