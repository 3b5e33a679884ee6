package muc

// capacity bounds a room (§7.2.9). Admins and owners still get in.
func capacity() feature {
	return feature{entry: func(st *step, e *entry) error {
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
