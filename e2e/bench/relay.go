package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"frontdesk/component"
	"frontdesk/component/fakeserver"
	"frontdesk/component/stanza"
	"frontdesk/relay"
)

type bench struct {
	customers, agents, window int
	length                    time.Duration
	receipts                  bool
}

// load drives pairs of a customer and whoever answers him; each message that arrives is counted and timed.
type load struct {
	send     []func(body string) // one for each customer
	arrived  atomic.Uint64
	mu       sync.Mutex
	times    []time.Duration
	timing   atomic.Bool
	inFlight []atomic.Int64
	stop     atomic.Bool
	open     bool // closed loop: an arrival sends the next
}

const filler = "The parcel with the red ribbon has not arrived yet although it was promised for Monday; could somebody please look where it is and tell me when it will be here? "

func body(customer int) string {
	return strconv.Itoa(customer) + " " + strconv.FormatInt(time.Now().UnixNano(), 10) + " " + filler
}

// arrive is called for every message that reached its end.
func (l *load) arrive(text string) {
	who, rest, ok := strings.Cut(text, " ")
	if !ok {
		return
	}
	n, err := strconv.Atoi(who)
	if err != nil {
		return
	}
	at, _, _ := strings.Cut(rest, " ")
	l.arrived.Add(1)
	if l.timing.Load() {
		if ns, err := strconv.ParseInt(at, 10, 64); err == nil {
			l.mu.Lock()
			l.times = append(l.times, time.Since(time.Unix(0, ns)))
			l.mu.Unlock()
		}
	}
	l.inFlight[n].Add(-1)
	if l.open && !l.stop.Load() {
		l.inFlight[n].Add(1)
		l.send[n](body(n))
	}
}

// saturate keeps window messages of every customer under way and returns messages per second, and
// the processor time that each took of the whole process (fake server and clients included).
func (l *load) saturate(window int, d time.Duration) (rate float64, cpu time.Duration, err error) {
	l.stop.Store(false)
	l.open = true
	for n := range l.send {
		for range window {
			l.inFlight[n].Add(1)
			l.send[n](body(n))
		}
	}
	time.Sleep(d / 5) // warm up
	start, used, from := time.Now(), cpuTime(), l.arrived.Load()
	time.Sleep(d)
	n := l.arrived.Load() - from
	rate, cpu = float64(n)/time.Since(start).Seconds(), (cpuTime()-used)/time.Duration(max(n, 1))
	return rate, cpu, l.drain()
}

// drain waits until nothing is under way; for as long as something still arrives.
func (l *load) drain() error {
	l.stop.Store(true)
	last, since := l.arrived.Load(), time.Now()
	for ; ; time.Sleep(time.Millisecond) {
		left := int64(0)
		for n := range l.inFlight {
			left += l.inFlight[n].Load()
		}
		if left == 0 {
			return nil
		}
		if now := l.arrived.Load(); now != last {
			last, since = now, time.Now()
		} else if time.Since(since) > drainWithin {
			return fmt.Errorf("%d messages were lost", left)
		}
	}
}

// paced sends at a rate, in steps of a millisecond, and returns p50 and p99.
func (l *load) paced(rate float64, d time.Duration) (p50, p99 time.Duration, err error) {
	l.open = false
	l.times = l.times[:0]
	l.timing.Store(true)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	start, sent := time.Now(), 0
	for now := start; now.Sub(start) < d; now = <-tick.C {
		for due := int(now.Sub(start).Seconds() * rate); sent < due; sent++ {
			n := sent % len(l.send)
			l.inFlight[n].Add(1)
			l.send[n](body(n))
		}
	}
	err = l.drain()
	l.timing.Store(false)
	slices.Sort(l.times)
	if len(l.times) == 0 {
		return 0, 0, err
	}
	return l.times[len(l.times)/2], l.times[len(l.times)*99/100], err
}

func (b *bench) newLoad() *load {
	return &load{send: make([]func(string), b.customers), inFlight: make([]atomic.Int64, b.customers)}
}

