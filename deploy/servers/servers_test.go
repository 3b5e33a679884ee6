package servers_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"frontdesk/deploy/servers"

	"mellium.im/sasl"
	"mellium.im/xmpp"
	"mellium.im/xmpp/component"
	"mellium.im/xmpp/jid"
)

const (
	customers = "customers.localhost"
	agents    = "agents.localhost"
	front     = "help.customers.localhost"
	desk      = "desk.agents.localhost"
	rooms     = "rooms.agents.localhost"
)

var kinds = []struct {
	name  string
	start func(context.Context, servers.Options) (*servers.Server, error)
}{
	{"prosody", servers.StartProsody},
	{"ejabberd", servers.StartEjabberd},
}

func options(dir string) servers.Options {
	return servers.Options{
		Dir:        dir,
		Customers:  customers,
		Accounts:   []string{agents},
		Rooms:      rooms,
		Components: []servers.Component{{Domain: front, Secret: "front secret \"'\\"}, {Domain: desk, Secret: "desk secret"}},
		Confine:    []string{front},
		Admins:     []string{"carol@" + agents},
		PlainAuth:  true,
	}
}

// TestLife takes a server of each kind through everything that the end-to-end tests do to it.
func TestLife(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			dir := t.TempDir()
			s, err := kind.start(ctx, options(dir))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(s.Kill)
			for _, password := range []string{"first", "second"} { // the later one counts
				if err := s.Register(ctx, "anna", agents, password); err != nil {
					t.Fatal(err)
				}
			}
			confined(ctx, t, s)
			archived(ctx, t, s)

			s.Kill()
			if err := s.Restart(ctx); err != nil {
				t.Fatal(err)
			}
			login(ctx, t, s, "anna@"+agents, "second")

			if err := s.Suspend(); err != nil {
				t.Fatal(err)
			}
			if err := s.Stop(); err != nil { // of a suspended one
				t.Fatal(err)
			}
			if err := s.Restart(ctx); err != nil {
				t.Fatal(err)
			}
			login(ctx, t, s, "anna@"+agents, "second")
			for range 2 {
				if err := s.Stop(); err != nil {
					t.Fatal(err)
				}
			}
			gone(ctx, t, dir)
		})
	}
}

// confined lets a customer write to all sorts of addresses: only the front hears him,
// and what the desk writes to an agent's account arrives.
func confined(ctx context.Context, t *testing.T, s *servers.Server) {
	t.Helper()
	help, lobby := attach(ctx, t, s, front, "front secret \"'\\"), attach(ctx, t, s, desk, "desk secret")
	anna := login(ctx, t, s, "anna@"+agents, "second")
	anna.send("<presence/>")
	alice := login(ctx, t, s, customers, "")
	bert := login(ctx, t, s, customers, "")
	alice.send("<presence/>")
	bert.send("<presence/>")

	for _, to := range []string{anna.jid.String(), anna.jid.Bare().String(), agents, desk, "lobby@" + desk, bert.jid.String()} {
		alice.send("<presence to='%s'/>", to)
		alice.send("<presence to='%s' type='subscribe'/>", to)
		alice.send("<message to='%s' type='error'><body>stray</body></message>", to)
		for _, stanza := range []string{
			"<message to='%s' type='chat' id='m'><body>stray</body></message>",
			"<iq to='%s' type='get' id='i'><query xmlns='jabber:iq:version'/></iq>",
		} {
			alice.send(stanza, to)
			if got := alice.receive(); got.Type != "error" || got.Error.NotAllowed == nil {
				t.Fatalf("customer's stanza to %s was answered by %+v", to, got)
			}
		}
	}
	alice.send("<iq to='%s' type='get' id='i'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>", customers)
	if got := alice.receive(); got.Type != "result" {
		t.Fatalf("customer's own host answered %+v", got)
	}

	alice.send("<message to='support@%s' type='chat'><body>hello</body></message>", front)
	if got := help.receive(); got.Body != "hello" || got.From != alice.jid.String() {
		t.Fatalf("the front received %+v", got)
	}
	help.send("<message from='support@%s' to='%s' type='chat'><body>good day</body></message>", front, alice.jid)
	if got := alice.receive(); got.Body != "good day" {
		t.Fatalf("the customer received %+v", got)
	}
	anna.send("<message to='lobby@%s' type='chat'><body>to the desk</body></message>", desk)
	if got := lobby.receive(); got.Body != "to the desk" {
		t.Fatalf("the desk received %+v", got)
	}
	lobby.send("<message from='lobby@%s' to='%s' type='chat'><body>from the desk</body></message>", desk, anna.jid)
	if got := anna.receive(); got.Body != "from the desk" {
		t.Fatalf("the agent received %+v", got)
	}
	anna.send("<message to='%s' type='chat'><body>from an agent</body></message>", bert.jid)
	if got := bert.receive(); got.Body != "from an agent" {
		t.Fatalf("the other customer received %+v", got)
	}
}

