package muc

import (
	"slices"
	"strings"
	"time"

	"frontdesk/component/stanza"
)

// tombs are rooms that their owners destroyed (§10.9): nobody enters there again, but is shown the way. Who
// destroyed one may make it anew, unless it has moved elsewhere: nobody else gets those who still know the
// name. At most maxTombs, the oldest go.
type tombs struct {
	byName map[string]tomb
	order  []string
}

type tomb struct {
	Room  string    `json:"room"`
	Venue string    `json:"venue,omitempty"` // the room to go to instead
	By    string    `json:"by,omitempty"`    // who destroyed it; "" where a snapshot of before does not say
	At    time.Time `json:"at"`
}

func (t *tombs) add(x tomb) {
	if _, twice := t.byName[x.Room]; !twice {
		t.order = append(t.order, x.Room)
	}
	t.byName[x.Room] = x
	for len(t.order) > maxTombs {
		delete(t.byName, t.order[0])
		t.order = t.order[1:]
	}
}

// remove lets the name go: a room is there again.
func (t *tombs) remove(room string) {
	if _, ok := t.byName[room]; ok {
		delete(t.byName, room)
		t.order = slices.DeleteFunc(t.order, func(x string) bool { return x == room })
	}
}

func (t tomb) opens(bare stanza.JID) bool { return t.Venue == "" && t.By == string(bare) }

func gone(t tomb) error {
	e := stanza.Error{Type: "cancel", Condition: "gone"}
	if t.Venue != "" {
		e.URI = "xmpp:" + t.Venue + "?join"
	}
	return e
}

// destroy is an owner's wish.
func (st *step) destroy(d *stanza.Element) error {
	if st.room.named {
		return errNotAllowed // the config's
	}
	venue := stanza.JID(d.Attr("jid")).Bare()
	if venue != "" && (!addressable(venue) || venue == st.room.jid) {
		return errMalformed
	}
	st.end(st.from.Bare(), venue, cut(strings.TrimSpace(d.ChildText(nsOwner, "reason")), maxStatus),
		cut(d.ChildText(nsOwner, "password"), maxStatus))
	return st.result()
}

// end closes a room for all who are in it, each of whom is told of himself alone. by is "" where
// nobody is to be kept from making it anew.
func (st *step) end(by, venue stanza.JID, reason, password string) {
	r := st.room
	for _, o := range append([]*occupant(nil), r.occupants...) {
		if o.ours() {
			continue
		}
		o.affiliation = None // §10.9, whatever he was
		st.expel(r, o, notice{ended: ended(venue, reason, password)})
	}
	st.decide(Fact{Kind: Destroyed, Room: r.local, From: string(by), JID: strings.Clone(string(venue)), Reason: reason})
}

func ended(venue stanza.JID, reason, password string) *stanza.Element {
	d := stanza.New(nsUser, "destroy", "jid", string(venue))
	if reason != "" {
		d.Add(stanza.Text(nsUser, "reason", reason))
	}
	if password != "" {
		d.Add(stanza.Text(nsUser, "password", password))
	}
	return d
}

func (s *Service) applyDestroyed(f Fact) {
	if r := s.rooms[f.Room]; r != nil && r.named {
		return
	}
	s.drop(f.Room)
	if f.From != "" {
		s.tombs.add(tomb{Room: f.Room, Venue: f.JID, By: f.From, At: f.At})
	}
}

// sweep ends the rooms that somebody left last and that are not to stay: the temporary ones, and those that
// were never configured (§4.2, §10.1.3).
func (st *step) sweep() {
	for _, r := range st.left {
		if r.fleeting() && st.s.rooms[r.local] == r {
			st.decide(Fact{Kind: Destroyed, Room: r.local})
		}
	}
	st.left = nil
}

// fleeting reports whether the room has nobody left to stay for.
func (r *room) fleeting() bool {
	return r.open && !r.named && len(r.sessions) == 0 && (r.locked || !r.set.Persistent)
}
