package e2e

import (
	"bytes"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"frontdesk/component/stanza"
)

var samples = flag.Int("samples", 20, "messages of quiet customers that TestHostile times during each attack; 500 for figures")

const (
	quiets = 40             // customers who write now and then
	volley = 200            // stanzas that an attacker's server sends before it waits for an answer to one
	evil   = "evil.example" // for which each attack has a domain of its own
)

// attack is what somebody does as fast as he can. The bound is how many records it may leave in the log, and how many a second.
type attack struct {
	name  string
	front bool // by the customers' server
	make  func(i int) string
	once  int
	rate  float64
}

// xmlOf is a stanza, from and to somebody.
func xmlOf(kind, from, to, rest string, i int) string {
	return fmt.Sprintf("<%s from='%s' to='%s' id='e%d' %s</%s>", kind, from, to, i, rest, kind)
}

func attacks() []attack {
	const support, lobby = "support@" + frontDomain, "lobby@" + deskDomain
	const one, member, bob = "mallory@" + evil + "/x", "pat@partner.example/x", "bob@" + agentsHost + "/" + bureau
	many := func(i int) string { return fmt.Sprintf("m%d@%s/x", i, evil) }
	text := func(i int) string { return fmt.Sprintf("type='chat'><body>Buy %d</body>", i) }
	mam := "type='set'><query xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'><max>50</max><before/></set></query>"
	join := "><x xmlns='http://jabber.org/protocol/muc'/>"
	return []attack{
		{"nothing", true, nil, 0, 0},
		{"illegal XML", true, func(i int) string {
			return []string{
				xmlOf("message", one, support, "type='chat'><body>a\x01b</body>", i), xmlOf("message", one, support, "type='chat'><body>\xff\xfe</body>", i),
				xmlOf("message", one, support, "type='chat'><x:y/><body>a</body>", i), xmlOf("iq", one, support, "type='get' a='1' a='2'><q/>", i), xmlOf("message", one, support, "type='chat'><body>&#xFFFE;</body>", i),
			}[i%5]
		}, 0, 0},
		{"deep stanzas", true, func(i int) string {
			return xmlOf("message", one, support, "type='chat'>"+strings.Repeat("<a>", 500)+strings.Repeat("</a>", 500), i)
		}, 0, 0},
		{"huge stanzas", true, func(i int) string {
			if i%100 > 0 {
				return xmlOf("presence", one, support, ">", i)
			}
			return xmlOf("message", one, support, "type='chat'><body>"+strings.Repeat("x", 400<<10)+"</body>", i)
		}, 0, 0},
		{"large texts", true, func(i int) string {
			return xmlOf("message", one, support, "type='chat'><body>"+strings.Repeat("x", 2<<10)+"</body>", i)
		}, 160, 2},
		{"messages of one customer", true, func(i int) string { return xmlOf("message", one, support, text(i), i) }, 160, 2},
		{"messages of many of one server", true, func(i int) string { return xmlOf("message", many(i), support, text(i), i) }, 2000, 4},
		{"messages of one server's many customers", true, func(i int) string { return xmlOf("message", many(i%150), support, text(i), i) }, 150*61 + 2000, 160},
		{"menu", true, func(i int) string { return xmlOf("message", many(i), frontDomain, text(i), i) }, 0, 0},
		{"typing", true, func(i int) string {
			return xmlOf("message", one, support, "type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/>", i)
		}, 0, 0},
		{"presence", true, func(i int) string { return xmlOf("presence", one, support, fmt.Sprintf("><status>%d</status>", i), i) }, 0, 0},
		{"coming and going", true, func(i int) string {
			return xmlOf("presence", one, support, []string{">", "type='unavailable'>"}[i%2], i)
		}, 0, 0},
		{"subscriptions of thousands", true, func(i int) string { return xmlOf("presence", many(i), support, "type='subscribe'>", i) }, 0, 0},
		{"questions", true, func(i int) string {
			return xmlOf("iq", one, support, "type='get'><query xmlns='http://jabber.org/protocol/disco#info'/>", i)
		}, 0, 0},
		{"archive queries", true, func(i int) string { return xmlOf("iq", one, support, mam, i) }, 0, 0},
		{"errors", true, func(i int) string {
			return xmlOf("message", one, support, "type='error'><body>x</body><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>", i)
		}, 0, 0},
		{"encrypted", true, func(i int) string {
			return xmlOf("message", many(i), support, "type='chat'><encrypted xmlns='eu.siacs.conversations.axolotl'><payload/></encrypted>", i)
		}, 0, 0},
		{"spoofed", true, func(i int) string {
			return xmlOf("message", one, support, text(i)+"<delay xmlns='urn:xmpp:delay' stamp='2001-01-01T00:00:00Z'/><occupant-id xmlns='urn:xmpp:occupant-id:0' id='x'/><stanza-id xmlns='urn:xmpp:sid:0' by='"+support+
				"' id='x'/><replace xmlns='urn:xmpp:message-correct:0' id='x'/><received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='anna@"+agentsHost+"'><body>x</body></message></forwarded></received>", i)
		}, 160, 2},
		{"joins of strangers", false, func(i int) string {
			return xmlOf("presence", many(i%5000), fmt.Sprintf("%s/n%d", lobby, i), join, i)
		}, 0, 0},
		{"joins of one who may", false, func(i int) string {
			return []string{xmlOf("presence", member, lobby+"/Pat", join, i), xmlOf("presence", member, lobby+"/Pat", "type='unavailable'>", i)}[i%2]
		}, 0, 0},
		{"nicks", false, func(i int) string {
			return xmlOf("presence", member, fmt.Sprintf("%s/%s%d", lobby, []string{"Anna", "Pat\u200b", "P\u0430t", strings.Repeat("x", 300)}[i%4], i%7), join, i)
		}, 0, 0},
		{"archive queries in rooms", false, func(i int) string { return xmlOf("iq", member, lobby, mam, i) }, 0, 0},
		{"questions to contacts", false, func(i int) string {
			return xmlOf("iq", many(i), fmt.Sprintf("alice.%d@%s", i%100, deskDomain), "type='get'><vCard xmlns='vcard-temp'/>", i)
		}, 0, 0},
		{"questions to occupants", false, func(i int) string {
			return xmlOf("iq", bob, lobby+"/Anna", "type='get'><query xmlns='jabber:iq:version'/>", i)
		}, 0, 0},
		{"probes and subscriptions to rooms", false, func(i int) string {
			return xmlOf("presence", many(i), lobby, []string{"type='probe'>", "type='subscribe'>", "type='error'>"}[i%3], i)
		}, 0, 0},
	}
}

