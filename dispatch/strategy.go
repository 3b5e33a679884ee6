package dispatch

import "time"

// Strategy is how a queue picks one of those who could serve a customer. The strings are in files for ever, as reasons.
type Strategy string

const (
	ByLot       Strategy = "random"       // by lot; the default
	RoundRobin  Strategy = "round-robin"  // who comes next after the one who was given the last, in the order of ID
	LeastBusy   Strategy = "least-busy"   // the least part of his capacity in use, then who was given nothing for longest
	LongestIdle Strategy = "longest-idle" // who was given nothing for longest
)

// strategies declares them: each picks one of the candidates, who are in the order of ID and at least two. A tie is
// decided by lot, never by the order of accounts.
var strategies = map[Strategy]func(q *queue, candidates []*agent, chance Chance) int{
	ByLot: func(_ *queue, candidates []*agent, chance Chance) int { return chance.IntN(len(candidates)) },
	RoundRobin: func(q *queue, candidates []*agent, _ Chance) int {
		for i, a := range candidates {
			if a.id > q.last {
				return i
			}
		}
		return 0
	},
	LeastBusy: func(_ *queue, candidates []*agent, chance Chance) int {
		return least(candidates, chance, func(a, b *agent) int {
			// a's share is less than b's where a.load/a.most < b.load/b.most
			if x := a.load()*b.most() - b.load()*a.most(); x != 0 {
				return x
			}
			return a.given.Compare(b.given)
		})
	},
	LongestIdle: func(_ *queue, candidates []*agent, chance Chance) int {
		return least(candidates, chance, func(a, b *agent) int { return a.given.Compare(b.given) })
	},
}

// Known reports whether a strategy is one; "" is the default.
func (s Strategy) Known() bool { return s == "" || strategies[s] != nil }

// least returns the first of all candidates by an order, by lot among equals.
func least(candidates []*agent, chance Chance, compare func(a, b *agent) int) int {
	best := []int{0}
	for i := 1; i < len(candidates); i++ {
		switch c := compare(candidates[i], candidates[best[0]]); {
		case c < 0:
			best = append(best[:0], i)
		case c == 0:
			best = append(best, i)
		}
	}
	if len(best) == 1 {
		return best[0]
	}
	return best[chance.IntN(len(best))]
}

// load counts what an agent has and is asked to take.
func (a *agent) load() int { return a.owned.len() + a.asked }

// wait is how long a customer has to have waited before the machine gives him to an agent: who is of a higher level
// comes later, and so does who lacks a skill that is wanted.
func (t *thread) wait(a *agent) time.Duration {
	q := t.queue
	w := time.Duration(q.levels[a.id]) * q.levelWait
	if !a.can(t.Wants) {
		w = max(w, q.skillWait)
	}
	return w
}

// can tells that an agent has all of these skills.
func (a *agent) can(wanted string) bool {
	for wanted != "" {
		var one string
		one, wanted = cutSkill(wanted)
		if !a.skills[one] {
			return false
		}
	}
	return true
}

// cutSkill cuts the first of a list of skills, which are parted by blanks.
func cutSkill(s string) (first, rest string) {
	for i := range len(s) {
		if s[i] == ' ' {
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// later is when the machine may next give a waiting thread to somebody to whom it may not yet; zero for never.
func (t *thread) later(now time.Time) time.Time {
	q := t.queue
	if len(q.waits) == 0 && (t.Wants == "" || q.skillWait == 0) {
		return time.Time{}
	}
	var at time.Time
	for _, w := range append(q.waits[:len(q.waits):len(q.waits)], q.skillWait) {
		if x := t.queued.Add(w); w > 0 && x.After(now) && (at.IsZero() || x.Before(at)) {
			at = x
		}
	}
	return at
}
