package dispatch

import (
	"errors"
	"slices"
	"time"
)

// thread is an open one.
type thread struct {
	Thread
	queue *queue
	clock timer     // the answer time-out where it has an owner, the next end of a cool-down where it waits
	until time.Time // of the answer, desk time; zero is none
	cool  []cooling // at most one per agent
	place
}

// cooling is an agent who is not given the thread again before the end, in desk time.
type cooling struct {
	Agent string    `json:"a"`
	End   time.Time `json:"end"`
}

// Why a fact does not fit.
var (
	errSince     = errors.New("it began before the last fact or after itself")
	errPaused    = errors.New("the desk is paused already")
	errNotPaused = errors.New("the desk is not paused")
	errNobody    = errors.New("it names no agent")
	errValue     = errors.New("a value out of range")
	errNoGrace   = errors.New("no grace is running")
	errNotMissed = errors.New("he missed no answer")
	errNumber    = errors.New("a thread or conversation of another number was due")
	errSaved     = errors.New("the thread that comes back is another one")
	errOpen      = errors.New("the thread is open already")
	errNotOpen   = errors.New("the thread is not open")
	errOwner     = errors.New("somebody else has the conversation, or nobody")
	errLast      = errors.New("somebody else had the thread last")
	errDraw      = errors.New("the draw is not his")
	errItself    = errors.New("he is the customer")
)

// cooled tells that an agent may have the thread for all that he passed or missed.
func (t *thread) cooled(id string, now time.Time) bool {
	for _, c := range t.cool {
		if c.Agent == id {
			return !c.End.After(now)
		}
	}
	return true
}

// open returns an open thread for a command.
func (d *Desk) open(n uint64) (*thread, error) {
	if t := d.threads[n]; t != nil {
		return t, nil
	}
	if n == 0 || n >= d.next {
		return nil, ErrUnknownThread
	}
	return nil, ErrNotOpen
}

func (d *Desk) customerSaid(in CustomerSaid) error {
	n := in.Thread
	if a := d.agents[in.Self]; a == nil || !a.known {
		in.Self = "" // whatever it is, a fact holds agents' addresses only
	}
	switch {
	case n == 0:
		if q := d.queues[in.Queue]; q == nil || !q.known {
			return ErrUnknownQueue
		}
		n = d.next
		d.emit(Fact{Kind: Opened, Thread: n, Conversation: 1, Queue: in.Queue, Customer: in.Customer, Self: in.Self})
	case d.threads[n] == nil:
		if err := d.reopen(n, in.Saved, in.Self, ""); err != nil {
			return err
		}
	}
	d.say(d.threads[n], "")
	return nil
}

func (d *Desk) agentSaid(in AgentSaid) error {
	a, err := d.speaker(in.Agent)
	if err != nil {
		return err
	}
	t := d.threads[in.Thread]
	switch {
	case t == nil:
		if in.Saved == nil {
			return ErrUnknownThread
		}
		if err := d.mayClaim(a, in.Saved); err != nil {
			return err
		}
		if err := d.reopen(in.Thread, in.Saved, "", a.id); err != nil {
			return err
		}
		t = d.threads[in.Thread]
		d.claim(a, t)
	case t.Owner == "":
		if err := d.mayClaim(a, &t.Thread); err != nil {
			return err
		}
		d.claim(a, t)
	case t.Owner != a.id:
		return ErrNotYours
	}
	d.say(t, a.id)
	return nil
}

// reopen begins the next conversation of a thread that left memory.
func (d *Desk) reopen(n uint64, saved *Thread, self, by string) error {
	if saved == nil || saved.N != n || n == 0 || n >= d.next {
		return ErrUnknownThread
	}
	if q := d.queues[saved.Queue]; q == nil || !q.known {
		return ErrUnknownQueue
	}
	if self == "" {
		self = saved.Self
	}
	was := *saved
	was.Open, was.Owner = false, ""
	d.emit(Fact{Kind: Opened, Thread: n, Conversation: was.Conversation + 1, Queue: was.Queue,
		Customer: was.Customer, Self: self, By: by, Saved: &was})
	return nil
}

