package relay

import (
	"context"
	"time"

	"frontdesk/component"
	"frontdesk/component/stanza"
)

// link is what a side has of a component.Link; tests have one without a server.
type link interface {
	Run(context.Context) error
	Send(s *stanza.Element, mark uint64) error
	SendTo(s *stanza.Element, to []stanza.JID, mark uint64) error
	Stats() component.Stats
}

// side is one link and how far the log has gone out on it.
type side struct {
	name, domain string
	customers    bool // theirs, not the agents'
	link         link
	up           bool
	live         bool   // up, and everything up to the last commit has been handed over
	sent         uint64 // every record up to here has been rendered for it
	mark         uint64 // highest record of which a stanza was handed to the link since it came up
	acked        uint64 // the cursor: the server has read everything up to here
	saved        uint64 // the cursor in the file
}

// chunk bounds how many records catchUp reads at a time; it reads no further while the link has more than maxAhead bytes to write.
const (
	chunk    = 512
	maxAhead = 1 << 20
)

// hand gives a record's stanza to the link; false where it was lost.
func (s *side) hand(el *stanza.Element, seq uint64) bool {
	switch err := s.link.Send(el, seq); err {
	case nil:
		s.mark = max(s.mark, seq)
	case component.ErrDown, component.ErrFull:
		return false
	} // what the gate refused never goes, so nothing waits for it
	return true
}

// passed notes that the records up to seq have been rendered. What gave no stanza needs no answer.
func (s *side) passed(seq uint64) {
	s.sent = max(s.sent, seq)
	if s.acked >= s.mark {
		s.acked = s.sent
	}
}

// confirm moves the cursor: the server has read up to that record.
func (s *side) confirm(mark uint64) {
	s.acked = max(s.acked, mark)
	if s.acked >= s.mark {
		s.acked = s.sent
	}
}

// up starts to send again from the cursor.
func (r *Relay) up(s *side) {
	s.up, s.live, s.sent, s.mark = true, false, s.acked, s.acked
	if s == r.back {
		r.deskUp()
	} else {
		r.frontUp()
	}
}

func (r *Relay) down(s *side) {
	s.up, s.live = false, false
	if s == r.back {
		r.deskDown()
	}
}

// catchUp reads from the log what a side has not been sent, a chunk at a time, until it is live.
func (r *Relay) catchUp(s *side) {
	if !s.up || s.live || r.broken != nil || s.mark > s.acked && s.link.Stats().Buffered > maxAhead { // then Acked comes
		return
	}
	recs, err := r.store.Scan(s.sent+1, chunk)
	if err != nil {
		r.fail(err)
		return
	}
	for _, rec := range recs {
		if rec.Kind < 100 || rec.Kind >= 200 { // rooms are resynchronised, not replayed
			e, err := decode(rec)
			if err != nil {
				r.fail(err)
				return
			}
			if !r.handOut(e, s) {
				return // Drained, or Up, comes
			}
		}
		s.passed(rec.Seq)
	}
	if len(recs) < chunk {
		s.live = true
		return
	}
	r.inbox.poke() // go on
}

// saveCursors puts both cursors into the batch.
func (r *Relay) saveCursors() {
	r.cursorAt = time.Time{}
	for _, s := range []*side{r.front, r.back} {
		if s.acked != s.saved {
			s.saved = s.acked
			r.put(tableMeta, "cursor/"+s.name, s.acked)
		}
	}
}
