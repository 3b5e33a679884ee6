package e2e

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"frontdesk/component/fakeserver"
	"frontdesk/component/stanza"
)

const (
	outage    = 72_000    // messages: an hour of 20 a second
	crowd     = 100       // customers
	late      = 10        // of them begin during the outage
	waitings  = 16        // messages of one without a receipt
	flatBytes = 128 << 20 // by which the desk's own memory may grow: 64 MiB may wait for a loop that gets no processor time
	fullBytes = 160 << 20 // and where a link's buffer of 32 MiB is full
)

// TestOutage: one side's server is not there for an hour of traffic, which goes through as fast as it can. The other side is answered
// meanwhile, memory stays flat, and once the server is back all arrives, in order, once. First the agents', then the customers'; then the agents'
// is there, and reads nothing.
func TestOutage(t *testing.T) {
	t.Parallel()
	srv, err := fakeserver.New(map[string]string{frontDomain: "f", deskDomain: "d"})
	must(t, err)
	t.Cleanup(srv.Close)
	s := &site{dir: t.TempDir(), binary: build(t)}
	must(t, os.WriteFile(s.path("frontdesk.toml"), fmt.Appendf(nil, `
data = "desk.db"
[front]
domain = %q
server = %q
secret = "f"
customers = [%q]
messages = 0
[desk]
domain = %q
server = %[2]q
secret = "d"
[times]
answer = "1h"
[[queue]]
name = "support"
[[agent]]
jid = "anna@agents.localhost"
capacity = 100
[[agent]]
jid = "bob@agents.localhost"
capacity = 100
[web]
listen = ""
`, frontDomain, srv.Addr(), customersHost, deskDomain), 0o600))
	must(t, s.start())
	t.Cleanup(func() { s.desk.Kill() })

	h := newHour(t, srv)
	each := outage / crowd
	h.say(crowd-late, 20)
	h.deliver(h.agents)
	h.answer(crowd-late, 20)
	h.deliver(h.customers)
	before := s.memory(t)
	report := []string{fmt.Sprintf("before %d MB", before>>20)}
	for _, o := range []struct {
		link, domain string
		talk         func(n, each int)
		there        []*speaker // whom it is for
		stalls       bool
	}{
		{"desk", deskDomain, h.say, h.agents, false},
		{"front", frontDomain, h.answer, h.customers, false},
		{"desk", deskDomain, h.say, h.agents, true},
	} {
		from, err := s.logged()
		must(t, err)
		what := o.link + " away"
		if o.stalls { // on a very busy machine for so long that it is given up
			what, h.repeats = o.link+" reads nothing", true
			srv.Mute(o.domain, true)
		} else {
			srv.Refuse(o.domain, true)
			srv.Cut(o.domain)
			must(t, s.down(from, o.link))
		}
		most := uint64(0)
		h.look = func() { most = max(most, s.memory(t)) }
		began := time.Now()
		o.talk(crowd, each)
		h.look()
		took, held := time.Since(began), most
		if !o.stalls {
			h.nothing(o.there)
		}
		most, began = 0, time.Now()
		srv.Refuse(o.domain, false)
		srv.Mute(o.domain, false)
		h.deliver(o.there)
		h.look()
		report = append(report, fmt.Sprintf("%s: %d messages in %v, at most %d MB; delivered in %v, at most %d MB; after %d MB",
			what, each*crowd, took.Round(time.Second/10), held>>20, time.Since(began).Round(time.Second/10), most>>20, s.memory(t)>>20))
		bound := int64(flatBytes)
		if o.stalls {
			bound = fullBytes
		}
		if grown := int64(max(held, most)) - int64(before); grown > bound {
			t.Errorf("%s: memory grew by %d MB", what, grown>>20)
		}
		must(t, s.up())
	}
	must(t, s.desk.Stop(patience))
	s.checkComplaints(t)
	t.Log(strings.Join(report, "\n"))
}

// memory is what the desk's process holds that is no page of a file, in bytes.
func (s *site) memory(t *testing.T) uint64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.desk.Pid()))
	must(t, err)
	m := regexp.MustCompile(`RssAnon:\s*(\d+) kB`).FindSubmatch(status)
	kb, err := strconv.ParseUint(string(m[1]), 10, 64)
	must(t, err)
	return kb << 10
}

// hour is the traffic: what customers say and what agents answer, each numbered.
type hour struct {
	t                 *testing.T
	customers, agents []*speaker
	look              func() // now and then
	repeats           bool   // what comes again is no fault

	mu     sync.Mutex
	moved  chan struct{} // capacity 1: something came
	spoke  map[string]int
	owner  map[string]*speaker   // by customer
	chat   map[string]stanza.JID // his contact
	wrong  []string
	fences int
}

// speaker is a client and what came to it.
type speaker struct {
	name  string
	c     *fakeserver.Client
	sure  int            // receipts
	pong  int            // the last fence that came back
	heard map[string]int // by author: the number of the last thing heard
}

func newHour(t *testing.T, srv *fakeserver.Server) *hour {
	h := &hour{t: t, moved: make(chan struct{}, 1), spoke: map[string]int{}, owner: map[string]*speaker{}, chat: map[string]stanza.JID{}, look: func() {}}
	join := func(name, host string) *speaker {
		p := &speaker{name: name, heard: map[string]int{}}
		p.c = srv.Client(stanza.MakeJID(name, host, "client"), func(el *stanza.Element) { h.hear(p, el) })
		return p
	}
	for _, name := range []string{"anna", "bob"} {
		a := join(name, agentsHost)
		a.c.Send(stanza.New("", "presence", "to", string(lobbyJID)+"/"+name).Add(stanza.New(nsMUC, "x")))
		h.agents = append(h.agents, a)
	}
	for i := range crowd {
		h.customers = append(h.customers, join(customerName(i), customersHost))
	}
	h.fence(h.agents)
	return h
}