func (d *Desk) say(t *thread, by string) {
	d.emit(Fact{Kind: Said, Thread: t.N, Conversation: t.Conversation, By: by, Agent: t.Owner})
}

// mayClaim tells whether an agent may have a thread by his own choice. Capacity,
// availability and cool-downs do not bind him: a human decides.
func (d *Desk) mayClaim(a *agent, t *Thread) error {
	switch {
	case t.Self == a.id:
		return ErrSelf
	case !a.of(d.queues[t.Queue]):
		return ErrNotAgent
	}
	return nil
}

// claim gives a waiting thread to an agent by his own choice.
func (d *Desk) claim(a *agent, t *thread) {
	d.emit(Fact{Kind: Assigned, Thread: t.N, Conversation: t.Conversation, Agent: a.id, From: t.Last, Reason: ByHand})
}

// release gives a conversation back to the line, at its old place. Who passed it, missed it
// or could not be reached is in cool-down for it.
func (d *Desk) release(t *thread, why Reason) {
	f := Fact{Kind: Released, Thread: t.N, Conversation: t.Conversation, Agent: t.Owner, Reason: why}
	switch why {
	case Passed, Missed, Bounced:
		f.Until = d.clock.Add(d.cfg.CoolDown)
	}
	d.emit(f)
}

func (d *Desk) take(in Take) error {
	a, err := d.speaker(in.Agent)
	if err != nil {
		return err
	}
	t, err := d.open(in.Thread)
	if err != nil {
		return err
	}
	if t.Owner == a.id {
		return ErrYours
	}
	if err := d.mayClaim(a, &t.Thread); err != nil {
		return err
	}
	if t.Owner != "" {
		if !in.Force {
			return ErrNotYours
		}
		d.release(t, Taken)
	}
	d.claim(a, t)
	return nil
}

// owned returns the thread that an agent wants to part from, which must be his.
func (d *Desk) owned(id string, n uint64, force bool) (*thread, error) {
	a, err := d.speaker(id)
	if err != nil {
		return nil, err
	}
	t, err := d.open(n)
	switch {
	case err != nil:
		return nil, err
	case t.Owner == a.id || force:
		return t, nil
	case t.Owner == "":
		return nil, ErrWaiting
	}
	return nil, ErrNotYours
}

func (d *Desk) pass(in Pass) error {
	t, err := d.owned(in.Agent, in.Thread, false)
	if err == nil {
		d.release(t, Passed)
	}
	return err
}

func (d *Desk) close(in Close) error {
	var t *thread
	var err error
	why := in.Reason
	if in.By == "" {
		t, err = d.open(in.Thread)
		if why == "" {
			why = ByDesk
		}
	} else {
		t, err = d.owned(in.By, in.Thread, in.Force)
		if why == "" {
			why = ByAgent
		}
	}
	if err != nil {
		return err
	}
	saved := t.Thread
	saved.Open, saved.Owner = false, ""
	d.emit(Fact{Kind: Closed, Thread: t.N, Conversation: t.Conversation, By: in.By, Reason: why, Saved: &saved})
	return nil
}

func (d *Desk) unreachable(in Unreachable) {
	if t := d.threads[in.Thread]; t != nil && in.Agent != "" && t.Owner == in.Agent {
		d.release(t, Bounced)
	}
}

func (d *Desk) applyOpened(f *Fact) error {
	t := &thread{Thread: Thread{N: f.Thread, Queue: f.Queue, Customer: f.Customer, Self: f.Self,
		Conversation: f.Conversation, Open: true, Since: f.At}}
	switch s := f.Saved; {
	case d.threads[f.Thread] != nil:
		return errOpen
	case s == nil && (f.Thread != d.next || f.Conversation != 1):
		return errNumber
	case s == nil:
		d.next++
	case s.N != f.Thread || s.Queue != f.Queue || s.Customer != f.Customer:
		return errSaved
	case f.Thread == 0 || f.Thread >= d.next || f.Conversation != s.Conversation+1:
		return errNumber
	default:
		t.Last = s.Last
	}
	d.counts.Opened++
	d.keep(t)
	d.enter(t, f.At)
	return nil
}

