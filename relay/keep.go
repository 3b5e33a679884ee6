package relay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"frontdesk/config"
	"frontdesk/muc"
	"frontdesk/store"
)

// How long words are kept: the configuration's keep, in days. The log is gone through from its beginning once for each number of days that
// there is, a piece with every step, and what is older and falls under that number loses its words. The places where they stood are overwritten
// beside the loop once all is through.

const (
	keepEvery = time.Hour              // after the log was through
	keepPause = 200 * time.Millisecond // between two pieces
	keepPiece = 1000                   // records in one piece
)

// kept is how far the log was gone through, a row of tableMeta. The JSON names are in files for ever.
type kept struct {
	Rules string         `json:"rules"`           // by which: other ones begin anew
	Next  map[int]uint64 `json:"next,omitempty"`  // by days: the next record
	Scrub bool           `json:"scrub,omitempty"` // words were erased since the file was last overwritten
}

// keptSoFar is the row.
func (r *Relay) keptSoFar() *kept {
	if r.kept == nil {
		r.kept = &kept{}
		r.row(tableMeta, "kept", r.kept)
	}
	return r.kept
}

// rules are the numbers of days that there are, and all of them as a text.
func (r *Relay) rules() (days []int, text string) {
	var b strings.Builder
	add := func(name string, customers, agents int) {
		days = append(days, customers, agents)
		fmt.Fprintf(&b, "%s %d %d\n", name, customers, agents)
	}
	add("", r.cfg.Keep.Customers, r.cfg.Keep.Agents)
	for i := range r.cfg.Queues {
		q := &r.cfg.Queues[i]
		add(q.Name, q.Keep, q.KeepAgents)
	}
	slices.Sort(days)
	days = slices.Compact(days)
	if days[0] == 0 {
		days = days[1:]
	}
	return days, b.String()
}

// keep takes the words from a piece of the log, if it is time to.
func (r *Relay) keep() {
	if !r.keepAt.IsZero() && r.keepAt.After(r.now) || r.broken != nil {
		return
	}
	r.keepAt = r.now.Add(keepEvery)
	days, rules := r.rules()
	k := r.keptSoFar()
	if k.Rules != rules {
		*k = kept{Rules: rules, Scrub: k.Scrub}
	}
	for _, d := range days {
		next, through := r.keepPiece(d, max(k.Next[d], 1))
		if next > max(k.Next[d], 1) {
			if k.Next == nil {
				k.Next = map[int]uint64{}
			}
			k.Next[d] = next
			r.put(tableMeta, "kept", k)
		}
		if !through {
			r.keepAt = r.now.Add(keepPause)
			return
		}
	}
	r.scrub()
}

var errPiece = errors.New("relay: a piece is full")

// keepPiece goes through the log from a record on, for what is kept for so many days. It returns where the next piece begins, and
// whether the log is through.
func (r *Relay) keepPiece(days int, from uint64) (next uint64, through bool) {
	before, sent := r.now.AddDate(0, 0, -days), min(r.front.acked, r.back.acked)
	queues := map[string]*config.Queue{}
	var gone []uint64
	var spoken []muc.Fact
	next = from
	err := r.store.Replay(from, func(rec store.Record) error {
		switch {
		case !rec.Time.Before(before), rec.Seq > sent: // what somebody has not been sent yet keeps its words
			through = true
			return errPiece
		case rec.Seq-from == keepPiece:
			return errPiece
		}
		next = rec.Seq + 1
		if r.keptFor(&rec, queues) != days {
			return nil
		}
		gone = append(gone, rec.Seq)
		if rec.Kind >= 100 && rec.Kind < 200 {
			if f, err := decodeMuc(rec); err == nil {
				spoken = append(spoken, f)
			}
		}
		return nil
	})
	if err == nil {
		through = true
	}
	n := 0
	if len(gone) > 0 && (err == nil || err == errPiece) {
		n, err = r.store.Erase(gone)
	}
	if err != nil && err != errPiece {
		r.fail(fmt.Errorf("erasing old words: %w", err))
		return from, true
	}
	for i := range spoken {
		r.rooms.Erase(spoken[i].Room, spoken[i].ID)
	}
	if r.counts.erased += uint64(n); n > 0 {
		r.kept.Scrub = true
	}
	return next, through
}

// keptFor is for how many days a record's words are kept; 0 is for ever. queues remembers the queues of threads, by archive.
func (r *Relay) keptFor(rec *store.Record, queues map[string]*config.Queue) int {
	switch rec.Kind {
	case kindCanned, kindStaffed:
		return 0 // how the desk is set up
	case uint16(muc.Subject):
		if f, err := decodeMuc(*rec); err != nil || r.rooms.Topic(f.Room) == f.ID {
			return 0 // it is still the subject
		}
	}
	n := threadOf(rec.Archive)
	if aside, ok := strings.CutPrefix(rec.Archive, "aside:"); ok {
		n = caseOf(aside)
	}
	if _, open := r.desk.Thread(n); open {
		if t := r.thread(n); t == nil || rec.Seq >= t.Opened {
			return 0 // until it is closed: see keepFrom
		}
	}
	q, known := queues[rec.Archive]
	if !known {
		q = r.keptLike(n)
		queues[rec.Archive] = q
	}
	if uttered(rec.Kind) || rec.Kind == kindTold && toCustomer(*rec) {
		return q.Keep
	}
	return q.KeepAgents
}

// keptLike is the queue of a thread or, where there is none, one that says nothing of its own.
func (r *Relay) keptLike(n uint64) *config.Queue {
	var t thread
	if n != 0 && r.row(tableThread, strconv.FormatUint(n, 10), &t) {
		for i := range r.cfg.Queues {
			if q := &r.cfg.Queues[i]; q.Name == t.Queue {
				return q
			}
		}
	}
	return &config.Queue{Keep: r.cfg.Keep.Customers, KeepAgents: r.cfg.Keep.Agents}
}

// keepFrom has what was passed over while a conversation was open looked at again.
func (r *Relay) keepFrom(seq uint64) {
	if r.kept == nil {
		return
	}
	changed := false
	for d, next := range r.kept.Next {
		if next > seq {
			r.kept.Next[d], changed = seq, true
		}
	}
	if changed {
		r.put(tableMeta, "kept", r.kept)
	}
}

// scrub overwrites what was erased, beside the loop. What is cut short by the end begins anew after it.
func (r *Relay) scrub() {
	if !r.kept.Scrub || r.scrubbing || r.life == nil {
		return
	}
	r.scrubbing = true
	s, erased := r.store, r.counts.erased
	r.beside.Go(func() {
		pages, err := s.Scrub(r.life)
		r.inbox.put(event{then: func() {
			r.scrubbing = false
			switch {
			case errors.Is(err, context.Canceled):
			case err != nil:
				r.fail(err)
			default:
				r.kept.Scrub = r.counts.erased != erased
				r.put(tableMeta, "kept", r.kept)
				r.log.Info("old words were erased, and the places where they stood", "pages", pages)
			}
		}})
	})
}
