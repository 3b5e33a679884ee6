package e2e

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"frontdesk/component/stanza"
)

const (
	peopleHost = "people.localhost" // where customers have accounts
	queueJID   = stanza.JID("support@" + frontDomain)
	lobbyJID   = stanza.JID("lobby@" + deskDomain)

	nsReceipts = "urn:xmpp:receipts"
	nsMAM      = "urn:xmpp:mam:2"
	nsRSM      = "http://jabber.org/protocol/rsm"
	nsClaim    = "urn:frontdesk:0"
	nsMUC      = "http://jabber.org/protocol/muc"
)

// load is what is said while things break: each customer says so many things and each is answered, with at most window of a
// customer's without a receipt.
type load struct {
	accounts, visitors int // customers with an account, and without
	agents             int // many in a long run: the servers' own archives become slow with thousands of messages of one
	each               int
	window             int
	within             time.Duration // a bound for the whole, many times what it takes
}

// Of make kill: many faults in one long run, of one kind of server.
var (
	kills    = flag.Int("kills", 0, "faults in the one run of TestKilled; 0: short runs, one for each fault")
	messages = flag.Int("messages", 100_000, "with -kills: messages of customers and answers, together")
	seed     = flag.Uint64("seed", 1, "of what breaks when")
	serverIs = flag.String("server", "prosody", "with -kills: prosody or ejabberd")
	breaks   = flag.String("faults", "desk", "with -kills: what breaks, by turns: desk, server, freeze-desk, freeze-server, cut, swallow")
)

// moment is when something breaks: at a number of receipts that customers have.
type moment struct {
	at    int
	fault fault
}

// moments are ascending, one in each of as many equal stretches; each fault comes as often.
func moments(l load, n int, seed uint64, of []fault) []moment {
	chance := rand.New(rand.NewPCG(seed, 18))
	end := (l.accounts + l.visitors) * l.each
	var all []moment
	var turn []int
	for i := range n {
		if len(turn) == 0 {
			turn = chance.Perm(len(of))
		}
		all = append(all, moment{(i*end + chance.IntN(end)) / n, of[turn[0]]})
		turn = turn[1:]
	}
	return all
}

// TestKilled has messages under way, through a real server, while the desk, the server or the network breaks without warning and
// comes back. Nothing that was acknowledged is lost, what comes twice has one id, no conversation has two owners: both ends are
// compared with the log.
func TestKilled(t *testing.T) {
	t.Parallel()
	binary := build(t)
	run := func(t *testing.T, kind string, l load, n int, names ...string) {
		var of []fault
		for _, name := range names {
			of = append(of, faultOf(t, name))
		}
		s := newStage(t, newSite(t, binary, kind, l), l)
		s.play(moments(l, n, *seed, of))
		s.compare()
		s.site.checkComplaints(t)
		t.Logf("%s, seed %d:\n%s", kind, *seed, s.table())
	}
	if *kills > 0 {
		l := load{accounts: 24, visitors: 16, agents: 12, window: 8, within: time.Hour + time.Duration(*kills)*time.Minute}
		if *serverIs == "ejabberd" { // its archive takes half a second for each message of who has some thousands
			l.accounts, l.visitors, l.agents = 20, 100, 100
		}
		people := 2 * (l.accounts + l.visitors)
		l.each = (*messages + people - 1) / people
		run(t, *serverIs, l, *kills, strings.Split(*breaks, ",")...)
		return
	}
	for _, c := range []struct {
		kind  string
		n     int
		names []string
	}{
		{"prosody", 6, []string{"desk"}},
		{"prosody", 4, []string{"server"}},
		{"prosody", 6, []string{"freeze-desk", "freeze-server", "cut"}},
		{"ejabberd", 2, []string{"server"}},
		{"ejabberd", 6, []string{"desk", "freeze-desk", "freeze-server", "cut"}},
	} {
		t.Run(c.kind+"-"+strings.Join(c.names, "-"), func(t *testing.T) {
			t.Parallel()
			run(t, c.kind, load{accounts: 6, visitors: 4, agents: 2, each: 50, window: 8, within: 3 * time.Minute}, c.n, c.names...)
		})
	}
}

// build builds the program.
func build(t *testing.T) string {
	binary := filepath.Join(t.TempDir(), "frontdesk")
	if out, err := exec.Command("go", "build", "-o", binary, "frontdesk").CombinedOutput(); err != nil {
		t.Fatalf("building frontdesk: %v\n%s", err, out)
	}
	return binary
}

