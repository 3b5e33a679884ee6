package relay

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"frontdesk/component"
	"frontdesk/component/stanza"
	"frontdesk/config"
)

// hall is a whole relay in the test's goroutine, with a clock that stands still and no servers: what comes by a link is handed to the
// loop's step, and what would leave by one is in sent.
type hall struct {
	t     testing.TB
	cfg   *config.Config
	clock *stillClock
	r     *Relay
	sent  []leaving
	marks map[*side]uint64
}

// leaving is a stanza on its way out, with its to.
type leaving struct {
	front bool
	el    *stanza.Element
}

// hallTOML is what the configuration of halls begins with.
const hallTOML = `
data = %q
members = ["partner.localhost"]
[front]
domain = "help.localhost"
server = "127.0.0.1:1"
secret = "f"
customers = ["customers.localhost"]
[desk]
domain = "desk.localhost"
server = "127.0.0.1:1"
secret = "d"
[web]
listen = ""
host = "customers.localhost"
[times]
answer = "24h"
long_wait = "24h"
hand_over = "24h"
`

// newHall is a desk on a file, which may be there already.
func newHall(t testing.TB, cfg *config.Config) *hall {
	t.Helper()
	g := &hall{t: t, cfg: cfg, clock: &stillClock{time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)}}
	g.open()
	return g
}

// open starts the relay on its file, as a process does: both links come up, and the clients that were in rooms answer.
func (g *hall) open() {
	g.t.Helper()
	r, err := New(g.cfg, Options{Clock: g.clock, Chance: firstChance{}, Load: func() (*config.Config, error) { return g.cfg, nil }})
	if err != nil {
		g.t.Fatal(err)
	}
	g.r, g.marks = r, map[*side]uint64{}
	r.life = context.Background()
	r.front.link, r.back.link = &wire{g, r.front}, &wire{g, r.back}
	r.shelve()
	g.step(event{side: r.front, Event: component.Event{Kind: component.Up}}, event{side: r.back, Event: component.Event{Kind: component.Up}})
	for _, l := range g.take() {
		if q := l.el.First(); l.el.Local == "iq" && l.el.Type() == "get" && q.Is(stanza.NSDiscoInfo, "query") {
			g.send(false, stanza.New("", "iq", "type", "result", "id", l.el.ID(), "from", string(l.el.To()), "to", string(l.el.From())).Add(q))
		}
	}
	if r.paused {
		g.t.Fatal("not everybody has answered")
	}
	g.clock.now = g.clock.now.Add(cursorEvery)
	g.step() // the cursors are kept now, and not in the middle of a test
	g.take()
}

// close ends the relay as a planned stop does.
func (g *hall) close() {
	g.t.Helper()
	if err := g.r.finish(); err != nil {
		g.t.Fatal(err)
	}
	g.drop()
}

// drop ends it without a word.
func (g *hall) drop() {
	g.t.Helper()
	if err := g.r.store.Close(); err != nil {
		g.t.Fatal(err)
	}
}

// step is a turn of the loop, and the turns that follow from it: the server has read what was sent, and what runs beside the loop has ended.
func (g *hall) step(events ...event) {
	g.t.Helper()
	for {
		g.r.step(events)
		if g.r.broken != nil {
			g.t.Fatal(g.r.broken)
		}
		events = events[:0]
		for _, s := range []*side{g.r.front, g.r.back} {
			if g.marks[s] > s.acked {
				events = append(events, event{side: s, Event: component.Event{Kind: component.Acked, Mark: g.marks[s]}})
			}
		}
		g.r.beside.Wait()
		if events = append(events, g.r.inbox.take(nil)...); len(events) == 0 {
			return
		}
	}
}

// send hands over stanzas that came by one of the links.
func (g *hall) send(front bool, all ...*stanza.Element) {
	g.t.Helper()
	s := g.r.back
	if front {
		s = g.r.front
	}
	var events []event
	for _, el := range all {
		events = append(events, event{side: s, Event: component.Event{Kind: component.Stanza, Stanza: el}})
	}
	g.step(events...)
}

// say sends one stanza that is written down; it goes to the front where its to does.
func (g *hall) say(from, xml string) {
	g.t.Helper()
	el, err := stanza.Parse(xml)
	if err != nil {
		g.t.Fatalf("%v in %s", err, xml)
	}
	g.send(el.To().Domain() == stanza.JID(g.cfg.Front.Domain).Domain(), el.Set("from", from))
}

// take returns what was sent since it was last asked.
func (g *hall) take() []leaving {
	all := g.sent
	g.sent = nil
	return all
}

// wire is the link of a hall.
type wire struct {
	g *hall
	s *side
}

func (w *wire) Run(context.Context) error { return nil }
func (w *wire) Stats() component.Stats    { return component.Stats{Up: true} }

func (w *wire) Send(el *stanza.Element, mark uint64) error {
	return w.SendTo(el, []stanza.JID{el.To()}, mark)
}

func (w *wire) SendTo(el *stanza.Element, to []stanza.JID, mark uint64) error {
	w.g.t.Helper()
	for _, j := range to {
		out, err := stanza.Parse(string(el.AppendXMLTo(nil, j)))
		if err != nil || j == "" || out.From().Domain() != w.s.domain {
			w.g.t.Errorf("no server would take this: %v\n    %s", err, el)
			continue
		}
		if inside := inside(out); w.s == w.g.r.front && inside != "" {
			w.g.t.Errorf("a customer could hear %s in\n    %s", inside, out)
		}
		w.g.sent = append(w.g.sent, leaving{w.s == w.g.r.front, out})
	}
	w.g.marks[w.s] = max(w.g.marks[w.s], mark)
	return nil
}

// inside is what nobody on the customers' side may hear of a stanza that goes there, "" if nothing. Who gets it knows his own address.
func inside(el *stanza.Element) string {
	text := strings.ReplaceAll(el.String(), string(el.To().Bare()), "")
	for _, secret := range []string{"desk.localhost", "agents.localhost", "partner.localhost", "/bureau"} {
		if strings.Contains(text, secret) && !(secret == "/bureau" && el.To().Resource() == "bureau") {
			return secret
		}
	}
	return ""
}

// firstChance draws the first of what there is.
type firstChance struct{}

func (firstChance) IntN(int) int { return 0 }

// hallConfig reads a configuration for halls. The file is in memory where there is a folder for that: what a hall says of a disk is
// nothing, and it waits for it some thousand times.
func hallConfig(t testing.TB, more string) *config.Config {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "hall-")
	if err != nil {
		dir = t.TempDir()
	} else {
		t.Cleanup(func() { os.RemoveAll(dir) })
	}
	cfg, err := config.Parse(fmt.Sprintf(hallTOML, filepath.Join(dir, "desk.db"))+more, dir, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}
