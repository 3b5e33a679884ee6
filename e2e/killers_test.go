package e2e

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"frontdesk/component/stanza"
)

// killers are stanzas that any user can send and that have ended streams of components, or
// are of the kind. One without a to goes to every address of both sides.
var killers = []struct{ name, xml string }{
	{"get without payload", `<iq type='get' id='k'/>`},
	{"set without payload", `<iq type='set' id='k'/>`},
	{"get of text", `<iq type='get' id='k'>text</iq>`},
	{"get of two", `<iq type='get' id='k'><query xmlns='a'/><query xmlns='b'/></iq>`},
	{"result without payload", `<iq type='result' id='k'/>`},
	{"result of text", `<iq type='result' id='k'>text</iq>`},
	{"error without payload", `<iq type='error' id='k'/>`},
	{"error of text", `<iq type='error' id='k'>text</iq>`},
	{"iq without id", `<iq type='get'><ping xmlns='urn:xmpp:ping'/></iq>`},
	{"iq with an empty id", `<iq type='get' id=''><ping xmlns='urn:xmpp:ping'/></iq>`},
	{"iq of no type", `<iq id='k'><ping xmlns='urn:xmpp:ping'/></iq>`},
	{"iq of type foo", `<iq type='foo' id='k'><ping xmlns='urn:xmpp:ping'/></iq>`},
	{"presence of type foo", `<presence type='foo' id='k'/>`},
	{"message of type foo", `<message type='foo' id='k'><body>foo</body></message>`},
	{"message with an empty id", `<message type='chat' id=''><body>no id</body></message>`},
	{"message without anything", `<message/>`},
	{"groupchat", `<message type='groupchat' id='k'><body>all</body></message>`},
	{"message error without payload", `<message type='error' id='k'/>`},
	{"message error of text", `<message type='error' id='k'>text</message>`},
	{"presence error without payload", `<presence type='error' id='k'/>`},
	{"illegal xml:lang", `<message type='chat' id='k' xml:lang='!! no &lt;language&gt; &apos;'><body xml:lang=''>word</body></message>`},
	{"odd show and priority", `<presence id='k'><show>odd</show><show/><priority>9999</priority></presence>`},
	{"foreign namespaces", `<message type='chat' id='k'><a:b xmlns:a='&amp;&lt;' a:c='d'/><body xmlns='urn:x'>x</body></message>`},
	{"forged delay and address", `<message type='chat' id='k'><body>x</body><delay xmlns='urn:xmpp:delay' from='@' stamp='never'/><addresses xmlns='http://jabber.org/protocol/address'/></message>`},
	{"characters beyond the plane", `<message type='chat' id='😀'><body>😀 Ⅳ ❤️ &#x1FAE9; &#xFFFD; &#x85; &#x2028;</body><thread>😀</thread></message>`},
	{"invalid references", `<message type='chat' id='k'><body>x</body><replace xmlns='urn:xmpp:message-correct:0' id=''/><reactions xmlns='urn:xmpp:reactions:0' id='none'/><retract xmlns='urn:xmpp:message-retract:1'/></message>`},
	{"fallback out of range", `<message type='chat' id='k'><body>x</body><reply xmlns='urn:xmpp:reply:0' id='y'/><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='-1' end='99999999999999999999'/></fallback></message>`},

	{"nick ❤️", `<presence to='lobby@desk.agents.localhost/❤️' id='k'><x xmlns='http://jabber.org/protocol/muc'/></presence>`},
	{"nick U+1FAE9", `<presence to='lobby@desk.agents.localhost/&#x1FAE9;' id='k'/>`},
	{"nick Ⅳ", `<presence to='lobby@desk.agents.localhost/Ⅳ' id='k'/>`},
	{"nick ﷺ", `<presence to='lobby@desk.agents.localhost/ﷺﬃ' id='k'/>`},
	{"nick of markup", `<presence to='lobby@desk.agents.localhost/&lt;&amp;&quot;&apos;/@&gt;' id='k'/>`},
	{"nick of blanks", `<presence to='lobby@desk.agents.localhost/ a  b ' id='k'/>`},
	{"nick of combining marks", `<presence to='lobby@desk.agents.localhost/&#x300;&#x300;&#x202E;x' id='k'/>`},
	{"nick of 1023 bytes", `<presence to='lobby@desk.agents.localhost/` + strings.Repeat("x", 1023) + `' id='k'/>`},
	{"localpart Ⅳ", `<message to='Ⅳ@{side}' type='chat' id='k'><body>four</body></message>`},
	{"localpart 😀", `<message to='😀@{side}' type='chat' id='k'><body>smile</body></message>`},
	{"localpart 😀, asked", `<iq to='😀.1@{side}/x' type='get' id='k'><ping xmlns='urn:xmpp:ping'/></iq>`},
	{"localpart of 1023 bytes", `<iq to='` + strings.Repeat("x", 1023) + `@{side}' type='get' id='k'><ping xmlns='urn:xmpp:ping'/></iq>`},
	{"resource of odd characters", `<iq to='desk@{side}/❤️ &#x1FAE9;Ⅳ' type='get' id='k'><ping xmlns='urn:xmpp:ping'/></iq>`},
}

