package muc

import (
	"maps"
	"slices"
	"time"

	"frontdesk/component/stanza"
)

// ranks are the affiliations of a room, by bare JID or whole domain: the config's,
// which are the floor, and those granted at runtime.
type ranks struct {
	floor, granted map[string]Affiliation
}

// of weighs them. Whom the config names keeps at least that. Whoever is somebody through
// a whole domain of the config keeps that, too, unless he is banned by name:
// else nobody could ever be kept out of a domain's room.
func (k ranks) of(bare stanza.JID) Affiliation {
	given, isGiven := k.granted[string(bare)]
	if named, ok := k.floor[string(bare)]; ok {
		if isGiven {
			return max(named, given)
		}
		return named
	}
	whole := k.domain(bare.Domain())
	switch {
	case !isGiven:
		return whole
	case given == Outcast:
		return Outcast
	}
	return max(whole, given)
}

func (k ranks) domain(d string) Affiliation {
	floor, ok := k.floor[d]
	given, isGiven := k.granted[d]
	switch {
	case ok && isGiven:
		return max(floor, given)
	case ok:
		return floor
	case isGiven:
		return given
	}
	return None
}

func (k ranks) set(jid string, a Affiliation) {
	if a == None {
		delete(k.granted, jid)
	} else {
		k.granted[jid] = a
	}
}

// draft is a copy to try changes on.
func (k ranks) draft() ranks { return ranks{k.floor, maps.Clone(k.granted)} }

// list returns who has exactly that affiliation, sorted.
func (k ranks) list(a Affiliation) []string {
	var all []string
	for jid := range k.floor {
		if k.of(stanza.JID(jid)) == a {
			all = append(all, jid)
		}
	}
	for jid := range k.granted {
		if _, twice := k.floor[jid]; !twice && k.of(stanza.JID(jid)) == a {
			all = append(all, jid)
		}
	}
	slices.Sort(all)
	return all
}

// membership: rooms are for whom they admit (§7.2.5, §7.2.6).
func membership() feature {
	return feature{entry: func(st *step, e *entry) error {
		e.affiliation = st.s.standing(st.room, e.bare)
		if !st.s.admits(st.room, e.bare) {
			return st.strangerPresence()
		}
		return nil
	}}
}

// Affiliation of a bare JID (or of a full JID's bare one) in a room: None for those of
// denied domains and in rooms that do not exist.
func (s *Service) Affiliation(room string, jid stanza.JID) Affiliation {
	r := s.rooms[room]
	if r == nil || !r.open {
		return None
	}
	return s.standing(r, jid.Bare())
}

// Ungrant takes back what was granted at runtime, so that the config's word stands alone. By "" is the service.
func (s *Service) Ungrant(now time.Time, room, jid string) Out {
	st := &step{s: s, now: now, room: s.rooms[room]}
	if st.room == nil {
		return st.out
	}
	if _, granted := st.room.rank.granted[jid]; granted {
		st.decide(Fact{Kind: Affiliated, Room: room, JID: jid, Affiliation: None})
		st.restaff(st.room)
	}
	return st.out
}
