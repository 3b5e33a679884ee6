package dispatch_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	. "frontdesk/dispatch"
)

var strategies = []Strategy{ByLot, RoundRobin, LeastBusy, LongestIdle}

// nth is a source of chance that gives the same number where it can.
type nth int

func (k nth) IntN(n int) int { return int(k) % n }

// trio is three agents, a, b and c, of one queue, and what happened to them so far.
type trio struct {
	*run
	t      testing.TB
	chance Chance
}

func newTrio(t testing.TB, strategy Strategy, chance Chance, a, b, c int) *trio {
	cfg := Config{Queues: []Queue{{Name: "q", Agents: []string{"a", "b", "c"}, Strategy: strategy, Sticky: -1}}}
	for i, most := range []int{a, b, c} {
		cfg.Agents = append(cfg.Agents, Agent{ID: string(rune('a' + i)), Capacity: most})
	}
	x := &trio{run: newRun(cfg), t: t, chance: chance}
	x.now = opening
	x.do(DeskUp{})
	return x
}

func (x *trio) do(in Input) []Fact {
	x.t.Helper()
	facts, err := x.step(x.t, x.now.Add(time.Second), x.chance, in)
	if err != nil {
		x.t.Fatalf("%T: %v", in, err)
	}
	return facts
}

func (x *trio) here(ids ...string) {
	for _, id := range []string{"a", "b", "c"} {
		in := Sessions{Agent: id}
		if slices.Contains(ids, id) {
			in.Sessions = []Session{{Room: Online}}
		}
		x.do(in)
	}
}

// customer comes, and is answered by who is given him; it returns thread and agent.
func (x *trio) customer() (uint64, string) {
	x.t.Helper()
	facts := x.do(CustomerSaid{Queue: "q", Customer: x.w.next})
	f := facts[len(facts)-1]
	if f.Kind != Assigned {
		x.t.Fatalf("the last fact is %s", sentence(f))
	}
	x.do(AgentSaid{Agent: f.Agent, Thread: f.Thread})
	return f.Thread, f.Agent
}

// serves has an agent alone for some customers, whom he is given by the machine.
func (x *trio) serves(id string, times int) (last uint64) {
	x.here(id)
	for range times {
		last, _ = x.customer()
	}
	return last
}

func (x *trio) closes(id string) {
	for _, th := range x.d.Of(id) {
		x.do(Close{By: id, Thread: th.N})
	}
}

// TestStrategies holds each strategy against each situation. What is wanted is who may be chosen; of several, by lot: each
// number that chance gives is tried.
func TestStrategies(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		a, b, c int // capacities
		before  func(*trio)
		want    map[Strategy]string
	}{
		{"nobody was given anything", 3, 3, 3, func(*trio) {},
			map[Strategy]string{ByLot: "abc", RoundRobin: "a", LeastBusy: "abc", LongestIdle: "abc"}},
		{"b was given the last", 3, 3, 3, func(x *trio) { x.serves("b", 1) },
			map[Strategy]string{ByLot: "abc", RoundRobin: "c", LeastBusy: "ac", LongestIdle: "ac"}},
		{"b was, and closed it: his load is none", 3, 3, 3, func(x *trio) { x.serves("b", 1); x.closes("b") },
			map[Strategy]string{ByLot: "abc", RoundRobin: "c", LeastBusy: "ac", LongestIdle: "ac"}},
		{"c was given the last: around the corner", 3, 3, 3, func(x *trio) { x.serves("c", 1) },
			map[Strategy]string{ByLot: "abc", RoundRobin: "a", LeastBusy: "ab", LongestIdle: "ab"}},
		{"one each, in the order c a b", 3, 3, 3, func(x *trio) { x.serves("c", 1); x.serves("a", 1); x.serves("b", 1) },
			map[Strategy]string{ByLot: "abc", RoundRobin: "c", LeastBusy: "c", LongestIdle: "c"}},
		{"shares of capacity, not numbers", 2, 6, 4, func(x *trio) { x.serves("b", 2); x.serves("c", 2); x.serves("a", 1) },
			map[Strategy]string{ByLot: "abc", RoundRobin: "b", LeastBusy: "b", LongestIdle: "b"}},
		{"the same share, c longest ago", 1, 4, 2, func(x *trio) { x.serves("c", 1); x.serves("b", 2) },
			map[Strategy]string{ByLot: "abc", RoundRobin: "c", LeastBusy: "a", LongestIdle: "a"}},
		{"many closed ones do not count: b has one open", 5, 5, 5, func(x *trio) {
			x.serves("b", 1)
			x.serves("a", 4)
			x.closes("a")
			x.serves("c", 4)
			x.closes("c")
		}, map[Strategy]string{ByLot: "abc", RoundRobin: "a", LeastBusy: "a", LongestIdle: "b"}},
		{"a is full", 1, 3, 3, func(x *trio) { x.serves("a", 1) },
			map[Strategy]string{ByLot: "bc", RoundRobin: "b", LeastBusy: "bc", LongestIdle: "bc"}},
		{"by hand counts as given, and is nobody's turn", 3, 3, 3, func(x *trio) {
			x.serves("a", 1)
			x.here()
			n := x.do(CustomerSaid{Queue: "q"})[0].Thread
			x.do(Take{Agent: "b", Thread: n})
		}, map[Strategy]string{ByLot: "abc", RoundRobin: "b", LeastBusy: "c", LongestIdle: "c"}},
	} {
		for _, strategy := range strategies {
			t.Run(c.name+"/"+string(strategy), func(t *testing.T) {
				t.Parallel()
				var got []string
				for k := range 6 {
					x := newTrio(t, strategy, nth(k), c.a, c.b, c.c)
					c.before(x)
					x.here("a", "b", "c")
					if _, id := x.customer(); !slices.Contains(got, id) {
						got = append(got, id)
					}
				}
				slices.Sort(got)
				if s := strings.Join(got, ""); s != c.want[strategy] {
					t.Errorf("may be given to %s, want %s", s, c.want[strategy])
				}
			})
		}
	}
}

