package relay

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"frontdesk/component/stanza"
	"frontdesk/dispatch"
	"frontdesk/muc"
	"frontdesk/store"
)

// caseLibrary writes a thread's archive and its case room's in a random order, with what is shown nowhere between them.
func caseLibrary(t *testing.T, r *Relay, rng *rand.Rand, n int) (*thread, []string) {
	c := &customer{N: 1, Name: "Alice", Bare: "alice@customers.localhost", Threads: map[string]uint64{"support": 1}}
	r.customers[1] = c
	th := &thread{N: 1, Queue: "support", Slug: "alice", Who: 1, customer: c, Opened: 1}
	r.named(th)
	var shown []string
	var records []store.Record
	first := r.store.Next()
	for i := range n {
		seq := first + uint64(i)
		e := &entry{seq: seq, at: time.Date(2026, 1, 1, 0, 0, i, 0, time.UTC), words: &words{Body: "x"}}
		if rng.IntN(60) == 0 {
			e.words.Body = strings.Repeat("x", 50<<10)
		}
		rec := store.Record{Time: e.at, Side: store.Agents, Archive: th.archive}
		visible := true
		switch rng.IntN(8) {
		case 0, 1, 2:
			e.kind, e.fact = uint16(dispatch.Said), dispatch.Fact{Thread: 1, Conversation: 1}
		case 3:
			e.kind, e.own = kindNoted, own{Thread: 1, By: "anna@agents.localhost"}
		case 4:
			e.kind, e.own, visible = kindTold, own{Thread: 1, To: "anna@agents.localhost"}, false
		case 5:
			e.kind, e.fact, e.words, visible = uint16(dispatch.Assigned), dispatch.Fact{Thread: 1, Conversation: 1, Agent: "anna@agents.localhost"}, nil, false
		default:
			f := muc.Fact{Kind: muc.Message, Room: "case.1", ID: r.ids.of(seq), From: "anna@agents.localhost", Nick: "Anna"}
			m := stanza.New("", "message", "type", "groupchat", "from", "case.1@desk.agents.localhost/Anna", "id", "m").Add(stanza.Text("", "body", e.words.Body))
			rec = store.Record{Time: e.at, Side: store.Agents, Archive: r.archiveOf(&f), Kind: uint16(f.Kind), Numbers: mustJSON(&f), Content: m.AppendXML(nil)}
			e = nil
		}
		if e != nil {
			rec.Kind = e.kind
			rec.Numbers, rec.Content, _ = e.encode(nil)
		}
		if visible {
			shown = append(shown, r.ids.of(seq))
		}
		records = append(records, rec)
	}
	if err := r.store.Append(first, store.Batch{Records: records}); err != nil {
		t.Fatal(err)
	}
	r.next = r.store.Next()
	return th, shown
}

// TestCaseRoomPages: the two archives of a case room are paged as one, in both directions, from anywhere, in pages of any
// size; nothing is left out or shown twice, and no page is longer than asked.
func TestCaseRoomPages(t *testing.T) {
	t.Parallel()
	for seed := range uint64(10) {
		rng := rand.New(rand.NewPCG(seed, 3))
		r := stopped(t)
		th, shown := caseLibrary(t, r, rng, 300+rng.IntN(600))
		for range 10 {
			size, back := 1+rng.IntN(maxPage), rng.IntN(2) == 0
			var got []string
			ask := store.Query{Limit: size, Before: r.next, Last: back}
			for more := true; more; {
				var page []store.Record
				var err error
				if page, more, err = r.caseRecords(th, ask, maxSifted, func(*store.Record) bool { return true }); err != nil {
					t.Fatal(err)
				}
				if len(page) > size || len(page) == 0 && more {
					t.Fatalf("seed %d: a page of %d, asked for %d, more %v", seed, len(page), size, more)
				}
				var ids []string
				for _, it := range r.itemsOf(page) {
					ids = append(ids, it.Fact.ID)
				}
				if back {
					got = append(ids, got...)
				} else {
					got = append(got, ids...)
				}
				if len(page) > 0 {
					if ask.After = page[len(page)-1].Seq; back {
						ask.After, ask.Before = 0, page[0].Seq
					}
				}
			}
			if !slices.Equal(got, shown) {
				t.Fatalf("seed %d, size %d, backward %v: %d items, want %d", seed, size, back, len(got), len(shown))
			}
		}
	}
}
