package web

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// backend is a server's endpoint that hands each connection to the test.
type backend struct {
	url   string
	conns chan *websocket.Conn
	heads chan http.Header
}

func newBackend(t *testing.T) *backend {
	t.Helper()
	b := &backend{conns: make(chan *websocket.Conn, 10), heads: make(chan http.Header, 10)}
	ctx, cancel := context.WithCancel(context.Background())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"xmpp"}})
		if err != nil {
			return
		}
		defer c.CloseNow()
		head := r.Header.Clone()
		head.Set("Host", r.Host)
		b.heads <- head
		b.conns <- c
		<-ctx.Done()
	}))
	t.Cleanup(func() { cancel(); server.Close() })
	b.url = "ws" + strings.TrimPrefix(server.URL, "http")
	return b
}

// front starts a proxy with limits of the test's own.
func front(t *testing.T, url string, change func(*limits)) (*proxy, *httptest.Server) {
	t.Helper()
	cfg := testConfig(url)
	cfg.Web.Origins = []string{"https://shop.example"}
	p := newProxy(cfg, slog.New(slog.DiscardHandler))
	if change != nil {
		change(&p.limits)
	}
	p.limited()
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	return p, server
}

func dial(t *testing.T, server *httptest.Server, header http.Header) (*websocket.Conn, int) {
	t.Helper()
	if header == nil {
		header = http.Header{"Origin": {server.URL}}
	}
	c, r, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(server.URL, "http"), &websocket.DialOptions{HTTPHeader: header, Subprotocols: []string{"xmpp"}})
	if err != nil {
		if r == nil {
			t.Fatal(err)
		}
		return nil, r.StatusCode
	}
	t.Cleanup(func() { c.CloseNow() })
	return c, http.StatusSwitchingProtocols
}

func put(t *testing.T, c *websocket.Conn, text string) {
	t.Helper()
	if err := c.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, c *websocket.Conn, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, got, err := c.Read(ctx)
	if err != nil || !strings.Contains(string(got), want) {
		t.Fatalf("got %.200q, %v; want %q", got, err, want)
	}
}

func expectEnd(t *testing.T, c *websocket.Conn, want websocket.StatusCode) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for {
		if _, _, err := c.Read(ctx); err != nil {
			if got := websocket.CloseStatus(err); got != want {
				t.Fatalf("ended with %v (%v), want %v", got, err, want)
			}
			return
		}
	}
}

// expectMany checks that a page is told that its address has too many sockets.
func expectMany(t *testing.T, c *websocket.Conn, status int) {
	t.Helper()
	if c == nil {
		t.Fatalf("refused with %d, of which a page learns nothing", status)
	}
	expectEnd(t, c, endMany.code)
}

// drain reads on, so that its side of the close handshake works.
func drain(ctx context.Context, c *websocket.Conn) {
	for {
		if _, _, err := c.Read(ctx); err != nil {
			return
		}
	}
}

// allLeave waits until no more than so many sockets are counted: a handler returns a little after its close frame.
func allLeave(t *testing.T, p *proxy, left int) {
	t.Helper()
	for start := time.Now(); ; runtime.Gosched() {
		open, _ := p.doors.figures()
		if open <= left {
			return
		}
		if time.Since(start) > 20*time.Second {
			t.Fatalf("%d sockets are still counted, want %d", open, left)
		}
	}
}

func TestOrigin(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	_, server := front(t, b.url, nil)
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(server.URL, "http://"))
	for origin, want := range map[string]int{
		server.URL: 101, "HTTP://127.0.0.1:" + port: 101, "https://127.0.0.1:" + port: 101, "https://shop.example": 101,
		"": 403, "null": 403, "http://127.0.0.1": 403, "http://evil.example": 403, "https://shop.example:444": 403,
		"https://shop.example.evil.example": 403, "ftp://127.0.0.1:" + port: 403, server.URL + ".evil.example": 403,
	} {
		header := http.Header{}
		if origin != "" {
			header.Set("Origin", origin)
		}
		if _, got := dial(t, server, header); got != want {
			t.Errorf("Origin %q: %d, want %d", origin, got, want)
		}
	}
	if _, got := dial(t, server, http.Header{"Origin": {server.URL, "http://evil.example"}}); got != 403 {
		t.Errorf("two origins: %d", got)
	}
	r, err := http.NewRequest("GET", server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Origin", server.URL)
	if answer, err := http.DefaultClient.Do(r); err != nil || answer.StatusCode != http.StatusBadRequest {
		t.Errorf("no subprotocol: %v, %v", answer, err)
	}
}

