package component

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"frontdesk/component/stanza"
)

// lostAfter times Dead is how long the reader waits for a ping while other stanzas do come. It
// is generous: a busy server may have much to read before the ping.
const lostAfter = 4

// appendPing queues a ping from our domain to our domain, behind all that is queued. c.out is locked.
func (c *line) appendPing() {
	o := &c.out
	o.flying = append(o.flying, o.mark)
	o.due, o.since = false, 0
	id := c.nonce + strconv.FormatUint(o.back+uint64(len(o.flying)), 10)
	o.buf = stanza.New("", "iq", "type", "get", "from", c.cfg.Domain, "to", c.cfg.Domain, "id", id).
		Add(stanza.New(stanza.NSPing, "ping")).AppendXML(o.buf)
}

// burst queues the pings that all have to come back before the link is up.
func (c *line) burst() {
	c.out.mu.Lock()
	for range burstPings {
		c.appendPing()
	}
	c.out.mu.Unlock()
	c.wake()
}

// pingWritten starts the clock for the first ping in flight.
func (c *line) pingWritten() {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	if len(c.out.flying) > 0 {
		c.out.pingAt, c.out.pingWait = time.Now(), c.meter.total()
	}
}

// loopback reports whether e is a ping of this component to itself: of this
// connection, then n is its number, or of another one, then n is 0. Its from proves it, as
// servers let nobody else send from our domain.
func (c *line) loopback(e *stanza.Element) (n uint64, ok bool) {
	if e.Local != "iq" || e.Attr("from") != c.cfg.Domain || e.Attr("to") != c.cfg.Domain {
		return 0, false
	}
	if number, ours := strings.CutPrefix(e.ID(), c.nonce); ours {
		n, err := strconv.ParseUint(number, 10, 64)
		return n, err == nil
	}
	return 0, e.Type() == "get" && e.Has(stanza.NSPing, "ping")
}

// proof is what a ping that came back has shown.
type proof struct {
	up      bool   // all of the burst is back
	acked   uint64 // where it is not 0: all is read up to this mark
	drained bool
}

// returned takes note of ping n. One that comes before its elders means that
// they are lost, as the server keeps their order.
func (c *line) returned(n uint64) (proof, error) {
	o := &c.out
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case n <= o.back || n > o.back+uint64(len(o.flying)):
		return proof{}, nil // of another connection, or twice: it proves nothing
	case n > o.back+1:
		return proof{}, fmt.Errorf("%w: a later one came first", errLost)
	}
	mark := o.flying[0]
	o.flying = slices.Delete(o.flying, 0, 1)
	o.back = n
	var p proof
	if mark > o.acked {
		o.acked, p.acked = mark, mark
	}
	if o.full && o.used() <= c.cfg.MaxBuffer/2 {
		o.full, p.drained = false, true
	}
	if len(o.flying) > 0 {
		if !o.pingAt.IsZero() {
			o.pingAt, o.pingWait = time.Now(), c.meter.total()
		}
		return p, nil
	}
	o.pingAt = time.Time{}
	p.up = !o.up && !o.stopping
	o.up = true
	if o.mark > o.acked || o.full || o.stopping {
		c.wake()
	}
	return p, nil
}

// keep is the keeper of the time: it has a ping sent when the server is silent,
// ends a connection that is dead, and closes one whose time is over.
func (c *line) keep(ctx context.Context, l *Link) {
	t := time.NewTimer(0)
	defer t.Stop()
	for due := time.Now(); ; {
		select {
		case <-c.done:
			return
		case <-ctx.Done():
			c.stop(l)
			return
		case <-t.C:
		}
		if time.Since(due) >= stoodStill {
			c.excuse()
		}
		next, err := c.look()
		if err != nil {
			c.fail(err)
			return
		}
		due = time.Now().Add(next)
		t.Reset(next)
	}
}

// stoodStill is how late the keeper of the time wakes where it takes the whole process for one that stood still: it was stopped, or the
// machine suspended or moved.
const stoodStill = 5 * time.Second

// excuse gives a server that could not be heard while we stood still as long as any other to answer: what it has said is still to be read, and is
// lost with the connection.
func (c *line) excuse() {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	if !c.out.pingAt.IsZero() {
		c.out.pingAt, c.out.pingWait = time.Now(), c.meter.total()
	}
}

// look returns when to look again. It never returns more than Idle or Dead, whichever is
// less: nothing that has begun meanwhile can be over sooner.
func (c *line) look() (time.Duration, error) {
	o, dead, idle := &c.out, c.cfg.Dead, c.cfg.Idle
	silent := c.meter.silence()
	next := min(idle, dead)
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case !o.up:
		left := dead - time.Since(c.born)
		if left <= 0 {
			return 0, fmt.Errorf("%w: %d of %d in %v", errLost, o.back, burstPings, dead)
		}
		next = min(next, left)
	case len(o.flying) == 0:
		if silent >= idle && !o.due {
			o.due = true
			c.wake()
		}
		if silent < idle {
			next = min(next, idle-silent)
		}
	case o.pingAt.IsZero(): // the writer has its own deadline
	default:
		age := min(silent, time.Since(o.pingAt))
		switch {
		case age >= dead:
			return 0, fmt.Errorf("%w in %v, and a ping went unanswered", errSilent, dead)
		case c.meter.total()-o.pingWait >= lostAfter*dead:
			return 0, fmt.Errorf("%w: none in %v, though other stanzas came", errLost, lostAfter*dead)
		}
		next = min(next, dead-age)
	}
	return next, nil
}

// stop closes the stream as planned.
func (c *line) stop(l *Link) {
	o := &c.out
	l.line.CompareAndSwap(c, nil)
	o.mu.Lock()
	o.stopping = true
	o.mu.Unlock()
	c.wake()
	if c.over(ackWait) {
		return
	}
	o.mu.Lock()
	o.forced = true
	o.mu.Unlock()
	c.wake()
	if c.over(closeWait - ackWait) {
		return
	}
	c.conn.Close()
}

// over waits for the end of the connection, for d at most.
func (c *line) over(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-c.done:
		return true
	case <-t.C:
		return false
	}
}
