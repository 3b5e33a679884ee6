package dispatch_test

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	. "frontdesk/dispatch"
)

// dice is where a simulation takes its behaviour from: a generator, or a fuzzer's bytes.
type dice interface{ IntN(n int) int }

// crowd makes up what customers and agents do next.
type crowd struct {
	*run
	dice
	pace  int  // milliseconds that a step takes at most
	calm  int  // 0 to 10: how little customers write
	jump  int  // percent of steps in which nothing happens until the next deadline
	picky bool // customers want skills
	mates int  // percent of steps in which colleagues do something together, and of as many in which somebody comes or goes
	nasty int  // percent of steps that are no daily business: links, bounces, odd commands, strangers
}

func (c *crowd) chance(percent int) bool { return c.IntN(100) < percent }

func pick[T any](d dice, from []T) T { return from[d.IntN(len(from))] }

func (c *crowd) someone() string { return pick(c, c.cfg.Agents).ID }

// thread picks one that is open, and has an owner if that is wanted; now and then any number.
func (c *crowd) thread(owned bool) uint64 {
	number := 1 + uint64(c.IntN(int(c.w.next)))
	if c.chance(c.nasty) || len(c.w.open) == 0 {
		return number
	}
	first := c.IntN(len(c.w.open))
	for i := range c.w.open { // the next such one, around the corner
		n := c.w.open[(first+i)%len(c.w.open)]
		if c.w.threads[n].Owner != "" || !owned {
			return n
		}
	}
	return number
}

// owner picks a thread and who has it; now and then anybody.
func (c *crowd) owner() (string, uint64) {
	n := c.thread(true)
	if t := c.w.threads[n]; t != nil && t.Owner != "" && !c.chance(c.nasty) {
		return t.Owner, n
	}
	return c.someone(), n
}

// first words of a new customer.
func (c *crowd) first() Input {
	in := CustomerSaid{Queue: pick(c, c.cfg.Queues).Name, Customer: c.w.next}
	if c.chance(3) {
		in.Self = c.someone()
	}
	if c.picky && c.chance(20) {
		in.Wants = pick(c, []string{"fr", "de fr", "invoice", "es"})
	}
	if c.picky && c.chance(20) {
		in.Hold = time.Duration(c.IntN(60)) * time.Second
	}
	return in
}

// next is what happens next, and how long after the last.
func (c *crowd) next() (time.Duration, Input) {
	wait := time.Duration(c.IntN(c.pace)) * time.Millisecond
	if c.w.paused && c.chance(20) {
		return wait, DeskUp{}
	}
	if at := c.d.Deadline(); !at.IsZero() && (at.Before(c.now.Add(wait)) && !c.chance(c.nasty) || c.chance(c.jump)) {
		return at.Sub(c.now), Tick{}
	}
	if c.chance(c.nasty) {
		return wait, c.odd()
	}
	switch x := c.IntN(100); {
	case x < c.mates:
		return wait, c.together()
	case x < 2*c.mates:
		return wait, c.flap()
	}
	switch x := c.IntN(100); {
	case x < 30-2*c.calm:
		return wait, c.first()
	case x < 40:
		n := c.thread(false)
		return wait, CustomerSaid{Thread: n, Saved: c.w.closed[n]}
	case x < 70:
		id, n := c.owner()
		return wait, AgentSaid{Agent: id, Thread: n, Saved: c.w.closed[n]}
	case x < 92:
		id, n := c.owner()
		return wait, Close{By: id, Thread: n}
	case x < 94:
		id, n := c.owner()
		return wait, Pass{Agent: id, Thread: n}
	case x < 96:
		return wait, Active{Agent: c.someone()}
	}
	return wait, c.flap()
}

// flap is an agent's client coming or going.
func (c *crowd) flap() Input {
	in := Sessions{Agent: c.someone()}
	if c.chance(15) {
		return in
	}
	for range 1 + c.IntN(2) {
		s := Session{Room: Online, Idle: c.chance(50)}
		if c.chance(15) {
			s.Room = Show(c.IntN(4))
		}
		if c.chance(15) {
			s.Account = Show(c.IntN(4))
		}
		in.Sessions = append(in.Sessions, s)
	}
	return in
}

