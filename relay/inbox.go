package relay

import (
	"sync"

	"frontdesk/component"
	"frontdesk/component/stanza"
)

// Bounds of the inbox and of one batch. Where more comes in than the loop takes, typing goes first; then customers are asked to wait; in
// the end the readers wait, and the servers with them. One sender is asked to wait long before, so that others do not wait behind him.
const (
	maxInbox = 64 << 20     // bytes that wait; beyond it the readers wait
	crowded  = maxInbox / 2 // customers are asked to wait, until it is no more than
	calm     = maxInbox / 4 // beyond it nobody's typing is taken
	maxBatch = 4096         // events in one commit

	maxFrom      = 1000    // stanzas of one sender (bare address) that wait; beyond it he is asked to wait until half of it is taken
	maxFromBytes = 4 << 20 // and bytes
)

// event is what the loop takes.
type event struct {
	side *side
	component.Event

	then func() // what ran beside the loop asks for this; then there is no side
}

// class is what a stanza's loss would mean.
type class uint8

const (
	needed   class = iota // what others think of the sender depends on it, or it answers
	typing                // XEP-0085 and nothing else
	askedFor              // it can be answered with an error, and is sent again then
)

func classOf(s *stanza.Element) class {
	switch {
	case s.Local == "iq" && (s.Type() == "get" || s.Type() == "set"):
		return askedFor
	case s.Local != "message" || s.Type() == "error":
		return needed
	case s.Child("", "body") != nil:
		return askedFor
	}
	k := needed
	for c := range s.Elements() {
		switch {
		case c.Space == nsStates:
			k = typing
		case c.Space != nsHints && c.Local != "thread":
			return needed
		}
	}
	return k
}

// fate is what became of an event.
type fate uint8

const (
	letIn      fate = iota
	passedOver      // nobody needs to know
	putOff          // the sender is to be told
)

// share is what waits of one sender.
type share struct {
	n, size int
	over    bool // he is asked to wait
}

// inbox holds what the readers handed over and the loop has not taken yet.
type inbox struct {
	mu      sync.Mutex
	room    sync.Cond
	queue   []event
	size    int
	from    map[stanza.JID]*share // who has something waiting; servers are not counted
	crowded bool
	closed  bool
	signal  chan struct{} // capacity 1

	dropped, refused uint64
}

func newInbox() *inbox {
	b := &inbox{signal: make(chan struct{}, 1), from: map[stanza.JID]*share{}}
	b.room.L = &b.mu
	return b
}

func weight(e *event) int { return e.Size + 64 }

// sender is whose share an event counts for; "" is nobody's.
func sender(e *event) stanza.JID {
	if e.Kind != component.Stanza || e.then != nil {
		return ""
	}
	if from := e.Stanza.From().Bare(); from.Local() != "" {
		return from
	}
	return ""
}

// put appends an event, or says why not: only a stanza is ever dropped or refused. It waits only while maxInbox is exceeded.
func (b *inbox) put(e event) fate {
	who := sender(&e)
	b.mu.Lock()
	if v := b.judge(&e, who); v != letIn {
		b.mu.Unlock()
		return v
	}
	for b.size > maxInbox && !b.closed {
		b.room.Wait()
	}
	b.queue = append(b.queue, e)
	b.size += weight(&e)
	if who != "" {
		sh := b.from[who]
		if sh == nil {
			sh = &share{}
			b.from[who] = sh
		}
		sh.n++
		sh.size += weight(&e)
	}
	b.mu.Unlock()
	b.poke()
	return letIn
}

// judge decides whether a stanza is taken.
func (b *inbox) judge(e *event, who stanza.JID) fate {
	if e.Kind != component.Stanza || b.closed {
		return letIn
	}
	k, most := classOf(e.Stanza), 1
	if k == needed {
		most = 4
	}
	sh := b.from[who]
	if who != "" && sh != nil {
		sh.over = sh.over && (sh.n > maxFrom/2 || sh.size > maxFromBytes/2) || sh.n >= maxFrom || sh.size >= maxFromBytes
		if k != needed && sh.over || sh.n >= most*maxFrom || sh.size >= most*maxFromBytes {
			return b.turnedAway(k)
		}
	}
	b.crowded = b.size > crowded || b.crowded && b.size > calm
	if k == typing && b.size > calm || k == askedFor && b.crowded && e.side.customers {
		return b.turnedAway(k)
	}
	return letIn
}

func (b *inbox) turnedAway(k class) fate {
	if k == askedFor {
		b.refused++
		return putOff
	}
	b.dropped++
	return passedOver
}

// poke wakes the loop.
func (b *inbox) poke() {
	select {
	case b.signal <- struct{}{}:
	default:
	}
}

// take returns up to maxBatch events, into buf.
func (b *inbox) take(buf []event) []event {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := min(len(b.queue), maxBatch)
	buf = append(buf[:0], b.queue[:n]...)
	rest := copy(b.queue, b.queue[n:])
	clear(b.queue[rest:])
	b.queue = b.queue[:rest]
	for i := range buf {
		b.size -= weight(&buf[i])
		if who := sender(&buf[i]); who != "" {
			sh := b.from[who]
			sh.n--
			sh.size -= weight(&buf[i])
			if sh.n == 0 {
				delete(b.from, who)
			}
		}
	}
	if rest > 0 {
		b.poke()
	}
	b.room.Broadcast()
	return buf
}

// figures are how many events wait, of how many bytes, and what was dropped and refused since the start.
func (b *inbox) figures() (events, bytes int, dropped, refused uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.queue), b.size, b.dropped, b.refused
}

// close lets nobody wait any more.
func (b *inbox) close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.room.Broadcast()
}
