package dispatch_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
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
	shut    map[string]bool
	off     map[string]bool
	caps    map[string]int
	capsOf  *Agent
	changes map[*Hours]due
	seeks   map[uint64]bool   // threads that have a transfer, or had one
	taking  map[uint64]string // who accepted a transfer and is to be assigned next
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
	back     due
	rest     due
	last     time.Time // given something
	load     int
	asked    int
	limit    int
}

type seen struct {
	Thread
	until  due
	told   bool
	queued due // its end is when he came to the line
	held   due
	cool   map[string]due
	team   []string
	seek   *wish
	asked  map[string]due // who is asked to take it, and his time-out

	quiet, idled, left due
	theirs, botted     bool
	turns              int
}

// wish is a transfer.
type wish struct {
	to, queue string
	until     due
}

// due is a deadline and when it was set, both wall time.
type due struct{ end, set time.Time }

func newWitness(cfg Config) *witness {
	return &witness{cfg: cfg, agents: map[string]*witnessed{}, threads: map[uint64]*seen{}, waiting: map[uint64]*seen{},
		closed: map[uint64]*Thread{}, shut: map[string]bool{}, off: map[string]bool{}, changes: map[*Hours]due{}, seeks: map[uint64]bool{}, taking: map[uint64]string{}, next: 1, paused: true}
}

func (w *witness) agent(id string) *witnessed {
	if w.agents[id] == nil {
		w.agents[id] = &witnessed{}
	}
	return w.agents[id]
}

func (w *witness) capacity(id string) int {
	if len(w.cfg.Agents) == 0 {
		return 0
	}
	if w.capsOf != &w.cfg.Agents[0] { // another config
		w.capsOf, w.caps = &w.cfg.Agents[0], map[string]int{}
		for _, a := range w.cfg.Agents {
			w.caps[a.ID] = cmp.Or(a.Capacity, DefaultCapacity)
		}
	}
	most := w.caps[id]
	if most == 0 {
		return 0
	}
	return cmp.Or(w.agent(id).limit, most)
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
	if w.shut[t.Served()] || w.off[t.Served()] {
		return nil
	}
	var ids []string
	shortest := time.Duration(0)
	for _, id := range w.able(t, t.Served(), now) {
		need := w.need(t, id)
		_, asked := t.asked[id]
		if now.Sub(t.queued.end) < need || asked || w.queue(t.Served()).Mode == OfferOne && w.agent(id).asked > 0 {
			continue
		}
		if w.queue(t.Served()).Mode == OfferAll {
			need = 0
		}
		if len(ids) > 0 && need < shortest {
			ids = nil
		}
		if len(ids) == 0 || need == shortest {
			ids, shortest = append(ids, id), need
		}
	}
	return ids
}

func (w *witness) queue(name string) Queue {
	for _, q := range w.cfg.Queues {
		if q.Name == name {
			return q
		}
	}
	return Queue{}
}

// need is how long a customer must have waited before he is given to an agent.
func (w *witness) need(t *seen, id string) time.Duration {
	q := w.queue(t.Served())
	need := time.Duration(q.Levels[id]) * cmp.Or(q.LevelWait, DefaultLevelWait)
	if t.Wants == "" {
		return need
	}
	var skills []string
	for _, a := range w.cfg.Agents {
		if a.ID == id {
			skills = a.Skills
		}
	}
	for _, want := range strings.Fields(t.Wants) {
		if !slices.Contains(skills, want) {
			need = max(need, cmp.Or(q.SkillWait, DefaultSkillWait))
		}
	}
	return need
}

// same is who had the thread last, if he comes first.
func (w *witness) same(t *seen, now time.Time) string {
	s := w.queue(t.Served()).Sticky
	if t.Last == "" || s < 0 || s > 0 && !t.Ended.IsZero() && now.After(t.Ended.Add(s)) || !slices.Contains(w.able(t, t.Served(), now), t.Last) ||
		now.Sub(t.queued.end) < w.need(t, t.Last) {
		return ""
	}
	return t.Last
}

