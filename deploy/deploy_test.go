package deploy_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"frontdesk/component"
	"frontdesk/component/stanza"
	"frontdesk/deploy"
	"frontdesk/deploy/ejabberd"
	"frontdesk/deploy/prosody"
	"frontdesk/deploy/servers"
	"frontdesk/deploy/servers/child"

	"github.com/coder/websocket"
)

// site is an organisation whose server holds agents.example already.
func site(http, front, desk int) deploy.Site {
	return deploy.Site{
		Front: "help.shop.example", Desk: "rooms.agents.example", Customers: "shop.example",
		FrontSecret: "one", DeskSecret: "two",
		HTTPPort: strconv.Itoa(http), FrontPort: strconv.Itoa(front), DeskPort: strconv.Itoa(desk),
	}
}

// Offsets of the ports of one server.
const (
	c2s = iota // the first: the others are counted from it
	web
	front
	desk // ejabberd: one listener for each component
)

// existing is a server as it was before frontdesk.
type existing struct {
	name  string
	desk  int // offset of the desk's component port
	start func(t *testing.T, dir string, port int) *exec.Cmd
}

var kinds = []existing{
	{"prosody", front, startProsody},
	{"ejabberd", desk, startEjabberd},
}

const prosodyConfig = `%s
data_path = "%[2]s"
pidfile = "%[2]s/prosody.pid"
plugin_paths = { "%[2]s" }
log = { { levels = { min = "info" }, to = "stdout" } }
interfaces = { "127.0.0.1" }
c2s_ports = { %[3]d }
s2s_ports = {}
http_ports = { %[4]d }
https_ports = {}
component_ports = { %[5]d }
modules_enabled = {
	"disco", "roster", "saslauth", "tls", "blocklist", "bookmarks", "carbons", "dialback", "limits", "pep", "private",
	"smacks", "vcard4", "vcard_legacy", "csi_simple", "ping", "register", "time", "uptime", "version", "posix", "mam",
}
VirtualHost "agents.example"
Include "frontdesk-*.cfg.lua"
`

func startProsody(t *testing.T, dir string, port int) *exec.Cmd {
	root := ""
	if os.Geteuid() == 0 {
		root = "run_as_root = true"
	}
	customers, agents := site(port+web, port+front, port+desk).Prosody()
	write(t, dir, "prosody.cfg.lua", fmt.Sprintf(prosodyConfig, root, dir, port+c2s, port+web, port+front))
	write(t, dir, "frontdesk-customers.cfg.lua", customers)
	write(t, dir, "frontdesk-agents.cfg.lua", agents)
	write(t, dir, "mod_frontdesk_confine.lua", string(prosody.Confine))
	return exec.Command("prosody", "-F", "--config", filepath.Join(dir, "prosody.cfg.lua"))
}

const ejabberdConfig = `hosts: [agents.example]
loglevel: info
listen:
  - {port: %d, ip: "127.0.0.1", module: ejabberd_c2s, access: c2s}
acl:
  local: {user_regexp: ""}
access_rules:
  local: {allow: local}
  c2s: {deny: blocked, allow: all}
modules:
  mod_adhoc: {}
  mod_announce: {}
  mod_blocking: {}
  mod_caps: {}
  mod_carboncopy: {}
  mod_disco: {}
  mod_last: {}
  mod_muc: {}
  mod_offline: {}
  mod_ping: {}
  mod_privacy: {}
  mod_private: {}
  mod_pubsub: {plugins: [flat, pep]}
  mod_roster: {versioning: true}
  mod_s2s_dialback: {}
  mod_stream_mgmt: {resend_on_timeout: if_offline}
  mod_vcard: {search: false}
  mod_version: {}
include_config_file:
  - %q
  - %q
`

func startEjabberd(t *testing.T, dir string, port int) *exec.Cmd {
	customers, agents := site(port+web, port+front, port+desk).Ejabberd()
	one, two := write(t, dir, "frontdesk-customers.yml", customers), write(t, dir, "frontdesk-agents.yml", agents)
	config := write(t, dir, "ejabberd.yml", fmt.Sprintf(ejabberdConfig, port+c2s, one, two))
	source := write(t, dir, "mod_frontdesk_confine.erl", string(ejabberd.Confine))
	library, err := filepath.Glob("/usr/lib/*/ejabberd-*/ebin")
	if err != nil || len(library) == 0 {
		t.Fatal("ejabberd is not installed")
	}
	if out, err := exec.Command("erlc", "-pa", library[0], "-o", dir, source).CombinedOutput(); err != nil {
		t.Fatalf("erlc: %v: %s", err, out)
	}
	cmd := exec.Command("erl", "-noinput", "+sbwt", "none", "-pa", dir, "-mnesia", "dir", `"`+dir+`"`, "-s", "ejabberd")
	cmd.Env = append(os.Environ(), "HOME="+dir, "EJABBERD_CONFIG_PATH="+config, "EJABBERD_LOG_PATH="+filepath.Join(dir, "ejabberd.log"),
		"ERL_LIBS="+filepath.Dir(filepath.Dir(library[0])), "ERL_CRASH_DUMP_BYTES=0", "ERL_MAX_PORTS=32000")
	cmd.Dir = dir
	return cmd
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestSnippets adds the snippets, and nothing else, to servers that run already:
// both components connect, and customers on the web reach the front and nobody else.
func TestSnippets(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			port, release, err := servers.ReservePort(web, front, desk)
			if err != nil {
				t.Fatal(err)
			}
			defer release()
			dir := t.TempDir()
			server, err := child.Start(kind.start(t, dir, port), filepath.Join(dir, "server.log"))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(server.Kill)
			addr := func(offset int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port+offset)) }
			for _, offset := range []int{c2s, web, front, kind.desk} {
				if err := server.Ready(ctx, func(ctx context.Context) error {
					conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr(offset))
					if err == nil {
						conn.Close()
					}
					return err
				}); err != nil {
					t.Fatal(err)
				}
			}
			s := site(0, 0, 0)
			if err := component.Try(ctx, component.Config{Name: "desk", Address: addr(kind.desk), Domain: s.Desk, Secret: s.DeskSecret}); err != nil {
				t.Error(err)
			}
			heard := attach(ctx, t, component.Config{Name: "front", Address: addr(front), Domain: s.Front, Secret: s.FrontSecret})
			alice, bert := visit(ctx, t, addr(web), s.Customers), visit(ctx, t, addr(web), s.Customers)
			confined(ctx, t, alice, []stanza.JID{bert.jid, bert.jid.Bare(), "anna@agents.example", "agents.example", stanza.JID("lobby@" + s.Desk)})
			alice.send(ctx, t, `<message xmlns="jabber:client" to="support@%s" type="chat"><body>hello</body></message>`, s.Front)
			select {
			case e := <-heard:
				if !strings.Contains(e.String(), "<body>hello</body>") || e.From() != alice.jid {
					t.Errorf("the front received %s", e)
				}
			case <-ctx.Done():
				t.Error("the front received nothing")
			}
		})
	}
}

