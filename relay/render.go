package relay

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"frontdesk/component/stanza"
	"frontdesk/dispatch"
	"frontdesk/store"
)

// emit takes a stanza that a record gives for one side.
type emit func(s *side, el *stanza.Element)

// backlog bounds what a new owner is shown of a conversation.
const backlog = 1000

// render makes the stanzas of a committed record, the same ones whenever it is asked. This is the
// only place where something said by an agent turns into a stanza for the front.
func (r *Relay) render(e *entry, out emit) {
	switch e.kind {
	case uint16(dispatch.Said):
		r.renderSaid(e, e.fact.Thread, e.receivers(), out)
	case kindAmended, kindRated, kindCopied:
		r.renderSaid(e, e.own.Thread, e.receivers(), out)
	case uint16(dispatch.Assigned), uint16(dispatch.Offered), uint16(dispatch.Joined):
		r.renderGiven(e, out)
	case kindTold:
		r.renderTold(e, out)
	case kindAgain:
		r.renderAgain(e, out)
	}
}

// renderSaid sends words on: the customer's to the agent who has the conversation and to who joined him, with a receipt
// to the customer; an agent's to the customer, and to the other agents.
func (r *Relay) renderSaid(e *entry, n uint64, to []string, out emit) {
	t := r.thread(n)
	by, ok := e.said()
	if t == nil || !ok {
		return
	}
	front := func(m *stanza.Element) { out(r.front, m) }
	if by != "" {
		r.toCustomer(t, e, out)
	} else {
		if e.words.Receipt && e.words.ID != "" {
			t.toEach(signal("chat", stanza.New(nsReceipts, "received", "id", e.words.ID)), front)
		}
		if len(t.pages()) > 1 {
			t.echo(r.asCustomerSees(t, e), e.at, front)
		}
	}
	for _, a := range to {
		if a != "" && a != by {
			r.toAgent(t, e, a, out)
		}
	}
}

// receivers are the agents who got a record of somebody's words at once: who had the conversation then, and who had joined.
func (e *entry) receivers() []string {
	to, team := e.fact.Agent, e.fact.Team
	if e.kind >= 200 {
		to, team = e.own.To, e.own.Team
	}
	return append([]string{to}, team...)
}

// toCustomer sends the words of an entry to the customer.
func (r *Relay) toCustomer(t *thread, e *entry, out emit) {
	m := e.words.build(r.ids.of(e.seq), func(ref uint64) string { return r.refer(t, ref, "") }, r.instead(t, e.words))
	if m == nil {
		return
	}
	by, _ := e.said()
	r.byline(m, t, by)
	delayed(m, r.front.domain, e.at, r.now)
	t.toEach(m, func(m *stanza.Element) { out(r.front, m) })
}

// toAgent sends the words of an entry to an agent; a colleague's words carry his name.
func (r *Relay) toAgent(t *thread, e *entry, agent string, out emit) {
	by, _ := e.said()
	w := *e.words
	switch {
	case by == agent, !r.maySee(agent, t):
		return // he has them, or is no agent of the queue any more
	case by != "":
		corrected := ""
		if w.Replace != 0 {
			corrected = " (corrected)"
		}
		w = words{Body: w.Body, Lang: w.Lang, URL: "", Name: noticeMark + r.nameOf(by) + corrected}
		if w.Body == "" {
			return
		}
	case marked(w.Body):
		w.Name = t.customer.Name
		if w.Name == "" {
			w.Name = "customer"
		}
	}
	if by == "" {
		w.Receipt = w.trackable() // his own receipt means "on disk", and is given already
	}
	m := w.build(r.ids.of(e.seq), func(ref uint64) string { return r.refer(t, ref, agent) }, textRetracted)
	if m == nil {
		return
	}
	if by == "" && t.customer.Name != "" {
		m.Add(stanza.Text(stanza.NSNick, "nick", t.customer.Name))
	}
	delayed(m, r.back.domain, e.at, r.now)
	out(r.back, address(m, t.contact, stanza.JID(agent)))
}

// given is what an agent has to know of a conversation that he comes to.
type given struct {
	unseen   []*entry // words that he was not sent yet
	more     bool     // and there were some before
	released bool     // somebody had it before him, in this conversation
	why      string   // of the transfer
	waited   time.Duration
	last     string // who had the thread in the conversation before this one
}

// renderGiven gives an agent to whom a conversation is assigned or offered, or who joined it, what was said in it so far.
func (r *Relay) renderGiven(e *entry, out emit) {
	f := &e.fact
	t := r.thread(f.Thread)
	if t == nil {
		return
	}
	ask := store.Query{Before: e.seq, Limit: backlog, Last: true}
	if t.Opened < e.seq {
		ask.After = t.Opened - 1
	} // else the conversation is over, and this is sent late: what belongs to it is told apart below
	page, more, err := r.store.Page(t.archive, ask)
	if err != nil {
		r.fail(err)
		return
	}
	g := given{more: more}
	g.read(page, f.Agent, e.at)
	if f.Kind == dispatch.Assigned && len(g.unseen) == 0 && !g.released {
		return // he opened it himself, by writing
	}
	g.digest()
	if note := r.handOverNote(t, f, &g); note != "" {
		r.noticeAgent(t, f.Agent, note, r.ids.of(e.seq), e, out)
	}
	if g.more {
		r.noticeAgent(t, f.Agent, "More was said before: !last shows it.", r.ids.of(e.seq)+"-more", e, out)
	}
	for _, m := range g.unseen {
		r.toAgent(t, m, f.Agent, out)
	}
}