// together is what colleagues do with one conversation: transfers, offers taken or declined, teams.
func (c *crowd) together() Input {
	id, n := c.owner()
	for _, m := range c.w.open { // rather one where something is going on already
		if (len(c.d.Asked(m)) > 0 || len(c.d.Team(m)) > 0) && c.chance(40) {
			n = m
			break
		}
	}
	if all := c.d.Asked(n); len(all) > 0 && c.chance(70) {
		asked := pick(c, all)
		switch c.IntN(4) {
		case 0:
			return Pass{Agent: asked, Thread: n}
		case 1:
			return Take{Agent: asked, Thread: n}
		case 2:
			return AgentSaid{Agent: asked, Thread: n}
		}
		return Sessions{Agent: asked}
	}
	if team := c.d.Team(n); len(team) > 0 && c.chance(60) {
		if c.chance(50) {
			return Leave{Agent: pick(c, team), Thread: n}
		}
		return AgentSaid{Agent: pick(c, team), Thread: n}
	}
	switch c.IntN(5) {
	case 0:
		return Transfer{By: id, Thread: n, To: c.someone()}
	case 1, 2:
		return Transfer{By: id, Thread: n, Queue: pick(c, c.cfg.Queues).Name, Force: c.chance(10)}
	case 3:
		return Join{Agent: c.someone(), By: id, Thread: n, Force: c.chance(20)}
	}
	other := c.someone()
	return Join{Agent: other, By: other, Thread: n}
}

func (c *crowd) odd() Input {
	id, n := c.owner()
	switch c.IntN(20) {
	case 18, 19:
		for _, m := range c.w.open {
			if !c.w.threads[m].held.end.IsZero() && c.chance(70) {
				return Brief{Thread: m, Wants: pick(c, []string{"", "fr", "invoice"})}
			}
		}
		return Brief{Thread: n, Wants: "de"}
	case 16, 17:
		for _, m := range c.w.open {
			if !c.w.threads[m].left.end.IsZero() && c.chance(50) {
				return CustomerGone{Thread: m, Back: true}
			}
		}
		return CustomerGone{Thread: n}
	case 12:
		return Assign{By: c.someone(), Agent: c.someone(), Thread: n}
	case 13:
		return SetCapacity{By: id, Agent: id, Max: c.IntN(5) - 1}
	case 14:
		return SetQueue{By: id, Queue: pick(c, c.cfg.Queues).Name, Shut: c.chance(30)}
	case 15:
		return Told{Agent: c.someone(), Duty: AwayNow, For: time.Duration(c.IntN(30)) * time.Second}
	case 0:
		return DeskDown{}
	case 1, 2:
		return Unreachable{Agent: id, Thread: n}
	case 3:
		return Told{Agent: c.someone(), Duty: AwayNow}
	case 4:
		return Told{Agent: c.someone(), Duty: Off}
	case 5, 6, 7, 8:
		return Told{Agent: c.someone(), Duty: On}
	case 9:
		return Take{Agent: c.someone(), Thread: n, Force: c.chance(50)}
	case 10:
		if c.chance(50) {
			id = ""
		}
		return Close{By: id, Thread: n, Force: c.chance(50)}
	}
	switch c.IntN(4) {
	case 0:
		return Sessions{Agent: "stranger", Sessions: []Session{{Room: Online}}}
	case 1:
		return AgentSaid{Agent: "stranger", Thread: n}
	case 2:
		return CustomerSaid{Queue: "nowhere"}
	}
	return Active{Agent: id}
}

// act does n steps.
func (c *crowd) act(t testing.TB, chance Chance, n int) {
	t.Helper()
	for range n {
		wait, in := c.next()
		c.step(t, c.now.Add(wait), chance, in)
	}
}

