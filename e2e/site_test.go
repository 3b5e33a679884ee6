package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"frontdesk/deploy/servers"
	"frontdesk/deploy/servers/child"
	"frontdesk/dispatch"
	"frontdesk/store"
)

// serverKinds are the servers that a site may have, by name.
var serverKinds = map[string]func(context.Context, servers.Options) (*servers.Server, error){
	"prosody": servers.StartProsody, "ejabberd": servers.StartEjabberd,
}

// site is a private server and the program beside it, with a wire between them for each link.
type site struct {
	dir, binary string
	kind        string // of the server
	server      *servers.Server
	wires       []*wire
	desk        *child.Process
	starts      int
}

func newSite(t *testing.T, binary, kind string, l load) *site {
	s := &site{dir: t.TempDir(), binary: binary, kind: kind}
	var err error
	s.server, err = serverKinds[kind](t.Context(), servers.Options{
		Dir: filepath.Join(s.dir, "server"), PlainAuth: true,
		Customers: customersHost, Confine: []string{frontDomain}, Accounts: []string{agentsHost, peopleHost},
		Components: []servers.Component{{Domain: frontDomain, Secret: frontSecret}, {Domain: deskDomain, Secret: deskSecret}},
	})
	must(t, err)
	t.Cleanup(func() { s.server.Stop() })
	staff := ""
	for i := range l.agents {
		a := agentName(i)
		staff += fmt.Sprintf("[[agent]]\njid = %q\ncapacity = %d\n", a+"@"+agentsHost, l.accounts+l.visitors)
		must(t, s.server.Register(t.Context(), a, agentsHost, a))
	}
	for i := range l.accounts {
		must(t, s.server.Register(t.Context(), customerName(i), peopleHost, customerName(i)))
	}
	for _, domain := range []string{frontDomain, deskDomain} {
		s.wires = append(s.wires, newWire(t, s.server.ComponentAddr(domain)))
	}
	must(t, os.WriteFile(s.path("frontdesk.toml"), fmt.Appendf(nil, `
data = "desk.db"
[front]
domain = %q
server = %q
secret = %q
customers = [%q, %q]
messages = 0
[desk]
domain = %q
server = %q
secret = %q
# Else a long silence, or a server that is slow after one, gives conversations to others, and the answers of who had them are refused.
[times]
answer = "1h"
grace = "1h"
[[queue]]
name = "support"
%s[web]
listen = ""
`, frontDomain, s.wires[0].addr(), frontSecret, customersHost, peopleHost, deskDomain, s.wires[1].addr(), deskSecret, staff), 0o600))
	must(t, s.start())
	t.Cleanup(func() { s.desk.Kill() })
	return s
}

func agentName(i int) string {
	if i < 2 {
		return []string{"anna", "bob"}[i]
	}
	return fmt.Sprintf("a%d", i)
}

func customerName(i int) string { return fmt.Sprintf("c%d", i) }

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

// log is what the program wrote after its nth start.
func (s *site) log(n int) string { return s.path(fmt.Sprintf("desk-%d.log", n)) }

// start starts the program and returns when it says that it is ready.
func (s *site) start() error {
	s.starts++
	p, err := child.Start(exec.Command(s.binary, "run", "--config", s.path("frontdesk.toml")), s.log(s.starts))
	if err != nil {
		return err
	}
	s.desk = p
	return s.until(0, func(log string) error {
		if !strings.Contains(log, "frontdesk: ready") {
			return fmt.Errorf("not ready")
		}
		return nil
	})
}

// until waits until what the desk has logged behind its first bytes is what is to be waited for.
func (s *site) until(from int, there func(log string) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 6*patience)
	defer cancel()
	return s.desk.Ready(ctx, func(context.Context) error {
		text, err := os.ReadFile(s.desk.Log())
		if err != nil {
			return err
		}
		return there(string(text[from:]))
	})
}

// logged is how much the desk has logged since its start, in bytes.
func (s *site) logged() (int, error) {
	info, err := os.Stat(s.desk.Log())
	if err != nil {
		return 0, err
	}
	return int(info.Size()), nil
}

const linkUp, linkDown = `msg="link up"`, `msg="link down"`

var bothLinks = []string{"front", "desk"}

// down waits until the desk has found out, since its first bytes of log, that links are down.
func (s *site) down(from int, links ...string) error {
	return s.until(from, func(log string) error {
		for _, name := range links {
			if !strings.Contains(log, linkDown+" link="+name) {
				return fmt.Errorf("the link of the %s is not down", name)
			}
		}
		return nil
	})
}

// up waits until the desk's last word on both links is that they are up.
func (s *site) up() error {
	return s.until(0, func(log string) error {
		for _, name := range bothLinks {
			if strings.LastIndex(log, linkUp+" link="+name) <= strings.LastIndex(log, linkDown+" link="+name) {
				return fmt.Errorf("the link of the %s is down", name)
			}
		}
		return nil
	})
}

