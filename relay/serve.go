package relay

import (
	"fmt"
	"slices"
	"strings"

	"frontdesk/component/stanza"
	"frontdesk/config"
	"frontdesk/dispatch"
	"frontdesk/store"
)

// Commands by which agents share the work on conversations.

func (r *Relay) take(c *call) (string, error) {
	err := r.decide(dispatch.Take{Thread: c.about.N, Agent: c.agent, Force: r.supervises(c.agent)}, nil)
	if err != nil {
		return "", r.why(err, c)
	}
	return c.about.label() + " is yours.", nil
}

func (r *Relay) pass_(c *call) (string, error) {
	asked := r.desk.Asks(c.about.N, c.agent)
	if err := r.decide(dispatch.Pass{Thread: c.about.N, Agent: c.agent}, nil); err != nil {
		return "", r.why(err, c)
	}
	if asked {
		return "You declined " + c.about.label() + ".", nil
	}
	if d, open := r.desk.Thread(c.about.N); open && d.Owner != "" {
		return c.about.label() + " is with " + r.nameOf(d.Owner) + " now.", nil
	}
	return c.about.label() + " waits for somebody else.", nil
}

func (r *Relay) close_(c *call) (string, error) {
	in := dispatch.Close{Thread: c.about.N, By: c.agent, Force: r.supervises(c.agent), Reason: dispatch.ByAgent}
	if err := r.decide(in, nil); err != nil {
		return "", r.why(err, c)
	}
	return c.about.label() + " is closed.", nil
}

func (r *Relay) transfer(c *call) (string, error) {
	in := dispatch.Transfer{Thread: c.about.N, By: c.agent, To: c.mate, Force: r.supervises(c.agent)}
	if c.line != nil {
		in.Queue = c.line.name
	}
	u := &utterance{thread: c.about, customer: c.about.customer, words: &words{Body: c.text("why")}}
	if err := r.decide(in, u); err != nil {
		return "", r.why(err, c)
	}
	within := howLong(r.cfg.Times.HandOver)
	if c.mate == "" {
		return fmt.Sprintf("%s is offered to %s, one after the other, for %s. Until somebody takes it, it stays with its owner.", c.about.label(), c.line.title, within), nil
	}
	return fmt.Sprintf("%s is offered to %s for %s.%s Until it is taken, it stays with its owner.", c.about.label(), r.nameOf(c.mate), within, r.warn(c)), nil
}

// warn tells of a colleague who may not answer.
func (r *Relay) warn(c *call) string {
	if a, ok := r.desk.Agent(c.mate); ok && a.Avail != dispatch.Available {
		c.warned = true
		return " " + r.nameOf(c.mate) + " is " + availName(a.Avail) + "."
	}
	return ""
}

func (r *Relay) join(c *call) (string, error) {
	in := dispatch.Join{Thread: c.about.N, Agent: c.agent, By: c.agent, Force: r.supervises(c.agent)}
	if err := r.decide(in, nil); err != nil {
		return "", r.why(err, c)
	}
	return "", nil // what he is shown says it
}

func (r *Relay) add(c *call) (string, error) {
	in := dispatch.Join{Thread: c.about.N, Agent: c.mate, By: c.agent, Force: r.supervises(c.agent)}
	if err := r.decide(in, nil); err != nil {
		return "", r.why(err, c)
	}
	return r.nameOf(c.mate) + " may write to the customer, too." + r.warn(c), nil
}

func (r *Relay) leave(c *call) (string, error) {
	if err := r.decide(dispatch.Leave{Thread: c.about.N, Agent: c.agent}, nil); err != nil {
		return "", r.why(err, c)
	}
	return "You have left the conversation with " + c.about.label() + ".", nil
}

func (r *Relay) assign(c *call) (string, error) {
	if err := r.decide(dispatch.Assign{Thread: c.about.N, Agent: c.mate, By: c.agent}, nil); err != nil {
		return "", r.why(err, c)
	}
	return c.about.label() + " is with " + r.nameOf(c.mate) + " now." + r.warn(c), nil
}

