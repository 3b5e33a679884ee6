package muc

import (
	"slices"
	"strings"
	"time"

	"frontdesk/component/stanza"
)

// room is a room: occupants by nick, and sessions of each by full JID.
type room struct {
	local      string
	jid        stanza.JID
	open       bool // it is there; else only its facts are kept, in case the config names it again
	named      bool // by the config; else somebody created it
	hosted     bool // named, but the caller opens and ends it
	mute       bool // nobody may speak
	locked     bool // not configured yet: for its owners only
	edited     bool // configured at runtime
	maker      string
	since      time.Time // when it was created
	set        Settings
	rank       ranks
	yields     func(jid string) bool // or nil
	nicks      map[string]string     // forced, by bare JID
	reserved   map[string]string     // looks of nicks that nobody else may take
	chosen     map[string]string     // nicks that people registered, by bare JID
	chosenBy   map[string]string     // and whose they are, by outline
	applicants map[stanza.JID]applicant
	topic      topic
	card       *stanza.Element // that an owner gave it, nil for none
	cardBytes  int
	picture    string // hash of the one in it
	past       history
	desk       *occupant   // the service's own, nil for none
	occupants  []*occupant // in the order of entry
	byNick     map[string]*occupant
	sessions   map[stanza.JID]*session
	hats       map[stanza.JID][]Hat // by bare JID
}

// newRoom returns the room of that name, which may be known from its facts.
func (s *Service) newRoom(local string) *room {
	if r := s.rooms[local]; r != nil {
		return r
	}
	r := s.draftRoom(local)
	s.rooms[r.local] = r
	s.order = append(s.order, r)
	return r
}

// draftRoom returns a room that nobody knows of.
func (s *Service) draftRoom(local string) *room {
	return &room{
		local:    strings.Clone(local),
		jid:      stanza.MakeJID(local, s.domain, ""),
		rank:     ranks{floor: map[string]Affiliation{}, granted: map[string]Affiliation{}},
		nicks:    map[string]string{},
		reserved: map[string]string{},
		chosen:   map[string]string{},
		chosenBy: map[string]string{},
		past:     history{limit: defaultHistory, most: madeHistory},
		byNick:   map[string]*occupant{},
		sessions: map[stanza.JID]*session{},
	}
}

func (r *room) configure(s *Service, rc RoomConfig) {
	r.open, r.named = true, true
	if r.past.most = historyBytes; rc.History > 0 {
		r.past.limit = rc.History
	}
	r.set = fixed(rc, r.past.limit)
	if rc.Service != "" {
		r.desk = r.settle(s, &occupant{nick: rc.Service, affiliation: Owner, role: moderator})
	}
	r.people(rc)
}

// people takes over who is what in a room of the config.
func (r *room) people(rc RoomConfig) {
	r.yields = rc.Yields
	for jid, a := range rc.Affiliations {
		r.rank.floor[strings.ToLower(jid)] = a
	}
	for jid, nick := range rc.Nicks {
		r.nicks[strings.ToLower(jid)] = nick
		r.reserved[Look(nick)] = fold(nick)
	}
	if r.desk != nil {
		r.reserved[Look(r.desk.nick)] = fold(r.desk.nick)
	}
}

// settle puts an occupant without sessions into the room.
func (r *room) settle(s *Service, o *occupant) *occupant {
	o.id, o.look = s.occupantID(r, o.bare), outline(o.nick)
	r.occupants = append(r.occupants, o)
	r.byNick[fold(o.nick)] = o
	return o
}

// attach puts a session under its occupant.
func (r *room) attach(s *session, o *occupant) {
	s.occ = o
	o.sessions = append(o.sessions, s)
	r.sessions[s.jid] = s
}

// detach takes a session out, and its occupant with the last one. It reports that.
func (r *room) detach(s *session) (last bool) {
	o := s.occ
	o.sessions = slices.DeleteFunc(o.sessions, func(x *session) bool { return x == s })
	delete(r.sessions, s.jid)
	if len(o.sessions) > 0 {
		return false
	}
	r.occupants = slices.DeleteFunc(r.occupants, func(x *occupant) bool { return x == o })
	delete(r.byNick, fold(o.nick))
	return true
}

// address is an occupant's JID in the room.
func (r *room) address(nick string) stanza.JID { return r.jid.WithResource(nick) }

// everyone returns the full JIDs of all sessions, in the order of entry.
func (r *room) everyone() []stanza.JID {
	to := make([]stanza.JID, 0, len(r.sessions))
	for _, o := range r.occupants {
		to = o.appendJIDs(to)
	}
	return to
}

// usualRole is who enters with that affiliation (§5.1.2).
func (r *room) usualRole(a Affiliation) role {
	switch {
	case r.mute && a >= Member:
		return visitor
	case a >= Admin:
		return moderator
	case a >= Member, a == None && !r.set.MembersOnly && !r.set.Moderated:
		return participant
	case a == None && !r.set.MembersOnly:
		return visitor
	}
	return noRole
}

// visible reports whether the others see the occupant's presence.
func (r *room) visible(o *occupant) bool {
	return o.ours() || slices.Contains(r.set.Broadcast, o.role.String())
}

// sees reports whether an occupant sees the others' addresses.
func (r *room) sees(o *occupant) bool { return o.role == moderator || r.set.Open }
