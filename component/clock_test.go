package component

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"frontdesk/component/stanza"
)

// peer is the server's end of a connection that exists only in memory, in virtual time.
type peer struct {
	t    *testing.T
	conn net.Conn
	r    *stanza.Reader
}

// pipeLink runs a link whose connections are pipes; each dial puts the other end into the channel.
func pipeLink(t *testing.T, cfg Config) (*Link, *recorder, chan *peer) {
	rec := newRecorder()
	rec.limit = 24 * time.Hour
	l, peers, _ := pipe(t, cfg, func(e Event) { rec.events <- e })
	return l, rec, peers
}

func pipe(t *testing.T, cfg Config, deliver func(Event)) (l *Link, peers chan *peer, stop func()) {
	peers = make(chan *peer, 100)
	l, err := New(cfg, deliver)
	if err != nil {
		t.Fatal(err)
	}
	l.dial = func(context.Context) (net.Conn, error) {
		ours, theirs := net.Pipe()
		t.Cleanup(func() { theirs.Close() })
		peers <- &peer{t: t, conn: theirs}
		return ours, nil
	}
	return l, peers, run(t, l)
}

func (p *peer) greet() {
	in := bufio.NewReader(p.conn)
	if _, err := in.ReadString('>'); err != nil {
		p.t.Error(err)
	}
	p.say("<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' id='1'>")
	for range 2 {
		if _, err := in.ReadString('>'); err != nil {
			p.t.Error(err)
		}
	}
	p.say("<handshake/>")
	p.r = stanza.NewReader(in, 1<<20)
}

func (p *peer) say(text string) bool {
	_, err := io.WriteString(p.conn, text)
	return err == nil
}

func (p *peer) next() *stanza.Element {
	e, err := p.r.Next()
	if err != nil {
		return nil
	}
	return e
}

// echo returns the next n stanzas, as a server does with what a component sends to itself.
func (p *peer) echo(n int) {
	for range n {
		e := p.next()
		if e == nil {
			return
		}
		p.conn.Write(e.AppendXML(nil))
	}
}

func clocked() Config {
	cfg := config("127.0.0.1:5347")
	cfg.Idle, cfg.Dead = 20*time.Second, 30*time.Second
	return cfg
}

// clockTests are ways in which a server fails, and when and how that is noticed.
var clockTests = []struct {
	name   string
	server func(*peer)
	idle   time.Duration // until it is down, from the moment that it was up, or dialled where it never was
	want   string
}{
	{
		"silence: pinged after Idle, dead Dead later",
		func(p *peer) { p.greet(); p.echo(burstPings); p.next(); p.next() },
		50 * time.Second, "no sign of life",
	}, {
		"it answers twice before it is silent",
		func(p *peer) { p.greet(); p.echo(burstPings + 2); p.next(); p.next() },
		90 * time.Second, "no sign of life",
	}, {
		"it reads nothing any more",
		func(p *peer) { p.greet(); p.echo(burstPings) },
		50 * time.Second, "it reads nothing that we send",
	}, {
		"an unanswered ping, but other stanzas",
		func(p *peer) {
			p.greet()
			p.echo(burstPings)
			p.next()
			for p.say("<message from='anna@agents.example'/>") {
				time.Sleep(10 * time.Second)
			}
		},
		// The ping goes after 20 s, the stanzas are no excuse for longer than 4 × 30 s.
		140 * time.Second, "our own pings do not come back",
	}, {
		"its stream error is the cause",
		func(p *peer) {
			p.greet()
			p.echo(burstPings)
			p.say("<stream:error><system-shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>Bye</text></stream:error></stream:stream>")
			p.conn.Close()
		},
		0, "the server ended the stream: system-shutdown (Bye)",
	}, {
		"restricted XML",
		func(p *peer) { p.greet(); p.echo(burstPings); p.say("<message><!-- --></message>") },
		0, "comment",
	}, {
		"a ping of ours is with somebody else",
		func(p *peer) { p.greet(); p.echo(3); p.next(); p.echo(4) },
		-1, "another frontdesk connected as",
	}, {
		"the last ping of the burst is with somebody else",
		func(p *peer) { p.greet(); p.echo(7); p.next(); p.next() },
		-30 * time.Second, "another frontdesk connected as",
	}, {
		"no handshake",
		func(p *peer) { io.Copy(io.Discard, p.conn) },
		-30 * time.Second, "did not finish the handshake within 30s",
	},
}