// stage is where people talk while things are killed. One goroutine, the test's, owns all of it; what
// happens comes by events.
type stage struct {
	t         *testing.T
	site      *site
	load      load
	loggedOut bool // by what broke last: all have to log in again
	events    chan event
	end       *time.Timer

	customers, agents []*person
	playing           bool
	moments           []moment // still to come
	struck            map[string]int
	began, ended      time.Time
	down              bool
	pings             map[string]bool   // that are not answered
	owed              map[string]owed   // by body: the answers that agents have given
	given             map[string]string // body of an answer → whose customer it is for

	sure, pinged, count, strikes, again, bounces, copies, silent, receipts int
	lost, second                                                           int
}

// owed is an answer that an agent has sent.
type owed struct {
	by *person
	el *stanza.Element
}

type eventKind uint8

const (
	came       eventKind = iota // a stanza for somebody
	serverBack                  // the server runs, the desk may not have found it yet
	deskBack                    // all is as it was, or err says why not
)

type event struct {
	kind eventKind
	who  *person
	el   *stanza.Element
	err  error
}

// person is a customer or an agent, with the memory of a client.
type person struct {
	name    string
	agent   bool
	login   func() (*client, error)
	c       *client
	archive stanza.JID // what he asks for what he missed; "" his own account
	last    string     // newest known id of it
	key     string     // of a visitor without account
	visitor bool

	said     int
	unsure   []*stanza.Element // what he said and nobody has confirmed, in order
	bounced  map[string]bool   // ids of these that came back
	heard    map[string]string // body → id
	sure     map[string]bool   // ids of a customer's words that have been confirmed
	fetched  int               // queries of the archive
	entering bool              // has logged in and not fetched all yet
	stale    int               // of unsure: were sent again at a login before
}

func newStage(t *testing.T, site *site, l load) *stage {
	s := &stage{t: t, site: site, load: l, events: make(chan event, 1024), end: time.NewTimer(l.within), struck: map[string]int{},
		pings: map[string]bool{}, owed: map[string]owed{}, given: map[string]string{}}
	addr := site.server.C2S()
	for i := range l.accounts + l.visitors {
		p := &person{name: customerName(i), archive: queueJID, visitor: i >= l.accounts}
		p.login = func() (*client, error) { return dial(addr, p.name, peopleHost, p.name) }
		if p.visitor {
			p.login = func() (*client, error) { return dial(addr, "", customersHost, "") }
		}
		s.customers = append(s.customers, p)
	}
	for i := range l.agents {
		name := agentName(i)
		s.agents = append(s.agents, &person{name: name, agent: true,
			login: func() (*client, error) { return dial(addr, name, agentsHost, name) }})
	}
	for _, p := range s.everybody() {
		p.heard, p.bounced, p.sure = map[string]string{}, map[string]bool{}, map[string]bool{}
	}
	return s
}

func (s *stage) everybody() []*person { return slices.Concat(s.agents, s.customers) }

// play lets people talk until all is said, killing at those moments; then it looks what is missing.
func (s *stage) play(moments []moment) {
	for _, p := range s.everybody() {
		s.enter(p)
	}
	s.settle()
	s.playing, s.moments, s.count, s.began = true, moments, 0, time.Now()
	for _, p := range s.customers {
		s.talk(p)
	}
	for !s.over() {
		s.next()
	}
	s.settle()
	// A message that died in a killed program's socket came back to nobody: its author sees no receipt.
	for body, o := range s.owed {
		if c := s.customer(s.given[body]); c.heard[body] == "" {
			s.silent++
			o.by.c.send(o.el)
		}
	}
	s.settle()
	s.ended = time.Now()
	for _, p := range s.everybody() {
		s.leave(p)
	}
}

// compare holds what both ends have heard against the log.
func (s *stage) compare() {
	h := s.site.readLog(s.t)
	s.second += h.second
	miss := func(format string, args ...any) {
		s.t.Helper()
		s.lost++
		s.t.Errorf(format, args...)
	}
	for _, c := range s.customers {
		for i := range c.said {
			body := saying(c, i+1)
			for _, b := range []string{body, answerTo(body)} {
				switch n := h.times[b]; {
				case n == 0:
					miss("%q is not in the log", b)
				case n > 1:
					s.t.Errorf("%q is in the log %d times", b, n)
				}
				delete(h.times, b)
			}
			if c.heard[answerTo(body)] == "" {
				miss("%s did not get %q", c.name, answerTo(body))
			}
			heard := false
			for _, a := range s.agents {
				if a.heard[body] == "" {
					continue
				}
				heard = true
				if agent := a.name + "@" + agentsHost; !h.owners[c.name][agent] {
					s.second++
					s.t.Errorf("%s heard %q, and the log never gave him %s", a.name, body, c.name)
				}
			}
			if !heard {
				miss("no agent heard %q", body)
			}
		}
	}
	if len(h.times) > 0 {
		s.t.Errorf("nobody said what is in the log: %v", h.times)
	}
}

