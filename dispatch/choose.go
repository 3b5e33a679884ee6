package dispatch

import (
	"slices"
	"time"
)

// sooner tells which of two threads of perhaps two queues is served first.
func (t *thread) sooner(u *thread) bool {
	if a, b := t.queue.priority, u.queue.priority; a != b {
		return a > b
	}
	return t.before(u)
}

// serve gives who waits to who is free, first come first served over all queues of one priority.
//
// After the last settle nobody in line could be served. So only two sorts of threads
// can be now: the fresh ones, and those of queues in which somebody became free. One walk in
// order is enough, as an assignment never makes anybody else eligible; it ends
// when all who became free are full again, or asked.
func (d *Desk) serve(chance Chance) {
	fresh := d.fresh
	slices.SortFunc(fresh, func(a, b *thread) int {
		switch {
		case a.sooner(b):
			return -1
		case b.sooner(a):
			return 1
		}
		return 0
	})
	walks := d.walks()
	for {
		var t *thread
		if len(fresh) > 0 {
			t = fresh[0]
		}
		var from *queue
		for _, q := range walks {
			if q.head != nil && (t == nil || q.head.sooner(t)) && d.walksOn(q) {
				t, from = q.head, q
			}
		}
		switch {
		case t == nil:
			return
		case from != nil:
			from.head = from.line.after(t)
		default:
			fresh = fresh[1:]
		}
		switch {
		case d.threads[t.N] != t: // closed in this step
		case d.toBot(t, chance):
		case t.queue.mode != Push && t.Owner == "" && t.queue.free > 0 && !t.queue.closed():
			d.announce(t, chance)
		case t.queue.mode == Push:
			if f, ok := d.choose(t, chance); ok {
				d.emit(f)
			}
		}
	}
}

// walksOn tells that one who became free may still be given, or asked, something of a queue: where one after the other is
// asked, nobody is asked of two.
func (d *Desk) walksOn(q *queue) bool {
	if q.woken == 0 || q.mode != OfferOne {
		return q.woken > 0
	}
	return slices.ContainsFunc(d.woken, func(a *agent) bool { return a.free && a.asked == 0 && a.of(q) })
}

// walks returns the queues where somebody became free, each with its cursor at the head of the line.
func (d *Desk) walks() []*queue {
	var walks []*queue
	for _, a := range d.woken {
		for _, q := range a.queues {
			if q.woken > 0 && !slices.Contains(walks, q) {
				q.head = q.line.first()
				walks = append(walks, q)
			}
		}
	}
	return walks
}

// choose decides who gets a thread: who had it last, else one of the eligible by lot.
func (d *Desk) choose(t *thread, chance Chance) (Fact, bool) {
	if t.Owner != "" || t.queue.free == 0 || t.queue.closed() {
		return Fact{}, false
	}
	now := d.deskTime(d.clock)
	f := Fact{Kind: Assigned, Thread: t.N, Conversation: t.Conversation, From: t.Last, Until: d.clock.Add(d.cfg.AnswerWithin)}
	if d.cfg.Gap > 0 {
		f.Rest = d.clock.Add(d.cfg.Gap)
	}
	if a := d.agents[t.Last]; a != nil && !a.bot && d.sticks(t) && a.of(t.queue) && a.bar(t, now) == "" {
		f.Agent, f.Reason = a.id, SameAgent
		f.Others = d.others(t, now, a)
		return f, true
	}
	candidates := t.candidates(now)
	if len(candidates) == 0 {
		return Fact{}, false
	}
	f.pick(t.queue, candidates, chance)
	f.Others = d.others(t, now, nil)
	return f, true
}

// toBot gives a conversation that no bot has had to one of its queue, by lot.
func (d *Desk) toBot(t *thread, chance Chance) bool {
	if t.botted || t.Owner != "" || t.queue.closed() {
		return false
	}
	var candidates []*agent
	now := d.deskTime(d.clock)
	for _, a := range t.queue.agents {
		if a.bot && a.bar(t, now) == "" {
			candidates = append(candidates, a)
		}
	}
	if len(candidates) == 0 {
		return false
	}
	d.withdraw(t, "")
	f := Fact{Kind: Assigned, Thread: t.N, Conversation: t.Conversation, From: t.Last, Until: d.clock.Add(d.cfg.AnswerWithin)}
	for _, a := range candidates {
		f.Candidates = append(f.Candidates, a.id)
	}
	if len(candidates) > 1 {
		f.Draw = chance.IntN(len(candidates))
	}
	f.Agent, f.Reason = f.Candidates[f.Draw], ByBot
	d.emit(f)
	return true
}

// sticks tells that who had the thread last comes first.
func (d *Desk) sticks(t *thread) bool {
	s := t.queue.sticky
	return s == 0 || s > 0 && (t.Ended.IsZero() || !d.clock.After(t.Ended.Add(s)))
}

// candidates are those to whom the machine may give the thread, or offer it, in the order of ID: of the lowest level and
// with the skills that are wanted, if there is anybody. Where one after the other is asked, nobody is asked of two.
func (t *thread) candidates(now time.Time) []*agent {
	var all []*agent
	shortest := time.Duration(0)
	for _, a := range t.queue.agents {
		if a.bot || a.bar(t, now) != "" || t.asks(a.id) || t.queue.mode == OfferOne && a.asked > 0 {
			continue
		}
		w := t.wait(a)
		if t.queue.mode == OfferAll {
			w = 0 // all who could
		}
		if len(all) > 0 && w < shortest {
			all = all[:0]
		}
		if len(all) == 0 || w == shortest {
			all, shortest = append(all, a), w
		}
	}
	return all
}

// pick takes one of the candidates as the queue wants it.
func (f *Fact) pick(q *queue, candidates []*agent, chance Chance) {
	for _, a := range candidates {
		f.Candidates = append(f.Candidates, a.id)
	}
	if len(candidates) > 1 { // one needs no choice
		f.Draw = strategies[q.strategy](q, candidates, chance)
	}
	f.Agent, f.Reason = f.Candidates[f.Draw], Reason(q.strategy)
}

// bar is why the machine may not give a thread to an agent of its queue; "" where it may.
func (a *agent) bar(t *thread, now time.Time) Bar {
	switch {
	case !a.known || a.avail == Offline:
		return IsOffline
	case a.avail == Away && a.missed:
		return IsMissing
	case a.avail == Away:
		return IsAway
	case !t.held.IsZero():
		return IsHeld
	case a.id == t.Self:
		return IsHimself
	case a.load() >= a.most():
		return IsFull
	case !a.free:
		return IsResting
	case t.cooling(a.id, now):
		return IsCooling
	case now.Sub(t.queued) < t.wait(a):
		return IsLater
	}
	return ""
}

// Barred tells of a conversation that waits why the machine gives it to nobody: of each agent of the queue who is no bot, at
// most 32, what he is barred by, in the order of ID. Who is asked to take it is left out.
func (d *Desk) Barred(n uint64) []Other {
	t := d.threads[n]
	if t == nil || t.Owner != "" {
		return nil
	}
	return d.others(t, d.deskTime(d.clock), nil)
}

// others tells why the rest of the queue's agents were no candidates, chosen apart.
func (d *Desk) others(t *thread, now time.Time, chosen *agent) []Other {
	var all []Other
	for _, a := range t.queue.agents {
		if a.bot {
			continue
		}
		why := a.bar(t, now)
		if why == "" && chosen != nil && a != chosen {
			why = IsNotLast
		}
		if why == "" {
			continue
		}
		if len(all) == maxOthers {
			break
		}
		all = append(all, Other{a.id, why})
	}
	return all
}