func TestClock(t *testing.T) {
	t.Parallel()
	for _, test := range clockTests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l, rec, peers := pipeLink(t, clocked())
				p := <-peers
				began := time.Now()
				done := make(chan bool)
				go func() {
					defer close(done)
					test.server(p)
				}()
				var err error
				if test.idle >= 0 {
					rec.await(t, Up)
					began = time.Now()
					err = rec.await(t, Down).Err
				} else {
					<-peers // the next try
					err = l.Stats().Err
					if rec.count(Up)+rec.count(Down) > 0 {
						t.Error("Up or Down without the other")
					}
				}
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("got %v\nwant %s", err, test.want)
				}
				// A redial waits up to 1.5 times MinWait.
				took, want := time.Since(began).Truncate(10*time.Millisecond), max(test.idle, -test.idle).Truncate(time.Second)
				if took != want {
					t.Errorf("down after %v, want %v", took, want)
				}
				p.conn.Close()
				<-done
			})
		})
	}
}

// While the consumer is slow it is not the server that is silent.
func TestSlowConsumer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rec := newRecorder()
		rec.limit = 24 * time.Hour
		l, peers, _ := pipe(t, clocked(), func(e Event) {
			if e.Kind == Stanza {
				time.Sleep(10 * time.Minute)
			}
			rec.events <- e
		})
		p := <-peers
		p.greet()
		p.echo(burstPings)
		rec.await(t, Up)
		if err := l.Send(message("m"), 1); err != nil {
			t.Fatal(err)
		}
		p.next() // the message; its ping follows
		p.say("<message from='anna@agents.example' to='" + domain + "'/>")
		go p.echo(100)
		rec.await(t, Stanza)
		if ack := rec.await(t, Acked); ack.Mark != 1 || rec.count(Down) > 0 {
			t.Errorf("acknowledged %d, Down %d times", ack.Mark, rec.count(Down))
		}
	})
}

// After a time in which the process itself stood still a server has as long to answer as after a ping.
func TestStoodStill(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, rec, peers := pipeLink(t, clocked())
		p := <-peers
		p.greet()
		p.echo(burstPings)
		rec.await(t, Up)
		began := time.Now()
		p.next() // the ping, after 20 s
		time.Sleep(29 * time.Second)
		l.line.Load().excuse()
		rec.await(t, Down)
		if took := time.Since(began).Truncate(time.Second); took != (20+29+30)*time.Second {
			t.Errorf("down after %v", took)
		}
	})
}

// Pings are no business of the consumer's: not ours, not those of another connection of
// our name. Those prove nothing, nor does what somebody else makes of our ids.
func TestLoopbacks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, rec, peers := pipeLink(t, clocked())
		p := <-peers
		p.greet()
		early := "<message from='anna@agents.example' to='" + domain + "' id='early'/>"
		p.say(early)
		p.echo(burstPings)
		rec.await(t, Up)
		if e := rec.await(t, Stanza); e.Stanza.ID() != "early" || len(rec.past) != 2 {
			t.Errorf("after Up: %s, %d events", e.Stanza, len(rec.past))
		}
		if err := l.Send(message("m"), 1); err != nil {
			t.Fatal(err)
		}
		p.next()
		ping := p.next()
		forged := ping.Clone().Set("from", "anna@agents.example")
		foreign := ping.Clone().Set("id", "elsewhere1")
		wrong := ping.Clone().Set("id", ping.ID()+"0000000000000000000000")
		for _, e := range []*stanza.Element{forged, foreign, wrong} {
			p.conn.Write(e.AppendXML(nil))
		}
		if e := rec.await(t, Stanza); e.Stanza.From() != "anna@agents.example" {
			t.Errorf("delivered %s", e.Stanza)
		}
		synctest.Wait()
		if rec.count(Acked) > 0 {
			t.Error("acknowledged by what is not our ping")
		}
		// An error from our own domain is an answer, too.
		p.conn.Write(stanza.Error{Type: "cancel", Condition: "service-unavailable"}.Reply(ping).AppendXML(nil))
		if e := rec.await(t, Acked); e.Mark != 1 {
			t.Errorf("acknowledged %d", e.Mark)
		}
		if rec.count(Stanza) != 3 || l.Stats().In != 3 {
			t.Errorf("%d stanzas delivered", rec.count(Stanza))
		}
	})
}