// fault is a way to break a site.
type fault struct {
	name string
	// strike breaks something, for the nth time in the run, and returns once the desk works again.
	strike    func(s *site, n int, events chan<- event) error
	loggedOut bool // everybody is, by it
}

// faults are those that a run draws from, by the names that -faults has.
var faults = []fault{
	{"desk", (*site).killDesk, false},
	{"server", (*site).killServer, true},
	{"freeze-desk", (*site).freezeDesk, false},
	{"freeze-server", (*site).freezeServer, false},
	{"cut", (*site).cutLinks, false},
	{"swallow", (*site).swallowLinks, false},
}

func faultOf(t *testing.T, name string) fault {
	i := slices.IndexFunc(faults, func(f fault) bool { return f.name == name })
	if i < 0 {
		t.Fatalf("there is no fault %q", name)
	}
	return faults[i]
}

// killDesk kills the program and starts it again.
func (s *site) killDesk(int, chan<- event) error {
	s.desk.Kill()
	return s.start()
}

// killServer kills the server, starts it again and waits until the desk has found it. Every other
// time people may log in before that.
func (s *site) killServer(n int, events chan<- event) error {
	from, err := s.logged()
	if err != nil {
		return err
	}
	s.server.Kill()
	if err := s.mend(); err != nil {
		return err
	}
	if err := s.server.Restart(context.Background()); err != nil {
		return err
	}
	if n%2 == 0 {
		events <- event{kind: serverBack}
	}
	if err := s.down(from, bothLinks...); err != nil {
		return err
	}
	return s.up()
}

// mend repairs Prosody's own files. It makes room at a list's end before it writes there; killed between the
// two, it could not read the list any more.
func (s *site) mend() error {
	if s.kind != "prosody" {
		return nil
	}
	return filepath.WalkDir(s.path("server/data"), func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".list") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.Truncate(path, int64(len(strings.TrimRight(string(text), "\x00"))))
	})
}

// frozen is how long something is stopped (SIGSTOP): mostly for a moment; where time is no matter, every fourth time for longer than
// a silence may last on a link.
func frozen(n int) time.Duration {
	if *kills > 0 && n%4 == 3 {
		return 45 * time.Second
	}
	return time.Duration(n%3+1) * 300 * time.Millisecond
}

// freezeDesk stops the desk for a while. That it stood still itself is no reason to give up its links: what has come on them is to be read.
func (s *site) freezeDesk(n int, _ chan<- event) error {
	from, err := s.logged()
	if err != nil {
		return err
	}
	if err := s.desk.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	<-time.After(frozen(n))
	if err := s.desk.Signal(syscall.SIGCONT); err != nil {
		return err
	}
	if err := s.up(); err != nil {
		return err
	}
	if log, err := os.ReadFile(s.desk.Log()); err != nil || strings.Contains(string(log[from:]), linkDown) {
		return fmt.Errorf("it has given up a link that was whole: %v\n%s", err, log[from:])
	}
	return nil
}

func (s *site) freezeServer(n int, _ chan<- event) error {
	if err := s.server.Suspend(); err != nil {
		return err
	}
	<-time.After(frozen(n))
	if err := s.server.Resume(); err != nil {
		return err
	}
	return s.up()
}

// cutLinks resets both links' connections.
func (s *site) cutLinks(int, chan<- event) error {
	from, err := s.logged()
	if err != nil {
		return err
	}
	for _, w := range s.wires {
		w.cut()
	}
	if err := s.down(from, bothLinks...); err != nil {
		return err
	}
	return s.up()
}

// swallowLinks makes both links' connections half-open: what is written is acknowledged and goes nowhere. The server's ends
// stay so until the desk has found out, and a bit longer, as they do where only the desk's machine is gone.
func (s *site) swallowLinks(int, chan<- event) error {
	from, err := s.logged()
	if err != nil {
		return err
	}
	for _, w := range s.wires {
		w.swallow()
	}
	if err := s.down(from, bothLinks...); err != nil {
		return err
	}
	for _, w := range s.wires {
		w.giveUp()
	}
	return s.up()
}

// wire is a TCP connection's way between the desk and its server, which can break. Its methods may be used concurrently.
type wire struct {
	listener net.Listener
	to       string

	mu    sync.Mutex
	pairs map[*pair]bool
}

// pair is one connection: the desk's end and the server's.
type pair struct {
	near, far *net.TCPConn
	lost      bool // what comes is read and goes nowhere
}

