package relay

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"frontdesk/component/fakeserver"
	"frontdesk/component/stanza"
	"frontdesk/config"
)

var (
	randomBatches = flag.Int("random", 60, "batches of stanzas in TestRandom, for each seed")
	randomSeed    = flag.Uint64("random-seed", 1, "the first of its seeds")
)

const (
	randomSeeds = 3
	randomBatch = 60       // stanzas at most
	randomGrown = 96 << 20 // bytes by which the heap may have grown in the end
	amongUs     = "zimmer" // stands in all that colleagues say among themselves
)

// TestRandom sends the desk random stanzas, sensible and senseless ones, from customers, strangers, agents, supervisors and admins, while
// links break, time passes and the process dies in the middle. After each batch: it lives and answers, its links were never broken by what it
// sent, nothing of the inside has reached the customers' side. After each death: the log gives the state that there was, in which no
// conversation can have two owners. In the end the heap has not grown.
func TestRandom(t *testing.T) {
	t.Parallel()
	for seed := *randomSeed; seed < *randomSeed+randomSeeds; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			storm(t, seed).blow(*randomBatches)
		})
	}
}

// crowd is a relay, the server that it is connected to, and people who write anything.
type crowd struct {
	t      *testing.T
	cfg    *config.Config
	server *fakeserver.Server
	clock  *handClock
	chance *rand.Rand // of the test's goroutine

	relay *Relay
	ended chan error
	cuts  map[string]float64 // how often a link has been cut since the start, by name
	all   []order

	people    []*mouth
	witness   *fakeserver.Client
	pongs     chan string
	fences    int
	sent      int
	crashes   int
	heapAtAll uint64

	mu    sync.Mutex
	ids   []string // that were seen, the newest maxSeen
	keys  []string // of pages
	leaks []string
}

const maxSeen = 200

// mouth is somebody's client.
type mouth struct {
	client *fakeserver.Client
	jid    stanza.JID
	desk   bool         // belongs to the agents' side
	places []stanza.JID // that it has heard from; under the crowd's lock
}

