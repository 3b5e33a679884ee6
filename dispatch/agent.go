package dispatch

import (
	"slices"
	"strings"
	"time"
)

// agent is one who works at the desk, or did when the log was written.
type agent struct {
	id       string
	known    bool // in the config
	capacity int  // by the config
	limit    int  // by his own word, 0 for none
	skills   map[string]bool
	bot      bool
	queues   []*queue

	sessions Availability // what they say
	duty     Duty
	missed   bool
	grace    timer
	back     timer     // ends his duty
	rest     timer     // until then he is given nothing
	tired    time.Time // desk time: the end of his last rest
	given    time.Time // when he was last given a conversation
	asked    int       // transfers that are offered to him
	since    time.Time // of avail

	avail Availability // follows from sessions, duty and missed
	owned line
	free  bool // known, available, not resting, and under his capacity, what is offered to him included
	woken bool // in Desk.woken
}

func byID(a, b *agent) int { return strings.Compare(a.id, b.id) }

// agent returns the one of that ID, and makes one whom only the log knows.
func (d *Desk) agent(id string) *agent {
	a := d.agents[id]
	if a == nil {
		a = &agent{id: id}
		a.grace.agent, a.back.agent, a.rest.agent = a, a, a
		d.agents[id] = a
	}
	return a
}

func (a *agent) of(q *queue) bool { return q != nil && slices.Contains(a.queues, q) }

// most is how many conversations he has at once.
func (a *agent) most() int {
	if a.limit > 0 {
		return a.limit
	}
	return a.capacity
}

// gone tells that nothing can reach him until he comes back.
func (a *agent) gone() bool { return a.sessions == Offline || a.duty == Off }

// considered is his availability, all things considered.
func (a *agent) considered() Availability {
	switch {
	case a.gone():
		return Offline
	case a.duty == AwayNow || a.missed:
		return Away
	}
	return a.sessions
}

// rate is the best that an agent's sessions say.
func (c *Config) rate(sessions []Session) Availability {
	best := Offline
	for _, s := range sessions {
		v := c.rateShow(s.Room, s.Idle)
		if s.Account != Unknown {
			v = min(v, c.rateShow(s.Account, s.Idle))
		}
		best = max(best, v)
	}
	return best
}

func (c *Config) rateShow(show Show, idle bool) Availability {
	if show == Online || show == ShowAway && idle && !c.IdleIsAway {
		return Available
	}
	return Away
}

// speaker returns an agent of the config who just did something, which ends the away of a missed answer.
func (d *Desk) speaker(id string) (*agent, error) {
	a := d.agents[id]
	if a == nil || !a.known {
		return nil, ErrNotAgent
	}
	if a.missed {
		d.emit(Fact{Kind: Returned, Agent: id})
	}
	return a, nil
}

func (d *Desk) sessions(in Sessions) error {
	a := d.agents[in.Agent]
	if a == nil || !a.known {
		return ErrNotAgent
	}
	d.present(a, d.cfg.rate(in.Sessions), a.gone())
	return nil
}

func (d *Desk) told(in Told) error {
	a, err := d.speaker(in.Agent)
	if err != nil {
		return err
	}
	f := Fact{Kind: DutySet, Agent: a.id, Duty: in.Duty}
	if in.Duty == AwayNow && in.For > 0 {
		f.Until = d.clock.Add(in.For)
	}
	if in.Duty != a.duty || !f.Until.IsZero() || a.back.pos > 0 {
		d.setDuty(a, f)
	}
	return nil
}

func (d *Desk) setDuty(a *agent, f Fact) {
	wasGone := a.gone()
	d.emit(f)
	d.present(a, a.sessions, wasGone)
}

// rested lets an agent be given conversations again. It follows from the fact that set the end of his rest, and is none.
func (d *Desk) rested(a *agent) {
	d.timers.set(&a.rest, time.Time{})
	d.refresh(a, a.since)
}

// tire sets until when an agent is given nothing.
func (d *Desk) tire(a *agent, f *Fact) {
	if until := d.deskTime(f.At).Add(f.Rest.Sub(f.At)); !f.Rest.IsZero() && until.After(a.tired) {
		a.tired = until
		d.timers.set(&a.rest, until)
		d.refresh(a, f.At)
	}
}

// dutyOver ends what an agent said for a time.
func (d *Desk) dutyOver(a *agent) { d.setDuty(a, Fact{Kind: DutySet, Agent: a.id}) }

// setCapacity is an agent's word on how many he takes, or a supervisor's.
func (d *Desk) setCapacity(in SetCapacity) error {
	if _, err := d.speaker(in.By); err != nil {
		return err
	}
	a := d.agents[in.Agent]
	switch {
	case a == nil || !a.known:
		return ErrNotAgent
	case in.Max < 0 || in.Max > MaxCapacity:
		return ErrRange
	case in.Max != a.limit:
		d.emit(Fact{Kind: Capped, Agent: a.id, Max: in.Max, By: in.By})
	}
	return nil
}

