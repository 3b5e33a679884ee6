package e2e

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"frontdesk/component/fakeserver"
	"frontdesk/component/stanza"
	"frontdesk/config"
	"frontdesk/deploy/servers"
	"frontdesk/relay"
)

const (
	customersHost = "customers.localhost"
	agentsHost    = "agents.localhost"
	frontDomain   = "help.customers.localhost"
	deskDomain    = "desk.agents.localhost"
	uploadDomain  = "upload.customers.localhost"
)

// world is where a dialogue plays: a desk, and clients of both sides.
type world struct {
	t        *testing.T
	front    string // component address
	desk     string
	customer func(name string) (*client, error)
	agent    func(name string) (*client, error)
	clock    *manual // nil: real time
	agents   string  // the agents' server, for clients; empty in the fake world
	socket   string  // the customers' server's WebSocket
	files    string  // and its files
	public   string  // where the tests serve the page, if they do
	server   *servers.Server
	fake     *fakeserver.Server
	dir      string
	conf     *atomic.Value // the queues, agents and what follows in the configuration file, a string
	top      string        // and what goes before all that
	more     string        // and what goes into [web]
	messages int           // that a customer may send a minute; 0: as many as he likes
	diary    *diary        // everything that the desk logs
	log      io.Writer     // also gets what the desk logs, or nil

	cfg   *config.Config
	relay *relay.Relay
	stop  func()
	ended chan error
}

// newFake is a world in the process, with a clock that only moves when told.
func newFake(t *testing.T) *world {
	w := prepareFake(t, t.TempDir())
	w.fake.Privilege(deskDomain, agentsHost, "urn:xmpp:privilege:2")
	w.start()
	return w
}

// prepareFake is newFake without a desk yet, its file in dir.
func prepareFake(t *testing.T, dir string) *world {
	srv, err := fakeserver.New(map[string]string{frontDomain: frontSecret, deskDomain: deskSecret})
	must(t, err)
	t.Cleanup(srv.Close)
	w := &world{t: t, conf: usual(), front: srv.Addr(), desk: srv.Addr(), fake: srv, clock: newManual(), dir: dir}
	ear := listen(t, srv, frontDomain)
	login := func(host, resource string) func(string) (*client, error) {
		return func(name string) (*client, error) {
			return fakeClient(srv, stanza.MakeJID(name, host, resource), ear), nil
		}
	}
	w.customer, w.agent = login(customersHost, "client"), login(agentsHost, bureau)
	return w
}

// start starts the desk and waits until it works.
func (w *world) start() {
	w.launch()
	w.works()
}

// launch starts the desk.
func (w *world) launch() {
	cfg, err := w.load()
	must(w.t, err)
	w.cfg = cfg
	o := relay.Options{Log: w.logger(), Load: w.load, MinWait: 10 * time.Millisecond, MaxWait: 200 * time.Millisecond}
	if w.clock != nil {
		o.Clock = w.clock
	}
	w.relay, err = relay.New(cfg, o)
	must(w.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.relay.Run(ctx) }()
	stopped := false
	w.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-done:
			if err != nil {
				w.t.Errorf("the desk ended with: %v", err)
			}
		case <-time.After(patience):
			w.t.Error("the desk did not stop")
		}
	}
	stop := w.stop
	w.t.Cleanup(func() { stop() })
	w.ended = done
}

// works waits until the desk works.
func (w *world) works() {
	select {
	case <-w.relay.Ready():
	case err := <-w.ended:
		w.t.Fatalf("the desk ended at the start: %v", err)
	case <-time.After(patience):
		w.t.Fatal("the desk did not come up")
	}
}

func (w *world) toml() string {
	return fmt.Sprintf(`
data = %q
%s
[front]
domain = %q
server = %q
secret = %q
customers = [%q]
write_to = ["customers.localhost"]
messages = %d
[desk]
domain = %q
server = %q
secret = %q
%s
%s
`, filepath.Join(w.dir, "desk.db"), w.top, frontDomain, w.front, frontSecret, customersHost, w.messages, deskDomain, w.desk, deskSecret, w.conf.Load(), w.web()+"\n"+w.more)
}

// configure changes the part of the configuration file that dialogues may change.
func (w *world) configure(text string) {
	now := time.Now()
	if w.clock != nil {
		now = w.clock.Now()
	}
	here, err := filepath.Abs("testdata")
	must(w.t, err)
	w.conf.Store(strings.NewReplacer("{testdata}", here, "{other-day}", strings.ToLower(now.AddDate(0, 0, 3).Weekday().String()[:3])).Replace(text))
}

// load is what the desk reads when it starts, or is told to read its configuration again.
func (w *world) load() (*config.Config, error) { return config.Parse(w.toml(), w.dir, os.LookupEnv) }

