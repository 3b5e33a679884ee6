package dispatch

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Desk is the state. It belongs to one goroutine; nothing in it is safe for two.
//
// State changes in Apply alone. Beside it the desk keeps indexes that follow
// from it (who is free, what is due next) and notes for settle, none of
// which is in a snapshot.
type Desk struct {
	cfg    Config
	agents map[string]*agent // of the config, and those whom facts name
	queues map[string]*queue // likewise
	roster []*agent          // of the config, by ID
	counts Counts            // totals; the sizes are counted when asked for

	threads  map[uint64]*thread // the open ones
	waiting  int
	next     uint64    // the next new thread's number
	last     time.Time // of the last fact
	paused   bool
	pausedAt time.Time
	stood    time.Duration // how long the desk has stood still in all: wall time less desk time

	timers timers

	started bool      // the first Step since New or Restore has begun
	clock   time.Time // of the present Step
	facts   []Fact    // of the present Step
	hoursAt time.Time // when a queue next opens or closes by its hours
	stirred bool      // somebody is not asked any more since serve began
	spilled bool      // a queue has closed or opened since the last settle
	changed bool      // the config is another one since the last Step
	seeking []*thread // a transfer of theirs waits for somebody of a queue to be free; in the order in which it began
	fresh   []*thread // came to the line, or a cool-down for them ended, since the last settle
	woken   []*agent  // became free since the last settle
}

// New returns an empty, paused desk. It panics if the config names an agent or
// queue twice, or a queue names an agent that is none.
func New(cfg Config) *Desk {
	d := &Desk{
		agents:  make(map[string]*agent),
		queues:  make(map[string]*queue),
		threads: make(map[uint64]*thread),
		next:    1,
		paused:  true,
	}
	d.configure(cfg)
	return d
}

func (d *Desk) configure(cfg Config) {
	cfg.Grace = orDefault(cfg.Grace, DefaultGrace)
	cfg.AnswerWithin = orDefault(cfg.AnswerWithin, DefaultAnswerWithin)
	cfg.CoolDown = orDefault(cfg.CoolDown, DefaultCoolDown)
	cfg.HandOver = orDefault(cfg.HandOver, DefaultHandOver)
	cfg.BotTurns = orDefault(cfg.BotTurns, DefaultBotTurns)
	d.cfg = cfg
	for _, c := range cfg.Agents {
		a := d.agent(c.ID)
		if a.known || c.ID == "" {
			panic(fmt.Sprintf("dispatch: the config names agent %q twice or not at all", c.ID))
		}
		a.known = true
		a.capacity = orDefault(c.Capacity, DefaultCapacity)
		a.bot = c.Bot
		a.skills = make(map[string]bool, len(c.Skills))
		for _, s := range c.Skills {
			a.skills[s] = true
		}
		d.roster = append(d.roster, a)
	}
	slices.SortFunc(d.roster, byID)
	for _, c := range cfg.Queues {
		q := d.queue(c.Name)
		if q.known || c.Name == "" {
			panic(fmt.Sprintf("dispatch: the config names queue %q twice or not at all", c.Name))
		}
		q.configure(&c)
		d.staff(q, c.Agents)
	}
	d.hoursAt = time.Time{} // look at once
}

// Reconfigure puts another config in the place of the present one. What does not fit it any more is mended by the
// next Step, which should follow at once: until then nothing is due. It panics as New does.
func (d *Desk) Reconfigure(cfg Config) {
	for _, q := range d.queues {
		q.known, q.agents, q.there, q.free, q.woken = false, nil, 0, 0, 0
	}
	since := make(map[*agent]time.Time, len(d.agents))
	for _, a := range d.agents {
		since[a] = a.since
		a.known, a.capacity, a.queues, a.bot = false, 0, nil, false
		a.avail, a.free, a.woken = Offline, false, false
	}
	d.roster, d.woken = nil, nil
	d.configure(cfg)
	for a, at := range since {
		d.refresh(a, at)
		a.since = at
	}
	d.changed = true
}

// staff gives a queue of the config its agents.
func (d *Desk) staff(q *queue, ids []string) {
	for _, id := range ids {
		a := d.agents[id]
		if a == nil || !a.known || a.of(q) {
			panic(fmt.Sprintf("dispatch: queue %q names %q, who is no agent or is named twice", q.name, id))
		}
		q.agents = append(q.agents, a)
		a.queues = append(a.queues, q)
	}
	slices.SortFunc(q.agents, byID)
}

func orDefault[T int | time.Duration](v, def T) T {
	if v <= 0 {
		return def
	}
	return v
}

