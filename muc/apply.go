package muc

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"frontdesk/component/stanza"
)

// Apply changes the state by a fact decided before (with Words set for messages that are to be seen, and where Kind.State:
// without them a message is passed over for the history, and a subject or a vCard is none). Decides
// nothing. A kind that it does not know is an error; a room that the config does not name any more is not.
func (s *Service) Apply(f Fact) error {
	switch f.Kind {
	case Message, Private, Subject, Affiliated, Retracted, Configured, Registered, Portrayed:
	case Created:
		s.applyCreated(f)
		return nil
	case Destroyed:
		s.applyDestroyed(f)
		return nil
	default:
		return fmt.Errorf("muc: unknown kind of fact %d", f.Kind)
	}
	if s.rooms[f.Room] == nil && (f.Kind == Message || f.Kind == Private || f.Kind == Retracted) {
		return nil // of a hosted room that is not open, or one that is gone: nothing follows from it
	}
	r := s.newRoom(f.Room)
	switch f.Kind {
	case Message:
		if f.Words != nil && historic(f.Words) && !f.At.Before(r.since) {
			r.past.add(f)
		}
	case Retracted:
		r.past.retract(&f)
		if f.Words != nil && !f.At.Before(r.since) {
			r.past.add(f)
		}
	case Subject:
		r.applySubject(f)
	case Affiliated:
		if f.Affiliation > Owner {
			return fmt.Errorf("muc: unknown affiliation %d", f.Affiliation)
		}
		r.rank.set(f.JID, f.Affiliation)
	case Configured:
		s.tombs.remove(f.Room)
		r.applyConfigured(f)
	case Registered:
		r.applyRegistered(f)
	case Portrayed:
		r.applyPortrayed(f.Words)
	}
	return nil
}

type savedState struct {
	Rooms []savedRoom `json:"rooms"`
	Tombs []tomb      `json:"tombs,omitempty"`
}

type savedRoom struct {
	Room         string       `json:"room"`
	Affiliations []savedRank  `json:"affiliations,omitempty"`
	Subject      *savedRemark `json:"subject,omitempty"`
	Made         *savedMade   `json:"made,omitempty"`     // by somebody, not by the config
	Settings     *Settings    `json:"settings,omitempty"` // where they are not the config's
	Nicks        []savedNick  `json:"nicks,omitempty"`
	Card         string       `json:"card,omitempty"` // the vCard, as XML
}

type savedMade struct {
	By     string    `json:"by"`
	At     time.Time `json:"at"`
	Locked bool      `json:"locked,omitempty"`
}

type savedNick struct {
	JID  string `json:"jid"`
	Nick string `json:"nick"`
}

type savedRank struct {
	JID         string      `json:"jid"`
	Affiliation Affiliation `json:"aff"`
}

type savedRemark struct {
	At  time.Time `json:"at"`
	XML string    `json:"xml"`
}

// Snapshot returns runtime affiliations, subjects, vCards and what people made of rooms (not sessions, not history) for New's Restore.
func (s *Service) Snapshot() ([]byte, error) {
	var all savedState
	for _, r := range s.order {
		if r.hosted {
			continue
		}
		sr := savedRoom{Room: r.local}
		for jid, a := range r.rank.granted {
			sr.Affiliations = append(sr.Affiliations, savedRank{jid, a})
		}
		slices.SortFunc(sr.Affiliations, func(a, b savedRank) int { return strings.Compare(a.JID, b.JID) })
		if w := r.topic.words; w != nil {
			sr.Subject = &savedRemark{r.topic.at, w.String()}
		}
		sr.Card = r.card.String()
		r.saveMade(&sr)
		all.Rooms = append(all.Rooms, sr)
	}
	for _, name := range s.tombs.order {
		all.Tombs = append(all.Tombs, s.tombs.byName[name])
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
		r := s.restoreMade(sr)
		for _, a := range sr.Affiliations {
			if a.Affiliation > Owner {
				return fmt.Errorf("muc: snapshot: unknown affiliation %d", a.Affiliation)
			}
			r.rank.set(a.JID, a.Affiliation)
		}
		if sr.Subject != nil {
			words, err := stanza.Parse(sr.Subject.XML)
			if err == nil && !words.Is("", "message") {
				err = fmt.Errorf("it is no message: %.100q", sr.Subject.XML)
			}
			if err != nil {
				return fmt.Errorf("muc: snapshot: subject of %s: %w", sr.Room, err)
			}
			r.topic = topic{sr.Subject.At, words}
		}
		if sr.Card != "" {
			card, err := stanza.Parse(sr.Card)
			if err == nil && !card.Is(nsVCard, "vCard") {
				err = fmt.Errorf("it is none: %.100q", sr.Card)
			}
			if err != nil {
				return fmt.Errorf("muc: snapshot: vCard of %s: %w", sr.Room, err)
			}
			r.applyPortrayed(card)
		}
	}
	for _, t := range all.Tombs {
		s.tombs.add(t)
	}
	return nil
}

// saveMade adds what people made of the room.
func (r *room) saveMade(sr *savedRoom) {
	if r.open && !r.named {
		sr.Made = &savedMade{r.maker, r.since, r.locked}
	}
	if sr.Made != nil || r.edited {
		set := r.set.copied()
		sr.Settings = &set
	}
	for jid, nick := range r.chosen {
		sr.Nicks = append(sr.Nicks, savedNick{jid, nick})
	}
	slices.SortFunc(sr.Nicks, func(a, b savedNick) int { return strings.Compare(a.JID, b.JID) })
}

func (s *Service) restoreMade(sr savedRoom) *room {
	if m := sr.Made; m != nil {
		s.applyCreated(Fact{Room: sr.Room, From: m.By, At: m.At})
	}
	r := s.newRoom(sr.Room)
	if sr.Made != nil && !r.named {
		clear(r.rank.granted) // the owner is among the affiliations, if he still is one
	}
	if sr.Settings != nil && (sr.Made == nil || !r.named) {
		r.applyConfigured(Fact{Settings: sr.Settings})
	}
	r.locked = sr.Made != nil && sr.Made.Locked && !r.named
	for _, n := range sr.Nicks {
		r.applyRegistered(Fact{JID: n.JID, Nick: n.Nick})
	}
	return r
}
