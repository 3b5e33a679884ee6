package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"frontdesk/component/fakeserver"
	"frontdesk/config"
	"frontdesk/deploy/ejabberd"
	"frontdesk/deploy/prosody"
	"frontdesk/store"
)

// invoke runs one command line and returns what it said.
func invoke(t *testing.T, stdin string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	p := program{args: args, stdin: strings.NewReader(stdin), stdout: &out, stderr: &errs, terminal: stdin != ""}
	status = p.run(t.Context())
	return status, out.String(), errs.String()
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	none := filepath.Join(t.TempDir(), "none.toml")
	for _, c := range []struct {
		args           string
		status         int
		stdout, stderr string // what they contain; "" is nothing at all
	}{
		{"", misuse, "", "frontdesk init     writes the configuration"},
		{"help", done, "frontdesk check    says what is wrong", ""},
		{"start", misuse, "", `there is no "frontdesk start"; there are init, check, run, backup, verify, restore, compact, export, erase, module and version`},
		{"version", done, "frontdesk ", ""},
		{"--version", done, "frontdesk ", ""},
		{"module prosody", done, string(prosody.Confine), ""},
		{"module ejabberd", done, string(ejabberd.Confine), ""},
		{"module", misuse, "", "a module for two servers"},
		{"run -h", done, "frontdesk run [--config file]", ""},
		{"run --confg x", misuse, "", `-confg; "frontdesk run -h" lists what there is`},
		{"run frontdesk.toml", misuse, "", `"frontdesk.toml" is too much for "frontdesk run"`},
		{"run --config " + none, failed, "", "frontdesk run: config: there is no " + none},
		{"check --config " + none, failed, "", `write one with "frontdesk init"`},
		{"init", misuse, "", "init needs --front, --customers, --desk, --agent;"},
		{"init --front a.example --desk a.example --agent anna --out " + none, failed, "", "nothing is written, for this cannot work:\n" +
			`desk.domain: front and desk are two components: give the desk a domain of its own, as "desk.agents.example", not "a.example" again` + "\n" +
			`agent.jid: "anna" is no account's address: write one as "anna@agents.example"`},
	} {
		t.Run(c.args, func(t *testing.T) {
			t.Parallel()
			status, stdout, stderr := invoke(t, "", strings.Fields(c.args)...)
			if status != c.status {
				t.Errorf("status %d, want %d", status, c.status)
			}
			for _, s := range []struct{ name, got, want string }{{"stdout", stdout, c.stdout}, {"stderr", stderr, c.stderr}} {
				if s.want == "" && s.got != "" || !strings.Contains(s.got, s.want) {
					t.Errorf("%s is %q, want %q", s.name, s.got, s.want)
				}
			}
		})
	}
	if _, err := os.Stat(none); err == nil {
		t.Error("a configuration that cannot work was written")
	}
}

func TestInit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, args, stdin string }{
		{"flags", "--front help.shop.example --desk rooms.staff.example --agent anna@staff.example --agent bob@staff.example --web 127.0.0.1:8080", ""},
		{"questions", "", "help.shop.example\n\n\nrooms.staff.example\n\nanna@staff.example  bob@staff.example\n127.0.0.1:8080\n\n"},
		{"both", "--front help.shop.example --desk rooms.staff.example --server 127.0.0.1:5347 --web 127.0.0.1:8080", "shop.example\n127.0.0.1:5347\nanna@staff.example bob@staff.example\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "frontdesk.toml")
			args := append([]string{"init", "--out", path}, strings.Fields(c.args)...)
			status, stdout, stderr := invoke(t, c.stdin, args...)
			if status != done || stderr != "" {
				t.Fatalf("status %d: %s", status, stderr)
			}
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%v, %v", info.Mode(), err)
			}
			got, err := config.Load(path)
			if err != nil {
				t.Fatal(err)
			}
			settled(t, got)
			for _, want := range []string{
				`Component "help.shop.example"`, `component_secret = "` + got.Front.Secret + `"`, `VirtualHost "shop.example"`,
				`Component "rooms.staff.example"`, `component_secret = "` + got.Desk.Secret + `"`,
				`"help.shop.example":`, `password: "` + got.Front.Secret + `"`, `password: "` + got.Desk.Secret + `"`,
				"port: 5347", "port: 5348", `server = "127.0.0.1:5348"`, // one ejabberd needs two
				"_xmpp-server._tcp.rooms.staff.example.", "frontdesk check --config " + path,
			} {
				if !strings.Contains(stdout, want) {
					t.Errorf("init does not print %s", want)
				}
			}
			if strings.Contains(stdout, "agents.example\"") || strings.Contains(stdout, "secret-of") {
				t.Error("init prints parts of the example")
			}

			before, _ := os.ReadFile(path)
			status, _, stderr = invoke(t, c.stdin, args...)
			after, _ := os.ReadFile(path)
			if status != failed || !strings.Contains(stderr, "is there already") || !bytes.Equal(before, after) {
				t.Errorf("a second init: status %d: %s", status, stderr)
			}
		})
	}
}

