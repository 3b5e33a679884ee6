package muc

import (
	"strconv"
	"strings"

	"frontdesk/component/stanza"
)

// presences is what is said about occupants (§7.1, §7.7): one muc#user element
// in everything that leaves, never one that came in.
func presences() feature {
	return feature{form: []setting{
		{name: "muc#roomconfig_whois", typ: "list-single", label: "Who sees addresses", options: []string{"moderators", "anyone"},
			get: func(s *Settings) []string { return []string{either(s.Open, "anyone", "moderators")} },
			set: func(s *Settings, v []string) bool {
				text := strings.Join(v, "")
				s.Open = text == "anyone"
				return s.Open || text == "moderators"
			}},
		some("presencebroadcast", "Whose presence others see", func(s *Settings) *[]string { return &s.Broadcast }),
	}, forged: named(nsMUC, nsUser, nsAdmin, nsOwner)}
}

// notice is something to be said about an occupant.
type notice struct {
	occ           *occupant
	jid           stanza.JID      // full, for moderators
	show          *stanza.Element // whose language and children go along, or nil
	gone          bool
	rename        string // the new nick, with code 303
	actor, reason string
	codes         []int
	ended         *stanza.Element // <destroy/>, with the room
}

// here is the notice that an occupant is in the room as he is.
func here(o *occupant) notice {
	n := notice{occ: o}
	if s := o.best(); s != nil {
		n.jid, n.show = s.jid, s.presence
	}
	return n
}

// stanza renders the notice; jid is "" for those who may not see it.
func (n notice) stanza(r *room, jid stanza.JID, id string, codes ...int) *stanza.Element {
	p := stanza.New("", "presence", "from", string(r.address(n.occ.nick)), "id", id)
	as := n.occ.role
	if n.gone {
		p.Set("type", "unavailable")
		if n.rename == "" {
			as = noRole
		}
	}
	if n.show != nil {
		p.SetLang(n.show.Lang())
		p.Nodes = append(p.Nodes, n.show.Nodes...)
	}
	item := stanza.New(nsUser, "item", "affiliation", n.occ.affiliation.String(),
		"role", as.String(), "jid", string(jid), "nick", n.rename)
	if n.actor != "" {
		item.Add(stanza.New(nsUser, "actor", "nick", n.actor))
	}
	if n.reason != "" {
		item.Add(stanza.Text(nsUser, "reason", n.reason))
	}
	x := stanza.New(nsUser, "x").Add(item, n.ended)
	for _, c := range codes {
		x.Add(status(c))
	}
	for _, c := range n.codes {
		x.Add(status(c))
	}
	return p.Add(x, occupantID(n.occ), r.hatsOf(n.occ))
}

func status(code int) *stanza.Element {
	return stanza.New(nsUser, "status", "code", strconv.Itoa(code))
}

// others tells it to all but the occupant's own sessions and one more. Whose role is not broadcast is
// not seen; who is not seen any more goes.
func (st *step) others(r *room, n notice, but *session) {
	if seen := n.occ.public; !r.visible(n.occ) || n.gone {
		if !seen {
			return
		}
		n.gone, n.occ.public = true, false
	} else {
		n.occ.public = true
	}
	var seeing, blind []stanza.JID
	for _, o := range r.occupants {
		if o == n.occ {
			continue
		}
		for _, s := range o.sessions {
			switch {
			case s == but:
			case r.sees(o):
				seeing = append(seeing, s.jid)
			default:
				blind = append(blind, s.jid)
			}
		}
	}
	if len(seeing) > 0 {
		st.out.send(n.stanza(r, n.jid, ""), seeing...)
	}
	if len(blind) > 0 {
		st.out.send(n.stanza(r, "", ""), blind...)
	}
}

// self tells it to one of the occupant's own sessions: code 110, his own address.
func (st *step) self(r *room, n notice, s *session, id string, codes ...int) {
	st.send(s.jid, n.stanza(r, s.jid, id, append([]int{110}, codes...)...))
}

// view tells one session about another's occupant.
func (st *step) view(r *room, o *occupant, to *session) {
	if !r.visible(o) && o != to.occ {
		return
	}
	n := here(o)
	jid := n.jid
	if !r.sees(to.occ) {
		jid = ""
	}
	st.send(to.jid, n.stanza(r, jid, ""))
}

// refresh tells everybody about an occupant if what they see of him has changed;
// but gets its own answer elsewhere.
func (st *step) refresh(r *room, o *occupant, but *session) {
	if s := o.best(); s != nil && s.xml != o.seen {
		st.show(r, o, but)
	}
}

