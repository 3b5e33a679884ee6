package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"frontdesk/component/stanza"
	"frontdesk/deploy/servers"
	"frontdesk/deploy/servers/child"
	"frontdesk/dispatch"
	"frontdesk/store"
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

// The load: each customer says perCustomer things and each is answered, with at most window of a
// customer's without a receipt. Clients and desk make some 2,000 stanzas of it at least; the kills come
// within the first killWithin of them.
const (
	withAccount = 6
	anonymously = 4
	perCustomer = 50
	window      = 8
	killWithin  = 1300
	playWithin  = 60 * time.Second // a bound for the whole, many times what it takes
)

// seeds choose when something is killed.
var seeds = []uint64{1}

// moments are the counts of stanzas at which something is killed, ascending: one in each of as
// many equal stretches.
func moments(kills int, seed uint64) []int {
	chance := rand.New(rand.NewPCG(seed, 18))
	var at []int
	for i := range kills {
		at = append(at, (i*killWithin+chance.IntN(killWithin))/kills)
	}
	return at
}

// TestKilled has a thousand messages under way while the desk, or the server, is killed
// without warning and started again.
func TestKilled(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "frontdesk")
	if out, err := exec.Command("go", "build", "-o", binary, "frontdesk").CombinedOutput(); err != nil {
		t.Fatalf("building frontdesk: %v\n%s", err, out)
	}
	for _, c := range []struct {
		name  string
		kills int
		kill  func(*site, int, chan<- event) error
	}{
		{"desk", 6, (*site).killDesk},
		{"server", 4, (*site).killServer},
	} {
		for _, seed := range seeds {
			t.Run(fmt.Sprintf("%s-%d", c.name, seed), func(t *testing.T) {
				t.Parallel()
				s := newStage(t, newSite(t, binary))
				s.kill, s.loggedOut = c.kill, c.name == "server"
				s.play(moments(c.kills, seed))
				s.site.checkLog(t, s)
				s.site.checkComplaints(t)
			})
		}
	}
}

// site is a private Prosody and the program beside it.
type site struct {
	dir, binary string
	server      *servers.Server
	desk        *child.Process
	starts      int
}

func newSite(t *testing.T, binary string) *site {
	s := &site{dir: t.TempDir(), binary: binary}
	var err error
	s.server, err = servers.StartProsody(t.Context(), servers.Options{
		Dir: filepath.Join(s.dir, "server"), PlainAuth: true,
		Customers: customersHost, Confine: []string{frontDomain}, Accounts: []string{agentsHost, peopleHost},
		Components: []servers.Component{{Domain: frontDomain, Secret: "f"}, {Domain: deskDomain, Secret: "d"}},
	})
	must(t, err)
	t.Cleanup(func() { s.server.Stop() })
	for _, a := range []string{"anna", "bob"} {
		must(t, s.server.Register(t.Context(), a, agentsHost, a))
	}
	for i := range withAccount {
		must(t, s.server.Register(t.Context(), customerName(i), peopleHost, customerName(i)))
	}
	must(t, os.WriteFile(s.path("frontdesk.toml"), fmt.Appendf(nil, `
data = "desk.db"
[front]
domain = %q
server = %q
secret = "f"
customers = [%q, %q]
[desk]
domain = %q
server = %q
secret = "d"
[[queue]]
name = "support"
[[agent]]
jid = "anna@agents.localhost"
capacity = 8
[[agent]]
jid = "bob@agents.localhost"
capacity = 8
[web]
listen = ""
`, frontDomain, s.server.ComponentAddr(frontDomain), customersHost, peopleHost, deskDomain, s.server.ComponentAddr(deskDomain)), 0o600))
	must(t, s.start())
	t.Cleanup(func() { s.desk.Kill() })
	return s
}

func customerName(i int) string { return fmt.Sprintf("c%d", i) }

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

// log is what the program wrote after its nth start.
func (s *site) log(n int) string { return s.path(fmt.Sprintf("desk-%d.log", n)) }

// start starts the program and returns when it says that it is ready.
func (s *site) start() error {
	s.starts++
	p, err := child.Start(exec.Command(s.binary, "run", "--config", s.path("frontdesk.toml")), s.log(s.starts))
	if err != nil {
		return err
	}
	s.desk = p
	return s.said(0, "frontdesk: ready")
}

// said waits until the desk's present log has all of want behind its first bytes.
func (s *site) said(from int, want ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	return s.desk.Ready(ctx, func(context.Context) error {
		text, err := os.ReadFile(s.desk.Log())
		if err != nil {
			return err
		}
		for _, w := range want {
			if !strings.Contains(string(text[from:]), w) {
				return fmt.Errorf("no %q in its log", w)
			}
		}
		return nil
	})
}

