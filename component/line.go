package component

import (
	"bufio"
	"context"
	"crypto/rand"
	"net"
	"sync"
	"time"

	"frontdesk/component/stanza"
)

const (
	readBuffer = 64 << 10
	ackWait    = time.Second     // at a planned stop: for the server to say that it has read everything
	closeWait  = 2 * time.Second // at a planned stop: for the stream to end
	maxHeld    = 4 << 20         // bytes of stanzas that wait for Up; beyond it they are told before
)

// line is one connection, from the handshake to its end.
type line struct {
	cfg   *Config
	conn  net.Conn
	meter *meter
	in    *bufio.Reader // first mellium's, then the stanza reader's
	born  time.Time
	nonce string        // what the ids of our pings begin with
	kick  chan struct{} // capacity 1: there is something to write
	done  chan struct{} // closed when reading has ended

	// The reader's own.
	told     bool    // Up is
	held     []Event // that wait for it
	heldSize int

	// What may be touched from everywhere is in out, under its lock.
	out outbox
}

func newLine(cfg *Config, conn net.Conn) *line {
	c := &line{
		cfg: cfg, conn: conn, born: time.Now(), nonce: newNonce(),
		kick: make(chan struct{}, 1), done: make(chan struct{}),
	}
	c.meter = &meter{Conn: conn, epoch: c.born}
	c.in = bufio.NewReaderSize(c.meter, readBuffer)
	return c
}

// newNonce returns 26 characters that cannot be guessed and need no escape.
func newNonce() string { return rand.Text() }

// connect makes one connection and serves it to its end. It returns how long
// it was up, and why it is so no more; nil where ctx ended and it was closed as planned.
func (l *Link) connect(ctx context.Context) (up time.Duration, err error) {
	c, err := l.open(ctx)
	if err != nil {
		l.cause.Store(&err)
		return 0, err
	}
	var others sync.WaitGroup
	others.Go(c.write)
	others.Go(func() { c.keep(ctx, l) })
	c.burst()

	err = l.read(c)
	l.line.CompareAndSwap(c, nil)
	if cause := c.shut(); cause != nil {
		err = cause
	}
	close(c.done)
	others.Wait()

	l.release(c)
	if c.planned() {
		return time.Since(c.born), nil
	}
	err = l.cfg.brokenError(err)
	l.cause.Store(&err)
	if c.told {
		l.deliver(Event{Link: l, Kind: Down, Err: err})
		return time.Since(c.born), err
	}
	return 0, err
}

// up tells that the link is usable, and what came before it was.
func (l *Link) up(c *line) {
	c.told = true
	l.connects.Add(1)
	l.line.Store(c)
	l.cause.Store(nil)
	l.cfg.Log.Info("link up", "server", l.cfg.Address, "domain", l.cfg.Domain)
	l.deliver(Event{Link: l, Kind: Up})
	l.release(c)
}

// fail ends the connection; the first to call it gives the reason.
func (c *line) fail(err error) {
	c.out.mu.Lock()
	if c.out.err == nil {
		c.out.err = err
	}
	c.out.shut = true
	c.out.mu.Unlock()
	c.conn.Close()
}

// shut closes the connection, takes no more to send and returns why it failed, if fail was told.
func (c *line) shut() error {
	c.out.mu.Lock()
	c.out.shut = true
	err := c.out.err
	c.out.mu.Unlock()
	c.conn.Close()
	return err
}

func (c *line) planned() bool {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	return c.out.stopping
}

func (c *line) wake() {
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// Send queues a stanza and returns at once; safe for concurrent use. Mark, where it is not 0,
// is a number that does not decrease from one Send to the next while the link is up: once the server has
// read this stanza, Acked with a Mark at least as high is delivered. The gate: message, presence or iq,
// from on our domain, a to, bounded size; a violation is ErrGate, counted and logged, and the stream lives on.
//
// ErrDown and ErrFull lose the stanza: whoever needs it again has it in his log. After an ErrFull
// every Send is ErrFull until Drained is delivered, so that no mark covers a stanza that was lost.
func (l *Link) Send(s *stanza.Element, mark uint64) error {
	if err := l.gate(s); err != nil {
		return err
	}
	if s.To() == "" {
		return l.refuse(s, "no to")
	}
	c := l.line.Load()
	if c == nil {
		return ErrDown
	}
	return l.count(s, 1, c.send(s, mark))
}

// SendTo is Send of one stanza to several addresses: rendered once, addressed len(to) times. It is
// queued for all of them or for none; but an empty address costs only that one and is ErrGate.
// What is larger than the whole buffer goes when the buffer is empty.
func (l *Link) SendTo(s *stanza.Element, to []stanza.JID, mark uint64) error {
	if err := l.gate(s); err != nil {
		return err
	}
	c := l.line.Load()
	if c == nil {
		return ErrDown
	}
	n := 0
	for _, j := range to {
		if j != "" {
			n++
		}
	}
	err := l.count(s, n, c.sendTo(s, to, l.seam, mark))
	if n < len(to) && err == nil {
		err = l.refuse(s, "no to")
	}
	return err
}

// count keeps the statistics of n stanzas that were or were not queued.
func (l *Link) count(s *stanza.Element, n int, err error) error {
	switch err {
	case nil:
		l.out.Add(uint64(n))
	case ErrFull:
		l.full.Add(uint64(n))
	case ErrGate:
		return l.refuse(s, "too long")
	}
	return err
}
