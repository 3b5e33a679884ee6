package dispatch

import (
	"slices"
	"time"
)

// seek is a transfer under way: the conversation stays its owner's while somebody else is asked to take it.
type seek struct {
	by    string    // who wants it
	to    string    // the only one to be asked; "": whoever is of the queue, one after the other
	queue string    // that serves the conversation then
	until time.Time // desk time: then it stays where it is
}

// next is when the clock does something to the transfer, beside the time-out of who is asked.
func (s *seek) next(t *thread, now time.Time) time.Time {
	at := s.until
	if c := t.cooled(now); len(t.asked) == 0 && !c.IsZero() && c.Before(at) {
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
	d.withdraw(t, "")
	if d.agents[t.Owner].bot && f.To == "" { // it does not stay with a program until somebody is free
		d.release(t, Transferred)
		if f.Queue != t.queue.name {
			d.emit(Fact{Kind: Moved, Thread: t.N, Conversation: t.Conversation, Queue: f.Queue, Reason: Transferred})
		}
		return nil
	}
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
			if !a.bot && a.asked == 0 && a.id != t.Owner && a.free && a.id != t.Self && !t.cooling(a.id, now) {
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

// stay ends a transfer that nobody accepted: the owner keeps the conversation, and has to answer again if he had not.
func (d *Desk) stay(t *thread, why Reason) {
	for _, a := range t.asked {
		d.emit(Fact{Kind: Refused, Thread: t.N, Conversation: t.Conversation, Agent: a.agent, Reason: Withdrawn})
	}
	f := Fact{Kind: Stayed, Thread: t.N, Conversation: t.Conversation, Agent: t.Owner, Reason: why}
	if !t.Answered {
		f.Until = d.clock.Add(d.cfg.AnswerWithin)
	}
	d.emit(f)
}

func (d *Desk) applySought(t *thread, f *Fact) error {
	switch {
	case t.seek != nil:
		return errSought
	case f.Agent == "" || f.Agent != t.Owner:
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
	d.retime(t, d.deskTime(f.At))
	return nil
}

func (d *Desk) applyStayed(t *thread, f *Fact) error {
	switch {
	case t.seek == nil:
		return errSought
	case len(t.asked) > 0 || f.Agent != t.Owner:
		return errAsked
	}
	d.endSeek(t, f.At)
	t.until = d.until(f)
	d.retime(t, d.deskTime(f.At))
	return nil
}

// endSeek forgets a transfer and all offers, whatever came of it.
func (d *Desk) endSeek(t *thread, at time.Time) {
	if t.seek != nil {
		d.notSeeking(t)
		t.seek = nil
	}
	d.endAsks(t, at)
}

func (d *Desk) notSeeking(t *thread) {
	if t.seek != nil {
		d.seeking = slices.DeleteFunc(d.seeking, func(x *thread) bool { return x == t })
	}
}

// SoughtBy returns who wants a conversation to be somebody else's, "" where nobody does.
func (d *Desk) SoughtBy(n uint64) string {
	if t := d.threads[n]; t != nil && t.seek != nil {
		return t.seek.by
	}
	return ""
}
