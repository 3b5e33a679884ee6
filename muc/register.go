package muc

import (
	"strings"

	"frontdesk/component/stanza"
)

const (
	nsRegister   = "jabber:iq:register" // XEP-0077
	registerForm = nsMUC + "#register"
	fieldNick    = "muc#register_roomnick"
)

// registration: who registers (§7.10) is a member with a nick that nobody else gets. A room for members is not
// open to others by it: there it reserves the nick of who is one already.
func registration() feature {
	return feature{
		room: always(registerForm, nsRegister),
		iq: []handler{
			{atRoom, "get", nsRegister, "query", (*step).registrationForm},
			{atRoom, "set", nsRegister, "query", (*step).register},
		},
	}
}

// registered is the nick that bare has here: the config's, or his own choice.
func (r *room) registeredNick(bare stanza.JID) string {
	if nick := r.nicks[string(bare)]; nick != "" {
		return nick
	}
	return r.chosen[string(bare)]
}

func (st *step) registrationForm() error {
	q := stanza.New(nsRegister, "query")
	if nick := st.room.registeredNick(st.from.Bare()); nick != "" {
		return st.result(q.Add(stanza.New(nsRegister, "registered"), stanza.Text(nsRegister, "username", nick)))
	}
	ask := formQuestion(fieldNick, "text-single", "Nick", nil).Add(stanza.New(nsForm, "required"))
	return st.result(q.Add(stanza.Text(nsRegister, "instructions", "Choose the nick that is to be yours in this room."),
		stanza.New(nsForm, "x", "type", "form").Add(
			stanza.Text(nsForm, "title", "Registration with "+st.room.set.Name),
			formField("FORM_TYPE", "hidden", registerForm), ask)))
}

func (st *step) register() error {
	q, bare := st.in.First(), st.from.Bare()
	if q.Has(nsRegister, "remove") {
		return st.unregister()
	}
	x := q.Child(nsForm, "x")
	fields, ok := dataForm(x, registerForm)
	if x == nil || x.Type() != "submit" || !ok || len(fields[fieldNick]) != 1 {
		return errBadRequest
	}
	r := st.room
	nick, ok := plainNick(fields[fieldNick][0])
	if !ok {
		return errUnwanted
	}
	if forced := r.nicks[string(bare)]; forced != "" && forced != nick {
		return errAcceptable
	}
	if owner, kept := r.chosenBy[fold(nick)]; r.reserved[Look(nick)] && r.nicks[string(bare)] == "" || kept && owner != string(bare) || r.taken(bare, nick) {
		return errConflict
	}
	if len(r.chosen) >= maxGranted || len(r.rank.granted) >= maxGranted {
		return errBusy
	}
	if r.registeredNick(bare) != nick {
		st.decide(Fact{Kind: Registered, Room: r.local, JID: strings.Clone(string(bare)), Nick: nick})
	}
	if st.s.standing(r, bare) < Member {
		who := actor{bare: bare}
		st.perform(who, []order{{jid: bare, affiliation: Member}})
		return nil
	}
	return st.result()
}

// unregister gives nick and membership back (XEP-0077 §3.2); admins and owners stay what they are.
func (st *step) unregister() error {
	r, bare := st.room, st.from.Bare()
	if r.chosen[string(bare)] == "" {
		return errRegistration
	}
	st.decide(Fact{Kind: Registered, Room: r.local, JID: string(bare)})
	if given, ok := r.rank.granted[string(bare)]; ok && given == Member {
		st.perform(actor{bare: bare}, []order{{jid: bare, affiliation: None}})
		return nil
	}
	return st.result()
}

func (r *room) applyRegistered(f Fact) {
	if old := r.chosen[f.JID]; old != "" {
		delete(r.chosenBy, fold(old))
	}
	delete(r.chosen, f.JID)
	if f.Nick != "" {
		r.chosen[f.JID] = f.Nick
		r.chosenBy[fold(f.Nick)] = f.JID
	}
}