// large are killers that are too long to be written down.
func large(name string) *stanza.Element {
	m := stanza.New("", "message", "type", "chat", "id", "k").Add(stanza.Text("", "body", name))
	switch name {
	case "60 levels":
		return m.Add(nested(60))
	case "500 levels":
		return m.Add(nested(500))
	case "200 KiB":
		return stanza.New("", "message", "type", "chat", "id", "k").Add(stanza.Text("", "body", strings.Repeat("0123456789abcdef", 200<<10/16)))
	case "200 KiB of lines":
		return stanza.New("", "message", "type", "chat", "id", "k").Add(stanza.Text("", "body", strings.Repeat("!\n", 100<<10)))
	case "200 KiB of references":
		return stanza.New("", "message", "type", "chat", "id", "k").Add(stanza.Text("", "body", strings.Repeat("&", 200<<10/len("&amp;"))))
	case "presence of 200 KiB":
		return stanza.New("", "presence", "id", "k").Add(stanza.Text("", "status", strings.Repeat("busy ", 40<<10)))
	case "10000 children":
		for range 10_000 {
			m.Add(stanza.New("urn:x", "y"))
		}
		return m
	case "1000 attributes":
		el := stanza.New("urn:x", "y")
		for i := range 1000 {
			el.Set(fmt.Sprintf("a%d", i), "v")
		}
		return m.Add(el)
	case "id of 100 KiB":
		return m.Set("id", strings.Repeat("i", 100<<10))
	}
	panic("e2e: no killer " + name)
}

var largeNames = []string{"60 levels", "500 levels", "200 KiB", "200 KiB of lines", "200 KiB of references", "presence of 200 KiB", "10000 children", "1000 attributes", "id of 100 KiB"}

func nested(levels int) *stanza.Element {
	el := stanza.New("urn:x", "y")
	for range levels {
		el = stanza.New("urn:x", "y").Add(el)
	}
	return el
}

// TestKillers: no stanza that a user can send ends a link or stops the talk of others, whoever
// sends it: a stranger's web page, an occupant of the lobby, an agent.
func TestKillers(t *testing.T) {
	for _, s := range settings {
		if !s.one {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			h := besiege(t, newReal(t, s.front, s.desk, s.one))
			for _, k := range killers {
				el, err := stanza.Parse(k.xml)
				must(t, err)
				h.strike(k.name, el)
			}
			for _, name := range largeNames {
				h.strike(name, large(name))
			}
			h.brink()
			t.Logf("%d volleys sent, %d times a server put the sender out", h.sent, h.kicks)
		})
	}
}

// siege is a desk at work, with people who send it what no client would.
type siege struct {
	t           *testing.T
	w           *world
	alice, anna *client // who talk on
	contact     stanza.JID
	senders     []*sender
	login       func() *client // of alice
	sent, kicks int
	said        int
	fences      int
}

// sender is one of those people.
type sender struct {
	name  string
	side  string // domain that he writes to
	to    []string
	login func() *client
	fence string
	c     *client
}

