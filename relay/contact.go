package relay

import (
	"crypto/rand"
	"errors"
	"slices"
	"strconv"
	"strings"

	"frontdesk/component/stanza"
	"frontdesk/dispatch"
)

// fromDesk takes a stanza of the agents' side.
func (r *Relay) fromDesk(s *stanza.Element) {
	from, to := s.From(), s.To()
	switch {
	case to.Domain() != r.back.domain:
	case r.privileged(s) || r.rosterSet(s):
	case from == "" || from.Domain() == r.back.domain || from.Domain() == r.front.domain:
	case r.isCustomerHost(from.Domain()):
		// Confinement is the server's; that a customer reaches nothing here even without it is ours.
		r.send(r.back, stanza.Error{Type: "auth", Condition: "forbidden"}.Reply(s))
	default:
		switch kindOf(to.Local()) {
		case theDesk:
			r.fromDeskContact(s)
		case aContact:
			r.fromContact(s)
		default:
			r.fromRoom(s)
		}
	}
}

// kind is what a localpart at the desk stands for.
type kind uint8

const (
	theService kind = iota // there is none
	theDesk
	theLobby
	aContact
	aCaseRoom
	aRoom // that somebody made, or may make
	kinds // how many there are
)

func kindOf(local string) kind {
	switch {
	case local == "":
		return theService
	case local == deskLocal:
		return theDesk
	case local == lobby:
		return theLobby
	case isContact(local):
		return aContact
	case caseOf(local) != 0:
		return aCaseRoom
	}
	return aRoom
}

func (r *Relay) isCustomerHost(domain string) bool {
	for _, h := range r.cfg.Front.Customers {
		if h == domain {
			return true
		}
	}
	return false
}

// isContact reports whether a localpart has the form slug.N, which no room has.
func isContact(local string) bool {
	slug, n, ok := strings.Cut(local, ".")
	if !ok || slug == "" || slug == "case" || n == "" || len(n) > 19 {
		return false
	}
	for i := range len(n) {
		if n[i] < '0' || n[i] > '9' {
			return false
		}
	}
	return true
}

// contactOf returns the thread of a contact's address, nil where the slug is not its own.
func (r *Relay) contactOf(local string) *thread {
	_, num, _ := strings.Cut(local, ".")
	n, err := strconv.ParseUint(num, 10, 64)
	if err != nil {
		return nil
	}
	if t := r.thread(n); t != nil && t.local() == local {
		return t
	}
	return nil
}

// fromContact takes what somebody sends to a customer's contact. Who may not see the thread gets the
// same answer whether the contact exists or not.
func (r *Relay) fromContact(s *stanza.Element) {
	agent := string(s.From().Bare())
	p := r.staff[agent]
	var t *thread
	if p != nil {
		agent = p.JID // the config's string: what is kept of it holds no stanza in memory
		t = r.contactOf(s.To().Local())
	}
	if t != nil && !r.maySee(agent, t) {
		t = nil
	}
	if t == nil {
		r.nobodyHere(s)
		return
	}
	switch s.Local {
	case "message":
		r.agentMessage(t, agent, s)
	case "presence":
		r.contactPresence(t, agent, s)
	case "iq":
		if !r.adhoc(agent, t, s) {
			r.contactIQ(t, s)
		}
	}
}

// nobodyHere answers who may not know whether there is anybody.
func (r *Relay) nobodyHere(s *stanza.Element) {
	if s.Local != "presence" {
		r.send(r.back, stanza.Error{Type: "cancel", Condition: "item-not-found"}.Reply(s))
	} else if s.Type() == "subscribe" {
		r.send(r.back, stanza.New("", "presence", "type", "unsubscribed", "from", string(s.To().Bare()), "to", string(s.From().Bare())))
	}
}

// agentMessage takes what an agent wrote to a contact.
func (r *Relay) agentMessage(t *thread, agent string, s *stanza.Element) {
	switch s.Type() {
	case "error":
		r.agentBounced(t, agent, s)
		return
	case "groupchat":
		r.send(r.back, stanza.Error{Type: "cancel", Condition: "service-unavailable"}.Reply(s))
		return
	case "headline":
		return
	}
	m := read(s)
	switch {
	case m.encrypted:
		r.stopComposing(t, agent)
		r.answer(s, noticeMark+textEncryptedAgent)
	case m.tooLong():
		r.send(r.back, errTooLong.Reply(s))
	case m.hasWords():
		r.agentWrote(t, agent, s, m)
	default:
		r.agentSignal(t, agent, m)
	}
}