// Step decides what follows from an input at that time and then settles: what is due
// happens, and who waits goes to who is free. The facts have been applied when it
// returns; they must be kept all or none. The error answers the asker; facts may come with it
// (what was due happens anyway). Time never runs backwards: an earlier now counts as the last one.
//
// It costs O(log n) in the open conversations, plus what it decides, plus, when an agent becomes free,
// the conversations ahead in line that he can't have (he passed or missed them, or they are his own).
func (d *Desk) Step(now time.Time, chance Chance, in Input) ([]Fact, error) {
	for _, t := range [...]time.Time{now.Round(0).UTC(), d.last} {
		if t.After(d.clock) {
			d.clock = t
		}
	}
	if !d.started {
		d.start()
	}
	if d.changed {
		d.mend()
	}
	err := d.decide(in)
	d.settle(chance)
	facts := d.facts
	d.facts = nil // they are the caller's now
	return facts, err
}

// start begins a run: the desk was down since the last fact, and the config may be another one.
func (d *Desk) start() {
	if !d.paused {
		d.emit(Fact{Kind: Paused, Since: d.last})
	}
	d.started, d.changed = true, true
}

// mend makes the state fit the config, which may be another one than that by which it came to be.
func (d *Desk) mend() {
	d.changed, d.spilled = false, true
	for _, id := range slices.Sorted(maps.Keys(d.agents)) {
		if a := d.agents[id]; !a.known && (a.sessions != Offline || a.grace.pos > 0) { // nobody tells of him until he is one again
			d.emit(Fact{Kind: Presence, Agent: id, Avail: Offline})
		}
	}
	for _, n := range slices.Sorted(maps.Keys(d.threads)) {
		t := d.threads[n]
		d.mendThread(t)
		d.retime(t, d.deskTime(d.clock))
	}
	if !d.paused {
		for _, a := range d.roster {
			if a.free {
				d.wake(a)
			}
		}
	}
}

func (d *Desk) mendThread(t *thread) {
	by := t.queue
	if s := t.seek; s != nil {
		to := d.agents[s.to]
		if by = d.queues[s.queue]; s.to != "" && (to == nil || !to.known) || !by.known || t.Owner != "" && !d.agents[t.Owner].of(t.queue) {
			d.stay(t, Removed)
		}
	}
	for _, a := range slices.Clone(t.asked) {
		if t.asks(a.agent) && (!d.agents[a.agent].of(by) || t.Owner == "" && by.mode == Push) {
			d.refuse(t, a.agent, Removed)
		}
	}
	for _, id := range slices.Clone(t.team) {
		if !d.agents[id].known {
			d.part(t, id, Removed)
		}
	}
	if t.Owner != "" && !d.agents[t.Owner].of(t.queue) {
		d.release(t, Removed)
	}
	if t.Owner == "" && t.Serving != "" && !t.queue.known {
		d.emit(Fact{Kind: Moved, Thread: t.N, Conversation: t.Conversation, Queue: t.Queue, Reason: Removed})
	}
}

func (d *Desk) decide(in Input) error {
	switch in := in.(type) {
	case CustomerSaid:
		return d.customerSaid(in)
	case AgentSaid:
		return d.agentSaid(in)
	case Sessions:
		return d.sessions(in)
	case Told:
		return d.told(in)
	case Active:
		_, err := d.speaker(in.Agent)
		return err
	case Take:
		return d.take(in)
	case Pass:
		return d.pass(in)
	case Close:
		return d.close(in)
	case Transfer:
		return d.transfer(in)
	case Join:
		return d.join(in)
	case Leave:
		return d.leaveTeam(in)
	case Assign:
		return d.assign(in)
	case SetCapacity:
		return d.setCapacity(in)
	case SetQueue:
		return d.setQueue(in)
	case Unreachable:
		d.unreachable(in)
	case CustomerGone:
		return d.customerGone(in)
	case Brief:
		return d.brief(in)
	case DeskDown:
		if !d.paused {
			d.emit(Fact{Kind: Paused})
		}
	case DeskUp:
		if d.paused {
			d.emit(Fact{Kind: Resumed})
		}
	case Tick:
	default:
		panic(fmt.Sprintf("dispatch: unknown input %T", in))
	}
	return nil
}

// settle makes true what must hold between steps: nothing is due, and nobody
// waits whom somebody could serve. While the desk is paused neither is wanted.
func (d *Desk) settle(chance Chance) {
	if !d.paused {
		d.tellHours()
		d.due()
		d.spill()
		d.seekOn(chance)
		for d.stirred = true; d.stirred; { // again, if somebody became free meanwhile: he was asked about one that a bot was given
			d.stirred = false
			d.serve(chance)
		}
	}
	clear(d.fresh)
	d.fresh = d.fresh[:0]
	d.rest()
}

// due does what its time has come for, in the order of time.
func (d *Desk) due() {
	now := d.deskTime(d.clock)
	for {
		tm := d.timers.first()
		switch {
		case tm == nil || tm.at.After(now):
			return
		case tm.agent != nil && tm == &tm.agent.back:
			d.dutyOver(tm.agent)
		case tm.agent != nil && tm == &tm.agent.rest:
			d.rested(tm.agent)
		case tm.agent != nil:
			d.graceOver(tm.agent)
		default:
			d.overdue(tm.thread, now)
		}
	}
}