// hear takes what came for somebody, in the goroutine that brought it.
func (h *hour) hear(p *speaker, el *stanza.Element) {
	if el.Local == "iq" && (el.Type() == "get" || el.Type() == "set") {
		p.c.Send(stanza.Result(el).Add(stanza.New(stanza.NSDiscoInfo, "query"))) // what the desk asks to know who is there
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var author string
	var n int
	switch body := el.ChildText("", "body"); {
	case el.Type() == "error":
		h.wrong = append(h.wrong, p.name+" got "+el.String())
	case el.Local == "iq":
		p.pong, _ = strconv.Atoi(el.ID())
	case el.Has(nsReceipts, "received"):
		p.sure++
	case body == "" || strings.HasPrefix(body, "[desk]"):
		return
	default:
		if _, err := fmt.Sscanf(body, "%s says %d", &author, &n); err != nil {
			return // the desk's own words
		}
		last := p.heard[author]
		if h.repeats && n <= last {
			return
		}
		if n != last+1 && len(h.wrong) < 10 {
			h.wrong = append(h.wrong, fmt.Sprintf("%s heard %q after number %d", p.name, body, last))
		}
		p.heard[author] = n
		if strings.HasPrefix(author, "c") {
			h.owner[author], h.chat[author] = p, el.From().Bare()
		}
	}
	select {
	case h.moved <- struct{}{}:
	default:
	}
}

// await waits until something is so; check is called with the lock.
func (h *hour) await(what string, check func() bool) {
	h.t.Helper()
	end := time.NewTimer(5 * time.Minute)
	defer end.Stop()
	for looked := time.Now(); ; {
		h.mu.Lock()
		ok := check()
		wrong := h.wrong
		h.mu.Unlock()
		if len(wrong) > 0 {
			h.t.Fatal(strings.Join(wrong, "\n"))
		}
		if ok {
			return
		}
		if time.Since(looked) > 100*time.Millisecond {
			h.look()
			looked = time.Now()
		}
		select {
		case <-h.moved:
		case <-end.C:
			h.t.Fatalf("waited in vain for %s: %s", what, h.state())
		}
	}
}

// state says what has been said and not heard.
func (h *hour) state() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var b strings.Builder
	for _, author := range slices.Sorted(maps.Keys(h.spoke)) {
		fmt.Fprintf(&b, "\n%s has said %d", author, h.spoke[author])
		for _, p := range slices.Concat(h.agents, h.customers) {
			if n := p.heard[author]; n > 0 {
				fmt.Fprintf(&b, ", %s heard %d", p.name, n)
			}
		}
	}
	return b.String()
}

// say has the first n customers say so many things each, a round at a time, and get a receipt for each.
func (h *hour) say(n, each int) {
	h.t.Helper()
	base := 0
	for _, c := range h.customers[:n] {
		base += c.sure
	}
	for i := range each {
		for _, c := range h.customers[:n] {
			h.speak(c, c.name, queueJID)
		}
		h.await("receipts", func() bool {
			sure := 0
			for _, c := range h.customers[:n] {
				sure += c.sure
			}
			return sure >= base+n*max(0, i+1-waitings) && (i+1 < each || sure == base+n*each)
		})
	}
}

// answer has agents answer the first n customers so many times each; the desk answers a fence behind each round.
func (h *hour) answer(n, each int) {
	h.t.Helper()
	for range each {
		for _, c := range h.customers[:n] {
			h.mu.Lock()
			a, to := h.owner[c.name], h.chat[c.name]
			h.mu.Unlock()
			h.speak(a, a.name+"-to-"+c.name, to)
		}
		h.fence(h.agents)
	}
}

func (h *hour) speak(p *speaker, author string, to stanza.JID) {
	h.spoke[author]++
	body := fmt.Sprintf("%s says %d", author, h.spoke[author])
	p.c.Send(stanza.New("", "message", "type", "chat", "to", string(to), "id", idOf(body)).
		Add(stanza.Text("", "body", body), stanza.New(nsReceipts, "request")))
}

func (h *hour) fence(people []*speaker) {
	h.t.Helper()
	h.fences++
	for _, p := range people {
		p.c.Send(stanza.New("", "iq", "type", "get", "to", "desk@"+deskDomain, "id", strconv.Itoa(h.fences)).Add(stanza.New(stanza.NSPing, "ping")))
	}
	h.await("a ping", func() bool {
		return !slices.ContainsFunc(people, func(p *speaker) bool { return p.pong != h.fences })
	})
}

// toHear is how much has been said to people that they have not heard.
func (h *hour) toHear(people []*speaker) int {
	open := 0
	for author, n := range h.spoke {
		if strings.HasPrefix(author, "c") == (people[0] == h.agents[0]) {
			heard := 0
			for _, p := range people {
				heard = max(heard, p.heard[author])
			}
			open += n - heard
		}
	}
	return open
}

// deliver waits until people have heard all that was said to them.
func (h *hour) deliver(people []*speaker) {
	h.t.Helper()
	h.await("delivery", func() bool { return h.toHear(people) == 0 })
}

// nothing: people have heard nothing of what was said during the outage.
func (h *hour) nothing(people []*speaker) {
	h.t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if open := h.toHear(people); open < outage/crowd*crowd {
		h.t.Fatalf("only %d messages wait", open)
	}
}
