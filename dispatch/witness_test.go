package dispatch_test

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	. "frontdesk/dispatch"
)

// witness is an oracle: it follows inputs and facts with maps and loops only, and says
// what the rules of the desk make of them. It shares no code with the desk.
type witness struct {
	cfg     Config
	agents  map[string]*witnessed
	threads map[uint64]*seen
	open    []uint64 // their numbers, as they came
	waiting map[uint64]*seen
	closed  map[uint64]*Thread
	next    uint64

	paused    bool
	pausedAt  time.Time
	last      time.Time // of the last fact
	restarted bool      // with the next step
	thorough  bool      // check first come first served at every assignment, and the clocks at every step (slow with long lines)
	steps     int
}

type witnessed struct {
	sessions []Session
	duty     Duty
	missed   bool
	grace    due
	load     int
}

type seen struct {
	Thread
	until due
	cool  map[string]due
}

// due is a deadline and when it was set, both wall time.
type due struct{ end, set time.Time }

func newWitness(cfg Config) *witness {
	return &witness{cfg: cfg, agents: map[string]*witnessed{}, threads: map[uint64]*seen{}, waiting: map[uint64]*seen{},
		closed: map[uint64]*Thread{}, next: 1, paused: true}
}

func (w *witness) agent(id string) *witnessed {
	if w.agents[id] == nil {
		w.agents[id] = &witnessed{}
	}
	return w.agents[id]
}

func (w *witness) capacity(id string) int {
	for _, a := range w.cfg.Agents {
		if a.ID == id {
			return cmp.Or(a.Capacity, DefaultCapacity)
		}
	}
	return 0
}

func (w *witness) staff(queue string) []string {
	for _, q := range w.cfg.Queues {
		if q.Name == queue {
			return q.Agents
		}
	}
	return nil
}

func (w *witness) bySessions(a *witnessed) Availability {
	best := Offline
	for _, s := range a.sessions {
		worst := Available
		for i, show := range []Show{s.Room, s.Account} {
			switch show {
			case Unknown:
				if i == 0 {
					worst = Away
				}
			case ShowAway:
				if !s.Idle || w.cfg.IdleIsAway {
					worst = Away
				}
			case Busy:
				worst = Away
			}
		}
		best = max(best, worst)
	}
	return best
}

func (w *witness) gone(a *witnessed) bool { return len(a.sessions) == 0 || a.duty == Off }

func (w *witness) available(a *witnessed) bool {
	return !w.gone(a) && a.duty == On && !a.missed && w.bySessions(a) == Available
}

