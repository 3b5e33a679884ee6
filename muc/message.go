package muc

import (
	"time"

	"frontdesk/component/stanza"
)

const nsHints = "urn:xmpp:hints" // XEP-0334

// groupMessages: what is said to all (§7.4), with the id that its sender gave it.
func groupMessages() feature {
	spoofed := named(
		"urn:xmpp:carbons:2", // a room relays no copies of other conversations,
		stanza.NSForward,
		stanza.NSMAM,
		stanza.NSDelay, "jabber:x:delay", // says itself when something was said
		stanza.NSNick, // and by whom,
		"http://jabber.org/protocol/address",
		"urn:xmpp:privilege:1", "urn:xmpp:privilege:2", "urn:xmpp:delegation:2",
		"urn:xmpp:jingle-message:0", "urn:xmpp:jingle-message:1", // and carries no calls
		"urn:xmpp:message-moderate:0", "urn:xmpp:message-moderate:1",
	)
	stable := nsMUC + "#stable_id"
	return feature{service: []string{stable}, room: always(stable), forged: spoofed}
}

// speak is a message of type groupchat to the room.
func (st *step) speak(sess *session) error {
	if sess == nil {
		return errAcceptable
	}
	if st.in.Has("", "subject") && !st.in.Has("", "body") && !st.in.Has("", "thread") {
		return st.setSubject(sess)
	}
	if sess.occ.role < participant {
		return errForbidden
	}
	m, err := st.said(sess.occ)
	if err != nil {
		return err
	}
	target, err := st.retracts(m, sess.occ)
	if err != nil {
		return err
	}
	switch {
	case target != "": // kept whatever its sender wishes (XEP-0424 §5)
		m.Add(st.stanzaID())
		st.decide(Fact{Kind: Retracted, Room: st.room.local, ID: st.id, From: string(sess.occ.bare), Nick: sess.occ.nick, Target: target, Words: m})
	case lasting(m):
		m.Add(st.stanzaID())
		st.decide(Fact{Kind: Message, Room: st.room.local, ID: st.id, From: string(sess.occ.bare), Nick: sess.occ.nick, Words: m})
	}
	st.toAll(m)
	if m.Has("", "body") {
		e := Event{Kind: Spoke, Room: st.room.local, JID: sess.jid, Nick: sess.occ.nick, Stanza: m}
		st.out.Events = append(st.out.Events, e)
	}
	return nil
}

// said is the message as it leaves for others: from the occupant, without what is forged.
func (st *step) said(o *occupant) (*stanza.Element, error) {
	m := st.s.passed(st.in, "message")
	typ := st.in.Type()
	switch typ {
	case "groupchat", "chat", "normal", "":
	default:
		typ = "normal" // RFC 6121 §5.2.2
	}
	id := st.in.ID()
	if id == "" {
		id = st.id
	}
	m.Set("type", typ).Set("from", string(st.room.address(o.nick))).Set("id", id)
	if size(m) > st.s.limit-headroom && len(m.AppendXML(nil)) > st.s.limit-headroom {
		return nil, errTooLong
	}
	return m.Add(occupantID(o)), nil
}

// toAll sends a message, which stays as it is, to every session.
func (st *step) toAll(m *stanza.Element) {
	st.out.send(addressed(m), st.room.everyone()...)
}

// addressed is a copy of a message that can be given a to.
func addressed(m *stanza.Element) *stanza.Element {
	c := *m
	c.Attrs = append(make([]stanza.Attr, 0, len(m.Attrs)+1), m.Attrs...)
	return &c
}

// size is cheap and never less than the XML of an element: every character counts
// as an escaped one.
func size(e *stanza.Element) int {
	n := 2*len(e.Local) + 6*len(e.Space) + 20
	for _, a := range e.Attrs {
		n += len(a.Local) + 6*(len(a.Space)+len(a.Value)) + 30
	}
	for _, c := range e.Nodes {
		if c.Element != nil {
			n += size(c.Element)
		} else {
			n += 6 * len(c.Text)
		}
	}
	return n
}

// lasting reports whether a message is kept in the log (XEP-0313 §5.1.3): words, what changes
// words said before, and what asks for it; not what asks for the contrary.
func lasting(m *stanza.Element) bool {
	if m.Has(nsHints, "no-store") || m.Has(nsHints, "no-permanent-store") {
		return false
	}
	return historic(m) || m.Has(nsHints, "store")
}

// historic reports whether a message is part of the discussion that newcomers get:
// markers, though kept, would crowd it out.
func historic(m *stanza.Element) bool {
	for c := range m.Elements() {
		switch {
		case c.Is("", "body"),
			c.Is("urn:xmpp:reactions:0", "reactions"),     // XEP-0444
			c.Is("urn:xmpp:message-retract:1", "retract"), // XEP-0424
			c.Is("urn:xmpp:message-correct:0", "replace"), // XEP-0308
			c.Is("urn:xmpp:fasten:0", "apply-to"),         // XEP-0422
			c.Is("urn:xmpp:eme:0", "encryption"),          // XEP-0380
			c.Is("jabber:x:oob", "x"),                     // XEP-0066
			c.Is("urn:xmpp:sfs:0", "file-sharing"),        // XEP-0447, which may come without a body
			c.Is("urn:xmpp:sfs:0", "sources"):
			return true
		}
	}
	return false
}

// Echo reflects a group message to its sender's own sessions only and keeps nothing: for commands
// typed into a room, so that the client sees its message delivered. False where the sender is no occupant.
func (s *Service) Echo(now time.Time, in *stanza.Element, id string) (Out, bool) {
	st := s.begin(now, in, id)
	sess := st.session()
	if sess == nil || st.to.Resource() != "" || in.Type() != "groupchat" {
		return Out{}, false
	}
	st.confirm(sess)
	m, err := st.said(sess.occ)
	if err != nil {
		st.refuse(err)
		return st.out, true
	}
	st.out.send(addressed(m), sess.occ.appendJIDs(nil)...)
	return st.out, true
}
