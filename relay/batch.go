package relay

import (
	"fmt"
	"slices"

	"frontdesk/component/stanza"
	"frontdesk/muc"
	"frontdesk/store"
)

// item is one thing to be sent once the batch is on disk, in order.
type item struct {
	entry *entry // a record to be rendered for both sides, or nil
	side  *side
	to    []stanza.JID // several addresses, or nil for the stanza's own
	el    *stanza.Element
	hush  bool // a signal: passed over while the side is catching up

	ask    *muc.Ask // a question for a room's archive as it was before a number, or nil
	before uint64
}

// note adds a record to the batch and returns its entry.
func (r *Relay) note(side store.Side, archive string, e *entry) *entry {
	e.seq, e.at = r.next, r.now
	rec := store.Record{Time: e.at, Side: side, Archive: archive, Kind: e.kind}
	rec.Numbers, rec.Content, r.arena = e.encode(r.arena)
	r.next++
	r.records = append(r.records, rec)
	r.items = append(r.items, item{entry: e})
	return e
}

// send queues a stanza that is no record's, behind what the batch has so far. nil is passed over.
func (r *Relay) send(s *side, el *stanza.Element) {
	if el != nil {
		r.items = append(r.items, item{side: s, el: el})
	}
}

// pass queues a signal: lost while the side is down or catching up.
func (r *Relay) pass(s *side, el *stanza.Element) {
	r.items = append(r.items, item{side: s, el: el, hush: true})
}

// fail ends the process after the present step; restart is recovery.
func (r *Relay) fail(err error) {
	if r.broken == nil {
		r.broken = err
	}
}

// commit makes the batch durable, then sends it.
func (r *Relay) commit() {
	if r.broken != nil {
		return
	}
	if len(r.records) > 0 || len(r.rows) > 0 {
		err := r.disk.keep(r.store, r.next-uint64(len(r.records)), store.Batch{Records: r.records, Rows: r.rows})
		if err != nil {
			r.fail(fmt.Errorf("keeping a batch in %s: %w", r.cfg.Data, err))
			return
		}
	}
	last := r.next - 1
	for i := range r.items {
		r.deliver(&r.items[i])
	}
	for _, s := range []*side{r.front, r.back} {
		if s.live {
			s.passed(last)
			if s.acked != s.saved && r.cursorAt.IsZero() {
				r.cursorAt = r.now.Add(cursorEvery)
			}
		}
	}
	clear(r.records)
	clear(r.rows)
	clear(r.items)
	clear(r.pending)
	clear(r.asked)
	r.sifted = 0
	r.records, r.rows, r.items = r.records[:0], r.rows[:0], r.items[:0]
	if r.arena = r.arena[:0]; cap(r.arena) > maxArena {
		r.arena = nil
	}
	if r.next >= r.snapshotAt {
		r.snapshot()
	}
}

// flush commits what the batch has so far, for who reads the log in the middle of it.
func (r *Relay) flush() {
	if r.back != nil { // else the process only begins
		r.commit()
	}
}

// deliver sends one item of a committed batch.
func (r *Relay) deliver(it *item) {
	switch {
	case it.entry != nil:
		r.handOut(it.entry, nil)
	case it.hush && !it.side.live:
	case it.ask != nil:
		for _, s := range r.answerRoom(it.ask, it.before).Send {
			it.side.link.SendTo(s.Stanza, s.To, 0)
		}
	case it.to != nil:
		it.side.link.SendTo(it.el, it.to, 0)
	default:
		it.side.link.Send(it.el, 0)
	}
}

// handOut sends what a record gives: to the side only, which is catching up, or else to both as
// far as they are live; the rest is read from the log later. False where something was lost.
//
// Only the last stanza of a record for a side carries the record's number: an acknowledgement of
// the ones before it must not move the cursor past it.
func (r *Relay) handOut(e *entry, only *side) bool {
	r.outs = r.outs[:0]
	r.render(e, func(s *side, el *stanza.Element) {
		if only == s || only == nil && s.live {
			r.outs = append(r.outs, item{side: s, el: el})
		}
	})
	whole := true
	for i, o := range r.outs {
		mark := e.seq
		if slices.ContainsFunc(r.outs[i+1:], func(later item) bool { return later.side == o.side }) {
			mark--
		}
		if only == nil && !o.side.live {
			continue // it was lost from this record on
		}
		if !o.side.hand(o.el, mark) {
			whole = false
			if only != nil {
				break
			}
			o.side.live = false
			o.side.passed(e.seq - 1)
		}
	}
	clear(r.outs)
	return whole
}
