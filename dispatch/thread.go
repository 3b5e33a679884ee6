package dispatch

import (
	"errors"
	"maps"
	"slices"
	"time"
)

// thread is an open one.
type thread struct {
	Thread
	queue  *queue    // that serves it
	clock  timer     // what comes first of the times below
	until  time.Time // of the answer, desk time; zero is none
	cool   []cooling // at most one per agent
	queued time.Time // desk time: when it came to the line
	held   time.Time // desk time: until then it is given to nobody; zero: it is not
	told   bool      // he has waited long, which was told
	team   []string  // who joined, in that order
	botted bool      // a bot has had the conversation
	turns  int       // what bots said in it
	quiet  time.Time // desk time: when something was said last
	theirs bool      // by the customer
	idled  time.Time // desk time: it is closed then, which the customer was told; zero: not yet
	parted time.Time // desk time: since when he is gone; zero: he is not
	asked  []ask     // to take it
	seek   *seek     // a transfer, or nil
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
	errSought    = errors.New("no transfer of it is under way, or one is already")
	errAsked     = errors.New("he is not asked, or somebody is already")
	errQueue     = errors.New("it names no queue")
	errTeam      = errors.New("he has joined already, or has not, or too many have")
)

// cooling tells that an agent passed or missed the thread a short while ago.
func (t *thread) cooling(id string, now time.Time) bool {
	for _, c := range t.cool {
		if c.Agent == id {
			return c.End.After(now)
		}
	}
	return false
}

// cooled is when the next cool-down ends, zero for never.
func (t *thread) cooled(now time.Time) time.Time {
	var at time.Time
	for _, c := range t.cool {
		if c.End.After(now) && (at.IsZero() || c.End.Before(at)) {
			at = c.End
		}
	}
	return at
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
		d.emit(Fact{Kind: Opened, Thread: n, Conversation: 1, Queue: in.Queue, Customer: in.Customer, Self: in.Self, Wants: in.Wants, Until: d.hold(in.Hold)})
	case d.threads[n] == nil:
		if err := d.reopen(n, in.Saved, in.Self, "", in.Wants, d.hold(in.Hold)); err != nil {
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
	case in.Thread == 0:
		if t, err = d.begin(a, in); err != nil {
			return err
		}
	case t == nil:
		if in.Saved == nil {
			return ErrUnknownThread
		}
		if err := d.mayClaim(a, in.Saved); err != nil {
			return err
		}
		if err := d.reopen(in.Thread, in.Saved, "", a.id, "", time.Time{}); err != nil {
			return err
		}
		t = d.threads[in.Thread]
		d.claim(a, t)
	case t.Owner == "":
		if err := d.mayClaim(a, &t.Thread); err != nil {
			return err
		}
		d.claim(a, t)
	case t.Owner == a.id || slices.Contains(t.team, a.id):
	case t.asks(a.id):
		d.accept(a, t)
	default:
		return ErrNotYours
	}
	d.say(t, a.id)
	return nil
}

// begin opens the first thread of a customer in a queue, to whom an agent writes first.
func (d *Desk) begin(a *agent, in AgentSaid) (*thread, error) {
	q := d.queues[in.Queue]
	switch {
	case q == nil || !q.known:
		return nil, ErrUnknownQueue
	case in.Self == a.id:
		return nil, ErrSelf
	case !a.of(q):
		return nil, ErrNotAgent
	}
	if other := d.agents[in.Self]; other == nil || !other.known {
		in.Self = ""
	}
	n := d.next
	d.emit(Fact{Kind: Opened, Thread: n, Conversation: 1, Queue: in.Queue, Customer: in.Customer, Self: in.Self, By: a.id})
	t := d.threads[n]
	d.claim(a, t)
	return t, nil
}

// reopen begins the next conversation of a thread that left memory.
func (d *Desk) reopen(n uint64, saved *Thread, self, by, wants string, held time.Time) error {
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
	was.Open, was.Owner, was.Serving = false, "", ""
	d.emit(Fact{Kind: Opened, Thread: n, Conversation: was.Conversation + 1, Queue: was.Queue,
		Customer: was.Customer, Self: self, By: by, Wants: wants, Saved: &was, Until: held})
	return nil
}

// hold is the end of a hold, zero for none.
func (d *Desk) hold(for_ time.Duration) time.Time {
	if for_ <= 0 {
		return time.Time{}
	}
	return d.clock.Add(min(for_, MaxHold))
}

// brief ends the hold of a conversation that waits.
func (d *Desk) brief(in Brief) error {
	t, err := d.open(in.Thread)
	if err == nil && t.Owner == "" && (!t.held.IsZero() || in.Wants != t.Wants) {
		d.emit(Fact{Kind: Briefed, Thread: t.N, Conversation: t.Conversation, Wants: in.Wants})
	}
	return err
}