// read goes through a conversation as its records tell it.
func (g *given) read(page []store.Record, agent string, now time.Time) {
	var seen []*entry // since he last came to it
	var began time.Time
	for _, rec := range page {
		m, err := decode(rec)
		if err != nil {
			continue
		}
		if by, ok := m.said(); ok {
			seen = append(seen, m)
			if by != agent && !slices.Contains(m.receivers(), agent) {
				g.unseen = append(g.unseen, m)
			}
			continue
		}
		switch his := m.fact.Agent == agent; dispatch.Kind(m.kind) {
		case dispatch.Opened:
			if *g, seen, began = (given{}), nil, m.at; m.fact.Saved != nil {
				g.last = m.fact.Saved.Last
			}
		case dispatch.Released:
			g.released = true
		case dispatch.Sought:
			if g.why = ""; m.words != nil {
				g.why = m.words.Body
			}
		case dispatch.Assigned, dispatch.Offered, dispatch.Joined:
			if his {
				g.unseen, seen = nil, nil
			}
		case dispatch.Parted, dispatch.Refused:
			if his && m.fact.Reason == dispatch.Bounced {
				g.unseen = slices.Clone(seen) // nothing of it reached him
			}
		}
	}
	if !g.released && !began.IsZero() {
		g.waited = now.Sub(began)
	}
}

// digested bounds what an agent is shown of what others dealt with before he came. What nobody has answered yet he gets
// whole.
const digested = 20

func (g *given) digest() {
	open := len(g.unseen) // where the unanswered begins
	for open > 0 {
		if by, _ := g.unseen[open-1].said(); by != "" {
			break
		}
		open--
	}
	if over := open - digested; over > 0 {
		g.unseen, g.more = g.unseen[over:], true
	}
}

// handOverNote says what an agent should know before the words themselves; "" where that is nothing.
func (r *Relay) handOverNote(t *thread, f *dispatch.Fact, g *given) string {
	who := t.customer.Name
	if who == "" {
		who = "This customer"
	}
	who = fmt.Sprintf("%s (%s)", who, t.Queue)
	switch {
	case f.Kind == dispatch.Offered && f.By == "":
		return r.offerNote(t, f, g, who)
	case f.Reason == dispatch.Accepted:
		return "" // he was shown it
	case f.Kind == dispatch.Offered:
		who = fmt.Sprintf("%s asks you to take over %s, for the next %s. Answering here accepts; !pass declines.", r.nameOf(f.By), who, howLong(f.Until.Sub(f.At).Round(time.Second)))
	case f.Kind == dispatch.Joined:
		d, _ := r.desk.Thread(t.N)
		by := ""
		if f.By != f.Agent {
			by = " " + r.nameOf(f.By) + " wanted it so."
		}
		who = fmt.Sprintf("You have joined the conversation of %s with %s:%s what you write here goes to the customer, too. !leave ends that.", r.nameOf(d.Owner), who, by)
	case g.released && f.From == f.Agent:
		return who + " is yours again."
	case g.released && f.Reason == dispatch.Given:
		who = fmt.Sprintf("%s is yours now: %s wanted it so.", who, r.nameOf(f.By))
	case g.released:
		who = fmt.Sprintf("%s is yours now, from %s.", who, r.nameOf(f.From))
	default:
		return r.newNote(t, f, g, who)
	}
	if g.why != "" && f.Kind != dispatch.Joined && (f.Kind == dispatch.Offered || f.Reason == dispatch.Transferred) {
		who += " Why: " + g.why
	}
	if known := r.remarks(t); known != "" {
		return who + known + "\nWhat was said so far:"
	}
	return who + " What was said so far:"
}

// offerNote says of a conversation that waits, and is offered to an agent, what he can do about it. Where all are asked,
// nobody was chosen.
func (r *Relay) offerNote(t *thread, f *dispatch.Fact, g *given, who string) string {
	note := who + " waits again."
	if !g.released {
		note, _ = r.news(t, f, g, who)
	}
	how := "Answering here makes the conversation yours, for the next "
	if len(f.Candidates) == 0 && f.Reason != dispatch.SameAgent {
		how = "The first who answers has the conversation, in the next "
	}
	return note + "\n" + how + howLong(f.Until.Sub(f.At).Round(time.Second)) + "; !pass declines."
}

// newNote says of a new customer what the chat itself does not. Most need none.
func (r *Relay) newNote(t *thread, f *dispatch.Fact, g *given, who string) string {
	note, worth := r.news(t, f, g, who)
	if !worth || r.quiet(f.Agent, quietNew) {
		return ""
	}
	return note
}

