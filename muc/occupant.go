package muc

import (
	"slices"
	"strings"

	"frontdesk/component/stanza"
)

// role of an occupant (§5.1), least first.
type role uint8

const (
	noRole role = iota
	visitor
	participant
	moderator
)

func (r role) String() string { return [...]string{"none", "visitor", "participant", "moderator"}[r] }

func roleNamed(name string) (role, bool) {
	i := slices.Index([]string{"none", "visitor", "participant", "moderator"}, name)
	return role(max(i, 0)), i >= 0
}

func (a Affiliation) String() string {
	return [...]string{"outcast", "none", "member", "admin", "owner"}[a]
}

func affiliationNamed(name string) (Affiliation, bool) {
	i := slices.Index([]string{"outcast", "none", "member", "admin", "owner"}, name)
	return Affiliation(max(i, 0)), i >= 0
}

// occupant is a nick in a room; all its sessions are of one person.
type occupant struct {
	nick        string
	look        string     // outline of it
	bare        stanza.JID // "" for the service's own, and for guests
	guest       bool       // the caller speaks for him
	affiliation Affiliation
	role        role
	id          string // XEP-0421
	sessions    []*session
	seen        string // what the others were shown last (session.xml)
	public      bool   // the others have been shown him
}

// ours tells that no person is behind the occupant.
func (o *occupant) ours() bool { return o.bare == "" }

// session is one client in a room.
type session struct {
	jid       stanza.JID
	occ       *occupant
	presence  *stanza.Element // less what is forged; neither from nor to
	xml       string          // of it
	nicks     []string        // that the client has addressed, the newest last
	confirmed bool
	asked     string // id of the question whether it is there
}

// best returns the session that others are shown: the most available, then of the
// highest priority, then the oldest. Nil for the service's own occupant.
func (o *occupant) best() *session {
	var top *session
	for _, s := range o.sessions {
		if top == nil || availability(s.presence) > availability(top.presence) ||
			availability(s.presence) == availability(top.presence) && priority(s.presence) > priority(top.presence) {
			top = s
		}
	}
	return top
}

func availability(p *stanza.Element) int {
	switch p.ChildText("", "show") {
	case "chat":
		return 5
	case "dnd":
		return 3
	case "away":
		return 2
	case "xa":
		return 1
	}
	return 4
}

func priority(p *stanza.Element) int {
	n, _ := atoi(strings.TrimSpace(p.ChildText("", "priority")))
	return n
}

func (o *occupant) appendJIDs(to []stanza.JID) []stanza.JID {
	for _, s := range o.sessions {
		to = append(to, s.jid)
	}
	return to
}

// knows reports whether the client has addressed the nick before.
func (s *session) knows(nick string) bool { return slices.Contains(s.nicks, nick) }

// addressed remembers that the client's server has a presence to that nick; it
// reports whether that is news.
func (s *session) addressed(nick string) bool {
	if nick == "" || s.knows(nick) {
		return false
	}
	if len(s.nicks) >= maxKnownNicks {
		s.nicks = slices.Delete(s.nicks, 0, 1)
	}
	s.nicks = append(s.nicks, strings.Clone(nick))
	return true
}

func (s *session) public() Session {
	return Session{JID: s.jid, Nick: s.occ.nick, Presence: s.presence, Confirmed: s.confirmed}
}

// Sessions of a bare JID in a room: full JIDs, sorted, with the presence of each.
func (s *Service) Sessions(room string, jid stanza.JID) []Session {
	r := s.rooms[room]
	if r == nil {
		return nil
	}
	var all []Session
	for _, o := range r.occupants {
		if o.bare == jid.Bare() {
			for _, x := range o.sessions {
				all = append(all, x.public())
			}
		}
	}
	slices.SortFunc(all, func(a, b Session) int { return strings.Compare(string(a.JID), string(b.JID)) })
	return all
}

// Session returns the session of a full JID in a room.
func (s *Service) Session(room string, jid stanza.JID) (Session, bool) {
	r := s.rooms[room]
	if r == nil || r.sessions[jid] == nil {
		return Session{}, false
	}
	return r.sessions[jid].public(), true
}