func storm(t *testing.T, seed uint64) *crowd {
	dir := t.TempDir()
	server, err := fakeserver.New(map[string]string{"help.customers.localhost": "f", "desk.agents.localhost": "d"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	cfg, err := config.Parse(fmt.Sprintf(`
data = %q
[front]
domain = "help.customers.localhost"
server = %q
secret = "f"
customers = ["customers.localhost"]
write_to = ["customers.localhost"]
[desk]
domain = "desk.agents.localhost"
server = %[2]q
secret = "d"
[[queue]]
name = "support"
[[queue]]
name = "sales"
agents = ["bob@agents.localhost", "carol@agents.localhost"]
mode = "offer"
[[agent]]
jid = "anna@agents.localhost"
capacity = 2
[[agent]]
jid = "bob@agents.localhost"
[[agent]]
jid = "carol@agents.localhost"
role = "supervisor"
[[agent]]
jid = "olga@agents.localhost"
role = "admin"
[web]
listen = ""
address = "https://chat.localhost"
host = "customers.localhost"
`, filepath.Join(dir, "desk.db"), server.Addr()), dir, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	c := &crowd{t: t, cfg: cfg, server: server, clock: &handClock{now: time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)},
		chance: rand.New(rand.NewPCG(seed, 5)), cuts: map[string]float64{}, all: orders(), pongs: make(chan string, 16)}
	c.start()
	t.Cleanup(func() { c.stop() })
	n := uint64(0)
	join := func(j stanza.JID, desk bool) {
		m := &mouth{jid: j, desk: desk}
		n++
		replies := rand.New(rand.NewPCG(seed, 100+n))
		m.client = server.Client(j, func(el *stanza.Element) { c.hear(m, el, replies) })
		c.people = append(c.people, m)
	}
	for _, j := range []string{"alice@customers.localhost/a", "alice@customers.localhost/b", "bela@customers.localhost/x", "chris@customers.localhost/x",
		"v1@customers.localhost/x", "v2@customers.localhost/x", "mallory@elsewhere.localhost/x"} {
		join(stanza.JID(j), false)
	}
	for _, j := range []string{"anna@agents.localhost/a", "anna@agents.localhost/b", "bob@agents.localhost/x", "carol@agents.localhost/x", "olga@agents.localhost/x", "eve@agents.localhost/x"} {
		join(stanza.JID(j), true)
	}
	c.witness = server.Client("witness@elsewhere.localhost/w", func(el *stanza.Element) {
		if el.Local == "iq" {
			c.pongs <- el.ID()
		}
	})
	c.settle()
	return c
}

// start opens the file and runs the relay until both links are up.
func (c *crowd) start() {
	c.t.Helper()
	clear(c.cuts)
	r, err := New(c.cfg, Options{Clock: c.clock, Chance: c.chance2(), MinWait: time.Millisecond, MaxWait: 20 * time.Millisecond})
	if err != nil {
		c.t.Fatal(err)
	}
	c.relay, c.ended = r, make(chan error, 1)
	go func() { c.ended <- r.Run(context.Background()) }()
	for late := time.After(time.Minute); ; c.clock.advance(100 * time.Millisecond) { // clients that do not answer are waited for by it
		select {
		case <-r.Ready():
			return
		case err := <-c.ended:
			c.t.Fatal(err)
		case <-late:
			c.t.Fatal("the desk did not come up")
		default:
			c.server.Wait(c.cfg.Desk.Domain, true)
			c.within(func(*Relay) {})
		}
	}
}

// chance2 is the desk's own chance, which it draws from in its own goroutine.
func (c *crowd) chance2() *rand.Rand { return rand.New(rand.NewPCG(c.chance.Uint64(), 6)) }

var errKilled = errors.New("killed")

// stop ends the relay in the middle, as a kill does: nothing is written any more.
func (c *crowd) stop() {
	c.t.Helper()
	if c.relay == nil {
		return
	}
	c.relay.inbox.put(event{then: func() { c.relay.fail(errKilled) }})
	c.dead()
	c.relay = nil
}

// dead waits for the end of the relay.
func (c *crowd) dead() {
	c.t.Helper()
	select {
	case err := <-c.ended:
		if !errors.Is(err, errKilled) {
			c.t.Errorf("the desk ended with: %v", err)
		}
	case <-time.After(time.Minute):
		c.t.Error("the loop does not end")
	}
}

// within runs something in the loop.
func (c *crowd) within(do func(r *Relay)) {
	c.t.Helper()
	done := make(chan struct{})
	c.relay.inbox.put(event{then: func() {
		do(c.relay)
		close(done)
	}})
	select {
	case <-done:
	case err := <-c.ended:
		c.t.Fatal("the desk ended with: ", err)
	case <-time.After(time.Minute):
		c.t.Fatal("the loop does not go on")
	}
}

// images are the states of both machines.
func images(t *testing.T, r *Relay) string {
	desk, err := r.desk.Snapshot()
	rooms, rerr := r.rooms.Snapshot()
	if err = errors.Join(err, rerr); err != nil {
		t.Error(err)
	}
	return string(desk) + "\n" + string(rooms)
}

// crash kills the relay and starts it again; the log has to give the state that there was.
func (c *crowd) crash() {
	c.t.Helper()
	c.crashes++
	var before string
	c.within(func(r *Relay) {
		r.flush()
		before = images(c.t, r)
		r.fail(errKilled)
	})
	c.dead()
	c.relay = nil
	r, err := New(c.cfg, Options{Clock: c.clock})
	if err != nil {
		c.t.Fatal(err)
	}
	if after := images(c.t, r); after != before {
		at := 0
		for at < len(after) && at < len(before) && after[at] == before[at] {
			at++
		}
		c.t.Fatalf("the log gives another state, from byte %d on:\n%s, not\n%s", at, cut(after, at), cut(before, at))
	}
	if err := r.store.Close(); err != nil {
		c.t.Fatal(err)
	}
	c.start()
}

func cut(s string, at int) string { return s[max(0, at-200):min(len(s), at+200)] }

// settle waits until all that was sent has been dealt with, on both links.
func (c *crowd) settle() {
	c.t.Helper()
	for range 2 {
		for _, domain := range []string{"help.customers.localhost", "desk.agents.localhost"} {
			c.server.Wait(domain, true)
			c.fences++
			id := fmt.Sprint("fence-", c.fences)
			c.witness.Send(stanza.New("", "iq", "type", "get", "to", domain, "id", id).Add(stanza.New(stanza.NSPing, "ping")))
			select {
			case got := <-c.pongs:
				if got != id {
					c.t.Fatalf("%s instead of %s", got, id)
				}
			case err := <-c.ended:
				c.t.Fatal("the desk ended with: ", err)
			case <-time.After(time.Minute):
				c.t.Fatal(domain, " does not answer any more")
			}
		}
	}
}

// blow has batches of random stanzas sent, and looks after each.
func (c *crowd) blow(batches int) {
	for i := range batches {
		for range 1 + c.chance.IntN(randomBatch) {
			who := c.people[c.chance.IntN(len(c.people))]
			who.client.Send(c.stanza(who))
			c.sent++
		}
		c.settle()
		c.check()
		switch c.chance.IntN(8) {
		case 0:
			c.crash()
		case 1:
			c.broken([]string{"front", "desk"}[c.chance.IntN(2)])
		case 2:
			c.clock.advance(time.Duration(c.chance.IntN(7200)) * time.Second)
		case 3, 4, 5:
			c.clock.advance(time.Duration(c.chance.IntN(70)) * time.Second)
		}
		c.within(func(*Relay) {})
		c.settle()
		if i == batches/4 {
			c.heapAtAll = heap()
		}
	}
	c.crash()
	c.check()
	if now := heap(); now > c.heapAtAll+randomGrown {
		c.t.Errorf("the heap grew from %d to %d MB", c.heapAtAll>>20, now>>20)
	}
	var counts string
	c.within(func(r *Relay) { counts = fmt.Sprintf("%+v", r.desk.Counts()) })
	c.t.Logf("%s; %d stanzas in %d batches, %d crashes, %d records, heap from %d to %d MB", counts, c.sent, batches, c.crashes, c.relay.store.Next()-1, c.heapAtAll>>20, heap()>>20)
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// broken cuts a link and waits until it is there again.
func (c *crowd) broken(name string) {
	domain := map[string]string{"front": c.cfg.Front.Domain, "desk": c.cfg.Desk.Domain}[name]
	c.cuts[name]++
	c.server.Cut(domain)
	c.server.Wait(domain, true)
	for up := false; !up; {
		c.within(func(r *Relay) {
			s := r.front
			if name == "desk" {
				s = r.back
			}
			up = s.up && s.link.Stats().Connects == 1+uint64(c.cuts[name])
		})
		runtime.Gosched()
	}
}

// check looks whether what must always hold does.
func (c *crowd) check() {
	c.t.Helper()
	c.within(func(r *Relay) {
		for _, s := range []*side{r.front, r.back} {
			if st := s.link.Stats(); st.Gate > 0 || st.Connects != 1+uint64(c.cuts[s.name]) {
				c.t.Errorf("the link of the %s has come up %d times, and %d stanzas were refused at the gate: %v", s.name, st.Connects, st.Gate, st.Err)
			}
		}
		owned := map[uint64]string{}
		for _, a := range r.desk.Agents() {
			for _, d := range r.desk.Of(a.ID) {
				if owned[d.N] != "" || d.Owner != a.ID {
					c.t.Errorf("#%d is owned by %s, %s and %s", d.N, d.Owner, owned[d.N], a.ID)
				}
				owned[d.N] = a.ID
			}
		}
		for what, n := range map[string]int{"forms": len(r.forms), "doors": len(r.doors), "customers": len(r.customers), "threads": len(r.threads)} {
			if n > 1000 {
				c.t.Errorf("%d %s are in memory", n, what)
			}
		}
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.leaks {
		c.t.Error(l)
	}
	if c.t.Failed() {
		c.t.FailNow()
	}
}

// hear takes what came for somebody. What the desk asks is mostly answered as clients do.
func (c *crowd) hear(m *mouth, el *stanza.Element, chance *rand.Rand) {
	c.mu.Lock()
	if id := el.ID(); id != "" {
		c.ids = append(c.ids, strings.Clone(id))
	}
	if from := el.From(); len(m.places) == 0 || m.places[len(m.places)-1] != from {
		m.places = append(m.places, stanza.JID(strings.Clone(string(from))))
	}
	if claim := el.Child("urn:frontdesk:0", "claim"); claim != nil {
		c.keys = append(c.keys, claim.Attr("key"))
	}
	c.ids, m.places, c.keys = newest(c.ids), newest(m.places), newest(c.keys)
	if text := el.String(); !m.desk {
		for _, word := range []string{amongUs, "agents.localhost", noticeMark} {
			// What the desk's side answers to who writes there repeats what he wrote and to whom.
			if strings.Contains(text, word) && (el.From().Domain() == c.cfg.Front.Domain || word == amongUs) {
				c.leaks = append(c.leaks, fmt.Sprintf("%q reached %s in\n%s", word, m.jid, text))
			}
		}
	}
	c.mu.Unlock()
	if el.Local != "iq" || el.Type() != "get" && el.Type() != "set" {
		return
	}
	switch chance.IntN(10) {
	case 0:
		m.client.Send(stanza.Error{Type: "cancel", Condition: "service-unavailable"}.Reply(el))
	case 1:
	default:
		q := el.First()
		m.client.Send(stanza.Result(el).Add(stanza.New(q.Space, q.Local)))
	}
}

func newest[T any](s []T) []T { return s[max(0, len(s)-maxSeen):] }

// handClock is moved by the test.
type handClock struct {
	mu     sync.Mutex
	now    time.Time
	alarms map[chan time.Time]time.Time
}

func (h *handClock) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *handClock) Alarm(at time.Time) (<-chan time.Time, func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	alarm := make(chan time.Time, 1)
	if !at.After(h.now) {
		alarm <- h.now
		return alarm, func() {}
	}
	if h.alarms == nil {
		h.alarms = map[chan time.Time]time.Time{}
	}
	h.alarms[alarm] = at
	return alarm, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.alarms, alarm)
	}
}

func (h *handClock) advance(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
	for alarm, at := range h.alarms {
		if !at.After(h.now) {
			alarm <- h.now
			delete(h.alarms, alarm)
		}
	}
}

// What a random stanza is made of.

func pick[T any](c *crowd, of ...T) T { return of[c.chance.IntN(len(of))] }

// often is true so many times of ten.
func (c *crowd) often(times int) bool { return c.chance.IntN(10) < times }

func (c *crowd) id() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case len(c.ids) > 0 && c.often(6):
		return c.ids[c.chance.IntN(len(c.ids))]
	case c.often(1):
		return strings.Repeat("i", 1+c.chance.IntN(400))
	}
	return fmt.Sprint("r", c.chance.IntN(1_000_000))
}

