package relay

import (
	"sync"

	"frontdesk/component"
)

// Bounds of the inbox and of one batch.
const (
	maxInbox = 64 << 20 // bytes that wait; beyond it the readers wait, and the servers with them
	maxBatch = 4096     // events in one commit
)

// event is what the loop takes.
type event struct {
	side *side
	component.Event

	then func() // what ran beside the loop asks for this; then there is no side
}

// inbox holds what the readers handed over and the loop has not taken yet.
type inbox struct {
	mu     sync.Mutex
	room   sync.Cond
	queue  []event
	size   int
	closed bool
	signal chan struct{} // capacity 1
}

func newInbox() *inbox {
	b := &inbox{signal: make(chan struct{}, 1)}
	b.room.L = &b.mu
	return b
}

// put appends an event; it waits only while maxInbox is exceeded.
func (b *inbox) put(e event) {
	b.mu.Lock()
	for b.size > maxInbox && !b.closed {
		b.room.Wait()
	}
	b.queue = append(b.queue, e)
	b.size += e.Size + 64
	b.mu.Unlock()
	b.poke()
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
	if n == len(b.queue) {
		clear(b.queue)
		b.queue, b.size = b.queue[:0], 0
	} else {
		rest := copy(b.queue, b.queue[n:])
		clear(b.queue[rest:])
		b.queue = b.queue[:rest]
		for i := range buf {
			b.size -= buf[i].Size + 64
		}
		b.poke()
	}
	b.room.Broadcast()
	return buf
}

// close lets nobody wait any more.
func (b *inbox) close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.room.Broadcast()
}
