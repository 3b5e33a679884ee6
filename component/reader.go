package component

import (
	"errors"

	"frontdesk/component/stanza"
)

// read reads and delivers until the stream ends; the error says how.
func (l *Link) read(c *line) error {
	r := stanza.NewReader(c.in, l.cfg.MaxStanza)
	for {
		e, err := r.Next()
		switch {
		case errors.Is(err, stanza.ErrInvalid):
			l.unusable(c, e, err)
			continue
		case err != nil:
			return err
		case e.Is(stanza.NSStream, "error"):
			return streamError(e)
		case e.Space != "" || e.Local != "message" && e.Local != "presence" && e.Local != "iq":
			continue // of no meaning in XEP-0114
		}
		if n, ok := c.loopback(e); ok {
			if err := l.proven(c, n); err != nil {
				return err
			}
			continue
		}
		l.in.Add(1)
		l.tell(c, Event{Link: l, Kind: Stanza, Stanza: e, Size: r.Size()})
	}
}

// tell delivers a stanza, or keeps it until Up.
func (l *Link) tell(c *line, e Event) {
	if c.told || c.heldSize > maxHeld {
		l.release(c)
		l.deliver(e)
		return
	}
	c.held = append(c.held, e)
	c.heldSize += e.Size
}

// release delivers what waited for Up.
func (l *Link) release(c *line) {
	held := c.held
	c.held = nil
	for _, e := range held {
		l.deliver(e)
	}
}

// proven acts on ping n having come back.
func (l *Link) proven(c *line, n uint64) error {
	p, err := c.returned(n)
	if err != nil {
		return err
	}
	if p.up {
		l.up(c)
	}
	if p.acked > 0 {
		l.deliver(Event{Link: l, Kind: Acked, Mark: p.acked})
	}
	if p.drained {
		l.deliver(Event{Link: l, Kind: Drained})
	}
	return nil
}

// unusable answers a stanza that was well-formed enough to be passed over, so that who
// sent it does not wait. Presence is not answered, nor is what is an answer itself.
func (l *Link) unusable(c *line, head *stanza.Element, err error) {
	n := l.unreadable.Add(1)
	if powerOfTwo(n) {
		l.cfg.Log.Warn("stanza passed over", "err", err, "so_far", n)
	}
	if head == nil || head.Space != "" || head.Local != "message" && head.Local != "iq" {
		return
	}
	refusal := stanza.Error{Type: "modify", Condition: "bad-request"}
	if errors.Is(err, stanza.ErrTooLong) {
		refusal = stanza.Error{Type: "modify", Condition: "policy-violation", Text: "too long"}
	}
	if reply := refusal.Reply(head); reply != nil && reply.To() != "" {
		l.Send(reply, 0) // where it cannot be sent now, nobody will miss it
	}
}