// write begins a conversation with somebody who allowed it: he has written before, or his domain is in the config.
func (r *Relay) write(c *call) (string, error) {
	jid := stanza.JID(c.text("account"))
	cust := r.customerOf(jid)
	if cust == nil && !r.mayWriteTo(jid.Domain()) {
		return "", refuse("%s has not written yet, and front.write_to of the configuration does not name %s.", jid, jid.Domain())
	}
	if jid.Domain() == r.front.domain || jid.Domain() == r.back.domain {
		return "", refuse("%s is the desk itself.", jid)
	}
	v, text := judge(c.text("text"))
	if v != plain || text == "" {
		return "", misused("that is nothing to send to a customer.")
	}
	known := cust != nil
	if !known {
		cust = r.newCustomer(jid)
	}
	t := r.thread(cust.Threads[c.line.name])
	in := dispatch.AgentSaid{Agent: c.agent, Queue: c.line.name, Customer: cust.N, Self: r.selfOf(cust)}
	if t != nil {
		in.Thread, in.Saved = t.N, t.Saved
	}
	w := &words{Body: text}
	if err := r.decide(in, &utterance{thread: t, customer: cust, words: w}); err != nil {
		if c.about = t; t == nil {
			return "", refuse("%s", r.explain(err, &thread{Queue: c.line.name, customer: cust}))
		}
		return "", r.why(err, c)
	}
	if !known {
		r.enrol(cust)
	}
	t = r.thread(cust.Threads[c.line.name])
	r.note(store.Agents, t.archive, &entry{kind: kindTold, own: own{Thread: t.N, To: c.agent},
		words: &words{Body: "You wrote to " + string(jid) + ": " + w.Body + "\nWhat you write here goes on to the customer."}})
	return "Sent. Go on in the chat with " + string(t.contact.Bare()) + ".", nil
}

func (r *Relay) mayWriteTo(domain string) bool {
	for _, d := range r.cfg.Front.WriteTo {
		if d == domain {
			return true
		}
	}
	return false
}

// ask brings a question about a thread into its case room, and calls those who may know the answer.
func (r *Relay) ask(c *call) (string, error) {
	t := c.about
	whom := r.consulted(c)
	if len(whom) == 0 {
		return "", refuse("nobody who could be asked is there. The case room is %s.", r.caseJID(t))
	}
	if _, open := r.desk.Thread(t.N); !open {
		whom = slices.DeleteFunc(whom, func(a string) bool { return !r.maySee(a, t) })
		if len(whom) == 0 {
			return "", refuse("the conversation is closed: only who sees it anyway can be asked about it.")
		}
	}
	r.decide(dispatch.Active{Agent: c.agent}, nil)
	r.consult(t, whom)
	r.host(t)
	var names []string
	for _, a := range whom {
		names = append(names, r.nameOf(a))
	}
	question := strings.Join(strings.FieldsFunc(c.text("question"), lineBreak), " ")
	text := fmt.Sprintf("%s: %s asks about %s: %s", strings.Join(names, ", "), r.nameOf(c.agent), t.label(), question)
	r.rooming(r.rooms.Say(r.now, caseLocal(t.N), text, r.ids.of(r.next)))
	reason := fmt.Sprintf("%s asks about %s: %s", r.nameOf(c.agent), t.label(), question)
	for _, a := range append(whom, c.agent) {
		r.callIn(t, a, reason)
	}
	return fmt.Sprintf("%s asked in %s, where the customer hears nothing. You are invited, too.", strings.Join(names, ", ")+plural(len(names), " is", " are"), r.caseJID(t)), nil
}

// maxConsulted bounds who is called at once; maxAdmitted, who may see a thread because he was asked about it.
const (
	maxConsulted = 10
	maxAdmitted  = 50
)

// consult lets those see a thread who are asked about it, until the conversation is closed.
func (r *Relay) consult(t *thread, whom []string) {
	for _, a := range whom {
		if _, open := r.desk.Thread(t.N); open && !r.maySee(a, t) && len(t.Consulted) < maxAdmitted {
			t.Consulted = append(slices.Clone(t.Consulted), a)
			r.saveThread(t)
			r.rehost(t)
		}
	}
}

// consulted are the colleagues whom a question goes to: who is named, or who is there of a queue, at most maxConsulted.
func (r *Relay) consulted(c *call) []string {
	if c.mate != "" {
		if c.mate == c.agent {
			return nil
		}
		return []string{c.mate}
	}
	q := c.line
	if q == nil {
		q = r.queues[c.about.Queue]
	}
	var all []string
	for _, a := range r.desk.Agents() {
		fit := q != nil && q.agents[a.ID] || c.line == nil && r.supervises(a.ID)
		if fit && !a.Bot && a.ID != c.agent && a.Avail == dispatch.Available && !r.quiet(a.ID, quietAsked) && len(all) < maxConsulted {
			all = append(all, a.ID)
		}
	}
	return all
}

// callIn invites somebody into a thread's case room, unless he is in it.
func (r *Relay) callIn(t *thread, agent, reason string) {
	if len(r.rooms.Sessions(caseLocal(t.N), stanza.JID(agent))) == 0 {
		r.rooming(r.rooms.Invite(caseLocal(t.N), stanza.JID(agent), r.deskJID(), reason))
	}
}

func (r *Relay) oversee(c *call) (string, error) {
	r.host(c.about)
	r.callIn(c.about, c.agent, "You wanted to watch "+c.about.label()+".")
	return "You are invited into " + string(r.caseJID(c.about)) + ", where " + c.about.label() + " is shown as it goes on. Nobody else is told.", nil
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// supervises reports whether somebody is a supervisor or an admin.
func (r *Relay) supervises(agent string) bool {
	return rankOf(r.roleOf(agent)) >= rankOf(config.Supervisor)
}