// TestFairness: 7 agents who are always there share 7,000 customers. By lot the shares are as even as chance makes them
// (chi-squared, p from 0.001 to 0.999 for this seed); in turn, and by idleness, nobody has more than one more than another;
// by load, where conversations last as chance wants, nobody has a tenth more than the average. Who comes first is chance
// under all of them but in turn, whatever the order of accounts.
func TestFairness(t *testing.T) {
	t.Parallel()
	const agents, customers = 7, 7000
	for _, strategy := range strategies {
		t.Run(string(strategy), func(t *testing.T) {
			t.Parallel()
			r, dice := thronged(t, strategy, agents, customers)
			shares := map[string]int{}
			for _, e := range r.log {
				if e.kind == Assigned {
					shares[decode(t, e).Agent]++
				}
			}
			least, most := customers, 0
			for _, a := range r.cfg.Agents {
				least, most = min(least, shares[a.ID]), max(most, shares[a.ID])
			}
			t.Logf("%d to %d of %d customers each", least, most, customers)
			switch strategy {
			case ByLot:
				p, n := uniform(r.ranks(t))
				if p < 0.001 || p > 0.999 || n < customers {
					t.Errorf("p = %v over %d draws", p, n)
				}
			case RoundRobin, LongestIdle:
				if most-least > 1 {
					t.Errorf("%d to %d", least, most)
				}
			case LeastBusy:
				if most > customers/agents*11/10 || least < customers/agents*9/10 {
					t.Errorf("%d to %d", least, most)
				}
			}
			if strategy != RoundRobin {
				first := make([]int, agents)
				for range 2000 {
					x := fresh(t, strategy, agents, dice)
					facts, _ := x.step(t, opening, dice, CustomerSaid{Queue: "queue0"})
					first[facts[len(facts)-1].Draw]++
				}
				if p, n := uniform(map[int][]int{agents: first}); p < 0.001 || p > 0.999 || n < 2000 {
					t.Errorf("who comes first: %v, p = %v over %d", first, p, n)
				}
			}
		})
	}
}

// fresh is a desk whose agents were given nothing.
func fresh(t testing.TB, strategy Strategy, agents int, chance Chance) *run {
	cfg := office(agents, 100, agents)
	cfg.Queues[0].Strategy = strategy
	r := newRun(cfg)
	r.step(t, opening, chance, DeskUp{})
	for _, a := range cfg.Agents {
		r.step(t, opening, chance, Sessions{Agent: a.ID, Sessions: []Session{{Room: Online}}})
	}
	return r
}

// thronged is a desk that that many customers come to, each new to it; what they have lasts as chance wants.
func thronged(t testing.TB, strategy Strategy, agents, customers int) (*run, *rand.Rand) {
	dice := rand.New(rand.NewPCG(11, 1))
	r := fresh(t, strategy, agents, dice)
	r.quick = true
	for i := range customers {
		facts, _ := r.step(t, r.now.Add(time.Second), dice, CustomerSaid{Queue: "queue0", Customer: uint64(i)})
		given := facts[len(facts)-1]
		r.step(t, r.now, dice, AgentSaid{Agent: given.Agent, Thread: given.Thread})
		for len(r.w.open) > 20 {
			th := r.w.threads[r.w.open[dice.IntN(len(r.w.open))]]
			r.step(t, r.now, dice, Close{By: th.Owner, Thread: th.N})
		}
	}
	return r, dice
}

// TestReturningAgent: who comes back to a long line is not flooded with it: he is given one, and the next when the gap is
// over, up to his capacity. It is so for every strategy.
func TestReturningAgent(t *testing.T) {
	t.Parallel()
	for _, strategy := range strategies {
		t.Run(string(strategy), func(t *testing.T) {
			t.Parallel()
			cfg := Config{Gap: 30 * time.Second, AnswerWithin: time.Hour, Agents: []Agent{{ID: "a", Capacity: 4}, {ID: "b", Capacity: 4}},
				Queues: []Queue{{Name: "q", Agents: []string{"a", "b"}, Strategy: strategy}}}
			r := newRun(cfg)
			r.w.thorough = true
			step := func(after time.Duration, in Input) {
				t.Helper()
				if _, err := r.step(t, opening.Add(after), nth(0), in); err != nil {
					t.Fatal(err)
				}
			}
			step(0, DeskUp{})
			for range 20 {
				step(0, CustomerSaid{Queue: "q"})
			}
			step(time.Minute, Sessions{Agent: "b", Sessions: []Session{{Room: Online}}})
			for i, want := range []int{1, 2, 3, 4, 4} {
				if got := len(r.d.Of("b")); got != want {
					t.Errorf("after %d gaps he has %d, want %d", i, got, want)
				}
				at := time.Minute + time.Duration(i+1)*30*time.Second
				step(at-time.Millisecond, Tick{})
				if got := len(r.d.Of("b")); got != want {
					t.Errorf("just before gap %d ends he has %d, want %d", i+1, got, want)
				}
				step(at, Tick{})
			}
		})
	}
}