// show tells everybody about an occupant.
func (st *step) show(r *room, o *occupant, but *session) {
	o.seen = o.best().xml
	n := here(o)
	st.others(r, n, but)
	for _, s := range o.sessions {
		if s != but {
			st.self(r, n, s, "")
		}
	}
}

// changePresence is presence without <x/>: of a session in the room a change of
// availability (§7.7) or nick (§7.6), else a client that lost its way (§7.2.17).
func (st *step) changePresence(sess *session) error {
	if sess == nil {
		return st.lost()
	}
	st.confirm(sess)
	want := st.to.Resource()
	nick, err := st.renamed(sess, want)
	if err != nil {
		// Converse.js 14 takes every refusal for the end: that its user is still here brings the room back.
		st.refuse(err)
		st.self(st.room, here(sess.occ), sess, "")
		return nil
	}
	news := sess.addressed(want)
	changed := st.accept(sess)
	var codes []int
	if want != "" && want != nick {
		codes = []int{210}
	}
	r, o := st.room, sess.occ
	if nick != o.nick {
		st.rename(sess, nick, codes...)
		return nil
	}
	st.self(r, here(o), sess, st.in.ID(), codes...)
	st.refresh(r, o, sess)
	if changed {
		st.event(Changed, r, sess)
	}
	if changed || news {
		st.keep(r, sess)
	}
	return nil
}

// lost answers presence of somebody who thinks that he is in the room: he is told
// that he is not, so that his client joins again.
func (st *step) lost() error {
	if st.to.Resource() == "" {
		return errMalformed
	}
	item := stanza.New(nsUser, "item", "affiliation", st.s.standing(st.room, st.from.Bare()).String(), "role", "none")
	item.Add(stanza.Text(nsUser, "reason", "You are not in the room."))
	x := stanza.New(nsUser, "x").Add(item, status(110), status(307), status(333))
	st.send(st.from, stanza.New("", "presence", "type", "unavailable", "from", string(st.to), "id", st.in.ID()).Add(x))
	return nil
}

// accept takes over the presence that came in, and reports whether it is another one.
func (st *step) accept(sess *session) bool {
	p := bounded(st.s.passed(st.in, "presence"))
	xml := p.String()
	if xml == sess.xml {
		return false
	}
	if own, err := stanza.Parse(xml); err == nil {
		p = own // kept for long: without what surrounded it in the stanza's memory
	}
	sess.presence, sess.xml = p, xml
	return true
}

// passed is a copy of a stanza with its language and those children that may be passed on.
func (s *Service) passed(in *stanza.Element, local string) *stanza.Element {
	p := stanza.New("", local).SetLang(in.Lang())
	p.Nodes = make([]stanza.Node, 0, len(in.Nodes)+2)
	for c := range in.Elements() {
		if !s.forged(c) {
			p.Nodes = append(p.Nodes, stanza.Node{Element: c})
		}
	}
	return p
}

// forged reports whether a child is one that only a room may write.
func (s *Service) forged(c *stanza.Element) bool {
	for _, f := range s.features {
		if f.forged != nil && f.forged(c) {
			return true
		}
	}
	return c.Is("", "error")
}

// bounded cuts presence that is too large, as everybody gets it and a row keeps it.
func bounded(p *stanza.Element) *stanza.Element {
	if len(p.AppendXML(nil)) <= maxPresence {
		return p
	}
	small := stanza.New("", "presence")
	for _, name := range []string{"show", "status", "priority"} {
		if c := p.Child("", name); c != nil {
			small.Add(stanza.Text("", name, cut(c.Text(), maxStatus)))
		}
	}
	for c := range p.Elements() {
		if (c.Is("http://jabber.org/protocol/caps", "c") || c.Is(stanza.NSIdle, "idle")) && len(c.AppendXML(nil)) <= maxStatus {
			small.Add(c)
		}
	}
	return small
}

// cut shortens s to at most n bytes, at the end of a rune.
func cut(s string, n int) string {
	if len(s) <= n {
		return strings.Clone(s)
	}
	return strings.ToValidUTF8(s[:n], "")
}

// probe answers a presence probe (§17.3): occupants see occupants.
func (st *step) probe(sess *session) error {
	if sess == nil {
		return errAcceptable
	}
	o := sess.occ
	if nick := st.to.Resource(); nick != "" {
		o = st.room.byNick[fold(nick)]
	}
	switch {
	case o == nil:
		return errNotFound
	case o == sess.occ:
		st.self(st.room, here(o), sess, st.in.ID())
	default:
		st.view(st.room, o, sess)
	}
	return nil
}
