package muc

import "frontdesk/component/stanza"

// stanzaIDs (XEP-0359): what is kept has an id of ours, by which archives and clients
// name it. Foreign ones go: a server puts its user's address into them.
func stanzaIDs() feature {
	return feature{
		room:   always(stanza.NSSID),
		forged: func(c *stanza.Element) bool { return c.Is(stanza.NSSID, "stanza-id") },
	}
}

func (st *step) stanzaID() *stanza.Element {
	if st.id == "" {
		return nil
	}
	return stanza.New(stanza.NSSID, "stanza-id", "by", string(st.room.jid), "id", st.id)
}
