package muc

import "frontdesk/component/stanza"

// Strangers: who has no affiliation in a room, where a room that does not exist is
// one in which nobody has any. Nothing below looks at the room, so that the
// answers cannot differ; but an outcast is told so, who knows the room already.

// standing is what the service as a whole makes of an address: nobody of a
// denied domain, nor of our own, is anything here.
func (s *Service) standing(r *room, bare stanza.JID) Affiliation {
	if r == nil || s.shut(bare) {
		return None
	}
	return r.rank.of(bare)
}

func (s *Service) shut(bare stanza.JID) bool {
	d := bare.Domain()
	return s.denied[d] || d == s.domain
}

// stranger reports whether the sender is to learn nothing about the room that he
// writes to. Members of some room are told plainly that another does not exist.
func (st *step) stranger() bool {
	bare := st.from.Bare()
	if st.room != nil {
		return !st.s.admits(st.room, bare)
	}
	return !st.s.known(bare)
}

// known reports whether bare is a member of any room of the config, or may make rooms: he may know
// which rooms there are, and enter those that are for everybody.
func (s *Service) known(bare stanza.JID) bool {
	for _, r := range s.order {
		if r.named && !r.hosted && s.standing(r, bare) >= Member {
			return true
		}
	}
	return s.mayCreate(bare)
}

// admits reports whether the room is open to bare, password and seats aside.
func (s *Service) admits(r *room, bare stanza.JID) bool {
	a := s.standing(r, bare)
	return a >= Member || a == None && r.open && !r.set.MembersOnly && s.known(bare)
}

// listed reports whether bare, who is not admitted, may know of the room.
func (s *Service) listed(r *room, bare stanza.JID) bool {
	return r != nil && r.set.Public && s.standing(r, bare) == None && s.known(bare)
}

func (st *step) strangerPresence() error {
	if st.s.standing(st.room, st.from.Bare()) == Outcast {
		return errForbidden // §7.2.7
	}
	return errRegistration // §7.2.6
}

// strangerIQ answers an IQ to a room.
func (st *step) strangerIQ() error {
	q := st.in.First()
	get := st.in.Type() == "get"
	switch {
	case get && q.Is(stanza.NSDiscoItems, "query") && q.Attr("node") == "":
		return st.result(stanza.New(stanza.NSDiscoItems, "query"))
	case get && q.Is(stanza.NSDiscoInfo, "query"):
		switch q.Attr("node") {
		case "":
			if st.s.listed(st.room, st.from.Bare()) {
				return st.result(st.s.roomFeatures(st.room, st.room.set.Name))
			}
			return st.result(st.s.roomFeatures(nil, st.to.Local()))
		case nodeNick:
			return st.result(stanza.New(stanza.NSDiscoInfo, "query", "node", nodeNick))
		}
		return errNotFound
	}
	if q.Space == nsRegister && st.s.listed(st.room, st.from.Bare()) {
		return st.handle(atRoom) // §7.10
	}
	return errForbidden
}
