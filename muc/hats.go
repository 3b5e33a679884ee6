package muc

import (
	"slices"
	"time"

	"frontdesk/component/stanza"
)

const nsHats = "urn:xmpp:hats:0" // XEP-0317

// Hat says what somebody is in a room, beside his role: in every presence of his. URI names its kind.
type Hat struct{ URI, Title string }

// hats: what occupants are is said by the service alone.
func hats() feature {
	return feature{
		room:   always(nsHats),
		forged: named(nsHats, "xmpp:prosody.im/protocol/hats:1"),
	}
}

// SetHats gives a person other hats in a room, in that order; whoever is there is told if they are others than
// before. They are not kept: after a restart they have to be set again.
func (s *Service) SetHats(now time.Time, room string, who stanza.JID, hats []Hat) Out {
	st := &step{s: s, now: now}
	r := s.rooms[room]
	if r == nil || slices.Equal(r.hats[who], hats) {
		return st.out
	}
	if r.hats == nil {
		r.hats = map[stanza.JID][]Hat{}
	}
	if r.hats[who] = slices.Clone(hats); len(hats) == 0 {
		delete(r.hats, who)
	}
	for _, o := range r.occupants {
		if o.bare == who && len(o.sessions) > 0 {
			st.show(r, o, nil)
		}
	}
	return st.out
}

// hatsOf is the element for an occupant's presence, nil for one without.
func (r *room) hatsOf(o *occupant) *stanza.Element {
	worn := r.hats[o.bare]
	if len(worn) == 0 {
		return nil
	}
	e := stanza.New(nsHats, "hats")
	for _, h := range worn {
		e.Add(stanza.New(nsHats, "hat", "uri", h.URI, "title", h.Title))
	}
	return e
}
