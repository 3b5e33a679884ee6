package muc

import (
	"slices"
	"strings"

	"frontdesk/component/stanza"
)

// privateMessages: from one occupant to another (§7.5). They go to all sessions of
// his, so their servers are asked for no copies.
func privateMessages() feature {
	who := []string{"anyone", "participants", "moderators", "none"}
	return feature{
		info: func(r *room) []field { return []field{{"muc#roomconfig_allowpm", r.set.Whispers}} },
		form: []setting{{name: "muc#roomconfig_allowpm", typ: "list-single", label: "Who may send private messages", options: who,
			get: func(s *Settings) []string { return []string{s.Whispers} },
			set: func(s *Settings, v []string) bool {
				i := slices.Index(who, strings.Join(v, ""))
				s.Whispers = who[max(i, 0)]
				return i >= 0
			}}},
	}
}

// whisper is a message to an occupant.
func (st *step) whisper(sess *session) error {
	if sess == nil {
		return errAcceptable
	}
	if st.in.Type() == "groupchat" {
		return errBadRequest
	}
	o := st.room.byNick[fold(st.to.Resource())]
	if o == nil {
		return errNotFound
	}
	switch allowed := st.room.set.Whispers; {
	case o == st.room.desk:
	case o.ours():
		e := errAcceptable
		e.Text = "Nobody reads this here. What you say in the room is for colleagues; to write to the customer, write to his contact."
		return e
	case allowed == "none":
		return errNotAllowed
	case allowed == "moderators" && sess.occ.role < moderator, allowed == "participants" && sess.occ.role < participant:
		return errForbidden
	}
	m, err := st.said(sess.occ)
	if err != nil {
		return err
	}
	if o == st.room.desk {
		e := Event{Kind: Whispered, Room: st.room.local, JID: sess.jid, Nick: sess.occ.nick, Stanza: m}
		st.out.Events = append(st.out.Events, e)
		return nil
	}
	if m.Add(stanza.New(nsUser, "x")); !m.Has(nsHints, "no-copy") {
		m.Add(stanza.New(nsHints, "no-copy"))
	}
	if lasting(m) {
		st.decide(Fact{Kind: Private, Room: st.room.local, ID: st.id, From: string(sess.occ.bare),
			Nick: sess.occ.nick, JID: string(o.bare), ToNick: o.nick, Words: m})
	}
	st.out.send(addressed(m), o.appendJIDs(nil)...)
	return nil
}