// emit applies what was decided. What doesn't fit here was decided wrongly.
func (d *Desk) emit(f Fact) {
	f.At = d.clock
	if err := d.Apply(f); err != nil {
		panic(err.Error())
	}
	d.facts = append(d.facts, f)
}

// Apply changes the state by a fact that was decided before; it decides nothing. For replay.
// A fact that does not fit the state is an error that says why, and changes nothing.
func (d *Desk) Apply(f Fact) error {
	f.At = f.At.Round(0).UTC()
	if f.At.IsZero() || f.At.Before(d.last) {
		return fmt.Errorf("dispatch: a fact (%v) of %v can't follow one of %v", f.Kind, f.At, d.last)
	}
	began := d.pausedAt
	if d.last.IsZero() {
		d.pausedAt = f.At // desk time begins with the first fact
	}
	if err := d.apply(&f); err != nil {
		d.pausedAt = began
		return fmt.Errorf("dispatch: a fact (%v, thread %d, agent %q) does not fit: %w", f.Kind, f.Thread, f.Agent, err)
	}
	d.last = f.At
	return nil
}

func (d *Desk) apply(f *Fact) error {
	switch f.Kind {
	case Opened:
		return d.applyOpened(f)
	case Said, Assigned, Released, Closed, Sought, Offered, Refused, Stayed, Joined, Parted, Lingered, Moved, Idled, Vanished, Appeared, Briefed:
		return d.applyToThread(f)
	case DutySet, Presence, GraceOver, Returned, Capped:
		return d.applyToAgent(f)
	case QueueSet, HoursSet:
		return d.applyQueueSet(f)
	case Paused:
		return d.applyPaused(f)
	case Resumed:
		return d.applyResumed(f)
	}
	return fmt.Errorf("unknown kind %d", uint16(f.Kind))
}

func (d *Desk) applyPaused(f *Fact) error {
	since := f.At
	if !f.Since.IsZero() {
		since = f.Since.Round(0).UTC()
	}
	switch {
	case d.paused:
		return errPaused
	case since.Before(d.last) || since.After(f.At):
		return errSince
	}
	d.paused, d.pausedAt = true, since
	return nil
}

func (d *Desk) applyResumed(f *Fact) error {
	if !d.paused {
		return errNotPaused
	}
	d.paused = false
	d.stood += f.At.Sub(d.pausedAt)
	d.spilled = true
	for _, a := range d.roster { // nobody has looked at the line meanwhile
		if a.free {
			d.wake(a)
		}
	}
	return nil
}

// deskTime is the clock that grace periods, answer time-outs and cool-downs run
// by: it stands still while the desk is paused, so that a pause of any number of deadlines costs nothing.
func (d *Desk) deskTime(at time.Time) time.Time {
	if d.paused {
		at = d.pausedAt
	}
	return at.Add(-d.stood)
}

// until is a fact's Until in desk time; zero stays zero. It may be past where a step came late.
func (d *Desk) until(f *Fact) time.Time {
	if f.Until.IsZero() {
		return time.Time{}
	}
	return d.deskTime(f.At).Add(f.Until.Sub(f.At))
}

// Deadline is when the desk next wants a Tick; zero for never, as while it is paused.
func (d *Desk) Deadline() time.Time {
	if d.paused || !d.started {
		return time.Time{}
	}
	at := d.hoursAt
	if tm := d.timers.first(); tm != nil && (tm.at.Add(d.stood).Before(at) || at.Equal(never)) {
		at = tm.at.Add(d.stood)
	}
	if at.Equal(never) {
		return time.Time{}
	}
	return at
}

// Counts are totals since New, and the present size.
type Counts struct {
	Open, Waiting                      int
	Opened, Assigned, Released, Closed uint64
}

// Counts of the desk as it stands. Snapshots keep the totals.
func (d *Desk) Counts() Counts {
	c := d.counts
	c.Open, c.Waiting = len(d.threads), d.waiting
	return c
}

// String names the kind as its constant is named.
func (k Kind) String() string {
	names := [...]string{Opened: "Opened", Said: "Said", Assigned: "Assigned", Released: "Released",
		Closed: "Closed", DutySet: "DutySet", Presence: "Presence", GraceOver: "GraceOver",
		Returned: "Returned", Paused: "Paused", Resumed: "Resumed", Sought: "Sought", Offered: "Offered",
		Refused: "Refused", Stayed: "Stayed", Joined: "Joined", Parted: "Parted", Capped: "Capped",
		QueueSet: "QueueSet", Lingered: "Lingered", Moved: "Moved", HoursSet: "HoursSet",
		Idled: "Idled", Vanished: "Vanished", Appeared: "Appeared", Briefed: "Briefed"}
	if k == 0 || int(k) >= len(names) {
		return fmt.Sprintf("Kind(%d)", uint16(k))
	}
	return names[k]
}
