package relay

import (
	"crypto/rand"
	"slices"
	"strings"
	"time"

	"frontdesk/component/stanza"
	"frontdesk/dispatch"
	"frontdesk/store"
	"frontdesk/texts"
)

// repeatWithin is how long a customer's client may send the same message again without its being taken for a new one, if it is still among
// the newest maxRecent of his in the thread.
const repeatWithin = 10 * time.Minute

var errTooLong = stanza.Error{Type: "modify", Condition: "policy-violation", Text: "This message is too long. Please send it in parts."}

// fromFront takes a stanza of the customers' side.
func (r *Relay) fromFront(s *stanza.Element) {
	from, to := s.From(), s.To()
	if from == "" || from.Domain() == r.front.domain || from.Domain() == r.back.domain || to.Domain() != r.front.domain {
		return
	}
	if !r.heard(s) {
		return
	}
	q := r.queues[to.Local()]
	if q == nil {
		r.frontDomain(s)
		return
	}
	switch s.Local {
	case "message":
		r.customerMessage(q, s)
	case "presence":
		r.customerPresence(q, s)
	case "iq":
		r.queueIQ(q, s)
	}
}

// frontDomain answers what is not for a queue.
func (r *Relay) frontDomain(s *stanza.Element) {
	switch {
	case s.Local == "iq":
		r.frontIQ(s)
	case s.Local == "message" && s.Type() != "error":
		r.atDoor(s)
	case s.Local == "presence" && s.Type() == "subscribe":
		r.send(r.front, stanza.New("", "presence", "type", "unsubscribed", "from", string(s.To()), "to", string(s.From().Bare())))
	}
}

// customerMessage takes what a customer wrote to a queue.
func (r *Relay) customerMessage(q *queue, s *stanza.Element) {
	switch s.Type() {
	case "error":
		r.customerBounced(q, s)
		return
	case "groupchat":
		r.send(r.front, stanza.Error{Type: "cancel", Condition: "service-unavailable"}.Reply(s))
		return
	case "headline":
		return
	}
	m := read(s)
	c := r.customerOf(s.From())
	if c == nil && m.hasWords() {
		c = r.claimed(s.From())
	}
	r.filled(q, c, m)
	switch {
	case c != nil && c.Blocked.After(r.now):
		if m.encrypted || m.hasWords() {
			r.send(r.front, r.inWords(errBlocked, q.texts, wanted(c, s), "blocked").Reply(s))
		}
	case m.encrypted:
		r.cannotRead(q, c, s)
	case m.tooLong():
		r.send(r.front, r.inWords(errTooLong, q.texts, wanted(c, s), "too_long").Reply(s))
	case c == nil && m.Body != "" && !r.newcomer(s.From()):
		r.slower(s)
	case m.hasWords():
		r.customerWrote(q, c, s.From(), m)
	default:
		r.customerSignal(q, c, m)
	}
}

// cannotRead answers an end-to-end encrypted message: it can't be read here, and is not relayed.
// Once for a customer's address and conversation, so that a client that goes on gets no flood.
func (r *Relay) cannotRead(q *queue, c *customer, s *stanza.Element) {
	if c != nil {
		if t := r.thread(c.Threads[q.name]); t != nil {
			if t.told["encrypted"] {
				return
			}
			t.tell("encrypted")
		}
	}
	if c == nil && !r.rates.unread.Take(string(s.From().Bare()), 1, r.now) {
		return
	}
	v := q.texts.In(wanted(c, s))
	m := stanza.New("", "message", "type", "chat", "id", rand.Text()).Add(stanza.Text("", "body", v.Say("encrypted"))).SetLang(v.Lang)
	r.send(r.front, address(m, r.queueJID(q.name).WithResource(resource), s.From()))
}