// able lists who of a queue could serve a thread now, sorted.
func (w *witness) able(t *seen, queue string, now time.Time) []string {
	return w.fit(t, queue, now, false)
}

// bots lists which of them may be given a thread, sorted.
func (w *witness) bots(t *seen, now time.Time) []string {
	if q := t.Served(); t.botted || w.shut[q] || w.off[q] {
		return nil
	}
	return slices.DeleteFunc(w.fit(t, t.Served(), now, true), func(id string) bool { return now.Sub(t.queued.end) < w.need(t, id) })
}

func (w *witness) isBot(id string) bool {
	return slices.ContainsFunc(w.cfg.Agents, func(a Agent) bool { return a.ID == id && a.Bot })
}

func (w *witness) fit(t *seen, queue string, now time.Time, bot bool) []string {
	var ids []string
	if !t.held.end.IsZero() {
		return nil
	}
	some := slices.ContainsFunc(w.cfg.Agents, func(a Agent) bool { return a.Bot })
	for _, id := range w.staff(queue) {
		a := w.agent(id)
		if (some && w.isBot(id)) == bot && id != t.Self && w.available(a) && a.load+a.asked < w.capacity(id) && !t.cool[id].end.After(now) && !a.rest.end.After(now) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// askable lists who may be asked next in a transfer to a queue.
func (w *witness) askable(t *seen, now time.Time) []string {
	if w.shut[t.seek.queue] || w.off[t.seek.queue] {
		return nil
	}
	return slices.DeleteFunc(w.able(t, t.seek.queue, now), func(id string) bool { return id == t.Owner || w.agent(id).asked > 0 })
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
			w.change(now, spoke, func(a *witnessed) {
				if a.duty, a.back = in.Duty, (due{}); in.Duty == AwayNow && in.For > 0 {
					a.back = due{now.Add(in.For), now}
				}
			})
		}
	case Transfer:
		spoke = in.By
	case Join:
		spoke = in.By
	case Leave:
		spoke = in.Agent
	case Assign:
		spoke = in.By
	case SetCapacity:
		spoke = in.By
	case SetQueue:
		spoke = in.By
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
	if (f.Kind >= Said && f.Kind <= Closed || f.Kind >= Sought && f.Kind <= Parted || f.Kind == Lingered || f.Kind == Moved || f.Kind == Briefed) && (t == nil || t.Conversation != f.Conversation) {
		return fmt.Errorf("no such conversation is open")
	}
	switch f.Kind {
	case Opened:
		return w.opened(f)
	case Said:
		if f.Agent != t.Owner || f.By != "" && f.By != t.Owner && !slices.Contains(t.team, f.By) || !slices.Equal(f.Team, t.team) {
			return fmt.Errorf("owner is %q, with %v", t.Owner, t.team)
		}
		if f.By != "" && f.By == t.Owner {
			if !t.Answered {
				t.until = due{}
			}
			t.Answered = true
			if t.botted {
				t.turns++
			}
		}
		if t.quiet, t.theirs, t.idled = (due{f.At, f.At}), f.By == "", (due{}); t.theirs {
			t.left = due{}
		}
	case Idled, Vanished, Appeared:
		return w.idle(t, f)
	case Briefed:
		if t.Owner != "" || f.Reason == Missed && (w.paused || t.held.end.IsZero() || t.held.end.After(f.At) || f.Wants != t.Wants) {
			return fmt.Errorf("owner %q, held until %v", t.Owner, t.held.end)
		}
		t.held, t.Wants = due{}, f.Wants
	case Assigned:
		return w.assigned(t, f)
	case Released:
		return w.released(t, f)
	case Closed:
		if f.Saved == nil || f.Saved.N != f.Thread || f.Saved.Open || f.Saved.Owner != "" || f.Saved.Last != t.Last {
			return fmt.Errorf("saved as %+v", f.Saved)
		}
		if t.seek != nil || len(t.asked) > 0 {
			return fmt.Errorf("a transfer is under way")
		}
		if f.Reason == Silent && (t.idled.end.IsZero() || t.idled.end.After(f.At)) || f.Reason == Departed && !w.departs(t).Equal(f.At) && w.departs(t).After(f.At) {
			return fmt.Errorf("idle until %v, departs at %v", t.idled.end, w.departs(t))
		}
		if t.Owner != "" {
			w.agent(t.Owner).load--
			if f.Rest.IsZero() != (w.cfg.WrapUp == 0) {
				return fmt.Errorf("wrap-up until %v", f.Rest)
			}
			w.tire(t.Owner, f)
		}
		delete(w.threads, t.N)
		delete(w.seeks, t.N)
		i := slices.Index(w.open, t.N)
		w.open = slices.Delete(w.open, i, i+1)
		delete(w.waiting, t.N)
		w.closed[t.N] = f.Saved
	case Presence:
		a := w.agent(f.Agent)
		if !slices.ContainsFunc(w.cfg.Agents, func(c Agent) bool { return c.ID == f.Agent }) {
			if w.bySessions(a) == Offline && a.grace.end.IsZero() {
				return fmt.Errorf("who is no agent any more is not there already")
			}
			a.sessions, a.grace = nil, due{}
		}
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
	case DutySet:
		return w.dutySet(f)
	case Capped:
		w.agent(f.Agent).limit = f.Max
	case QueueSet:
		w.shut[f.Queue] = f.Shut
	case HoursSet:
		if w.off[f.Queue] = f.Shut; f.Shut == w.queue(f.Queue).Hours.Open(f.At) {
			return fmt.Errorf("the hours say otherwise")
		}
	case Sought, Stayed:
		return w.transfer(t, f)
	case Offered:
		return w.offered(t, f)
	case Refused:
		return w.refused(t, f)
	case Joined, Parted, Lingered, Moved:
		return w.joined(t, f)
	}
	return nil
}

// dutySet is what an agent told, or the end of what he told for a time.
func (w *witness) dutySet(f Fact) error {
	a := w.agent(f.Agent)
	if f.Duty == On && !a.back.end.IsZero() && !a.back.end.After(f.At) {
		w.change(f.At, f.Agent, func(a *witnessed) { a.duty, a.back = On, due{} })
	}
	if a.duty != f.Duty || f.Until.IsZero() != a.back.end.IsZero() || !w.paused && !f.Until.Equal(a.back.end) {
		return fmt.Errorf("duty %d until %v, want %d until %v", f.Duty, f.Until, a.duty, a.back.end)
	}
	return nil
}

// transfer follows one and checks who is asked.
func (w *witness) transfer(t *seen, f Fact) error {
	if (t.seek == nil) != (f.Kind == Sought) || t.Owner == "" {
		return fmt.Errorf("a transfer: %+v, owner %q", t.seek, t.Owner)
	}
	switch f.Kind {
	case Sought:
		if f.Agent != t.Owner || !f.Until.Equal(f.At.Add(cmp.Or(w.cfg.HandOver, DefaultHandOver))) {
			return fmt.Errorf("owner %q, until %v", t.Owner, f.Until)
		}
		t.seek = &wish{to: f.To, queue: f.Queue, until: due{f.Until, f.At}}
		t.until = due{}
		w.seeks[t.N] = true
	case Stayed:
		if len(t.asked) > 0 || f.Agent != t.Owner || f.Until.IsZero() != t.Answered {
			return fmt.Errorf("owner %q, asked %v, answered %v", t.Owner, t.asked, t.Answered)
		}
		if t.seek = nil; !f.Until.IsZero() {
			t.until = due{f.Until, f.At}
		}
	}
	return nil
}

// offered checks that who is asked may be.
func (w *witness) offered(t *seen, f Fact) error {
	if _, twice := t.asked[f.Agent]; twice || f.From != t.Owner || f.Agent == t.Owner || f.Agent == t.Self {
		return fmt.Errorf("owner %q, asked %v", t.Owner, t.asked)
	}
	can := w.announced(t, f.At)
	switch {
	case t.Owner == "" && (w.paused || w.queue(t.Served()).Mode == Push || !f.Until.Equal(f.At.Add(cmp.Or(w.cfg.AnswerWithin, DefaultAnswerWithin)))):
		return fmt.Errorf("until %v", f.Until)
	case t.Owner == "" && f.Reason == SameAgent:
		if !slices.Contains(can, t.Last) || f.Agent != t.Last || w.same(t, f.At) == "" {
			return fmt.Errorf("last was %s, eligible are %v", t.Last, can)
		}
	case t.Owner == "" && len(f.Candidates) > 0:
		if !slices.Equal(can, f.Candidates) || can[f.Draw] != f.Agent {
			return fmt.Errorf("candidates %v draw %d, want %v", f.Candidates, f.Draw, can)
		}
	case t.Owner == "":
		if !slices.Contains(can, f.Agent) || w.queue(t.Served()).Mode != OfferAll {
			return fmt.Errorf("eligible are %v", can)
		}
	case t.seek == nil || len(t.asked) > 0:
		return fmt.Errorf("no transfer, or one is asked")
	case t.seek.to == "":
		if can = w.askable(t, f.At); w.paused || !slices.Equal(can, f.Candidates) || can[f.Draw] != f.Agent {
			return fmt.Errorf("candidates %v draw %d, want %v", f.Candidates, f.Draw, can)
		}
	case f.Agent != t.seek.to:
		return fmt.Errorf("only %s is to be asked", t.seek.to)
	}
	t.asked[f.Agent] = due{f.Until, f.At}
	w.agent(f.Agent).asked++
	return nil
}

// announced lists to whom a waiting thread may be offered, sorted.
func (w *witness) announced(t *seen, now time.Time) []string {
	if w.queue(t.Served()).Mode == OfferOne && len(t.asked) > 0 {
		return nil
	}
	return w.eligible(t, now)
}

func (w *witness) refused(t *seen, f Fact) error {
	x, ok := t.asked[f.Agent]
	if !ok || f.Reason == Missed && (w.paused || x.end.After(f.At)) {
		return fmt.Errorf("asked are %v", t.asked)
	}
	cools := f.Reason == Passed || f.Reason == Missed || f.Reason == Bounced
	if cools != (!f.Until.IsZero()) {
		return fmt.Errorf("cool-down until %v", f.Until)
	}
	if cools {
		t.cool[f.Agent] = due{f.Until, f.At}
	}
	delete(t.asked, f.Agent)
	w.agent(f.Agent).asked--
	return nil
}

func (w *witness) joined(t *seen, f Fact) error {
	in := slices.Contains(t.team, f.Agent)
	switch f.Kind {
	case Joined:
		if in || f.Agent == t.Owner || f.Agent == t.Self || len(t.team) >= MaxTeam || w.capacity(f.Agent) == 0 {
			return fmt.Errorf("owner %q, team %v", t.Owner, t.team)
		}
		t.team = append(t.team, f.Agent)
	case Parted:
		if !in {
			return fmt.Errorf("team %v", t.team)
		}
		t.team = slices.DeleteFunc(t.team, func(id string) bool { return id == f.Agent })
	case Lingered:
		if at := t.queued.end.Add(w.cfg.LongWait); w.paused || t.Owner != "" || t.told || w.cfg.LongWait == 0 || at.After(f.At) {
			return fmt.Errorf("waits long at %v", at)
		}
		t.told = true
	case Moved:
		home := w.queue(t.Queue)
		late := home.After > 0 && !f.At.Before(t.queued.end.Add(home.After)) || w.shut[t.Queue] || w.off[t.Queue]
		if f.Reason == Overflowed && (t.Serving != "" || home.Overflow != f.Queue || !late || w.shut[f.Queue] || w.off[f.Queue]) {
			return fmt.Errorf("served by %q, overflows to %q, late %v", t.Serving, home.Overflow, late)
		}
		if t.Owner != "" || len(t.asked) > 0 || f.Reason == Removed && (w.staff(t.Served()) != nil || f.Queue != t.Queue) {
			return fmt.Errorf("served by %s, moved to %s", t.Served(), f.Queue)
		}
		t.serve(f.Queue)
	}
	return nil
}

func (t *seen) serve(queue string) {
	if t.Serving = queue; queue == t.Queue {
		t.Serving = ""
	}
}

// enter is what coming to the line does.
func (w *witness) enter(t *seen, now time.Time) {
	w.waiting[t.N] = t
	t.queued = due{now, now}
	t.told = false
}

// idle follows what is not heard of a customer.
func (w *witness) idle(t *seen, f Fact) error {
	switch f.Kind {
	case Idled:
		if at := w.idles(t); w.paused || t.Owner != f.Agent || t.Owner == "" || !t.idled.end.IsZero() || at.IsZero() || at.After(f.At) ||
			!f.Until.Equal(f.At.Add(w.queue(t.Served()).Idle)) {
			return fmt.Errorf("idle at %v, until %v", at, f.Until)
		}
		t.idled = due{f.Until, f.At}
	case Vanished:
		if !t.left.end.IsZero() {
			return fmt.Errorf("gone already")
		}
		t.left = due{f.At, f.At}
	case Appeared:
		if t.left.end.IsZero() {
			return fmt.Errorf("not gone")
		}
		t.left = due{}
	}
	return nil
}

func (w *witness) idles(t *seen) time.Time {
	q := w.queue(t.Served())
	switch {
	case !t.idled.end.IsZero():
		return t.idled.end
	case q.Idle == 0 || !t.Answered || t.theirs || t.quiet.end.IsZero():
		return time.Time{}
	}
	return t.quiet.end.Add(q.Idle)
}

func (w *witness) departs(t *seen) time.Time {
	q := w.queue(t.Served())
	if q.Gone == 0 || t.left.end.IsZero() || !t.Answered || t.theirs {
		return time.Time{}
	}
	since := t.left.end
	if t.quiet.end.After(since) {
		since = t.quiet.end
	}
	return since.Add(q.Gone)
}

func (w *witness) opened(f Fact) error {
	t := &seen{cool: map[string]due{}, asked: map[string]due{}, Thread: Thread{N: f.Thread, Queue: f.Queue, Customer: f.Customer,
		Self: f.Self, Conversation: f.Conversation, Since: f.At, Wants: f.Wants}}
	if !f.Until.IsZero() {
		t.held = due{f.Until, f.At}
	}
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
		t.Last, t.Ended = was.Last, was.Ended
		delete(w.closed, f.Thread)
	}
	if w.threads[t.N] != nil {
		return fmt.Errorf("open already")
	}
	w.threads[t.N] = t
	w.enter(t, f.At)
	w.open = append(w.open, t.N)
	return nil
}

