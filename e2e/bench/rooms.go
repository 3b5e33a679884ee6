package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"mellium.im/xmpp/component"
	"mellium.im/xmpp/jid"

	"frontdesk/component/stanza"
	"frontdesk/config"
	"frontdesk/deploy/servers"
	"frontdesk/e2e/client"
	"frontdesk/relay"
)

const (
	agentsHost     = "agents.localhost"
	preparedDomain = "prepared.agents.localhost"
	ownDomain      = "rooms.agents.localhost"
	enterWithin    = 30 * time.Second
	drainWithin    = 30 * time.Second
)

// A way is how a message gets from one client to all of them.
const (
	ours     = iota // through a room of the desk: durable, archived
	prepared        // a component, asked by a message, writes stanzas that it holds ready
	unasked         // the same component without anybody's message: the server's work is less by what it takes in
	own             // through a room of the server itself, archived
	ways
)

// fanOut is sessions of one server, and what is measured with them.
type fanOut struct {
	desk     *relay.Relay
	sessions []*client.Client
	speak    [ways]func(c *client.Client) error
	sent     atomic.Int64                   // messages
	arrived  atomic.Int64                   // copies of them
	last     atomic.Pointer[stanza.Element] // groupchat with a body that came last
	open     atomic.Bool                    // closed loop: the last copy of a message sends the next
	way      atomic.Int32
	broken   atomic.Pointer[error]
}