// killDesk kills the program and starts it again.
func (s *site) killDesk(int, chan<- event) error {
	s.desk.Kill()
	return s.start()
}

// killServer kills Prosody, starts it again and waits until the desk has found it. Every other
// time people may log in before that.
func (s *site) killServer(n int, events chan<- event) error {
	s.server.Kill()
	log, err := os.ReadFile(s.desk.Log())
	if err != nil {
		return err
	}
	if err := s.mend(); err != nil {
		return err
	}
	if err := s.server.Restart(context.Background()); err != nil {
		return err
	}
	if n%2 == 0 {
		events <- event{kind: serverBack}
	}
	return s.said(len(log), `msg="link up" link=front`, `msg="link up" link=desk`)
}

// mend repairs Prosody's own files. It makes room at a list's end before it writes there; killed between the
// two, it could not read the list any more.
func (s *site) mend() error {
	return filepath.WalkDir(s.path("server/data"), func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".list") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.Truncate(path, int64(len(strings.TrimRight(string(text), "\x00"))))
	})
}

// stage is where people talk while things are killed. One goroutine, the test's, owns all of it; what
// happens comes by events.
type stage struct {
	t         *testing.T
	site      *site
	kill      func(*site, int, chan<- event) error
	loggedOut bool // by a kill: all have to log in again
	events    chan event
	end       *time.Timer

	customers, agents []*person
	playing           bool
	moments           []int // still to come
	down              bool
	pings             map[string]bool   // that are not answered
	owed              map[string]owed   // by body: the answers that agents have given
	given             map[string]string // body of an answer → whose customer it is for

	pinged, count, kills, again, bounces, copies, silent, receipts int
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

	said    int
	unsure  []*stanza.Element // what he said and nobody has confirmed, in order
	bounced map[string]bool   // ids of these that came back
	heard   map[string]string // body → id
	sure    map[string]bool   // ids of a customer's words that have been confirmed
	fetched int               // queries of the archive
}

