package muc

import (
	"time"

	"frontdesk/component/stanza"
)

// Say speaks in a room as the service's occupant; Tell sends a private message of it to one session,
// and keeps nothing. Both give an empty Out where there is no such room, occupant or session.
func (s *Service) Say(now time.Time, room, body, id string) Out {
	st := &step{s: s, now: now, id: id, room: s.rooms[room]}
	if st.room == nil || st.room.desk == nil {
		return Out{}
	}
	m := st.room.desksays("groupchat", body, id).Add(st.stanzaID())
	st.decide(Fact{Kind: Message, Room: st.room.local, ID: id, Nick: st.room.desk.nick, Words: m})
	st.toAll(m)
	return st.out
}

func (s *Service) Tell(room string, to stanza.JID, body, id string) Out {
	var out Out
	r := s.rooms[room]
	if r == nil || r.desk == nil || r.sessions[to] == nil {
		return out
	}
	m := r.desksays("chat", body, id).Add(stanza.New(nsUser, "x"), stanza.New(nsHints, "no-copy"))
	out.send(m, to)
	return out
}

func (r *room) desksays(typ, body, id string) *stanza.Element {
	return stanza.New("", "message", "type", typ, "from", string(r.address(r.desk.nick)), "id", id).
		Add(stanza.Text("", "body", body), occupantID(r.desk))
}
