package dispatch_test

import (
	"cmp"
	"container/heap"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	. "frontdesk/dispatch"
)

var wholeYear = flag.Bool("year", false, "let TestYear run a year instead of two weeks")

// shop is a simulation of a shop by events: customers who come by the hour, agents with shifts, lunch and clients that
// flap, conversations with a beginning and an end. Every step is under the eyes of the witness.
type shop struct {
	*run
	*rand.Rand // what agents do; arrivals have a source of their own, so that all strategies see the same customers
	t          testing.TB
	chance     Chance
	zone       *time.Location
	plan       plan
	planned    int
	end        time.Time

	onDuty  map[string]bool
	hours   map[string]float64 // on duty
	given   map[string]int     // conversations
	began   map[uint64]time.Time
	waits   []float64 // seconds until the first answer, of who came while the queue was open
	over    int       // of them, who still waited when it closed
	night   int       // who came while it was closed
	missed  int
	moved   int
	idled   int
	flapped int
}

// happening is something that is going to be done.
type happening struct {
	at    time.Time
	order int
	do    func()
}

type plan []happening

func (p plan) Len() int { return len(p) }
func (p plan) Less(i, j int) bool {
	return cmp.Or(p[i].at.Compare(p[j].at), cmp.Compare(p[i].order, p[j].order)) < 0
}
func (p plan) Swap(i, j int) { p[i], p[j] = p[j], p[i] }
func (p *plan) Push(x any)   { *p = append(*p, x.(happening)) }
func (p *plan) Pop() any {
	old := *p
	x := old[len(old)-1]
	*p = old[:len(old)-1]
	return x
}

func (s *shop) at(at time.Time, do func()) {
	s.planned++
	heap.Push(&s.plan, happening{at, s.planned, do})
}

func (s *shop) in(seconds float64, do func()) {
	s.at(s.now.Add(time.Duration(seconds*float64(time.Second))), do)
}

func (s *shop) happens(percent int) bool { return s.IntN(100) < percent }

// shopConfig is 20 agents and 5 queues. Agents 0 to 7 have the same work: their shares are compared.
func shopConfig(strategy Strategy, zone *time.Location) Config {
	cfg := Config{WrapUp: 10 * time.Second, Gap: 5 * time.Second, LongWait: 5 * time.Minute}
	for i := range 20 {
		a := Agent{ID: fmt.Sprintf("agent%02d", i), Capacity: 3}
		if i > 8 && i%2 == 1 {
			a.Skills = []string{"fr"}
		}
		cfg.Agents = append(cfg.Agents, a)
	}
	staff := func(from, to int) []string {
		var ids []string
		for i := from; i <= to; i++ {
			ids = append(ids, cfg.Agents[i].ID)
		}
		return ids
	}
	holidays := map[Day][]Span{{2026, 12, 24}: {{9 * 60, 12 * 60}}}
	for _, day := range []string{"01-01", "04-03", "04-06", "05-01", "05-14", "05-25", "10-31", "12-25", "12-26"} {
		var month, date int
		fmt.Sscanf(day, "%d-%d", &month, &date)
		holidays[Day{2026, time.Month(month), date}] = nil
	}
	week := func(from, to int, saturday ...Span) *Hours {
		h := &Hours{Zone: zone, Holidays: holidays}
		for day := time.Monday; day <= time.Friday; day++ {
			h.Week[day] = []Span{{from * 60, to * 60}}
		}
		h.Week[time.Saturday] = saturday
		return h
	}
	cfg.Queues = []Queue{
		{Name: "support", Agents: staff(0, 11), Levels: map[string]int{"agent10": 1, "agent11": 2}, Hours: week(9, 18, Span{10 * 60, 14 * 60}),
			Idle: 10 * time.Minute, Gone: 5 * time.Minute},
		{Name: "sales", Agents: staff(8, 13), Hours: week(8, 20), Priority: 1, Overflow: "support", After: 5 * time.Minute, Sticky: 14 * 24 * time.Hour, Idle: 10 * time.Minute},
		{Name: "orders", Agents: staff(10, 15), Hours: week(9, 18), Mode: OfferOne, Overflow: "support", After: 10 * time.Minute},
		{Name: "vip", Agents: staff(14, 17), Hours: week(8, 20), Mode: OfferAll, Overflow: "any", Priority: 2},
		{Name: "any", Agents: staff(16, 19), Idle: 20 * time.Minute, Sticky: -1},
	}
	for i := range cfg.Queues {
		cfg.Queues[i].Strategy = strategy
	}
	return cfg
}

