package muc

import (
	"slices"
	"strings"

	"frontdesk/component/stanza"
)

// administration: lists of affiliations and roles, and changes of them (§8, §9, §10.3
// to §10.8). A request with several items is done whole or not at all.
func administration() feature {
	return feature{form: []setting{
		some("getmemberlist", "Who may get the list of members", func(s *Settings) *[]string { return &s.Lists }),
	}, iq: []handler{
		{atRoom, "get", nsAdmin, "query", (*step).adminList},
		{atRoom, "set", nsAdmin, "query", (*step).adminSet},
	}}
}

// order is one item of a request, understood.
type order struct {
	jid         stanza.JID  // whose affiliation changes, or
	target      *occupant   // whose role changes
	affiliation Affiliation // to this
	role        role        // or this
	reason      string
}

// actor is who asks.
type actor struct {
	bare        stanza.JID
	affiliation Affiliation
	occupant    *occupant // nil where he is not in the room
}

func (st *step) actor() actor {
	a := actor{bare: st.from.Bare()}
	a.affiliation = st.s.standing(st.room, a.bare)
	if sess := st.session(); sess != nil {
		a.occupant = sess.occ
	}
	return a
}

func (a actor) nick() string {
	if a.occupant == nil {
		return ""
	}
	return a.occupant.nick
}

func (a actor) role() role {
	if a.occupant == nil {
		return noRole
	}
	return a.occupant.role
}

// adminList answers with everybody of one affiliation or role. In a semi-anonymous
// room addresses are for those who may edit the list.
func (st *step) adminList() error {
	item := st.in.First().Child(nsAdmin, "item")
	if item == nil {
		return errBadRequest
	}
	who, q := st.actor(), stanza.New(nsAdmin, "query")
	wanted, isAffiliation := affiliationNamed(item.Attr("affiliation"))
	kind, isRole := roleNamed(item.Attr("role"))
	switch {
	case isAffiliation == isRole || wanted == None && isAffiliation || kind == noRole && isRole:
		return errBadRequest
	case isRole && who.role() < moderator,
		isAffiliation && !st.room.mayList(who, wanted):
		return errForbidden
	case isRole:
		st.listRole(q, kind)
	default:
		st.listAffiliation(q, wanted)
	}
	return st.result(q)
}

// mayList: admins edit the lists of members and outcasts, owners all. Members are shown to the
// roles that the room says, and where addresses are no secret members see who has which rank.
func (r *room) mayList(who actor, wanted Affiliation) bool {
	switch {
	case who.affiliation == Owner, who.affiliation == Admin && wanted < Admin:
		return true
	case wanted < Member:
		return false
	case r.set.Open && who.affiliation >= Member:
		return true
	}
	return wanted == Member && slices.Contains(r.set.Lists, who.role().String())
}

func (st *step) listAffiliation(q *stanza.Element, a Affiliation) {
	for _, jid := range st.room.rank.list(a) {
		nick := ""
		if a > None {
			nick = st.room.registeredNick(stanza.JID(jid))
		}
		q.Add(stanza.New(nsAdmin, "item", "affiliation", a.String(), "jid", jid, "nick", nick))
	}
}

func (st *step) listRole(q *stanza.Element, as role) {
	for _, o := range st.room.occupants {
		if s := o.best(); o.role == as && s != nil {
			q.Add(stanza.New(nsAdmin, "item", "affiliation", o.affiliation.String(), "jid", string(s.jid),
				"nick", o.nick, "role", as.String()))
		}
	}
}

// adminSet changes affiliations and roles.
func (st *step) adminSet() error {
	orders, err := st.orders()
	if err != nil {
		return err
	}
	who := st.actor()
	if err := st.permitted(who, orders); err != nil {
		return err
	}
	st.perform(who, orders)
	return nil
}

// permitted checks all changes, with those before drafted.
func (st *step) permitted(who actor, orders []order) (err error) {
	draft := st.room.rank.draft()
	owners := len(draft.list(Owner))
	for _, o := range orders {
		if o.target != nil {
			err = mayChangeRole(who, o)
		} else {
			err = st.mayAffiliate(who, o, draft)
			draft.set(string(o.jid), o.affiliation)
		}
		if err != nil {
			return err
		}
	}
	switch {
	case owners > 0 && len(draft.list(Owner)) == 0:
		return errConflict // the last owner
	case len(draft.granted) > maxGranted:
		return errBusy
	}
	return nil
}