// news are a new customer's queue, how long he waited, whom he knows; worth a word where the agent has several queues or
// there is more to say than the queue.
func (r *Relay) news(t *thread, f *dispatch.Fact, g *given, who string) (note string, worth bool) {
	var parts []string
	if g.waited >= 10*time.Second {
		parts = append(parts, "waited "+howLong(g.waited))
	}
	if f.Reason == dispatch.Given {
		parts = append(parts, r.nameOf(f.By)+" gave you this conversation")
	}
	from := cmp.Or(f.From, g.last)
	if from != "" && from != f.Agent {
		parts = append(parts, "was here before, with "+r.nameOf(from)+": !last shows what was said")
	}
	known := r.remarks(t)
	worth = len(parts) > 0 || known != "" || from == "" && (r.queuesOf(f.Agent) != 1 || !r.serves(f.Agent, t.Queue))
	if from == "" {
		parts = append([]string{"New in " + t.Queue + ": " + t.called()}, parts...)
		who = ""
	}
	return strings.TrimSpace(who+" "+strings.Join(parts, ", ")) + "." + known, worth
}

// remarks are the tags and notes of a thread, for who is new to it.
func (r *Relay) remarks(t *thread) string {
	text := r.learnt(t)
	if len(t.Tags) > 0 {
		text += "\nTags: " + strings.Join(t.Tags, ", ")
	}
	if notes := r.notesOf(t, shownNotes); len(notes) > 0 {
		text += "\nNotes:\n" + strings.Join(notes, "\n")
	}
	return text
}

// noticeAgent sends one of the desk's own texts to an agent in a contact's chat.
func (r *Relay) noticeAgent(t *thread, agent, text, id string, e *entry, out emit) {
	if !r.maySee(agent, t) {
		return
	}
	m := stanza.New("", "message", "type", "chat", "id", id).Add(stanza.Text("", "body", noticeMark+text))
	delayed(m, r.back.domain, e.at, r.now)
	out(r.back, address(m, t.contact, stanza.JID(agent)))
}

// renderTold sends one of the desk's own texts.
func (r *Relay) renderTold(e *entry, out emit) {
	t := r.thread(e.own.Thread)
	if t == nil || e.words == nil {
		return
	}
	if e.own.To != "" {
		r.noticeAgent(t, e.own.To, e.words.Body, r.ids.of(e.seq), e, out)
		return
	}
	r.toCustomer(t, e, out)
}

// renderAgain sends a customer, or the agent To, what he missed while he was gone.
func (r *Relay) renderAgain(e *entry, out emit) {
	t := r.thread(e.own.Thread)
	if t == nil {
		return
	}
	till := e.seq
	if e.own.Till != 0 {
		till = e.own.Till
	}
	page, _, err := r.store.Page(t.archive, store.Query{After: e.own.From - 1, Before: till, Limit: backlog, Last: true})
	if err != nil {
		r.fail(err)
		return
	}
	for _, rec := range page {
		m, err := decode(rec)
		if err != nil {
			continue
		}
		by, ok := m.said()
		if e.own.To != "" {
			if ok {
				r.toAgent(t, m, e.own.To, out)
			}
			continue
		}
		if ok && by != "" || m.kind == kindTold && m.own.To == "" && m.words != nil {
			r.toCustomer(t, m, out)
		}
	}
}

// refer returns the id by which a receiver (an agent, or "" the customer) knows a record of a thread:
// his own for what he wrote himself, ours for the rest.
func (r *Relay) refer(t *thread, seq uint64, receiver string) string {
	by, id, ok := r.lookUp(t, seq)
	switch {
	case !ok:
		return ""
	case by == receiver:
		return id
	}
	return r.ids.of(seq)
}

// lookUp finds who wrote a record of a thread and under which id: in memory, else in the log.
func (r *Relay) lookUp(t *thread, seq uint64) (by, id string, ok bool) {
	if s := t.saying(seq); s != nil {
		return s.by, s.id, true
	}
	page, _, err := r.store.Page(t.archive, store.Query{After: seq - 1, Before: seq + 1, Limit: 1})
	if err != nil || len(page) == 0 {
		return "", "", false
	}
	e, err := decode(page[0])
	if err != nil {
		return "", "", false
	}
	if by, ok = e.said(); ok {
		return by, e.words.ID, true
	}
	return "", "", false
}

// address sets from and to.
func address(m *stanza.Element, from, to stanza.JID) *stanza.Element {
	return m.Set("from", string(from)).Set("to", string(to))
}

// resource of every address that we write from.
const resource = "desk"

func (r *Relay) queueJID(queue string) stanza.JID {
	return stanza.MakeJID(queue, r.cfg.Front.Domain, "")
}

func (r *Relay) contactJID(t *thread) stanza.JID {
	return stanza.MakeJID(t.local(), r.cfg.Desk.Domain, "")
}

// nameOf is how colleagues and the desk call an agent.
func (r *Relay) nameOf(agent string) string {
	if p := r.staff[agent]; p != nil {
		return p.Name
	}
	var w staffRow
	if r.row(tableStaff, agent, &w) && w.Name != "" {
		return w.Name // he was at the desk
	}
	return stanza.JID(agent).Local()
}
