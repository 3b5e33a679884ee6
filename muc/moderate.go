package muc

import (
	"slices"
	"strings"
	"time"

	"frontdesk/component/stanza"
)

const (
	nsRetract     = "urn:xmpp:message-retract:1" // XEP-0424
	nsModerate    = "urn:xmpp:message-moderate:1"
	nsFasten      = "urn:xmpp:fasten:0" // XEP-0422, under the first version of XEP-0425
	nsModerateOld = "urn:xmpp:message-moderate:0"
	nsRetractOld  = "urn:xmpp:message-retract:0"
)

// retractions: who said something takes it back (XEP-0424), or a moderator does (XEP-0425). History and archive then show
// that something was said, and when and by whom it was taken back; the log keeps it.
func retractions() feature {
	return feature{
		room: always(nsModerate, nsModerateOld, nsRetract, nsRetract+"#tombstone"),
		iq: []handler{
			{atRoom, "set", nsModerate, "moderate", (*step).moderate},
			{atRoom, "set", nsFasten, "apply-to", (*step).moderateOld},
		},
		forged: func(c *stanza.Element) bool { // only a room moderates, and only an archive has tombstones
			return c.Is(nsRetract, "retracted") || c.Has(nsModerate, "moderated") || c.Has(nsModerateOld, "moderated")
		},
	}
}

// retracts says what a group message takes back: a message of the same person. Of somebody else's it is refused; of what
// is not known it means nothing here.
func (st *step) retracts(m *stanza.Element, by *occupant) (id string, err error) {
	if id = retracting(m); id == "" {
		return "", nil
	}
	f, ok := st.past(id)
	switch {
	case !ok:
		return "", nil
	case f.From != string(by.bare):
		return "", errForbidden
	}
	return id, nil
}

// retracting returns the id of what a message takes back, "" where it takes back nothing.
func retracting(m *stanza.Element) string {
	if c := m.Child(nsRetract, "retract"); c != nil {
		return c.Attr("id")
	}
	return ""
}

// past finds a message that may be taken back, in the room of the step.
func (st *step) past(id string) (Fact, bool) {
	if st.s.past == nil || id == "" {
		return Fact{}, false
	}
	f, ok := st.s.past(st.room.local, id)
	return f, ok && f.Kind == Message && f.Room == st.room.local
}

func (st *step) moderate() error {
	q := st.in.First()
	if !q.Has(nsRetract, "retract") {
		return errBadRequest
	}
	return st.moderated(q.Attr("id"), q.ChildText(nsModerate, "reason"))
}

func (st *step) moderateOld() error {
	q := st.in.First()
	m := q.Child(nsModerateOld, "moderate")
	if !m.Has(nsRetractOld, "retract") {
		return errBadRequest
	}
	return st.moderated(q.Attr("id"), m.ChildText(nsModerateOld, "reason"))
}

// moderated takes a message back on a moderator's behalf, and tells everybody, in both versions.
func (st *step) moderated(id, reason string) error {
	who := st.actor()
	if who.role() < moderator {
		return errForbidden
	}
	if _, ok := st.past(id); !ok {
		return errNotFound
	}
	by := string(st.room.address(who.nick()))
	retract := stanza.New(nsRetract, "retract", "id", id).
		Add(stanza.New(nsModerate, "moderated", "by", by).Add(occupantID(who.occupant)))
	moderated := stanza.New(nsModerateOld, "moderated", "by", by).
		Add(stanza.New(nsRetractOld, "retract"), occupantID(who.occupant))
	if reason = cut(strings.TrimSpace(reason), maxStatus); reason != "" {
		retract.Add(stanza.Text(nsRetract, "reason", reason))
		moderated.Add(stanza.Text(nsModerateOld, "reason", reason))
	}
	m := stanza.New("", "message", "type", "groupchat", "from", string(st.room.jid), "id", st.id).
		Add(retract, stanza.New(nsFasten, "apply-to", "id", id).Add(moderated), st.stanzaID())
	st.decide(Fact{Kind: Retracted, Room: st.room.local, ID: st.id, From: string(who.bare), Nick: who.nick(), Target: id, Words: m})
	st.toAll(m)
	return st.result()
}

// tombstone is what remains of a message: who said it, its ids, and what took it back.
func tombstone(m *stanza.Element, by *Fact) *stanza.Element {
	t := stanza.New("", "message", "type", m.Type(), "from", m.Attr("from"), "id", m.ID())
	gone := stanza.New(nsRetract, "retracted", "stamp", stamp(by.At))
	if by.Words != nil {
		gone.Set("id", by.Words.ID())
		retract := by.Words.Child(nsRetract, "retract")
		gone.Add(retract.Child(nsModerate, "moderated").Clone(), retract.Child(nsRetract, "reason").Clone())
	}
	return t.Add(gone, m.Child(nsOccupant, "occupant-id"), m.Child(stanza.NSSID, "stanza-id"))
}

// Corrects returns the message's own id (not its stanza-id) of what a fact with Words corrects (XEP-0308), "" where it
// corrects nothing: with what its author said under that id it is taken back.
func (f *Fact) Corrects() string {
	if f.Words == nil || f.Kind != Message {
		return ""
	}
	return corrects(f.Words)
}

func corrects(m *stanza.Element) string {
	if c := m.Child("urn:xmpp:message-correct:0", "replace"); c != nil {
		return c.Attr("id")
	}
	return ""
}

// Erased is what an archive shows in the place of words that are gone from the log (XEP-0424 §5). When that happened is not kept:
// the stamp is the message's own.
func Erased(at time.Time) *stanza.Element {
	return stanza.New(nsRetract, "retracted", "stamp", stamp(at))
}

// Erase forgets what of a fact (by its ID) is in a room's memory: in the history, and as the subject.
func (s *Service) Erase(room, id string) {
	r := s.rooms[room]
	if r == nil {
		return
	}
	r.past.erase(id)
	if r.topic.words != nil && r.topic.id() == id {
		r.topic = topic{}
	}
}

// Topic returns the ID of the fact that a room's subject is from, "" for none.
func (s *Service) Topic(room string) string {
	if r := s.rooms[room]; r != nil && r.topic.words != nil {
		return r.topic.id()
	}
	return ""
}

func (h *history) erase(id string) {
	h.said = slices.DeleteFunc(h.said, func(x remark) bool {
		if x.id == id {
			h.bytes -= len(x.xml)
		}
		return x.id == id
	})
}

// retract puts a tombstone into the history, where the message is in it, and in the place of its corrections.
func (h *history) retract(by *Fact) {
	var gone *stanza.Element
	for i := range h.said {
		x := &h.said[i]
		if gone == nil && x.id != by.Target {
			continue
		}
		m, err := stanza.Parse(x.xml)
		if err != nil {
			return // cannot be: it is what our writer wrote
		}
		if gone == nil {
			gone = m
		} else if m.ID() == "" || corrects(m) != gone.ID() || author(m) != author(gone) {
			continue
		}
		h.bytes -= len(x.xml)
		x.xml = tombstone(m, by).String()
		h.bytes += len(x.xml)
	}
}

// author is the occupant id of who said something.
func author(m *stanza.Element) string {
	if c := m.Child(nsOccupant, "occupant-id"); c != nil {
		return c.Attr("id")
	}
	return ""
}
