package relay

import (
	"slices"
	"strings"
	"time"

	"frontdesk/component/stanza"
)

// What agents' clients see of a customer: his contact's presence. It goes to those who have the conversation, and to those
// who subscribed to the contact, whenever something in it changes.

const (
	maxFollowers = 64 // agents who follow one contact without having its conversation; more are accepted and shown nothing
	maxClients   = 32 // of one account, whose presences count
	maxMoves     = 10 // changes of a customer's presence that his agents see within movesWithin
	movesWithin  = time.Minute
)

// contactPresence: a contact accepts subscriptions, and answers probes. It subscribes in turn: Gajim tells of typing only who may
// see its user's presence. That presence itself is nobody's business here; the desk's own contact hears of it.
func (r *Relay) contactPresence(t *thread, agent string, s *stanza.Element) {
	switch s.Type() {
	case "subscribe":
		r.subscription(t, agent, "subscribed", "subscribe")
		r.follow(t, agent)
		fallthrough
	case "probe":
		r.showContact(t, agent)
	case "unsubscribe":
		r.unfollow(t, agent)
		r.subscription(t, agent, "unsubscribed", "unsubscribe")
	}
}

func (r *Relay) subscription(t *thread, agent string, types ...string) {
	for _, typ := range types {
		r.send(r.back, stanza.New("", "presence", "type", typ, "from", string(t.contact.Bare()), "to", agent))
	}
}

// follow has an agent told what changes about a contact, until he has enough of it. He put it into his roster himself, and so
// keeps it after the close.
func (r *Relay) follow(t *thread, agent string) {
	if slices.Contains(t.Followers, agent) || len(t.Followers) >= maxFollowers {
		return
	}
	t.Followers = append(slices.Clone(t.Followers), agent)
	r.saveThread(t)
	r.disown(t, agent)
	if !slices.Contains(t.shown, agent) {
		t.shown = append(slices.Clone(t.shown), agent)
	}
}

func (r *Relay) unfollow(t *thread, agent string) {
	if i := slices.Index(t.Followers, agent); i >= 0 {
		t.Followers = slices.Delete(slices.Clone(t.Followers), i, i+1)
		r.saveThread(t)
		r.reshow(t)
	}
}

// viewers are who sees a contact: who has its conversation, and who follows it.
func (r *Relay) viewers(t *thread) []string {
	all := slices.Clone(t.Followers)
	d, open := r.desk.Thread(t.N)
	if !open || d.Owner == "" {
		return all
	}
	for _, a := range append([]string{d.Owner}, r.desk.Team(t.N)...) {
		if !slices.Contains(all, a) {
			all = append(all, a)
		}
	}
	return all
}

// contactShown is a contact's presence as an agent, or one client of his, sees it: whether the customer is there, how it stands
// with the conversation, what the contact can do. Who does not see it is told that it is not there.
func (r *Relay) contactShown(t *thread, to string) *stanza.Element {
	p := stanza.New("", "presence", "from", string(t.contact), "to", to)
	if !slices.Contains(r.viewers(t), string(stanza.JID(to).Bare())) {
		return p.Set("type", "unavailable")
	}
	if show := r.customerShow(t); show != "" {
		p.Add(stanza.Text("", "show", show))
	}
	return p.Add(stanza.Text("", "status", r.standing(t)), customerFace.caps())
}

// showContact shows a contact and his name to an agent, or to one client of his.
func (r *Relay) showContact(t *thread, to string) {
	r.send(r.back, r.contactShown(t, to))
	if slices.Contains(r.viewers(t), string(stanza.JID(to).Bare())) {
		r.send(r.back, r.contactNamed(t, to))
	}
}

const (
	nsPubSub = "http://jabber.org/protocol/pubsub"
	nsEvent  = nsPubSub + "#event"
)

// contactNamed tells what a contact is called, as one who publishes his name does (XEP-0172, XEP-0163): a presence must not say it, and clients keep it
// when the contact is in no roster.
func (r *Relay) contactNamed(t *thread, to string) *stanza.Element {
	m := signal("headline", stanza.New(nsEvent, "event").Add(nameItem(nsEvent, t)))
	return address(m, t.contact.Bare(), stanza.JID(to))
}

// nameItem is the name as something published.
func nameItem(space string, t *thread) *stanza.Element {
	return stanza.New(space, "items", "node", stanza.NSNick).Add(
		stanza.New(space, "item", "id", "current").Add(stanza.Text(stanza.NSNick, "nick", t.name())))
}

// shows are the words of RFC 6121 §4.7.2.1, from who is there to who is not.
var shows = []string{"", "dnd", "away", "xa"}

// customerShow is what is known of where a customer is: the best that his clients say, or else whether the one that he last
// wrote from has gone. A visitor who has left the page is far away.
func (r *Relay) customerShow(t *thread) string {
	c := t.customer
	if len(c.clients) > 0 {
		best := len(shows) - 1
		for _, show := range c.clients {
			best = min(best, slices.Index(shows, show))
		}
		return shows[best]
	}
	_, open := r.desk.Thread(t.N)
	switch {
	case c.Full != "":
		return ""
	case r.desk.Vanished(t.N), !open && c.Bare.Domain() == r.cfg.Web.Host:
		return "xa"
	}
	return "away"
}