func openShop(t testing.TB, strategy Strategy, seed uint64, from, to time.Time) *shop {
	zone := from.Location()
	s := &shop{run: newRun(shopConfig(strategy, zone)), Rand: rand.New(rand.NewPCG(seed, 1)), t: t, chance: rand.New(rand.NewPCG(seed, 2)),
		zone: zone, end: to, onDuty: map[string]bool{}, hours: map[string]float64{}, given: map[string]int{}, began: map[uint64]time.Time{}}
	s.quick, s.light = true, true
	s.now = from
	s.do(DeskUp{})
	for i := range s.cfg.Agents {
		for day := from; day.Before(to); day = day.AddDate(0, 0, 1) {
			s.shift(i, day)
		}
	}
	arrivals := rand.New(rand.NewPCG(seed, 3))
	for i, perHour := range []float64{18, 7, 6, 3, 2} {
		s.arrive(arrivals.Uint64(), s.cfg.Queues[i].Name, perHour)
	}
	for month := from; month.Before(to); month = month.AddDate(0, 0, 20) { // the server is restarted
		s.at(month.Add(11*time.Hour), func() { s.do(DeskDown{}) })
		s.at(month.Add(11*time.Hour+3*time.Minute), func() { s.do(DeskUp{}) })
	}
	for len(s.plan) > 0 {
		if at := s.d.Deadline(); !at.IsZero() && at.Before(s.plan[0].at) {
			s.now = at
			s.do(Tick{})
			continue
		}
		next := heap.Pop(&s.plan).(happening)
		s.now = next.at
		next.do()
	}
	return s
}

// do is a step, and what people do about its facts.
func (s *shop) do(in Input) error {
	facts, err := s.step(s.t, s.now, s.chance, in)
	for _, f := range facts {
		s.follow(f)
	}
	return err
}

// stands tells that a conversation is still open, and whose it is.
func (s *shop) stands(f *Fact) (owner string, ok bool) {
	t := s.w.threads[f.Thread]
	if t == nil || t.Conversation != f.Conversation {
		return "", false
	}
	return t.Owner, true
}

func (s *shop) follow(f Fact) {
	switch f.Kind {
	case Opened:
		if s.w.off[f.Queue] {
			s.night++
			break
		}
		s.began[f.Thread] = s.now
	case Said:
		if at, ok := s.began[f.Thread]; ok && f.By != "" {
			s.waits = append(s.waits, s.now.Sub(at).Seconds())
			delete(s.began, f.Thread)
		}
	case Closed:
		delete(s.began, f.Thread)
	case HoursSet:
		for n := range s.began {
			if t := s.w.threads[n]; f.Shut && t.Queue == f.Queue && t.Owner == "" {
				s.over++
				delete(s.began, n)
			}
		}
	case Moved:
		s.moved++
	case Idled:
		s.idled++
	case Released:
		if f.Reason == Missed {
			s.missed++
			s.in(60+s.ExpFloat64()*300, func() { s.do(Active{Agent: f.Agent}) })
		}
	case Offered:
		s.offered(f)
	case Assigned:
		s.given[f.Agent]++
		if f.Reason == Accepted {
			s.talk(f)
		} else if !s.happens(2) { // else he does not see it
			s.in(4+s.ExpFloat64()*15, func() {
				if owner, ok := s.stands(&f); ok && owner == f.Agent && s.onDuty[owner] {
					s.do(AgentSaid{Agent: owner, Thread: f.Thread})
					s.talk(f)
				}
			})
		}
	}
}

