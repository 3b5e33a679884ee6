package dispatch

// queue is what customers write to. One that left the config keeps its line, which nobody serves.
type queue struct {
	name   string
	known  bool     // in the config
	shut   bool     // nobody is given what waits here
	agents []*agent // by ID
	line   line     // who waits

	there int // agents available or away
	free  int // agents free
	woken int // of them, those who became free since the last settle

	head *thread // serve's cursor
}

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
	Shut // closed by a supervisor
)

// Mood of a queue as its agents stand; a pause does not count. It costs nothing to ask.
func (d *Desk) Mood(queue string) Mood {
	q := d.queues[queue]
	switch {
	case q != nil && q.shut:
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
	if q.shut = f.Shut; q.shut || !d.started || d.paused {
		return nil
	}
	for _, a := range q.agents { // nobody has looked at this line meanwhile
		if a.free {
			d.wake(a)
		}
	}
	return nil
}
