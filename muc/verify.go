package muc

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"frontdesk/component/stanza"
)

// rowValue is a session between two runs. Fields are added, never re-meant.
type rowValue struct {
	Nick     string   `json:"nick"`
	Presence string   `json:"presence"`
	Nicks    []string `json:"nicks,omitempty"` // that the client has addressed
	Role     string   `json:"role,omitempty"`  // where it is not the usual one
}

// orphan is a session of an earlier run that may not be in the room any more.
type orphan struct {
	room *room
	jid  stanza.JID
	nick string
}

func rowKey(r *room, jid stanza.JID) string { return r.local + "\x00" + string(jid) }

// keep puts the session's row out.
func (st *step) keep(r *room, s *session) {
	v := rowValue{Nick: s.occ.nick, Presence: s.xml, Nicks: s.nicks}
	if s.occ.role != r.usualRole(s.occ.affiliation) {
		v.Role = s.occ.role.String()
	}
	value, err := json.Marshal(v)
	if err != nil {
		panic("muc: " + err.Error())
	}
	st.out.Rows = append(st.out.Rows, Row{Key: rowKey(r, s.jid), Value: value})
}

// RestoreSession puts a session back that a Row of an earlier run kept; nobody is told. Call it after the
// facts are applied. One that may not be there any more, by the config or its facts, is kept aside:
// Verify tells it so and forgets its row. The error is for a row that cannot be read.
func (s *Service) RestoreSession(key string, value []byte) error {
	local, full, ok := strings.Cut(key, "\x00")
	var v rowValue
	if err := json.Unmarshal(value, &v); err != nil || !ok || local == "" || full == "" {
		return errors.Join(fmt.Errorf("muc: session row %q", key), err)
	}
	p, err := stanza.Parse(v.Presence)
	if err != nil {
		return fmt.Errorf("muc: session row %q: %w", key, err)
	}
	jid := stanza.JID(full)
	r := s.rooms[local]
	if r == nil {
		r = s.draftRoom(local) // to tell the session of it, and no more
	}
	a := s.standing(r, jid.Bare())
	nick, refused := r.nickFor(jid.Bare(), v.Nick)
	if !r.open || !s.admits(r, jid.Bare()) || refused != nil || nick != v.Nick || len(r.sessions) >= maxOccupants+spareOccupants {
		s.orphans = append(s.orphans, orphan{r, jid, v.Nick})
		return nil
	}
	if r.sessions[jid] != nil {
		return fmt.Errorf("muc: session row %q twice", key)
	}
	o := r.byNick[fold(nick)]
	if o == nil {
		as := r.usualRole(a)
		if kept, ok := roleNamed(v.Role); ok && kept != noRole && a <= Member {
			as = kept
		}
		o = r.settle(s, &occupant{nick: nick, bare: jid.Bare(), affiliation: a, role: as})
	}
	r.attach(&session{jid: jid, presence: p, xml: v.Presence, nicks: v.Nicks}, o)
	o.seen, o.public = o.best().xml, r.visible(o)
	return nil
}

// Verify then asks every session that was not confirmed since (a disco#info IQ); one that answers with a result is Confirmed,
// one whose server answers with a kickable error is removed. Whoever says something in the room is Confirmed, too.
func (s *Service) Verify(now time.Time) Out {
	st := &step{s: s, now: now}
	for _, x := range s.orphans {
		n := notice{occ: &occupant{nick: x.nick, affiliation: max(None, s.standing(x.room, x.jid.Bare())), id: s.occupantID(x.room, x.jid.Bare())},
			gone: true, codes: []int{333}}
		sess := &session{jid: x.jid, occ: n.occ}
		st.self(x.room, n, sess, "")
		st.forget(x.room, sess)
	}
	s.orphans = nil
	st.left = append(st.left, s.order...)
	st.sweep()
	for _, sess := range s.unconfirmed() {
		r, nick := sess.room(s), sess.occ.nick
		sess.asked = s.keyed("verify", string(r.jid), string(sess.jid), now.UTC().Format(time.RFC3339Nano))
		st.send(sess.jid, stanza.New("", "iq", "type", "get", "from", string(r.address(nick)), "id", sess.asked).
			Add(stanza.New(stanza.NSDiscoInfo, "query")))
	}
	return st.out
}

// Doubt makes every session unconfirmed: after the link was down, for who left meanwhile was not heard.
func (s *Service) Doubt() {
	for _, r := range s.order {
		for _, x := range r.sessions {
			x.confirmed = false
		}
	}
}

// Expire removes, with status 333, those that have not answered.
func (s *Service) Expire(now time.Time) Out {
	st := &step{s: s, now: now}
	for _, sess := range s.unconfirmed() {
		st.dropped(sess.room(s), sess)
	}
	st.sweep()
	return st.out
}

// Unconfirmed counts the sessions that Verify waits for.
func (s *Service) Unconfirmed() int { return len(s.unconfirmed()) }

// unconfirmed returns them in the order of entry.
func (s *Service) unconfirmed() []*session {
	var all []*session
	for _, r := range s.order {
		for _, o := range r.occupants {
			for _, x := range o.sessions {
				if !x.confirmed {
					all = append(all, x)
				}
			}
		}
	}
	return all
}

// room finds the room that the session is in.
func (x *session) room(s *Service) *room {
	i := slices.IndexFunc(s.order, func(r *room) bool { return r.sessions[x.jid] == x })
	return s.order[i]
}

// verified is the answer to Verify's question. A session that answers with an error which is not
// one of delivery stays as it is, for Expire.
func (st *step) verified(sess *session) {
	if sess.confirmed || sess.asked == "" || st.in.ID() != sess.asked {
		return
	}
	e, failed := stanza.ErrorOf(st.in)
	switch {
	case !failed:
		st.confirm(sess)
	case slices.Contains(kickable, e.Condition):
		st.dropped(st.room, sess)
	}
}

// confirm notes that a restored session is really there.
func (st *step) confirm(sess *session) {
	if !sess.confirmed {
		sess.confirmed, sess.asked = true, ""
		st.event(Confirmed, st.room, sess)
	}
}