// offered: he answers, declines, or looks elsewhere.
func (s *shop) offered(f Fact) {
	x := s.IntN(100)
	s.in(2+s.ExpFloat64()*12, func() {
		if _, ok := s.stands(&f); !ok || !s.d.Asks(f.Thread, f.Agent) || !s.onDuty[f.Agent] {
			return
		}
		switch {
		case x < 80:
			s.do(AgentSaid{Agent: f.Agent, Thread: f.Thread})
		case x < 85:
			s.do(Pass{Agent: f.Agent, Thread: f.Thread})
		}
	})
}

// talk is the rest of a conversation after its first answer.
func (s *shop) talk(f Fact) {
	left := s.ExpFloat64() * 240
	silent, leaves := s.happens(8), s.happens(5)
	var turn func()
	turn = func() {
		owner, ok := s.stands(&f)
		if !ok || owner != f.Agent {
			return // somebody else talks to him now, or is going to
		}
		switch {
		case left > 0 && !silent:
			s.do(CustomerSaid{Thread: f.Thread})
			s.in(10+s.ExpFloat64()*20, func() {
				if owner, ok := s.stands(&f); ok && owner == f.Agent && s.onDuty[owner] {
					s.do(AgentSaid{Agent: owner, Thread: f.Thread})
				}
			})
			pause := 60 + s.ExpFloat64()*60
			left -= pause
			s.in(pause, turn)
		case leaves:
			s.do(CustomerGone{Thread: f.Thread})
			s.in(600, turn)
			leaves = false
		case silent:
			s.in(1800, turn) // the desk closes it, where it does
			silent = false
		default:
			s.do(Close{By: owner, Thread: f.Thread})
		}
	}
	s.in(60+s.ExpFloat64()*60, turn)
}

// arrive lets customers come to a queue: most by day, as many as perHour at the height of it; one in five was there before.
func (s *shop) arrive(seed uint64, queue string, perHour float64) {
	r := rand.New(rand.NewPCG(seed, 4))
	profile := [24]float64{0: .02, 6: .05, 7: .1, 8: .4, 9: .8, 10: 1, 11: 1, 12: .7, 13: .8, 14: .9, 15: .9, 16: .8, 17: .7, 18: .4, 19: .3, 20: .2, 21: .1, 22: .05, 23: .02}
	var known []uint64
	var next func()
	next = func() {
		s.in(r.ExpFloat64()*3600/perHour, func() {
			if s.now.After(s.end) {
				return
			}
			local := s.now.In(s.zone)
			likely := profile[local.Hour()]
			if day := local.Weekday(); day == time.Saturday || day == time.Sunday {
				likely /= 4
			}
			if again, lang, comes := r.Float64() < .2, r.Float64() < .15, r.Float64() < likely; comes {
				in := CustomerSaid{Queue: queue, Customer: s.w.next}
				if lang {
					in.Wants = "fr"
				}
				if again && len(known) > 0 {
					n := known[r.IntN(len(known))]
					if saved := s.w.closed[n]; saved != nil {
						in.Thread, in.Saved = n, saved
					}
				}
				if in.Thread == 0 {
					known = append(known, s.w.next)
					if len(known) > 2000 { // older ones come back no more, and are forgotten
						delete(s.w.closed, known[0])
						known = known[1:]
					}
				}
				s.do(in)
			}
			next()
		})
	}
	next()
}

// shift is a working day of an agent: early, late or at night, with lunch, and clients that flap.
func (s *shop) shift(i int, day time.Time) {
	id := s.cfg.Agents[i].ID
	begins, weeks := []int{8, 9, 11, 9}[i%4], day.YearDay()/7
	if i < 8 {
		begins = 9
	}
	switch wd := day.Weekday(); {
	case i >= 16: // around the clock, two on and two off
		begins = []int{0, 8, 16}[(i+day.YearDay())%3]
		if i%4 == 3 && wd == time.Sunday {
			return
		}
	case wd == time.Sunday, wd == time.Saturday && (i+weeks)%4 != 0:
		return
	}
	if s.happens(6) {
		return // ill
	}
	clock := func(hour, minute int) time.Time {
		return time.Date(day.Year(), day.Month(), day.Day(), hour, minute, 0, 0, s.zone)
	}
	from, to := clock(begins, s.IntN(10)), clock(begins+8, s.IntN(10))
	online := Sessions{Agent: id, Sessions: []Session{{Room: Online}}}
	s.at(from, func() { s.onDuty[id] = true; s.do(online) })
	s.at(to, func() { s.onDuty[id] = false; s.do(Sessions{Agent: id}) })
	s.hours[id] += to.Sub(from).Hours()
	lunch := clock(begins+3, s.IntN(60))
	s.at(lunch, func() { s.do(Told{Agent: id, Duty: AwayNow, For: 30 * time.Minute}) })
	for at := from; ; {
		if at = at.Add(time.Duration((0.2 + s.ExpFloat64()*2) * float64(time.Hour))); !at.Before(to) {
			break
		}
		s.flapped++
		s.at(at, func() { s.do(Sessions{Agent: id}) })
		s.at(at.Add(time.Duration(1+s.ExpFloat64()*25)*time.Second), func() {
			if s.onDuty[id] {
				s.do(online)
			}
		})
	}
}