// present records what an agent's sessions say, and starts or ends his grace.
func (d *Desk) present(a *agent, says Availability, wasGone bool) {
	running := a.grace.pos > 0
	grace := time.Time{}
	switch {
	case says != Offline && a.duty != Off: // he is there
	case running:
		grace = d.clock.Add(a.grace.at.Sub(d.deskTime(d.clock)))
	case !wasGone && a.owned.len() > 0:
		grace = d.clock.Add(d.cfg.Grace)
	}
	if says != a.sessions || running == grace.IsZero() {
		d.emit(Fact{Kind: Presence, Agent: a.id, Avail: says, Until: grace})
	}
}

// graceOver takes from an agent who did not come back all that he has.
func (d *Desk) graceOver(a *agent) {
	d.emit(Fact{Kind: GraceOver, Agent: a.id})
	for _, t := range slices.Collect(a.owned.all()) {
		d.release(t, Gone)
	}
}

func (d *Desk) applyToAgent(f *Fact) error {
	if f.Agent == "" {
		return errNobody
	}
	switch f.Kind {
	case DutySet:
		if f.Duty > Off {
			return errValue
		}
		a := d.agent(f.Agent)
		a.duty = f.Duty
		d.timers.set(&a.back, d.until(f))
	case Capped:
		if f.Max < 0 || f.Max > MaxCapacity {
			return errValue
		}
		d.agent(f.Agent).limit = f.Max
	case Presence:
		if f.Avail > Available {
			return errValue
		}
		a := d.agent(f.Agent)
		a.sessions = f.Avail
		d.timers.set(&a.grace, d.until(f))
	case GraceOver:
		a := d.agents[f.Agent]
		if a == nil || a.grace.pos == 0 {
			return errNoGrace
		}
		d.timers.set(&a.grace, time.Time{})
	case Returned:
		a := d.agents[f.Agent]
		if a == nil || !a.missed {
			return errNotMissed
		}
		a.missed = false
	}
	d.refresh(d.agents[f.Agent], f.At)
	return nil
}

// refresh follows up a change of an agent in all that depends on it.
func (d *Desk) refresh(a *agent, at time.Time) {
	if v := a.considered(); v != a.avail {
		if a.known && !a.bot {
			there := int(min(v, Away)) - int(min(a.avail, Away))
			for _, q := range a.queues {
				q.there += there
			}
		}
		a.avail, a.since = v, at
	}
	free := a.known && a.avail == Available && a.load() < a.most() && a.rest.pos == 0
	if free == a.free {
		return
	}
	a.free = free
	by := 1
	if !free {
		by = -1
	}
	for _, q := range a.queues {
		if !a.bot {
			q.free += by
		}
		if a.woken {
			q.woken += by
		}
	}
	if free {
		d.wake(a)
	}
}

// wake notes that a free agent may now be given what he could not be given before.
func (d *Desk) wake(a *agent) {
	if a.woken {
		return
	}
	a.woken = true
	d.woken = append(d.woken, a)
	for _, q := range a.queues {
		q.woken++
	}
}

// rest forgets who woke.
func (d *Desk) rest() {
	for _, a := range d.woken {
		a.woken = false
		if a.free {
			for _, q := range a.queues {
				q.woken--
			}
		}
	}
	clear(d.woken)
	d.woken = d.woken[:0]
}

// AgentState is what the desk believes of an agent.
type AgentState struct {
	ID       string
	Avail    Availability // all things considered
	Sessions Availability // by his sessions alone
	Duty     Duty
	Missed   bool
	Since    time.Time // of Avail
	GraceEnd time.Time // zero: none. While the desk is paused: as it stood when the pause began
	DutyEnd  time.Time // when Duty ends by itself; likewise
	RestEnd  time.Time // until then he is given nothing new by the machine; likewise
	Bot      bool
	Load     int
	Asked    int // conversations that are offered to him
	Capacity int
}

func (d *Desk) state(a *agent) AgentState {
	s := AgentState{ID: a.id, Avail: a.avail, Sessions: a.sessions, Duty: a.duty, Missed: a.missed,
		Since: a.since, Load: a.owned.len(), Asked: a.asked, Capacity: a.most(), Bot: a.bot}
	if a.rest.pos > 0 {
		s.RestEnd = a.rest.at.Add(d.stood)
	}
	if a.grace.pos > 0 {
		s.GraceEnd = a.grace.at.Add(d.stood)
	}
	if a.back.pos > 0 {
		s.DutyEnd = a.back.at.Add(d.stood)
	}
	return s
}

// Agents returns all agents of the config in the order of ID.
func (d *Desk) Agents() []AgentState {
	all := make([]AgentState, len(d.roster))
	for i, a := range d.roster {
		all[i] = d.state(a)
	}
	return all
}

// Agent returns one of them.
func (d *Desk) Agent(id string) (AgentState, bool) {
	a := d.agents[id]
	if a == nil || !a.known {
		return AgentState{}, false
	}
	return d.state(a), true
}
