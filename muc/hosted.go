package muc

import (
	"slices"
	"strings"
	"time"

	"frontdesk/component/stanza"
)

// Hosted rooms come and go as the caller wishes; people neither make, change nor end them. Nobody whom they do not admit
// learns that they are there. Their messages are facts as in any room; the rooms themselves are in no snapshot, and what
// they were told before is given anew by Recall. In them sit guests: occupants without a client, whose words the caller
// mirrors from somewhere else.

// Guest is an occupant for whom the caller speaks.
type Guest struct {
	Key  string // names him for ever: his occupant id (XEP-0421) follows from it
	Nick string
}

// Host opens a room, or makes an open one what rc says now, and tells those who are in it. Its Affiliations and Nicks
// are shared with the service: lower case, and not changed any more.
func (s *Service) Host(now time.Time, rc RoomConfig) Out {
	st := &step{s: s, now: now}
	r := s.rooms[strings.ToLower(rc.Local)]
	if r == nil {
		r = s.newRoom(strings.ToLower(rc.Local))
		r.open, r.named, r.hosted = true, true, true
		if rc.History > 0 {
			r.past.limit = rc.History
		}
		r.past.most = madeHistory
		if rc.Service != "" {
			r.desk = r.settle(s, &occupant{nick: rc.Service, affiliation: Owner, role: moderator})
		}
	}
	if !r.hosted {
		return st.out
	}
	r.rank.floor, r.nicks, r.reserved = rc.Affiliations, rc.Nicks, s.reservedFor(rc.Nicks)
	r.set = fixed(rc, r.past.limit)
	muted := r.mute != rc.Mute
	r.mute = rc.Mute
	if rc.Subject != r.topic.words.ChildText("", "subject") {
		m := stanza.New("", "message", "type", "groupchat", "from", string(r.jid)).Add(stanza.Text("", "subject", rc.Subject))
		r.topic = topic{now, m}
		st.room = r
		st.toAll(m)
	}
	st.restaff(r)
	if muted {
		st.revoice(r)
	}
	st.seat(r, rc.Guests)
	return st.out
}

// reservedFor are the looks of nicks that nobody else may take; hosted rooms share one table.
func (s *Service) reservedFor(nicks map[string]string) map[string]string {
	if len(s.folded) != len(nicks) {
		s.folded = make(map[string]string, len(nicks))
		for _, nick := range nicks {
			s.folded[Look(nick)] = fold(nick)
		}
	}
	return s.folded
}

// seat makes the guests those that are given.
func (st *step) seat(r *room, guests []Guest) {
	want := map[string]bool{}
	for _, g := range guests {
		want[g.Nick] = true
	}
	for _, o := range slices.Clone(r.occupants) {
		if o.guest && !want[o.nick] {
			r.occupants = slices.DeleteFunc(r.occupants, func(x *occupant) bool { return x == o })
			delete(r.byNick, fold(o.nick))
			st.others(r, notice{occ: o, gone: true}, nil)
		}
	}
	for _, g := range guests {
		if r.byNick[fold(g.Nick)] == nil {
			o := r.settle(st.s, &occupant{nick: g.Nick, guest: true, affiliation: Member, role: participant})
			o.id = st.s.guestID(r.jid, g)
			st.others(r, here(o), nil)
		}
	}
}

func (s *Service) guestID(room stanza.JID, g Guest) string {
	return s.keyed("guest", string(room), g.Key)
}

// restaff brings the occupants to what the room's affiliations make of them.
func (st *step) restaff(r *room) {
	was := st.room
	st.room = r
	raised := map[*occupant]bool{}
	gone, changed := st.reaffiliate(notice{}, raised)
	for _, n := range gone {
		st.others(r, n, nil)
	}
	for _, o := range changed {
		st.promoted(o, raised)
	}
	st.room = was
}

// revoice gives everybody the role that he would enter with now.
func (st *step) revoice(r *room) {
	for _, o := range slices.Clone(r.occupants) {
		if as := r.usualRole(o.affiliation); !o.ours() && o.role != as {
			o.role = as
			st.promoted(o, map[*occupant]bool{})
		}
	}
}

// Words are what a guest says in a room, as everybody gets it. m holds the children; it becomes the service's.
func (s *Service) Words(room string, g Guest, id string, m *stanza.Element) *stanza.Element {
	jid := stanza.MakeJID(room, s.domain, "")
	m.Set("type", "groupchat").Set("from", string(jid.WithResource(g.Nick))).Set("id", id)
	return m.Add(stanza.New(nsOccupant, "occupant-id", "id", s.guestID(jid, g)),
		stanza.New(stanza.NSSID, "stanza-id", "by", string(jid), "id", id))
}

// Mirror tells a hosted room what a guest says elsewhere (Words). Nothing of it is a fact of the room.
func (s *Service) Mirror(now time.Time, room, id string, words *stanza.Element) Out {
	st := &step{s: s, now: now, room: s.rooms[room]}
	if st.room == nil || !st.room.hosted {
		return st.out
	}
	if historic(words) {
		st.room.past.add(Fact{At: now, ID: id, Words: words})
	}
	st.toAll(words)
	return st.out
}

// Recall gives a hosted room its history, oldest first: facts of kind Message, with their Words.
func (s *Service) Recall(room string, said []Fact) {
	r := s.rooms[room]
	if r == nil || !r.hosted {
		return
	}
	r.past.said, r.past.bytes = nil, 0
	for _, f := range said {
		if f.Words != nil && historic(f.Words) {
			r.past.add(f)
		}
	}
}

// Dismiss ends a hosted room for all who are in it (<destroy/>, which makes clients forget it), and shows them the way
// to another one. Empty forgets one that nobody is in, and reports whether it has.
func (s *Service) Dismiss(now time.Time, room string, venue stanza.JID, reason string) Out {
	st := &step{s: s, now: now, room: s.rooms[room]}
	r := st.room
	if r == nil || !r.hosted {
		return st.out
	}
	for _, o := range slices.Clone(r.occupants) {
		if !o.ours() {
			o.affiliation = None
			st.expel(r, o, notice{ended: ended(venue, reason, "")})
		}
	}
	st.left = nil
	s.drop(room)
	return st.out
}

func (s *Service) Empty(room string) bool {
	r := s.rooms[room]
	if r == nil || !r.hosted || len(r.sessions) > 0 {
		return false
	}
	s.drop(room)
	return true
}

// Hosted reports whether a hosted room is open.
func (s *Service) Hosted(room string) bool {
	r := s.rooms[room]
	return r != nil && r.hosted
}

// Reconfigure puts another config in the place of the present one: what it says of affiliations, nicks, creators and
// denied domains. Rooms that it names anew are opened, none is closed. Who may not stay goes.
func (s *Service) Reconfigure(now time.Time, cfg Config) Out {
	s.people(cfg)
	st := &step{s: s, now: now}
	for _, rc := range cfg.Rooms {
		r := s.newRoom(strings.ToLower(rc.Local))
		if r.hosted {
			continue
		}
		clear(r.rank.floor)
		clear(r.nicks)
		clear(r.reserved)
		if r.named {
			r.people(rc)
		} else {
			r.configure(s, rc)
		}
		st.restaff(r)
	}
	for _, r := range s.order {
		if !r.named {
			r.inherit(s)
		}
	}
	st.recheck()
	return st.out
}