func office(agents, capacity int, queues ...int) Config {
	var cfg Config
	for i := range agents {
		cfg.Agents = append(cfg.Agents, Agent{ID: fmt.Sprintf("agent%02d@agents.example", i), Capacity: capacity})
	}
	for i, size := range queues {
		q := Queue{Name: fmt.Sprintf("queue%d", i)}
		for j := range size {
			q.Agents = append(q.Agents, cfg.Agents[(i*size/2+j)%agents].ID)
		}
		cfg.Queues = append(cfg.Queues, q)
	}
	return cfg
}

// day has n customers write to 40 agents with capacity 5 in three queues that share
// agents, and goes on until all are served and gone.
func day(t testing.TB, seed uint64, n int, chance Chance) *run {
	t.Helper()
	c := &crowd{run: newRun(office(40, 5, 40, 20, 20)), dice: rand.New(rand.NewPCG(seed, 1)), pace: 150, mates: 1, nasty: 4}
	c.now = opening
	c.quick = true
	c.step(t, c.now, chance, DeskUp{})
	for _, a := range c.cfg.Agents {
		c.step(t, c.now, chance, Sessions{Agent: a.ID, Sessions: []Session{{Room: Online}}})
	}
	for int(c.w.next) <= n {
		c.calm = 10 * (int(c.w.next) / 400 % 2) // rush hours, where the line grows, and others
		c.act(t, chance, 50)
	}
	c.step(t, c.now, chance, DeskUp{})
	for _, a := range c.cfg.Agents {
		c.step(t, c.now, chance, Sessions{Agent: a.ID, Sessions: []Session{{Room: Online}}})
		c.step(t, c.now, chance, Told{Agent: a.ID, Duty: On})
		c.step(t, c.now, chance, SetCapacity{By: a.ID, Agent: a.ID})
	}
	for _, q := range c.cfg.Queues {
		c.step(t, c.now, chance, SetQueue{By: c.cfg.Agents[0].ID, Queue: q.Name})
	}
	for len(c.w.threads) > 0 {
		id, th := c.owner()
		c.step(t, c.now.Add(time.Second), chance, AgentSaid{Agent: id, Thread: th})
		c.step(t, c.now, chance, Close{By: id, Thread: th})
		if c.steps > 100*n {
			t.Fatalf("%d of %d customers are never served", len(c.w.threads), n)
		}
	}
	return c.run
}

func (r *run) hash() uint64 {
	h := fnv.New64a()
	for _, e := range r.log {
		fmt.Fprintln(h, e.kind, e.at, string(e.data))
	}
	return h.Sum64()
}

// ranks counts by number of candidates how often which of them was drawn.
func (r *run) ranks(t testing.TB) map[int][]int {
	t.Helper()
	ranks := map[int][]int{}
	for _, e := range r.log {
		if e.kind != Assigned {
			continue
		}
		f := decode(t, e)
		k := len(f.Candidates)
		if k < 2 {
			continue
		}
		if ranks[k] == nil {
			ranks[k] = make([]int, k)
		}
		ranks[k][f.Draw]++
	}
	return ranks
}

// uniform returns the probability of ranks at least as uneven as these if the choice
// is uniform: chi-squared summed over the numbers of candidates that were
// seen often enough (5 expected in a cell), by the approximation of Wilson and Hilferty.
func uniform(ranks map[int][]int) (p float64, samples int) {
	var x, df float64
	for k, seen := range ranks {
		n := 0
		for _, s := range seen {
			n += s
		}
		want := float64(n) / float64(k)
		if want < 5 {
			continue
		}
		samples += n
		df += float64(k - 1)
		for _, s := range seen {
			x += (float64(s) - want) * (float64(s) - want) / want
		}
	}
	v := 2 / (9 * df)
	z := (math.Cbrt(x/df) - (1 - v)) / math.Sqrt(v)
	return math.Erfc(z/math.Sqrt2) / 2, samples
}