// number is that of a thread, perhaps.
func (c *crowd) number() string {
	return pick(c, "1", "2", "3", "4", "#5", "6", "7", "99", "0", "-1", "18446744073709551616", "case.2")
}

func (c *crowd) address(m *mouth) string {
	front := []string{"support@", "support@", "support@", "support@", "sales@", "sales@", "", "nobody@", "Support@"}
	desk := []string{"lobby@", "lobby@", "lobby@", "desk@", "desk@", "", "studio@", "nobody@", "case.1@", "case.2@", "case.99@", "customer.1@", "alice.1@", "bob.2@", "customer.x@", ".1@"}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case len(m.places) > 0 && c.often(4):
		seen := m.places[c.chance.IntN(len(m.places))]
		return string(pick(c, seen, seen.Bare()))
	case m.desk != c.often(1): // now and then on the other side
		return pick(c, desk...) + c.cfg.Desk.Domain + pick(c, "", "", "", "/Anna", "/anna", "/Bob", "/desk", "/💥", "/"+c.said(m, "x"))
	}
	return pick(c, front...) + c.cfg.Front.Domain + pick(c, "", "", "", "/desk", "/x")
}

// words are what somebody says; among colleagues they have the word that customers must not hear.
func (c *crowd) words(among bool) string {
	text := pick(c, "Hello", "Where is my parcel?", "", " ", "\u200b", "!", "!!", "help", "1", "yes", "a\nb", "Hi\n!close", "!!really", "👍", "<b>&amp;", "e@example.org", "]]>",
		strings.Repeat("long ", 1+c.chance.IntN(2000)), strings.Repeat("line\n", 1+c.chance.IntN(300)))
	if among {
		text += " " + amongUs
	}
	return text
}

