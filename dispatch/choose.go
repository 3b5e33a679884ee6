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
	if t.Owner != "" || t.queue.free == 0 {
		return Fact{}, false
	}
	now := d.deskTime(d.clock)
	f := Fact{Kind: Assigned, Thread: t.N, Conversation: t.Conversation, From: t.Last, Until: d.clock.Add(d.cfg.AnswerWithin)}
	if a := d.agents[t.Last]; a != nil && eligible(a, t, now) {
		f.Agent, f.Reason = a.id, SameAgent
		return f, true
	}
	for _, a := range t.queue.agents {
		if eligible(a, t, now) {
			f.Candidates = append(f.Candidates, a.id)
		}
	}
	switch n := len(f.Candidates); n {
	case 0:
		return Fact{}, false
	case 1: // no need of chance
	default:
		f.Draw = chance.IntN(n)
	}
	f.Agent, f.Reason = f.Candidates[f.Draw], Random
	return f, true
}

// eligible tells that the machine may give a thread to an agent.
func eligible(a *agent, t *thread, now time.Time) bool {
	return a.free && a.id != t.Self && a.of(t.queue) && t.cooled(a.id, now)
}
