package component

import (
	"fmt"

	"frontdesk/component/stanza"
)

// gate refuses what a server would answer by closing the stream: Prosody for a
// foreign from or an unknown name, ejabberd also for a missing from or to. That the XML
// is legal is the writer's doing, and a stanza's size is known when it is rendered.
func (l *Link) gate(s *stanza.Element) error {
	switch {
	case s == nil:
		return l.refuse(stanza.New("", "nothing"), "no stanza")
	case s.Space != "" || s.Local != "message" && s.Local != "presence" && s.Local != "iq":
		return l.refuse(s, "not a stanza")
	case s.From().Domain() != l.cfg.Domain:
		return l.refuse(s, "from is not on our domain")
	}
	return nil
}

// refuse counts and logs a fault of ours; the log doubles its distance with each repeat.
func (l *Link) refuse(s *stanza.Element, why string) error {
	n := l.refused.Add(1)
	if powerOfTwo(n) {
		l.cfg.Log.Error("stanza refused at the gate: this is a fault of frontdesk", "why", why, "stanza", s.Local, "type", s.Type(), "so_far", n)
	}
	return fmt.Errorf("%w: %s: %s", ErrGate, s.Local, why)
}

func powerOfTwo(n uint64) bool { return n&(n-1) == 0 }
