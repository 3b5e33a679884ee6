package e2e

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"frontdesk/web"
)

// TestShown plays a day twice, and looks at every byte that the desk sends to the customers' server in it: where the queues do not show
// their agents nothing tells of them, where they do what is for customers to see, and nothing else.
func TestShown(t *testing.T) {
	t.Parallel()
	for _, on := range []bool{false, true} {
		t.Run(map[bool]string{false: "off", true: "on"}[on], func(t *testing.T) {
			t.Parallel()
			w := prepareFake(t, t.TempDir())
			w.fake.Privilege(deskDomain, agentsHost, "urn:xmpp:privilege:2")
			sent := newTap(t, w.front)
			w.front = sent.addr
			conf := strings.NewReplacer(`name = "Anna"`, "name = \"Anna\"\npublic_name = \"Miss Zett 🌷\"\npicture = \"{testdata}/face.png\"",
				`name = "Bob"`, "name = \"Bob\"\npublic_name = \"Mister B.\"", `name = "Carol"`, "name = \"Carol\"\npublic_name = \"Miss Zee\"").Replace(usual().Load().(string))
			if on {
				conf = strings.ReplaceAll(conf, "[[queue]]", "[[queue]]\nshow_agents = true")
			}
			w.configure(conf)
			w.start()
			sum := w.cfg.Agents[0].Face.Sum
			play(w, scene{"day.txt", false})
			w.stop()
			got := sent.String()
			for _, never := range []string{"agents.localhost", "Anna", "anna", "Carol", "carol", "Bob", "bob", "Olga", "vCard", "PHOTO"} {
				if i := strings.Index(got, never); i >= 0 {
					t.Errorf("a customer could read %q in %q", never, got[max(0, i-300):min(len(got), i+100)])
				}
			}
			for _, public := range []string{">Miss Zett 🌷<", ">Mister B.<", ">Dora<", "<face xmlns='urn:frontdesk:0' id='" + sum + "'/>", "http://jabber.org/protocol/nick"} {
				if strings.Contains(got, public) != on {
					t.Errorf("a customer could read %q: %v", public, !on)
				}
			}
			rec := httptest.NewRecorder()
			web.New(w.cfg, w.relay, slog.New(slog.DiscardHandler)).ServeHTTP(rec, httptest.NewRequest("GET", "/face/"+sum, nil))
			if (rec.Code == http.StatusOK) != on || len(sum) != 32 || on && !bytes.HasPrefix(rec.Body.Bytes(), []byte("\x89PNG")) {
				t.Errorf("the picture %q is answered with %d", sum, rec.Code)
			}
		})
	}
}

// tap passes what a component sends on to its server, and keeps a copy.
type tap struct {
	addr string
	mu   sync.Mutex
	sent bytes.Buffer
}

func newTap(t *testing.T, server string) *tap {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	p := &tap{addr: l.Addr().String()}
	var all sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		all.Wait()
	})
	all.Go(func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("tcp", server)
			if err != nil {
				from.Close()
				continue
			}
			pass := func(dst io.Writer, a, b net.Conn) {
				io.Copy(dst, a)
				a.Close()
				b.Close()
			}
			all.Go(func() { pass(from, to, from) })
			all.Go(func() { pass(io.MultiWriter(p, to), from, to) })
		}
	})
	return p
}

func (p *tap) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent.Write(b)
}

func (p *tap) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent.String()
}