// orders reads the items.
func (st *step) orders() ([]order, error) {
	var all []order
	for item := range st.in.First().Elements() {
		if !item.Is(nsAdmin, "item") {
			continue
		}
		o, err := st.order(item)
		if err != nil {
			return nil, err
		}
		if all = append(all, o); len(all) > maxItems {
			return nil, errBadRequest
		}
	}
	if len(all) == 0 {
		return nil, errBadRequest
	}
	return all, nil
}

func (st *step) order(item *stanza.Element) (order, error) {
	o := order{reason: cut(strings.TrimSpace(item.ChildText(nsAdmin, "reason")), maxStatus)}
	var isAffiliation, isRole bool
	o.affiliation, isAffiliation = affiliationNamed(item.Attr("affiliation"))
	o.role, isRole = roleNamed(item.Attr("role"))
	jid, nick := item.Attr("jid"), item.Attr("nick")
	if isAffiliation == isRole || item.Attr("affiliation") != "" && item.Attr("role") != "" {
		return o, errBadRequest
	}
	target := st.room.byNick[fold(nick)]
	switch {
	case isAffiliation && jid != "":
		o.jid = stanza.JID(strings.ToLower(string(stanza.JID(jid).Bare())))
		if !addressable(o.jid) {
			return o, errMalformed
		}
	case nick == "":
		return o, errBadRequest
	case target == nil:
		return o, errNotFound
	case isAffiliation && target.ours():
		return o, errNotAllowed
	case isAffiliation:
		o.jid = target.bare
	default:
		o.target = target
	}
	return o, nil
}

// addressable reports whether a bare JID can be one: what clients write comes through
// no server's checks. RFC 6122 §2.1.
func addressable(jid stanza.JID) bool {
	d, l := jid.Domain(), jid.Local()
	return d != "" && len(d) < 1024 && len(l) < 1024 && !strings.HasPrefix(string(jid), "@") &&
		!strings.ContainsFunc(string(jid), func(r rune) bool { return r <= ' ' || r == 0x7F || strings.ContainsRune(`"&'<>`, r) }) &&
		!strings.Contains(d, "@")
}

// mayAffiliate checks one change (§5.2, §9, §10), with the changes before it drafted.
func (st *step) mayAffiliate(who actor, o order, draft ranks) error {
	now := draft.of(o.jid)
	switch {
	case who.affiliation < Admin, o.affiliation >= Admin && who.affiliation < Owner:
		return errForbidden
	case o.jid == who.bare && o.affiliation == Outcast:
		return errConflict
	case now >= Admin && who.affiliation < Owner && now != o.affiliation:
		return errNotAllowed
	case st.s.shut(o.jid) && o.affiliation > None:
		return errNotAllowed
	case now == o.affiliation:
		return nil
	}
	if _, config := draft.floor[string(o.jid)]; config && st.room.yields != nil && st.room.yields(string(o.jid)) {
		return nil
	}
	after := draft.draft()
	after.set(string(o.jid), o.affiliation)
	if after.of(o.jid) == o.affiliation {
		return nil
	}
	if now == Owner && o.jid == who.bare && len(after.list(Owner)) == 1 {
		return errConflict
	}
	e := errNotAllowed
	e.Text = "The configuration of the service says otherwise."
	return e
}

// mayChangeRole checks one change (§8.2 to §8.4, §9.6, §9.7).
func mayChangeRole(who actor, o order) error {
	t := o.target
	switch {
	case who.role() < moderator,
		(o.role == moderator || t.role == moderator && o.role != moderator) && who.affiliation < Admin && t.affiliation <= who.affiliation:
		return errForbidden
	case o.role == t.role:
		return nil // lists come back whole, with the owners among the moderators
	case t.bare == "", t.affiliation > who.affiliation:
		return errNotAllowed
	case o.role == noRole && t == who.occupant:
		return errConflict
	case o.role != noRole && o.role < moderator && t.affiliation >= Admin:
		return errNotAllowed
	}
	return nil
}

