package muc

import "frontdesk/component/stanza"

const nsVersion = "jabber:iq:version" // XEP-0092

func versions() feature {
	return feature{
		service: []string{nsVersion},
		iq:      []handler{{atService, "get", nsVersion, "query", (*step).sayVersion}},
	}
}

func (st *step) sayVersion() error {
	v := st.s.version
	if v == "" {
		v = "unknown"
	}
	return st.result(stanza.New(nsVersion, "query").Add(
		stanza.Text(nsVersion, "name", "frontdesk"), stanza.Text(nsVersion, "version", v)))
}
