package muc

import (
	"slices"

	"frontdesk/component/stanza"
)

// capacity bounds a room (§7.2.9). Admins and owners still get in.
func capacity() feature {
	seats := number("maxusers", "Occupants at most", "none", maxOccupants, []string{"10", "20", "50", "100", "200", "500", "none"},
		func(s *Settings) *int { return &s.Seats })
	return feature{form: []setting{seats}, entry: func(st *step, e *entry) error {
		if e.session != nil {
			return nil
		}
		limit := maxOccupants
		if e.affiliation >= Admin {
			limit += spareOccupants
		}
		if len(st.room.sessions) >= limit {
			return errFull
		}
		if seats := st.room.set.Seats; seats > 0 && e.affiliation < Admin && len(st.room.occupants) >= seats && !st.room.inside(e.bare) {
			return errFull
		}
		mine := 0
		for _, o := range st.room.occupants {
			if o.bare == e.bare {
				mine += len(o.sessions)
			}
		}
		if mine >= maxSessions {
			return errBusy
		}
		return nil
	}}
}

// inside reports whether somebody is in the room already.
func (r *room) inside(bare stanza.JID) bool {
	return slices.ContainsFunc(r.occupants, func(o *occupant) bool { return o.bare == bare })
}