// perform does what has been checked: who goes is told, then the one who asked, then the others.
func (st *step) perform(who actor, orders []order) {
	r := st.room
	var gone []notice
	var changed []*occupant
	var invited []stanza.JID
	var absent []order
	raised := map[*occupant]bool{}
	for _, o := range orders {
		how := notice{actor: who.nick(), reason: o.reason}
		if o.target != nil {
			if r.byNick[fold(o.target.nick)] != o.target {
				continue // gone by an item before
			}
			if how.codes = []int{307}; o.role == noRole {
				gone = append(gone, st.expel(r, o.target, how))
			} else if o.target.role != o.role {
				raised[o.target] = o.role == moderator
				o.target.role = o.role
				changed = append(changed, o.target)
			}
			continue
		}
		before := r.rank.of(o.jid)
		if before == o.affiliation {
			continue
		}
		if o.affiliation < Member && r.chosen[string(o.jid)] != "" {
			st.decide(Fact{Kind: Registered, Room: r.local, JID: string(o.jid)}) // only members have one
		}
		if o.affiliation >= Member {
			delete(r.applicants, o.jid)
		}
		there := r.inside(o.jid)
		st.decide(Fact{Kind: Affiliated, Room: r.local, JID: string(o.jid), Affiliation: o.affiliation, From: string(who.bare)})
		switch {
		case o.jid.Local() == "", o.jid == who.bare:
		case before < Member && o.affiliation >= Member && r.set.MembersOnly:
			invited = append(invited, o.jid) // §9.3; he cannot be in the room yet
		case !there && max(before, o.affiliation) >= Member: // others are to learn nothing of the room
			absent = append(absent, o)
		}
		g, c := st.reaffiliate(how, raised)
		gone, changed = append(gone, g...), append(changed, c...)
	}
	if st.in.Local == "iq" {
		_ = st.result()
	}
	for _, n := range gone {
		st.others(r, n, nil)
	}
	for _, o := range changed {
		if r.byNick[fold(o.nick)] == o {
			st.promoted(o, raised)
		}
	}
	for i, jid := range invited {
		st.invite(jid, who, "", nil, i)
	}
	for _, o := range absent {
		st.ranked(o)
	}
	if r.named {
		st.recheck()
	}
}

// ranked tells somebody who is not in the room what he is there now (§18.1).
func (st *step) ranked(o order) {
	item := stanza.New(nsUser, "item", "affiliation", o.affiliation.String(), "role", noRole.String(), "jid", string(o.jid))
	if o.reason != "" {
		item.Add(stanza.Text(nsUser, "reason", o.reason))
	}
	st.send(o.jid, stanza.New("", "message", "from", string(st.room.jid), "id", st.id).Add(stanza.New(nsUser, "x").Add(item, status(101))))
}

// recheck takes those out of rooms for everybody who, by a change in a room of the config, are not of the
// service any more.
func (st *step) recheck() {
	for _, r := range st.s.order {
		if r.named && !r.hosted || len(r.sessions) == 0 {
			continue
		}
		for _, o := range slices.Clone(r.occupants) {
			if !st.s.admits(r, o.bare) {
				st.others(r, st.expel(r, o, notice{codes: []int{321}}), nil)
			}
		}
	}
}

// reaffiliate brings all occupants to what their affiliations are now.
func (st *step) reaffiliate(how notice, raised map[*occupant]bool) (gone []notice, changed []*occupant) {
	r := st.room
	for _, o := range append([]*occupant(nil), r.occupants...) {
		now := st.s.standing(r, o.bare)
		if o.ours() || now == o.affiliation {
			continue
		}
		o.affiliation = now
		switch {
		case now == Outcast:
			how.codes = []int{301}
			gone = append(gone, st.expel(r, o, how))
		case r.usualRole(now) == noRole:
			how.codes = []int{321}
			gone = append(gone, st.expel(r, o, how))
		default:
			was := o.role
			o.role = r.usualRole(now)
			raised[o] = was < moderator && o.role == moderator
			changed = append(changed, o)
		}
	}
	return gone, changed
}

// promoted tells everybody what an occupant is now, and a new moderator who the others are.
func (st *step) promoted(o *occupant, raised map[*occupant]bool) {
	r := st.room
	st.show(r, o, nil)
	for _, s := range o.sessions {
		st.keep(r, s)
		for _, x := range r.occupants {
			if raised[o] && x != o && !x.ours() {
				st.view(r, x, s)
			}
		}
	}
	delete(raised, o)
}
