package muc

import "frontdesk/component/stanza"

// pings (XEP-0199) of the service and of rooms.
func pings() feature {
	pong := func(st *step) error { return st.result() }
	return feature{
		service: []string{stanza.NSPing},
		room:    always(stanza.NSPing),
		iq: []handler{
			{atService, "get", stanza.NSPing, "ping", pong},
			{atRoom, "get", stanza.NSPing, "ping", pong},
		},
	}
}
