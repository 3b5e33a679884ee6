package fakeserver

import (
	"crypto/rand"
	"maps"
	"slices"

	"frontdesk/component/stanza"
)

const nsRoster = "jabber:iq:roster"

// grant lets a component set the rosters of a host (XEP-0356).
type grant struct{ host, space string }

// rosters are those of accounts, by bare JID of the account and of the contact.
type rosters struct {
	grants map[string]grant // by component
	items  map[stanza.JID]map[string]*stanza.Element
	fault  *stanza.Error
}

// Privilege lets a component set the rosters of a host's accounts (XEP-0356 §4.1), and tells it so whenever it connects, in the
// namespace of one version of the standard: "urn:xmpp:privilege:1" or 2. A component has one such host.
func (s *Server) Privilege(component, host, space string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rosters.grants[component] = grant{host, space}
}

// FailRosters has whatever a component does to a roster answered with an error and not done; nil ends that.
func (s *Server) FailRosters(e *stanza.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rosters.fault = e
}

// advertise tells a component that has connected what it may do (§4.2).
func (s *Server) advertise(c *component) {
	s.mu.RLock()
	g, ok := s.rosters.grants[c.domain]
	s.mu.RUnlock()
	if ok {
		c.send(stanza.New("", "message", "from", g.host, "to", c.domain, "id", rand.Text()).Add(
			stanza.New(g.space, "privilege").Add(stanza.New(g.space, "perm", "access", "roster", "type", "both"))))
	}
}

// setsRoster takes what sets a roster: from a component whose host that is, or of the client's own account.
func (s *Server) setsRoster(e *stanza.Element, own bool) bool {
	if e.Local != "iq" || e.Type() != "set" || e.To().Resource() != "" || !e.Has(nsRoster, "query") {
		return false
	}
	account, item := e.To(), e.Child(nsRoster, "query").Child(nsRoster, "item")
	if own {
		account = e.From().Bare()
	}
	why := s.setRoster(e.From(), account, item, own)
	if why != nil {
		s.bounce(e, *why)
		return true
	}
	reply := stanza.Result(e)
	if own {
		reply.Set("from", string(account))
	}
	s.route(reply)
	for _, c := range s.clientsOf(account) {
		c.take(stanza.New("", "iq", "type", "set", "id", rand.Text(), "from", string(account), "to", string(c.jid)).Add(
			stanza.New(nsRoster, "query").Add(item.Clone())))
	}
	return true
}

// setRoster changes a roster, or says why it does not.
func (s *Server) setRoster(by, account stanza.JID, item *stanza.Element, own bool) *stanza.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.rosters.grants[by.Domain()]; !own && g.host != account.Domain() {
		return &stanza.Error{Type: "auth", Condition: "forbidden"}
	} else if !own && s.rosters.fault != nil {
		return s.rosters.fault
	}
	jid, all := item.Attr("jid"), s.rosters.items[account]
	switch {
	case jid == "":
		return &stanza.Error{Type: "modify", Condition: "bad-request"}
	case item.Attr("subscription") != "remove":
		if all == nil {
			all = map[string]*stanza.Element{}
			s.rosters.items[account] = all
		}
		all[jid] = item.Clone()
	case all[jid] == nil:
		return &stanza.Error{Type: "cancel", Condition: "item-not-found"}
	default:
		delete(all, jid)
	}
	return nil
}

func (s *Server) clientsOf(account stanza.JID) []*Client {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.accounts[account])
}

// contacts returns an account's roster, in order.
func (s *Server) contacts(account stanza.JID) []*stanza.Element {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var all []*stanza.Element
	for _, jid := range slices.Sorted(maps.Keys(s.rosters.items[account])) {
		all = append(all, s.rosters.items[account][jid].Clone())
	}
	return all
}

// own takes what a client sends to nobody: its own roster is changed or told, and those that the account is subscribed to
// are asked for their presence when it is available. The rest is dropped.
func (s *Server) own(c *Client, e *stanza.Element) {
	account := c.jid.Bare()
	switch {
	case e.Local == "presence" && e.Type() == "":
		for _, item := range s.contacts(account) {
			if sub := item.Attr("subscription"); sub == "to" || sub == "both" {
				s.route(stanza.New("", "presence", "type", "probe", "from", string(account), "to", item.Attr("jid")))
			}
		}
	case e.Local == "iq" && e.Type() == "get" && e.Has(nsRoster, "query"):
		c.take(stanza.New("", "iq", "type", "result", "id", e.ID(), "from", string(account), "to", string(c.jid)).Add(
			stanza.New(nsRoster, "query").Add(s.contacts(account)...)))
	default:
		s.setsRoster(e, true)
	}
}