func TestCarry(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	_, server := front(t, b.url, nil)
	c, _ := dial(t, server, http.Header{"Origin": {server.URL}, "X-Forwarded-For": {"6.6.6.6, 192.0.2.7"}})
	put(t, c, openFrame)
	head, s := <-b.heads, <-b.conns
	if head.Get("Host") != "customers.example" || head.Get("X-Forwarded-For") != "192.0.2.7" || head.Get("Origin") != "" {
		t.Errorf("the server was asked with %v", head)
	}
	expect(t, s, `to='customers.example' version='1.0'/>`)
	put(t, s, `<message>to the page</message>`)
	expect(t, c, `<message>to the page</message>`)
	put(t, c, `<message xmlns='jabber:client' id='1' to='anna@agents.example'/>`)
	expect(t, c, "forbidden")
	put(t, c, `<message xmlns='jabber:client' to='support@help.example'/>`)
	expect(t, s, "support@help.example") // and not what was for Anna
	put(t, c, openFrame)
	expect(t, s, "<open ")
	put(t, c, `<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>`)
	expect(t, s, "<close ")
	go s.Close(websocket.StatusNormalClosure, "")
	expectEnd(t, c, websocket.StatusNormalClosure)
}

func TestEnds(t *testing.T) {
	t.Parallel()
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead.Close()
	short := func(l *limits) { l.open = 50 * time.Millisecond }
	big := openFrame[:len(openFrame)-2] + strings.Repeat(" ", 64<<10) + "/>"
	for _, c := range []struct {
		name   string
		url    string // "": a server that works
		change func(*limits)
		frames []string
		binary bool
		server func(*websocket.Conn)
		want   websocket.StatusCode
	}{
		{name: "server down", url: "ws://" + dead.Addr().String(), frames: []string{openFrame}, want: websocket.StatusTryAgainLater},
		{name: "server dies", frames: []string{openFrame}, server: func(c *websocket.Conn) { c.CloseNow() }, want: websocket.StatusTryAgainLater},
		{name: "nothing comes", change: short, want: -1},
		{name: "stanza first", frames: []string{`<message xmlns='jabber:client' to='support@help.example'/>`}, want: websocket.StatusPolicyViolation},
		{name: "other host", frames: []string{strings.Replace(openFrame, "customers", "agents", 1)}, want: websocket.StatusPolicyViolation},
		{name: "other host later", frames: []string{openFrame, strings.Replace(openFrame, "customers", "agents", 1)}, want: websocket.StatusPolicyViolation},
		{name: "raw stream", frames: []string{openFrame, `<stream:stream xmlns:stream='http://etherx.jabber.org/streams' to='agents.example'>`}, want: websocket.StatusPolicyViolation},
		{name: "too big first", frames: []string{big}, want: websocket.StatusMessageTooBig},
		{name: "too big", frames: []string{openFrame, big}, want: websocket.StatusMessageTooBig},
		{name: "binary", frames: []string{openFrame}, binary: true, want: websocket.StatusUnsupportedData},
		{name: "server is mute", change: func(l *limits) { l.quiet, l.pong = 20*time.Millisecond, 2*time.Second }, frames: []string{openFrame}, server: func(*websocket.Conn) {}, want: websocket.StatusTryAgainLater},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBackend(t)
			url := c.url
			if url == "" {
				url = b.url
			}
			p, server := front(t, url, c.change)
			browser, _ := dial(t, server, nil)
			for _, f := range c.frames {
				kind := websocket.MessageText
				if c.binary {
					kind = websocket.MessageBinary
				}
				if browser.Write(t.Context(), kind, []byte(f)) != nil {
					break
				}
			}
			if c.server != nil {
				c.server(<-b.conns)
			} else {
				go func() {
					select {
					case s := <-b.conns:
						drain(t.Context(), s)
					case <-t.Context().Done():
					}
				}()
			}
			expectEnd(t, browser, c.want)
			allLeave(t, p, 0)
		})
	}
}

// TestStop: the end of a request's context closes its socket with 1001.
func TestStop(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	p, _ := front(t, b.url, nil)
	ctx, stop := context.WithCancel(context.Background())
	server := httptest.NewUnstartedServer(p)
	server.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	server.Start()
	defer server.Close()
	c, _ := dial(t, server, nil)
	put(t, c, openFrame)
	s := <-b.conns
	expect(t, s, "<open ")
	go drain(t.Context(), s)
	stop()
	expectEnd(t, c, websocket.StatusGoingAway)
}

func TestDoors(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	p, server := front(t, b.url, func(l *limits) { l.sockets, l.perAddress = 3, 2 })
	from := func(a string) http.Header {
		return http.Header{"Origin": {server.URL}, "X-Forwarded-For": {a}}
	}
	first, _ := dial(t, server, from("192.0.2.1"))
	for i, c := range []struct {
		address string
		want    int
	}{
		{"192.0.2.1", 101}, {"192.0.2.1", 429}, {"2001:db8::1", 101}, {"2001:db8::2", 503},
	} {
		switch s, got := dial(t, server, from(c.address)); {
		case c.want == http.StatusTooManyRequests:
			expectMany(t, s, got)
		case got != c.want:
			t.Errorf("%d, %s: %d, want %d", i, c.address, got, c.want)
		}
	}
	if open, refused := p.doors.figures(); open != 3 || refused != 2 {
		t.Errorf("%d open, %d refused", open, refused)
	}
	put(t, first, openFrame)
	s := <-b.conns
	s.CloseNow()
	expectEnd(t, first, websocket.StatusTryAgainLater)
	allLeave(t, p, 2)
	if _, got := dial(t, server, from("192.0.2.1")); got != 101 {
		t.Errorf("after one has left: %d", got)
	}
}

