package dispatch

import (
	"slices"
	"time"
)

// seek is a transfer under way: the conversation stays its owner's while somebody else is asked to take it.
type seek struct {
	by     string    // who wants it
	to     string    // the only one to be asked; "": whoever is of the queue, one after the other
	queue  string    // that serves the conversation then
	until  time.Time // desk time: then it stays where it is
	asked  string    // who is asked now, "" nobody
	answer time.Time // desk time: his time-out
}

// asks tells that the thread is offered to an agent.
func (t *thread) asks(id string) bool { return t.seek != nil && t.seek.asked == id && id != "" }

// next is when the clock does something to the transfer.
func (s *seek) next(t *thread, now time.Time) time.Time {
	at := s.until
	if s.asked != "" {
		if s.answer.Before(at) {
			at = s.answer
		}
	} else if c := t.cooled(now); !c.IsZero() && c.Before(at) {
		at = c // somebody may be asked again
	}
	return at
}

func (d *Desk) transfer(in Transfer) error {
	t, err := d.owned(in.By, in.Thread, in.Force)
	if err != nil {
		return err
	}
	if t.Owner == "" {
		return ErrWaiting
	}
	f := Fact{Kind: Sought, Thread: t.N, Conversation: t.Conversation, Agent: t.Owner, By: in.By, Until: d.clock.Add(d.cfg.HandOver)}
	if in.To != "" {
		q, err := d.mayAsk(in.To, t)
		if err != nil {
			return err
		}
		f.To, f.Queue = in.To, q.name
	} else {
		q := d.queues[in.Queue]
		switch {
		case q == nil || !q.known:
			return ErrUnknownQueue
		case q.closed():
			return ErrShut
		}
		f.Queue = q.name
	}
	d.withdraw(t)
	d.emit(f)
	if f.To != "" {
		d.emit(d.offer(t, f.To))
	}
	return nil
}

// mayAsk tells whether an agent may be asked by hand, and which queue serves the thread if he takes it.
func (d *Desk) mayAsk(id string, t *thread) (*queue, error) {
	a := d.agents[id]
	switch {
	case a == nil || !a.known || len(a.queues) == 0:
		return nil, ErrNotAgent
	case a.id == t.Owner:
		return nil, ErrOwner
	case a.id == t.Self:
		return nil, ErrSelf
	case a.gone():
		return nil, ErrGone
	case a.of(t.queue):
		return t.queue, nil
	case a.of(d.queues[t.Queue]):
		return d.queues[t.Queue], nil
	}
	return slices.MinFunc(a.queues, func(x, y *queue) int {
		if x.name < y.name {
			return -1
		}
		return 1
	}), nil
}

// offer asks an agent, until his time-out or the end of all asking.
func (d *Desk) offer(t *thread, id string) Fact {
	within := d.cfg.AnswerWithin
	if t.seek.to != "" {
		within = d.cfg.HandOver
	}
	if left := t.seek.until.Sub(d.deskTime(d.clock)); left < within {
		within = left
	}
	return Fact{Kind: Offered, Thread: t.N, Conversation: t.Conversation, Agent: id, From: t.Owner, By: t.seek.by, Until: d.clock.Add(within)}
}

// seekOn asks the next one for every transfer to a queue that waits for somebody to be free.
func (d *Desk) seekOn(chance Chance) {
	for _, t := range slices.Clone(d.seeking) {
		q := d.queues[t.seek.queue]
		if q.free == 0 || q.closed() {
			continue
		}
		now := d.deskTime(d.clock)
		var candidates []*agent
		for _, a := range q.agents {
			if a.asked == 0 && a.id != t.Owner && a.free && a.id != t.Self && !t.cooling(a.id, now) {
				candidates = append(candidates, a)
			}
		}
		if len(candidates) == 0 {
			continue
		}
		var drawn Fact
		drawn.pick(q, candidates, chance)
		f := d.offer(t, drawn.Agent)
		f.Candidates, f.Draw = drawn.Candidates, drawn.Draw
		d.emit(f)
	}
}

// accept gives the thread to who is asked, by his own hand.
func (d *Desk) accept(a *agent, t *thread) {
	queue := t.seek.queue
	d.emit(Fact{Kind: Released, Thread: t.N, Conversation: t.Conversation, Agent: t.Owner, Reason: Transferred})
	f := Fact{Kind: Assigned, Thread: t.N, Conversation: t.Conversation, Agent: a.id, From: t.Last, Reason: Transferred}
	if queue != t.Served() {
		f.Queue = queue
	}
	d.emit(f)
}

