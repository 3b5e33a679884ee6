package e2e

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"frontdesk/component/stanza"
)

const nsRoster = "jabber:iq:roster"

// rosterOf asks an agent's server for her roster.
func (d *rosterPlay) rosterOf(name string) string {
	d.settle()
	c := d.client(name)
	must(d.t, c.send(stanza.New("", "iq", "type", "get", "id", "roster").Add(stanza.New(nsRoster, "query"))))
	got := c.await(func(s *stanza.Element) bool { return s.Local == "iq" && s.ID() == "roster" })
	var all []string
	for item := range got.Child(nsRoster, "query").Elements() {
		all = append(all, fmt.Sprintf("%s %s %s %s", item.Attr("jid"), item.Attr("name"), item.Attr("subscription"), item.ChildText(nsRoster, "group")))
	}
	return strings.Join(all, "\n")
}

// logged collects what the desk warns of.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) count(s string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), s)
}

// rosterPlay is a dialogue in Go about Anna's roster.
type rosterPlay struct {
	dialogue
	log *logged
}

// rosterWorld begins in a fake world whose agents' server lets the desk set rosters or, with a fault, says so and refuses; Anna has Alice.
func rosterWorld(t *testing.T, grant string, fault *stanza.Error) *rosterPlay {
	w := prepareFake(t, t.TempDir())
	log := &logged{}
	w.log = log
	w.fake.FailRosters(fault)
	if grant != "" {
		w.fake.Privilege(deskDomain, agentsHost, grant)
	}
	w.start()
	d := &rosterPlay{dialogue{w: w, t: t, names: map[string]string{}, who: map[string]*client{}}, log}
	d.login("anna")
	d.enter("anna")
	d.login("alice")
	d.say("alice", "support@"+frontDomain, "Hello")
	return d
}

func (d *rosterPlay) say(who, to, text string) {
	d.count++
	must(d.t, d.client(who).send(stanza.New("", "message", "type", "chat", "to", to, "id", fmt.Sprintf("say-%d", d.count)).Add(stanza.Text("", "body", text))))
	d.settle()
}

func (d *rosterPlay) hasRoster(when, name, want string) {
	d.t.Helper()
	if got := d.rosterOf(name); got != want {
		d.t.Errorf("%s, the roster of %s has\n%s\ninstead of\n%s", when, name, got, want)
	}
}

const (
	customer1 = "customer.1@" + deskDomain
	listed1   = customer1 + " Customer #1 both Customers"
)

// TestRosters: both versions of XEP-0356; without it nothing is set.
func TestRosters(t *testing.T) {
	t.Parallel()
	for grant, want := range map[string]string{"": "", "urn:xmpp:privilege:1": listed1, "urn:xmpp:privilege:2": listed1} {
		d := rosterWorld(t, grant, nil)
		d.hasRoster("given by "+grant, "anna", want)
		d.say("anna", customer1, "!close")
		d.hasRoster("closed", "anna", "")
		if n, want := d.log.count("no server lets the desk"), map[bool]int{true: 1}[grant == ""]; n != want {
			t.Errorf("%q: told %d times that no server does, not %d", grant, n, want)
		}
		d.link("cut", deskDomain)
		d.settle()
		if n := d.log.count("no server lets the desk"); n > 1 {
			t.Errorf("%q: told %d times that no server does", grant, n)
		}
	}
}