// table says what was done and what came of it.
func (s *stage) table() string {
	var b strings.Builder
	line := func(what string, n any) { fmt.Fprintf(&b, "    %-58s %v\n", what, n) }
	for _, f := range faults {
		if n := s.struck[f.name]; n > 0 {
			line("faults injected: "+f.name, n)
		}
	}
	said, sure, got, heard := 0, 0, 0, 0
	for _, c := range s.customers {
		said, sure = said+c.said, sure+len(c.sure)
		for i := range c.said {
			body := saying(c, i+1)
			if c.heard[answerTo(body)] != "" {
				got++
			}
			if slices.ContainsFunc(s.agents, func(a *person) bool { return a.heard[body] != "" }) {
				heard++
			}
		}
	}
	line("messages of customers", said)
	line("  acknowledged by a receipt of the desk", sure)
	line("  delivered to agents", heard)
	line("answers of agents", len(s.owed))
	line("  acknowledged by a receipt of the customer", s.receipts)
	line("  delivered to customers", got)
	line("bounced, and sent again by their authors", s.bounces)
	line("sent again by their authors, in all", s.again)
	line("answers that died on the way to the desk, sent once more", s.silent)
	line("repeated to a receiver, with the same id", s.copies)
	line("lost", s.lost)
	line("second owners", s.second)
	line("stanzas that clients got", s.count)
	line("time", s.ended.Sub(s.began).Round(time.Second/10))
	return b.String()
}

func (s *stage) customer(name string) *person {
	return s.customers[slices.IndexFunc(s.customers, func(p *person) bool { return p.name == name })]
}

// over: all is said, confirmed and answered, nothing that came back waits, and nothing will be killed.
func (s *stage) over() bool {
	for _, p := range s.everybody() {
		if !p.agent && (p.said < s.load.each || len(p.unsure) > 0) || p.agent && len(p.bounced) > 0 {
			return false
		}
	}
	return !s.down && len(s.moments) == 0 && len(s.owed) == len(s.customers)*s.load.each
}

// next waits for an event and deals with it.
func (s *stage) next() {
	select {
	case e := <-s.events:
		switch e.kind {
		case came:
			s.hear(e.who, e.el)
			s.count++
			s.strike()
		case serverBack:
			for _, p := range s.everybody() {
				s.enter(p)
			}
		case deskBack:
			must(s.t, e.err)
			s.down = false
			s.back()
			s.strike()
		}
	case <-s.end.C:
		s.t.Fatalf("not over after %v: %s", s.load.within, s.state())
	}
}

// state says how far it has got, and what was promised and is not kept.
func (s *stage) state() string {
	var b strings.Builder
	fmt.Fprintf(&b, "down %v, %d faults to come, %d stanzas, %d answers of %d, %d pings open",
		s.down, len(s.moments), s.count, len(s.owed), len(s.customers)*s.load.each, len(s.pings))
	for _, p := range s.everybody() {
		fmt.Fprintf(&b, "\n%s said %d, %d of it unconfirmed, %d bounced, heard %d", p.name, p.said, len(p.unsure), len(p.bounced), len(p.heard))
		for i := range p.said {
			body := saying(p, i+1)
			if _, ok := s.owed[answerTo(body)]; !ok && p.sure[idOf(body)] {
				fmt.Fprintf(&b, "\n    %q has a receipt and reached no agent", body)
			}
		}
	}
	return b.String() + s.site.desk.Tail()
}

// strike breaks something, beside the talk, if it is time.
func (s *stage) strike() {
	if !s.playing || len(s.moments) == 0 || s.sure < s.moments[0].at || s.down {
		return
	}
	f := s.moments[0].fault
	s.moments = s.moments[1:]
	s.down, s.loggedOut = true, f.loggedOut
	n := s.strikes
	s.strikes++
	s.struck[f.name]++
	go func() { s.events <- event{kind: deskBack, err: f.strike(s.site, n, s.events)} }()
}

// back: after a kill of the server all enter anew, as does who had not done so wholly; else agents send again what came back, and
// customers do when they hear of the queue.
func (s *stage) back() {
	for _, p := range s.everybody() {
		switch {
		case s.loggedOut, p.entering:
			s.enter(p)
		case p.agent:
			s.resume(p)
		}
	}
}