func (w *witness) assigned(t *seen, f Fact) error {
	if t.Owner != "" {
		return fmt.Errorf("two owners: %s has it", t.Owner)
	}
	if f.Queue != "" {
		t.serve(f.Queue)
	}
	if f.From != t.Last || f.Agent == t.Self || !slices.Contains(w.staff(t.Served()), f.Agent) {
		return fmt.Errorf("from %q, last %q, customer himself %q", f.From, t.Last, t.Self)
	}
	if asked := w.taking[t.N]; asked != "" || f.Reason == Transferred {
		if delete(w.taking, t.N); f.Reason != Transferred || asked != f.Agent {
			return fmt.Errorf("%q was asked", asked)
		}
	}
	if _, asked := t.asked[f.Agent]; len(t.asked) > 1 || len(t.asked) == 1 && !asked || asked && f.Reason != Given && f.Reason != Accepted || !asked && f.Reason == Accepted {
		return fmt.Errorf("asked are %v", t.asked)
	} else if asked {
		delete(t.asked, f.Agent)
		w.agent(f.Agent).asked--
	}
	if f.Reason == ByHand || f.Reason == Given || f.Reason == Transferred || f.Reason == Accepted {
		if !f.Until.IsZero() {
			return fmt.Errorf("a time-out by hand")
		}
	} else if f.Reason == ByBot {
		if can := w.bots(t, f.At); w.paused || !slices.Equal(can, f.Candidates) || can[f.Draw] != f.Agent {
			return fmt.Errorf("candidates %v, eligible bots are %v", f.Candidates, can)
		}
		t.botted = true
	} else if err := w.byMachine(t, f); err != nil {
		return err
	}
	t.turns, t.held = 0, due{}
	if !f.Until.IsZero() {
		t.until = due{f.Until, f.At}
	}
	t.Owner, t.Last, t.Answered, t.told = f.Agent, f.Agent, false, false
	t.team = slices.DeleteFunc(t.team, func(id string) bool { return id == f.Agent })
	w.agent(f.Agent).load++
	w.agent(f.Agent).last = f.At
	w.tire(f.Agent, f)
	delete(w.waiting, t.N)
	return nil
}

