package component

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"frontdesk/component/fakeserver"
	"frontdesk/component/stanza"
)

const (
	domain = "desk.agents.example"
	other  = "help.customers.example"
	anna   = stanza.JID("anna@agents.example/phone")
)

// recorder takes a link's events; it never waits, as a consumer should not.
type recorder struct {
	events chan Event
	past   []Event
	limit  time.Duration // of await
}

func newRecorder() *recorder {
	return &recorder{events: make(chan Event, 1<<16), limit: 20 * time.Second}
}

// await returns the next event of that kind; those before it go to past.
func (r *recorder) await(t *testing.T, kind EventKind) Event {
	t.Helper()
	late := time.After(r.limit)
	for {
		select {
		case e := <-r.events:
			r.past = append(r.past, e)
			if e.Kind == kind {
				return e
			}
		case <-late:
			t.Fatalf("no event %d", kind)
		}
	}
}

func (r *recorder) count(kind EventKind) (n int) {
	for {
		select {
		case e := <-r.events:
			r.past = append(r.past, e)
		default:
			for _, e := range r.past {
				if e.Kind == kind {
					n++
				}
			}
			return n
		}
	}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func config(addr string) Config {
	return Config{
		Name: "desk", Address: addr, Domain: domain, Secret: "s1", Log: quiet(),
		MinWait: time.Millisecond, MaxWait: 20 * time.Millisecond,
	}
}

func serve(t testing.TB) *fakeserver.Server {
	t.Helper()
	s, err := fakeserver.New(map[string]string{domain: "s1", other: "s2"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// start runs a link until the test ends; stop ends it earlier.
func start(t testing.TB, cfg Config, deliver func(Event)) (l *Link, stop func()) {
	t.Helper()
	l, err := New(cfg, deliver)
	if err != nil {
		t.Fatal(err)
	}
	stop = run(t, l)
	return l, stop
}

func run(t testing.TB, l *Link) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	ended := false
	stop = func() {
		cancel()
		if !ended {
			if err := <-done; err != nil {
				t.Errorf("Run: %v", err)
			}
		}
		ended = true
	}
	t.Cleanup(stop)
	return stop
}

func message(id string) *stanza.Element {
	return stanza.New("", "message", "type", "chat", "from", "alice.1@"+domain+"/desk", "to", string(anna), "id", id).
		Add(stanza.Text("", "body", "Hello"))
}

func TestTry(t *testing.T) {
	t.Parallel()
	server := serve(t)
	with := func(change func(*Config)) Config {
		cfg := config(server.Addr())
		change(&cfg)
		return cfg
	}
	authority, front := tlsFront(t, server.Addr(), func(*x509.Certificate) {})
	strange, elsewhere := tlsFront(t, server.Addr(), func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"xmpp.other.example"} })
	old, expired := tlsFront(t, server.Addr(), func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) })
	young, early := tlsFront(t, server.Addr(), func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) })
	busy := config(server.Addr())
	busy.Domain, busy.Secret = other, "s2"
	rec := newRecorder()
	start(t, busy, func(e Event) { rec.events <- e })
	rec.await(t, Up)

	for _, test := range []struct {
		name string
		cfg  Config
		want string // in the error; "" for none
	}{
		{"all is well", config(server.Addr()), ""},
		{"TLS", with(func(c *Config) { c.Address, c.TLS = front, authority }), ""},
		{"wrong secret", with(func(c *Config) { c.Secret = "s2" }), "desk: the server refused the secret for desk.agents.example: make [desk] secret the same as"},
		{"unknown host", with(func(c *Config) { c.Domain = "nobody.example" }), "the server knows no component nobody.example: add it to the server's config, or correct [desk] domain"},
		{"conflict", busy, "somebody else is connected as help.customers.example"},
		{"nothing listens", with(func(c *Config) { c.Address = closedPort(t) }), "start the server, or correct [desk] server"},
		{"something else", with(func(c *Config) { c.Address = answering(t, "HTTP/1.1 400 Bad Request\r\n\r\n<html>") }), "does not answer as an XMPP server's component port"},
		{"hangs up", with(func(c *Config) { c.Address = answering(t, "\x00") }), "closed the connection in the handshake"},
		{"no TLS there", with(func(c *Config) { c.Address = answering(t, "<stream/>"); c.TLS = &tls.Config{} }), "does not speak TLS: set [desk] tls = false"},
		{"TLS by nobody we know", with(func(c *Config) { c.Address, c.TLS = front, &tls.Config{} }), "is not trusted: set [desk] tls_ca"},
		{"TLS by another authority", with(func(c *Config) { c.Address, c.TLS = front, strange }), "is not trusted: set [desk] tls_ca"},
		{"TLS of another name", with(func(c *Config) { c.Address, c.TLS = elsewhere, strange }), "is for another name: correct [desk] server"},
		{"TLS expired", with(func(c *Config) { c.Address, c.TLS = expired, old }), "has expired or is not valid yet: renew it, or set the clock"},
		{"TLS not valid yet", with(func(c *Config) { c.Address, c.TLS = early, young }), "has expired or is not valid yet"},
		{"TLS, but we do not", with(func(c *Config) { c.Address = front }), "closed the connection in the handshake: is this the component port (often 5347)? Correct [desk] server or tls"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := Try(t.Context(), test.cfg)
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v\nwant %s", err, test.want)
			}
		})
	}
}

func closedPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// answering listens, says one thing to everybody and nothing else; "\x00" is to hang up.
func answering(t *testing.T, say string) string {
	t.Helper()
	return listen(t, func(conn net.Conn) {
		if say != "\x00" {
			io.WriteString(conn, say)
			io.Copy(io.Discard, conn)
		}
	})
}

// listen serves connections until the test ends.
func listen(t *testing.T, each func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				each(conn)
			}()
		}
	}()
	return listener.Addr().String()
}

// tlsFront is a TLS port in front of addr, with a certificate of an authority of its own, good or changed.
func tlsFront(t *testing.T, addr string, change func(*x509.Certificate)) (*tls.Config, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true,
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	change(template)
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	cfg := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	return &tls.Config{RootCAs: pool}, listen(t, func(conn net.Conn) {
		secure := tls.Server(conn, cfg)
		inner, err := net.Dial("tcp", addr)
		if err != nil {
			return
		}
		defer inner.Close()
		go func() {
			io.Copy(secure, inner)
			secure.Close()
		}()
		io.Copy(inner, secure)
	})
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Config){
		"no Name":            func(c *Config) { c.Name = "" },
		"no Secret":          func(c *Config) { c.Secret = "" },
		"not host:port":      func(c *Config) { c.Address = "localhost" },
		"not a domain":       func(c *Config) { c.Domain = "a'b.example" },
		"has to be written ": func(c *Config) { c.Domain = "Desk.example" },
	} {
		cfg := config("127.0.0.1:5347")
		change(&cfg)
		if _, err := New(cfg, func(Event) {}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// The link comes back by itself, through refusals, and its events alternate.
func TestRedial(t *testing.T) {
	t.Parallel()
	server := serve(t)
	rec := newRecorder()
	l, stop := start(t, config(server.Addr()), func(e Event) { rec.events <- e })
	rec.await(t, Up)
	for range 3 {
		server.Cut(domain)
		down := rec.await(t, Down)
		if down.Err == nil {
			t.Error("Down without a cause")
		}
		rec.await(t, Up)
	}
	server.Refuse(domain, true)
	server.Cut(domain)
	rec.await(t, Down)
	if err := l.Send(message("m"), 1); !errors.Is(err, ErrDown) {
		t.Errorf("Send while down: %v", err)
	}
	if s := l.Stats(); s.Up || s.Err == nil {
		t.Errorf("stats while down: %+v", s)
	}
	server.Refuse(domain, false)
	rec.await(t, Up)
	if s := l.Stats(); !s.Up || s.Err != nil || s.Connects != 5 {
		t.Errorf("stats: %+v", s)
	}
	stop()
	if rec.count(Up) != 5 || rec.count(Down) != 4 {
		t.Errorf("Up %d, Down %d", rec.count(Up), rec.count(Down))
	}
	if err := l.Run(t.Context()); err == nil {
		t.Error("ran twice")
	}
}

// When a mark is acknowledged, the server has read, and so routed, all up to it.
func TestAcks(t *testing.T) {
	t.Parallel()
	server := serve(t)
	got := make(chan string, 1<<16)
	server.Client(anna, func(e *stanza.Element) { got <- e.ID() })
	rec := newRecorder()
	l, _ := start(t, config(server.Addr()), func(e Event) { rec.events <- e })
	rec.await(t, Up)

	const n = 5000
	server.Mute(domain, true)
	for i := 1; i <= n; i++ {
		if err := l.Send(message(fmt.Sprint(i)), uint64(i)); err != nil {
			t.Fatal(err)
		}
	}
	server.Mute(domain, false)
	for next, last := 1, uint64(0); last < n; {
		ack := rec.await(t, Acked)
		if ack.Mark <= last {
			t.Fatalf("acknowledged %d after %d", ack.Mark, last)
		}
		for last = ack.Mark; next <= int(last); next++ {
			select {
			case id := <-got:
				if id != fmt.Sprint(next) {
					t.Fatalf("anna got %s, not %d", id, next)
				}
			default:
				t.Fatalf("acknowledged %d, read %d", last, next-1)
			}
		}
	}
	if acks, bytes := rec.count(Acked), n*len(message("1").AppendXML(nil)); acks < bytes/ackEvery {
		t.Errorf("%d acknowledgements for %d bytes", acks, bytes)
	}
	const ping = 256 // bytes at most, which may be under way for another reason
	if s := l.Stats(); s.Out != n || s.Buffered > ping || s.In != 0 {
		t.Errorf("stats: %+v", s)
	}
}

// What the server has not read is not acknowledged, however much was written.
func TestNoAckWithoutReading(t *testing.T) {
	t.Parallel()
	server := serve(t)
	rec := newRecorder()
	l, _ := start(t, config(server.Addr()), func(e Event) { rec.events <- e })
	rec.await(t, Up)
	server.Mute(domain, true)
	for i := uint64(1); i <= 100; i++ {
		if err := l.Send(message("m"), i); err != nil {
			t.Fatal(err)
		}
	}
	server.Cut(domain)
	rec.await(t, Down)
	rec.await(t, Up)
	if n := rec.count(Acked); n > 0 {
		t.Errorf("%d acknowledgements", n)
	}
	// The marks may begin again where the cursor stands.
	if err := l.Send(message("m"), 1); err != nil {
		t.Fatal(err)
	}
	if ack := rec.await(t, Acked); ack.Mark != 1 {
		t.Errorf("acknowledged %d", ack.Mark)
	}
}

// A full buffer refuses everything until Drained, so that no later mark hides the loss.
func TestFull(t *testing.T) {
	t.Parallel()
	server := serve(t)
	rec := newRecorder()
	cfg := config(server.Addr())
	cfg.MaxBuffer = 256 << 10
	l, _ := start(t, cfg, func(e Event) { rec.events <- e })
	rec.await(t, Up)
	server.Mute(domain, true)
	large := message("m").Add(stanza.Text("", "large", strings.Repeat("x", 64<<10)))
	var sent uint64
	for {
		err := l.Send(large, sent+1)
		if n := l.Stats().Buffered; n > cfg.MaxBuffer+1024 {
			t.Fatalf("%d bytes wait", n)
		}
		if errors.Is(err, ErrFull) {
			break
		}
		if sent++; err != nil || sent > 10000 {
			t.Fatal(sent, err)
		}
	}
	if err := l.Send(message("small"), sent+2); !errors.Is(err, ErrFull) {
		t.Errorf("after ErrFull: %v", err)
	}
	if err := l.SendTo(message("small"), []stanza.JID{anna}, sent+3); !errors.Is(err, ErrFull) {
		t.Errorf("after ErrFull: %v", err)
	}
	server.Mute(domain, false)
	rec.await(t, Drained)
	if s := l.Stats(); s.Buffered > cfg.MaxBuffer/2 || s.Full != 3 {
		t.Errorf("stats: %+v", s)
	}
	if err := l.Send(message("small"), sent+1); err != nil {
		t.Error(err)
	}
	for rec.await(t, Acked).Mark != sent+1 {
	}
}

func TestGate(t *testing.T) {
	t.Parallel()
	server := serve(t)
	got := make(chan *stanza.Element, 10)
	server.Client(anna, func(e *stanza.Element) { got <- e })
	rec := newRecorder()
	l, _ := start(t, config(server.Addr()), func(e Event) { rec.events <- e })
	rec.await(t, Up)
	for i, bad := range []*stanza.Element{
		nil,
		message("m").Set("from", ""),
		message("m").Set("from", "alice@evil.example"),
		message("m").Set("from", "evil.example/@"+domain),
		message("m").Set("from", "alice@sub."+domain),
		message("m").Set("to", ""),
		stanza.New("", "handshake", "from", domain, "to", string(anna)),
		stanza.New(stanza.NSStream, "error", "from", domain, "to", string(anna)),
		message("m").Add(stanza.Text("", "large", strings.Repeat("&", 256<<10))),
	} {
		if err := l.Send(bad, 1); !errors.Is(err, ErrGate) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if err := l.SendTo(message("some"), []stanza.JID{"", anna}, 0); !errors.Is(err, ErrGate) {
		t.Errorf("an empty address: %v", err)
	}
	odd := message("odd\x00").Add(stanza.Text("", "body", "\x01a\ufffe\xffb <>&'\"]]>"))
	if err := l.Send(odd, 2); err != nil {
		t.Error(err)
	}
	for rec.await(t, Acked).Mark != 2 {
	}
	if s := l.Stats(); s.Gate != 10 || s.Connects != 1 || s.Out != 2 {
		t.Errorf("stats: %+v", s)
	}
	if first, second := <-got, <-got; first.ID() != "some" || second.ID() != "odd" || len(got) > 0 {
		t.Errorf("got %s, %s, and %d more", first, second, len(got))
	}
}

func TestSendTo(t *testing.T) {
	t.Parallel()
	server := serve(t)
	type arrival struct{ to, text string }
	got := make(chan arrival, 10)
	all := []stanza.JID{anna, "bob@agents.example/it's <me> & \"you\"", "carol@agents.example/❤️"}
	for _, jid := range all {
		server.Client(jid, func(e *stanza.Element) { got <- arrival{e.Attr("to"), e.ChildText("", "body")} })
	}
	rec := newRecorder()
	l, _ := start(t, config(server.Addr()), func(e Event) { rec.events <- e })
	rec.await(t, Up)
	m := message("m").Set("to", "")
	if err := l.SendTo(m, all, 7); err != nil {
		t.Fatal(err)
	}
	if err := l.SendTo(m, nil, 0); err != nil {
		t.Error(err)
	}
	if ack := rec.await(t, Acked); ack.Mark != 7 {
		t.Errorf("acknowledged %d", ack.Mark)
	}
	for _, jid := range all {
		if a := <-got; a != (arrival{string(jid), "Hello"}) {
			t.Errorf("%s: %q", jid, a)
		}
	}
	if s := l.Stats(); s.Out != 3 || s.Connects != 1 {
		t.Errorf("stats: %+v", s)
	}
}

// A planned stop loses nothing in either direction: what was sent is acknowledged
// first, what was on its way to us is delivered.
func TestPlannedStop(t *testing.T) {
	t.Parallel()
	server := serve(t)
	var got []string
	client := server.Client(anna, func(e *stanza.Element) { got = append(got, e.ID()) })
	rec := newRecorder()
	l, stop := start(t, config(server.Addr()), func(e Event) { rec.events <- e })
	rec.await(t, Up)
	const n = 2000
	for i := range n {
		client.Send(stanza.New("", "message", "to", "alice.1@"+domain, "id", fmt.Sprint(i)))
		if err := l.Send(message(fmt.Sprint(i)), uint64(i+1)); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	if err := l.Send(message("late"), n+1); !errors.Is(err, ErrDown) {
		t.Errorf("after the stop: %v", err)
	}
	server.Wait(domain, false)
	if len(got) != n || !slices.IsSortedFunc(got, numerically) {
		t.Errorf("anna got %d of %d", len(got), n)
	}
	if in := rec.count(Stanza); in != n || rec.count(Down) != 0 {
		t.Errorf("delivered %d of %d, Down %d times", in, n, rec.count(Down))
	}
	last := slices.IndexFunc(rec.past, func(e Event) bool { return e.Kind == Acked && e.Mark == n })
	if last < 0 {
		t.Error("the end was not acknowledged")
	}
}

func numerically(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

// What an ordinary user can make a server hand us ends nothing.
func TestKillers(t *testing.T) {
	t.Parallel()
	server := serve(t)
	errs := make(chan *stanza.Element, 100)
	client := server.Client(anna, func(e *stanza.Element) { errs <- e })
	rec := newRecorder()
	l, _ := start(t, config(server.Addr()), func(e Event) { rec.events <- e })
	rec.await(t, Up)
	to := "to='lobby@" + domain
	killers := []string{
		"<iq type='get' id='1' " + to + "'/>",
		"<iq type='set' id='2' " + to + "'/>",
		"<iq type='error' id='3' " + to + "'/>",
		"<iq type='result' id='4' " + to + "'>text</iq>",
		"<presence id='5' " + to + "/❤️'/>",
		"<presence id='6' " + to + "/\U0001FAE9'/>",
		"<message id='7' to='😀@" + domain + "'/>",
		"<message id='8' to='Ⅳ@" + domain + "'/>",
		"<message id='9' to='@" + domain + "'/>",
		"<message id='10' " + to + "/'><body xmlns='urn:x'/>]]&gt;</message>",
		"<iq type='nonsense' " + to + "'/>",
		"<iq type='get' id='12' to='" + domain + "'><ping xmlns='urn:xmpp:ping'/></iq>",
	}
	for _, text := range killers {
		e, err := stanza.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		client.Send(e)
		got := rec.await(t, Stanza)
		if got.Stanza.Attr("to") != e.Attr("to") || got.Stanza.ID() != e.ID() || got.Size < len(text) {
			t.Errorf("sent %s\ncame %s, %d bytes", e, got.Stanza, got.Size)
		}
	}
	client.Send(stanza.New("", "iq", "type", "set", "id", "huge", "to", domain).
		Add(stanza.Text("urn:x", "x", strings.Repeat("x", 300<<10))))
	if e := <-errs; e.ID() != "huge" || e.Type() != "error" {
		t.Errorf("a huge IQ was answered by %s", e)
	}
	if s := l.Stats(); s.Connects != 1 || s.In != uint64(len(killers)) {
		t.Errorf("stats: %+v", s)
	}
}