// customerShows notes what a customer's client says of itself; what is none of shows says nothing.
func (r *Relay) customerShows(c *customer, client stanza.JID, show string) {
	show = shows[max(0, slices.Index(shows, show))]
	old, known := c.clients[client]
	if known && old == show || !known && len(c.clients) >= maxClients {
		return
	}
	if c.clients == nil {
		c.clients = map[stanza.JID]string{}
	}
	c.clients[cloned(client)] = show
	r.reshowAll(c)
}

// restless is a customer who came and went so often that his contacts' change waits.
type restless struct {
	at       time.Time
	customer uint64
}

// reshowAll tells who sees a customer's contacts what changed about him, at most maxMoves times in movesWithin by his own doing: a client that
// comes and goes all the time is shown as it is then.
func (r *Relay) reshowAll(c *customer) {
	if !r.now.Before(c.movesEnd) {
		c.moves, c.movesEnd = 0, r.now.Add(movesWithin)
	}
	if c.moves++; c.moves > maxMoves {
		if !c.restless {
			c.restless = true
			r.restless = append(r.restless, restless{r.now.Add(movesWithin), c.N})
		}
		return
	}
	for _, q := range r.order {
		if t := r.thread(c.Threads[q.name]); t != nil {
			r.reshow(t)
		}
	}
}

// rested shows what waited.
func (r *Relay) rested() {
	for len(r.restless) > 0 && !r.restless[0].at.After(r.now) {
		c := r.customer(r.restless[0].customer)
		r.restless = r.restless[1:]
		if c != nil {
			c.restless = false
			r.reshowAll(c)
		}
	}
}

// standing says in a few words how it stands with a thread.
func (r *Relay) standing(t *thread) string {
	text := t.Queue
	if q := r.queues[t.Queue]; q != nil {
		text = q.title
	}
	switch d, open := r.desk.Thread(t.N); {
	case !open:
		return text + ", closed"
	case d.Owner == "":
		text += ", waiting"
	default:
		names := []string{r.nameOf(d.Owner)}
		for _, a := range r.desk.Team(t.N) {
			names = append(names, r.nameOf(a))
		}
		text += ", with " + strings.Join(names, " and ")
	}
	if r.desk.Vanished(t.N) {
		text += ", has left"
	}
	return text
}

// reshow tells who sees a contact what changed about it, and rosters; and who does not see it any more, that.
func (r *Relay) reshow(t *thread) {
	r.relist(t)
	for _, a := range t.Followers {
		if !r.maySee(a, t) {
			r.unfollowed(t, a)
		}
	}
	to := r.viewers(t)
	for _, a := range t.shown {
		if !slices.Contains(to, a) {
			r.send(r.back, r.contactShown(t, a))
		}
	}
	look, name := r.standing(t)+"\x00"+r.customerShow(t), t.name()
	for _, a := range to {
		isNew := !slices.Contains(t.shown, a)
		if isNew || look != t.look {
			r.send(r.back, r.contactShown(t, a))
		}
		if isNew || name != t.named {
			r.send(r.back, r.contactNamed(t, a))
		}
	}
	t.look, t.named, t.shown = look, name, to
}

// unfollowed ends the subscription of an agent who may not see the thread any more.
func (r *Relay) unfollowed(t *thread, agent string) {
	t.Followers = slices.DeleteFunc(slices.Clone(t.Followers), func(a string) bool { return a == agent })
	r.saveThread(t)
	r.subscription(t, agent, "unsubscribed", "unsubscribe")
	if !slices.Contains(t.shown, agent) { // else reshow tells him that it went
		r.send(r.back, r.contactShown(t, agent))
	}
}

// showAll shows a client that has come the contacts of its agent's conversations; for those that he follows its server asks by
// itself. Not so for all that we put into his roster: ejabberd keeps no subscription of that.
func (r *Relay) showAll(agent string, client stanza.JID) {
	if r.paused {
		return // reshowEvery comes
	}
	for _, d := range r.desk.Of(agent) {
		if t := r.thread(d.N); t != nil && !slices.Contains(t.Followers, agent) {
			r.showContact(t, string(client))
		}
	}
}

// reshowEvery shows every contact again to who sees it: the link was down, and what was sent may have been lost with it.
func (r *Relay) reshowEvery() {
	for _, p := range r.cfg.Agents {
		for _, d := range r.desk.Of(p.JID) {
			r.thread(d.N) // into memory
		}
	}
	for _, n := range sortedKeys(r.threads) {
		t := r.threads[n]
		_, open := r.desk.Thread(n)
		if t.look, t.named = "", ""; open || len(t.shown) > 0 {
			r.reshow(t)
		}
	}
}