// rooms measures fan-out through both servers, each with as many sessions as sizes says.
func rooms(kinds string, sizes []int, window, rounds int, d time.Duration, profile string) error {
	dir, err := os.MkdirTemp("", "frontdesk-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ctx, quit := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM) // leave nothing behind
	defer quit()
	fmt.Printf("deliveries/s of a message to a room (%d under way); medians of %d interleaved rounds\n", window, rounds)
	fmt.Printf("%-9s %8s  %7s %9s %8s %7s   %s\n", "server", "sessions", "desk", "prepared", "unasked", "own", "desk/prepared  desk/unasked  desk/own  messages/commit")
	for _, s := range []struct {
		name  string
		start func(context.Context, servers.Options) (*servers.Server, error)
	}{{"prosody", servers.StartProsody}, {"ejabberd", servers.StartEjabberd}} {
		if !slices.Contains(strings.Split(kinds, ","), s.name) {
			continue
		}
		for i, n := range sizes {
			name := fmt.Sprintf("%s-%d", s.name, n)
			f, stop, err := newFanOut(ctx, filepath.Join(dir, name), s.start, n)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			rates, err := f.measure(window, rounds, d)
			if err == nil && profile != "" && i == len(sizes)-1 {
				err = f.profile(profile+"."+s.name, window, d)
			}
			stop()
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			m := [ways]float64{}
			for w := range m {
				m[w] = median(rates[w])
			}
			log := f.desk.Metrics()
			fmt.Printf("%-9s %8d  %7.0f %9.0f %8.0f %7.0f   %13.2f  %12.2f  %8.2f  %15.1f\n", s.name, n, m[ours], m[prepared], m[unasked], m[own],
				m[ours]/m[prepared], m[ours]/m[unasked], m[ours]/m[own], log["log_records"]/log["log_commits_total"])
		}
	}
	return nil
}

// newFanOut starts a server, a desk and the component beside it, and lets n agents enter both rooms.
func newFanOut(ctx context.Context, dir string, start func(context.Context, servers.Options) (*servers.Server, error), n int) (f *fanOut, stop func(), err error) {
	var undo []func()
	stop = func() {
		for i := len(undo) - 1; i >= 0; i-- {
			undo[i]()
		}
	}
	defer func() {
		if err != nil {
			stop()
		}
	}()
	srv, err := start(ctx, servers.Options{
		Dir: dir, Accounts: []string{agentsHost}, Rooms: ownDomain,
		Components: []servers.Component{{Domain: frontDomain, Secret: "f"}, {Domain: deskDomain, Secret: "d"}, {Domain: preparedDomain, Secret: "p"}},
	})
	if err != nil {
		return nil, nil, err
	}
	undo = append(undo, func() { srv.Stop() })
	desk, end, err := startDesk(deskTOML(filepath.Join(dir, "bench.db"), srv.ComponentAddr(frontDomain), srv.ComponentAddr(deskDomain), n, 1), dir)
	if err != nil {
		return nil, nil, err
	}
	undo = append(undo, end)
	f = &fanOut{desk: desk}
	ended := context.AfterFunc(ctx, func() { f.fail(ctx.Err()) })
	undo = append(undo, func() { ended() })
	undo = append(undo, func() {
		for _, c := range f.sessions {
			c.Close()
		}
	})
	if err := f.enter(ctx, srv, n); err != nil {
		return nil, nil, err
	}
	p, err := newPrepared(ctx, srv, f)
	if err != nil {
		return nil, nil, err
	}
	undo = append(undo, p.close)
	return f, stop, nil
}

// startDesk starts the daemon and waits until it works.
func startDesk(toml, dir string) (r *relay.Relay, stop func(), err error) {
	cfg, err := config.Parse(toml, dir, os.LookupEnv)
	if err != nil {
		return nil, nil, err
	}
	if r, err = relay.New(cfg, relay.Options{}); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	select {
	case <-r.Ready():
	case err := <-done:
		cancel()
		return nil, nil, fmt.Errorf("the desk ended at the start: %w", err)
	}
	return r, func() {
		cancel()
		if err := <-done; err != nil {
			fmt.Fprintln(os.Stderr, "bench: relay:", err)
		}
	}, nil
}

func deskTOML(data, front, desk string, agents, capacity int) string {
	var toml strings.Builder
	fmt.Fprintf(&toml, "data = %q\n[front]\ndomain = %q\nserver = %q\nsecret = \"f\"\ncustomers = [\"customers.localhost\"]\nmessages = 0\n[desk]\ndomain = %q\nserver = %q\nsecret = \"d\"\n[[queue]]\nname = \"support\"\n[web]\nlisten = \"\"\n",
		data, frontDomain, front, deskDomain, desk)
	for n := range agents {
		fmt.Fprintf(&toml, "[[agent]]\njid = \"a%d@%s\"\nname = \"Agent %d\"\ncapacity = %d\n", n, agentsHost, n, capacity)
	}
	return toml.String()
}

// enter logs n agents in and lets them enter both rooms, one after the other.
func (f *fanOut) enter(ctx context.Context, srv *servers.Server, n int) error {
	homes := [...]string{"lobby@" + deskDomain, "lobby@" + ownDomain}
	for i := range n {
		user := fmt.Sprintf("a%d", i)
		if err := srv.Register(ctx, user, agentsHost, user); err != nil {
			return err
		}
		c, err := client.Dial(srv.C2S(), user, agentsHost, user)
		if err != nil {
			return err
		}
		f.sessions = append(f.sessions, c)
		joined := make(chan struct{}, len(homes)+1)
		go func() {
			err := c.Serve(func(s *stanza.Element) { f.take(n, s, joined) })
			f.fail(fmt.Errorf("%s: %w", c.JID, err))
		}()
		for _, room := range homes {
			if err := c.Send(stanza.New("", "presence", "to", room+"/Agent "+fmt.Sprint(i)).Add(stanza.New("http://jabber.org/protocol/muc", "x"))); err != nil {
				return err
			}
			if i == 0 && room == homes[1] { // it is locked until it is configured
				<-joined
				c.Send(stanza.New("", "iq", "type", "set", "id", "make", "to", room).Add(stanza.New("http://jabber.org/protocol/muc#owner", "query").
					Add(stanza.New("jabber:x:data", "x", "type", "submit"))))
			}
			select {
			case <-joined:
			case <-time.After(enterWithin):
				return fmt.Errorf("%s could not enter %s", c.JID, room)
			}
		}
	}
	f.speak[ours], f.speak[own] = talk(homes[0]), talk(homes[1])
	return nil
}

// talk is a message to a room.
func talk(room string) func(*client.Client) error {
	m := stanza.New("", "message", "type", "groupchat", "to", room, "id", "0123456789abcdef").Add(stanza.Text("", "body", body(0)),
		stanza.New("http://jabber.org/protocol/chatstates", "active")).AppendXML(nil)
	return func(c *client.Client) error { return c.Write(m) }
}

// take counts what a session of n gets. Each time that a message has come to all of them, the next one goes out.
func (f *fanOut) take(n int, s *stanza.Element, joined chan<- struct{}) {
	switch {
	case s.Type() == "error":
		f.fail(fmt.Errorf("refused: %s", s))
	case s.Local == "iq" && s.Type() == "result":
		joined <- struct{}{}
	case s.Local == "presence":
		if x := s.Child("http://jabber.org/protocol/muc#user", "x"); x != nil && isSelf(x) {
			select {
			case joined <- struct{}{}:
			default: // said again, later
			}
		}
	case s.Type() != "groupchat" || !s.Has("", "body"):
	default:
		f.last.Store(s)
		if f.arrived.Add(1)%int64(n) == 0 && f.open.Load() {
			f.say()
		}
	}
}

func isSelf(x *stanza.Element) bool {
	for c := range x.Elements() {
		if c.Local == "status" && c.Attr("code") == "110" {
			return true
		}
	}
	return false
}

func (f *fanOut) say() {
	c := f.sessions[f.sent.Add(1)%int64(len(f.sessions))] // each in turn
	if err := f.speak[f.way.Load()](c); err != nil {
		f.fail(err)
	}
}

// fail keeps the first reason.
func (f *fanOut) fail(err error) { f.broken.CompareAndSwap(nil, &err) }

// measure returns deliveries per second for each way and round.
func (f *fanOut) measure(window, rounds int, d time.Duration) (rates [ways][]float64, err error) {
	for round := range rounds {
		for i := range ways {
			way := (i + round) % ways // so that none is always behind the same other one
			rate, err := f.saturate(way, window, d)
			if err != nil {
				return rates, err
			}
			rates[way] = append(rates[way], rate)
		}
	}
	return rates, nil
}

// saturate keeps window messages under way and returns deliveries per second.
func (f *fanOut) saturate(way, window int, d time.Duration) (float64, error) {
	f.way.Store(int32(way))
	f.open.Store(true)
	for range window {
		f.say()
	}
	time.Sleep(d / 5) // warm up
	start, from := time.Now(), f.arrived.Load()
	time.Sleep(d)
	rate := float64(f.arrived.Load()-from) / time.Since(start).Seconds()
	f.open.Store(false)
	return rate, f.drain()
}

// drain waits until every message that went out has come to everybody.
func (f *fanOut) drain() error {
	for end := time.Now().Add(drainWithin); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if err := f.broken.Load(); err != nil {
			return *err
		}
		if f.arrived.Load() == f.sent.Load()*int64(len(f.sessions)) {
			return nil
		}
	}
	return errors.New("messages were lost")
}