// agentWrote carries out a command, or relays words by the rule of addresses.
func (r *Relay) agentWrote(t *thread, agent string, s *stanza.Element, m *intake) {
	r.fill(t)
	correction := m.replace != ""
	v, text := judge(m.Body)
	if v != plain || correction || m.react != "" || m.retract != "" {
		r.decide(dispatch.Active{Agent: agent}, nil) // what he says otherwise tells dispatch by itself
	}
	if v != plain {
		r.stopComposing(t, agent) // nothing of this reaches the customer, who may have seen it being typed
	}
	switch {
	case v == refused:
		r.answer(s, noticeMark+textLater)
		return
	case v == command && correction:
		r.answer(s, noticeMark+textCorrected)
		return
	case v == command:
		if reply := r.carryOut(&call{agent: agent, from: s.From(), thread: t}, text); reply != "" {
			r.answer(s, noticeMark+reply)
		}
		return
	}
	m.Body = text
	if t.customer.retired() {
		r.answer(s, noticeMark+"Nothing was sent. "+textRetired)
		return
	}
	if !r.resolve(t, agent, m) {
		return
	}
	w := &m.words
	if r.repeated(t, agent, w) {
		return
	}
	if w.amends() {
		r.agentAmends(t, agent, s, w)
		return
	}
	err := r.decide(dispatch.AgentSaid{Thread: t.N, Agent: agent, Saved: t.Saved},
		&utterance{thread: t, customer: t.customer, words: w})
	t.composing = false
	if err != nil {
		r.answer(s, noticeMark+"Nothing was sent. "+r.explain(err, t))
	}
}

// agentAmends: only who has the conversation or joined it, or had it last, changes what was said in it.
func (r *Relay) agentAmends(t *thread, agent string, s *stanza.Element, w *words) {
	o := own{Thread: t.N, By: agent}
	may := t.Saved != nil && t.Saved.Last == agent
	if d, open := r.desk.Thread(t.N); open {
		o.To, o.Team = d.Owner, slices.Clone(r.desk.Team(t.N))
		may = d.Owner == agent || slices.Contains(o.Team, agent)
	}
	if !may {
		r.answer(s, noticeMark+"Nothing was sent. "+r.explain(dispatch.ErrNotYours, t))
		return
	}
	r.noteWords(t, agent, &entry{kind: kindAmended, own: o, words: w})
}

// agentSignal passes typing, receipts and markers of who has the conversation on to the customer; of who is asked to take it,
// receipts.
func (r *Relay) agentSignal(t *thread, agent string, m *intake) {
	d, open := r.desk.Thread(t.N)
	has := open && (d.Owner == agent || slices.Contains(r.desk.Team(t.N), agent))
	if m.received != "" && (has || r.desk.Asks(t.N, agent)) {
		r.arrived(t, m.received)
	}
	if !has {
		return
	}
	if m.displayed != "" {
		r.fill(t)
		r.confirm(t, agent, nsMarkers, "displayed", m.displayed)
	}
	if m.state != "" {
		r.passState(t, agent, m.state)
	}
}

// arrived tells the customer once that a client of an agent's has a message of his: not how many clients have it, or how many
// agents. The receipt that he was given says "on disk", and may come again at any time, so this is no second one but the
// marker <received/> (XEP-0333 until 0.4).
func (r *Relay) arrived(t *thread, id string) {
	seq, ours := r.ids.seq(id)
	if !ours {
		return
	}
	r.fill(t)
	if s := t.saying(seq); s != nil && s.awaited {
		s.awaited = false
		r.passToCustomer(t, signal("chat", stanza.New(nsMarkers, "received", "id", s.id)))
	}
}

// passState tells the customer of typing.
func (r *Relay) passState(t *thread, agent, state string) {
	t.composing = state == "composing"
	m := signal("chat", stanza.New(nsStates, state))
	r.byline(m, t, agent)
	r.passToCustomer(t, m)
}

func (r *Relay) stopComposing(t *thread, agent string) {
	if t.composing {
		r.passState(t, agent, "active")
	}
}

