package muc

// selfPing (XEP-0410): a client asks for its own nick whether it is still in the
// room, and we answer ourselves, as we know best.
func selfPing() feature {
	return feature{room: always(nsMUC + "#self-ping-optimization")}
}

// own reports whether the address written to is the sender's, as far as he knows.
func (st *step) own(sess *session) bool {
	nick := st.to.Resource()
	o := st.room.byNick[fold(nick)]
	return o == sess.occ || o == nil && sess.knows(nick)
}
