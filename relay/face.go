package relay

import "frontdesk/component/stanza"

// What customers see of agents: nothing, but in queues whose show_agents is true the name and the picture that the
// configuration has for them. It is looked up whenever something is sent, and kept with no message: what is
// switched off is gone from the archive, too.

// byline adds to what an agent sent to a customer who he is. The picture is for the page alone, which gets it by its hash at its own
// address: no extension has pictures of who speaks from an address that is several people's.
func (r *Relay) byline(m *stanza.Element, t *thread, agent string) {
	q, p := r.queues[t.Queue], r.staff[agent]
	if m == nil || q == nil || !q.showAgents || p == nil || p.Shown == "" {
		return
	}
	m.Add(stanza.Text(stanza.NSNick, "nick", p.Shown))
	if p.Face.Type != "" && t.customer.Bare.Domain() == r.cfg.Web.Host {
		m.Add(stanza.New(nsClaim, "face", "id", p.Face.Sum))
	}
}

// shownNames are the names of the agents whom the customers of a queue that shows them may see, by bare JID.
func (r *Relay) shownNames() map[string]string {
	names := map[string]string{}
	for _, p := range r.cfg.Agents {
		if p.Shown != "" {
			names[p.JID] = p.Shown
		}
	}
	return names
}
