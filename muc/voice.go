package muc

import "frontdesk/component/stanza"

const requestForm = nsMUC + "#request"

// voices: a visitor asks to be heard (§7.13), and moderators decide (§8.6).
func voices() feature {
	return feature{room: always(requestForm), message: []claim{{holds: isRequest, do: (*step).voice}}}
}

func isRequest(m *stanza.Element) bool {
	x := m.Child(nsForm, "x")
	if x == nil {
		return false
	}
	fields, _ := dataForm(x, requestForm)
	return x.Type() == "submit" && len(fields["FORM_TYPE"]) == 1 && fields["FORM_TYPE"][0] == requestForm
}

func (st *step) voice(sess *session) error {
	fields, _ := dataForm(st.in.Child(nsForm, "x"), requestForm)
	if _, decided := fields["muc#request_allow"]; decided {
		return st.grantVoice(sess, fields)
	}
	if as := fields["muc#role"]; len(as) != 1 || as[0] != participant.String() {
		return errBadRequest
	}
	if sess.occ.role >= participant {
		return nil // has it
	}
	x := stanza.New(nsForm, "x", "type", "form").Add(
		stanza.Text(nsForm, "title", "Voice request"),
		stanza.Text(nsForm, "instructions", "Somebody wants to speak in this room."),
		formField("FORM_TYPE", "hidden", requestForm),
		formQuestion("muc#role", "list-single", "Role", []string{participant.String()}, participant.String()),
		formQuestion("muc#jid", "jid-single", "Address", nil, string(sess.jid)),
		formQuestion("muc#roomnick", "text-single", "Nick", nil, sess.occ.nick),
		formQuestion("muc#request_allow", "boolean", "May speak", nil, "0"))
	var to []stanza.JID
	for _, o := range st.room.occupants {
		if o.role == moderator {
			to = o.appendJIDs(to)
		}
	}
	st.out.send(stanza.New("", "message", "from", string(st.room.jid), "id", st.id).Add(x), to...)
	return nil
}

func (st *step) grantVoice(sess *session, fields map[string][]string) error {
	if sess.occ.role < moderator {
		return errForbidden
	}
	allowed, ok := truth(fields["muc#request_allow"])
	nick := fields["muc#roomnick"]
	if !ok || len(nick) != 1 {
		return errBadRequest
	}
	o := st.room.byNick[fold(nick[0])]
	switch {
	case !allowed:
		return nil
	case o == nil || o.bare == "":
		return errNotFound
	case o.role < participant:
		o.role = participant
		st.promoted(o, map[*occupant]bool{})
	}
	return nil
}