// agentBounced: the agent's server could not deliver a customer's words. Somebody else gets them;
// but who is gone for a moment, or of whom that is not known yet, gets them when he is back.
func (r *Relay) agentBounced(t *thread, agent string, s *stanza.Element) {
	seq, ours := r.ids.seq(s.ID())
	d, open := r.desk.Thread(t.N)
	if !ours || !open {
		return
	}
	if d.Owner != agent && (r.desk.Asks(t.N, agent) || slices.Contains(r.desk.Team(t.N), agent)) {
		if a, ok := r.desk.Agent(agent); ok && a.GraceEnd.IsZero() && !r.paused {
			r.decide(dispatch.Unreachable{Thread: t.N, Agent: agent}, nil)
		}
		return
	}
	if t.Missed == 0 || t.MissedBy != agent || seq < t.Missed {
		t.Missed, t.MissedBy, t.MissedTill = seq, agent, 0
		r.saveThread(t)
	}
	if d.Owner != agent { // he has lost the conversation meanwhile
		t.MissedTill = r.next
		r.saveThread(t)
		return
	}
	if a, ok := r.desk.Agent(agent); ok && (!a.GraceEnd.IsZero() || r.paused) {
		return
	}
	r.log.Warn("an agent's server refused a message: the conversation goes on to others", "thread", t.N, "error", bounce(s))
	r.decide(dispatch.Unreachable{Thread: t.N, Agent: agent}, nil)
}

// bounce is an error's condition, without the text: that one may hold an address.
func bounce(s *stanza.Element) string {
	e, _ := stanza.ErrorOf(s)
	return e.Type + "/" + e.Condition
}

// answer replies to a message from the address that it was written to.
func (r *Relay) answer(s *stanza.Element, text string) {
	m := stanza.New("", "message", "type", "chat", "id", rand.Text()).Add(stanza.Text("", "body", text))
	r.send(r.back, address(m, s.To().WithResource(resource), s.From()))
}

// explain says an error of dispatch in the words of the desk.
func (r *Relay) explain(err error, t *thread) string {
	n := strconv.FormatUint(t.N, 10)
	switch {
	case errors.Is(err, dispatch.ErrNotYours):
		if d, open := r.desk.Thread(t.N); open && d.Owner != "" {
			return r.nameOf(d.Owner) + " has this conversation: !join " + n + " lets you write, too; a supervisor can !take " + n + "."
		}
		return "Somebody else has this conversation."
	case errors.Is(err, dispatch.ErrNotAgent):
		return "You are no agent of the queue " + t.Queue + "."
	case errors.Is(err, dispatch.ErrNotOpen), errors.Is(err, dispatch.ErrUnknownThread):
		return "This conversation is closed. Write to the contact to open it again."
	case errors.Is(err, dispatch.ErrWaiting):
		return "This conversation waits in the line: !take " + n + " makes it yours."
	case errors.Is(err, dispatch.ErrYours):
		return "This conversation is yours already."
	case errors.Is(err, dispatch.ErrSelf):
		return "The agent is the customer of this thread."
	case errors.Is(err, dispatch.ErrOwner):
		return "That agent has this conversation already."
	case errors.Is(err, dispatch.ErrJoined):
		return "That agent has joined already."
	case errors.Is(err, dispatch.ErrNotJoined):
		return "You have not joined this conversation."
	case errors.Is(err, dispatch.ErrTeam):
		return "So many have joined this conversation that no more can."
	case errors.Is(err, dispatch.ErrGone):
		return "That agent is not there: !who shows who is."
	case errors.Is(err, dispatch.ErrShut):
		return "That queue is closed."
	case errors.Is(err, dispatch.ErrUnknownQueue):
		return "There is no such queue."
	case errors.Is(err, dispatch.ErrRange):
		return "That number cannot be."
	}
	return err.Error()
}

// customerFace is that of every customer's client, as agents see it.
var customerFace = face{"client", "web", "customer", deskFeatures}

// contactFeatures are what clients look for before they offer typing, corrections and the rest.
var contactFeatures = []string{nsCaps, stanza.NSDiscoInfo, stanza.NSPing, nsStates, nsReceipts, nsMarkers, nsCorrect, nsReactions, nsReply, nsFallback, nsRetract, nsOOB, "vcard-temp", "jabber:iq:version"}

// deskFeatures are what agents' clients look for in contacts, and in the desk's own.
var deskFeatures = append([]string{nsCommands}, contactFeatures...)

// contactIQ answers for the customer's client. A device list is "not there" at once, so that no client waits for
// one or encrypts to nobody.
func (r *Relay) contactIQ(t *thread, s *stanza.Element) {
	if q := s.First(); s.Type() == "get" && q.Is(nsPubSub, "pubsub") && q.Child(nsPubSub, "items").Attr("node") == stanza.NSNick {
		r.send(r.back, stanza.Result(s).Add(stanza.New(nsPubSub, "pubsub").Add(nameItem(nsPubSub, t))))
		return
	}
	f := &customerFace
	if s.To().Resource() == "" {
		f = &face{"account", "registered", t.name(), deskFeatures}
	}
	r.send(r.back, personIQ(s, f, t.name()))
}
