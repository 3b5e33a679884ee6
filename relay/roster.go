package relay

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"frontdesk/component/stanza"
)

// Where a server lets us (XEP-0356 §4.1), the contacts of an agent's open conversations stand in his roster, in a group of
// their own, and go after the close.

const (
	nsRoster  = "jabber:iq:roster"
	rosterIDs = "roster-" // what begins the ids of what we set
)

// nsPrivilege is what servers speak: ejabberd 23.01 the first, Prosody's module the second.
var nsPrivilege = []string{"urn:xmpp:privilege:1", "urn:xmpp:privilege:2"}

// listing is what an agent's roster may hold of a thread: a row of tableRoster, kept until the server has confirmed that
// it is gone. The JSON name is in files for ever.
type listing struct {
	Gone bool   `json:"gone,omitempty"` // it is to be taken out
	name string // as it was set last
}

func rosterKey(n uint64, agent string) string { return strconv.FormatUint(n, 10) + "\x00" + agent }

func (r *Relay) restoreRosters() error {
	r.rosters = map[uint64]map[string]*listing{}
	return r.store.Rows(tableRoster, func(key string, value []byte) error {
		num, agent, _ := strings.Cut(key, "\x00")
		n, err := strconv.ParseUint(num, 10, 64)
		w := &listing{}
		if err == nil {
			err = json.Unmarshal(value, w)
		}
		if err != nil {
			return fmt.Errorf("row %s/%s: %w", tableRoster, key, err)
		}
		r.listed(n)[agent] = w
		return nil
	})
}

func (r *Relay) listed(n uint64) map[string]*listing {
	if r.rosters[n] == nil {
		r.rosters[n] = map[string]*listing{}
	}
	return r.rosters[n]
}

// privileged takes what a server grants us (§4.2); false where a stanza is about something else. Only the agents' own
// servers can grant anything.
func (r *Relay) privileged(s *stanza.Element) bool {
	if s.Local != "message" || s.To() != stanza.JID(r.back.domain) || s.From() != stanza.JID(s.From().Domain()) {
		return false
	}
	for _, ns := range nsPrivilege {
		p := s.Child(ns, "privilege")
		if p == nil {
			continue
		}
		host := s.From().Domain()
		for perm := range p.Elements() {
			t := perm.Attr("type")
			if perm.Is(ns, "perm") && perm.Attr("access") == "roster" && (t == "set" || t == "both") && r.isAgentsHost(host) {
				r.grants[host] = true
				r.log.Info("the server lets the desk put customers into agents' rosters", "server", host, "group", r.cfg.RosterGroup)
				r.relistAll(host)
			}
		}
		return true
	}
	return false
}

func (r *Relay) isAgentsHost(host string) bool {
	for _, p := range r.cfg.Agents {
		if stanza.JID(p.JID).Domain() == host {
			return true
		}
	}
	return false
}

func (r *Relay) mayList(agent string) bool {
	return r.cfg.RosterGroup != "" && r.grants[stanza.JID(agent).Domain()]
}

// relist has the rosters follow who has a conversation, and what the customer is called.
func (r *Relay) relist(t *thread) {
	if len(r.grants) == 0 {
		return
	}
	var has []string
	if d, open := r.desk.Thread(t.N); open && d.Owner != "" {
		has = append([]string{d.Owner}, r.desk.Team(t.N)...)
	}
	wanted := map[string]bool{}
	for _, a := range has {
		if wanted[a] = true; !r.mayList(a) {
			continue
		}
		w := r.listed(t.N)[a]
		if w == nil || w.Gone {
			w = &listing{}
			r.listed(t.N)[a] = w
			r.put(tableRoster, rosterKey(t.N, a), w)
		}
		if w.name != t.name() {
			w.name = t.name()
			r.setRoster(t.N, a, stanza.New(nsRoster, "item", "jid", string(t.contact.Bare()), "name", w.name, "subscription", "to").Add(
				stanza.Text(nsRoster, "group", r.cfg.RosterGroup)))
		}
	}
	for _, a := range sortedKeys(r.rosters[t.N]) {
		if w := r.rosters[t.N][a]; !wanted[a] && !w.Gone {
			w.Gone = true
			r.put(tableRoster, rosterKey(t.N, a), w)
			r.unlist(t, a)
		}
	}
}

func (r *Relay) unlist(t *thread, agent string) {
	if r.grants[stanza.JID(agent).Domain()] {
		r.setRoster(t.N, agent, stanza.New(nsRoster, "item", "jid", string(t.contact.Bare()), "subscription", "remove"))
	}
}

func (r *Relay) setRoster(n uint64, agent string, item *stanza.Element) {
	r.send(r.back, stanza.New("", "iq", "type", "set", "id", rosterIDs+strconv.FormatUint(n, 10), "from", r.back.domain, "to", agent).Add(
		stanza.New(nsRoster, "query").Add(item)))
}

// relistAll sets everything again that a server's agents should have, and takes out what they should not have any more:
// something may have been lost with the link.
func (r *Relay) relistAll(host string) {
	for _, n := range sortedKeys(r.rosters) {
		t := r.thread(n)
		for _, a := range sortedKeys(r.rosters[n]) {
			w := r.rosters[n][a]
			if w.name = ""; w.Gone && t != nil && stanza.JID(a).Domain() == host {
				r.unlist(t, a)
			}
		}
		if t != nil {
			r.relist(t)
		}
	}
	for _, p := range r.cfg.Agents {
		if stanza.JID(p.JID).Domain() != host {
			continue
		}
		for _, d := range r.desk.Of(p.JID) {
			if t := r.thread(d.N); t != nil {
				r.relist(t)
			}
		}
	}
}

// rosterSet takes a server's answer; false where a stanza is something else. What is gone needs no row any more.
func (r *Relay) rosterSet(s *stanza.Element) bool {
	num, ok := strings.CutPrefix(s.ID(), rosterIDs)
	if t := s.Type(); !ok || s.Local != "iq" || t != "result" && t != "error" || s.To() != stanza.JID(r.back.domain) {
		return false
	}
	n, _ := strconv.ParseUint(num, 10, 64)
	agent := string(s.From().Bare())
	w := r.rosters[n][agent]
	if w == nil {
		return true
	}
	if e, failed := stanza.ErrorOf(s); failed && e.Condition != "item-not-found" {
		host := s.From().Domain()
		if r.grants[host] { // ejabberd before 23.10 grants it and then cannot do it
			delete(r.grants, host)
			r.log.Warn("the server lets the desk set rosters and then refuses: customers stay out of agents' contact lists", "server", host, "agent", agent, "error", bounce(s))
		}
		return true
	}
	if w.Gone {
		if delete(r.rosters[n], agent); len(r.rosters[n]) == 0 {
			delete(r.rosters, n)
		}
		r.put(tableRoster, rosterKey(n, agent), nil)
	}
	return true
}