// command is one that there is, with arguments as they should be, or not.
func (c *crowd) command() string {
	o := c.all[c.chance.IntN(len(c.all))]
	if (o.name == "remove-agent" || o.name == "unserve" || o.name == "shut" || o.name == "block" || o.name == "off") && c.often(8) {
		return "!who" // they would soon have nobody to talk to
	}
	text := pick(c, "!", "！", " !") + o.name
	for _, p := range o.params {
		if p.optional && c.often(5) || c.often(1) {
			continue
		}
		text += " " + c.argument(&o, &p)
	}
	return text
}

func (c *crowd) argument(o *order, p *param) string {
	switch p.kind {
	case aThread:
		return c.number()
	case anAgent, aColleague:
		return pick(c, "anna", "Bob", "carol@agents.localhost", "support", "sales", "nobody", "olga")
	case aQueue:
		return pick(c, "support", "sales", "nothing")
	case anAccount:
		return pick(c, "alice@customers.localhost", "bela@customers.localhost", "eve@agents.localhost", "x", "@", "anna@agents.localhost")
	case aNumber:
		return pick(c, "1", "3", "50", "0", "-1", "many")
	case aChoice:
		return pick(c, append(slices.Clone(p.options), "other")...)
	}
	switch o.name { // what these say, customers may be told
	case "name", "write", "c", "canned add", "canned edit", "canned", "canned remove", "canned share", "canned unshare", "add-agent":
		return pick(c, "hi", "hi", "bye", "Hello {name}", "{words} {1}", "Good day {agent}")
	}
	return pick(c, "hi ", "why\n", "", "x ") + amongUs
}