// message is what a customer's client sends.
func (b *bench) message(to stanza.JID, text string) *stanza.Element {
	m := stanza.New("", "message", "type", "chat", "to", string(to), "id", strconv.FormatInt(time.Now().UnixNano(), 36)+text[:4]).
		Add(stanza.Text("", "body", text), stanza.New("http://jabber.org/protocol/chatstates", "active"))
	if b.receipts {
		m.Add(stanza.New("urn:xmpp:receipts", "request"))
	}
	return m
}

// echo is the component beside which the relay is measured: one link that parses each message and sends it back.
func (b *bench) echo() (*load, func(), error) {
	const domain = "echo.localhost"
	srv, err := fakeserver.New(map[string]string{domain: "s"})
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	var link *component.Link
	link, err = component.New(component.Config{Name: "echo", Address: srv.Addr(), Domain: domain, Secret: "s", Log: slog.New(slog.DiscardHandler)}, func(e component.Event) {
		if e.Kind == component.Stanza && e.Stanza.Local == "message" {
			from, to := e.Stanza.Attr("from"), e.Stanza.Attr("to")
			link.Send(e.Stanza.Set("from", to).Set("to", from), 0)
		}
	})
	if err != nil {
		cancel()
		return nil, nil, err
	}
	done := make(chan struct{})
	go func() { link.Run(ctx); close(done) }()
	srv.Wait(domain, true)
	l := b.newLoad()
	for n := range b.customers {
		c := srv.Client(stanza.JID(fmt.Sprintf("c%d@customers.localhost/x", n)), func(s *stanza.Element) {
			l.arrive(s.ChildText("", "body"))
		})
		l.send[n] = func(text string) { c.Send(b.message("echo@"+domain, text)) }
	}
	for !link.Stats().Up {
		time.Sleep(time.Millisecond)
	}
	return l, func() { cancel(); <-done; srv.Close() }, nil
}

// desk starts the daemon and gives every customer a conversation.
func (b *bench) desk(dir string) (*load, *relay.Relay, func(), error) {
	srv, err := fakeserver.New(map[string]string{frontDomain: "f", deskDomain: "d"})
	if err != nil {
		return nil, nil, nil, err
	}
	r, end, err := startDesk(deskTOML(filepath.Join(dir, "bench.db"), srv.Addr(), srv.Addr(), b.agents, b.customers), dir)
	if err != nil {
		srv.Close()
		return nil, nil, nil, err
	}
	stop := func() {
		end()
		srv.Close()
	}
	l, err := b.people(func(name, host string, take func(*stanza.Element)) (func(*stanza.Element), error) {
		return srv.Client(stanza.MakeJID(name, host, "x"), take).Send, nil
	})
	if err != nil {
		stop()
		return nil, nil, nil, err
	}
	return l, r, stop, nil
}

// login connects somebody, and returns how he sends.
type login func(name, host string, take func(*stanza.Element)) (send func(*stanza.Element), err error)

// people brings in the agents and then the customers, each with a conversation.
func (b *bench) people(in login) (*load, error) {
	l := b.newLoad()
	entered := make(chan struct{}, b.agents)
	for n := range b.agents {
		if err := b.agent(in, n, l, entered); err != nil {
			return nil, err
		}
	}
	for range b.agents {
		<-entered
	}
	for n := range b.customers {
		send, err := in(fmt.Sprintf("c%d", n), "customers.localhost", func(s *stanza.Element) { l.arrive(s.ChildText("", "body")) })
		if err != nil {
			return nil, err
		}
		l.send[n] = func(text string) { send(b.message("support@"+frontDomain, text)) }
		l.inFlight[n].Add(1)
		l.send[n](body(n))
	}
	return l, l.drain()
}

