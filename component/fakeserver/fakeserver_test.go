package fakeserver

import (
	"bufio"
	"crypto/sha1"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"frontdesk/component/stanza"
)

const (
	desk  = "desk.agents.example"
	front = "help.customers.example"
)

func serve(t *testing.T) *Server {
	t.Helper()
	s, err := New(map[string]string{desk: "s1", front: "s2"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// wire is a component by hand.
type wire struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
	r    *stanza.Reader
}

func dial(t *testing.T, s *Server, domain, secret string) *wire {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	t.Cleanup(func() { conn.Close() })
	w := &wire{t: t, conn: conn, in: bufio.NewReader(conn)}
	w.say("<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='" + domain + "'>")
	w.in.ReadString('>') // the XML declaration
	header, err := w.in.ReadString('>')
	if err != nil {
		return w
	}
	_, id, _ := strings.Cut(header, " id='")
	id, _, _ = strings.Cut(id, "'")
	w.say(fmt.Sprintf("<handshake>%x</handshake>", sha1.Sum([]byte(id+secret))))
	w.r = stanza.NewReader(w.in, 1<<20)
	return w
}

func (w *wire) say(text string) {
	w.t.Helper()
	if _, err := io.WriteString(w.conn, text); err != nil {
		w.t.Log(err)
	}
}

func (w *wire) next() string {
	w.t.Helper()
	if w.r == nil {
		return "closed"
	}
	e, err := w.r.Next()
	if err != nil {
		return err.Error()
	}
	return e.String()
}

func (w *wire) expect(want string) {
	w.t.Helper()
	if got := w.next(); !strings.Contains(got, want) {
		w.t.Errorf("got %s, want %s", got, want)
	}
}

func join(t *testing.T, s *Server, domain, secret string) *wire {
	t.Helper()
	w := dial(t, s, domain, secret)
	w.expect("<handshake")
	s.Wait(domain, true)
	return w
}

func TestHandshake(t *testing.T) {
	t.Parallel()
	s := serve(t)
	dial(t, s, desk, "wrong").expect("not-authorized")
	dial(t, s, "nobody.example", "s1").expect("host-unknown")
	s.Refuse(desk, true)
	dial(t, s, desk, "s1").expect("closed")
	s.Refuse(desk, false)
	first := join(t, s, desk, "s1")
	dial(t, s, desk, "s1").expect("conflict")
	first.say("</stream:stream>")
	first.expect("EOF")
	s.Wait(desk, false)
	join(t, s, desk, "s1")
}

// Whatever a real server punishes ends the stream here.
func TestStrict(t *testing.T) {
	t.Parallel()
	s := serve(t)
	for text, want := range map[string]string{
		"<message from='a@evil.example' to='b@agents.example'/>":      "invalid-from",
		"<message to='b@agents.example'/>":                            "invalid-from",
		"<message from='a@desk.agents.example'/>":                     "invalid-from",
		"<message from='desk.agents.example' to=''/>":                 "invalid-from",
		"<message from='desk.agents.example' to='b@x'>\x01</message>": "not-well-formed",
		"<message from='desk.agents.example' to='b@x'></iq>":          "not-well-formed",
		"<!-- -->":     "not-well-formed",
		"<handshake/>": "unsupported-stanza-type",
		"<message from='desk.agents.example' to='b@x'>" + strings.Repeat("x", maxStanza) + "</message>": "policy-violation",
	} {
		w := join(t, s, desk, "s1")
		w.say(text)
		w.expect(want)
		s.Wait(desk, false)
	}
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	s := serve(t)
	var got []string
	note := func(who string) func(*stanza.Element) {
		return func(e *stanza.Element) { got = append(got, who+" "+e.String()) }
	}
	phone := s.Client("anna@agents.example/phone", note("phone"))
	laptop := s.Client("anna@agents.example/laptop", note("laptop"))
	w := join(t, s, desk, "s1")

	phone.Send(stanza.New("", "message", "to", "lobby@"+desk, "id", "1"))
	w.expect("from='anna@agents.example/phone'")
	phone.Send(stanza.New("", "presence", "to", "lobby@"+desk+"/Anna"))
	w.expect("presence")
	phone.Send(stanza.New("", "presence")) // to nobody
	phone.Send(stanza.New("", "message", "to", "x@"+front, "id", "absent"))
	phone.Send(stanza.New("", "presence", "to", "x@"+front))
	phone.Send(stanza.New("", "iq", "type", "get", "to", "agents.example", "id", "p").Add(stanza.New(stanza.NSPing, "ping")))
	for _, text := range []string{
		"<message from='lobby@%s' to='anna@agents.example' id='both'/>",
		"<message from='lobby@%s' to='anna@agents.example/phone' id='one'/>",
		"<message from='lobby@%s' to='anna@agents.example/tv' id='gone'/>",
		"<message from='lobby@%s' to='bob@agents.example' id='nobody'/>",
		"<message type='error' from='lobby@%s' to='bob@agents.example' id='no'/>",
		"<presence from='lobby@%s' to='bob@agents.example'/>",
		"<iq type='get' from='%s' to='anna@agents.example' id='account'/>",
		"<iq type='get' from='%s' to='" + desk + "' id='self'/>",
	} {
		w.say(fmt.Sprintf(text, desk))
	}
	for _, id := range []string{"gone", "nobody", "account", "self"} {
		w.expect("id='" + id + "'")
	}
	phone.Close()
	phone.Close()
	w.expect("type='unavailable'")
	laptop.Close()
	want := []string{"phone absent error", "phone p result", "phone both", "laptop both", "phone one"}
	if len(got) != len(want) {
		t.Fatalf("%d stanzas: %q", len(got), got)
	}
	for i, w := range want {
		for _, word := range strings.Fields(w) {
			if !strings.Contains(got[i], word) {
				t.Errorf("%d: %s, want %s", i, got[i], w)
			}
		}
	}
	if !strings.Contains(got[0], "remote-server-timeout") {
		t.Errorf("an absent component: %s", got[0])
	}
}

// A handler may send, to itself too, and what it gets is in order.
func TestHandlerSends(t *testing.T) {
	t.Parallel()
	s := serve(t)
	var got []string
	var ping, pong *Client
	pong = s.Client("bob@agents.example/x", func(e *stanza.Element) {
		pong.Send(stanza.New("", "message", "to", "anna@agents.example/x", "id", e.ID()+"b"))
		pong.Send(stanza.New("", "message", "to", "anna@agents.example/x", "id", e.ID()+"c"))
	})
	ping = s.Client("anna@agents.example/x", func(e *stanza.Element) {
		got = append(got, e.ID())
		if len(e.ID()) < 3 {
			ping.Send(stanza.New("", "message", "to", "bob@agents.example/x", "id", e.ID()))
		}
	})
	ping.Send(stanza.New("", "message", "to", "anna@agents.example/x", "id", "a"))
	if want := []string{"a", "ab", "ac", "abb", "abc", "acb", "acc"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestMuteAndCut(t *testing.T) {
	t.Parallel()
	s := serve(t)
	got := make(chan string, 10)
	client := s.Client("anna@agents.example/x", func(e *stanza.Element) { got <- e.ID() })
	w := join(t, s, desk, "s1")
	s.Mute(desk, true)
	w.say("<message from='desk.agents.example' to='anna@agents.example' id='later'/>")
	client.Send(stanza.New("", "message", "to", desk, "id", "kept"))
	s.Mute(desk, false)
	w.expect("id='kept'")
	if id := <-got; id != "later" {
		t.Errorf("got %s", id)
	}

	s.Mute(desk, true)
	w.say("<message from='desk.agents.example' to='anna@agents.example' id='lost'/>")
	next := join(t, s, desk, "s1") // in the place of the mute one
	if _, err := w.r.Next(); err == nil {
		t.Error("the mute connection lives on")
	}
	next.say("<message from='desk.agents.example' to='anna@agents.example' id='next'/>")
	if id := <-got; id != "next" {
		t.Errorf("got %s", id)
	}
	s.Cut(desk)
	if s.Connected(desk) {
		t.Error("connected after Cut")
	}
	if _, err := next.r.Next(); err == nil {
		t.Error("the connection lives on after Cut")
	}
}
