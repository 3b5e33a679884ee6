package muc

import (
	"strings"

	"frontdesk/component/stanza"
)

// invitations through the room (§7.8.2), and their refusals. Who is invited becomes a
// member where he could not enter else. That is for admins, or if the room allows it for all who may speak;
// others may call only those who could enter anyway.
func invitations() feature {
	return feature{
		info: func(r *room) []field { return []field{{"muc#roomconfig_allowinvites", flag(r.set.Invites)}} },
		form: []setting{choice("allowinvites", "Members may invite others", func(s *Settings) *bool { return &s.Invites })},
		message: []claim{
			{holds: holds("invite"), do: (*step).passInvites},
			{holds: holds("decline"), do: func(st *step, _ *session) error { return st.passDecline() }, outside: (*step).passDecline},
		},
	}
}

func holds(what string) func(*stanza.Element) bool {
	return func(m *stanza.Element) bool { return m.Child(nsUser, "x").Has(nsUser, what) }
}

// passInvites sends the invitations of one message on, all or none.
func (st *step) passInvites(*session) error {
	type call struct {
		to  stanza.JID
		inv *stanza.Element
	}
	var calls []call
	who := st.actor()
	for inv := range st.in.Child(nsUser, "x").Elements() {
		if !inv.Is(nsUser, "invite") {
			continue
		}
		to := stanza.JID(strings.ToLower(string(stanza.JID(inv.Attr("to")).Bare())))
		switch now := st.s.standing(st.room, to); {
		case !addressable(to):
			return errMalformed
		case st.s.shut(to):
			return errNotAllowed
		case !st.s.admits(st.room, to) && who.affiliation < Admin && (!st.room.set.Invites || who.role() < participant):
			return errForbidden
		case now == Outcast:
			return errNotAllowed
		}
		if calls = append(calls, call{to, inv}); len(calls) > maxItems {
			return errBadRequest
		}
	}
	if len(calls) > 0 && len(st.room.rank.granted)+len(calls) > maxGranted {
		return errBusy
	}
	for i, c := range calls {
		if !st.s.admits(st.room, c.to) {
			st.decide(Fact{Kind: Affiliated, Room: st.room.local, JID: string(c.to), Affiliation: Member, From: string(who.bare)})
		}
		reason := cut(strings.TrimSpace(c.inv.ChildText(nsUser, "reason")), maxStatus)
		st.invite(c.to, who, reason, c.inv.Child(nsUser, "continue"), i)
	}
	return nil
}

// invite sends one. The inviter is named by his address in the room; among people of the config by his own, for
// Gajim 1.7 shows no invitation by an occupant.
func (st *step) invite(to stanza.JID, who actor, reason string, cont *stanza.Element, n int) {
	from := st.room.jid
	switch nick := who.nick(); {
	case st.s.nicks[string(who.bare)] != "" && st.s.nicks[string(to)] != "":
		from = who.bare
	case nick != "":
		from = st.room.address(nick)
	}
	id := st.id
	if n > 0 {
		id += "." + itoa(n)
	}
	m := st.room.invitation(from, reason, id)
	if cont != nil {
		m.Child(nsUser, "x").Child(nsUser, "invite").Add(stanza.New(nsUser, "continue", "thread", cut(cont.Attr("thread"), maxStatus)))
	}
	st.send(to, m)
}

// invitation is a mediated one with a direct one (XEP-0249) beside it, for clients that know only that.
func (r *room) invitation(from stanza.JID, reason, id string) *stanza.Element {
	inv := stanza.New(nsUser, "invite", "from", string(from))
	if reason != "" {
		inv.Add(stanza.Text(nsUser, "reason", reason))
	}
	x, direct := stanza.New(nsUser, "x").Add(inv), stanza.New("jabber:x:conference", "x", "jid", string(r.jid), "reason", reason)
	if r.set.Protected {
		x.Add(stanza.Text(nsUser, "password", r.set.Secret))
		direct.Set("password", r.set.Secret)
	}
	return stanza.New("", "message", "from", string(r.jid), "id", id).Add(x, direct)
}

// passDecline tells the inviter, who must be in the room or a member of it.
func (st *step) passDecline() error {
	d := st.in.Child(nsUser, "x").Child(nsUser, "decline")
	to := stanza.JID(d.Attr("to"))
	out := stanza.New(nsUser, "decline", "from", string(st.from.Bare()))
	if reason := cut(strings.TrimSpace(d.ChildText(nsUser, "reason")), maxStatus); reason != "" {
		out.Add(stanza.Text(nsUser, "reason", reason))
	}
	m := stanza.New("", "message", "from", string(st.room.jid), "id", st.in.ID()).Add(stanza.New(nsUser, "x").Add(out))
	if to.Bare() == st.room.jid {
		if o := st.room.byNick[fold(to.Resource())]; o != nil {
			st.out.send(m, o.appendJIDs(nil)...)
		}
		return nil
	}
	if st.s.standing(st.room, to.Bare()) >= Member && to.Local() != "" {
		st.send(to.Bare(), m)
	}
	return nil
}

// Invite sends a mediated invitation with a direct one beside it (XEP-0045 §7.8.2, XEP-0249). The inviter
// that is shown is from, or the service's occupant where from is "". Nobody becomes a member by it.
func (s *Service) Invite(room string, to stanza.JID, from stanza.JID, reason string) Out {
	var out Out
	r := s.rooms[room]
	if r == nil || !r.open {
		return out
	}
	if from == "" && r.desk != nil {
		from = r.address(r.desk.nick)
	}
	out.send(r.invitation(from, cut(reason, maxStatus), s.keyed("invite", string(r.jid), string(to))), to)
	return out
}
