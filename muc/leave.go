package muc

import (
	"slices"

	"frontdesk/component/stanza"
)

// leave is presence of type unavailable (§7.14). The server of a client that vanished
// sends it to every nick that the client ever addressed, and only to those.
func (st *step) leave(sess *session) {
	if nick := st.to.Resource(); sess == nil || nick != "" && nick != sess.occ.nick && !sess.knows(nick) {
		return
	}
	show := st.s.passed(st.in, "presence")
	show.Remove(func(c *stanza.Element) bool { return !c.Is("", "status") })
	st.part(st.room, sess, notice{show: bounded(show)}, st.in.ID())
}

// part takes one session out of the room; how says what to tell about it.
func (st *step) part(r *room, sess *session, how notice, id string) {
	o := sess.occ
	how.occ, how.jid, how.gone = o, sess.jid, true
	last := r.detach(sess)
	st.self(r, how, sess, id)
	if last {
		st.others(r, how, nil)
	} else {
		st.refresh(r, o, nil)
	}
	st.forget(r, sess)
	if r.locked && len(r.sessions) == 0 {
		st.abandoned(r, sess.jid)
	}
}

// abandoned tells who left a room last that it ended, as it was never configured (§10.1.3). The room says so
// itself, behind the answer to his leaving (§7.14): a client of the library Smack waits in vain for an answer that
// holds <destroy/>.
func (st *step) abandoned(r *room, jid stanza.JID) {
	x := stanza.New(nsUser, "x").Add(stanza.New(nsUser, "item", "affiliation", None.String(), "role", noRole.String()), ended("", "", ""))
	st.send(jid, stanza.New("", "presence", "type", "unavailable", "from", string(r.jid)).Add(x))
}

// expel takes a whole occupant out and tells its own sessions. The notice that it
// returns is for the others, who hear of it after the IQ is answered (§8.2).
func (st *step) expel(r *room, o *occupant, how notice) notice {
	how.occ, how.gone = o, true
	for _, s := range slices.Clone(o.sessions) {
		how.jid = s.jid
		r.detach(s)
		st.self(r, how, s, "")
		st.forget(r, s)
	}
	return how
}

// forget tells outside that a session is gone.
func (st *step) forget(r *room, s *session) {
	st.event(Left, r, s)
	st.left = append(st.left, r)
	st.out.Rows = append(st.out.Rows, Row{Key: rowKey(r, s.jid)})
}

// kickable are the errors that mean: this session is not there any more (§14.5).
var kickable = []string{
	"gone", "internal-server-error", "item-not-found", "jid-malformed", "recipient-unavailable",
	"redirect", "remote-server-not-found", "remote-server-timeout", "service-unavailable",
}

// unreachable are those of them that a client itself never answers an IQ with.
var unreachable = []string{"gone", "recipient-unavailable", "remote-server-not-found", "remote-server-timeout"}

// bounced is presence or a message of type error from a session. It is never
// passed on: its text may hold addresses.
func (st *step) bounced(sess *session) {
	if e, _ := stanza.ErrorOf(st.in); slices.Contains(kickable, e.Condition) {
		st.dropped(st.room, sess)
	}
}

// dropped removes a session for a technical reason (§14.5); 307 would make clients forget the room.
func (st *step) dropped(r *room, sess *session) {
	st.part(r, sess, notice{codes: []int{333}}, "")
}