// eligible lists who may be given a thread by the machine, sorted.
func (w *witness) eligible(t *seen, now time.Time) []string {
	var ids []string
	for _, id := range w.staff(t.Queue) {
		a := w.agent(id)
		if id != t.Self && w.available(a) && a.load < w.capacity(id) && !t.cool[id].end.After(now) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func before(a, b *seen) bool {
	return a.Since.Before(b.Since) || a.Since.Equal(b.Since) && a.N < b.N
}

// input follows what an input alone changes.
func (w *witness) input(now time.Time, in Input) {
	spoke, told := "", ""
	switch in := in.(type) {
	case Sessions:
		if told = in.Agent; w.capacity(told) > 0 {
			w.change(now, told, func(a *witnessed) { a.sessions = in.Sessions })
		}
	case Told:
		if spoke = in.Agent; w.capacity(spoke) > 0 {
			w.change(now, spoke, func(a *witnessed) { a.duty = in.Duty })
		}
	case Active:
		spoke = in.Agent
	case AgentSaid:
		spoke = in.Agent
	case Take:
		spoke = in.Agent
	case Pass:
		spoke = in.Agent
	case Close:
		spoke = in.By
	}
	if spoke != "" && w.capacity(spoke) > 0 {
		w.agent(spoke).missed = false
	}
}

func (w *witness) change(now time.Time, id string, do func(*witnessed)) {
	a := w.agent(id)
	wasGone := w.gone(a)
	do(a)
	switch {
	case !w.gone(a):
		a.grace = due{}
	case !wasGone && a.load > 0:
		a.grace = due{now.Add(cmp.Or(w.cfg.Grace, DefaultGrace)), now}
	}
}

// step folds the facts of one Step and checks each as it comes, then the whole.
func (w *witness) step(d *Desk, now time.Time, in Input, facts []Fact) error {
	w.input(now, in)
	if w.restarted && (len(facts) == 0 || facts[0].Kind != Paused || !facts[0].Since.Equal(w.last)) {
		return fmt.Errorf("a restart must begin with a pause since %v", w.last)
	}
	w.restarted = false
	for _, f := range facts {
		if !f.At.Equal(now) {
			return fmt.Errorf("%v: at %v, want %v", f.Kind, f.At, now)
		}
		if err := w.fact(f); err != nil {
			return fmt.Errorf("%v of thread %d, agent %q: %w", f.Kind, f.Thread, f.Agent, err)
		}
		w.last = f.At
	}
	return w.whole(d, now)
}

func (w *witness) fact(f Fact) error {
	t := w.threads[f.Thread]
	if f.Kind >= Said && f.Kind <= Closed && (t == nil || t.Conversation != f.Conversation) {
		return fmt.Errorf("no such conversation is open")
	}
	switch f.Kind {
	case Opened:
		return w.opened(f)
	case Said:
		if f.Agent != t.Owner || f.By != "" && f.By != t.Owner {
			return fmt.Errorf("owner is %q", t.Owner)
		}
		if f.By != "" {
			t.until = due{}
		}
	case Assigned:
		return w.assigned(t, f)
	case Released:
		return w.released(t, f)
	case Closed:
		if f.Saved == nil || f.Saved.N != f.Thread || f.Saved.Open || f.Saved.Owner != "" || f.Saved.Last != t.Last {
			return fmt.Errorf("saved as %+v", f.Saved)
		}
		if t.Owner != "" {
			w.agent(t.Owner).load--
		}
		delete(w.threads, t.N)
		i := slices.Index(w.open, t.N)
		w.open = slices.Delete(w.open, i, i+1)
		delete(w.waiting, t.N)
		w.closed[t.N] = f.Saved
	case Presence:
		a := w.agent(f.Agent)
		if f.Avail != w.bySessions(a) || f.Until.IsZero() != a.grace.end.IsZero() ||
			!w.paused && !f.Until.Equal(a.grace.end) {
			return fmt.Errorf("says %d until %v, want %d until %v", f.Avail, f.Until, w.bySessions(a), a.grace.end)
		}
	case GraceOver:
		a := w.agent(f.Agent)
		if w.paused || a.grace.end.IsZero() || a.grace.end.After(f.At) {
			return fmt.Errorf("grace is until %v", a.grace.end)
		}
		a.grace = due{}
	case Paused:
		if w.paused {
			return fmt.Errorf("paused twice")
		}
		w.paused, w.pausedAt = true, f.At
		if !f.Since.IsZero() {
			w.pausedAt = f.Since
		}
	case Resumed:
		w.resume(f.At)
	}
	return nil
}

func (w *witness) opened(f Fact) error {
	t := &seen{cool: map[string]due{}, Thread: Thread{N: f.Thread, Queue: f.Queue, Customer: f.Customer,
		Self: f.Self, Conversation: f.Conversation, Since: f.At}}
	if f.Saved == nil {
		if f.Thread != w.next || f.Conversation != 1 {
			return fmt.Errorf("want thread %d", w.next)
		}
		w.next++
	} else {
		was := w.closed[f.Thread]
		if was == nil || *was != *f.Saved || f.Conversation != was.Conversation+1 || f.Queue != was.Queue {
			return fmt.Errorf("came back as %+v, left as %+v", f.Saved, was)
		}
		t.Last = was.Last
		delete(w.closed, f.Thread)
	}
	if w.threads[t.N] != nil {
		return fmt.Errorf("open already")
	}
	w.threads[t.N], w.waiting[t.N] = t, t
	w.open = append(w.open, t.N)
	return nil
}

func (w *witness) assigned(t *seen, f Fact) error {
	if t.Owner != "" {
		return fmt.Errorf("two owners: %s has it", t.Owner)
	}
	if f.From != t.Last || f.Agent == t.Self || !slices.Contains(w.staff(t.Queue), f.Agent) {
		return fmt.Errorf("from %q, last %q, customer himself %q", f.From, t.Last, t.Self)
	}
	if f.Reason == ByHand {
		if !f.Until.IsZero() {
			return fmt.Errorf("a time-out by hand")
		}
	} else if err := w.byMachine(t, f); err != nil {
		return err
	}
	if !f.Until.IsZero() {
		t.until = due{f.Until, f.At}
	}
	t.Owner, t.Last = f.Agent, f.Agent
	w.agent(f.Agent).load++
	delete(w.waiting, t.N)
	return nil
}

func (w *witness) byMachine(t *seen, f Fact) error {
	can := w.eligible(t, f.At)
	switch {
	case w.paused:
		return fmt.Errorf("the desk is paused")
	case !slices.Contains(can, f.Agent):
		return fmt.Errorf("not eligible; %v are", can)
	case slices.Contains(can, t.Last) != (f.Reason == SameAgent):
		return fmt.Errorf("reason %s, last was %s, eligible are %v", f.Reason, t.Last, can)
	case f.Reason == SameAgent && f.Agent != t.Last:
		return fmt.Errorf("last was %s", t.Last)
	case f.Reason == Random && (!slices.Equal(can, f.Candidates) || can[f.Draw] != f.Agent):
		return fmt.Errorf("candidates %v draw %d, eligible are %v", f.Candidates, f.Draw, can)
	case !f.Until.Equal(f.At.Add(cmp.Or(w.cfg.AnswerWithin, DefaultAnswerWithin))):
		return fmt.Errorf("time-out at %v", f.Until)
	}
	if w.thorough {
		for _, u := range w.waiting {
			if before(u, t) && len(w.eligible(u, f.At)) > 0 {
				return fmt.Errorf("thread %d was first", u.N)
			}
		}
	}
	return nil
}

func (w *witness) released(t *seen, f Fact) error {
	if t.Owner == "" || t.Owner != f.Agent {
		return fmt.Errorf("owner is %q", t.Owner)
	}
	cools := false
	switch f.Reason {
	case Missed:
		if w.paused || t.until.end.IsZero() || t.until.end.After(f.At) {
			return fmt.Errorf("time-out is at %v", t.until.end)
		}
		w.agent(f.Agent).missed = true
		cools = true
	case Passed, Bounced:
		cools = true
	case Gone:
		if w.paused || !w.gone(w.agent(f.Agent)) {
			return fmt.Errorf("he is there")
		}
	case Removed:
		if slices.Contains(w.staff(t.Queue), f.Agent) {
			return fmt.Errorf("he is of the queue")
		}
	}
	if cools {
		if !f.Until.Equal(f.At.Add(cmp.Or(w.cfg.CoolDown, DefaultCoolDown))) {
			return fmt.Errorf("cool-down until %v", f.Until)
		}
		t.cool[f.Agent] = due{f.Until, f.At}
	} else if !f.Until.IsZero() {
		return fmt.Errorf("a cool-down for %s", f.Reason)
	}
	w.agent(f.Agent).load--
	t.Owner, t.until = "", due{}
	w.waiting[t.N] = t
	return nil
}

// resume shifts every deadline by the part of the pause that it saw.
func (w *witness) resume(now time.Time) {
	shift := func(x due) due {
		if x.end.IsZero() {
			return x
		}
		from := w.pausedAt
		if x.set.After(from) {
			from = x.set
		}
		return due{x.end.Add(now.Sub(from)), now}
	}
	for _, a := range w.agents {
		a.grace = shift(a.grace)
	}
	for _, t := range w.threads {
		t.until = shift(t.until)
		for id := range t.cool {
			t.cool[id] = shift(t.cool[id])
		}
	}
	w.paused = false
}

// whole checks what must hold after every step.
func (w *witness) whole(d *Desk, now time.Time) error {
	if c := d.Counts(); c.Open != len(w.threads) || c.Waiting != len(w.waiting) {
		return fmt.Errorf("%d open and %d waiting, want %d and %d", c.Open, c.Waiting, len(w.threads), len(w.waiting))
	}
	if w.steps++; w.thorough || w.steps%16 == 0 {
		if err := w.clocks(d, now); err != nil {
			return err
		}
	}
	return w.nobodyWaits(now)
}

// clocks checks that nothing is due and that the desk knows what will be next.
func (w *witness) clocks(d *Desk, now time.Time) error {
	var next time.Time
	soonest := func(at time.Time) {
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	for id, a := range w.agents {
		soonest(a.grace.end)
		if s, ok := d.Agent(id); ok && (s.Load != a.load || (s.Avail == Available) != w.available(a)) {
			return fmt.Errorf("agent %s is %+v, want load %d, available %v", id, s, a.load, w.available(a))
		}
	}
	for _, t := range w.threads {
		soonest(t.until.end)
	}
	for _, t := range w.waiting {
		for _, c := range t.cool {
			if c.end.After(now) {
				soonest(c.end)
			}
		}
	}
	switch {
	case w.paused:
		next = time.Time{}
	case !next.IsZero() && !next.After(now):
		return fmt.Errorf("something was due at %v", next)
	}
	if got := d.Deadline(); !got.Equal(next) {
		return fmt.Errorf("deadline %v, want %v", got, next)
	}
	return nil
}

// nobodyWaits checks that no customer waits while somebody could serve him.
func (w *witness) nobodyWaits(now time.Time) error {
	if w.paused || !w.anyoneFree() {
		return nil
	}
	for _, t := range w.waiting {
		if can := w.eligible(t, now); len(can) > 0 {
			return fmt.Errorf("thread %d waits while %v could serve it", t.N, can)
		}
	}
	return nil
}

func (w *witness) anyoneFree() bool {
	for id, a := range w.agents {
		if w.available(a) && a.load < w.capacity(id) {
			return true
		}
	}
	return false
}

// restart is what the end of a process and the start of the next one do to the desk:
// it was down since its last fact, and says so first.
func (w *witness) restart(cfg Config) {
	w.cfg = cfg
	w.restarted = !w.paused
}
