package muc

import "frontdesk/component/stanza"

const nsVCard = "vcard-temp" // XEP-0054

// vcards of the service and of rooms: their names and what they are for.
func vcards() feature {
	return feature{
		service: []string{nsVCard},
		room:    always(nsVCard),
		iq: []handler{
			{atService, "get", nsVCard, "vCard", func(st *step) error { return st.result(vcard(st.s.name, "")) }},
			{atRoom, "get", nsVCard, "vCard", func(st *step) error {
				return st.result(vcard(st.room.set.Name, st.room.set.Description))
			}},
			{atRoom, "set", nsVCard, "vCard", func(*step) error { return errForbidden }}, // the config names rooms
		},
	}
}

func vcard(name, about string) *stanza.Element {
	v := stanza.New(nsVCard, "vCard").Add(stanza.Text(nsVCard, "FN", name))
	if about != "" {
		v.Add(stanza.Text(nsVCard, "DESC", about))
	}
	return v
}
