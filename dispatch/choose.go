package dispatch

import (
	"slices"
	"time"
)

// serve gives who waits to who is free, first come first served over all queues.
//
// After the last settle nobody in line could be served. So only two sorts of threads
// can be now: the fresh ones, and those of queues in which somebody became free. One walk in
// order is enough, as an assignment never makes anybody else eligible; it ends
// when all who became free are full again.
func (d *Desk) serve(chance Chance) {
	fresh := d.fresh
	slices.SortFunc(fresh, func(a, b *thread) int {
		switch {
		case a.before(b):
			return -1
		case b.before(a):
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
			if q.woken > 0 && q.head != nil && (t == nil || q.head.before(t)) {
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
		if f, ok := d.choose(t, chance); ok {
			d.emit(f)
		}
	}
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
	if t.Owner != "" || t.queue.free == 0 || t.queue.shut {
		return Fact{}, false
	}
	now := d.deskTime(d.clock)
	f := Fact{Kind: Assigned, Thread: t.N, Conversation: t.Conversation, From: t.Last, Until: d.clock.Add(d.cfg.AnswerWithin)}
	if a := d.agents[t.Last]; a != nil && a.of(t.queue) && a.bar(t, now) == "" {
		f.Agent, f.Reason = a.id, SameAgent
		f.Others = d.others(t, now, a)
		return f, true
	}
	for _, a := range t.queue.agents {
		if a.bar(t, now) == "" {
			f.Candidates = append(f.Candidates, a.id)
		}
	}
	if len(f.Candidates) == 0 {
		return Fact{}, false
	}
	f.draw(chance)
	f.Others = d.others(t, now, nil)
	f.Reason = Random
	return f, true
}

// draw takes one of the candidates by lot.
func (f *Fact) draw(chance Chance) {
	if n := len(f.Candidates); n > 1 { // one needs no chance
		f.Draw = chance.IntN(n)
	}
	f.Agent = f.Candidates[f.Draw]
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
	case a.id == t.Self:
		return IsHimself
	case !a.free:
		return IsFull
	case t.cooling(a.id, now):
		return IsCooling
	}
	return ""
}

// others tells why the rest of the queue's agents were no candidates, chosen apart.
func (d *Desk) others(t *thread, now time.Time, chosen *agent) []Other {
	var all []Other
	for _, a := range t.queue.agents {
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
