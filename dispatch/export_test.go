package dispatch

import (
	"fmt"
	"slices"
)

// Check recomputes from the state everything that follows from it, and compares.
func (d *Desk) Check() error {
	waiting, timers := 0, 0
	for _, q := range d.queues {
		n, err := d.checkLine(&q.line, "", q)
		if err != nil {
			return err
		}
		waiting += n
		there, free := 0, 0
		for _, a := range q.agents {
			if a.avail >= Away && !a.bot {
				there++
			}
			if a.free && !a.bot {
				free++
			}
		}
		if q.there != there || q.free != free || q.woken != 0 {
			return fmt.Errorf("queue %s: there %d, free %d, woken %d; want %d, %d, 0", q.name, q.there, q.free, q.woken, there, free)
		}
	}
	asked, seeking := map[string]int{}, 0
	for _, t := range d.threads {
		for _, a := range t.asked {
			asked[a.agent]++
		}
		switch s := t.seek; {
		case s == nil:
		case t.Owner == "":
			return fmt.Errorf("thread %d has a transfer and no owner", t.N)
		case len(t.asked) > 0:
		case s.to != "" || !slices.Contains(d.seeking, t):
			return fmt.Errorf("thread %d: nobody is asked", t.N)
		default:
			seeking++
		}
	}
	if seeking != len(d.seeking) {
		return fmt.Errorf("%d threads seek, want %d", len(d.seeking), seeking)
	}
	owned := 0
	for _, a := range d.agents {
		n, err := d.checkLine(&a.owned, a.id, nil)
		if err != nil {
			return err
		}
		owned += n
		if a.avail != a.considered() || a.free != (a.known && a.avail == Available && n+asked[a.id] < a.most() && a.rest.pos == 0) || a.asked != asked[a.id] {
			return fmt.Errorf("agent %s: availability %d, free %v do not follow", a.id, a.avail, a.free)
		}
		for _, tm := range []*timer{&a.grace, &a.back, &a.rest} {
			if tm.pos > 0 {
				timers++
			}
		}
	}
	if waiting != d.waiting || waiting+owned != len(d.threads) {
		return fmt.Errorf("%d wait and %d are owned of %d; counted %d", waiting, owned, len(d.threads), d.waiting)
	}
	for _, t := range d.threads {
		if t.clock.pos > 0 {
			timers++
		}
	}
	return d.checkTimers(timers)
}

func (d *Desk) checkLine(l *line, owner string, q *queue) (int, error) {
	n := 0
	var prev *thread
	for t := range l.all() {
		n++
		if t.Owner != owner || q != nil && t.queue != q || d.threads[t.N] != t {
			return 0, fmt.Errorf("thread %d is in a line that is not its own", t.N)
		}
		if prev != nil && !prev.before(t) || l.rank(t) != n {
			return 0, fmt.Errorf("thread %d is out of order", t.N)
		}
		if t.size != 1+t.left.count()+t.right.count() {
			return 0, fmt.Errorf("thread %d: wrong size", t.N)
		}
		for _, c := range []*thread{t.left, t.right} {
			if c != nil && c.weight() > t.weight() {
				return 0, fmt.Errorf("thread %d is below a lighter one", c.N)
			}
		}
		prev = t
	}
	if n != l.len() {
		return 0, fmt.Errorf("a line of %d says %d", n, l.len())
	}
	return n, nil
}

func (d *Desk) checkTimers(want int) error {
	if len(d.timers) != want {
		return fmt.Errorf("%d timers run, want %d", len(d.timers), want)
	}
	for i, tm := range d.timers {
		if tm.pos != i+1 || tm.at.IsZero() {
			return fmt.Errorf("timer %d thinks it is at %d", i+1, tm.pos)
		}
	}
	h := append(timers(nil), d.timers...)
	for i := range h {
		if l := 2*i + 1; l < len(h) && h.Less(l, i) || 2*i+2 < len(h) && h.Less(2*i+2, i) {
			return fmt.Errorf("the heap is none at %d", i)
		}
	}
	if len(d.fresh)+len(d.woken) != 0 {
		return fmt.Errorf("settle left %d fresh and %d woken", len(d.fresh), len(d.woken))
	}
	return nil
}
