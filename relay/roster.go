package relay

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"

	"frontdesk/component/stanza"
	"frontdesk/config"
)

// Where a server lets us (XEP-0356 §4.1), the contacts of an agent's open conversations stand in his roster, in a group of
// their own, and go after the close.

const (
	nsRoster   = "jabber:iq:roster"
	rosterPut  = "roster-put-" // what begins the ids of what we set
	rosterTake = "roster-take-"
)

// nsPrivilege is what servers speak: ejabberd 23.01 the first, Prosody's module the second.
var nsPrivilege = []string{"urn:xmpp:privilege:1", "urn:xmpp:privilege:2"}

// listing is what an agent's roster may hold of a thread: a row of tableRoster, kept until the server has confirmed that
// it is gone. The JSON name is in files for ever.
type listing struct {
	Gone  bool   `json:"gone,omitempty"` // it is to be taken out
	look  string // name and group as they were set last
	fresh bool   // it was never there before this, as far as we know
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

// privileged takes what a server grants us (§4.2), or does not any more; false where a stanza is about something else. Only the
// agents' own servers can grant anything.
func (r *Relay) privileged(s *stanza.Element) bool {
	host := s.From().Domain()
	if s.Local != "message" || s.To() != stanza.JID(r.back.domain) || s.From() != stanza.JID(host) {
		return false
	}
	told, granted := false, false
	for _, ns := range nsPrivilege {
		p := s.Child(ns, "privilege")
		told = told || p != nil
		for perm := range p.Elements() {
			t := perm.Attr("type")
			granted = granted || perm.Is(ns, "perm") && perm.Attr("access") == "roster" && (t == "set" || t == "both")
		}
	}
	_, had := r.grants[host]
	switch {
	case told && !granted:
		delete(r.grants, host)
	case granted && !had && !r.refusing[host] && r.isAgentsHost(host):
		r.grants[strings.Clone(host)] = false
		r.log.Info("the server lets the desk put customers into agents' contact lists", "server", host, "group", r.cfg.RosterGroup)
		r.relistHost(host)
	}
	return told
}

// isAgentsHost: one of an agent, or of a former one whose roster is not cleared yet.
func (r *Relay) isAgentsHost(host string) bool {
	of := func(agent string) bool { return stanza.JID(agent).Domain() == host }
	for _, w := range r.rosters {
		for a := range w {
			if of(a) {
				return true
			}
		}
	}
	return slices.ContainsFunc(r.cfg.Agents, func(p config.Person) bool { return of(p.JID) })
}

// ungranted says once that no server lets us.
func (r *Relay) ungranted() {
	if r.cfg.RosterGroup != "" && len(r.grants) == 0 && !r.saidUngranted {
		r.saidUngranted = true
		r.log.Info("no server lets the desk put customers into agents' contact lists (XEP-0356): they are not put there")
	}
}

func (r *Relay) granted(agent string) bool {
	_, ok := r.grants[stanza.JID(agent).Domain()]
	return ok
}

// relist has the rosters follow who has a conversation, and what the customer is called. Who follows the contact keeps his own
// entry of it.
func (r *Relay) relist(t *thread) {
	if len(r.grants) == 0 {
		return
	}
	var wanted []string
	if d, open := r.desk.Thread(t.N); open && d.Owner != "" && r.cfg.RosterGroup != "" {
		for _, a := range append([]string{d.Owner}, r.desk.Team(t.N)...) {
			if !slices.Contains(t.Followers, a) {
				wanted = append(wanted, a)
			}
		}
	}
	for _, a := range wanted {
		if r.granted(a) {
			r.enlist(t, a)
		}
	}
	for _, a := range sortedKeys(r.rosters[t.N]) {
		if w := r.rosters[t.N][a]; !slices.Contains(wanted, a) && !w.Gone {
			w.Gone = true
			r.put(tableRoster, rosterKey(t.N, a), w)
			r.unlist(t, a)
		}
	}
}

func (r *Relay) enlist(t *thread, agent string) {
	w := r.rosters[t.N][agent]
	if w == nil || w.Gone {
		w = &listing{fresh: w == nil}
		r.listed(t.N)[agent] = w
		r.put(tableRoster, rosterKey(t.N, agent), w)
	}
	look := t.name() + "\x00" + r.cfg.RosterGroup
	if w.look == look {
		return
	}
	w.look = look
	r.setRoster(rosterPut, t, agent, stanza.New(nsRoster, "item", "jid", string(t.contact.Bare()), "name", t.name(), "subscription", "both").Add(
		stanza.Text(nsRoster, "group", r.cfg.RosterGroup)))
}

func (r *Relay) unlist(t *thread, agent string) {
	if r.granted(agent) {
		r.setRoster(rosterTake, t, agent, stanza.New(nsRoster, "item", "jid", string(t.contact.Bare()), "subscription", "remove"))
	}
}

func (r *Relay) setRoster(id string, t *thread, agent string, item *stanza.Element) {
	r.send(r.back, stanza.New("", "iq", "type", "set", "id", id+strconv.FormatUint(t.N, 10), "from", r.back.domain, "to", agent).Add(
		stanza.New(nsRoster, "query").Add(item)))
}

// disown leaves an entry to the agent: it is his own now.
func (r *Relay) disown(t *thread, agent string) {
	if w := r.rosters[t.N][agent]; w != nil && !w.Gone {
		r.unlisted(t.N, agent)
	}
}

func (r *Relay) unlisted(n uint64, agent string) {
	if delete(r.rosters[n], agent); len(r.rosters[n]) == 0 {
		delete(r.rosters, n)
	}
	r.put(tableRoster, rosterKey(n, agent), nil)
}

// relistHost sets everything again that a server's agents should have, and takes out again what they should not have any more:
// something may have been lost with the link.
func (r *Relay) relistHost(host string) {
	for _, n := range sortedKeys(r.rosters) {
		t := r.thread(n)
		for _, a := range sortedKeys(r.rosters[n]) {
			if stanza.JID(a).Domain() != host {
				continue
			}
			w := r.rosters[n][a]
			if w.look = ""; w.Gone && t != nil {
				r.unlist(t, a)
			}
		}
	}
	r.relistEvery()
}

// relistEvery has all rosters follow.
func (r *Relay) relistEvery() {
	if len(r.grants) == 0 {
		return
	}
	for _, n := range sortedKeys(r.rosters) {
		if t := r.thread(n); t != nil {
			r.relist(t)
		}
	}
	for _, p := range r.cfg.Agents {
		for _, d := range r.desk.Of(p.JID) {
			if t := r.thread(d.N); t != nil {
				r.relist(t)
			}
		}
	}
}

// rosterSet takes a server's answer; false where a stanza is something else. What is gone needs no row any more.
func (r *Relay) rosterSet(s *stanza.Element) bool {
	t := s.Type()
	if s.Local != "iq" || t != "result" && t != "error" || s.To() != stanza.JID(r.back.domain) {
		return false
	}
	num, put := strings.CutPrefix(s.ID(), rosterPut)
	if !put {
		var taken bool
		if num, taken = strings.CutPrefix(s.ID(), rosterTake); !taken {
			return false
		}
	}
	n, _ := strconv.ParseUint(num, 10, 64)
	agent, host := string(s.From().Bare()), s.From().Domain()
	w := r.rosters[n][agent]
	if w == nil {
		return true
	}
	e, failed := stanza.ErrorOf(s)
	if failed && (put || e.Condition != "item-not-found") {
		r.rosterRefused(host, agent, &e)
		if w.fresh {
			r.unlisted(n, agent)
		}
		return true
	}
	if w.fresh = false; r.granted(agent) {
		r.grants[host] = true
	}
	if !put && w.Gone {
		r.unlisted(n, agent)
	}
	return true
}

// rosterRefused: where nothing was ever accepted, the server grants what it then refuses, as ejabberd before 23.10 does, and is not believed
// again. Else it is about that agent's account.
func (r *Relay) rosterRefused(host, agent string, e *stanza.Error) {
	level := slog.LevelDebug
	if accepts, granted := r.grants[host]; granted && !accepts && (e.Condition == "forbidden" || e.Condition == "internal-server-error") {
		delete(r.grants, host)
		r.refusing[strings.Clone(host)] = true
		level = slog.LevelWarn
	}
	r.log.Log(context.Background(), level, "a server that lets the desk set contact lists refuses it: customers stay out of them", "server", host, "agent", agent, "error", e.Type+"/"+e.Condition)
}