// besiege opens a conversation of Alice with Anna and brings the others in.
func besiege(t *testing.T, w *world) *siege {
	h := &siege{t: t, w: w}
	d := &dialogue{w: w, t: t, names: map[string]string{}, who: map[string]*client{}}
	enter := func(name string) func() *client {
		return func() *client {
			d.login(name)
			d.enter(name)
			return d.who[name]
		}
	}
	h.anna = enter("anna")()
	key := ""
	h.login = func() *client { // under the key of her thread
		d.login("alice")
		c := d.who["alice"]
		c.send(stanza.New("", "iq", "type", "set", "id", "claim", "to", "support@"+frontDomain).Add(stanza.New("urn:frontdesk:0", "claim", "key", key)))
		r := c.await(func(s *stanza.Element) bool { return s.ID() == "claim" })
		if r == nil || !r.Has("urn:frontdesk:0", "claim") {
			t.Fatalf("alice cannot claim her thread: %s", r)
		}
		key = r.Child("urn:frontdesk:0", "claim").Attr("key")
		return c
	}
	h.alice = h.login()
	h.talk("the beginning")
	carol := enter("carol")()
	must(t, carol.send(stanza.New("", "iq", "type", "set", "id", "grant", "to", "lobby@"+deskDomain).Add(
		stanza.New("http://jabber.org/protocol/muc#admin", "query").Add(
			stanza.New("http://jabber.org/protocol/muc#admin", "item", "affiliation", "member", "jid", "eve@"+agentsHost)))))
	if r := carol.await(func(s *stanza.Element) bool { return s.ID() == "grant" }); r == nil || r.Type() != "result" {
		t.Fatalf("eve cannot be made a member: %s", r)
	}
	front := []string{"support@" + frontDomain, "nobody@" + frontDomain, frontDomain}
	desk := []string{"lobby@" + deskDomain, "lobby@" + deskDomain + "/Anna", "lobby@" + deskDomain + "/nobody",
		string(h.contact), "desk@" + deskDomain, "nobody@" + deskDomain, deskDomain}
	page := func() *client { d.login("bela"); return d.who["bela"] }
	h.senders = []*sender{
		{name: "a page", side: frontDomain, to: front, login: page, fence: front[0]},
		{name: "eve", side: deskDomain, to: desk, login: enter("eve"), fence: desk[0] + "/eve"},
		{name: "bob", side: deskDomain, to: desk, login: enter("bob"), fence: desk[4]},
	}
	for _, g := range h.senders {
		g.c = g.login()
	}
	return h
}

// strike has everybody send a killer to all addresses, and sees whether the desk works on.
func (h *siege) strike(name string, el *stanza.Element) {
	for _, g := range h.senders {
		to := g.to
		if own := el.Attr("to"); own != "" {
			to = []string{strings.ReplaceAll(own, "{side}", g.side)}
		}
		if h.sends(g, el, to...) {
			continue
		}
		for _, address := range to { // put out at the first of them, perhaps
			g.c = g.login()
			if !h.sends(g, el, address) {
				h.kicks++
			}
		}
		g.c = g.login()
	}
	h.talk("after " + name)
}

// sends has a killer sent to addresses and waits until that has been dealt with; false where the
// server put the sender out for it.
func (h *siege) sends(g *sender, el *stanza.Element, to ...string) bool {
	h.t.Helper()
	h.sent++
	var err error
	for _, address := range to {
		k := *el
		k.Attrs = slices.Clone(el.Attrs)
		err = errors.Join(err, g.c.send(k.Set("to", address)))
	}
	if !h.fence(g.c, g.fence, err) {
		return false
	}
	g.c.clear()
	return true
}

// fence waits until all that a client has sent to an address has been dealt with; false where the server put
// the client out for it, or had done so already (err).
func (h *siege) fence(c *client, to string, err error) bool {
	h.t.Helper()
	h.fences++
	id := fmt.Sprintf("fence-%d", h.fences)
	err = errors.Join(err, c.send(stanza.New("", "iq", "type", "get", "to", to, "id", id).Add(stanza.New(stanza.NSPing, "ping"))))
	var end *stanza.Element
	if err == nil {
		end = c.await(func(s *stanza.Element) bool {
			return s.Local == "iq" && s.ID() == id || s.Is(stanza.NSStream, "error")
		})
	}
	c.mu.Lock()
	gone := c.gone
	c.mu.Unlock()
	switch {
	case err != nil || end == nil && gone || end != nil && end.Local == "error":
		c.drop()
		return false
	case end == nil:
		h.t.Fatalf("%s does not answer %s any more", to, c.jid)
	}
	return true
}