// TestRosterTaken: what could not be taken out is when the desk starts again; what an agent added by hand stays.
func TestRosterTaken(t *testing.T) {
	t.Parallel()
	d := rosterWorld(t, "urn:xmpp:privilege:2", nil)
	d.hasRoster("given", "anna", listed1)
	d.w.fake.FailRosters(&stanza.Error{Type: "wait", Condition: "internal-server-error"})
	d.say("anna", customer1, "!close")
	d.hasRoster("not taken out", "anna", listed1)
	d.w.restart()
	d.hasRoster("refused again", "anna", listed1)
	d.w.fake.FailRosters(nil)
	d.w.restart()
	d.hasRoster("after the restart", "anna", "")

	d.say("alice", "support@"+frontDomain, "Hello again")
	d.hasRoster("given again", "anna", listed1)
	anna := d.client("anna")
	must(t, anna.send(stanza.New("", "iq", "type", "set", "id", "own").Add(stanza.New(nsRoster, "query").Add(
		stanza.New(nsRoster, "item", "jid", customer1, "name", "My Alice", "subscription", "both")))))
	must(t, anna.send(stanza.New("", "presence", "to", customer1, "type", "subscribe")))
	d.say("anna", customer1, "!name Alice")
	d.say("anna", customer1, "!close")
	d.w.restart()
	d.say("alice", "support@"+frontDomain, "Hello once more")
	d.hasRoster("her own", "anna", customer1+" My Alice both ")
}

// TestRosterGroup: the group follows the configuration, while the desk runs.
func TestRosterGroup(t *testing.T) {
	t.Parallel()
	d := rosterWorld(t, "urn:xmpp:privilege:2", nil)
	for _, group := range []string{"Help", "", "Customers"} {
		want := customer1 + " Customer #1 both " + group
		if group == "" {
			want = ""
		}
		d.settle()
		d.client("anna").clear()
		d.w.top = fmt.Sprintf("roster_group = %q", group)
		d.w.relay.Reload()
		d.awaitRoster(group != "", customer1)
		d.hasRoster("group "+group, "anna", want)
	}
}

// awaitRoster waits for a roster push to Anna.
func (d *rosterPlay) awaitRoster(there bool, jid string) {
	d.t.Helper()
	if d.client("anna").await(func(s *stanza.Element) bool {
		item := s.Child(nsRoster, "item")
		return s.Is(nsRoster, "query") && item.Attr("jid") == jid && (item.Attr("subscription") != "remove") == there
	}) == nil {
		d.fatal("the roster was not set")
	}
}

// TestRosterRefused: a server that says it lets us and never does is told of once, and asked no more until the desk starts
// again; one account that it fails for is no reason not to do it for others.
func TestRosterRefused(t *testing.T) {
	t.Parallel()
	failed := &stanza.Error{Type: "wait", Condition: "internal-server-error"}
	for name, c := range map[string]struct {
		first, later *stanza.Error
		warns        int
		then         string // Bela, who comes when it works again
	}{
		"broken":       {failed, failed, 1, ""},
		"forbidden":    {&stanza.Error{Type: "auth", Condition: "forbidden"}, failed, 1, ""},
		"no account":   {&stanza.Error{Type: "cancel", Condition: "service-unavailable"}, nil, 0, listed1 + "\ncustomer.2@" + deskDomain + " Customer #2 both Customers"},
		"for a moment": {nil, failed, 0, listed1 + "\ncustomer.2@" + deskDomain + " Customer #2 both Customers"},
	} {
		t.Run(name, func(t *testing.T) {
			d := rosterWorld(t, "urn:xmpp:privilege:1", c.first)
			d.settle()
			d.w.fake.FailRosters(c.later)
			d.say("anna", customer1, "!name Alice")
			d.w.fake.FailRosters(nil)
			d.link("cut", deskDomain)
			d.login("bela")
			d.say("bela", "support@"+frontDomain, "Hello")
			d.hasRoster("works again", "anna", strings.Replace(c.then, "Customer #1", "Alice", 1))
			if n := d.log.count("refuses"); n != c.warns {
				t.Errorf("told %d times that it refuses, not %d", n, c.warns)
			}
			d.w.restart()
			d.hasRoster("restarted", "anna", customer1+" Alice both Customers\ncustomer.2@"+deskDomain+" Customer #2 both Customers")
		})
	}
}

