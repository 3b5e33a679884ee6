// Package component connects to an XMPP server as an external component
// (XEP-0114), for ever: it dials, lets mellium negotiate, then reads stanzas
// and writes bytes on that connection itself, and redials when it breaks. It knows no desk.
//
// Three goroutines serve a connection and end with it: Run's own reads and
// delivers, one writes what was queued, one keeps the time. Proof of life and
// acknowledgement are one thing: an IQ ping (XEP-0199) from our domain to our
// domain, which the server has to route back to us. As the stream is ordered, a ping
// that came back proves that the server has read all that was sent before it;
// one that got lost proves that somebody else is connected by our name and takes a
// share of our stanzas, which ejabberd allows.
package component

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"frontdesk/component/stanza"

	"mellium.im/xmpp/jid"
)

// Config of one link.
type Config struct {
	Name    string // "front" or "desk", for log lines and errors
	Address string // host:port of the server's component port
	Domain  string
	Secret  string
	TLS     *tls.Config // nil: plain TCP; an empty ServerName becomes Address's host
	Log     *slog.Logger

	MaxStanza int           // bytes, both ways; default 256 KiB
	MaxBuffer int           // bytes waiting to be written; default 32 MiB
	MinWait   time.Duration // first back-off; default 200 ms, doubles with jitter up to MaxWait
	MaxWait   time.Duration // default 30 s
	Idle      time.Duration // silence after which it pings; default 20 s
	Dead      time.Duration // a ping unanswered and nothing read for that long: redial; default 30 s
}

// checked returns c with its defaults filled in.
func (c Config) checked() (Config, error) {
	for _, f := range []struct{ name, value string }{
		{"Name", c.Name}, {"Address", c.Address}, {"Domain", c.Domain}, {"Secret", c.Secret},
	} {
		if f.value == "" {
			return c, fmt.Errorf("component: no %s", f.name)
		}
	}
	host, _, err := net.SplitHostPort(c.Address)
	if err != nil {
		return c, fmt.Errorf("component: %s: address %q is not host:port", c.Name, c.Address)
	}
	switch addr, err := jid.New("", strings.ToLower(c.Domain), ""); {
	case err != nil, strings.ContainsAny(c.Domain, "<>&'\"@/ "):
		return c, fmt.Errorf("component: %s: %q is not a domain", c.Name, c.Domain)
	case addr.Domainpart() != c.Domain: // as the server will spell it
		return c, fmt.Errorf("component: %s: domain %q has to be written %q", c.Name, c.Domain, addr.Domainpart())
	}
	if c.TLS != nil && c.TLS.ServerName == "" {
		c.TLS = c.TLS.Clone()
		c.TLS.ServerName = host
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	c.Log = c.Log.With("link", c.Name)
	setDefault(&c.MaxStanza, 256<<10)
	setDefault(&c.MaxBuffer, 32<<20)
	setDefault(&c.MinWait, 200*time.Millisecond)
	setDefault(&c.MaxWait, 30*time.Second)
	setDefault(&c.Idle, 20*time.Second)
	setDefault(&c.Dead, 30*time.Second)
	return c, nil
}

func setDefault[T int | time.Duration](v *T, to T) {
	if *v <= 0 {
		*v = to
	}
}

// EventKind of an Event.
type EventKind uint8

const (
	Up      EventKind = iota + 1 // handshake done and a burst of IQs came back whole
	Down                         // Err says why; told once for each Up, but not at the end of Run
	Stanza                       // Stanza, of Size bytes, came in
	Acked                        // the server has read everything sent up to Mark
	Drained                      // after ErrFull: at least half of the buffer is free again
)

// Event is what a link tells. deliver is called from the link's own goroutine, one event at a
// time, in the stream's order; the link reads no further until it returns.
//
// Stanzas that come before the burst of IQs is back are told after Up. Where the
// burst is never back they are told without an Up: the server believes that we have them.
type Event struct {
	Link   *Link
	Kind   EventKind
	Stanza *stanza.Element
	Size   int
	Mark   uint64
	Err    error
}

// Errors of Send and SendTo.
var (
	ErrDown = errors.New("component: link is down")
	ErrFull = errors.New("component: buffer is full")
	ErrGate = errors.New("component: stanza refused at the gate")
)

// Link is one component connection, redialled for ever.
type Link struct {
	cfg     Config
	deliver func(Event)
	dial    func(context.Context) (net.Conn, error)
	seam    string // stands for an address in what SendTo renders

	running atomic.Bool
	line    atomic.Pointer[line] // the connection while it is up, else nil
	cause   atomic.Pointer[error]

	connects, in, out, refused, full, unreadable atomic.Uint64
}

// New checks cfg and returns a link that is down.
func New(cfg Config, deliver func(Event)) (*Link, error) {
	cfg, err := cfg.checked()
	if err != nil {
		return nil, err
	}
	l := &Link{cfg: cfg, deliver: deliver, seam: newNonce()}
	l.dial = l.dialServer
	return l, nil
}

// Run connects and reconnects until ctx ends; then it refuses what is sent, waits for what was
// sent to be acknowledged (at most 1 s), closes the stream, reads to its end (at most
// 2 s in all), delivering what still comes, and returns nil. A link runs once: a second call is an error.
func (l *Link) Run(ctx context.Context) error {
	if !l.running.CompareAndSwap(false, true) {
		return fmt.Errorf("component: %s: Run called twice", l.cfg.Name)
	}
	retry := backoff{cfg: &l.cfg}
	for {
		up, err := l.connect(ctx)
		if ctx.Err() != nil {
			return nil
		}
		wait := retry.next(up, err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// Stats are counters since New.
type Stats struct {
	Up                            bool
	Connects, In, Out, Gate, Full uint64 // Connects: times it was up; In, Out: stanzas, pings apart
	Buffered                      int    // bytes
	Err                           error  // why it is down: nil while it is up and before the first try is over
}

// Stats may be called at any time.
func (l *Link) Stats() Stats {
	s := Stats{
		Connects: l.connects.Load(), In: l.in.Load(), Out: l.out.Load(),
		Gate: l.refused.Load(), Full: l.full.Load(),
	}
	if c := l.line.Load(); c != nil {
		s.Up, s.Buffered = true, c.buffered()
	} else if err := l.cause.Load(); err != nil {
		s.Err = *err
	}
	return s
}

// Try dials, shakes hands, waits for the burst of IQs and closes again, once: for "frontdesk check". The error says
// what to change and where (wrong secret, unknown host, refused connection, silence, conflict).
// Stanzas that come meanwhile are lost, and it is a component connection like any other: where
// that component is connected already, Prosody refuses this one (or, told to, drops the
// other), and ejabberd lets it have a share of the stanzas.
func Try(ctx context.Context, cfg Config) error {
	cfg.Log = slog.New(slog.DiscardHandler)
	trying, cancel := context.WithCancel(ctx)
	defer cancel()
	l, err := New(cfg, func(e Event) {
		if e.Kind == Up {
			cancel()
		}
	})
	if err != nil {
		return err
	}
	if end, ok := ctx.Deadline(); ok {
		l.cfg.Dead = max(min(l.cfg.Dead, time.Until(end).Round(time.Second)), time.Second)
	}
	switch _, err = l.connect(trying); {
	case l.connects.Load() > 0:
		return nil
	case err == nil: // stopped while the burst was under way
		return l.cfg.brokenError(errLost)
	}
	return err
}