// TestHostile: whatever somebody sends as fast as the desk takes it, a quiet customer's messages are taken meanwhile, no link breaks, and the
// log grows by no more than the bound. The figures of docs/reliability.md: go test ./e2e -run '^TestHostile$' -v -samples 500
func TestHostile(t *testing.T) {
	t.Parallel()
	w := prepareFake(t, t.TempDir())
	w.clock, w.messages = nil, 60
	w.top = "members = [\"partner.example\"]"
	w.conf.Store("[times]\nanswer = \"24h\"\nlong_wait = \"24h\"\n" + strings.NewReplacer("capacity = 2", "capacity = 1000", "role = \"supervisor\"\ncapacity = 1000", "role = \"supervisor\"").Replace(w.conf.Load().(string)))
	w.start()
	d := &dialogue{w: w, t: t, names: map[string]string{}, who: map[string]*client{}}
	for _, name := range []string{"anna", "bob"} {
		d.login(name)
		d.enter(name)
	}
	q := newQuiet(w)
	for range quiets { // everybody has a conversation
		q.ask(t)
	}
	for k, a := range attacks() {
		t.Run(a.name, func(t *testing.T) {
			for _, c := range d.who {
				c.clear()
			}
			before, asked, start := w.counted(q, d.client("anna")), q.next, time.Now()
			stop := make(chan struct{})
			sent := make(chan int)
			go func() { sent <- w.assault(&a, fmt.Sprintf("evil%d.example", k), stop) }()
			var times []time.Duration
			for range *samples {
				times = append(times, q.ask(t))
			}
			close(stop)
			n, length := <-sent, time.Since(start)
			slices.Sort(times)
			t.Logf("%-42s %8.0f stanzas/s   quiet customer p50 %7s p99 %7s", a.name, float64(n)/length.Seconds(), times[len(times)/2].Round(100*time.Microsecond), times[len(times)*99/100].Round(100*time.Microsecond))
			after := w.counted(q, d.client("anna"))
			for _, side := range []string{"front", "desk"} {
				if after["link_connects_"+side] != before["link_connects_"+side] {
					t.Errorf("the %s's link broke", side)
				}
			}
			if more, most := after["log_records"]-before["log_records"]-float64(q.next-asked), float64(a.once)+a.rate*(length.Seconds()+2); more > most {
				t.Errorf("%.0f records more, which may be %.0f", more, most)
			}
		})
	}
}