// TestDay is 10,000 customers, with a witness at every step; the draw is uniform (p between
// 0.001 and 0.999 for this seed), and the same seed gives the same facts.
func TestDay(t *testing.T) {
	t.Parallel()
	const customers = 10_000 / slower
	r := day(t, 7, customers, rand.New(rand.NewPCG(7, 2)))
	r.rebuild(t)
	c := r.d.Counts()
	if c.Opened < customers || c.Closed != c.Opened || c.Open != 0 || c.Assigned < customers {
		t.Errorf("counts: %+v", c)
	}
	p, n := uniform(r.ranks(t))
	if p < 0.001 || p > 0.999 || n < customers/3 && slower == 1 {
		t.Errorf("p = %v over %d draws", p, n)
	}
	t.Logf("%d steps, %d facts, %+v, p = %.3f over %d draws", r.steps, len(r.log), c, p, n)
}

// biased prefers the lower of two draws every second time.
type biased struct{ *rand.Rand }

func (b biased) IntN(n int) int {
	x := b.Rand.IntN(n)
	if b.Rand.IntN(2) == 0 {
		x = min(x, b.Rand.IntN(n))
	}
	return x
}

// TestDrawnByChance: the same seed and inputs give the same facts, and the test of
// uniformity sees a bias.
func TestDrawnByChance(t *testing.T) {
	t.Parallel()
	const customers = 1000
	one := day(t, 3, customers, rand.New(rand.NewPCG(3, 2)))
	if again := day(t, 3, customers, rand.New(rand.NewPCG(3, 2))); again.hash() != one.hash() {
		t.Error("the same seed gave other facts")
	}
	unfair := day(t, 3, 3*customers, biased{rand.New(rand.NewPCG(3, 2))})
	if p, n := uniform(unfair.ranks(t)); p > 1e-4 {
		t.Errorf("a bias was not seen: p = %v over %d draws", p, n)
	}
}

// small is a desk where rules meet often; by turns its config is another one.
func small(variant int) Config {
	cfg := office(5, 2, 3, 4)
	cfg.Grace, cfg.AnswerWithin, cfg.CoolDown = 7*time.Second, 11*time.Second, 29*time.Second
	cfg.HandOver, cfg.LongWait = 17*time.Second, 23*time.Second
	cfg.WrapUp, cfg.Gap = 3*time.Second, time.Second
	for i := range cfg.Agents {
		cfg.Agents[i].Skills = []string{"fr", "de", "invoice"}[:i%4]
	}
	one, two := &cfg.Queues[0], &cfg.Queues[1]
	one.Strategy, one.Overflow, one.After, one.Sticky = RoundRobin, two.Name, 37*time.Second, time.Minute
	one.Levels, one.LevelWait, one.SkillWait = map[string]int{one.Agents[0]: 1, one.Agents[1]: 2}, 5*time.Second, 13*time.Second
	one.Hours = &Hours{}
	for day := range one.Hours.Week { // shut for the fourth minute of every five
		for m := 0; m < 24*60; m += 5 {
			one.Hours.Week[day] = append(one.Hours.Week[day], Span{m, m + 3}, Span{m + 4, m + 5})
		}
	}
	two.Strategy, two.Priority, two.Sticky = LeastBusy, 1, -1
	one.Idle, one.Gone, two.Gone = 31*time.Second, 11*time.Second, 13*time.Second
	cfg.BotTurns = 4
	if variant%2 == 1 {
		one.Strategy, two.Strategy, one.Overflow, one.Hours = LongestIdle, ByLot, "", nil
		one.Mode = OfferAll
	} else if variant%3 == 2 {
		one.Mode, two.Mode = OfferOne, OfferAll
		cfg.Agents[3].Bot = true
	}
	if variant%2 == 1 { // one gone, one with less, one queue with others
		cfg.Agents = cfg.Agents[:4]
		cfg.Agents[0].Capacity = 1
		cfg.Queues[0].Agents = []string{cfg.Agents[0].ID, cfg.Agents[3].ID}
		cfg.Queues[1].Agents = []string{cfg.Agents[1].ID, cfg.Agents[2].ID, cfg.Agents[3].ID}
	}
	return cfg
}