// percentile of sorted values.
func percentile(sorted []float64, p float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	return sorted[int(p*float64(len(sorted)-1))]
}

// shares are the conversations per hour on duty of those who have the same work, and Jain's index of them: 1 is all alike.
func (s *shop) shares() (least, most, jain float64) {
	var sum, squares float64
	least = math.Inf(1)
	const n = 8
	for i := range n {
		id := s.cfg.Agents[i].ID
		x := float64(s.given[id]) / s.hours[id]
		sum, squares = sum+x, squares+x*x
		least, most = min(least, x), max(most, x)
	}
	return least, most, sum * sum / (n * squares)
}

// TestYear is a shop with 20 agents and 5 queues: hours, holidays, shifts, lines of agents, skills, overflow, all three modes,
// clients that flap. The witness holds every rule at every step; waiting and fairness are told, and bounded. It is two weeks
// with a holiday and a night of 25 hours, but a year (2026) with -year.
func TestYear(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	from, to := time.Date(2026, 10, 20, 0, 0, 0, 0, zone), time.Date(2026, 11, 1, 0, 0, 0, 0, zone)
	if *wholeYear {
		from, to = time.Date(2026, 1, 1, 0, 0, 0, 0, zone), time.Date(2027, 1, 1, 0, 0, 0, 0, zone)
	}
	for _, strategy := range []Strategy{ByLot, RoundRobin, LeastBusy, LongestIdle} {
		t.Run(string(strategy), func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			s := openShop(t, strategy, 1, from, to)
			c := s.d.Counts()
			slices.Sort(s.waits)
			least, most, jain := s.shares()
			var report strings.Builder
			fmt.Fprintf(&report, "%s: %d conversations in %d days, %d by night, %d waited when it closed; answered after %.0f s (median), %.0f s (9 of 10), %.0f s (99 of 100)",
				strategy, c.Opened, int(to.Sub(from).Hours()/24), s.night, s.over, percentile(s.waits, .5), percentile(s.waits, .9), percentile(s.waits, .99))
			fmt.Fprintf(&report, "; %.2f to %.2f conversations an hour, Jain %.4f", least, most, jain)
			fmt.Fprintf(&report, "; %d missed, %d overflowed, %d idle, %d flaps; %d steps in %v", s.missed, s.moved, s.idled, s.flapped, s.steps, time.Since(began).Round(time.Millisecond))
			t.Log(report.String())
			if err := s.d.Check(); err != nil {
				t.Error(err)
			}
			if p := percentile(s.waits, .5); !(p < 30) {
				t.Errorf("half of the customers wait more than %.0f s", p)
			}
			if p := percentile(s.waits, .99); !(p < 3600) {
				t.Errorf("one in a hundred waits more than %.0f s", p)
			}
			fair := .98
			if strategy == RoundRobin {
				fair = .95 // who comes after agents who are often busy elsewhere gets their turns, too
			}
			if jain < fair {
				t.Errorf("work is not shared: %.2f to %.2f conversations an hour", least, most)
			}
			if c.Opened < 1000 || s.night == 0 || s.missed == 0 || s.moved == 0 || s.idled == 0 || s.flapped == 0 {
				t.Errorf("hardly a shop: %s", report.String())
			}
		})
	}
}
