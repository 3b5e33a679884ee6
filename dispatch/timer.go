package dispatch

import (
	"container/heap"
	"strings"
	"time"
)

// timer is the one next thing that the clock does to an agent or to a thread, in desk time.
type timer struct {
	at     time.Time
	agent  *agent  // his grace is over, or what he said for a time, or his rest
	thread *thread // the first of its times has come
	pos    int     // in the heap, from 1; 0 is out of it
}

// timers is a heap that knows where each timer is, so that it holds live ones only: at most three per agent and one per open thread.
type timers []*timer

// first returns the timer that is due next, or nil.
func (h timers) first() *timer {
	if len(h) == 0 {
		return nil
	}
	return h[0]
}

// set moves a timer; a zero time stops it.
func (h *timers) set(tm *timer, at time.Time) {
	running := tm.pos > 0
	switch {
	case at.IsZero() && running:
		heap.Remove(h, tm.pos-1)
		tm.at = at
	case at.IsZero():
	case running:
		tm.at = at
		heap.Fix(h, tm.pos-1)
	default:
		tm.at = at
		heap.Push(h, tm)
	}
}

func (h timers) Len() int { return len(h) }

// Less is a total order, so that equal times have one outcome: agents before
// threads, since who is gone did not miss an answer.
func (h timers) Less(i, j int) bool {
	a, b := h[i], h[j]
	if c := a.at.Compare(b.at); c != 0 {
		return c < 0
	}
	switch {
	case a.agent != nil && a.agent == b.agent:
		return a.rank() < b.rank()
	case a.agent != nil && b.agent != nil:
		return strings.Compare(a.agent.id, b.agent.id) < 0
	case a.agent != nil || b.agent != nil:
		return a.agent != nil
	}
	return a.thread.N < b.thread.N
}

// rank orders the timers of one agent.
func (tm *timer) rank() int {
	switch tm {
	case &tm.agent.grace:
		return 0
	case &tm.agent.back:
		return 1
	}
	return 2
}

func (h timers) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].pos, h[j].pos = i+1, j+1
}

// Push is for container/heap.
func (h *timers) Push(x any) {
	tm := x.(*timer)
	*h = append(*h, tm)
	tm.pos = len(*h)
}

// Pop is for container/heap.
func (h *timers) Pop() any {
	old := *h
	tm := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	tm.pos = 0
	return tm
}
