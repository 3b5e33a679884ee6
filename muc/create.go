package muc

import (
	"strings"
	"time"

	"frontdesk/component/stanza"
)

// Who may create a room by entering it (§10.1): the service's creators, who own what they made. It is
// locked, to all others as if it were not there, until its owner has sent a first form.

// mayCreate reports whether an address may make rooms.
func (s *Service) mayCreate(bare stanza.JID) bool {
	return !s.shut(bare) && (s.creators[string(bare)] || s.creators[bare.Domain()])
}

// create is presence with <x xmlns=muc/> to a room that the sender cannot see.
func (st *step) create() error {
	s, local, bare := st.s, strings.Clone(st.to.Local()), st.from.Bare()
	if t, ok := s.tombs.byName[local]; ok && !t.opens(bare) {
		return gone(t)
	}
	switch there := s.rooms[local]; {
	case there != nil && there.open && !there.hosted: // locked: else it would be seen
		return errNotFound // §7.2.10
	case !s.mayCreate(bare), s.reserved != nil && s.reserved(local):
		return errNotAllowed
	}
	made, mine := 0, 0
	for _, r := range s.order {
		if r.open && !r.named {
			made++
			if r.maker == string(bare) {
				mine++
			}
		}
	}
	if made >= maxRooms || mine >= maxRoomsEach {
		return errBusy
	}
	draft := s.draftRoom(local)
	draft.inherit(s)
	if _, err := draft.nickFor(bare, st.to.Resource()); err != nil {
		return err
	}
	st.decide(Fact{Kind: Created, Room: local, From: strings.Clone(string(bare))})
	st.room, st.created = s.rooms[local], true
	return st.enter()
}

// inherit gives a room that somebody made the nicks of the config, and leaves it none of an earlier one.
func (r *room) inherit(s *Service) {
	clear(r.nicks)
	clear(r.reserved)
	for jid, nick := range s.nicks {
		r.nicks[jid] = nick
		r.reserved[Look(nick)] = fold(nick)
	}
}

// applyCreated makes the room new, whatever was there before under its name.
func (s *Service) applyCreated(f Fact) {
	if r := s.rooms[f.Room]; r != nil && r.named {
		return // the config has taken the name since
	}
	s.drop(f.Room)
	r := s.newRoom(f.Room)
	r.open, r.locked, r.since, r.maker = true, true, f.At, f.From
	r.applySettings(usual(f.Room))
	r.rank.set(f.From, Owner)
	r.inherit(s)
}

// drop forgets a room.
func (s *Service) drop(local string) {
	r := s.rooms[local]
	if r == nil {
		return
	}
	delete(s.rooms, local)
	for i, x := range s.order {
		if x == r {
			s.order = append(s.order[:i:i], s.order[i+1:]...)
			break
		}
	}
}

// Rooms returns the rooms that there are, those of the config first.
func (s *Service) Rooms() []string {
	var all []string
	for _, r := range s.order {
		if r.open {
			all = append(all, r.local)
		}
	}
	return all
}

// Began is when somebody created the room that has this name now: what its archive holds from before was said in
// another one, by others. Zero for rooms of the config and where there is none.
func (s *Service) Began(room string) time.Time {
	if r := s.rooms[room]; r != nil && r.open {
		return r.since
	}
	return time.Time{}
}