// TestRestless: a customer whose client comes and goes all the time is shown to his agent now and then, and in the end as he is.
func TestRestless(t *testing.T) {
	t.Parallel()
	d := rosterWorld(t, "", nil)
	anna, alice := d.client("anna"), d.client("alice")
	d.say("anna", customer1, "Good day")
	anna.clear()
	show := func(show string) {
		must(t, alice.send(stanza.New("", "presence", "to", "support@"+frontDomain).Add(stanza.Text("", "show", show))))
	}
	for range 50 {
		show("away")
		show("xa")
	}
	show("dnd") // none that she may have been shown with already
	d.settle()
	seen := func(s *stanza.Element) bool { return s.Local == "presence" && s.From().Bare() == customer1 }
	if n := len(anna.pending(seen)); n == 0 || n > 10 {
		t.Errorf("shown %d times", n)
	}
	anna.clear()
	d.w.clock.advance(time.Minute)
	d.settle()
	if got := anna.pending(seen); len(got) != 1 || got[0].ChildText("", "show") != "dnd" {
		t.Errorf("shown in the end: %v", got)
	}
}

// TestTwoClients: a phone that comes and goes beside a client that stays changes nothing about its agent, and counts when it
// alone is there.
func TestTwoClients(t *testing.T) {
	t.Parallel()
	d := rosterWorld(t, "", nil)
	enter := func(c *client, show ...*stanza.Element) {
		must(t, c.send(stanza.New("", "presence", "to", "lobby@"+deskDomain+"/Anna").Add(stanza.New("http://jabber.org/protocol/muc", "x")).Add(show...)))
		must(t, c.fence("desk@"+deskDomain))
	}
	who := func(want string) {
		t.Helper()
		d.client("anna").clear()
		d.say("anna", "desk@"+deskDomain, "!who")
		text := d.client("anna").await(func(s *stanza.Element) bool { return strings.HasPrefix(s.ChildText("", "body"), "The desk:") }).ChildText("", "body")
		if _, rest, _ := strings.Cut(text, "Anna: "); !strings.HasPrefix(rest, want) {
			t.Errorf("Anna is %q, not %q", rest, want)
		}
	}
	d.say("anna", customer1, "Good day")
	for range 10 {
		phone := fakeClient(d.w.fake, "anna@"+agentsHost+"/phone", nil)
		enter(phone, stanza.Text("", "show", "away"))
		d.w.clock.advance(time.Minute)
		phone.drop()
		d.settle()
	}
	who("available for 10 min")
	enter(fakeClient(d.w.fake, "anna@"+agentsHost+"/phone", nil), stanza.Text("", "show", "away"))
	must(t, d.client("anna").send(stanza.New("", "presence", "to", "lobby@"+deskDomain+"/Anna", "type", "unavailable")))
	who("away for 0 s (his clients say so)")
}

// TestNameFirst: an agent's client knows who a customer is before it gets his words.
func TestNameFirst(t *testing.T) {
	t.Parallel()
	d := rosterWorld(t, "urn:xmpp:privilege:2", nil)
	d.settle()
	var order []string
	for _, s := range d.client("anna").pending(func(s *stanza.Element) bool {
		return s.Is(nsRoster, "query") || s.Local == "event" || s.From().Bare() == customer1
	}) {
		order = append(order, s.Local)
	}
	if got := strings.Join(order, " "); got != "query presence event message" {
		t.Errorf("Anna got: %s", got)
	}
}

// TestRosterRevoked: what was put in before the server took its leave back is taken out once it gives it again.
func TestRosterRevoked(t *testing.T) {
	t.Parallel()
	const space = "urn:xmpp:privilege:2"
	d := rosterWorld(t, space, nil)
	d.hasRoster("given", "anna", listed1)
	d.w.fake.Privilege(deskDomain, "other.localhost", space)
	d.w.restart()
	d.say("anna", customer1, "!close")
	d.hasRoster("closed without leave", "anna", listed1)
	d.w.fake.Privilege(deskDomain, agentsHost, space)
	d.w.restart()
	d.hasRoster("with leave again", "anna", "")
}
