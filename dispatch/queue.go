package dispatch

import (
	"slices"
	"time"
)

// configure takes over what the config says of a queue.
func (q *queue) configure(c *Queue) {
	if !c.Strategy.Known() {
		panic("dispatch: queue " + c.Name + " has the unknown strategy " + string(c.Strategy))
	}
	q.known, q.mode, q.sticky = true, c.Mode, c.Sticky
	if q.strategy = c.Strategy; q.strategy == "" {
		q.strategy = ByLot
	}
	q.levels, q.priority, q.overflow, q.after, q.hours, q.idle, q.gone = c.Levels, c.Priority, c.Overflow, c.After, c.Hours, c.Idle, c.Gone
	q.levelWait, q.skillWait = orDefault(c.LevelWait, DefaultLevelWait), orDefault(c.SkillWait, DefaultSkillWait)
	q.waits = nil
	for _, a := range c.Agents {
		if w := time.Duration(c.Levels[a]) * q.levelWait; w > 0 && !slices.Contains(q.waits, w) {
			q.waits = append(q.waits, w)
		}
	}
	slices.Sort(q.waits)
}

// queue is what customers write to. One that left the config keeps its line, which nobody serves.
type queue struct {
	name   string
	known  bool     // in the config
	shut   bool     // by a supervisor: nobody is given what waits here
	off    bool     // by its hours, likewise
	agents []*agent // by ID

	strategy  Strategy
	mode      Mode
	sticky    time.Duration
	levels    map[string]int
	levelWait time.Duration
	skillWait time.Duration
	waits     []time.Duration // of its levels, in order
	priority  int
	overflow  string
	after     time.Duration
	hours     *Hours
	idle      time.Duration
	gone      time.Duration
	last      string // who was given a conversation by the machine last
	line      line   // who waits

	there int // agents available or away
	free  int // agents free
	woken int // of them, those who became free since the last settle

	head *thread // serve's cursor
}

// closed tells that nobody is given what waits here.
func (q *queue) closed() bool { return q.shut || q.off }

// queue returns the one of that name, and makes one that only the log knows.
func (d *Desk) queue(name string) *queue {
	q := d.queues[name]
	if q == nil {
		q = &queue{name: name}
		d.queues[name] = q
	}
	return q
}

// Line returns up to limit threads that wait in a queue, first come first.
func (d *Desk) Line(queue string, limit int) []Thread {
	q := d.queues[queue]
	if q == nil {
		return nil
	}
	return q.line.page(limit)
}

// Waiting counts who waits in a queue.
func (d *Desk) Waiting(queue string) int {
	if q := d.queues[queue]; q != nil {
		return q.line.len()
	}
	return 0
}

// Place returns the place in line of a waiting thread, from 1; 0 if it does not wait. Work is O(log n) in the line.
func (d *Desk) Place(thread uint64) int {
	t := d.threads[thread]
	if t == nil || t.Owner != "" {
		return 0
	}
	return t.queue.line.rank(t)
}

// Mood of a queue, for its presence.
type Mood uint8

const (
	Nobody Mood = iota // no agent of the queue is available or away
	Full               // somebody is there, but none is eligible for a new customer
	Free
	Shut // closed, by a supervisor or its hours
)

// Mood of a queue as its agents stand; a pause does not count. It costs nothing to ask.
func (d *Desk) Mood(queue string) Mood {
	q := d.queues[queue]
	switch {
	case q != nil && q.closed():
		return Shut
	case q == nil || q.there == 0:
		return Nobody
	case q.free == 0:
		return Full
	}
	return Free
}

// setQueue is a supervisor's word on a queue.
func (d *Desk) setQueue(in SetQueue) error {
	if _, err := d.speaker(in.By); err != nil {
		return err
	}
	q := d.queues[in.Queue]
	switch {
	case q == nil || !q.known:
		return ErrUnknownQueue
	case q.shut != in.Shut:
		d.emit(Fact{Kind: QueueSet, Queue: q.name, Shut: in.Shut, By: in.By})
	}
	return nil
}

func (d *Desk) applyQueueSet(f *Fact) error {
	if f.Queue == "" {
		return errQueue
	}
	q := d.queue(f.Queue)
	if f.Kind == HoursSet {
		q.off = f.Shut
	} else {
		q.shut = f.Shut
	}
	d.spilled = true
	if q.closed() || !d.started || d.paused {
		return nil
	}
	for _, a := range q.agents { // nobody has looked at this line meanwhile
		if a.free {
			d.wake(a)
		}
	}
	return nil
}

// tellHours opens and closes queues as their hours say, and notes when they will next.
func (d *Desk) tellHours() {
	if d.clock.Before(d.hoursAt) {
		return
	}
	d.hoursAt = never
	for _, c := range d.cfg.Queues {
		q := d.queues[c.Name]
		if off := !q.hours.Open(d.clock); off != q.off {
			d.emit(Fact{Kind: HoursSet, Queue: q.name, Shut: off})
		}
		if at := q.hours.Next(d.clock); !at.IsZero() && at.Before(d.hoursAt) {
			d.hoursAt = at.UTC()
		}
	}
}

// never is later than all deadlines.
var never = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// Closed reports whether a queue is closed by a supervisor, and whether it is by its hours.
func (d *Desk) Closed(queue string) (byHand, byHours bool) {
	if q := d.queues[queue]; q != nil {
		return q.shut, q.off
	}
	return false, false
}

// Opens is when a queue that is closed by its hours opens; zero if it is open, or closed by a supervisor.
func (d *Desk) Opens(queue string) time.Time {
	q := d.queues[queue]
	if q == nil || q.shut || !q.off {
		return time.Time{}
	}
	return q.hours.Next(d.clock)
}
