package relay

import (
	"fmt"

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
		r.renderSaid(e, e.fact.Thread, e.fact.Agent, out)
	case kindAmended:
		r.renderSaid(e, e.own.Thread, e.own.To, out)
	case uint16(dispatch.Assigned):
		r.renderAssigned(e, out)
	case kindTold:
		r.renderTold(e, out)
	case kindAgain:
		r.renderAgain(e, out)
	}
}

// renderSaid sends words on: the customer's to the agent to, with a receipt to the customer; an
// agent's to the customer.
func (r *Relay) renderSaid(e *entry, n uint64, to string, out emit) {
	t := r.thread(n)
	by, ok := e.said()
	if t == nil || !ok {
		return
	}
	if by != "" {
		r.toCustomer(t, e, out)
		return
	}
	if e.words.Receipt && e.words.ID != "" {
		m := signal("chat", stanza.New(nsReceipts, "received", "id", e.words.ID))
		out(r.front, address(m, t.from, t.customer.address()))
	}
	if to != "" {
		r.toAgent(t, e, to, out)
	}
}

// toCustomer sends the words of an entry to the customer.
func (r *Relay) toCustomer(t *thread, e *entry, out emit) {
	m := e.words.build(r.ids.of(e.seq), func(ref uint64) string { return r.refer(t, ref, "") })
	if m == nil {
		return
	}
	delayed(m, r.front.domain, e.at, r.now)
	out(r.front, address(m, t.from, t.customer.address()))
}

// toAgent sends the words of an entry to an agent; a colleague's words carry his name.
func (r *Relay) toAgent(t *thread, e *entry, agent string, out emit) {
	by, _ := e.said()
	w := *e.words
	switch {
	case by == agent, !r.maySee(agent, t):
		return // he has them, or is no agent of the queue any more
	case by != "":
		w = words{Body: w.Body, Lang: w.Lang, URL: "", Name: noticeMark + r.nameOf(by)}
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
		w.Receipt = false // the customer's receipt means "on disk"
	}
	m := w.build(r.ids.of(e.seq), func(ref uint64) string { return r.refer(t, ref, agent) })
	if m == nil {
		return
	}
	if by == "" && t.customer.Name != "" {
		m.Add(stanza.Text(stanza.NSNick, "nick", t.customer.Name))
	}
	delayed(m, r.back.domain, e.at, r.now)
	out(r.back, address(m, t.contact, stanza.JID(agent)))
}

// renderAssigned gives the new owner what was said in this conversation so far.
func (r *Relay) renderAssigned(e *entry, out emit) {
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
	var unseen []*entry
	released := false
	for _, rec := range page {
		m, err := decode(rec)
		if err != nil {
			continue
		}
		if _, ok := m.said(); ok {
			unseen = append(unseen, m)
		} else if m.kind == uint16(dispatch.Opened) {
			unseen, released, more = unseen[:0], false, false
		} else if m.kind == uint16(dispatch.Released) {
			released = true
			if m.fact.Agent == f.Agent {
				unseen = unseen[:0] // he has what came before
			}
		}
	}
	if len(unseen) == 0 && !released {
		return // he opened it himself, by writing
	}
	if note := r.handOverNote(t, f, released); note != "" {
		r.noticeAgent(t, f.Agent, note, r.ids.of(e.seq), e, out)
	}
	if more {
		r.noticeAgent(t, f.Agent, "More was said before: !last shows it.", r.ids.of(e.seq)+"-more", e, out)
	}
	for _, m := range unseen {
		r.toAgent(t, m, f.Agent, out)
	}
}

// handOverNote says what the new owner should know before the words themselves; "" where that is
// nothing. released tells that somebody had this conversation before him.
func (r *Relay) handOverNote(t *thread, f *dispatch.Fact, released bool) string {
	name := t.customer.Name
	if name == "" {
		name = "This customer"
	}
	switch {
	case f.From == "" || !released && f.From == f.Agent:
		return ""
	case !released:
		return fmt.Sprintf("%s (%s) was here before, with %s: !last shows what was said.", name, t.Queue, r.nameOf(f.From))
	case f.From == f.Agent:
		return fmt.Sprintf("%s (%s) is yours again.", name, t.Queue)
	}
	return fmt.Sprintf("%s (%s) is yours now, from %s. What was said so far:", name, t.Queue, r.nameOf(f.From))
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
	for i := range t.recent {
		if s := t.at(i); s.seq == seq {
			return s.by, s.id, true
		}
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
	return stanza.MakeJID(queue, r.front.domain, "")
}

func (r *Relay) contactJID(t *thread) stanza.JID {
	return stanza.MakeJID(t.local(), r.back.domain, "")
}

// nameOf is how colleagues and the desk call an agent.
func (r *Relay) nameOf(agent string) string {
	if p := r.staff[agent]; p != nil {
		return p.Name
	}
	return stanza.JID(agent).Local()
}