// settled compares what init wrote with what it was told.
func settled(t *testing.T, c *config.Config) {
	t.Helper()
	got := fmt.Sprint(c.Front.Domain, c.Front.Server, c.Front.Customers, c.Desk.Domain, c.Desk.Server, c.Queues[0].Agents, c.Web.Listen, c.Web.WebSocket, c.Web.Host)
	want := fmt.Sprint("help.shop.example", "127.0.0.1:5347", []string{"shop.example"}, "rooms.staff.example", "127.0.0.1:5347",
		[]string{"anna@staff.example", "bob@staff.example"}, "127.0.0.1:8080", "ws://127.0.0.1:5280/xmpp-websocket", "shop.example")
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if len(c.Front.Secret) < 20 || c.Front.Secret == c.Desk.Secret {
		t.Errorf("secrets are %q and %q", c.Front.Secret, c.Desk.Secret)
	}
}

// site starts a fake server and writes a configuration for it.
func site(t *testing.T, change func(*config.Start)) (path string, server *fakeserver.Server) {
	t.Helper()
	server, err := fakeserver.New(map[string]string{"help.shop.example": "one", "rooms.staff.example": "two"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	s := config.Start{
		Front: "help.shop.example", Desk: "rooms.staff.example", FrontSecret: "one", DeskSecret: "two",
		FrontServer: server.Addr(), DeskServer: server.Addr(), Customers: "shop.example",
		Agents: []string{"anna@staff.example"}, WebSocket: "ws://127.0.0.1:5280/xmpp-websocket",
	}
	change(&s)
	path = filepath.Join(t.TempDir(), "frontdesk.toml")
	if err := os.WriteFile(path, []byte(s.File()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, server
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*config.Start)
		status int
		want   []string
	}{
		{"good", func(*config.Start) {}, done, []string{
			" is good (queues: 1, agents: 1)\n", "front: connected to ", " as help.shop.example\n", "desk: connected to "}},
		{"secret", func(s *config.Start) { s.FrontSecret = "three" }, failed, []string{
			"front: does not work: the server refused the secret for help.shop.example: make [front] secret the same", "desk: connected to "}},
		{"nothing there", func(s *config.Start) { s.DeskServer = "127.0.0.1:1" }, failed, []string{
			"front: connected to ", "desk: does not work: nothing listens on 127.0.0.1:1: start the server, or correct [desk] server"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path, _ := site(t, c.change)
			status, stdout, stderr := invoke(t, "", "check", "--config", path)
			if status != c.status || stderr != "" {
				t.Errorf("status %d: %s", status, stderr)
			}
			for _, want := range c.want {
				if !strings.Contains(stdout, want) {
					t.Errorf("check says\n%s, want %q", stdout, want)
				}
			}
			if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); len(left) != 1 {
				t.Errorf("check left %v", left)
			}
		})
	}
}

// TestCheckRunning: beside a running frontdesk no second connection is made.
func TestCheckRunning(t *testing.T) {
	t.Parallel()
	var broken atomic.Bool
	running := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if broken.Load() {
			http.Error(w, "the link of the desk is down", http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(running.Close)
	path, server := site(t, func(s *config.Start) {
		s.Listen = running.Listener.Addr().String()
		s.FrontSecret = "three" // would be refused
	})
	s, err := store.Open(filepath.Join(filepath.Dir(path), "frontdesk.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if status, stdout, stderr := invoke(t, "", "check", "--config", path); status != done || !strings.Contains(stdout, "it says that both are up") {
		t.Errorf("status %d: %s%s", status, stdout, stderr)
	}
	broken.Store(true)
	if status, stdout, stderr := invoke(t, "", "check", "--config", path); status != failed || !strings.Contains(stdout, "it says: the link of the desk is down") {
		t.Errorf("status %d: %s%s", status, stdout, stderr)
	}
	if server.Connected("rooms.staff.example") {
		t.Error("a link was tried")
	}
}

// TestRun starts the whole program, waits for its word, and stops it.
func TestRun(t *testing.T) {
	t.Parallel()
	path, server := site(t, func(s *config.Start) { s.Listen = "127.0.0.1:0" })
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	lines, stderr := io.Pipe()
	var stdout bytes.Buffer
	status := make(chan int, 1)
	go func() {
		p := program{args: []string{"run", "--config", path}, stdin: strings.NewReader(""), stdout: &stdout, stderr: stderr}
		status <- p.run(ctx)
		stderr.Close()
	}()
	ready, listen := false, ""
	var asked time.Time
	var copied chan string
	for scan := bufio.NewScanner(lines); scan.Scan(); {
		if !strings.HasPrefix(scan.Text(), "time=") {
			t.Errorf("no log line: %s", scan.Text())
		}
		if _, page, ok := strings.Cut(scan.Text(), " page="); ok {
			listen = page
		}
		if strings.Contains(scan.Text(), "frontdesk: ready") && !ready {
			ready = true
			works(t, "http://"+listen)
			if !server.Connected("help.shop.example") || !server.Connected("rooms.staff.example") {
				t.Error("ready, but not connected")
			}
			copied = make(chan string, 1)
			go func() { // which logs, too
				_, stdout, stderr := invoke(t, "", "backup", "--config", path)
				asked = time.Now()
				copied <- stdout + stderr
				stop()
			}()
		}
	}
	if said := <-copied; !strings.Contains(said, "whole, ") {
		t.Errorf("a backup of the running desk: %s", said)
	}
	if got := <-status; got != done || !ready || stdout.Len() > 0 {
		t.Errorf("status %d, ready %v, stdout %q", got, ready, stdout.String())
	}
	if took := time.Since(asked); took > 5*time.Second {
		t.Errorf("stopping took %v", took)
	}
}

// works asks for the page and the health of a running frontdesk.
func works(t *testing.T, url string) {
	t.Helper()
	for _, path := range []string{"/", "/health"} {
		answer, err := http.Get(url + path)
		if err != nil {
			t.Error(err)
			continue
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Errorf("GET %s: %s", path, answer.Status)
		}
	}
}

// TestRunTaken: what the system refuses is a log line and a status.
func TestRunTaken(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	path, _ := site(t, func(s *config.Start) { s.Listen = taken.Addr().String() })
	status, stdout, stderr := invoke(t, "", "run", "--config", path)
	if status != failed || stdout != "" || !strings.Contains(stderr, "level=ERROR msg=stopped") || !strings.Contains(stderr, "web.listen") {
		t.Errorf("status %d: %s%s", status, stdout, stderr)
	}
}

// TestHangup: SIGHUP has a running desk read its file again; what only a restart changes is named, a bad file changes nothing.
func TestHangup(t *testing.T) {
	t.Parallel()
	path, _ := site(t, func(s *config.Start) {})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	lines, stderr := io.Pipe()
	status := make(chan int, 1)
	go func() {
		p := program{args: []string{"run", "--config", path}, stdin: strings.NewReader(""), stdout: io.Discard, stderr: stderr}
		status <- p.run(ctx)
		stderr.Close()
	}()
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	say := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Error(err)
		}
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Error(err)
		}
	}
	// Each line of the log that is awaited, and what is done then.
	steps := []struct {
		want string
		then func()
	}{
		{"frontdesk: ready", func() {
			say(strings.Replace(string(good), `secret = "one"`, `secret = "three"`, 1) + "\n[[agent]]\njid = \"bob@staff.example\"\n")
		}},
		{`msg="the configuration was read again" changed="[agent bob@staff.example is new]"`, func() {}},
		{"need a restart\" keys=[front.secret]", func() { say("[front") }},
		{`msg="the configuration has a fault: nothing was changed"`, func() { say(string(good)) }},
		{`changed="[agent bob@staff.example is gone]"`, stop},
	}
	for scan := bufio.NewScanner(lines); scan.Scan(); {
		if len(steps) > 0 && strings.Contains(scan.Text(), steps[0].want) {
			steps[0].then()
			steps = steps[1:]
		}
	}
	if got := <-status; got != done || len(steps) > 0 {
		t.Errorf("status %d; %d log lines were not seen", got, len(steps))
	}
}