// profile writes a CPU profile of one more round of the desk's.
func (f *fanOut) profile(path string, window int, d time.Duration) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := pprof.StartCPUProfile(file); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	_, err = f.saturate(ours, window, d)
	return err
}

// holder is the component that holds its stanzas ready.
type holder struct {
	conn net.Conn
	mu   sync.Mutex
	xml  []byte // one stanza for each session
}

// newPrepared attaches it; what it writes is what came from the desk's room, with another from.
func newPrepared(ctx context.Context, srv *servers.Server, f *fanOut) (*holder, error) {
	f.say() // by way of ours
	if err := f.drain(); err != nil {
		return nil, err
	}
	conn, err := net.Dial("tcp", srv.ComponentAddr(preparedDomain))
	if err != nil {
		return nil, err
	}
	if _, err := component.NewSession(ctx, jid.MustParse(preparedDomain), []byte("p"), conn); err != nil {
		conn.Close()
		return nil, err
	}
	h := &holder{conn: conn}
	sample := *f.last.Load()
	for _, c := range f.sessions {
		m := sample
		m.Attrs = append([]stanza.Attr(nil), sample.Attrs...)
		m.Set("from", "lobby@"+preparedDomain+"/Agent 0")
		h.xml = m.AppendXMLTo(h.xml, c.JID)
	}
	go h.serve(f)
	f.speak[prepared] = talk("lobby@" + preparedDomain)
	f.speak[unasked] = func(*client.Client) error { return h.write() }
	return h, nil
}

func (h *holder) write() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := h.conn.Write(h.xml)
	return err
}

// serve answers every end tag of a message, unparsed.
func (h *holder) serve(f *fanOut) {
	end := []byte("</message>")
	var buf []byte
	chunk := make([]byte, 64<<10)
	for {
		n, err := h.conn.Read(chunk)
		if err != nil {
			return
		}
		buf = append(buf, chunk[:n]...)
		for range bytes.Count(buf, end) {
			if err := h.write(); err != nil {
				f.fail(err)
				return
			}
		}
		if i := bytes.LastIndex(buf, end); i >= 0 {
			buf = buf[i+len(end):]
		}
		buf = append([]byte(nil), buf[max(0, len(buf)-len(end)):]...)
	}
}

func (h *holder) close() { h.conn.Close() }