func (c *crowd) stanza(m *mouth) *stanza.Element {
	to := c.address(m)
	var el *stanza.Element
	switch {
	case c.often(6):
		el = c.message(m, stanza.JID(to))
	case c.often(4):
		el = c.presence(m, to)
	default:
		el = c.iq(m)
	}
	if el.Local == "presence" && el.Type() == "" && m.desk && c.often(7) {
		to = "lobby@" + c.cfg.Desk.Domain + "/" + m.jid.Local()
	}
	el.Set("to", to)
	if !c.often(1) {
		el.Set("id", c.id())
	}
	if c.often(1) {
		el.SetLang(pick(c, "de", "en-GB", "xx", strings.Repeat("l", 100)))
	}
	return el
}

func (c *crowd) message(m *mouth, to stanza.JID) *stanza.Element {
	el := stanza.New("", "message")
	if typ := pick(c, "chat", "chat", "chat", "chat", "normal", "", "groupchat", "headline", "error", "odd"); typ != "" {
		el.Set("type", typ)
	}
	isRoom := m.desk && !isContact(to.Local())
	if isRoom && to.Resource() == "" && to.Local() != deskLocal && c.often(6) {
		el.Set("type", "groupchat")
	}
	switch {
	case m.desk && c.often(4):
		el.Add(stanza.Text("", "body", c.command()))
	case c.often(8):
		el.Add(stanza.Text("", "body", c.words(isRoom)))
	}
	for c.often(5) {
		el.Add(c.extension(m))
	}
	if el.Type() == "error" {
		el.Add(stanza.New("", "error", "type", pick(c, "cancel", "wait", "modify", "odd")).Add(
			stanza.New(stanza.NSStanzas, pick(c, "service-unavailable", "recipient-unavailable", "gone", "item-not-found", "odd")), stanza.Text(stanza.NSStanzas, "text", c.said(m, "why"))))
	}
	return el
}