// customerWrote takes words: it finds or makes the customer and his thread, passes over a repeat, and
// lets dispatch decide.
func (r *Relay) customerWrote(q *queue, c *customer, from stanza.JID, m *intake) {
	if c == nil {
		if m.Body == "" {
			return // a stranger's reaction or retraction
		}
		c = r.newCustomer(from.Bare())
		c.Full = cloned(from)
		r.enrol(c)
	} else if r.customerOf(from) != nil { // else he said it before he came to where he is now
		r.rebind(c, from)
		r.use(c)
	}
	if m.nick != "" && m.nick != c.Name && !c.Named {
		if name := r.nameFor(m.nick); name != "" && name != c.Name {
			c.Name = name
			r.saveCustomer(c)
		}
	}
	if lang := texts.Tag(m.Lang); lang != "" && lang != c.Lang {
		c.Lang = lang
		r.saveCustomer(c)
	}
	t := r.thread(c.Threads[q.name])
	w := &m.words
	if t != nil {
		r.fill(t)
		if !r.resolve(t, "", m) {
			return // it refers to what nobody here has
		}
		if r.repeated(t, "", w) {
			r.receipt(t, w)
			return
		}
		r.welcomeBack(t)
		delete(t.told, "left")
	} else if m.Body == "" {
		return
	}
	if t != nil && w.amends() {
		r.amend(t, "", w)
		return
	}
	if t != nil && r.afterword(t, w) {
		return
	}
	in := dispatch.CustomerSaid{Queue: q.name, Customer: c.N, Self: r.selfOf(c), Wants: q.wants(w.Lang)}
	if t != nil {
		in.Thread, in.Saved = t.N, t.Saved
	}
	var ask []string
	held := false
	if _, open := r.desk.Thread(in.Thread); !open {
		if ask, held = r.toAsk(q, c); held {
			in.Hold = q.askFor
		}
	}
	if r.decide(in, &utterance{thread: t, customer: c, words: w}) != nil {
		return
	}
	if t = r.thread(c.Threads[q.name]); len(ask) > 0 {
		t.Asking = &asking{ask, held}
		r.saveThread(t)
	} else if t.Asking != nil && !t.Unmet { // else this answers nothing
		r.replied(t, m)
	}
}

// wants are the skills that a customer of a language should be given: the language, if somebody of the queue has it.
func (q *queue) wants(lang string) string {
	lang, _, _ = strings.Cut(strings.ToLower(lang), "-")
	if !q.skills[lang] {
		return ""
	}
	return lang
}

// amends reports whether the words change old ones instead of adding to them.
func (w *words) amends() bool { return w.Replace != 0 || w.React != 0 || w.Retract != 0 }

// resolve turns the sender's references into records of the thread. A correction of what the
// other side never got goes as new, a reply to it as plain text, a reaction to it as text; a retraction of it, and
// the withdrawal of a reaction to it, is nothing (false).
func (r *Relay) resolve(t *thread, by string, m *intake) bool {
	if m.Replace = r.find(t, by, m.replace); m.Replace != 0 {
		if author, _, ok := r.lookUp(t, m.Replace); !ok || author != by {
			m.Replace = 0 // only one's own
		}
		m.Replace = r.root(t, m.Replace)
	}
	m.Reply = r.find(t, by, m.reply)
	if m.react != "" {
		if seq, ours := r.ids.seq(m.react); ours && r.isNotice(t, seq) {
			return false // the desk's own text: nobody else has it
		}
		if m.React = r.find(t, by, m.react); m.React == 0 {
			for i, e := range m.Emoji {
				if i > 0 {
					m.Body += " "
				}
				m.Body += e
			}
			m.Emoji = nil
			return m.Body != ""
		}
	}
	if m.retract != "" {
		if m.Retract = r.find(t, by, m.retract); m.Retract == 0 {
			return false
		}
		if author, _, ok := r.lookUp(t, m.Retract); !ok || author != by {
			return false
		}
	}
	return true
}

// root follows a correction to what was said first, which is what everybody refers to (XEP-0308 §3).
func (r *Relay) root(t *thread, seq uint64) uint64 {
	if s := t.saying(seq); s != nil && s.root != 0 {
		return s.root
	}
	return seq
}

// isNotice reports whether a record of the thread is nobody's words but the desk's.
func (r *Relay) isNotice(t *thread, seq uint64) bool {
	page, _, err := r.store.Page(t.archive, store.Query{After: seq - 1, Before: seq + 1, Limit: 1})
	if err != nil || len(page) == 0 {
		return false
	}
	return !uttered(page[0].Kind)
}

