package relay

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"frontdesk/component/stanza"
	"frontdesk/config"
)

// counted sends n of what xml gives, from whom it says, and counts what comes of it by its letters (effect).
func (g *hall) counted(n int, from func(i int) string, xml func(i int) string) map[string]int {
	g.t.Helper()
	all := map[string]int{}
	for i := range n {
		g.say(from(i), xml(i))
		sent := g.take()
		if len(sent) == 0 {
			all["-"]++
		}
		for _, l := range sent {
			all[string(effect(&role{jid: stanza.JID(from(i))}, &l))]++
		}
	}
	return all
}

func always(s string) func(int) string { return func(int) string { return s } }

func expect(t *testing.T, what string, got map[string]int, want string) {
	t.Helper()
	if fmt.Sprint(got) != want {
		t.Errorf("%s: %v, want %s", what, got, want)
	}
}

// writes are messages of one customer; each says something else.
func writes(i int) string {
	return fmt.Sprintf("<message type='chat' to='support@help.localhost' id='w%d'><body>%d</body></message>", i, i)
}

const (
	alice    = "alice@home.example/phone"
	isTyping = "<message type='chat' to='support@help.localhost'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>"
	question = "<iq type='get' to='support@help.localhost' id='i'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>"
	bounced  = "<message type='error' to='support@help.localhost' id='x'><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"
)

// TestCustomerFloods: a customer's messages are taken up to the bound, then refused in words; what needs no answer is passed over. Nobody
// else is the worse for it, and in a minute he may write again.
func TestCustomerFloods(t *testing.T) {
	t.Parallel()
	g := newHall(t, office(t))
	furnish(t, g)
	g.clock.now = g.clock.now.Add(time.Hour)
	next := g.r.next
	expect(t, "messages", g.counted(100, always(alice), writes), "map[A:120 R:180 w:40]") // to two agents, and in the case room to three
	if n := g.r.next - next; n != 60 {
		t.Errorf("%d records", n)
	}
	expect(t, "typing", g.counted(5, always(alice), always(isTyping)), "map[-:5]")
	expect(t, "bounces", g.counted(5, always(alice), always(bounced)), "map[-:5]")
	expect(t, "questions", g.counted(5, always(alice), always(question)), "map[w:5]")
	expect(t, "presence", g.counted(5, always(alice), always("<presence to='support@help.localhost'/>")), "map[-:5]")
	expect(t, "from elsewhere", g.counted(5, always("alice@home.example/other"), writes), "map[w:5]")
	expect(t, "another customer", g.counted(5, always("bela@home.example/phone"), func(i int) string { return strings.Replace(writes(i), "support", "sales", 1) }), "map[A:5 R:5]")
	g.say(alice, writes(1000))
	if e, _ := stanza.ErrorOf(g.take()[0].el); e.Type != "wait" || !strings.Contains(e.Text, "too fast") {
		t.Errorf("he is told %+v", e)
	}
	g.say(alice, "<presence to='support@help.localhost' type='unavailable'/>")
	if len(g.take()) == 0 {
		t.Error("that he leaves is not heard")
	}
	g.clock.now = g.clock.now.Add(time.Second)
	expect(t, "after a second", g.counted(3, always(alice), func(i int) string { return writes(2000 + i) }), "map[A:2 P:2 R:3 w:2]")
	g.clock.now = g.clock.now.Add(time.Minute)
	expect(t, "typing", g.counted(610, always(alice), always(isTyping)), "map[-:10 G:1200]")
}

// TestNoBound: where the configuration wants none there is none, and it may say so while the desk runs.
func TestNoBound(t *testing.T) {
	t.Parallel()
	g := newHall(t, office(t))
	furnish(t, g)
	g.clock.now = g.clock.now.Add(time.Hour)
	next := *g.cfg
	next.Front.Messages = 0
	g.r.load = func() (*config.Config, error) { return &next, nil }
	g.r.Reload()
	g.step()
	g.take()
	expect(t, "messages", g.counted(100, always(alice), writes), "map[A:200 R:300]")
}

