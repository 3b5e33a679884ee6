package muc

import (
	"time"

	"frontdesk/component/stanza"
)

// topic is the room's subject as it was set; words is nil for none.
type topic struct {
	at    time.Time
	words *stanza.Element
}

// id is the stanza-id that a subject has which was set by somebody.
func (t *topic) id() string {
	if c := t.words.Child(stanza.NSSID, "stanza-id"); c != nil {
		return c.Attr("id")
	}
	return ""
}

// subjects (§7.2.15, §8.1): moderators set it, or whoever may speak, who enters always gets it, even if there is none.
func subjects() feature {
	return feature{form: []setting{
		choice("changesubject", "Who may speak may set the subject", func(s *Settings) *bool { return &s.Subjects }),
	}, info: func(r *room) []field {
		return []field{
			{"muc#roominfo_subject", r.topic.words.ChildText("", "subject")},
			{"muc#roominfo_subjectmod", flag(r.set.Subjects)},
			{"muc#roominfo_changesubject", flag(r.set.Subjects)},
			{"muc#roomconfig_changesubject", flag(r.set.Subjects)},
		}
	}}
}

func (st *step) setSubject(sess *session) error {
	if as := sess.occ.role; as < moderator && (as < participant || !st.room.set.Subjects) {
		return errForbidden
	}
	m, err := st.said(sess.occ)
	if err != nil {
		return err
	}
	if len(m.AppendXML(nil)) > maxSubject {
		return errTooLong
	}
	m.Add(st.stanzaID())
	st.decide(Fact{Kind: Subject, Room: st.room.local, ID: st.id, From: string(sess.occ.bare), Nick: sess.occ.nick, Words: m})
	st.toAll(m)
	return nil
}

func (r *room) applySubject(f Fact) {
	r.topic = topic{at: f.At, words: f.Words}
}

// sendSubject ends what a newcomer gets; some clients count themselves in only now.
func (st *step) sendSubject(sess *session) {
	r := st.room
	if r.topic.words == nil {
		st.send(sess.jid, stanza.New("", "message", "type", "groupchat", "from", string(r.jid)).Add(stanza.New("", "subject")))
		return
	}
	m := addressed(r.topic.words)
	m.Nodes = append(m.Nodes[:len(m.Nodes):len(m.Nodes)], stanza.Node{Element: delay(r, r.topic.at)})
	st.send(sess.jid, m)
}
