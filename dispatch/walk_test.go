package dispatch

import (
	"strconv"
	"testing"
	"time"
)

// TestWalkEnds: who is asked of one of a long line has nobody look at the rest of it.
func TestWalkEnds(t *testing.T) {
	t.Parallel()
	for _, mode := range []Mode{Push, OfferOne, OfferAll} {
		c := Config{Queues: []Queue{{Name: "q", Mode: mode}}}
		for i := range 20 {
			id := strconv.Itoa(i)
			c.Agents = append(c.Agents, Agent{ID: id, Capacity: 2})
			c.Queues[0].Agents = append(c.Queues[0].Agents, id)
		}
		d := New(c)
		now := time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)
		step := func(in Input) {
			now = now.Add(time.Millisecond)
			if _, err := d.Step(now, first{}, in); err != nil {
				t.Fatal(err)
			}
		}
		step(DeskUp{})
		for i := range 500 {
			step(CustomerSaid{Queue: "q", Customer: uint64(i + 1)})
		}
		for _, a := range c.Agents {
			step(Sessions{Agent: a.ID, Sessions: []Session{{Room: Online}}})
		}
		q := d.queues["q"]
		q.head = nil
		if own := d.Of("0"); mode == Push {
			step(Close{Thread: own[0].N, By: "0"})
		} else {
			var n uint64
			for t := range q.line.all() {
				if t.asks("0") {
					n = t.N
				}
			}
			step(Pass{Thread: n, Agent: "0"})
		}
		if q.head == nil || q.line.rank(q.head) > 50 {
			t.Errorf("mode %d: after one became free the line was walked beyond its 50th", mode)
		}
	}
}

// first is always the first.
type first struct{}

func (first) IntN(int) int { return 0 }