func (w *witness) tire(id string, f Fact) {
	if a := w.agent(id); f.Rest.After(a.rest.end) {
		a.rest = due{f.Rest, f.At}
	}
}

func (w *witness) byMachine(t *seen, f Fact) error {
	can := w.eligible(t, f.At)
	switch {
	case w.paused || w.queue(t.Served()).Mode != Push:
		return fmt.Errorf("the desk is paused, or the queue offers")
	case !slices.Contains(can, f.Agent) && f.Agent != w.same(t, f.At):
		return fmt.Errorf("not eligible; %v are", can)
	case (w.same(t, f.At) != "") != (f.Reason == SameAgent):
		return fmt.Errorf("reason %s, last was %s, eligible are %v", f.Reason, t.Last, can)
	case f.Reason == SameAgent && f.Agent != t.Last:
		return fmt.Errorf("last was %s", t.Last)
	case f.Reason != SameAgent && (f.Reason != Reason(cmp.Or(w.queue(t.Served()).Strategy, ByLot)) || !slices.Equal(can, f.Candidates) || can[f.Draw] != f.Agent):
		return fmt.Errorf("candidates %v draw %d, eligible are %v", f.Candidates, f.Draw, can)
	case f.Rest.IsZero() != (w.cfg.Gap == 0):
		return fmt.Errorf("a gap until %v", f.Rest)
	case !f.Until.Equal(f.At.Add(cmp.Or(w.cfg.AnswerWithin, DefaultAnswerWithin))):
		return fmt.Errorf("time-out at %v", f.Until)
	}
	if w.thorough {
		for _, u := range w.waiting {
			p, q := w.queue(u.Served()).Priority, w.queue(t.Served()).Priority
			if (p > q || p == q && before(u, t)) && len(w.eligible(u, f.At)) > 0 {
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
	case Turns:
		if !w.isBot(f.Agent) || t.turns < cmp.Or(w.cfg.BotTurns, DefaultBotTurns) {
			return fmt.Errorf("%d turns", t.turns)
		}
	case Removed:
		if slices.Contains(w.staff(t.Served()), f.Agent) {
			return fmt.Errorf("he is of the queue")
		}
	case Transferred:
		if w.isBot(t.Owner) && t.seek == nil {
			break // by a bot, to a queue
		}
		if t.seek == nil || len(t.asked) != 1 {
			return fmt.Errorf("nobody is asked")
		}
		for id := range t.asked {
			w.taking[t.N] = id
			w.agent(id).asked--
			delete(t.asked, id)
		}
		t.seek = nil
	}
	if t.seek != nil || len(t.asked) > 0 {
		return fmt.Errorf("a transfer is under way")
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
	t.Owner, t.until, t.Answered, t.idled = "", due{}, false, due{}
	w.enter(t, f.At)
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
		a.grace, a.back, a.rest = shift(a.grace), shift(a.back), shift(a.rest)
	}
	for _, t := range w.threads {
		t.until, t.queued, t.held = shift(t.until), shift(t.queued), shift(t.held)
		t.quiet, t.idled, t.left = shift(t.quiet), shift(t.idled), shift(t.left)
		if t.seek != nil {
			t.seek.until = shift(t.seek.until)
		}
		for id := range t.asked {
			t.asked[id] = shift(t.asked[id])
		}
		for id := range t.cool {
			t.cool[id] = shift(t.cool[id])
		}
	}
	w.paused = false
}

// whole checks what must hold after every step.
func (w *witness) whole(d *Desk, now time.Time) error {
	if len(w.taking) > 0 {
		return fmt.Errorf("who accepted a transfer has nothing: %v", w.taking)
	}
	if c := d.Counts(); c.Open != len(w.threads) || c.Waiting != len(w.waiting) {
		return fmt.Errorf("%d open and %d waiting, want %d and %d", c.Open, c.Waiting, len(w.threads), len(w.waiting))
	}
	for _, q := range w.cfg.Queues {
		if !w.paused && w.off[q.Name] == q.Hours.Open(now) {
			return fmt.Errorf("queue %s: off %v, which its hours do not say", q.Name, w.off[q.Name])
		}
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
		soonest(a.back.end)
		if a.rest.end.After(now) {
			soonest(a.rest.end)
		}
		if s, ok := d.Agent(id); ok && (s.Load != a.load || s.Asked != a.asked || s.Capacity != w.capacity(id) || (s.Avail == Available) != w.available(a)) {
			return fmt.Errorf("agent %s is %+v, want load %d, available %v", id, s, a.load, w.available(a))
		}
	}
	for _, t := range w.threads {
		soonest(t.until.end)
		seeks := t.seek != nil && len(t.asked) == 0
		if t.seek != nil {
			soonest(t.seek.until.end)
		}
		for _, x := range t.asked {
			soonest(x.end)
		}
		if t.Owner != "" {
			soonest(w.idles(t))
			soonest(w.departs(t))
		} else {
			if !t.told && w.cfg.LongWait > 0 {
				soonest(t.queued.end.Add(w.cfg.LongWait))
			}
			soonest(t.held.end)
			w.laterTimes(t, now, soonest)
		}
		for _, c := range t.cool {
			if c.end.After(now) && (t.Owner == "" || seeks) {
				soonest(c.end)
			}
		}
		if seeks && !w.paused && t.seek.to != "" {
			return fmt.Errorf("thread %d: a transfer that asks nobody", t.N)
		}
	}
	for _, q := range w.cfg.Queues {
		if q.Hours != nil {
			soonest(w.turning(q.Hours, now))
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
	bots := slices.ContainsFunc(w.cfg.Agents, func(a Agent) bool { return a.Bot })
	for _, t := range w.waiting {
		can := w.eligible(t, now)
		if w.queue(t.Served()).Mode != Push {
			can = w.announced(t, now)
		}
		if bots {
			can = append(can, w.bots(t, now)...)
		}
		if len(can) > 0 {
			return fmt.Errorf("thread %d waits while %v could serve it", t.N, can)
		}
	}
	for n := range w.seeks {
		if t := w.threads[n]; t != nil && t.seek != nil && len(t.asked) == 0 && len(w.askable(t, now)) > 0 {
			return fmt.Errorf("a transfer of thread %d asks nobody while %v could be asked", t.N, w.askable(t, now))
		}
	}
	return nil
}

// turning is q.Next(now), remembered as long as it is right.
func (w *witness) turning(h *Hours, now time.Time) time.Time {
	if x := w.changes[h]; now.Before(x.end) && !now.Before(x.set) {
		return x.end
	}
	at := h.Next(now)
	w.changes[h] = due{at, now}
	return at
}

// laterTimes are when the machine may do something about who waits that it may not yet.
func (w *witness) laterTimes(t *seen, now time.Time, soonest func(time.Time)) {
	q := w.queue(t.Served())
	future := func(d time.Duration) {
		if at := t.queued.end.Add(d); at.After(now) {
			soonest(at)
		}
	}
	for _, id := range q.Agents {
		if n := q.Levels[id]; n > 0 {
			future(time.Duration(n) * cmp.Or(q.LevelWait, DefaultLevelWait))
		}
	}
	if len(q.Levels) > 0 || t.Wants != "" {
		future(cmp.Or(q.SkillWait, DefaultSkillWait))
	}
	if t.Serving == "" && q.Overflow != "" && q.After > 0 {
		future(q.After)
	}
}

func (w *witness) anyoneFree() bool {
	for id, a := range w.agents {
		if w.available(a) && a.load+a.asked < w.capacity(id) {
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