// usual returns the queues and agents of most dialogues.
func usual() *atomic.Value {
	v := &atomic.Value{}
	v.Store(`
[[queue]]
name = "support"
agents = ["anna@agents.localhost", "bob@agents.localhost", "carol@agents.localhost"]
[[queue]]
name = "sales"
agents = ["bob@agents.localhost"]
[[agent]]
jid = "anna@agents.localhost"
name = "Anna"
capacity = 2
[[agent]]
jid = "bob@agents.localhost"
name = "Bob"
capacity = 2
[[agent]]
jid = "carol@agents.localhost"
name = "Carol"
role = "supervisor"
capacity = 2
[[agent]]
jid = "olga@agents.localhost"
name = "Olga"
role = "admin"
`)
	return v
}

// web is the section for the customers' page, where there is a server to log in to. The tests listen by themselves.
func (w *world) web() string {
	if w.socket == "" {
		return fmt.Sprintf("[web]\nlisten = \"\"\naddress = \"https://chat.localhost\"\nhost = %q", customersHost)
	}
	return fmt.Sprintf("[web]\nlisten = \"127.0.0.1:1\"\naddress = \"https://chat.localhost\"\nwebsocket = %q\nhost = %q\nupload = %q\nfiles = %q", w.socket, customersHost, uploadDomain, w.files)
}

// newReal is a world through real servers: one for both sides, or one for each.
func newReal(t *testing.T, front, desk func(context.Context, servers.Options) (*servers.Server, error), oneServer bool) *world {
	ctx := context.Background()
	w := &world{t: t, conf: usual(), dir: t.TempDir()}
	begin := func(name string, start func(context.Context, servers.Options) (*servers.Server, error), o servers.Options) *servers.Server {
		o.Dir, o.PlainAuth = filepath.Join(w.dir, name), true
		s, err := start(ctx, o)
		must(t, err)
		t.Cleanup(func() { s.Stop() })
		return s
	}
	port, release, err := servers.ReservePort()
	must(t, err)
	t.Cleanup(release)
	w.public = fmt.Sprintf("http://127.0.0.1:%d", port)
	customers := servers.Options{Customers: customersHost, Confine: []string{frontDomain, uploadDomain}, Upload: uploadDomain, Public: w.public}
	f := servers.Component{Domain: frontDomain, Secret: frontSecret}
	d := servers.Component{Domain: deskDomain, Secret: deskSecret, Rosters: true}
	var fs, ds *servers.Server
	if oneServer {
		customers.Accounts, customers.Components = []string{agentsHost}, []servers.Component{f, d}
		fs = begin("server", front, customers)
		ds = fs
	} else {
		customers.Components = []servers.Component{f}
		fs = begin("front", front, customers)
		ds = begin("desk", desk, servers.Options{Accounts: []string{agentsHost}, Components: []servers.Component{d}})
	}
	w.agents, w.socket, w.files, w.server = ds.C2S(), fs.WebSocket(), fs.Files(), fs
	w.front, w.desk = fs.ComponentAddr(frontDomain), ds.ComponentAddr(deskDomain)
	for _, name := range []string{"anna", "bob", "carol", "olga", "dora", "eve"} {
		must(t, ds.Register(ctx, name, agentsHost, name))
	}
	w.customer = func(string) (*client, error) { return dial(fs.C2S(), "", customersHost, "") }
	w.agent = func(name string) (*client, error) { return dial(w.agents, name, agentsHost, name) }
	w.start()
	return w
}

// restart stops the desk and starts it again on the same file.
func (w *world) restart() {
	w.stop()
	w.start()
}

// manual is a clock that moves when it is told to.
type manual struct {
	mu     sync.Mutex
	now    time.Time
	alarms []alarm
}

type alarm struct {
	at time.Time
	c  chan time.Time
}

func newManual() *manual {
	return &manual{now: time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)}
}

func (m *manual) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

func (m *manual) Alarm(t time.Time) (<-chan time.Time, func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := alarm{t, make(chan time.Time, 1)}
	if !t.After(m.now) {
		a.c <- m.now
		return a.c, func() {}
	}
	m.alarms = append(m.alarms, a)
	return a.c, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.alarms = slices.DeleteFunc(m.alarms, func(b alarm) bool { return b.c == a.c })
	}
}

func (m *manual) advance(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = m.now.Add(d)
	for _, a := range m.alarms {
		if !a.at.After(m.now) {
			select {
			case a.c <- m.now:
			default:
			}
		}
	}
}

// testLog passes what the desk logs on to the test.
type testLog struct{ t *testing.T }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Log(string(p[:len(p)-1]))
	return len(p), nil
}
