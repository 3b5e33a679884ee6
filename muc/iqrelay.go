package muc

import (
	"slices"
	"strings"
	"time"

	"frontdesk/component/stanza"
)

// relayable are the IQs of type get that go from occupant to occupant (§17.4). Who
// they ask: the account, whose server answers, or the client. Nothing else goes,
// so that nobody waits for what nobody will answer.
var relayable = []forwarding{
	{stanza.NSDiscoInfo, "query", false},
	{stanza.NSDiscoItems, "query", false},
	{nsVersion, "query", false},
	{"urn:xmpp:time", "time", false},
	{"jabber:iq:last", "query", false},
	{stanza.NSPing, "ping", false},
	{nsVCard, "vCard", true},
	{"urn:ietf:params:xml:ns:vcard-4.0", "vcard", true},
	{"http://jabber.org/protocol/pubsub", "pubsub", true},
}

// forwarding is an IQ that is relayed, by the name of its payload.
type forwarding struct {
	space, local string
	account      bool
}

// relayed are the IQs under way, oldest first: at most maxRelayed, and maxRelayedEach of one session.
type relayed struct {
	byID   map[string]*question
	queue  []*question
	asking map[stanza.JID]int
}

// question is an IQ that waits for its answer.
type question struct {
	id     string // under which we sent it on
	room   *room
	asker  stanza.JID      // full
	iq     *stanza.Element // its head: to, from, id
	target stanza.JID      // whom we asked
	at     time.Time
}

// occupantIQ is an IQ of type get or set to an occupant.
func (st *step) occupantIQ() error {
	p, sess := st.in.First(), st.session()
	if sess == nil {
		if p.Space == stanza.NSDiscoInfo || p.Space == stanza.NSDiscoItems {
			return errBadRequest // §6.6
		}
		return errAcceptable // XEP-0410 §3.3
	}
	st.confirm(sess)
	if st.in.Type() == "get" && p.Is(stanza.NSPing, "ping") && st.own(sess) {
		return st.result()
	}
	o := st.room.byNick[fold(st.to.Resource())]
	switch {
	case o == nil:
		return errNotFound
	case o.ours():
		return st.ownIQ(o)
	}
	return st.relay(sess, o)
}

// ownIQ answers for the service's own occupant, or for a guest.
func (st *step) ownIQ(o *occupant) error {
	q := st.in.First()
	if st.in.Type() != "get" || !q.Is(stanza.NSDiscoInfo, "query") {
		return errUnavailable
	}
	if q.Attr("node") != "" {
		return errNotFound
	}
	category, typ := "account", "registered" // a guest is a person, whose client is nobody's business
	if o == st.room.desk {
		category, typ = "client", "bot"
	}
	r := stanza.New(stanza.NSDiscoInfo, "query").Add(identity(category, typ, o.nick))
	supports(r, []string{stanza.NSDiscoInfo})
	if o == st.room.desk {
		supports(r, st.s.extra)
	}
	return st.result(r)
}

func (st *step) relay(sess *session, o *occupant) error {
	p := st.in.First()
	i := slices.IndexFunc(relayable, func(f forwarding) bool { return p.Is(f.space, f.local) })
	if i < 0 || st.in.Type() != "get" || st.id == "" {
		return errUnavailable
	}
	w := &st.s.relayed
	if len(w.byID) >= maxRelayed || w.asking[sess.jid] >= maxRelayedEach {
		return errBusy
	}
	q := &question{id: st.id, room: st.room, asker: sess.jid, target: o.best().jid, at: st.now}
	if relayable[i].account {
		q.target = o.bare
	}
	q.iq = stanza.New("", "iq", "type", "get", "from", string(st.from), "to", string(st.to), "id", st.in.ID())
	w.byID[q.id] = q
	if len(w.queue) >= 2*maxRelayed {
		w.queue = slices.DeleteFunc(w.queue, func(q *question) bool { return w.byID[q.id] != q })
	}
	w.queue = append(w.queue, q)
	w.asking[q.asker]++
	me := st.room.address(sess.occ.nick)
	st.send(q.target, stanza.New("", "iq", "type", "get", "from", string(me), "id", q.id).Add(masked(p, sess.jid, me)))
	return nil
}

// expireRelayed answers those that asked too long ago.
func (st *step) expireRelayed() {
	w := &st.s.relayed
	for len(w.queue) > 0 {
		q := w.queue[0]
		waiting := w.byID[q.id] == q
		if waiting && st.now.Sub(q.at) < relayTimeout {
			return
		}
		w.queue = w.queue[1:]
		if waiting {
			w.done(q)
			st.answer(q, stanza.Error{Type: errTimeout.Type, Condition: errTimeout.Condition, By: q.room.jid}.Reply(q.iq))
		}
	}
}

func (w *relayed) done(q *question) {
	delete(w.byID, q.id)
	if w.asking[q.asker]--; w.asking[q.asker] <= 0 {
		delete(w.asking, q.asker)
	}
}

// answer goes to who asked, if he is still there.
func (st *step) answer(q *question, iq *stanza.Element) {
	if q.room.sessions[q.asker] != nil {
		st.send(q.asker, iq)
	}
}

// answered is an IQ of type result or error: to a question between occupants, or
// to one of Verify's. All others are dropped.
func (st *step) answered() {
	q := st.s.relayed.byID[st.in.ID()]
	if q == nil || q.target != st.from {
		if sess := st.session(); sess != nil {
			st.verified(sess)
		}
		return
	}
	st.s.relayed.done(q)
	asked := q.iq.To()
	if e, failed := stanza.ErrorOf(st.in); failed {
		// Text and details may hold addresses.
		e = stanza.Error{Type: e.Type, Condition: e.Condition, By: q.room.jid}
		st.answer(q, e.Reply(q.iq))
		if sess := q.room.sessions[q.target]; sess != nil && slices.Contains(unreachable, e.Condition) {
			st.dropped(q.room, sess)
		}
		return
	}
	r := stanza.Result(q.iq)
	if p := st.in.First(); p != nil {
		r.Add(masked(p, q.target, asked))
	}
	st.answer(q, r)
}

// masked is a copy of e in which an address, full and bare, has become the one in the room.
func masked(e *stanza.Element, jid, as stanza.JID) *stanza.Element {
	c := e.Clone()
	mask(c, string(jid), string(as))
	if bare := jid.Bare(); bare != jid {
		mask(c, string(bare), string(as))
	}
	return c
}

func mask(e *stanza.Element, from, to string) {
	for i := range e.Attrs {
		e.Attrs[i].Value = replaceFold(e.Attrs[i].Value, from, to)
	}
	for i := range e.Nodes {
		if c := e.Nodes[i].Element; c != nil {
			mask(c, from, to)
		} else {
			e.Nodes[i].Text = replaceFold(e.Nodes[i].Text, from, to)
		}
	}
}

// replaceFold replaces from, in whatever ASCII case.
func replaceFold(s, from, to string) string {
	if len(s) < len(from) {
		return s
	}
	low, from := lower(s), lower(from)
	if from == "" || !strings.Contains(low, from) {
		return s
	}
	var b strings.Builder
	for {
		i := strings.Index(low, from)
		if i < 0 {
			return b.String() + s
		}
		b.WriteString(s[:i] + to)
		s, low = s[i+len(from):], low[i+len(from):]
	}
}

// lower is ASCII only, so that offsets stay.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