// assault sends an attack, from a domain that nobody knows yet, until it is told to stop, and returns how many stanzas that were. It waits after each volley until the desk
// has read it, as a server does whose connection is full.
func (w *world) assault(a *attack, from string, stop chan struct{}) int {
	if a.make == nil {
		<-stop
		return 0
	}
	domain := deskDomain
	if a.front {
		domain = frontDomain
	}
	c := fakeClient(w.fake, stanza.JID("fence@"+from+"/x"), nil)
	defer c.drop()
	for n := 0; ; {
		select {
		case <-stop:
			return n
		default:
		}
		var b bytes.Buffer
		for range volley {
			b.WriteString(strings.ReplaceAll(a.make(n), evil, from))
			n++
		}
		w.fake.Inject(domain, b.Bytes())
		if err := c.fence(domain); err != nil {
			w.t.Error(err)
			return n
		}
		c.clear()
	}
}

// counted returns metrics of after now: they are published once a second while something happens.
func (w *world) counted(q *quiet, c *client) map[string]float64 {
	const said = "messages_from_customers_total"
	old := w.relay.Metrics()[said]
	for q.ask(w.t); w.relay.Metrics()[said] == old; {
		must(w.t, c.fence("desk@"+deskDomain))
	}
	return w.relay.Metrics()
}

// quiet are customers of whom each writes now and then.
type quiet struct {
	clients []*client
	next    int
}

func newQuiet(w *world) *quiet {
	q := &quiet{}
	for i := range quiets {
		q.clients = append(q.clients, fakeClient(w.fake, stanza.JID(fmt.Sprintf("quiet%d@home.example/x", i)), nil))
	}
	return q
}

// ask has one of them write, and returns how long it took until he knew that it is kept.
func (q *quiet) ask(t *testing.T) time.Duration {
	t.Helper()
	q.next++
	n := q.next
	c := q.clients[n%quiets]
	id := fmt.Sprintf("q%d", n)
	c.clear()
	start := time.Now()
	c.send(stanza.New("", "message", "type", "chat", "to", "support@"+frontDomain, "id", id).Add(
		stanza.Text("", "body", fmt.Sprintf("Where is parcel %d?", n)), stanza.New("urn:xmpp:receipts", "request")))
	got := c.await(func(s *stanza.Element) bool {
		return s.Child("urn:xmpp:receipts", "received").Attr("id") == id || s.Type() == "error"
	})
	if got == nil || got.Type() == "error" {
		t.Fatalf("no receipt, but %s", got)
	}
	return time.Since(start)
}
