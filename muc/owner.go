package muc

import (
	"reflect"
	"slices"
	"strings"

	"frontdesk/component/stanza"
)

const nsOwner = nsMUC + "#owner"

// Who the owners and admins are is part of the form, but kept with all affiliations.
const (
	fieldAdmins = "muc#roomconfig_roomadmins"
	fieldOwners = "muc#roomconfig_roomowners"
)

var errUnwanted = stanza.Error{Type: "modify", Condition: "not-acceptable"} // §10.1.3

// configuration: the form by which owners configure and destroy a room (§10.1 to §10.2, §10.9).
func configuration() feature {
	return feature{iq: []handler{
		{atRoom, "get", nsOwner, "query", (*step).roomForm},
		{atRoom, "set", nsOwner, "query", (*step).ownerSet},
	}}
}

// settings of all features, in the order of the table.
func (s *Service) settings() []setting {
	var all []setting
	for _, f := range s.features {
		all = append(all, f.form...)
	}
	return all
}

func (st *step) owns() bool { return st.s.standing(st.room, st.from.Bare()) == Owner }

func (st *step) roomForm() error {
	r := st.room
	if !st.owns() {
		return errForbidden
	}
	x := stanza.New(nsForm, "x", "type", "form").Add(
		stanza.Text(nsForm, "title", "Configuration of "+r.set.Name),
		formField("FORM_TYPE", "hidden", roomconfig))
	if r.named {
		x.Add(stanza.Text(nsForm, "instructions", "The service's own configuration says what this room is. Here, description and language may change."))
	}
	for _, f := range st.s.settings() {
		x.Add(formQuestion(f.name, f.typ, f.label, f.options, f.get(&r.set)...))
	}
	x.Add(formQuestion(fieldAdmins, "jid-multi", "Admins", nil, r.rank.list(Admin)...),
		formQuestion(fieldOwners, "jid-multi", "Owners", nil, r.rank.list(Owner)...))
	return st.result(stanza.New(nsOwner, "query").Add(x))
}

func (st *step) ownerSet() error {
	q := st.in.First()
	if !st.owns() {
		return errForbidden
	}
	if d := q.Child(nsOwner, "destroy"); d != nil {
		return st.destroy(d)
	}
	x := q.Child(nsForm, "x")
	switch {
	case x == nil:
		return errBadRequest
	case x.Type() == "cancel" && st.room.locked: // §10.1.3
		st.end("", "", "", "")
		return st.result()
	case x.Type() == "cancel":
		return st.result()
	case x.Type() != "submit":
		return errBadRequest
	}
	return st.configure(x)
}

// configure takes a form that was filled in: whole, or not at all. What it does not name stays.
func (st *step) configure(x *stanza.Element) error {
	r := st.room
	fields, ok := dataForm(x, roomconfig)
	if !ok {
		return errBadRequest
	}
	now := r.set.copied()
	for _, f := range st.s.settings() {
		v, given := fields[f.name]
		if !given {
			continue
		}
		if !f.set(&now, v) {
			return refused(f.name)
		}
		if r.named && !f.free && !slices.Equal(f.get(&now), f.get(&r.set)) {
			return refused(f.name)
		}
	}
	if now.Protected && now.Secret == "" {
		return refused("muc#roomconfig_roomsecret")
	}
	orders, err := st.appointed(fields)
	if err != nil {
		return err
	}
	if err := st.permitted(st.actor(), orders); err != nil {
		return err
	}
	was := r.set
	if r.locked || !reflect.DeepEqual(was, now) {
		st.decide(Fact{Kind: Configured, Room: r.local, From: string(st.from.Bare()), Settings: &now})
	}
	st.perform(st.actor(), orders)
	st.settled(was)
	st.left = append(st.left, r)
	return nil
}

func refused(field string) error {
	e := errUnwanted
	e.Text = "This cannot be: " + field
	return e
}

// appointed turns the lists of admins and owners, which are whole ones, into changes. Who was an owner
// and is none any more stays an admin if that list says nothing else; an admin stays a member.
func (st *step) appointed(fields map[string][]string) ([]order, error) {
	var orders []order
	named := map[string]bool{}
	lists := []struct {
		field     string
		as, after Affiliation
	}{{fieldOwners, Owner, Admin}, {fieldAdmins, Admin, Member}}
	if _, both := fields[fieldAdmins]; both {
		lists[0].after = Member
	}
	for _, l := range lists {
		for _, v := range fields[l.field] {
			jid := strings.ToLower(string(stanza.JID(strings.TrimSpace(v)).Bare()))
			if jid == "" || named[jid] {
				continue
			}
			if !addressable(stanza.JID(jid)) {
				return nil, refused(l.field)
			}
			named[jid] = true
			orders = append(orders, order{jid: stanza.JID(jid), affiliation: l.as})
		}
		if len(orders) > maxItems {
			return nil, refused(l.field)
		}
	}
	for _, l := range lists {
		if _, given := fields[l.field]; !given {
			continue
		}
		for _, jid := range st.room.rank.list(l.as) {
			if !named[jid] {
				orders = append(orders, order{jid: stanza.JID(jid), affiliation: l.after})
			}
		}
	}
	return orders, nil
}

// settled brings the occupants to what the room is now, and tells them (§10.2.1).
func (st *step) settled(was Settings) {
	r := st.room
	for _, o := range slices.Clone(r.occupants) {
		switch {
		case o.ours():
		case r.set.MembersOnly && o.affiliation < Member:
			st.others(r, st.expel(r, o, notice{codes: []int{322}}), nil)
		case was.Moderated != r.set.Moderated && o.affiliation == None && o.role < moderator && o.role != r.usualRole(None):
			o.role = r.usualRole(None)
			st.promoted(o, map[*occupant]bool{})
		case o.public != r.visible(o):
			st.others(r, here(o), nil)
		}
	}
	if codes := noticed(was, r.set); len(codes) > 0 {
		st.announce(codes...)
	}
}

// announce tells all who are in the room, by codes, what has changed of it.
func (st *step) announce(codes ...int) {
	x := stanza.New(nsUser, "x")
	for _, c := range codes {
		x.Add(status(c))
	}
	m := stanza.New("", "message", "type", "groupchat", "from", string(st.room.jid), "id", st.id)
	st.out.send(m.Add(x), st.room.everyone()...)
}

// noticed are the codes of a change: those of §10.2.1, and 104 for whatever else changed.
func noticed(was, now Settings) []int {
	var codes []int
	other := was
	other.Logging, other.Open = now.Logging, now.Open
	if !reflect.DeepEqual(other, now) {
		codes = append(codes, 104)
	}
	if was.Logging != now.Logging {
		codes = append(codes, map[bool]int{true: 170, false: 171}[now.Logging])
	}
	if was.Open != now.Open {
		codes = append(codes, map[bool]int{true: 172, false: 173}[now.Open])
	}
	return codes
}

// applySettings makes the room what they say.
func (r *room) applySettings(s Settings) {
	r.set = s.copied()
	r.past.limit = s.History
	r.past.trim()
}

func (r *room) applyConfigured(f Fact) {
	if f.Settings == nil || !r.open {
		return
	}
	r.locked, r.edited = false, true
	if r.named {
		r.set.Description, r.set.Lang = f.Settings.Description, f.Settings.Lang
		return
	}
	r.applySettings(*f.Settings)
}
