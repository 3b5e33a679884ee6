package web

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"testing"
	"time"
)

// store is a server's file service: it keeps what is put, and gives it back under the type that it was put with.
type store struct {
	url   string
	state chan map[string]stored // by path
}

type stored struct{ kind, text, host string }

func newStore(t *testing.T) *store {
	t.Helper()
	s := &store{state: make(chan map[string]stored, 1)}
	s.state <- make(map[string]stored)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		all := <-s.state
		defer func() { s.state <- all }()
		if r.Method == http.MethodPut {
			text, err := io.ReadAll(r.Body)
			if err != nil || r.Header.Get("Authorization") != "Bearer slot" || r.Header.Get("Cookie") != "" {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			all[r.URL.Path] = stored{r.Header.Get("Content-Type"), string(text), r.Host}
			w.WriteHeader(http.StatusCreated)
			return
		}
		f, ok := all[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", f.kind)
		w.Header().Set("Set-Cookie", "a=b")
		w.Header().Set("Access-Control-Allow-Origin", "*")
		io.WriteString(w, f.text)
	}))
	t.Cleanup(server.Close)
	s.url = server.URL + "/file_share"
	return s
}

// TestFilesAreInert: whatever a customer puts there, nobody's browser takes it for a page or a script.
func TestFilesAreInert(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	cfg := testConfig("")
	cfg.Web.Upload, cfg.Web.Files = "upload.customers.example", s.url
	site := httptest.NewServer(New(cfg, fakeView{cfg: cfg}, slog.New(slog.DiscardHandler)))
	t.Cleanup(site.Close)
	do := func(method, path, kind, body string) *http.Response {
		t.Helper()
		r, err := http.NewRequest(method, site.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer slot")
		r.Header.Set("Cookie", "session=secret")
		r.Header.Set("Content-Type", kind)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { answer.Body.Close() })
		return answer
	}
	for kind, want := range map[string]string{
		"image/png": "image/png", "IMAGE/JPEG; x=y": "IMAGE/JPEG; x=y", "video/mp4": "video/mp4",
		"text/html": "", "image/svg+xml": "", "text/javascript": "", "application/pdf": "", "text/plain": "", "application/xhtml+xml": "", "": "",
	} {
		name := "/file_share/a/" + strings.NewReplacer("/", "-", "; ", "-").Replace(kind)
		if r := do(http.MethodPut, name, kind, "<script>alert(1)</script>"); r.StatusCode != http.StatusCreated {
			t.Fatalf("%s: put: %s", kind, r.Status)
		}
		r := do(http.MethodGet, name, "", "")
		h := r.Header
		if body := text(t, r.Body); body != "<script>alert(1)</script>" {
			t.Errorf("%s: got %q", kind, body)
		}
		attached := h.Get("Content-Disposition") == "attachment"
		if want == "" && (!attached || h.Get("Content-Type") != "application/octet-stream") || want != "" && (attached || h.Get("Content-Type") != want) {
			t.Errorf("%s: %v", kind, h)
		}
		if h.Get("Content-Security-Policy") != filePolicy || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Set-Cookie") != "" || h.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %v", kind, h)
		}
	}
	if r := do(http.MethodPost, "/file_share/a/b", "", "x"); r.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("post: %s", r.Status)
	}
	if r := do(http.MethodGet, "/file_share/../file_share/../config", "", ""); r.StatusCode != http.StatusNotFound {
		t.Errorf("another path: %s", r.Status)
	}
}