func newWire(t *testing.T, to string) *wire {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	w := &wire{listener: l, to: to, pairs: map[*pair]bool{}}
	var served sync.WaitGroup
	served.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			served.Go(func() { w.join(near.(*net.TCPConn)) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		w.cut()
		served.Wait()
	})
	return w
}

func (w *wire) addr() string { return w.listener.Addr().String() }

func (w *wire) join(near *net.TCPConn) {
	far, err := net.Dial("tcp", w.to)
	if err != nil {
		near.SetLinger(0)
		near.Close()
		return
	}
	p := &pair{near: near, far: far.(*net.TCPConn)}
	w.mu.Lock()
	w.pairs[p] = true
	w.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { w.carry(p, p.far, p.near) })
	both.Go(func() { w.carry(p, p.near, p.far) })
	both.Wait()
	w.mu.Lock()
	delete(w.pairs, p)
	w.mu.Unlock()
}

// carry passes on what one end writes, and its end.
func (w *wire) carry(p *pair, to, from *net.TCPConn) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		w.mu.Lock()
		lost := p.lost
		w.mu.Unlock()
		switch {
		case lost && err != nil:
			from.Close()
			return
		case lost:
			continue
		}
		if _, werr := to.Write(buf[:n]); werr != nil {
			from.Close()
			return
		}
		if err == io.EOF {
			to.CloseWrite()
			return
		}
		if err != nil {
			to.SetLinger(0)
			to.Close()
			return
		}
	}
}

// cut resets both ends of all connections.
func (w *wire) cut() {
	w.each(func(p *pair) {
		for _, end := range []*net.TCPConn{p.near, p.far} {
			end.SetLinger(0)
			end.Close()
		}
	})
}

// swallow makes the present connections half-open.
func (w *wire) swallow() { w.each(func(p *pair) { p.lost = true }) }

// giveUp resets the server's ends of those, as its TCP does in the end.
func (w *wire) giveUp() {
	w.each(func(p *pair) {
		if p.lost {
			p.far.SetLinger(0)
			p.far.Close()
		}
	})
}

func (w *wire) each(do func(*pair)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for p := range w.pairs {
		do(p)
	}
}

// history is what a site's log says.
type history struct {
	times  map[string]int             // body → how often it is there
	owners map[string]map[string]bool // customer's name → who has had his conversation
	second int                        // assignments of what somebody else had
}

// readLog stops the program in good order and reads what it has kept.
func (s *site) readLog(t *testing.T) *history {
	must(t, s.desk.Stop(patience))
	file, err := store.Open(s.path("desk.db"))
	must(t, err)
	defer file.Close()
	h := &history{times: map[string]int{}, owners: map[string]map[string]bool{}}
	owner, had := map[uint64]string{}, map[uint64]map[string]bool{}
	for from := uint64(1); from < file.Next(); {
		records, err := file.Scan(from, 1000)
		must(t, err)
		for _, r := range records {
			from = r.Seq + 1
			if r.Kind >= 100 {
				continue
			}
			var f dispatch.Fact
			must(t, json.Unmarshal(r.Numbers, &f))
			if had[f.Thread] == nil {
				had[f.Thread] = map[string]bool{}
			}
			switch dispatch.Kind(r.Kind) {
			case dispatch.Assigned:
				if owner[f.Thread] != "" {
					h.second++
					t.Errorf("record %d gives %s what %s has", r.Seq, f.Agent, owner[f.Thread])
				}
				owner[f.Thread] = f.Agent
				had[f.Thread][f.Agent] = true
			case dispatch.Released, dispatch.Closed:
				owner[f.Thread] = ""
			case dispatch.Said:
				var w struct {
					ID   string `json:"id"`
					Body string `json:"b"`
				}
				must(t, json.Unmarshal(r.Content, &w))
				if w.ID != idOf(w.Body) || (f.By != "") != strings.HasPrefix(w.Body, answerTo("")) {
					t.Errorf("record %d has the id %q with %q, said by %q", r.Seq, w.ID, w.Body, f.By)
				}
				if f.By != "" && f.By != owner[f.Thread] {
					h.second++
					t.Errorf("record %d: %s answers what %q has", r.Seq, f.By, owner[f.Thread])
				}
				if f.By == "" {
					name, _, _ := strings.Cut(w.Body, " says ")
					h.owners[name] = had[f.Thread]
				}
				h.times[w.Body]++
			}
		}
	}
	return h
}

// checkComplaints: whatever was broken, the program found no fault of its own.
func (s *site) checkComplaints(t *testing.T) {
	for i := range s.starts {
		text, err := os.ReadFile(s.log(i + 1))
		must(t, err)
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, "level=ERROR") || strings.Contains(line, "panic") || strings.Contains(line, frontSecret) || strings.Contains(line, deskSecret) {
				t.Errorf("start %d: %s", i+1, line)
			}
		}
	}
}
