package dispatch

import (
	"slices"
	"time"
)

// ask is an agent who is asked whether he takes a conversation: in a transfer, at most one at a time; one that waits in a
// queue of mode OfferOne likewise, in one of OfferAll everybody who could.
type ask struct {
	agent string
	until time.Time // desk time: his time-out
}

// asks tells that the thread is offered to an agent.
func (t *thread) asks(id string) bool {
	return slices.ContainsFunc(t.asked, func(a ask) bool { return a.agent == id })
}

// unanswered is when the first of those who are asked is not any more; zero for nobody.
func (t *thread) unanswered() time.Time {
	var at time.Time
	for _, a := range t.asked {
		if at.IsZero() || a.until.Before(at) {
			at = a.until
		}
	}
	return at
}

// announce offers a thread that waits to those who could serve it, as its queue wants.
func (d *Desk) announce(t *thread, chance Chance) {
	if t.queue.mode == OfferOne && len(t.asked) > 0 {
		return
	}
	now := d.deskTime(d.clock)
	candidates := t.candidates(now)
	if len(candidates) == 0 {
		return
	}
	if t.queue.mode == OfferAll {
		for _, a := range candidates {
			d.emit(Fact{Kind: Offered, Thread: t.N, Conversation: t.Conversation, Agent: a.id, Reason: Reason(t.queue.strategy), Until: d.clock.Add(d.cfg.AnswerWithin)})
		}
		return
	}
	f := Fact{Kind: Offered, Thread: t.N, Conversation: t.Conversation, Until: d.clock.Add(d.cfg.AnswerWithin)}
	if last := slices.IndexFunc(candidates, func(a *agent) bool { return a.id == t.Last }); last >= 0 && d.sticks(t) {
		f.Agent, f.Reason = t.Last, SameAgent
	} else {
		f.pick(t.queue, candidates, chance)
	}
	d.emit(f)
}

// refuse ends an offer. In a transfer to one alone he has answered for the whole of it.
func (d *Desk) refuse(t *thread, id string, why Reason) {
	f := Fact{Kind: Refused, Thread: t.N, Conversation: t.Conversation, Agent: id, Reason: why}
	switch why {
	case Passed, Missed, Bounced:
		f.Until = d.clock.Add(d.cfg.CoolDown)
	}
	alone := t.seek != nil && t.seek.to != ""
	d.emit(f)
	if alone {
		d.stay(t, why)
	}
}

// withdraw ends all offers of a thread, and its transfer, because it goes another way: to the agent but, or to nobody of
// those.
func (d *Desk) withdraw(t *thread, but string) {
	if t.seek != nil {
		d.stay(t, Withdrawn)
		return
	}
	for _, a := range slices.Clone(t.asked) {
		if a.agent != but {
			d.refuse(t, a.agent, Withdrawn)
		}
	}
}

func (d *Desk) applyOffered(t *thread, f *Fact) error {
	s := t.seek
	switch {
	case f.Agent == "":
		return errNobody
	case s == nil && t.Owner != "":
		return errSought
	case t.asks(f.Agent), f.Agent == t.Owner, f.Agent == t.Self, !drawn(f), s != nil && (len(t.asked) > 0 || s.to != "" && s.to != f.Agent):
		return errAsked
	}
	t.asked = append(slices.Clone(t.asked), ask{d.agent(f.Agent).id, d.until(f)})
	d.notSeeking(t)
	d.askedFor(f.Agent, 1, f.At)
	if len(f.Candidates) > 0 && s == nil {
		t.queue.last = f.Agent
	}
	d.retime(t, d.deskTime(f.At))
	return nil
}

func (d *Desk) applyRefused(t *thread, f *Fact) error {
	if !t.asks(f.Agent) {
		return errAsked
	}
	t.asked = slices.DeleteFunc(slices.Clone(t.asked), func(a ask) bool { return a.agent == f.Agent })
	d.chill(t, f)
	d.askedFor(f.Agent, -1, f.At)
	switch {
	case t.seek != nil && t.seek.to == "":
		d.seeking = append(d.seeking, t)
	case t.seek == nil && d.started && !d.paused:
		d.fresh = append(d.fresh, t)
	}
	d.retime(t, d.deskTime(f.At))
	return nil
}

// endAsks forgets all offers of a thread.
func (d *Desk) endAsks(t *thread, at time.Time) {
	asked := t.asked
	t.asked = nil
	for _, a := range asked {
		d.askedFor(a.agent, -1, at)
	}
}

// drawn tells that a fact's draw, if there was one, is its agent.
func drawn(f *Fact) bool {
	return len(f.Candidates) == 0 || f.Draw >= 0 && f.Draw < len(f.Candidates) && f.Candidates[f.Draw] == f.Agent
}

func (d *Desk) askedFor(id string, by int, at time.Time) {
	a := d.agent(id)
	a.asked += by
	if d.refresh(a, at); by < 0 && a.free {
		d.wake(a) // who is asked of one is not asked of another
		d.stirred = true
	}
}

// Asked returns who is asked to take a conversation, in the order in which they were.
func (d *Desk) Asked(n uint64) []string {
	t := d.threads[n]
	if t == nil || len(t.asked) == 0 {
		return nil
	}
	all := make([]string, len(t.asked))
	for i, a := range t.asked {
		all[i] = a.agent
	}
	return all
}

// Asks reports whether an agent is asked to take a conversation.
func (d *Desk) Asks(n uint64, agent string) bool {
	t := d.threads[n]
	return t != nil && t.asks(agent)
}
