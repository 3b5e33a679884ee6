package muc

import "frontdesk/component/stanza"

const nodeCommands = "http://jabber.org/protocol/commands" // XEP-0050

// field of a room's muc#roominfo form; booleans are 1 and 0.
type field struct{ name, value string }

// discovery (XEP-0030): of the service (§6.2, §6.3) and of rooms (§6.4, §6.5).
func discovery() feature {
	info, items := stanza.NSDiscoInfo, stanza.NSDiscoItems
	return feature{
		service: []string{info, items},
		room:    always(info, items),
		iq: []handler{
			{atService, "get", info, "query", (*step).serviceInfo},
			{atService, "get", items, "query", (*step).serviceItems},
			{atRoom, "get", info, "query", (*step).roomInfo},
			{atRoom, "get", items, "query", (*step).roomItems},
		},
	}
}

func identity(category, typ, name string) *stanza.Element {
	return stanza.New(stanza.NSDiscoInfo, "identity", "category", category, "type", typ, "name", name)
}

func supports(q *stanza.Element, vars []string) {
	for _, v := range vars {
		q.Add(stanza.New(stanza.NSDiscoInfo, "feature", "var", v))
	}
}

func (st *step) serviceInfo() error {
	if st.in.First().Attr("node") != "" {
		return errNotFound
	}
	q := stanza.New(stanza.NSDiscoInfo, "query").Add(identity("conference", "text", st.s.name))
	for _, f := range st.s.features {
		supports(q, f.service)
	}
	supports(q, st.s.extra)
	return st.result(q)
}

// serviceItems lists the rooms to their members, and those that are public to all who may know of them.
func (st *step) serviceItems() error {
	q := stanza.New(stanza.NSDiscoItems, "query")
	switch st.in.First().Attr("node") {
	case nodeCommands:
		return st.result(q.Set("node", nodeCommands))
	case "":
	default:
		return errNotFound
	}
	for _, r := range st.s.order {
		if r.open && !r.locked && !r.hosted && (st.s.standing(r, st.from.Bare()) >= Member || st.s.listed(r, st.from.Bare())) {
			q.Add(stanza.New(stanza.NSDiscoItems, "item", "jid", string(r.jid), "name", r.set.Name))
		}
	}
	return st.result(q)
}

func (st *step) roomInfo() error {
	switch st.in.First().Attr("node") {
	case nodeNick:
		return st.reservedNick()
	case "":
	case nsMUC + "#traffic":
		return errUnsupported
	default:
		return errNotFound
	}
	q := st.s.roomFeatures(st.room, st.room.set.Name)
	form := stanza.New("jabber:x:data", "x", "type", "result")
	form.Add(formField("FORM_TYPE", "hidden", nsMUC+"#roominfo"))
	for _, f := range st.s.features {
		if f.info == nil {
			continue
		}
		for _, x := range f.info(st.room) {
			form.Add(formField(x.name, "", x.value))
		}
	}
	return st.result(q.Add(form))
}

// roomFeatures is what anybody may know of a room.
func (s *Service) roomFeatures(r *room, name string) *stanza.Element {
	q := stanza.New(stanza.NSDiscoInfo, "query").Add(identity("conference", "text", name))
	for _, f := range s.features {
		if f.room != nil {
			supports(q, f.room(r))
		}
	}
	supports(q, s.extra)
	return q
}

func formField(name, typ, value string) *stanza.Element {
	return stanza.New("jabber:x:data", "field", "var", name, "type", typ).Add(stanza.Text("jabber:x:data", "value", value))
}

// roomItems: who is in a room is nobody's business from outside (§6.5); those inside see it.
func (st *step) roomItems() error {
	q := stanza.New(stanza.NSDiscoItems, "query")
	switch st.in.First().Attr("node") {
	case "":
		return st.result(q)
	case nodeCommands:
		return st.result(q.Set("node", nodeCommands))
	}
	return errNotFound
}