// find returns the record that a peer's id means: one of his own messages, or one of ours.
func (r *Relay) find(t *thread, by, id string) uint64 {
	if id == "" {
		return 0
	}
	if s := r.byID(t, by, id); s != nil {
		return s.seq
	}
	if seq, ok := r.ids.seq(id); ok {
		if _, _, ok := r.lookUp(t, seq); ok {
			return seq
		}
	}
	return 0
}

// amend keeps a correction, reaction or retraction, which changes no state of the desk.
func (r *Relay) amend(t *thread, by string, w *words) {
	o := own{Thread: t.N, By: by}
	if d, open := r.desk.Thread(t.N); open {
		o.To, o.Team = d.Owner, slices.Clone(r.desk.Team(t.N))
	} else if t.Saved != nil {
		o.To = t.Saved.Last
	}
	r.noteWords(t, by, &entry{kind: kindAmended, own: o, words: w})
}

// noteWords adds a record of somebody's words in a thread.
func (r *Relay) noteWords(t *thread, by string, e *entry) {
	side := store.Customers
	if by != "" {
		side = store.Agents
	}
	p := r.note(side, t.archive, e)
	r.remember(t, p.seq, by, e.words, r.now)
	r.mirror(t, p)
	if by == "" {
		r.counts.fromCustomers++
	} else {
		r.counts.fromAgents++
	}
}

// receipt confirms a repeat: the first one is on disk, or will be before this goes out.
func (r *Relay) receipt(t *thread, w *words) {
	if w.Receipt && w.ID != "" {
		t.toEach(signal("chat", stanza.New(nsReceipts, "received", "id", w.ID)), func(m *stanza.Element) { r.send(r.front, m) })
	}
}

// selfOf is the agent who is this customer, "" for anybody else.
func (r *Relay) selfOf(c *customer) string {
	if r.staff[string(c.Bare)] != nil {
		return string(c.Bare)
	}
	return ""
}

// customerSignal passes typing, receipts and markers on to who has the conversation.
func (r *Relay) customerSignal(q *queue, c *customer, m *intake) {
	if c == nil {
		return
	}
	t := r.thread(c.Threads[q.name])
	if t == nil {
		return
	}
	if m.received != "" || m.displayed != "" {
		r.fill(t)
		r.confirm(t, "", nsReceipts, "received", m.received)
		r.confirm(t, "", nsMarkers, "displayed", m.displayed)
		if m.displayed != "" {
			seen := stanza.New("", "message", "type", "chat", "from", string(c.Bare), "to", string(r.queueJID(q.name)))
			t.echo(seen.Add(stanza.New(nsMarkers, "displayed", "id", m.displayed)), r.now, func(m *stanza.Element) { r.pass(r.front, m) })
		}
	}
	if d, open := r.desk.Thread(t.N); open && d.Owner != "" && m.state != "" {
		for _, a := range append([]string{d.Owner}, r.desk.Team(t.N)...) {
			el := signal("chat", stanza.New(nsStates, m.state))
			r.pass(r.back, address(el, t.contact, stanza.JID(a)))
		}
	}
}

// confirm passes a receipt or a marker on to the author of what it confirms.
func (r *Relay) confirm(t *thread, by, space, name, id string) {
	seq := r.find(t, by, id)
	if seq == 0 {
		return
	}
	author, authors, ok := r.lookUp(t, seq)
	if !ok || author == by || authors == "" || by != "" && author != "" {
		return
	}
	el := signal("chat", stanza.New(space, name, "id", authors))
	if author == "" {
		r.passToCustomer(t, el)
	} else {
		r.pass(r.back, address(el, t.contact, stanza.JID(author)))
	}
}

// customerBounced: the customer's server could not deliver something. What was said to a client that is
// gone goes to the account; what bounces there is kept until he is back, and his agent is told once.
func (r *Relay) customerBounced(q *queue, s *stanza.Element) {
	c := r.customerOf(s.From())
	if c == nil {
		return
	}
	t := r.thread(c.Threads[q.name])
	if t == nil {
		return
	}
	r.lost(c, s.From())
	if len(t.pages()) > 0 {
		return // they were sent it, or fetched it when they came
	}
	seq, ok := r.ids.seq(s.ID())
	if !ok || !r.sentTo(t, seq) {
		return
	}
	inAgain := seq >= t.againFrom && seq <= t.againAt
	switch {
	case s.From().Resource() != "" && inAgain && s.From() != t.againTo: // he has been sent that
	case s.From().Resource() != "" && !inAgain && r.mayRepeat(t):
		r.repeat(t, seq)
	case t.Lost == 0 || seq < t.Lost:
		if t.Lost == 0 {
			r.tellOwner(t, textUndelivered)
		}
		t.Lost = seq
		r.saveThread(t)
		r.decide(dispatch.CustomerGone{Thread: t.N}, nil)
	}
}