// leave ends a person's connection; what it has brought is still heard.
func (s *stage) leave(p *person) {
	if p.c != nil {
		p.c.bye()
		p.c.take(stanza.New("", "end"))
		p.c = nil
	}
}

// enter logs somebody in and has him do what clients do then: agents enter the lobby, a visitor
// claims his thread, all fetch what they have missed.
func (s *stage) enter(p *person) {
	s.leave(p)
	c, err := p.login()
	must(s.t, err)
	p.c, p.entering = c, true
	if p.agent { // what was sent again at a login and is not confirmed yet has lost its receipt, or is found out in the end
		p.unsure = slices.Delete(p.unsure, 0, p.stale)
		p.stale = len(p.unsure)
	}
	go func() {
		for {
			switch el := c.await(func(*stanza.Element) bool { return true }); {
			case el == nil:
			case el.Local == "end":
				return
			default:
				s.events <- event{kind: came, who: p, el: el}
			}
		}
	}()
	c.send(stanza.New("", "presence"))
	switch {
	case p.agent:
		c.send(stanza.New("", "presence", "to", string(lobbyJID)+"/"+p.name).Add(stanza.New(nsMUC, "x")))
		s.fetch(p)
	case p.visitor:
		c.send(stanza.New("", "iq", "type", "set", "to", string(queueJID), "id", "claim").Add(stanza.New(nsClaim, "claim", "key", p.key)))
	default:
		s.arrive(p)
	}
}

// arrive shows a customer's presence to the queue and fetches what he has missed.
func (s *stage) arrive(p *person) {
	p.c.send(stanza.New("", "presence", "to", string(queueJID)))
	s.fetch(p)
}

// fetch asks an archive for what came after the newest that is known (XEP-0313).
func (s *stage) fetch(p *person) {
	p.fetched++
	set := stanza.New(nsRSM, "set").Add(stanza.Text(nsRSM, "max", "50"))
	if p.last != "" {
		set.Add(stanza.Text(nsRSM, "after", p.last))
	}
	p.c.send(stanza.New("", "iq", "type", "set", "to", string(p.archive), "id", fmt.Sprintf("mam-%d", p.fetched)).
		Add(stanza.New(nsMAM, "query").Add(set)))
}

// resume sends again what nobody has confirmed, and goes on. An agent whose connection has lived on
// knows that only what came back has to go again.
func (s *stage) resume(p *person) {
	for _, m := range p.unsure {
		if !p.agent || p.entering || p.bounced[m.ID()] {
			s.again++
			p.c.send(m)
		}
	}
	clear(p.bounced)
	p.entering = false
	s.talk(p)
}

// talk has a customer say more, as far as his window allows.
func (s *stage) talk(p *person) {
	for s.playing && !p.agent && p.said < s.load.each && len(p.unsure) < s.load.window {
		p.said++
		s.say(p, queueJID, saying(p, p.said))
	}
}

func saying(p *person, n int) string { return fmt.Sprintf("%s says %d", p.name, n) }

func answerTo(body string) string { return "answer to " + body }

// idOf is the id that a client gives its message.
func idOf(body string) string { return strings.ReplaceAll(body, " ", "-") }

func (s *stage) say(p *person, to stanza.JID, body string) *stanza.Element {
	m := stanza.New("", "message", "type", "chat", "to", string(to), "id", idOf(body)).
		Add(stanza.Text("", "body", body), stanza.New(nsReceipts, "request"))
	p.unsure = append(p.unsure, m)
	p.c.send(m)
	return m
}

// hear deals with a stanza that came for somebody.
func (s *stage) hear(p *person, el *stanza.Element) {
	switch {
	case el.Local == "iq":
		s.hearAnswer(p, el)
	case el.Local == "presence":
		if !p.agent && !p.entering && el.From().Bare() == queueJID && el.Type() == "" && p.said > 0 {
			s.resume(p) // the queue is there again, perhaps
		}
	case el.Local != "message":
	case el.Type() == "error":
		if slices.ContainsFunc(p.unsure, func(m *stanza.Element) bool { return m.ID() == el.ID() }) {
			s.bounces++
			p.bounced[el.ID()] = true
			if e, _ := stanza.ErrorOf(el); e.Type == "modify" || e.Type == "auth" && s.site.kind == "prosody" { // ejabberd says that of a component that is not there
				s.t.Errorf("%s: %s", p.name, el)
			}
			if p.agent && !s.down {
				s.resume(p)
			}
		}
	case el.Has(nsMAM, "result"):
		f := el.Child(nsMAM, "result").Child(stanza.NSForward, "forwarded")
		m := f.Child(stanza.NSClient, "message")
		if m != nil && m.From().Bare() != p.c.jid.Bare() && m.From() != "" {
			s.hearWords(p, m.From().Bare(), m.ID(), m.ChildText(stanza.NSClient, "body"))
		} else if m != nil && !p.agent {
			s.confirmed(p, m.ID())
		}
	case el.Has(nsReceipts, "received"):
		s.confirmed(p, el.Child(nsReceipts, "received").Attr("id"))
	case el.Type() == "chat":
		s.hearWords(p, el.From().Bare(), el.ID(), el.ChildText("", "body"))
		if !p.agent && el.Has(nsReceipts, "request") {
			p.c.send(stanza.New("", "message", "type", "chat", "to", string(queueJID)).Add(stanza.New(nsReceipts, "received", "id", el.ID())))
		}
	}
}