func (d *Desk) applyBriefed(t *thread, f *Fact) error {
	if t.Owner != "" {
		return errOwner
	}
	t.held, t.Wants = time.Time{}, f.Wants
	d.retime(t, d.deskTime(f.At))
	if d.started && !d.paused {
		d.fresh = append(d.fresh, t)
	}
	return nil
}

func (d *Desk) say(t *thread, by string) {
	d.emit(Fact{Kind: Said, Thread: t.N, Conversation: t.Conversation, By: by, Agent: t.Owner, Team: slices.Clone(t.team)})
	if a := d.agents[t.Owner]; by != "" && by == t.Owner && a.bot && t.turns >= d.cfg.BotTurns {
		d.release(t, Turns)
	}
}

// mayClaim tells whether an agent may have a thread by his own choice. Capacity,
// availability and cool-downs do not bind him: a human decides.
func (d *Desk) mayClaim(a *agent, t *Thread) error {
	switch {
	case t.Self == a.id:
		return ErrSelf
	case !a.of(d.queues[t.Queue]) && !a.of(d.queues[t.Served()]):
		return ErrNotAgent
	}
	return nil
}

// claim gives a waiting thread to an agent by his own choice.
func (d *Desk) claim(a *agent, t *thread) {
	why := ByHand
	if t.asks(a.id) {
		why = Accepted
	}
	d.give(a, t, why, "")
}

// give gives a waiting thread to an agent whom a human chose. If he is not of the queue that serves it, its home does.
func (d *Desk) give(a *agent, t *thread, why Reason, by string) {
	d.withdraw(t, a.id)
	f := Fact{Kind: Assigned, Thread: t.N, Conversation: t.Conversation, Agent: a.id, From: t.Last, Reason: why, By: by}
	if !a.of(t.queue) {
		f.Queue = t.Queue
	}
	d.emit(f)
}

// release gives a conversation back to the line, at its old place. Who passed it, missed it
// or could not be reached is in cool-down for it. A transfer that was under way is over.
func (d *Desk) release(t *thread, why Reason) {
	d.withdraw(t, "")
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
	if t.seek != nil && t.asks(a.id) {
		d.accept(a, t)
		return nil
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
	if t := d.threads[in.Thread]; t != nil && t.asks(in.Agent) {
		if _, err := d.speaker(in.Agent); err != nil {
			return err
		}
		d.refuse(t, in.Agent, Passed)
		return nil
	}
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
	d.end(t, in.By, why)
	return nil
}

// end closes a conversation.
func (d *Desk) end(t *thread, by string, why Reason) {
	d.withdraw(t, "")
	saved := t.Thread
	saved.Open, saved.Owner, saved.Serving, saved.Wants, saved.Ended = false, "", "", "", d.clock
	f := Fact{Kind: Closed, Thread: t.N, Conversation: t.Conversation, By: by, Reason: why, Saved: &saved}
	if t.Owner != "" && d.cfg.WrapUp > 0 {
		f.Rest = d.clock.Add(d.cfg.WrapUp)
	}
	d.emit(f)
}

// customerGone: what a customer who left has said is answered all the same.
func (d *Desk) customerGone(in CustomerGone) error {
	t, err := d.open(in.Thread)
	if err != nil {
		return err
	}
	if kind := Vanished; in.Back != t.parted.IsZero() {
		if in.Back {
			kind = Appeared
		}
		d.emit(Fact{Kind: kind, Thread: t.N, Conversation: t.Conversation})
	}
	return nil
}

// idles is when a conversation that the customer does not go on with is told of, or then closed; zero is never.
func (t *thread) idles() time.Time {
	switch {
	case !t.idled.IsZero():
		return t.idled
	case t.queue.idle == 0 || !t.Answered || t.theirs || t.quiet.IsZero():
		return time.Time{}
	}
	return t.quiet.Add(t.queue.idle)
}

// departs is when the conversation of a customer who left, and was answered, is closed: so long after the later of the two,
// so that an agent can say more than one thing. Zero is never.
func (t *thread) departs() time.Time {
	if t.queue.gone == 0 || t.parted.IsZero() || !t.Answered || t.theirs {
		return time.Time{}
	}
	if t.quiet.After(t.parted) {
		return t.quiet.Add(t.queue.gone)
	}
	return t.parted.Add(t.queue.gone)
}

func (d *Desk) applyIdled(t *thread, f *Fact) error {
	switch f.Kind {
	case Idled:
		if t.Owner == "" || f.Until.IsZero() {
			return errOwner
		}
		t.idled = d.until(f)
	case Vanished:
		t.parted = d.deskTime(f.At)
	case Appeared:
		t.parted = time.Time{}
	}
	if t.Owner != "" {
		d.retime(t, d.deskTime(f.At))
	}
	return nil
}

func (d *Desk) unreachable(in Unreachable) {
	t := d.threads[in.Thread]
	switch {
	case t == nil || in.Agent == "":
	case t.Owner == in.Agent:
		d.release(t, Bounced)
	case t.asks(in.Agent):
		d.refuse(t, in.Agent, Bounced)
	case slices.Contains(t.team, in.Agent):
		d.part(t, in.Agent, Bounced)
	}
}

func (d *Desk) applyOpened(f *Fact) error {
	t := &thread{Thread: Thread{N: f.Thread, Queue: f.Queue, Customer: f.Customer, Self: f.Self,
		Conversation: f.Conversation, Open: true, Since: f.At, Wants: f.Wants}}
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
		t.Last, t.Ended = s.Last, s.Ended
	}
	d.counts.Opened++
	t.held = d.until(f)
	d.keep(t)
	d.enter(t, f.At)
	return nil
}