// TestNewcomers: of one domain no more than its share begin at once, however many addresses it makes up; other domains, and the
// organisation's own hosts, are not held up. Whoever only looks is answered, and not remembered.
func TestNewcomers(t *testing.T) {
	t.Parallel()
	g := newHall(t, office(t))
	furnish(t, g)
	g.clock.now = g.clock.now.Add(time.Hour)
	of := func(domain string) func(int) string {
		return func(i int) string { return fmt.Sprintf("c%d@%s/x", i, domain) }
	}
	was := g.r.lastCustomer
	if got := g.counted(newcomerBurst+50, of("evil.example"), writes); got["w"] != 50 || g.r.lastCustomer-was != newcomerBurst {
		t.Errorf("%v, %d customers more", got, g.r.lastCustomer-was)
	}
	expect(t, "another domain", map[string]int{"w": g.counted(20, of("home.example"), writes)["w"]}, "map[w:0]")
	expect(t, "the organisation's own", map[string]int{"w": g.counted(newcomerBurst+20, of("customers.localhost"), writes)["w"]}, "map[w:0]")
	expect(t, "who has written", map[string]int{"w": g.counted(20, of("evil.example"), func(i int) string { return writes(i + 1000) })["w"]}, "map[w:0]")
	rows := len(g.r.queues["sales"].watchers)
	got := g.counted(3000, func(i int) string { return fmt.Sprintf("s%d@evil.example", i) }, always("<presence type='subscribe' to='sales@help.localhost'/>"))
	expect(t, "subscriptions", got, "map[p:3000 s:3000]")
	if n := len(g.r.queues["sales"].watchers) - rows; n != 0 {
		t.Errorf("%d are remembered", n)
	}
	got = g.counted(3000, func(i int) string { return fmt.Sprintf("s%d@bomb.example", i) }, always("<presence type='subscribe' to='sales@help.localhost'/>"))
	expect(t, "subscriptions of another domain", got, "map[p:3000 s:3000]")
	if n := len(g.r.queues["sales"].watchers) - rows; n != newcomerBurst {
		t.Errorf("%d of a new domain are remembered", n)
	}
	expect(t, "keys of pages", g.counted(10, of("bomb.example"), always("<iq type='set' id='c' to='support@help.localhost'><claim xmlns='urn:frontdesk:0'/></iq>")), "map[w:10]")
	g.clock.now = g.clock.now.Add(newcomerEvery)
	if got := g.counted(3, func(i int) string { return fmt.Sprintf("l%d@bomb.example/x", i) }, writes); got["w"] != 2 {
		t.Errorf("after a while: %v", got)
	}
}

// TestBotsTalk: a customer's client that answers whatever it gets at once, for a week, hears few of the desk's own texts. At most so many
// an hour, and they end where nothing else happens.
func TestBotsTalk(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, queue string
		begin       string // what the bot sends first, to
		to          string
		answer      string // and to each text, with %d
		week        int    // texts
	}{
		{"open", "greet = true", "<body>Hi</body>", "support@help.localhost", "<body>I am away (%d)</body>", 4},
		{"idle", "greet = true\nidle = \"1h\"", "<body>Hi</body>", "support@help.localhost", "<body>I am away (%d)</body>", 4},
		{"closed", "greet = true\nhours = [\"sun 8:00-8:01\"]", "<body>Hi</body>", "support@help.localhost", "<body>I am away (%d)</body>", 4},
		{"nobody", "greet = true\nagents = [\"nobody@agents.localhost\"]", "<body>Hi</body>", "support@help.localhost", "<body>I am away (%d)</body>", 4},
		{"same", "greet = true\nidle = \"1h\"", "<body>Hi</body>", "support@help.localhost", "<body>I am away</body><x xmlns='%d'/>", 4},
		{"encrypted", "", "<encrypted xmlns='eu.siacs.conversations.axolotl'><payload/></encrypted><body>x</body>", "support@help.localhost", "<encrypted xmlns='eu.siacs.conversations.axolotl'><payload/></encrypted><body>%d</body>", 1},
		{"door", "", "<body>Hi</body>", "help.localhost", "<body>I am away (%d)</body>", 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			text := "[[queue]]\nname = \"support\"\n" + c.queue + "\n[[queue]]\nname = \"sales\"\n"
			for _, name := range []string{"anna", "nobody"} {
				text += fmt.Sprintf("[[agent]]\njid = \"%s@agents.localhost\"\n", name)
			}
			g := newHall(t, hallConfig(t, text))
			g.say("anna@agents.localhost/bureau", "<presence to='lobby@desk.localhost/anna'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
			g.take()
			heard, said := 0, 0
			write := func(content string) {
				said++
				g.say(alice, fmt.Sprintf("<message type='chat' id='b%d' to='%s'>%s</message>", said, c.to, content))
			}
			write(c.begin)
			if strings.Contains(c.queue, "idle") { // which only follows an answer
				g.say("anna@agents.localhost/bureau", "<message type='chat' id='r' to='customer.1@desk.localhost'><body>What is it?</body></message>")
			}
			for hour := 0; hour < 7*24; {
				answered := false
				for _, l := range g.take() {
					if l.front && l.el.ChildText("", "body") != "" && l.el.Type() != "error" {
						heard, answered = heard+1, true
						write(fmt.Sprintf(c.answer, heard))
					}
				}
				if heard > c.week {
					t.Fatalf("%d texts in %d hours", heard, hour)
				}
				if !answered {
					hour++
					g.clock.now = g.clock.now.Add(time.Hour)
					g.step()
				}
			}
			t.Logf("%d texts in a week", heard)
			if heard == 0 {
				t.Error("it was told nothing")
			}
		})
	}
}