// A burst that is never whole costs no stanza that came meanwhile.
func TestStanzasWithoutUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, rec, peers := pipeLink(t, clocked())
		p := <-peers
		p.greet()
		p.say("<message from='anna@agents.example' to='" + domain + "' id='kept'/>")
		p.conn.Close()
		if e := rec.await(t, Stanza); e.Stanza.ID() != "kept" || rec.count(Up) > 0 {
			t.Errorf("delivered %s, Up %d times", e.Stanza, rec.count(Up))
		}
	})
}

// A server that does not close its side of the stream is left after 2 s.
func TestStopOfAHungServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rec := newRecorder()
		l, peers, stop := pipe(t, clocked(), func(e Event) { rec.events <- e })
		p := <-peers
		p.greet()
		p.echo(burstPings)
		rec.await(t, Up)
		if err := l.Send(message("m"), 1); err != nil {
			t.Fatal(err)
		}
		closed := make(chan error, 1)
		go func() {
			p.next()
			p.next()
			_, err := p.r.Next()
			closed <- err
		}()
		began := time.Now()
		stop()
		if took := time.Since(began); took != closeWait {
			t.Errorf("stopped after %v", took)
		}
		if err := <-closed; !errors.Is(err, io.EOF) {
			t.Errorf("the stream ended by %v", err)
		}
	})
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	var lines strings.Builder
	cfg := clocked()
	cfg.MinWait, cfg.MaxWait = 200*time.Millisecond, 30*time.Second
	cfg.Log = slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{Level: slog.LevelInfo}))
	b := backoff{cfg: &cfg}
	refused := errors.New("desk: refused")
	within := func(wait, base time.Duration) {
		t.Helper()
		if wait < base/2 || wait > base+base/2 {
			t.Errorf("waits %v, want %v or so", wait, base)
		}
	}
	base := cfg.MinWait
	for range 20 {
		within(b.next(0, refused), base)
		base = min(2*base, cfg.MaxWait)
	}
	if n := strings.Count(lines.String(), "\n"); n != 5 || !strings.Contains(lines.String(), "attempts=16") {
		t.Errorf("%d lines for 20 failures:\n%s", n, lines.String())
	}
	lines.Reset()
	within(b.next(time.Second, refused), cfg.MaxWait) // it was up, but not for long
	within(b.next(time.Minute, refused), cfg.MinWait)
	within(b.next(0, errors.New("desk: another")), 2*cfg.MinWait)
	if n := strings.Count(lines.String(), "\n"); n != 3 {
		t.Errorf("%d lines for 3 news:\n%s", n, lines.String())
	}
}

// Any number of goroutines may send while the connection comes and goes.
func TestConcurrentSend(t *testing.T) {
	t.Parallel()
	server := serve(t)
	server.Client(anna, func(*stanza.Element) {})
	rec := newRecorder()
	cfg := config(server.Addr())
	cfg.MaxBuffer = 64 << 10
	l, _ := start(t, cfg, func(e Event) { rec.events <- e })
	rec.await(t, Up)
	var senders sync.WaitGroup
	stop := make(chan struct{})
	for i := range 2 {
		senders.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				if err := l.Send(message(fmt.Sprint(i, n)), 0); err != nil && !errors.Is(err, ErrDown) && !errors.Is(err, ErrFull) {
					t.Error(err)
				}
				l.Stats()
				runtime.Gosched()
			}
		})
	}
	for range 3 {
		server.Cut(domain)
		rec.await(t, Up)
	}
	close(stop)
	senders.Wait()
}