// keep takes a thread into memory, in no line yet.
func (d *Desk) keep(t *thread) {
	t.queue = d.queue(t.Served())
	t.clock.thread = t
	d.threads[t.N] = t
}

// enter puts a thread that nobody has into its line.
func (d *Desk) enter(t *thread, at time.Time) {
	t.queue.line.insert(t)
	d.waiting++
	t.queued = d.deskTime(at)
	t.told = false
	d.retime(t, t.queued)
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
	var at time.Time
	soonest := func(x time.Time) {
		if !x.IsZero() && (at.IsZero() || x.Before(at)) {
			at = x
		}
	}
	soonest(t.unanswered())
	switch {
	case t.Owner == "":
		soonest(d.linger(t))
		if at := t.spills(); at.After(now) {
			soonest(at)
		}
		soonest(t.cooled(now))
		soonest(t.later(now))
		soonest(t.held)
	default:
		soonest(t.until)
		soonest(t.idles())
		soonest(t.departs())
		if t.seek != nil {
			soonest(t.seek.next(t, now))
		}
	}
	d.timers.set(&t.clock, at)
}

// overdue does the first thing that the clock has come for.
func (d *Desk) overdue(t *thread, now time.Time) {
	past := func(x time.Time) bool { return !x.IsZero() && !x.After(now) }
	linger := d.linger(t)
	switch s := t.seek; {
	case past(t.unanswered()):
		first := t.unanswered()
		i := slices.IndexFunc(t.asked, func(a ask) bool { return a.until.Equal(first) })
		d.refuse(t, t.asked[i].agent, Missed)
	case s != nil && past(s.until):
		d.stay(t, Missed)
	case t.Owner == "" && past(t.held):
		d.emit(Fact{Kind: Briefed, Thread: t.N, Conversation: t.Conversation, Wants: t.Wants, Reason: Missed})
	case t.Owner != "" && past(t.until):
		d.release(t, Missed)
	case t.Owner != "" && past(t.departs()):
		d.end(t, "", Departed)
	case t.Owner != "" && past(t.idles()) && t.idled.IsZero():
		d.emit(Fact{Kind: Idled, Thread: t.N, Conversation: t.Conversation, Agent: t.Owner, Until: d.clock.Add(t.queue.idle)})
	case t.Owner != "" && past(t.idles()):
		d.end(t, "", Silent)
	case t.Owner != "":
		d.retime(t, now) // a cool-down ended: settle asks the next one
	default: // a cool-down may have ended, too, so that somebody may have this one again
		if past(linger) {
			d.emit(Fact{Kind: Lingered, Thread: t.N, Conversation: t.Conversation, Queue: t.Served(), Since: d.clock.Add(t.queued.Sub(now))})
		}
		d.fresh = append(d.fresh, t)
		d.retime(t, now)
	}
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
	case Sought:
		return d.applySought(t, f)
	case Stayed:
		return d.applyStayed(t, f)
	case Offered:
		return d.applyOffered(t, f)
	case Refused:
		return d.applyRefused(t, f)
	case Joined, Parted:
		return d.applyTeam(t, f)
	case Lingered:
		return d.applyLingered(t, f)
	case Moved:
		return d.applyMoved(t, f)
	case Briefed:
		return d.applyBriefed(t, f)
	case Idled, Vanished, Appeared:
		return d.applyIdled(t, f)
	}
	owner := d.agents[t.Owner]
	d.leave(t, f.At)
	d.endSeek(t, f.At)
	d.timers.set(&t.clock, time.Time{})
	delete(d.threads, t.N)
	d.counts.Closed++
	if owner != nil {
		d.tire(owner, f)
	}
	return nil
}