// said is a text that an agent's client adds, which is nobody's business on the other side.
func (c *crowd) said(m *mouth, text string) string {
	if m.desk {
		return text + " " + amongUs + " " + string(m.jid)
	}
	return text
}

func (c *crowd) extension(m *mouth) *stanza.Element {
	id := c.id()
	switch c.chance.IntN(22) {
	case 0:
		return stanza.New(nsReceipts, "request")
	case 1:
		return stanza.New(nsReceipts, "received", "id", id)
	case 2:
		return stanza.New(nsMarkers, pick(c, "displayed", "markable", "received"), "id", id)
	case 3:
		return stanza.New(nsStates, pick(c, "composing", "active", "gone", "paused", "odd"))
	case 4, 5:
		return stanza.New(nsCorrect, "replace", "id", id)
	case 6:
		return stanza.New(nsReactions, "reactions", "id", id).Add(stanza.Text(nsReactions, "reaction", pick(c, "👍", "x", "")))
	case 7:
		return stanza.New(nsRetract, "retract", "id", id)
	case 8:
		return stanza.New(nsReply, "reply", "id", id, "to", string(m.jid))
	case 9:
		return stanza.New(nsFallback, "fallback", "for", pick(c, nsReply, nsRetract, nsReactions, "x")).Add(stanza.New(nsFallback, "body", "start", pick(c, "0", "-1", "3", "x"), "end", pick(c, "2", "99999", "")))
	case 10:
		return stanza.New(nsOOB, "x").Add(stanza.Text(nsOOB, "url", pick(c, "https://example.org/a", "javascript:x", "", strings.Repeat("u", 3000))))
	case 11:
		return stanza.Text(stanza.NSNick, "nick", c.said(m, pick(c, "Alice", "", "Bela", strings.Repeat("n", 300))))
	case 12:
		return stanza.New("urn:xmpp:delay", "delay", "stamp", pick(c, "2020-01-01T00:00:00Z", "odd"), "from", string(m.jid))
	case 13:
		return stanza.New(stanza.NSSID, "origin-id", "id", id)
	case 14:
		return stanza.New("eu.siacs.conversations.axolotl", "encrypted").Add(stanza.New("eu.siacs.conversations.axolotl", "header", "sid", "1"))
	case 15:
		return stanza.New("jabber:x:data", "x", "type", pick(c, "submit", "form", "cancel", "odd")).Add(stanza.New("jabber:x:data", "field", "var", pick(c, "rating", "name", "email", "FORM_TYPE")).
			Add(stanza.Text("jabber:x:data", "value", c.said(m, pick(c, "5", "x", "urn:frontdesk:0:rating")))))
	case 16:
		return stanza.New("http://jabber.org/protocol/muc#user", "x").Add(stanza.New("http://jabber.org/protocol/muc#user", pick(c, "invite", "decline", "item"), "to", "eve@agents.localhost"))
	case 17:
		return stanza.Text("", "subject", "about") // is said, too
	case 18:
		return stanza.New(stanza.NSForward, "forwarded").Add(stanza.New(stanza.NSClient, "message", "from", string(m.jid)).Add(stanza.Text(stanza.NSClient, "body", c.said(m, "x"))))
	case 19:
		return stanza.Text("", "thread", c.said(m, "t"))
	case 20:
		return stanza.Text("http://jabber.org/protocol/xhtml-im", "html", c.said(m, "h"))
	}
	return stanza.New("urn:odd", "odd", "a", c.said(m, "b")).Add(stanza.Text("urn:odd", "odd", c.said(m, "c")))
}

func (c *crowd) presence(m *mouth, to string) *stanza.Element {
	el := stanza.New("", "presence")
	if typ := pick(c, "", "", "", "", "", "", "", "", "unavailable", "subscribe", "subscribed", "unsubscribe", "unsubscribed", "probe", "error", "odd"); typ != "" {
		el.Set("type", typ)
	}
	if c.often(3) {
		el.Add(stanza.Text("", "show", pick(c, "away", "xa", "dnd", "chat", "odd")))
	}
	if c.often(3) {
		el.Add(stanza.Text("", "status", c.said(m, "s")))
	}
	if m.desk && c.often(7) {
		el.Add(stanza.New("http://jabber.org/protocol/muc", "x"))
	}
	for c.often(2) {
		el.Add(c.extension(m))
	}
	return el
}

