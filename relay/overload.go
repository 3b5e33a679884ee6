package relay

import (
	"sync/atomic"
	"time"

	"frontdesk/component"
	"frontdesk/component/stanza"
)

// maxRefusals is how many bytes may wait to be written on a link before refusals are not written any more: they must not stand in the way of messages.
const maxRefusals = 1 << 20

// tellAgain is how often the log says at most that the disk is slow, or that more comes in than can be taken.
const tellAgain = time.Minute

// seldom is true once in tellAgain. Safe for concurrent use.
type seldom struct{ last atomic.Int64 }

func (s *seldom) now(at time.Duration) bool {
	last := s.last.Load()
	return (last == 0 || at-time.Duration(last) >= tellAgain) && s.last.CompareAndSwap(last, int64(at))
}

var errOverload = stanza.Error{Type: "wait", Condition: "resource-constraint", Text: "You send more than can be taken. Wait a moment, then send this again."}

// came takes what a link tells, in the link's own goroutine: into the inbox, or it is answered at once.
func (r *Relay) came(s *side, e component.Event) {
	v := r.inbox.put(event{side: s, Event: e})
	if v == letIn {
		return
	}
	if r.shed.now(max(time.Since(r.disk.epoch), 1)) {
		events, bytes, dropped, refused := r.inbox.figures()
		r.log.Warn("more comes in than can be taken: typing is passed over, and senders are asked to wait", "from", e.Stanza.From().Bare(),
			"waiting", events, "bytes", bytes, "passed_over_so_far", dropped, "refused_so_far", refused)
	}
	if v == passedOver || s.link.Stats().Buffered > maxRefusals {
		return // a client that gets neither receipt nor error sends again
	}
	refusal := errOverload
	if shelf := r.shelf.Load(); s.customers && shelf != nil {
		if set := shelf.sets[e.Stanza.To().Local()]; set != nil {
			refusal = r.inWords(refusal, set, e.Stanza.Lang(), "full")
		}
	}
	if reply := refusal.Reply(e.Stanza); reply != nil {
		s.link.Send(reply, 0) // where it cannot be sent now, see above
	}
}