// TestFlood: a browser that sends too fast is slowed down and loses nothing; one
// that does not read is cut, and the server with it.
func TestFlood(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	_, server := front(t, b.url, func(l *limits) { l.rate, l.burst, l.write = 1000, 10, 200*time.Millisecond })
	c, _ := dial(t, server, nil)
	put(t, c, openFrame)
	s := <-b.conns
	expect(t, s, "<open ")
	start := time.Now()
	const n = 210
	go func() {
		for i := range n {
			c.Write(t.Context(), websocket.MessageText, fmt.Appendf(nil, `<message xmlns='jabber:client' id='%d'/>`, i))
		}
	}()
	for i := range n {
		expect(t, s, fmt.Sprintf(`id='%d'`, i))
	}
	if took := time.Since(start); took < (n-10)*time.Millisecond {
		t.Errorf("%d frames in %v", n, took)
	}
	// The page stops reading: the server's writes must fail in the end, not wait for it.
	go drain(t.Context(), s)
	full := strings.Repeat("x", 512<<10)
	for i := 0; ; i++ {
		if err := s.Write(t.Context(), websocket.MessageText, []byte(full)); err != nil {
			break
		}
		if i > 1000 {
			t.Fatal("half a gigabyte was taken for a page that does not read")
		}
	}
}

func TestBucket(t *testing.T) {
	t.Parallel()
	b := bucket{rate: 10, burst: 3, tokens: 3}
	now := time.Unix(1000, 0)
	for i, c := range []struct {
		after time.Duration
		cost  float64
		want  time.Duration
	}{
		{0, 1, 0}, {0, 2, 0}, {0, 1, 100 * time.Millisecond}, {100 * time.Millisecond, 1, 100 * time.Millisecond},
		{100 * time.Millisecond, 17, 1700 * time.Millisecond}, {time.Hour, 3, 0}, {0, 1, 100 * time.Millisecond},
	} {
		now = now.Add(c.after)
		if got := b.take(now, c.cost); got.Round(time.Millisecond) != c.want {
			t.Errorf("%d: %v, want %v", i, got, c.want)
		}
	}
}

func TestClientAddress(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ peer, forwarded, want string }{
		{"192.0.2.1:99", "", "192.0.2.1"},
		{"192.0.2.1:99", "203.0.113.5", "192.0.2.1"}, // a stranger's claim
		{"127.0.0.1:99", "203.0.113.5", "203.0.113.5"},
		{"127.0.0.1:99", "6.6.6.6, 203.0.113.5", "203.0.113.5"},
		{"127.0.0.1:99", "203.0.113.5, nonsense", "127.0.0.1"},
		{"[::1]:99", "2001:db8:1:2:3::4", "2001:db8:1:2::"},
		{"[2001:db8:1:2:9::9]:99", "", "2001:db8:1:2::"},
		{"[::ffff:192.0.2.1]:99", "", "192.0.2.1"},
		{"127.0.0.1:99", "::ffff:192.0.2.9", "192.0.2.9"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.peer
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		if got := clientAddress(r); got != c.want {
			t.Errorf("%s, forwarded %q: %s, want %s", c.peer, c.forwarded, got, c.want)
		}
	}
}

// TestTogether: what one browser may do, many of one address may not do without bounds.
func TestTogether(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	_, server := front(t, b.url, func(l *limits) { l.rate, l.burst, l.together, l.opens = 1000, 1000, 5, 0.005 })
	var all []*websocket.Conn
	for range 2 { // 400 s of 0.005 a second
		c, status := dial(t, server, nil)
		if c == nil {
			t.Fatalf("refused with %d", status)
		}
		all = append(all, c)
	}
	c, status := dial(t, server, nil)
	expectMany(t, c, status)
	start := time.Now()
	for _, c := range all { // 20 s of 5 a second is 100
		put(t, c, openFrame)
		s := <-b.conns
		expect(t, s, "<open ")
		for i := range 52 {
			id := fmt.Sprintf("id='%d'", i)
			put(t, c, "<message xmlns='jabber:client' "+id+"/>")
			expect(t, s, id)
		}
	}
	if took := time.Since(start); took < 700*time.Millisecond {
		t.Errorf("104 messages of two browsers took %v, want at least 0.7 s", took)
	}
}
