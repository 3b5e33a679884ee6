package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"frontdesk/component/stanza"
	"frontdesk/deploy/servers"
	"frontdesk/deploy/servers/child"
	"frontdesk/e2e/client"
	"frontdesk/store"
)

const (
	customersHost = "customers.localhost"
	soakPiece     = time.Minute // what one line is about; in the end of each nothing may be missing
	soakStart     = 30 * time.Second
)

// The rule for what must not grow: of the last two thirds of the run, the median of the later half is not more above that of the earlier one
// than so much and a fifth of it. What is kept of each conversation for ten minutes is there by then, if the run is an hour.
const (
	heapSlack      = 4 << 20
	goroutineSlack = 10
)

// figures are of one piece.
type figures struct {
	heap, rss, mapped, goroutines, file float64 // mapped is of rss: the part of the file that is in memory
	p50, p99                            time.Duration
}

// soak runs the desk as a process beside real Prosody at half of what they can take, for d.
func (b *bench) soak(d time.Duration) error {
	dir, err := os.MkdirTemp("", "frontdesk-soak-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ctx, quit := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM) // leave nothing behind
	defer quit()
	srv, err := servers.StartProsody(ctx, servers.Options{
		Dir: filepath.Join(dir, "server"), PlainAuth: true, Customers: customersHost, Confine: []string{frontDomain}, Accounts: []string{agentsHost},
		Components: []servers.Component{{Domain: frontDomain, Secret: "f"}, {Domain: deskDomain, Secret: "d"}},
	})
	if err != nil {
		return err
	}
	defer srv.Stop()
	p, err := startProcess(ctx, dir, deskTOML(filepath.Join(dir, "soak.db"), srv.ComponentAddr(frontDomain), srv.ComponentAddr(deskDomain), b.agents, b.customers))
	if err != nil {
		return err
	}
	defer p.Kill()
	for n := range b.agents {
		name := fmt.Sprintf("a%d", n)
		if err := srv.Register(ctx, name, agentsHost, name); err != nil {
			return err
		}
	}
	var broken atomic.Pointer[error]
	l, err := b.people(func(name, host string, take func(*stanza.Element)) (func(*stanza.Element), error) {
		user := name
		if host == customersHost {
			user = "" // anonymous
		}
		c, err := client.Dial(srv.C2S(), user, host, user)
		if err != nil {
			return nil, err
		}
		fail := func(err error) {
			if ctx.Err() == nil {
				broken.CompareAndSwap(nil, &err)
			}
		}
		go func() { fail(c.Serve(take)) }()
		send := func(s *stanza.Element) {
			if err := c.Send(s); err != nil {
				fail(err)
			}
		}
		send(stanza.New("", "presence")) // else what is for the account waits for one who is there
		return send, nil
	})
	if err != nil {
		return err
	}
	rate, _, err := l.saturate(b.window, min(soakStart, d/4))
	if err != nil {
		return err
	}
	fmt.Printf("soak: %d customers, %d agents through Prosody: at most %.0f messages/s; %s at half of that\n", b.customers, b.agents, rate, d)
	fmt.Printf("%7s %9s %9s %9s %10s %10s %9s %9s %9s\n", "minute", "messages", "heap MiB", "RSS MiB", "mapped MiB", "goroutines", "file MiB", "p50 ms", "p99 ms")
	var all []figures
	for end := time.Now().Add(d); time.Now().Before(end); {
		before := l.arrived.Load()
		var f figures
		if f.p50, f.p99, err = l.paced(rate/4, min(soakPiece, d/6)); err != nil { // an exchange is two messages
			return fmt.Errorf("after %d minutes: %w", len(all), err)
		}
		if err := p.measure(&f); err != nil {
			return err
		}
		all = append(all, f)
		fmt.Printf("%7d %9d %9.1f %9.1f %10.1f %10.0f %9.1f %9.1f %9.1f\n", len(all), l.arrived.Load()-before, f.heap/(1<<20), f.rss/(1<<20), f.mapped/(1<<20), f.goroutines, f.file/(1<<20),
			f.p50.Seconds()*1e3, f.p99.Seconds()*1e3)
		if err := broken.Load(); err != nil {
			return fmt.Errorf("a client lost its connection: %w", *err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return errors.Join(grown("heap", "bytes", all, heapSlack, func(f figures) float64 { return f.heap }),
		grown("goroutines", "", all, goroutineSlack, func(f figures) float64 { return f.goroutines }), p.end(filepath.Join(dir, "soak.db"), l.arrived.Load()))
}

// grown is an error where a figure has grown by the rule.
func grown(what, unit string, all []figures, slack float64, of func(figures) float64) error {
	all = all[len(all)/3:]
	if len(all) < 2 {
		return nil
	}
	mid := func(part []figures) float64 {
		var v []float64
		for _, f := range part {
			v = append(v, of(f))
		}
		return median(v)
	}
	early, late := mid(all[:len(all)/2]), mid(all[len(all)/2:])
	fmt.Printf("%s: %.0f, later %.0f %s\n", what, early, late, unit)
	if late > early*1.2+slack {
		return fmt.Errorf("%s grew from %.0f to %.0f %s", what, early, late, unit)
	}
	return nil
}

// process is the program.
type process struct {
	*child.Process
	page string // host:port of its metrics
}

// startProcess builds and starts it, and waits until it works.
func startProcess(ctx context.Context, dir, toml string) (*process, error) {
	binary, conf := filepath.Join(dir, "frontdesk"), filepath.Join(dir, "frontdesk.toml")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "frontdesk").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building frontdesk: %w\n%s", err, out)
	}
	toml = strings.Replace(toml, `listen = ""`, "listen = \"127.0.0.1:0\"\nwebsocket = \"ws://127.0.0.1:1/xmpp-websocket\"\nhost = \""+customersHost+"\"", 1)
	if err := os.WriteFile(conf, []byte(toml), 0o600); err != nil {
		return nil, err
	}
	c, err := child.Start(exec.Command(binary, "run", "--config", conf), filepath.Join(dir, "desk.log"))
	if err != nil {
		return nil, err
	}
	p := &process{Process: c}
	ctx, cancel := context.WithTimeout(ctx, enterWithin)
	defer cancel()
	err = c.Ready(ctx, func(context.Context) error {
		text, err := os.ReadFile(c.Log())
		at := regexp.MustCompile(`page=(\S+)`).FindSubmatch(text)
		if err != nil || at == nil || !strings.Contains(string(text), "frontdesk: ready") {
			return errors.Join(errors.New("it does not work yet"), err)
		}
		p.page = string(at[1])
		return nil
	})
	if err != nil {
		c.Kill()
		return nil, err
	}
	return p, nil
}

// measure reads the program's own figures and the system's.
func (p *process) measure(f *figures) error {
	resp, err := http.Get("http://" + p.page + "/metrics")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Pid()))
	if err != nil {
		return err
	}
	for _, w := range []struct {
		in   []byte
		what string
		unit float64
		to   *float64
	}{
		{text, `(?m)^frontdesk_heap_live_bytes (\S+)$`, 1, &f.heap}, {text, `(?m)^frontdesk_goroutines (\S+)$`, 1, &f.goroutines},
		{text, `(?m)^frontdesk_file_bytes (\S+)$`, 1, &f.file}, {status, `VmRSS:\s*(\d+) kB`, 1 << 10, &f.rss}, {status, `RssFile:\s*(\d+) kB`, 1 << 10, &f.mapped},
	} {
		at := regexp.MustCompile(w.what).FindSubmatch(w.in)
		if at == nil {
			return fmt.Errorf("the program does not tell %s", w.what)
		}
		v, err := strconv.ParseFloat(string(at[1]), 64)
		if err != nil {
			return err
		}
		*w.to = v * w.unit
	}
	return nil
}

// end stops the program and looks whether what arrived is in its file, and nothing was wrong.
func (p *process) end(file string, arrived uint64) error {
	if err := p.Stop(10 * time.Second); err != nil {
		return err
	}
	log, err := os.ReadFile(p.Log())
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(log)) {
		if slices.ContainsFunc([]string{"level=ERROR", "panic", "link down"}, func(bad string) bool { return strings.Contains(line, bad) }) {
			return fmt.Errorf("the program logged %s", line)
		}
	}
	rep, err := store.Verify(file)
	if err == nil && rep.Contents < arrived {
		err = fmt.Errorf("%d messages arrived, and the file has %d with words", arrived, rep.Contents)
	}
	if err == nil {
		fmt.Printf("%d messages arrived, none was lost; the file is whole: %d records, %d MiB\n", arrived, rep.Records, rep.Bytes>>20)
	}
	return err
}
