package web

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func ask(t *testing.T, h http.Handler, path string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest("GET", "http://chat.example"+path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		} else if header[i] == "Peer" {
			r.RemoteAddr = header[i+1]
		} else {
			r.Header.Add(header[i], header[i+1])
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func text(t *testing.T, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestFiles(t *testing.T) {
	t.Parallel()
	cfg := testConfig("")
	cfg.Web.Origins = []string{"https://shop.example"}
	h, p := New(cfg, fakeView{cfg: cfg}, slog.New(slog.DiscardHandler)), newPage(cfg, fakeView{cfg: cfg})
	v := "/chat/" + p.version
	for path, kind := range map[string]string{
		"/chat/": "text/html; charset=utf-8", v + "/app.en.js": "text/javascript; charset=utf-8", v + "/app.css": "text/css; charset=utf-8",
		"/icon.svg": "image/svg+xml", "/widget.js": "text/javascript; charset=utf-8", "/chat/frame.js": "text/javascript; charset=utf-8",
		v + "/vendor/strophe-5.0.0.js": "text/javascript; charset=utf-8", v + "/vendor/strophe-LICENSE.txt": "text/plain; charset=utf-8",
	} {
		policy := scriptPolicy
		if path == "/chat/" {
			policy = pagePolicy(cfg)
		}
		plain := ask(t, h, path)
		if plain.StatusCode != http.StatusOK || plain.Header.Get("Content-Type") != kind || plain.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: %d %v", path, plain.StatusCode, plain.Header)
		}
		for name, want := range map[string]string{
			"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		} {
			if got := plain.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
		body := text(t, plain.Body)
		if zipped := ask(t, h, path, "Accept-Encoding", "br, gzip;q=0.5"); zipped.Header.Get("Content-Encoding") == "gzip" {
			z, err := gzip.NewReader(zipped.Body)
			if err != nil || text(t, z) != body {
				t.Errorf("%s: the compressed file is another one (%v)", path, err)
			}
		} else if len(body) > 1000 {
			t.Errorf("%s: %d bytes are not compressed", path, len(body))
		}
		if got := ask(t, h, path, "Accept-Encoding", "gzip;q=0").Header.Get("Content-Encoding"); got != "" {
			t.Errorf("%s: %s was refused and sent", path, got)
		}
		if again := ask(t, h, path, "If-None-Match", plain.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
			t.Errorf("%s: %d for what is unchanged", path, again.StatusCode)
		}
	}
	for _, path := range []string{"/index.html", v + "/index.html", v + "/vendor/", v + "/vendor/README.md", v + "/types.d.ts", v + "/dom.js", "/chat/?queue=other", "/agent/", "/chat/app.js", "/../go.mod"} {
		if got := ask(t, h, path).StatusCode; got != http.StatusNotFound && got != http.StatusMovedPermanently && got != http.StatusTemporaryRedirect {
			t.Errorf("%s: %d", path, got)
		}
	}
}

// TestChat: the page is that of the queue and the language that are asked for, and only sites of the configuration may show it.
func TestChat(t *testing.T) {
	t.Parallel()
	cfg := testConfig("")
	cfg.Web.Origins = []string{"https://shop.example"}
	h := New(cfg, fakeView{cfg: cfg}, slog.New(slog.DiscardHandler))
	for _, c := range []struct{ path, accept, want string }{
		{"/chat/", "", "lang=\"en\""},
		{"/chat/", "it, fr-CA;q=0.9, de;q=0.8", "lang=\"fr\""},
		{"/chat/?lang=zh-TW", "de", "有什么可以帮您"},
		{"/chat/?lang=xx", "es", "¿En qué podemos ayudarle?"},
		{"/chat/", "", "support@help.example"},
		{"/chat/?queue=sales", "", "sales@help.example"},
	} {
		r := ask(t, h, c.path, "Accept-Language", c.accept)
		if body := text(t, r.Body); r.StatusCode != http.StatusOK || !strings.Contains(body, c.want) {
			t.Errorf("%s, %s: %d, no %q in\n%s", c.path, c.accept, r.StatusCode, c.want, body)
		}
		if got := r.Header.Get("Content-Security-Policy"); !strings.HasSuffix(got, "frame-ancestors 'self' https://shop.example") {
			t.Errorf("the policy is %s", got)
		}
	}
	if r := ask(t, h, "/"); r.StatusCode != http.StatusFound || r.Header.Get("Location") != "/chat/" {
		t.Errorf("/: %d %s", r.StatusCode, r.Header.Get("Location"))
	}
}

// TestTexts: every language has the same texts, each with the same places to fill in.
func TestTexts(t *testing.T) {
	t.Parallel()
	p := newPage(testConfig(""), fakeView{})
	places := regexp.MustCompile(`\{\w+\}`)
	var compare func(at string, want, got any)
	compare = func(at string, want, got any) {
		switch w := want.(type) {
		case string:
			g, ok := got.(string)
			if !ok || g == "" || !slices.Equal(places.FindAllString(w, -1), places.FindAllString(g, -1)) {
				t.Errorf("%s: %q for %q", at, got, w)
			}
		case map[string]any:
			g, _ := got.(map[string]any)
			if len(g) != len(w) {
				t.Errorf("%s: %d texts, want %d", at, len(g), len(w))
			}
			for key := range w {
				compare(at+"."+key, w[key], g[key])
			}
		}
	}
	for _, lang := range languages {
		compare(lang, p.texts["en"], p.texts[lang])
	}
}

// Bounds of what a visitor downloads, as gzip; design and measurements are in docs/widget.md.
const (
	maxLoader = 2_048
	maxAll    = 40_960 // the chat whole, in any language
)

func TestBytes(t *testing.T) {
	t.Parallel()
	cfg := lookConfig("")
	p, h := newPage(cfg, fakeView{cfg: cfg}), New(cfg, fakeView{cfg: cfg}, slog.New(slog.DiscardHandler))
	size := func(path string) int {
		return len(text(t, ask(t, h, path, "Accept-Encoding", "gzip").Body))
	}
	if n := size("/widget.js"); n > maxLoader {
		t.Errorf("the loader has %d bytes, more than %d", n, maxLoader)
	}
	for _, lang := range languages {
		all := size("/chat/frame.js") + size("/chat/?lang="+lang)
		for _, name := range []string{"app.css", "icon.svg", "vendor/strophe-5.0.0.js", "app." + lang + ".js"} {
			all += size("/chat/" + p.version + "/" + name)
		}
		t.Logf("%s: loader %d, chat %d bytes", lang, size("/widget.js"), all)
		if all > maxAll {
			t.Errorf("%s: the chat has %d bytes, more than %d", lang, all, maxAll)
		}
	}
	for name, f := range p.files {
		if strings.HasPrefix(name, "app.") && strings.HasSuffix(name, ".js") && bytes.Contains(f.plain, []byte("/*")) {
			t.Errorf("%s has comments", name)
		}
	}
}

func TestHealthAndMetrics(t *testing.T) {
	t.Parallel()
	view := fakeView{metrics: map[string]float64{
		"facts_total": 12, `waiting{queue="b"}`: 2, `waiting{queue="a"}`: 1, "waiting_oldest_seconds": 0.5,
	}}
	h := New(testConfig(""), view, slog.New(slog.DiscardHandler))
	if r := ask(t, h, "/health"); r.StatusCode != http.StatusOK || text(t, r.Body) != "ok\n" {
		t.Errorf("health: %d", r.StatusCode)
	}
	want := `# TYPE frontdesk_facts_total counter
frontdesk_facts_total 12
# TYPE frontdesk_goroutines gauge
frontdesk_goroutines N
# TYPE frontdesk_heap_live_bytes gauge
frontdesk_heap_live_bytes N
# TYPE frontdesk_waiting gauge
frontdesk_waiting{queue="a"} 1
frontdesk_waiting{queue="b"} 2
# TYPE frontdesk_waiting_oldest_seconds gauge
frontdesk_waiting_oldest_seconds 0.5
# TYPE frontdesk_web_sockets gauge
frontdesk_web_sockets 0
# TYPE frontdesk_web_sockets_refused_total counter
frontdesk_web_sockets_refused_total 0
`
	got := text(t, ask(t, h, "/metrics").Body)
	if got = regexp.MustCompile(`(?m)^(frontdesk_(goroutines|heap_live_bytes)) [1-9].*$`).ReplaceAllString(got, "$1 N"); got != want {
		t.Errorf("metrics:\n%s", got)
	}
	h = New(testConfig(""), fakeView{health: errors.New("desk: not connected")}, slog.New(slog.DiscardHandler))
	if r := ask(t, h, "/health"); r.StatusCode != http.StatusServiceUnavailable || text(t, r.Body) != "desk: not connected\n" {
		t.Errorf("health of a desk that is down: %d", r.StatusCode)
	}
}

func TestAgentClient(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, body := range map[string]string{"converse.min.js": "export default 1", "chunkjs/a.js": "1", "converse.min.css": "a{}"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg := testConfig("")
	cfg.Web.AgentClient = dir
	h := New(cfg, fakeView{cfg: cfg}, slog.New(slog.DiscardHandler))
	here := []string{"Host", "localhost:8080", "Peer", "127.0.0.1:4000"}
	for path, want := range map[string]int{
		"/agent/": 200, "/agent/start.js": 200, "/agent/converse.min.js": 200, "/agent/chunkjs/a.js": 200,
		"/agent/chunkjs/": 404, "/agent/none": 404, "/agent/xmpp-websocket": 403,
	} {
		r := ask(t, h, path, here...)
		if r.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, r.StatusCode, want)
		}
		if want == 200 && r.Header.Get("Content-Security-Policy") != agentPolicy {
			t.Errorf("%s has no policy", path)
		}
	}
	for _, c := range []struct {
		name string
		from []string
		want int
	}{
		{"IPv6", []string{"Host", "[::1]:8080", "Peer", "[::1]:4000"}, 200},
		{"a name of this machine", []string{"Host", "chat.localhost", "Peer", "127.0.0.1:4000"}, 200},
		{"another machine", []string{"Host", "localhost:8080", "Peer", "192.0.2.1:4000"}, 404},
		{"a name that resolves here", []string{"Host", "evil.example:8080", "Peer", "127.0.0.1:4000"}, 404},
		{"a reverse proxy", []string{"Host", "127.0.0.1:8080", "Peer", "127.0.0.1:4000", "X-Forwarded-For", "192.0.2.1"}, 404},
		{"a foreign origin", append([]string{"Origin", "http://evil.example"}, here...), 200},
	} {
		if got := ask(t, h, "/agent/", c.from...).StatusCode; got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// TestFace: the picture of an agent is a picture and nothing else, whatever it is asked as, and nobody keeps it for long.
func TestFace(t *testing.T) {
	t.Parallel()
	cfg := testConfig("")
	showFace(cfg, []byte("<script>"))
	h := New(cfg, fakeView{cfg: cfg}, slog.New(slog.DiscardHandler))
	got := ask(t, h, "/face/"+faceID)
	if body := text(t, got.Body); got.StatusCode != http.StatusOK || body != "<script>" {
		t.Errorf("%d %q", got.StatusCode, body)
	}
	for name, want := range map[string]string{"Content-Type": "image/png", "Cache-Control": "private, max-age=3600", "X-Content-Type-Options": "nosniff",
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox", "Cross-Origin-Resource-Policy": "same-origin"} {
		if is := got.Header.Get(name); is != want {
			t.Errorf("%s is %q, want %q", name, is, want)
		}
	}
	for _, path := range []string{"/face/" + strings.Repeat("0", 32), "/face/", "/face/" + faceID + "/x", "/face"} {
		if got := ask(t, h, path); got.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, got.StatusCode)
		}
	}
	cfg.Queues[0].ShowAgents = false
	if got := ask(t, h, "/face/"+faceID); got.StatusCode != http.StatusNotFound {
		t.Errorf("where no queue shows its agents: %d", got.StatusCode)
	}
}

// TestCopy: who has the address reads the copy, as text alone, and nobody keeps it on the way.
func TestCopy(t *testing.T) {
	t.Parallel()
	h := New(testConfig(""), fakeView{cfg: testConfig("")}, slog.New(slog.DiscardHandler))
	got := ask(t, h, "/copy/abc")
	if body := text(t, got.Body); got.StatusCode != http.StatusOK || body != "12:00 You: <b>Grüezi</b>\n" {
		t.Errorf("%d %q", got.StatusCode, body)
	}
	for name, want := range map[string]string{"Content-Type": textType, "Content-Language": "de", "Cache-Control": "private, no-store", "X-Robots-Tag": "noindex",
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"} {
		if is := got.Header.Get(name); is != want {
			t.Errorf("%s is %q, want %q", name, is, want)
		}
	}
	for _, path := range []string{"/copy/abd", "/copy/", "/copy/abc/d", "/copy"} {
		if got := ask(t, h, path); got.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, got.StatusCode)
		}
	}
}