// What goes out to a customer again goes at most maxAgain times in againWithin for a thread, whatever his clients send; the rest is kept until he is
// there after that.
const (
	maxAgain    = 10
	againWithin = time.Minute
)

func (r *Relay) mayRepeat(t *thread) bool {
	if !r.now.Before(t.againsEnd) {
		t.agains, t.againsEnd = 0, r.now.Add(againWithin)
	}
	t.agains++
	return t.agains <= maxAgain
}

// repeat sends the customer a record once more to where he is now, with all that came after and has not gone out again yet.
func (r *Relay) repeat(t *thread, seq uint64) {
	o := own{From: seq}
	if seq < t.againFrom {
		o.Till, t.againFrom = t.againFrom, seq
	} else {
		t.againFrom, t.againAt, t.againTo = seq, r.next, t.customer.address()
	}
	r.noteAgain(t, o)
}

// noteAgain has what was said from a record on go out again, to the customer or to an agent.
func (r *Relay) noteAgain(t *thread, o own) {
	o.Thread = t.N
	r.note(store.Agents, t.archive, &entry{kind: kindAgain, own: o})
}

// sentTo reports whether a record is one that goes to the thread's customer.
func (r *Relay) sentTo(t *thread, seq uint64) bool {
	if by, _, ok := r.lookUp(t, seq); ok {
		return by != ""
	}
	page, _, err := r.store.Page(t.archive, store.Query{After: seq - 1, Before: seq + 1, Limit: 1})
	return err == nil && len(page) == 1 && page[0].Kind == kindTold
}

// welcomeBack sends a customer who is there again what he missed of a thread.
func (r *Relay) welcomeBack(t *thread) {
	if r.desk.Vanished(t.N) {
		delete(t.told, "left")
		r.decide(dispatch.CustomerGone{Thread: t.N, Back: true}, nil)
	}
	if t.Lost == 0 || !r.mayRepeat(t) {
		return
	}
	r.noteAgain(t, own{From: t.Lost})
	t.Lost = 0
	r.saveThread(t)
}

// tell notes that something was said to a customer in this conversation.
func (t *thread) tell(key string) {
	if t.told == nil {
		t.told = map[string]bool{}
	}
	t.told[key] = true
}

// tellOwner sends a text of the desk's own to who has the conversation, as a record.
func (r *Relay) tellOwner(t *thread, text string) {
	if d, open := r.desk.Thread(t.N); open {
		r.tellAgent(t, d.Owner, text)
	}
}

// tellCustomer sends a text of the desk's own to the customer, as a record; "" is not said.
func (r *Relay) tellCustomer(t *thread, v texts.Voice, text string) {
	if text != "" {
		r.tellWith(t, v, &words{Body: text})
	}
}

// tellWith is tellCustomer for a text that offers something beside its words. Forms go to visitors of the page alone: nothing
// says of another client whether it shows one in a chat, and Profanity 0.13 shows the form of a message instead of its words.
func (r *Relay) tellWith(t *thread, v texts.Voice, w *words) {
	w.Lang = v.Lang
	if t.customer.Bare.Domain() != r.cfg.Web.Host {
		w.Blank = nil
	}
	r.mirror(t, r.note(store.Customers, t.archive, &entry{kind: kindTold, own: own{Thread: t.N}, words: w}))
}

// wanted is the language of who sent a stanza: its own, or that of what he wrote last. c may be nil.
func wanted(c *customer, s *stanza.Element) string {
	if lang := s.Lang(); lang != "" || c == nil {
		return lang
	}
	return c.Lang
}

// inWords puts a text to customers into an error.
func (r *Relay) inWords(e stanza.Error, set *texts.Set, lang, key string, values ...string) stanza.Error {
	v := set.In(lang)
	e.Text, e.Lang = v.Say(key, values...), v.Lang
	return e
}