// hearAnswer takes the answer to a ping, a claim or a query.
func (s *stage) hearAnswer(p *person, el *stanza.Element) {
	id := el.ID()
	switch {
	case s.pings[id]:
		delete(s.pings, id)
	case strings.HasPrefix(id, "mam-") && p.last != "" && condition(el) == "item-not-found":
		p.last = "" // a server that was killed has lost it
		s.fetch(p)
	case strings.HasPrefix(id, "mam-") && condition(el) == "resource-constraint": // many ask at once
		s.fetch(p)
	case el.Type() == "error" && (id == "claim" || strings.HasPrefix(id, "mam-")):
		if !s.down {
			s.t.Fatalf("%s: %s", p.name, el)
		} // else the desk is not there yet: deskBack comes
	case id == "claim":
		p.key = el.Child(nsClaim, "claim").Attr("key")
		s.arrive(p)
	case id == fmt.Sprintf("mam-%d", p.fetched):
		fin := el.Child(nsMAM, "fin")
		if last := fin.Child(nsRSM, "set").ChildText(nsRSM, "last"); last != "" {
			p.last = last
		}
		if fin.Attr("complete") == "true" {
			s.resume(p)
		} else {
			s.fetch(p)
		}
	}
}

func condition(el *stanza.Element) string {
	e, _ := stanza.ErrorOf(el)
	return e.Condition
}

// confirmed: a receipt came.
func (s *stage) confirmed(p *person, id string) {
	i := slices.IndexFunc(p.unsure, func(m *stanza.Element) bool { return m.ID() == id })
	if i < 0 {
		return
	}
	if p.agent {
		s.receipts++
	}
	if !p.agent && !p.sure[id] {
		s.sure++
	}
	p.sure[id] = true
	p.unsure = slices.Delete(p.unsure, i, i+1)
	if i < p.stale {
		p.stale--
	}
	delete(p.bounced, id)
	s.talk(p)
}

// hearWords takes what somebody said. Words that come twice must have one id.
func (s *stage) hearWords(p *person, from stanza.JID, id, body string) {
	if body == "" || strings.HasPrefix(body, "[desk]") {
		if strings.Contains(body, "Nothing was sent") {
			s.t.Errorf("%s is refused: %s", p.name, body)
		}
		return
	}
	switch old := p.heard[body]; old {
	case "":
		p.heard[body] = id
	case id:
		s.copies++
	default:
		s.t.Errorf("%s got %q as %s and as %s", p.name, body, old, id)
	}
	if !p.agent {
		if want, ok := s.given[body]; ok && want != p.name {
			s.t.Errorf("%s got what was for %s: %q", p.name, want, body)
		}
		return
	}
	author, _, ok := strings.Cut(body, " says ")
	answer := answerTo(body)
	if _, done := s.owed[answer]; done || !ok {
		return
	}
	s.given[answer] = author
	s.owed[answer] = owed{p, s.say(p, from, answer)}
}

// settle waits until all that is under way has been dealt with, from the agents to the customers.
func (s *stage) settle() {
	for range 2 {
		for _, side := range []struct {
			people []*person
			to     stanza.JID
		}{{s.customers, queueJID}, {s.agents, "desk@" + deskDomain}, {s.customers, queueJID}, {s.agents, "desk@" + deskDomain}} {
			for _, p := range side.people {
				if p.c == nil {
					continue
				}
				s.pinged++
				id := fmt.Sprintf("ping-%d", s.pinged)
				s.pings[id] = true
				p.c.send(stanza.New("", "iq", "type", "get", "to", string(side.to), "id", id).Add(stanza.New(stanza.NSPing, "ping")))
			}
			for len(s.pings) > 0 {
				s.next()
			}
		}
	}
}