// confined writes to addresses that a customer must not reach: all is refused.
func confined(ctx context.Context, t *testing.T, c *customer, to []stanza.JID) {
	t.Helper()
	for _, jid := range to {
		c.send(ctx, t, `<presence xmlns="jabber:client" to="%s" type="subscribe"/>`, jid)
		c.send(ctx, t, `<message xmlns="jabber:client" to="%s" type="chat" id="m"><body>stray</body></message>`, jid)
		c.send(ctx, t, `<iq xmlns="jabber:client" to="%s" type="get" id="i"><query xmlns="jabber:iq:version"/></iq>`, jid)
		for _, name := range []string{"message", "iq"} {
			got := c.receive(ctx, t)
			for strings.HasPrefix(got, "<presence") && strings.Contains(got, "not-allowed") { // ejabberd answers it too
				got = c.receive(ctx, t)
			}
			if !strings.HasPrefix(got, "<"+name) || !strings.Contains(got, "not-allowed") {
				t.Errorf("a %s to %s was answered by %s", name, jid, got)
			}
		}
	}
}

// attach connects a component and returns what it hears after it is up.
func attach(ctx context.Context, t *testing.T, cfg component.Config) <-chan *stanza.Element {
	t.Helper()
	up, heard := make(chan struct{}, 1), make(chan *stanza.Element, 16)
	link, err := component.New(cfg, func(e component.Event) {
		switch e.Kind {
		case component.Up:
			up <- struct{}{}
		case component.Stanza:
			heard <- e.Stanza
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		link.Run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		<-done
	})
	select {
	case <-up:
	case <-ctx.Done():
		t.Fatalf("%s: not up: %+v", cfg.Name, link.Stats())
	}
	return heard
}

// customer is an anonymous session over WebSocket (RFC 7395).
type customer struct {
	conn *websocket.Conn
	jid  stanza.JID
}

func visit(ctx context.Context, t *testing.T, addr, host string) *customer {
	t.Helper()
	conn, _, err := websocket.Dial(ctx, "ws://"+addr+"/xmpp-websocket", &websocket.DialOptions{
		Host: host, Subprotocols: []string{"xmpp"}, HTTPHeader: http.Header{"Origin": {"https://" + host}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.CloseNow() })
	c := &customer{conn: conn}
	open := `<open xmlns="urn:ietf:params:xml:ns:xmpp-framing" to="` + host + `" version="1.0"/>`
	for _, step := range []struct{ send, want string }{
		{open, "ANONYMOUS"},
		{`<auth xmlns="urn:ietf:params:xml:ns:xmpp-sasl" mechanism="ANONYMOUS"/>`, "<success"},
		{open, "xmpp-bind"},
		{`<iq xmlns="jabber:client" type="set" id="b"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/></iq>`, "<jid>"},
		{`<iq xmlns="jabber:client" type="set" id="s"><session xmlns="urn:ietf:params:xml:ns:xmpp-session"/></iq>`, "result"},
	} {
		c.send(ctx, t, "%s", step.send)
		got := c.receive(ctx, t)
		for !strings.Contains(got, step.want) {
			if strings.Contains(got, "failure") || strings.Contains(got, "error") {
				t.Fatalf("%s was answered by %s", step.send, got)
			}
			got = c.receive(ctx, t)
		}
		if _, rest, ok := strings.Cut(got, "<jid>"); ok {
			jid, _, _ := strings.Cut(rest, "<")
			c.jid = stanza.JID(jid)
		}
	}
	return c
}

func (c *customer) send(ctx context.Context, t *testing.T, format string, args ...any) {
	t.Helper()
	if err := c.conn.Write(ctx, websocket.MessageText, fmt.Appendf(nil, format, args...)); err != nil {
		t.Fatal(err)
	}
}

func (c *customer) receive(ctx context.Context, t *testing.T) string {
	t.Helper()
	_, text, err := c.conn.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestDocs holds the pages to the snippets: an admin who copies from a page gets
// what this package's tests have tried.
func TestDocs(t *testing.T) {
	t.Parallel()
	for page, files := range map[string][]string{
		"../docs/prosody.md":  {"prosody/customers.cfg.lua", "prosody/agents.cfg.lua"},
		"../docs/ejabberd.md": {"ejabberd/customers.yml", "ejabberd/agents.yml"},
	} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			snippet, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(text), string(snippet)) {
				t.Errorf("%s does not have %s as it is", page, name)
			}
		}
	}
}