// talk has a message pass both ways, on links that have never been down.
func (h *siege) talk(when string) {
	h.t.Helper()
	h.said++
	for _, turn := range []struct {
		from, to *client
		address  stanza.JID
	}{{h.alice, h.anna, "support@" + frontDomain}, {h.anna, h.alice, h.contact}} {
		body := fmt.Sprintf("%d, %s", h.said, when)
		if turn.address == "" { // the contact, just learned
			turn.address = h.contact
		}
		must(h.t, turn.from.send(stanza.New("", "message", "type", "chat", "to", string(turn.address), "id", fmt.Sprintf("t%d", h.said)).
			Add(stanza.Text("", "body", body))))
		got := turn.to.await(func(s *stanza.Element) bool { return s.Local == "message" && s.ChildText("", "body") == body })
		if got == nil {
			h.t.Fatalf("%s: what %s says does not reach %s", when, turn.from.jid, turn.to.jid)
		}
		if h.contact == "" {
			h.contact = got.From().Bare()
		}
		turn.to.clear()
	}
	m := h.w.relay.Metrics()
	for _, side := range []string{"front", "desk"} {
		if n := m["link_connects_"+side]; n != 1 {
			h.t.Fatalf("%s: the link of the %s has come up %v times", when, side, n)
		}
		if n := m["link_refused_at_gate_"+side]; n != 0 {
			h.t.Fatalf("%s: %v stanzas to the %s were refused at the gate", when, n, side)
		}
	}
}

// brink sends messages that are about as long as a stanza may be, or that hold what goes out twice: what
// comes out of them could be longer than what came in. One whose receipt came has to arrive.
func (h *siege) brink() {
	const most = 256 << 10 // bytes of a stanza
	for short := 300; short >= 25; short -= 25 {
		h.promised(fmt.Sprintf("%d bytes below a stanza's limit", short), func(m *stanza.Element) {
			room := most - short - len(m.AppendXML(nil)) - len("<body></body>")
			m.Add(stanza.Text("", "body", strings.Repeat("&", room/len("&amp;"))+strings.Repeat(".", room%len("&amp;"))))
		})
	}
	h.promised("a link of 150 KiB", func(m *stanza.Element) {
		m.Add(stanza.New("jabber:x:oob", "x").Add(stanza.Text("jabber:x:oob", "url", "https://example.org/?"+strings.Repeat("&", 30<<10))))
	})
	h.promised("a language of 150 KiB", func(m *stanza.Element) {
		m.Add(stanza.Text("", "body", strings.Repeat("&", 20<<10))).SetLang(strings.Repeat("&", 30<<10))
	})
	h.talk("on the brink")
}

// promised has Alice send a message: an error comes back, or a receipt, and then Anna gets it.
func (h *siege) promised(what string, fill func(*stanza.Element)) {
	h.t.Helper()
	h.said++
	id := fmt.Sprintf("brink-%d", h.said)
	m := stanza.New("", "message", "type", "chat", "to", "support@"+frontDomain, "id", id).Add(stanza.New("urn:xmpp:receipts", "request"))
	fill(m)
	answered := h.fence(h.alice, "support@"+frontDomain, h.alice.send(m))
	if !answered { // too long for the server already
		h.kicks++
		h.alice = h.login()
		return
	}
	refused := len(h.alice.pending(func(s *stanza.Element) bool { return s.Type() == "error" && s.ID() == id })) > 0
	receipt := len(h.alice.pending(func(s *stanza.Element) bool {
		r := s.Child("urn:xmpp:receipts", "received")
		return r != nil && r.Attr("id") == id
	})) > 0
	h.alice.clear()
	if refused || !receipt {
		if refused == receipt {
			h.t.Errorf("%s: refused %v, receipt %v", what, refused, receipt)
		}
		return
	}
	must(h.t, h.anna.fence("desk@"+deskDomain))
	if len(h.anna.pending(func(s *stanza.Element) bool { return s.Local == "message" && len(s.ChildText("", "body")) > 10<<10 })) == 0 {
		h.t.Errorf("%s: a receipt, but the message did not reach the agent", what)
	}
	h.anna.clear()
}