// archived lets an agent make a room of the server's own: what he says there comes back with the
// id under which the archive has it.
func archived(ctx context.Context, t *testing.T, s *servers.Server) {
	t.Helper()
	anna := login(ctx, t, s, "anna@"+agents, "second")
	anna.send("<presence to='tea@%s/anna'><x xmlns='http://jabber.org/protocol/muc'/></presence>", rooms)
	anna.send("<iq type='set' id='i' to='tea@%s'><query xmlns='http://jabber.org/protocol/muc#owner'>"+
		"<x xmlns='jabber:x:data' type='submit'/></query></iq>", rooms)
	until := func(what string, fits func(stanza) bool) stanza {
		for {
			switch got := anna.receive(); {
			case fits(got):
				return got
			case got.Type == "error":
				t.Fatalf("%s: %+v", what, got)
			}
		}
	}
	until("making a room", func(got stanza) bool { return got.XMLName.Local == "iq" })
	anna.send("<message type='groupchat' to='tea@%s'><body>hello</body></message>", rooms)
	said := until("speaking", func(got stanza) bool { return got.Body == "hello" })
	anna.send("<iq type='set' id='q' to='tea@%s'><query xmlns='urn:xmpp:mam:2'/></iq>", rooms)
	kept := until("the archive", func(got stanza) bool { return got.Result.Message.Body == "hello" })
	if id := said.StanzaID.ID; id == "" || kept.Result.ID != id {
		t.Errorf("a message came with id %q and is in the archive as %+v", id, kept.Result)
	}
}

// TestSideBySide: two of a kind at once, of which one is frozen, and a third that must say why it can't start.
func TestSideBySide(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var both [2]*servers.Server
			started := make(chan error)
			for i, dir := range []string{t.TempDir(), t.TempDir()} {
				go func() {
					o := options(dir)
					o.Customers, o.Rooms, o.PlainAuth = "", "", false
					var err error
					both[i], err = kind.start(ctx, o)
					started <- err
				}()
			}
			for range both {
				if err := <-started; err != nil {
					t.Fatal(err)
				}
			}
			for _, s := range both {
				t.Cleanup(s.Kill)
				if err := s.Register(ctx, "anna", agents, "anna"); err != nil {
					t.Fatal(err)
				}
			}
			if err := both[0].Suspend(); err != nil {
				t.Fatal(err)
			}
			anna := login(ctx, t, both[1], "anna@"+agents, "anna")
			anna.send("<iq type='get' id='i' to='%s'><ping xmlns='urn:xmpp:ping'/></iq>", agents)
			if got := anna.receive(); got.Type != "result" {
				t.Fatalf("answered by %+v", got)
			}
			if err := both[0].Resume(); err != nil {
				t.Fatal(err)
			}
			login(ctx, t, both[0], "anna@"+agents, "anna")

			_, port, _ := net.SplitHostPort(both[0].C2S())
			o := options(t.TempDir())
			fmt.Sscan(port, &o.Ports.C2S)
			if third, err := kind.start(ctx, o); err == nil || !strings.Contains(err.Error(), "port "+port+" is taken") {
				t.Errorf("start on a taken port gave %v, %v", third, err)
			}
		})
	}
}