func newStage(t *testing.T, site *site) *stage {
	s := &stage{t: t, site: site, events: make(chan event, 1024), end: time.NewTimer(playWithin),
		pings: map[string]bool{}, owed: map[string]owed{}, given: map[string]string{}}
	addr := site.server.C2S()
	for i := range withAccount + anonymously {
		p := &person{name: customerName(i), archive: queueJID, visitor: i >= withAccount}
		p.login = func() (*client, error) { return dial(addr, p.name, peopleHost, p.name) }
		if p.visitor {
			p.login = func() (*client, error) { return dial(addr, "", customersHost, "") }
		}
		s.customers = append(s.customers, p)
	}
	for _, name := range []string{"anna", "bob"} {
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
func (s *stage) play(moments []int) {
	for _, p := range s.everybody() {
		s.enter(p)
	}
	s.settle()
	s.playing, s.moments, s.count = true, moments, 0
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
	for body := range s.owed {
		if c := s.customer(s.given[body]); c.heard[body] == "" {
			s.t.Errorf("%s did not get %q", c.name, body)
		}
	}
	for _, p := range s.everybody() {
		s.leave(p)
	}
	s.t.Logf("%d kills; %d messages of customers, %d answers; sent again %d, bounced %d, answers lost without a bounce %d; repeats that arrived %d; answers with a receipt %d; %d stanzas in all",
		s.kills, len(s.customers)*perCustomer, len(s.owed), s.again, s.bounces, s.silent, s.copies, s.receipts, s.count)
}

func (s *stage) customer(name string) *person {
	return s.customers[slices.IndexFunc(s.customers, func(p *person) bool { return p.name == name })]
}

// over: all is said, confirmed and answered, nothing that came back waits, and nothing will be killed.
func (s *stage) over() bool {
	for _, p := range s.everybody() {
		if !p.agent && (p.said < perCustomer || len(p.unsure) > 0) || p.agent && len(p.bounced) > 0 {
			return false
		}
	}
	return !s.down && len(s.moments) == 0 && len(s.owed) == len(s.customers)*perCustomer
}

// next waits for an event and deals with it.
func (s *stage) next() {
	select {
	case e := <-s.events:
		switch e.kind {
		case came:
			s.hear(e.who, e.el)
			s.count++
			if len(s.moments) > 0 && s.count >= s.moments[0] && !s.down {
				s.moments = s.moments[1:]
				s.strike()
			}
		case serverBack:
			for _, p := range s.everybody() {
				s.enter(p)
			}
		case deskBack:
			must(s.t, e.err)
			s.down = false
			s.back()
		}
	case <-s.end.C:
		s.t.Fatalf("not over after %v: %s", playWithin, s.state())
	}
}

// state says how far it has got, and what was promised and is not kept.
func (s *stage) state() string {
	var b strings.Builder
	fmt.Fprintf(&b, "down %v, %d kills to come, %d stanzas, %d answers of %d, %d pings open",
		s.down, len(s.moments), s.count, len(s.owed), len(s.customers)*perCustomer, len(s.pings))
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

// strike kills, beside the talk.
func (s *stage) strike() {
	s.down = true
	n := s.kills
	s.kills++
	go func() { s.events <- event{kind: deskBack, err: s.kill(s.site, n, s.events)} }()
}

// back: after a kill of the server all enter anew; else agents send again what came back, and customers do
// when they hear of the queue.
func (s *stage) back() {
	for _, p := range s.everybody() {
		switch {
		case s.loggedOut:
			s.enter(p)
		case p.agent:
			s.resume(p)
		}
	}
}

// leave ends a person's connection; what it has brought is still heard.
func (s *stage) leave(p *person) {
	if p.c != nil {
		p.c.drop()
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
	p.c = c
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
		if !p.agent || s.loggedOut || p.bounced[m.ID()] {
			s.again++
			p.c.send(m)
		}
	}
	clear(p.bounced)
	s.talk(p)
}

// talk has a customer say more, as far as his window allows.
func (s *stage) talk(p *person) {
	for s.playing && !p.agent && p.said < perCustomer && len(p.unsure) < window {
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
		if !p.agent && !s.loggedOut && el.From().Bare() == queueJID && el.Type() == "" && p.said > 0 {
			s.resume(p) // the queue is there again, perhaps
		}
	case el.Local != "message":
	case el.Type() == "error":
		if slices.ContainsFunc(p.unsure, func(m *stanza.Element) bool { return m.ID() == el.ID() }) {
			s.bounces++
			p.bounced[el.ID()] = true
			if e, _ := stanza.ErrorOf(el); e.Type == "modify" || e.Type == "auth" {
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

// confirmed: a receipt came.
func (s *stage) confirmed(p *person, id string) {
	i := slices.IndexFunc(p.unsure, func(m *stanza.Element) bool { return m.ID() == id })
	if i < 0 {
		return
	}
	if p.agent {
		s.receipts++
	}
	p.sure[id] = true
	p.unsure = slices.Delete(p.unsure, i, i+1)
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

// checkLog stops the program in good order and reads what it has kept: each message once, by who said it.
func (s *site) checkLog(t *testing.T, st *stage) {
	must(t, s.desk.Stop(patience))
	file, err := store.Open(s.path("desk.db"))
	must(t, err)
	defer file.Close()
	times := map[string]int{}
	for from := uint64(1); from < file.Next(); {
		records, err := file.Scan(from, 1000)
		must(t, err)
		for _, r := range records {
			from = r.Seq + 1
			if r.Kind != uint16(dispatch.Said) {
				continue
			}
			var w struct {
				ID   string `json:"id"`
				Body string `json:"b"`
				By   string `json:"by"` // of the numbers
			}
			must(t, json.Unmarshal(r.Content, &w))
			must(t, json.Unmarshal(r.Numbers, &w))
			if w.ID != idOf(w.Body) || (w.By != "") != strings.HasPrefix(w.Body, answerTo("")) {
				t.Errorf("record %d has the id %q with %q, said by %q", r.Seq, w.ID, w.Body, w.By)
			}
			times[w.Body]++
		}
	}
	for _, p := range st.customers {
		for i := range perCustomer {
			body := saying(p, i+1)
			for _, b := range []string{body, answerTo(body)} {
				if times[b] != 1 {
					t.Errorf("%q is in the log %d times", b, times[b])
				}
				delete(times, b)
			}
		}
	}
	if len(times) > 0 {
		t.Errorf("nobody said what is in the log: %v", times)
	}
}

// checkComplaints: whatever was killed, the program found no fault of its own.
func (s *site) checkComplaints(t *testing.T) {
	for i := range s.starts {
		text, err := os.ReadFile(s.log(i + 1))
		must(t, err)
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, "level=ERROR") || strings.Contains(line, "panic") {
				t.Errorf("start %d: %s", i+1, line)
			}
		}
	}
}