// FuzzRequest: whatever a browser asks for is answered, by no fault of the server's and with no word of what is not for it.
func FuzzRequest(f *testing.F) {
	for _, path := range []string{"/", "/chat/", "/chat/x/app.en.js", "/chat/?queue=support&lang=de", "/logo/x/support", "/face/17", "/copy/AAAA", "/widget.js", "/chat/../../etc/passwd", "/metrics", "/chat/%2e%2e/x", "/xmpp-websocket"} {
		f.Add("GET", path, "Accept-Language", "de-CH,de;q=0.9")
		f.Add("POST", path, "Origin", "https://evil.example")
	}
	f.Add("GET", "/chat/", "Accept-Encoding", "gzip;q=0,br")
	f.Add("GET", "/chat/", "If-None-Match", "W/\"\"")
	f.Add("GET", "/widget.js", "Range", "bytes=-1,0-")
	cfg := testConfig("")
	h := New(cfg, fakeView{cfg: cfg}, slog.New(slog.DiscardHandler))
	f.Fuzz(func(t *testing.T, method, path, name, value string) {
		r, err := http.NewRequest(method, "http://chat.example"+path, nil)
		if err != nil {
			return
		}
		if r.Header.Set(name, value); r.URL.Path == "" || r.URL.Path[0] != '/' {
			return
		}
		r.RemoteAddr, r.RequestURI = "192.0.2.1:1", r.URL.RequestURI()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code >= 500 && w.Code != http.StatusServiceUnavailable && w.Code != http.StatusBadGateway || strings.Contains(w.Body.String(), "root:x:") {
			t.Fatalf("%s %q is answered %d: %.200s", method, path, w.Code, w.Body)
		}
	})
}