// refuse ends an offer. Who alone was to be asked has answered for the whole transfer.
func (d *Desk) refuse(t *thread, why Reason) {
	f := Fact{Kind: Refused, Thread: t.N, Conversation: t.Conversation, Agent: t.seek.asked, Reason: why}
	switch why {
	case Passed, Missed, Bounced:
		f.Until = d.clock.Add(d.cfg.CoolDown)
	}
	alone := t.seek.to != ""
	d.emit(f)
	if alone {
		d.stay(t, why)
	}
}

// stay ends a transfer that nobody accepted: the owner keeps the conversation, and has to answer again if he had not.
func (d *Desk) stay(t *thread, why Reason) {
	if t.seek.asked != "" {
		d.emit(Fact{Kind: Refused, Thread: t.N, Conversation: t.Conversation, Agent: t.seek.asked, Reason: Withdrawn})
	}
	f := Fact{Kind: Stayed, Thread: t.N, Conversation: t.Conversation, Agent: t.Owner, Reason: why}
	if !t.Answered {
		f.Until = d.clock.Add(d.cfg.AnswerWithin)
	}
	d.emit(f)
}

// withdraw ends a transfer because the conversation goes another way.
func (d *Desk) withdraw(t *thread) {
	if t.seek != nil {
		d.stay(t, Withdrawn)
	}
}

func (d *Desk) applySeek(t *thread, f *Fact) error {
	s := t.seek
	switch {
	case f.Agent == "":
		return errNobody
	case (s == nil) != (f.Kind == Sought):
		return errSought
	}
	switch f.Kind {
	case Sought:
		switch {
		case f.Agent != t.Owner:
			return errOwner
		case f.Queue == "":
			return errQueue
		case f.Until.IsZero():
			return errValue
		}
		t.seek = &seek{by: f.By, to: f.To, queue: f.Queue, until: d.until(f)}
		t.until = time.Time{} // he has dealt with it
		if d.queue(f.Queue); f.To == "" {
			d.seeking = append(d.seeking, t)
		}
	case Offered:
		if s.asked != "" || f.Agent == t.Owner || f.Agent == t.Self || s.to != "" && s.to != f.Agent || !drawn(f) {
			return errAsked
		}
		s.asked, s.answer = f.Agent, d.until(f)
		d.notSeeking(t)
		d.askedFor(f.Agent, 1, f.At)
	case Refused:
		if s.asked != f.Agent {
			return errAsked
		}
		s.asked, s.answer = "", time.Time{}
		d.chill(t, f)
		if d.askedFor(f.Agent, -1, f.At); s.to == "" {
			d.seeking = append(d.seeking, t)
		}
	case Stayed:
		if s.asked != "" || f.Agent != t.Owner {
			return errAsked
		}
		d.endSeek(t, f.At)
		t.until = d.until(f)
	}
	d.retime(t, d.deskTime(f.At))
	return nil
}

// drawn tells that a fact's draw, if there was one, is its agent.
func drawn(f *Fact) bool {
	return len(f.Candidates) == 0 || f.Draw >= 0 && f.Draw < len(f.Candidates) && f.Candidates[f.Draw] == f.Agent
}

// endSeek forgets a transfer, whatever came of it.
func (d *Desk) endSeek(t *thread, at time.Time) {
	s := t.seek
	if s == nil {
		return
	}
	d.notSeeking(t)
	t.seek = nil
	if s.asked != "" {
		d.askedFor(s.asked, -1, at)
	}
}

func (d *Desk) notSeeking(t *thread) {
	d.seeking = slices.DeleteFunc(d.seeking, func(x *thread) bool { return x == t })
}

func (d *Desk) askedFor(id string, by int, at time.Time) {
	a := d.agent(id)
	a.asked += by
	d.refresh(a, at)
}

// Asked returns who is asked to take a conversation, and by whom that is wanted; "" for nobody.
func (d *Desk) Asked(n uint64) (agent, by string) {
	if t := d.threads[n]; t != nil && t.seek != nil {
		return t.seek.asked, t.seek.by
	}
	return "", ""
}