func TestFilesBounds(t *testing.T) {
	t.Parallel()
	cfg := testConfig("")
	cfg.Web.Files = "http://127.0.0.1:1/file_share"
	f := newFiles(cfg, slog.New(slog.DiscardHandler))
	put := func(length int64, from string) int {
		r := httptest.NewRequest(http.MethodPut, "/file_share/a", strings.NewReader("x"))
		r.ContentLength, r.RemoteAddr = length, from+":1"
		w := httptest.NewRecorder()
		f.ServeHTTP(w, r)
		return w.Code
	}
	for i, c := range []struct {
		length int64
		from   string
		want   int
	}{
		{-1, "192.0.2.1", http.StatusRequestEntityTooLarge},
		{maxFile + 1, "192.0.2.1", http.StatusRequestEntityTooLarge},
		{uploadSave - 1, "192.0.2.1", http.StatusBadGateway}, // nobody is behind it
		{uploadSave, "192.0.2.1", http.StatusTooManyRequests},
		{uploadSave, "192.0.2.2", http.StatusBadGateway},
	} {
		if got := put(c.length, c.from); got != c.want {
			t.Errorf("%d: %d, want %d", i, got, c.want)
		}
	}
}

func TestMeters(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)
	m := newMeters(1, 10)
	for i, c := range []struct {
		after time.Duration
		who   string
		cost  float64
		want  time.Duration
	}{
		{0, "a", 10, 0},
		{0, "a", 1, time.Second},
		{0, "b", 4, 0},
		{time.Second, "a", 1, 0},
		{4 * time.Second, "a", 9, 5 * time.Second},
		{5 * time.Second, "a", 9, 0},
		{time.Minute, "a", 1000, 0}, // more than all is lent by a full one
		{0, "a", 1, 991 * time.Second},
	} {
		now = now.Add(c.after)
		if got := m.take(c.who, now, c.cost); got != c.want {
			t.Errorf("%d: %v, want %v", i, got, c.want)
		}
	}
	// However many come, what is remembered is bounded, and those who come too many share one bucket.
	for i := range 3 * maxMeters {
		m.take(fmt.Sprint(i), now, 1)
	}
	s := <-m.state
	m.state <- s
	if n := len(s.buckets); n > maxMeters+1 {
		t.Errorf("%d addresses are remembered", n)
	}
	if m.take("new", now, 1) == 0 {
		t.Error("a stranger is let in although strangers have spent all")
	}
	if m.take("later", now.Add(time.Hour), 1) != 0 {
		t.Error("nobody is let in for ever")
	}
}

// uploads: by the button, by pasting, by dropping; refused ones are told of; pictures are shown, others are files.
func uploads(c *customer) {
	c.start(nil)
	png := "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
	c.do("attach", args{"how": "choose", "files": []args{{"name": "my picture.png", "type": "image/png", "base64": png}}})
	c.do("see", args{"role": "img", "name": "Image: my picture.png"})
	c.awaitLast("<url>", "my%20picture.png</url>")
	c.do("attach", args{"how": "drop", "files": []args{{"name": "order.pdf", "type": "application/pdf", "base64": "JVBERi0="}}})
	c.do("see", args{"role": "link", "name": "order.pdf"})
	c.do("attach", args{"how": "paste", "files": []args{{"name": "image.png", "type": "image/png", "base64": png}}})
	c.do("see", args{"role": "img", "name": "Image: image.png"})
	c.do("reload", nil)
	c.do("see", args{"role": "img", "name": "Image: my picture.png"})
	c.do("see", args{"role": "link", "name": "order.pdf"})
	c.look("files")
	c.do("attach", args{"how": "choose", "files": []args{{"name": "huge.bin", "type": "", "base64": png}}})
	c.see("huge.bin is too large. At most 5.2 MB.")
	c.desk.say(c.thread, "d1", `<body>https://elsewhere.example/x.png</body><x xmlns='jabber:x:oob'><url>https://elsewhere.example/x.png</url></x>`)
	c.do("see", args{"role": "link", "name": "x.png"})
	all := <-c.files.state
	c.files.state <- all
	for name, f := range all {
		if path.Base(name) == "my picture.png" && (f.kind != "image/png" || len(f.text) < 60) {
			c.t.Errorf("%s: %s, %d bytes", name, f.kind, len(f.text))
		}
	}
}