// keep takes a thread into memory, in no line yet.
func (d *Desk) keep(t *thread) {
	t.queue = d.queue(t.Queue)
	t.clock.thread = t
	d.threads[t.N] = t
}

// enter puts a thread that nobody has into its line.
func (d *Desk) enter(t *thread, at time.Time) {
	t.queue.line.insert(t)
	d.waiting++
	d.retime(t, d.deskTime(at))
	if d.started && !d.paused {
		d.fresh = append(d.fresh, t)
	}
}

// leave takes a thread out of the line where it is.
func (d *Desk) leave(t *thread, at time.Time) {
	if t.Owner == "" {
		t.queue.line.remove(t)
		d.waiting--
		return
	}
	a := d.agents[t.Owner]
	a.owned.remove(t)
	d.refresh(a, at)
}

// retime sets what the clock does next to a thread.
func (d *Desk) retime(t *thread, now time.Time) {
	at := t.until
	if t.Owner == "" {
		at = time.Time{}
		for _, c := range t.cool {
			if c.End.After(now) && (at.IsZero() || c.End.Before(at)) {
				at = c.End
			}
		}
	}
	d.timers.set(&t.clock, at)
}

func (d *Desk) applyToThread(f *Fact) error {
	t := d.threads[f.Thread]
	switch {
	case t == nil:
		return errNotOpen
	case f.Conversation != t.Conversation:
		return errNumber
	}
	switch f.Kind {
	case Said:
		return d.applySaid(t, f)
	case Assigned:
		return d.applyAssigned(t, f)
	case Released:
		return d.applyReleased(t, f)
	}
	d.leave(t, f.At)
	d.timers.set(&t.clock, time.Time{})
	delete(d.threads, t.N)
	d.counts.Closed++
	return nil
}

func (d *Desk) applySaid(t *thread, f *Fact) error {
	if f.Agent != t.Owner {
		return errOwner
	}
	if f.By != "" && f.By == t.Owner && !t.Answered {
		t.Answered = true
		t.until = time.Time{}
		d.retime(t, d.deskTime(f.At))
	}
	return nil
}

func (d *Desk) applyAssigned(t *thread, f *Fact) error {
	switch {
	case f.Agent == "":
		return errNobody
	case t.Owner != "":
		return errOwner
	case f.From != t.Last:
		return errLast
	case f.Agent == t.Self:
		return errItself
	case len(f.Candidates) > 0 && (f.Draw < 0 || f.Draw >= len(f.Candidates) || f.Candidates[f.Draw] != f.Agent):
		return errDraw
	}
	d.leave(t, f.At)
	t.Owner, t.Last, t.Answered = f.Agent, f.Agent, false
	t.until = d.until(f)
	d.retime(t, d.deskTime(f.At))
	a := d.agent(f.Agent)
	a.owned.insert(t)
	d.refresh(a, f.At)
	d.counts.Assigned++
	return nil
}

func (d *Desk) applyReleased(t *thread, f *Fact) error {
	if t.Owner == "" || t.Owner != f.Agent {
		return errOwner
	}
	a := d.agents[f.Agent]
	if f.Reason == Missed {
		a.missed = true
	}
	d.leave(t, f.At)
	t.Owner, t.Answered = "", false
	t.until = time.Time{}
	if now := d.deskTime(f.At); !f.Until.IsZero() {
		t.cool = slices.DeleteFunc(t.cool, func(c cooling) bool { return c.Agent == f.Agent || !c.End.After(now) })
		t.cool = append(t.cool, cooling{f.Agent, d.until(f)})
	}
	d.enter(t, f.At)
	d.counts.Released++
	return nil
}

// Thread returns an open thread by number.
func (d *Desk) Thread(n uint64) (Thread, bool) {
	t := d.threads[n]
	if t == nil {
		return Thread{}, false
	}
	return t.Thread, true
}

// Of returns the open threads of an owner, oldest first. For those that nobody has, see Line.
func (d *Desk) Of(agent string) []Thread {
	a := d.agents[agent]
	if a == nil {
		return nil
	}
	return a.owned.page(a.owned.len())
}