// crash ends the process at a random time and starts it again, perhaps by another config; the links come back later.
func (c *crowd) crash(t testing.TB, chance Chance) {
	t.Helper()
	variant := 0
	if c.chance(50) {
		variant = 1 + c.IntN(2)
	}
	c.restart(t, small(variant))
	c.act(t, chance, c.IntN(4))
	for _, a := range c.cfg.Agents { // what relay verifies before it says that the desk is up
		if c.chance(30) {
			c.step(t, c.now, chance, Sessions{Agent: a.ID})
		}
	}
	c.step(t, c.now.Add(time.Duration(c.IntN(20))*time.Second), chance, DeskUp{})
}

// TestCrashes: 200 seeds, each with crashes at random points; the log, the
// last snapshot, and an older one with the tail of the log rebuild the same state, and go on alike.
func TestCrashes(t *testing.T) {
	t.Parallel()
	seen := map[Kind]int{}
	for seed := range uint64(200) {
		c := crashing(t, seed)
		for _, e := range c.log {
			seen[e.kind]++
		}
	}
	for k := Opened; k <= Briefed; k++ {
		if seen[k] < 20 {
			t.Errorf("the simulation hardly ever saw a %v: %d times", k, seen[k])
		}
	}
}

func crashing(t *testing.T, seed uint64) *crowd {
	chance := rand.New(rand.NewPCG(seed, 2))
	c := &crowd{run: newRun(small(0)), dice: rand.New(rand.NewPCG(seed, 1)), pace: 3000, jump: 15, mates: 8, nasty: 20, picky: true}
	c.now = opening
	c.w.thorough = true
	c.step(t, c.now, chance, DeskUp{})
	for range 2 + c.IntN(5) {
		c.calm = c.IntN(11)
		c.act(t, chance, c.IntN(60))
		if c.chance(50) {
			c.snap(t)
		}
		c.act(t, chance, c.IntN(60))
		if c.chance(30) {
			c.reconfigure(t, chance, small(c.IntN(3)))
			c.act(t, chance, c.IntN(60))
		}
		c.crash(t, chance)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	return c
}

// TestEveryPrefix: facts rebuild the state step by step, not only in the end.
func TestEveryPrefix(t *testing.T) {
	t.Parallel()
	chance := rand.New(rand.NewPCG(5, 2))
	c := &crowd{run: newRun(small(0)), dice: rand.New(rand.NewPCG(5, 1)), pace: 3000, jump: 15, mates: 8, nasty: 25, picky: true}
	c.now = opening
	shadow := New(c.cfg)
	for i := range 1000 {
		from := len(c.log)
		c.act(t, chance, 1)
		c.replay(t, shadow, from, len(c.log))
		if got, want := snapshot(t, shadow), snapshot(t, c.d); !slices.Equal(got, want) {
			t.Fatalf("step %d: replay gives\n%s\nwant\n%s", i, got, want)
		}
	}
}

// tape is dice made of a fuzzer's bytes; at its end it shows zeros.
type tape struct{ data []byte }

func (p *tape) IntN(n int) int {
	if len(p.data) == 0 {
		return 0
	}
	x := int(p.data[0])
	p.data = p.data[1:]
	if n > 256 && len(p.data) > 0 {
		x = x<<8 | int(p.data[0])
		p.data = p.data[1:]
	}
	return x % n
}

// FuzzDesk has a fuzzer play the crowd, the draws and the crashes.
func FuzzDesk(f *testing.F) {
	for seed := range uint64(20) {
		src := rand.NewChaCha8([32]byte{byte(seed)})
		data := make([]byte, 100*(seed+1))
		src.Read(data)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		data = data[:min(len(data), 2000)]
		dice := &tape{data}
		c := &crowd{run: newRun(small(0)), dice: dice, pace: 3000, jump: 15, mates: 8, nasty: dice.IntN(60), calm: dice.IntN(11), picky: true}
		c.now = opening
		c.w.thorough = true
		c.step(t, c.now, dice, DeskUp{})
		for len(dice.data) > 0 {
			switch dice.IntN(40) {
			case 2:
				c.reconfigure(t, dice, small(dice.IntN(3)))
			case 0:
				c.snap(t)
			case 1:
				c.crash(t, dice)
			default:
				c.act(t, dice, 1)
			}
		}
		c.rebuild(t)
	})
}
