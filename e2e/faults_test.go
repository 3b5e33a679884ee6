package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"frontdesk/component/stanza"
	"frontdesk/deploy/servers/child"
	"frontdesk/store"
)

// program is the daemon as a process of its own on a fake server, so that its system calls can be made to fail.
type program struct {
	*world
	binary string
	desk   *child.Process
	starts int
	began  time.Time // of the present run
}

// newProgram starts the daemon.
func newProgram(t *testing.T, binary string) *program {
	p := &program{world: prepareFake(t, t.TempDir()), binary: binary}
	toml := strings.Replace(p.toml(), `listen = ""`, "listen = \"127.0.0.1:0\"\nwebsocket = \"ws://127.0.0.1:1/xmpp-websocket\"", 1)
	must(t, os.WriteFile(p.path("frontdesk.toml"), []byte(toml), 0o600))
	p.run()
	p.said("frontdesk: ready", 1)
	return p
}

func (p *program) path(name string) string { return filepath.Join(p.dir, name) }

// run starts it.
func (p *program) run() {
	p.diaryOf()
	p.starts++
	p.began = time.Now()
	var err error
	p.desk, err = child.Start(exec.Command(p.binary, "run", "--config", p.path("frontdesk.toml")), p.path(fmt.Sprintf("desk-%d.log", p.starts)))
	must(p.t, err)
	desk := p.desk
	p.t.Cleanup(func() {
		desk.Kill()
		text, err := os.ReadFile(desk.Log())
		must(p.t, err)
		for line := range strings.Lines(string(text)) {
			p.diaryOf().Write([]byte(line))
		}
	})
}

// logged is what it has said since its last start.
func (p *program) logged() string {
	text, err := os.ReadFile(p.desk.Log())
	must(p.t, err)
	return string(text)
}

// said waits until a line has been logged so many times.
func (p *program) said(line string, times int) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 2*patience)
	defer cancel()
	must(p.t, p.desk.Ready(ctx, func(context.Context) error {
		if n := strings.Count(p.logged(), line); n < times {
			return fmt.Errorf("%q is in its log %d times", line, n)
		}
		return nil
	}))
}

// inject has system calls of the running daemon fail or wait (strace -e inject), until what it returns is called.
func (p *program) inject(what string) (mend func()) {
	p.t.Helper()
	log := p.path(fmt.Sprintf("strace-%d.log", time.Now().UnixNano()))
	s, err := child.Start(exec.Command("strace", "-f", "-p", strconv.Itoa(p.desk.Pid()), "-o", os.DevNull, "-e", "inject="+what), log)
	must(p.t, err)
	p.t.Cleanup(s.Kill)
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	err = s.Ready(ctx, func(context.Context) error {
		text, err := os.ReadFile(log)
		if err == nil && !strings.Contains(string(text), " attached") {
			err = fmt.Errorf("not attached: %s", text)
		}
		return err
	})
	if err != nil && os.Getuid() != 0 {
		p.t.Skipf("only root may trace a process that is no child everywhere: %v", err)
	}
	must(p.t, err)
	return func() {
		s.Signal(syscall.SIGTERM)
		<-s.Done()
	}
}

