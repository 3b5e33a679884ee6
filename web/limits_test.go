package web

import (
	"bufio"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"frontdesk/web/browser"
)

// TestLimitsTold: whose address has used up what it may open and send is told so in words, and goes on once there is room.
func TestLimitsTold(t *testing.T) {
	t.Parallel()
	desk := newFakeDesk(t)
	cfg := testConfig(desk.url)
	cfg.Web.Upload, cfg.Web.Files = "upload.example", "http://127.0.0.1:1/file_share" // nobody is there
	site := httptest.NewServer(New(cfg, fakeView{cfg: cfg}, slog.New(slog.DiscardHandler)))
	t.Cleanup(site.Close)
	desk.do(func(s *deskState) { s.site = site.URL })
	chromium := browser.For(t, site.URL)
	first := &customer{t: t, desk: desk, browser: chromium, name: "first"}
	first.start(nil)
	var all []func()
	for range customerLimits().perAddress - 1 {
		c, status := dial(t, &httptest.Server{URL: site.URL + "/xmpp-websocket"}, http.Header{"Origin": {site.URL}})
		if c == nil {
			t.Fatalf("refused with %d", status)
		}
		put(t, c, openFrame)
		go drain(t.Context(), c)
		all = append(all, func() { c.CloseNow() })
	}
	second := &customer{t: t, desk: desk, browser: chromium, name: "second"}
	second.open(args{"clock": true})
	second.do("fill", args{"role": "textbox", "name": "Your question", "value": "Question of second"})
	second.do("click", args{"role": "button", "name": "Start chat"})
	second.see("Too many chats are open from your network.")
	second.look("crowded")
	for _, end := range all {
		end()
	}
	for start := time.Now(); ; runtime.Gosched() { // a handler returns a little after its socket
		answer, err := http.Get(site.URL + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		figures := text(t, answer.Body)
		answer.Body.Close()
		if strings.Contains(figures, "frontdesk_web_sockets 1\n") {
			break
		}
		if time.Since(start) > 20*time.Second {
			t.Fatal("the sockets are counted yet")
		}
	}
	second.do("forward", args{"ms": 61_000})
	second.do("see", args{"css": ".message[data-state=sent]"})
	second.do("gone", args{"text": "Too many chats are open from your network."})

	// What a whole bucket holds was sent a moment ago.
	raw, err := net.Dial("tcp", strings.TrimPrefix(site.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	fmt.Fprintf(raw, "PUT /file_share/a HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", uploadSave)
	raw.Write(make([]byte, 2<<20)) // as much as is read of what is refused
	if r, err := http.ReadResponse(bufio.NewReader(raw), nil); err != nil || r.StatusCode != http.StatusBadGateway {
		t.Fatalf("a file's way to nobody: %v, %v", r, err)
	}
	first.do("bear", args{"text": "429"})
	first.do("attach", args{"how": "choose", "files": []args{{"name": "big.png", "type": "image/png", "base64": strings.Repeat("A", 2<<20)}}})
	first.see("big.png could not be sent: your network has sent very much in a short time.")
}
