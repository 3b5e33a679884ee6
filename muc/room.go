package muc

import (
	"slices"
	"strings"

	"frontdesk/component/stanza"
)

// room is a room: occupants by nick, and sessions of each by full JID.
type room struct {
	local     string
	jid       stanza.JID
	open      bool // named in the config; else only its facts are kept, in case it comes back
	cfg       RoomConfig
	rank      ranks
	nicks     map[string]string // forced, by bare JID
	reserved  map[string]bool   // folded nicks that nobody else may take
	topic     topic
	past      history
	desk      *occupant   // the service's own, nil for none
	occupants []*occupant // in the order of entry
	byNick    map[string]*occupant
	sessions  map[stanza.JID]*session
	hats      map[stanza.JID][]Hat // by bare JID
}

// newRoom returns the room of that name, which may be known from its facts.
func (s *Service) newRoom(local string) *room {
	if r := s.rooms[local]; r != nil {
		return r
	}
	r := &room{
		local:    strings.Clone(local),
		jid:      stanza.MakeJID(local, s.domain, ""),
		rank:     ranks{floor: map[string]Affiliation{}, granted: map[string]Affiliation{}},
		nicks:    map[string]string{},
		reserved: map[string]bool{},
		past:     history{limit: defaultHistory},
		byNick:   map[string]*occupant{},
		sessions: map[stanza.JID]*session{},
	}
	s.rooms[r.local] = r
	s.order = append(s.order, r)
	return r
}

func (r *room) configure(s *Service, rc RoomConfig) {
	r.open, r.cfg = true, rc
	if rc.History > 0 {
		r.past.limit = rc.History
	}
	for jid, a := range rc.Affiliations {
		r.rank.floor[strings.ToLower(jid)] = a
	}
	for jid, nick := range rc.Nicks {
		r.nicks[strings.ToLower(jid)] = nick
		r.reserved[fold(nick)] = true
	}
	if rc.Service != "" {
		r.desk = r.settle(s, &occupant{nick: rc.Service, affiliation: Owner, role: moderator})
		r.reserved[fold(rc.Service)] = true
	}
}

// settle puts an occupant without sessions into the room.
func (r *room) settle(s *Service, o *occupant) *occupant {
	o.id = s.occupantID(r, o.bare)
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

// roomKind is what all rooms are in this service (§4.2).
func roomKind() feature {
	return feature{
		service: []string{nsMUC},
		room: always(nsMUC, "muc_hidden", "muc_membersonly", "muc_semianonymous",
			"muc_persistent", "muc_unmoderated", "muc_unsecured"),
		info: func(r *room) []field {
			return []field{
				{"muc#roomconfig_roomname", r.cfg.Name},
				{"muc#roominfo_description", r.cfg.Description},
				{"muc#roominfo_occupants", itoa(len(r.occupants))},
			}
		},
	}
}