func (d *Desk) applySaid(t *thread, f *Fact) error {
	switch {
	case f.Agent != t.Owner:
		return errOwner
	case len(f.Team) > 0 && !slices.Equal(f.Team, t.team): // for a while files were written without them
		return errTeam
	}
	now := d.deskTime(f.At)
	t.quiet, t.theirs, t.idled = now, f.By == "", time.Time{}
	if t.theirs {
		t.parted = time.Time{}
	}
	if f.By != "" && f.By == t.Owner {
		if t.botted {
			t.turns++
		}
		if !t.Answered {
			t.Answered = true
			t.until = time.Time{}
		}
	}
	if t.Owner != "" { // else nothing of the line changes, and what is due this instant must stay so
		d.retime(t, now)
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
	case !drawn(f):
		return errDraw
	}
	d.leave(t, f.At)
	d.endAsks(t, f.At)
	if f.Queue != "" {
		d.servedBy(t, f.Queue)
	}
	t.Owner, t.Last, t.Answered = f.Agent, f.Agent, false
	t.team = slices.DeleteFunc(slices.Clone(t.team), func(id string) bool { return id == f.Agent })
	t.until, t.told, t.queued, t.held = d.until(f), false, time.Time{}, time.Time{}
	if t.turns = 0; f.Reason == ByBot {
		t.botted = true
	}
	d.retime(t, d.deskTime(f.At))
	a := d.agent(f.Agent)
	a.owned.insert(t)
	if a.given = f.At; len(f.Candidates) > 0 {
		t.queue.last = a.id
	}
	d.refresh(a, f.At)
	d.tire(a, f)
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
	d.endSeek(t, f.At)
	t.Owner, t.Answered = "", false
	t.until, t.idled = time.Time{}, time.Time{}
	d.chill(t, f)
	d.enter(t, f.At)
	d.counts.Released++
	return nil
}

// chill notes until when the machine does not give a thread to an agent again.
func (d *Desk) chill(t *thread, f *Fact) {
	if now := d.deskTime(f.At); !f.Until.IsZero() {
		t.cool = slices.DeleteFunc(t.cool, func(c cooling) bool { return c.Agent == f.Agent || !c.End.After(now) })
		t.cool = append(t.cool, cooling{f.Agent, d.until(f)})
	}
}

func (d *Desk) applyLingered(t *thread, f *Fact) error {
	if t.Owner != "" {
		return errOwner
	}
	t.told = true
	d.retime(t, d.deskTime(f.At))
	return nil
}

func (d *Desk) applyMoved(t *thread, f *Fact) error {
	switch {
	case t.Owner != "":
		return errOwner
	case f.Queue == "":
		return errQueue
	}
	t.queue.line.remove(t)
	d.servedBy(t, f.Queue)
	t.queue.line.insert(t)
	d.retime(t, d.deskTime(f.At))
	if d.started && !d.paused {
		d.fresh = append(d.fresh, t)
	}
	return nil
}

// linger is when somebody in the line has waited long; zero is never, or that was told.
func (d *Desk) linger(t *thread) time.Time {
	if t.told || d.cfg.LongWait == 0 {
		return time.Time{}
	}
	return t.queued.Add(d.cfg.LongWait)
}

// spills is when another queue serves who waits in the line of his own; zero is never.
func (t *thread) spills() time.Time {
	if t.Serving != "" || t.queue.overflow == "" || t.queue.after == 0 {
		return time.Time{}
	}
	return t.queued.Add(t.queue.after)
}

// spill moves those to another queue who have waited too long in theirs, or whose queue is closed while that one is open.
func (d *Desk) spill() {
	look := slices.Clone(d.fresh)
	if d.spilled {
		d.spilled, look = false, nil
		for _, name := range slices.Sorted(maps.Keys(d.queues)) {
			if q := d.queues[name]; q.overflow != "" {
				look = slices.AppendSeq(look, q.line.all())
			}
		}
	}
	now := d.deskTime(d.clock)
	for _, t := range look {
		q := t.queue
		if t.Owner != "" || t.Serving != "" || q.overflow == "" || d.threads[t.N] != t {
			continue
		}
		to := d.queues[q.overflow]
		at := t.spills()
		late := !at.IsZero() && !at.After(now)
		if to != nil && to.known && !to.closed() && (late || q.closed()) {
			d.withdraw(t, "")
			d.emit(Fact{Kind: Moved, Thread: t.N, Conversation: t.Conversation, Queue: to.name, Reason: Overflowed})
		}
	}
}

// servedBy makes a queue the one whose agents serve a thread that is in no line.
func (d *Desk) servedBy(t *thread, queue string) {
	if t.Serving = queue; queue == t.Queue {
		t.Serving = ""
	}
	t.queue = d.queue(queue)
}

// Vanished reports whether the customer of an open conversation has left and not come back.
func (d *Desk) Vanished(n uint64) bool {
	t := d.threads[n]
	return t != nil && !t.parted.IsZero()
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