// TestOneFolderOneServer: the second is refused and the first lives on.
func TestOneFolderOneServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := servers.StartProsody(t.Context(), servers.Options{Dir: dir, Accounts: []string{agents}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	if _, err := servers.StartProsody(t.Context(), servers.Options{Dir: dir, Accounts: []string{agents}}); err == nil ||
		!strings.Contains(err.Error(), "in use by another server") {
		t.Errorf("two in one folder: %v", err)
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	<-s.Exited()
	if err := s.Err(); err != nil {
		t.Error(err)
	}
}

// TestMain is also the parent that TestOrphans kills.
func TestMain(m *testing.M) {
	dir := os.Getenv("SERVERS_TEST_PARENT")
	if dir == "" {
		os.Exit(m.Run())
	}
	for _, kind := range kinds {
		if _, err := kind.start(context.Background(), options(filepath.Join(dir, kind.name))); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	fmt.Println("started")
	select {}
}

// TestOrphans: servers end with the process that started them, even by SIGKILL.
func TestOrphans(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	dir := t.TempDir()
	parent := exec.CommandContext(ctx, os.Args[0])
	parent.Env = append(os.Environ(), "SERVERS_TEST_PARENT="+dir)
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if line != "started\n" || len(processes(t, "HOME="+dir)) < 2 {
		t.Errorf("%q, %v", line, err)
	}
	parent.Process.Kill()
	parent.Wait()
	gone(ctx, t, dir)
}

func TestOptions(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for want, o := range map[string]servers.Options{
		"Dir is missing":      {Accounts: []string{agents}},
		"neither Customers":   {Dir: dir},
		"named twice":         {Dir: dir, Accounts: []string{agents}, Customers: agents},
		"is no domain":        {Dir: dir, Accounts: []string{"Ü.localhost"}},
		"secret of":           {Dir: dir, Accounts: []string{agents}, Components: []servers.Component{{Domain: desk}}},
		"Rooms and no":        {Dir: dir, Customers: customers, Rooms: rooms},
		"is no bare JID":      {Dir: dir, Accounts: []string{agents}, Admins: []string{"carol"}},
		"printable ASCII":     {Dir: dir + "\n", Accounts: []string{agents}},
		`"]]" is no domain`:   {Dir: dir, Accounts: []string{agents}, Confine: []string{"]]"}},
		"port 70000 is taken": {Dir: dir, Accounts: []string{agents}, Ports: servers.Ports{C2S: 70000}},
	} {
		if _, err := servers.StartProsody(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

// stanza is what the tests look at.
type stanza struct {
	XMLName xml.Name
	From    string `xml:"from,attr"`
	Type    string `xml:"type,attr"`
	Body    string `xml:"body"`
	Error   struct {
		NotAllowed *struct{} `xml:"not-allowed"`
	} `xml:"error"`
	StanzaID struct {
		ID string `xml:"id,attr"`
	} `xml:"urn:xmpp:sid:0 stanza-id"`
	Result struct {
		ID      string `xml:"id,attr"`
		Message struct {
			Body string `xml:"body"`
		} `xml:"forwarded>message"`
	} `xml:"urn:xmpp:mam:2 result"`
}

// peer is a logged-in client or an attached component.
type peer struct {
	t    *testing.T
	jid  jid.JID
	conn net.Conn
	xml  *xml.Decoder
}

func (p peer) send(format string, args ...any) {
	p.t.Helper()
	if _, err := fmt.Fprintf(p.conn, format, args...); err != nil {
		p.t.Fatal(err)
	}
}

// receive returns the next stanza that is not somebody's presence.
func (p peer) receive() stanza {
	p.t.Helper()
	for {
		var s stanza
		if err := p.xml.Decode(&s); err != nil {
			p.t.Fatalf("%s: %v", p.jid, err)
		}
		if s.XMLName.Local != "presence" || strings.HasSuffix(s.From, "@"+customers) {
			return s
		}
	}
}

func login(ctx context.Context, t *testing.T, s *servers.Server, address, password string) peer {
	t.Helper()
	mechanism := sasl.Plain
	if password == "" {
		mechanism = sasl.Mechanism{Name: "ANONYMOUS", Start: func(*sasl.Negotiator) (bool, []byte, any, error) {
			return false, nil, nil, nil
		}}
	} else if password == "anna" {
		mechanism = sasl.ScramSha1
	}
	me := jid.MustParse(address)
	return connect(ctx, t, s.C2S(), func(conn net.Conn) (*xmpp.Session, error) {
		return xmpp.NewSession(ctx, me.Domain(), me, conn, xmpp.Secure, xmpp.NewNegotiator(func(*xmpp.Session, *xmpp.StreamConfig) xmpp.StreamConfig {
			return xmpp.StreamConfig{Features: []xmpp.StreamFeature{xmpp.SASL("", password, mechanism), xmpp.BindResource()}}
		}))
	})
}

func attach(ctx context.Context, t *testing.T, s *servers.Server, domain, secret string) peer {
	t.Helper()
	return connect(ctx, t, s.ComponentAddr(domain), func(conn net.Conn) (*xmpp.Session, error) {
		return component.NewSession(ctx, jid.MustParse(domain), []byte(secret), conn)
	})
}

func connect(ctx context.Context, t *testing.T, addr string, negotiate func(net.Conn) (*xmpp.Session, error)) peer {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	context.AfterFunc(ctx, func() { conn.Close() })
	session, err := negotiate(conn)
	if err != nil {
		t.Fatal(err)
	}
	return peer{t, session.LocalAddr(), conn, xml.NewTokenDecoder(session.TokenReader())}
}

// gone waits until no process has dir as its home.
func gone(ctx context.Context, t *testing.T, dir string) {
	t.Helper()
	for {
		left := processes(t, "HOME="+dir)
		if len(left) == 0 {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("left behind: %q", left)
		}
	}
}

// processes returns the command lines of processes with this in their environment.
func processes(t *testing.T, variable string) []string {
	t.Helper()
	found, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, path := range found {
		env, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(env, []byte(variable)) {
			continue // others' processes, or ended meanwhile
		}
		line, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		lines = append(lines, string(line))
	}
	return lines
}
