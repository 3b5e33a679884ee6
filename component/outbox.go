package component

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"frontdesk/component/stanza"
)

const (
	burstPings = 8
	ackEvery   = 32 << 10 // bytes after which marked stanzas get a ping of their own
	writeChunk = 64 << 10 // progress is asked for each of these
	keepBuffer = 1 << 20  // a buffer that has grown larger is not used again
	brokenWait = 2 * time.Second
)

// outbox is what waits to be written on one connection, and what is known about what
// was. Senders append under the lock; the writer takes all of it at once. Pings, 150 bytes each, do not count for MaxBuffer.
type outbox struct {
	mu      sync.Mutex
	buf     []byte
	scratch []byte // of sendTo
	writing int    // bytes that the writer has taken and not written yet
	up      bool   // the burst is back
	full    bool   // ErrFull was returned and Drained is not yet told

	mark  uint64 // highest mark queued
	acked uint64 // highest mark that the server has read

	back     uint64        // pings that came back
	flying   []uint64      // the marks that each ping will prove that is on its way: at most MaxBuffer/ackEvery and one
	since    int           // bytes queued behind the last ping
	due      bool          // a ping is wanted, marks or not
	pingAt   time.Time     // since when the first of flying could have come back; zero until it is written
	pingWait time.Duration // how long the reader had waited by then, in total

	stopping bool // planned: send nothing new, close when all is acknowledged
	forced   bool // planned: close now
	ended    bool // </stream:stream> is queued
	shut     bool // nothing can be queued any more
	err      error
}

func (o *outbox) used() int { return len(o.buf) + o.writing }

func (c *line) buffered() int {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	return c.out.used()
}

// send renders s into the buffer.
func (c *line) send(s *stanza.Element, mark uint64) error {
	o := &c.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.open(); err != nil {
		return err
	}
	old := len(o.buf)
	o.buf = s.AppendXML(o.buf)
	n := len(o.buf) - old
	if err := c.admit(n, n, o.used()-n); err != nil {
		o.buf = o.buf[:old]
		return err
	}
	c.queued(n, mark)
	return nil
}

// sendTo renders s once, with seam in the place of an address, and copies the
// two halves around each address.
func (c *line) sendTo(s *stanza.Element, to []stanza.JID, seam string, mark uint64) error {
	o := &c.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.open(); err != nil {
		return err
	}
	o.scratch = s.AppendXMLTo(o.scratch[:0], stanza.JID(seam))
	cut := bytes.Index(o.scratch, []byte(seam))
	head, tail := o.scratch[:cut], o.scratch[cut+len(seam):]
	defer func() { o.scratch = recycled(o.scratch) }()

	longest, old, before := 0, len(o.buf), o.used()
	for _, j := range to {
		at := len(o.buf)
		switch {
		case j == "":
			continue
		case plain(string(j)):
			o.buf = append(append(append(o.buf, head...), j...), tail...)
		default:
			o.buf = s.AppendXMLTo(o.buf, j)
		}
		longest = max(longest, len(o.buf)-at)
	}
	n := len(o.buf) - old
	if err := c.admit(longest, n, before); err != nil {
		o.buf = o.buf[:old]
		return err
	}
	c.queued(n, mark)
	return nil
}

// queued takes note of n bytes. A large backlog gets a ping now and then, so that not all of it is
// sent again if the connection breaks in the middle.
func (c *line) queued(n int, mark uint64) {
	o := &c.out
	o.mark = max(o.mark, mark)
	if o.since += n; o.since >= ackEvery && o.mark > o.acked {
		c.appendPing()
	}
	c.wake()
}

// open refuses what need not be rendered.
func (o *outbox) open() error {
	switch {
	case o.shut || o.stopping:
		return ErrDown
	case o.full:
		return ErrFull
	}
	return nil
}

// admit holds the bounds: longest is the longest stanza of n bytes that come on top of before.
func (c *line) admit(longest, n, before int) error {
	switch {
	case longest > c.cfg.MaxStanza:
		return ErrGate
	case before > 0 && before+n > c.cfg.MaxBuffer:
		c.out.full = true
		c.wake() // for the ping that will tell of Drained
		return ErrFull
	}
	return nil
}

// plain reports whether s needs no escape in an attribute.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '<' || c == '>' || c == '&' || c == '\'' || c == '"' {
			return false
		}
	}
	return true
}

// write is the writer: it writes what is there, whole batches at a time, until
// the stream is closed or the connection ends.
func (c *line) write() {
	var spare []byte
	for {
		batch, ping, last := c.take(spare)
		if len(batch) == 0 {
			select {
			case <-c.kick:
				spare = batch
				continue
			case <-c.done:
				return
			}
		}
		for chunk := range slices.Chunk(batch, writeChunk) {
			c.conn.SetWriteDeadline(time.Now().Add(c.cfg.Dead))
			if _, err := c.conn.Write(chunk); err != nil {
				c.writeFailed(err)
				return
			}
			c.wrote(len(chunk))
		}
		if ping {
			c.pingWritten()
		}
		if last {
			return
		}
		spare = recycled(batch)
	}
}

// take returns what is to be written now, and leaves spare to be filled.
func (c *line) take(spare []byte) (batch []byte, ping, last bool) {
	o := &c.out
	o.mu.Lock()
	defer o.mu.Unlock()
	idle := len(o.flying) == 0
	switch {
	case o.ended:
	case o.stopping && (o.forced || !o.up || idle && o.mark == o.acked):
		o.buf = append(o.buf, "</stream:stream>"...)
		o.ended = true
	case o.up && idle && (o.due || o.full || o.mark > o.acked):
		c.appendPing()
	}
	batch, o.buf = o.buf, spare[:0]
	o.writing = len(batch)
	return batch, len(o.flying) > 0 && o.pingAt.IsZero(), o.ended
}

func (c *line) wrote(n int) {
	c.out.mu.Lock()
	c.out.writing -= n
	c.out.mu.Unlock()
}

// writeFailed leaves the connection open for a moment where it is the server that has
// closed it: what it said before, a stream error above all, is still to be read.
func (c *line) writeFailed(err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.fail(fmt.Errorf("%w: nothing written for %v", errStuck, c.cfg.Dead))
		return
	}
	c.out.mu.Lock()
	c.out.shut = true
	c.out.mu.Unlock()
	late := time.NewTimer(brokenWait)
	defer late.Stop()
	select {
	case <-c.done:
	case <-late.C:
		c.fail(err)
	}
}

// recycled returns b emptied, or nothing where it has grown so large that keeping it is waste.
func recycled(b []byte) []byte {
	if cap(b) > keepBuffer {
		return nil
	}
	return b[:0]
}
