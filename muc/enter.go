package muc

import (
	"strings"

	"frontdesk/component/stanza"
)

// entry is somebody at the door; the features look at it in turn.
type entry struct {
	bare        stanza.JID
	asked       string // nick
	nick        string // that he gets
	affiliation Affiliation
	session     *session // that he has already, or nil
}

// enter is presence with <x xmlns=muc/> (§7.2). A client that is in the room has lost
// its way and gets everything again (§17.3).
func (st *step) enter() error {
	r := st.room
	e := &entry{bare: st.from.Bare(), asked: st.to.Resource(), session: st.session()}
	for _, f := range st.s.features {
		if f.entry == nil {
			continue
		}
		if err := f.entry(st, e); err != nil {
			return err
		}
	}
	codes := r.codes(st.created)
	if e.nick != e.asked {
		codes = append(codes, 210)
	}
	sess, before := e.session, (*occupant)(nil)
	if sess == nil {
		sess = &session{jid: stanza.JID(strings.Clone(string(st.from)))}
	} else {
		before = sess.occ
	}
	sess.confirmed, sess.asked = true, ""
	sess.addressed(e.asked)
	sess.addressed(e.nick)
	st.accept(sess)

	switch {
	case before != nil && before.nick != e.nick:
		st.rename(sess, e.nick, codes...)
		st.welcome(sess, codes...)
	case before != nil:
		st.welcome(sess, codes...)
		st.refresh(r, sess.occ, sess)
	default:
		o := r.byNick[fold(e.nick)]
		first := o == nil
		if first {
			o = r.settle(st.s, &occupant{nick: e.nick, bare: stanza.JID(strings.Clone(string(e.bare))),
				affiliation: e.affiliation, role: r.usualRole(e.affiliation)})
		}
		r.attach(sess, o)
		st.welcome(sess, codes...)
		st.refresh(r, o, sess) // of a first session, too: nobody has seen it
	}
	st.event(Entered, r, sess)
	st.keep(r, sess)
	return nil
}

// welcome sends what a newcomer gets, in the order that §7.1 wants: the others,
// himself, history, subject; then the room's picture. What follows in the same Out is live.
func (st *step) welcome(sess *session, codes ...int) {
	r := st.room
	for _, o := range r.occupants {
		if o != sess.occ {
			st.view(r, o, sess)
		}
	}
	st.self(r, here(sess.occ), sess, st.in.ID(), codes...)
	st.sendHistory(sess)
	st.sendSubject(sess)
	st.sendPicture(sess)
}

// codes tell who enters about the room (§7.2.2, §7.2.12, §10.1.1).
func (r *room) codes(created bool) []int {
	var codes []int
	for _, c := range []struct {
		code  int
		holds bool
	}{{100, r.set.Open}, {170, r.set.Logging}, {201, created}} {
		if c.holds {
			codes = append(codes, c.code)
		}
	}
	return codes
}
