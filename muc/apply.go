package muc

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"frontdesk/component/stanza"
)

// Apply changes the state by a fact decided before (with Words set for messages and subjects that
// are to be seen: without them a message is passed over for the history, and a subject is none). Decides
// nothing. A kind that it does not know is an error; a room that the config does not name any more is not.
func (s *Service) Apply(f Fact) error {
	switch f.Kind {
	case Message, Private, Subject, Affiliated, Retracted:
	default:
		return fmt.Errorf("muc: unknown kind of fact %d", f.Kind)
	}
	r := s.newRoom(f.Room)
	switch f.Kind {
	case Message:
		if f.Words != nil && historic(f.Words) {
			r.past.add(f)
		}
	case Retracted:
		r.past.retract(&f)
		if f.Words != nil {
			r.past.add(f)
		}
	case Subject:
		r.applySubject(f)
	case Affiliated:
		if f.Affiliation > Owner {
			return fmt.Errorf("muc: unknown affiliation %d", f.Affiliation)
		}
		r.rank.set(f.JID, f.Affiliation)
	}
	return nil
}

type savedState struct {
	Rooms []savedRoom `json:"rooms"`
}

type savedRoom struct {
	Room         string       `json:"room"`
	Affiliations []savedRank  `json:"affiliations,omitempty"`
	Subject      *savedRemark `json:"subject,omitempty"`
}

type savedRank struct {
	JID         string      `json:"jid"`
	Affiliation Affiliation `json:"aff"`
}

type savedRemark struct {
	At  time.Time `json:"at"`
	XML string    `json:"xml"`
}

// Snapshot returns runtime affiliations and subjects (not sessions, not history) for New's Restore.
func (s *Service) Snapshot() ([]byte, error) {
	var all savedState
	for _, r := range s.order {
		sr := savedRoom{Room: r.local}
		for jid, a := range r.rank.granted {
			sr.Affiliations = append(sr.Affiliations, savedRank{jid, a})
		}
		slices.SortFunc(sr.Affiliations, func(a, b savedRank) int { return strings.Compare(a.JID, b.JID) })
		if w := r.topic.words; w != nil {
			sr.Subject = &savedRemark{r.topic.at, w.String()}
		}
		all.Rooms = append(all.Rooms, sr)
	}
	return json.Marshal(all)
}

// Restore puts a snapshot into a new service, before any facts.
func (s *Service) Restore(data []byte) error {
	var all savedState
	if err := json.Unmarshal(data, &all); err != nil {
		return fmt.Errorf("muc: snapshot: %w", err)
	}
	for _, sr := range all.Rooms {
		r := s.newRoom(sr.Room)
		for _, a := range sr.Affiliations {
			if a.Affiliation > Owner {
				return fmt.Errorf("muc: snapshot: unknown affiliation %d", a.Affiliation)
			}
			r.rank.set(a.JID, a.Affiliation)
		}
		if sr.Subject != nil {
			words, err := stanza.Parse(sr.Subject.XML)
			if err != nil {
				return fmt.Errorf("muc: snapshot: subject of %s: %w", sr.Room, err)
			}
			r.topic = topic{sr.Subject.At, words}
		}
	}
	return nil
}