func (c *crowd) iq(m *mouth) *stanza.Element {
	el := stanza.New("", "iq", "type", pick(c, "get", "get", "get", "set", "set", "set", "result", "error", "odd"))
	for range pick(c, 1, 1, 1, 1, 1, 0, 2) {
		el.Add(c.query(m))
	}
	return el
}

func (c *crowd) query(m *mouth) *stanza.Element {
	const admin, owner, rsm, data = "http://jabber.org/protocol/muc#admin", "http://jabber.org/protocol/muc#owner", "http://jabber.org/protocol/rsm", "jabber:x:data"
	switch c.chance.IntN(14) {
	case 0:
		return stanza.New(stanza.NSDiscoInfo, "query", "node", pick(c, "", "x", nsCommands))
	case 1:
		return stanza.New("http://jabber.org/protocol/disco#items", "query", "node", pick(c, "", nsCommands))
	case 2:
		return stanza.New("vcard-temp", "vCard").Add(stanza.Text("vcard-temp", "FN", c.said(m, "x")))
	case 3, 4:
		set := stanza.New(rsm, "set").Add(stanza.Text(rsm, "max", pick(c, "1", "50", "-1", "x", "999999")))
		if c.often(5) {
			set.Add(stanza.Text(rsm, pick(c, "after", "before"), pick(c, "", c.id())))
		}
		return stanza.New("urn:xmpp:mam:2", "query", "queryid", c.id()).Add(set)
	case 5:
		return stanza.New(admin, "query").Add(stanza.New(admin, "item", pick(c, "affiliation", "role"), pick(c, "member", "owner", "none", "outcast", "moderator", "odd"),
			pick(c, "jid", "nick"), pick(c, "eve@agents.localhost", "anna@agents.localhost", "Bob", "alice@customers.localhost", "")))
	case 6:
		if c.often(2) {
			return stanza.New(owner, "query").Add(stanza.New(owner, "destroy", "jid", "lobby@desk.agents.localhost"))
		}
		return stanza.New(owner, "query").Add(stanza.New(data, "x", "type", pick(c, "submit", "cancel")).Add(
			stanza.New(data, "field", "var", pick(c, "muc#roomconfig_persistentroom", "muc#roomconfig_roomname", "odd")).Add(stanza.Text(data, "value", pick(c, "1", "0", c.said(m, "x"))))))
	case 7, 8:
		c.mu.Lock()
		defer c.mu.Unlock()
		key := ""
		if len(c.keys) > 0 && c.often(5) {
			key = c.keys[c.chance.IntN(len(c.keys))]
		}
		return stanza.New("urn:frontdesk:0", pick(c, "claim", "claim", "claim", "release", "odd"), "key", key)
	case 9, 10:
		el := stanza.New(nsCommands, "command", "node", pick(c, c.all...).name, "action", pick(c, "execute", "next", "prev", "complete", "cancel", "odd"), "sessionid", c.id())
		if c.often(5) {
			el.Add(stanza.New(data, "x", "type", "submit").Add(
				stanza.New(data, "field", "var", pick(c, "number", "agent", "why", "queue")).Add(stanza.Text(data, "value", pick(c, c.number(), "anna", "support", c.said(m, "x"))))))
		}
		return el
	case 11:
		return stanza.New(nsPubSub, "pubsub").Add(stanza.New(nsPubSub, "items", "node", pick(c, stanza.NSNick, "eu.siacs.conversations.axolotl.devicelist", "x")))
	case 12:
		return stanza.New(pick(c, stanza.NSPing, "jabber:iq:version", "urn:xmpp:time", "jabber:iq:register", "jabber:iq:last", "jabber:iq:roster"), pick(c, "ping", "query", "time"))
	}
	return c.extension(m)
}