// metric is a figure of the program's page.
func (p *program) metric(name string) float64 {
	p.t.Helper()
	page := regexp.MustCompile(`page=(\S+)`).FindStringSubmatch(p.logged())
	resp, err := http.Get("http://" + page[1] + "/metrics")
	must(p.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(p.t, err)
	at := regexp.MustCompile(`(?m)^frontdesk_` + name + ` (\S+)$`).FindStringSubmatch(string(body))
	if at == nil {
		p.t.Fatalf("no metric %s in\n%s", name, body)
	}
	v, err := strconv.ParseFloat(at[1], 64)
	must(p.t, err)
	return v
}

// talk is alice writing to anna.
type talk struct {
	p           *program
	alice, anna *client
	n           int
}

func newTalk(p *program) *talk {
	d := &dialogue{w: p.world, t: p.t, names: map[string]string{}, who: map[string]*client{}}
	d.login("anna")
	d.enter("anna")
	d.login("alice")
	return &talk{p: p, alice: d.who["alice"], anna: d.who["anna"]}
}

// write sends alice's next message, and returns its id, which is its text, too.
func (k *talk) write() string {
	k.n++
	id := fmt.Sprintf("word-%d", k.n)
	k.again(id)
	return id
}

func (k *talk) again(id string) {
	must(k.p.t, k.alice.send(stanza.New("", "message", "to", string(queueJID), "type", "chat", "id", id).Add(
		stanza.Text("", "body", id), stanza.New(nsReceipts, "request"))))
}

func receiptFor(id string) func(*stanza.Element) bool {
	return func(s *stanza.Element) bool {
		r := s.Child(nsReceipts, "received")
		return r != nil && r.Attr("id") == id
	}
}

// acknowledged waits for the receipt and for anna to have it.
func (k *talk) acknowledged(id string) {
	k.p.t.Helper()
	if k.alice.await(receiptFor(id)) == nil {
		k.p.t.Fatalf("no receipt for %s%s", id, k.p.desk.Tail())
	}
	if k.anna.await(func(s *stanza.Element) bool { return s.ChildText("", "body") == id }) == nil {
		k.p.t.Fatalf("%s has a receipt and did not reach anna%s", id, k.p.desk.Tail())
	}
}

// TestSlowDisk: while each fsync takes two seconds, messages wait for it and nothing is said to be kept that is not; what else people
// ask is answered between two batches; the links stay up, and it is said once. Afterwards all is as before.
func TestSlowDisk(t *testing.T) {
	t.Parallel()
	p := newProgram(t, build(t))
	k := newTalk(p)
	k.acknowledged(k.write())
	mend := p.inject("fdatasync:delay_enter=2s")
	slowest := time.Duration(0)
	for range 3 {
		began := time.Now()
		id := k.write()
		// A batch is on its way to the disk: all this comes behind it.
		must(t, k.alice.fence(string(queueJID)))
		must(t, k.anna.fence("desk@"+deskDomain))
		must(t, k.anna.send(stanza.New("", "iq", "type", "get", "to", string(lobbyJID), "id", "disco").Add(stanza.New(stanza.NSDiscoInfo, "query"))))
		if k.anna.await(func(s *stanza.Element) bool { return s.ID() == "disco" && s.Type() == "result" }) == nil {
			t.Fatalf("no answer of the lobby%s", p.desk.Tail())
		}
		slowest = max(slowest, time.Since(began))
		k.acknowledged(id)
		if took := time.Since(began); took < 2*time.Second {
			t.Errorf("a receipt after %v, before the disk can have had it", took)
		}
	}
	mend()
	k.acknowledged(k.write())
	if n := strings.Count(p.logged(), "the disk is slow"); n != 1 {
		t.Errorf("it was said %d times that the disk is slow:\n%s", n, p.logged())
	}
	for name, want := range map[string]func(float64) bool{
		"link_connects_front": func(v float64) bool { return v == 1 }, "link_connects_desk": func(v float64) bool { return v == 1 },
		"log_commits_slow_total": func(v float64) bool { return v >= 3 }, "log_commit_seconds_total": func(v float64) bool { return v >= 6 },
	} {
		if v := p.metric(name); !want(v) {
			t.Errorf("%s is %v", name, v)
		}
	}
	t.Logf("three questions, one after the other, behind a batch: at most %v", slowest.Round(time.Millisecond))
	must(t, p.desk.Stop(patience))
}

// TestFailingDisk: where a write or an fsync fails, the process ends and says why and what to do; started again, it has all that it
// acknowledged, and what it did not comes in once, however often it is sent.
func TestFailingDisk(t *testing.T) {
	t.Parallel()
	binary := build(t)
	for _, c := range []struct {
		name, inject, says, todo string
	}{
		{"fsync-EIO", "fdatasync:error=EIO", "input/output error", "frontdesk verify"},
		{"second-fsync-EIO", "fdatasync:error=EIO:when=2", "input/output error", "frontdesk verify"},
		{"write-EIO", "pwrite64:error=EIO", "input/output error", "frontdesk verify"},
		{"second-write-EIO", "pwrite64:error=EIO:when=2+", "input/output error", "frontdesk verify"},
		{"read-only", "pwrite64:error=EROFS", "read-only file system", "mounted for writing"},
		{"full", "pwrite64:error=ENOSPC", "no space left on device", "make room"},
		{"short", "", "file too large", "ulimit -f"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newProgram(t, binary)
			k := newTalk(p)
			var kept []string
			for range 5 {
				id := k.write()
				k.acknowledged(id)
				kept = append(kept, id)
			}
			if c.inject != "" {
				p.inject(c.inject)
			} else { // in the middle of a page: what is written of it stays
				limit := int(p.metric("file_bytes")) + 2048
				if out, err := exec.Command("prlimit", "--pid", strconv.Itoa(p.desk.Pid()), fmt.Sprintf("--fsize=%d", limit)).CombinedOutput(); err != nil {
					t.Fatalf("prlimit: %v: %s", err, out)
				}
			}
			var lost []string
			for ended := false; !ended; {
				lost = append(lost, k.write())
				if c.inject == "" { // until it has to grow
					must(t, k.alice.send(stanza.New("", "message", "to", string(queueJID), "type", "chat", "id", fmt.Sprintf("long-%d", k.n)).Add(
						stanza.Text("", "body", strings.Repeat("long ", 2000)))))
				}
				select {
				case <-p.desk.Done():
					ended = true
				case <-time.After(50 * time.Millisecond):
				}
				if len(lost) > 500 {
					t.Fatal("the disk has taken everything")
				}
			}
			if p.desk.Err() == nil || !strings.Contains(p.logged(), c.says) || !strings.Contains(p.logged(), c.todo) || strings.Contains(p.logged(), "goroutine ") {
				t.Errorf("it ended with %v, and said\n%s", p.desk.Err(), p.logged())
			}
			for _, id := range lost {
				if len(k.alice.pending(receiptFor(id))) > 0 {
					kept = append(kept, id) // just before
				}
			}
			p.run()
			p.said("frontdesk: ready", 1)
			k.anna.send(stanza.New("", "presence", "to", string(lobbyJID)+"/Anna").Add(stanza.New(nsMUC, "x")))
			for _, id := range lost {
				k.again(id) // as a client does that got no receipt
			}
			for _, id := range lost {
				if k.alice.await(receiptFor(id)) == nil {
					t.Fatalf("no receipt for %s%s", id, p.desk.Tail())
				}
			}
			must(t, p.desk.Stop(patience))
			checkWords(t, p.path("desk.db"), kept, lost)
		})
	}
}

// checkWords: a whole file, with each of these in it, once.
func checkWords(t *testing.T, file string, kept, lost []string) {
	t.Helper()
	if _, err := store.Verify(file); err != nil {
		t.Error(err)
	}
	s, err := store.Open(file)
	must(t, err)
	defer s.Close()
	records, err := s.Scan(1, 10_000)
	must(t, err)
	for _, id := range slices.Compact(slices.Sorted(slices.Values(slices.Concat(kept, lost)))) {
		n := 0
		for _, r := range records {
			if strings.Contains(string(r.Content), `"b":"`+id+`"`) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%s is in the log %d times", id, n)
		}
	}
}
