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
// open to others by it: there it reserves the nick of who is one already, and of others admins decide (§9.9).
func registration() feature {
	return feature{
		room: always(registerForm, nsRegister),
		iq: []handler{
			{atRoom, "get", nsRegister, "query", (*step).registrationForm},
			{atRoom, "set", nsRegister, "query", (*step).register},
		},
		message: []claim{{holds: isApproval, do: func(st *step, _ *session) error { return st.approve() }, outside: (*step).approve}},
	}
}

// applicant is who wants to be a member. Applicants are not kept over a restart: the form that an admin got says all.
type applicant struct {
	nick   string
	denied bool
}

// presented are what an applicant may say of himself.
var presented = []struct{ name, typ, label string }{
	{"muc#register_first", "text-single", "Given name"}, {"muc#register_last", "text-single", "Family name"},
	{"muc#register_url", "text-single", "Web page"}, {"muc#register_email", "text-single", "E-mail address"},
	{"muc#register_faqentry", "text-multi", "What you want to say"},
}

const (
	fieldWho   = "muc#jid" // as in requests for voice; the standard's form has none for it
	fieldAllow = "muc#register_allow"
)

// applies reports whether the sender registers only if an admin says so.
func (st *step) applies() bool { return !st.s.admits(st.room, st.from.Bare()) }

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
	text := "Choose the nick that is to be yours in this room."
	form := stanza.New(nsForm, "x", "type", "form").Add(
		stanza.Text(nsForm, "title", "Registration with "+st.room.set.Name),
		formField("FORM_TYPE", "hidden", registerForm),
		formQuestion(fieldNick, "text-single", "Nick", nil).Add(stanza.New(nsForm, "required")))
	if st.applies() {
		text += " Whoever runs the room decides whether you become a member."
		for _, p := range presented {
			form.Add(formQuestion(p.name, p.typ, p.label, nil))
		}
	}
	return st.result(q.Add(stanza.Text(nsRegister, "instructions", text), form))
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
	if err := r.reservable(bare, nick); err != nil {
		return err
	}
	if st.applies() {
		return st.apply(nick, fields)
	}
	st.enrol(actor{bare: bare}, bare, nick)
	return nil
}

// reservable reports why bare cannot have the nick for himself.
func (r *room) reservable(bare stanza.JID, nick string) error {
	if forced := r.nicks[string(bare)]; forced != "" && forced != nick {
		return errAcceptable
	}
	if r.nicks[string(bare)] == "" && r.mayHave(nick) != nil || r.anothers(bare, nick) {
		return errConflict
	}
	if len(r.chosen) >= maxGranted || len(r.rank.granted) >= maxGranted {
		return errBusy
	}
	return nil
}

// enrol makes bare a member with that nick, and answers the IQ, if it is one.
func (st *step) enrol(who actor, bare stanza.JID, nick string) {
	r := st.room
	if r.registeredNick(bare) != nick {
		st.decide(Fact{Kind: Registered, Room: r.local, JID: strings.Clone(string(bare)), Nick: nick})
	}
	var orders []order
	if st.s.standing(r, bare) < Member {
		orders = append(orders, order{jid: bare, affiliation: Member})
	}
	st.perform(who, orders)
}

// apply brings a request before those who run the room: to their clients in it, or else to their accounts. Once
// for each, so that nobody pesters them.
func (st *step) apply(nick string, fields map[string][]string) error {
	r, bare := st.room, st.from.Bare()
	switch a, asked := r.applicants[bare]; {
	case a.denied:
		return errNotAllowed
	case asked && a.nick == nick:
		return st.result()
	case len(r.applicants) >= maxApplicants && !asked:
		return errBusy
	}
	if r.applicants == nil {
		r.applicants = map[stanza.JID]applicant{}
	}
	r.applicants[stanza.JID(strings.Clone(string(bare)))] = applicant{nick: nick}
	x := stanza.New(nsForm, "x", "type", "form").Add(
		stanza.Text(nsForm, "title", "Registration request"),
		stanza.Text(nsForm, "instructions", "Somebody wants to become a member of this room."),
		formField("FORM_TYPE", "hidden", registerForm),
		formQuestion(fieldWho, "jid-single", "Address", nil, string(bare)),
		formQuestion(fieldNick, "text-single", "Nick", nil, nick))
	for _, p := range presented {
		if said := cut(strings.TrimSpace(strings.Join(fields[p.name], " ")), maxStatus); said != "" {
			x.Add(formQuestion(p.name, p.typ, p.label, nil, said))
		}
	}
	x.Add(formQuestion(fieldAllow, "boolean", "May become a member", nil, "0"))
	_ = st.result()
	st.out.send(stanza.New("", "message", "from", string(r.jid), "id", st.id).Add(x), r.admins()...)
	return nil
}

// admins are who runs the room: their clients in it, or, where there are none, their accounts, at most maxItems.
func (r *room) admins() []stanza.JID {
	var to []stanza.JID
	for _, o := range r.occupants {
		if o.affiliation >= Admin {
			to = o.appendJIDs(to)
		}
	}
	if len(to) > 0 {
		return to
	}
	for _, jid := range append(r.rank.list(Owner), r.rank.list(Admin)...) {
		if stanza.JID(jid).Local() != "" && len(to) < maxItems {
			to = append(to, stanza.JID(jid))
		}
	}
	return to
}

func isApproval(m *stanza.Element) bool {
	x := m.Child(nsForm, "x")
	fields, _ := dataForm(x, registerForm)
	return x != nil && x.Type() == "submit" && len(fields["FORM_TYPE"]) == 1 && fields["FORM_TYPE"][0] == registerForm
}

// approve takes an admin's decision of a request.
func (st *step) approve() error {
	r, who := st.room, st.actor()
	if who.affiliation < Admin {
		return errForbidden
	}
	fields, _ := dataForm(st.in.Child(nsForm, "x"), registerForm)
	allowed, ok := truth(fields[fieldAllow])
	if !ok || len(fields[fieldWho]) != 1 || len(fields[fieldNick]) != 1 {
		return errBadRequest
	}
	bare := stanza.JID(strings.ToLower(string(stanza.JID(fields[fieldWho][0]).Bare())))
	if !allowed {
		if a, asked := r.applicants[bare]; asked {
			a.denied = true
			r.applicants[bare] = a
		}
		return nil
	}
	nick, ok := plainNick(fields[fieldNick][0])
	switch {
	case !addressable(bare) || bare.Local() == "":
		return errMalformed
	case !ok:
		return errUnwanted
	case st.s.shut(bare), st.s.standing(r, bare) == Outcast:
		return errNotAllowed
	}
	if err := r.reservable(bare, nick); err != nil {
		return err
	}
	st.enrol(who, bare, nick)
	return nil
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
	if look := outline(r.chosen[f.JID]); r.chosenBy[look] == f.JID {
		delete(r.chosenBy, look)
	}
	delete(r.chosen, f.JID)
	if f.Nick != "" {
		r.chosen[f.JID] = f.Nick
		r.chosenBy[outline(f.Nick)] = f.JID
	}
}