// agent is in the lobby, and answers every message by a message: half of what is relayed goes each way.
func (b *bench) agent(in login, n int, l *load, entered chan<- struct{}) (err error) {
	var send func(*stanza.Element)
	ready := make(chan struct{})
	var once sync.Once
	send, err = in(fmt.Sprintf("a%d", n), agentsHost, func(s *stanza.Element) {
		<-ready
		switch {
		case s.Local == "message" && s.Type() == "chat":
			text := s.ChildText("", "body")
			if text != "" && text[0] >= '0' && text[0] <= '9' {
				l.arrived.Add(1)
				send(stanza.New("", "message", "type", "chat", "to", string(s.From().Bare()), "id", s.ID()[:8]+s.ID()[24:]).Add(stanza.Text("", "body", text)))
			}
		case s.Local == "presence" && s.From().Resource() == fmt.Sprintf("Agent %d", n):
			once.Do(func() { entered <- struct{}{} })
		}
	})
	if err != nil {
		return err
	}
	close(ready)
	send(stanza.New("", "presence", "to", fmt.Sprintf("lobby@%s/Agent %d", deskDomain, n)).Add(stanza.New("http://jabber.org/protocol/muc", "x")))
	return nil
}

func (b *bench) run(rounds int, profile string) error {
	dir, err := os.MkdirTemp("", "frontdesk-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	echo, stopEcho, err := b.echo()
	if err != nil {
		return err
	}
	defer stopEcho()
	desk, r, stopDesk, err := b.desk(dir)
	if err != nil {
		return err
	}
	defer stopDesk()
	if profile != "" {
		f, err := os.Create(profile)
		if err != nil {
			return err
		}
		defer f.Close()
		defer pprof.StopCPUProfile()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
	}
	var echoes, relays, ratios, echoCPU, relayCPU []float64
	before := r.Metrics()
	fromDesk := desk.arrived.Load()
	for range rounds {
		e, ec, err := echo.saturate(b.window, b.length)
		if err != nil {
			return err
		}
		d, dc, err := desk.saturate(b.window, b.length)
		if err != nil {
			return err
		}
		echoCPU, relayCPU = append(echoCPU, ec.Seconds()*1e6), append(relayCPU, dc.Seconds()*1e6)
		echoes, relays, ratios = append(echoes, e), append(relays, d), append(ratios, d/e)
	}
	relayed := float64(desk.arrived.Load() - fromDesk)
	time.Sleep(1100 * time.Millisecond) // the metrics are at most a second old
	desk.inFlight[0].Add(1)
	desk.send[0](body(0))
	if err := desk.drain(); err != nil {
		return err
	}
	after := r.Metrics()
	half := median(relays) / 2
	p50, p99, err := desk.paced(half/2, b.length) // an exchange is two messages
	if err != nil {
		return err
	}
	ep50, ep99, err := echo.paced(half, b.length)
	if err != nil {
		return err
	}
	per := func(name string) float64 { return (after[name] - before[name]) / relayed }
	fmt.Printf("echo (parses, writes, keeps nothing)  %8.0f messages/s\n", median(echoes))
	fmt.Printf("relay (both ways, durable, fsync on)  %8.0f messages/s   ratio %.2f (of each round: %s)\n", median(relays), median(ratios), list(ratios))
	fmt.Printf("processor time per message, all ends  echo %.1f µs, relay %.1f µs: ratio %.2f\n", median(echoCPU), median(relayCPU), median(echoCPU)/median(relayCPU))
	fmt.Printf("at half of the relay's rate, relay    p50 %s  p99 %s for there and back\n", p50.Round(time.Microsecond), p99.Round(time.Microsecond))
	fmt.Printf("at the same rate, echo                p50 %s  p99 %s\n", ep50.Round(time.Microsecond), ep99.Round(time.Microsecond))
	fmt.Printf("per relayed message: %.2f records, %.4f fsyncs, %.0f bytes of file\n", per("log_records"), per("log_commits_total"), per("file_bytes"))
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Printf("memory: %d MiB from the system in all, fake server and clients included; peak resident %s\n", m.Sys>>20, peak())
	return nil
}

// cpuTime is what the process has used, user and system.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	return s[len(s)/2]
}

func list(v []float64) string {
	var out []string
	for _, x := range v {
		out = append(out, fmt.Sprintf("%.2f", x))
	}
	return strings.Join(out, " ")
}

// peak is the most memory that the process ever had resident.
func peak() string {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "unknown"
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(line)
}
