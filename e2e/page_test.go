package e2e

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"frontdesk/component/stanza"
	"frontdesk/web"
	"frontdesk/web/browser"
)

// TestPage has customers in Chromium and an agent's client on the other side, through real servers.
// SHOTS names a folder for pictures.
func TestPage(t *testing.T) {
	for _, s := range settings {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			w := newReal(t, s.front, s.desk, s.one)
			// The handler outlives the desk, as a reverse proxy's address would.
			var site atomic.Pointer[http.Handler]
			serve := func() {
				h := web.New(w.cfg, w.relay, slog.New(slog.DiscardHandler))
				site.Store(&h)
			}
			serve()
			srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { (*site.Load()).ServeHTTP(rw, r) }))
			t.Cleanup(srv.Close)
			b, err := browser.Start(srv.URL)
			must(t, err)
			t.Cleanup(b.Close)
			pageTalks(t, w, b, serve)
		})
	}
}

// visitor is one page.
type visitor struct {
	t    *testing.T
	b    *browser.Browser
	name string
}

func (v *visitor) do(verb string, a browser.Args) {
	v.t.Helper()
	if err := v.b.Do(v.name, verb, a, nil); err != nil {
		v.t.Fatal(err)
	}
}

func (v *visitor) see(text string) { v.t.Helper(); v.do("see", browser.Args{"text": text}) }

func (v *visitor) write(text string) {
	v.t.Helper()
	v.do("fill", browser.Args{"role": "textbox", "name": "Write a message", "value": text})
	v.do("keys", browser.Args{"press": "Enter"})
}

func (v *visitor) texts() (all []string) {
	v.t.Helper()
	if err := v.b.Do(v.name, "texts", browser.Args{"css": ".body"}, &all); err != nil {
		v.t.Fatal(err)
	}
	return all
}

func (v *visitor) shot(name string) {
	if dir := os.Getenv("SHOTS"); dir != "" {
		v.do("shot", browser.Args{"path": filepath.Join(dir, name+".png")})
	}
}

func pageTalks(t *testing.T, w *world, b *browser.Browser, serve func()) {
	d := &dialogue{w: w, t: t, names: map[string]string{}, who: map[string]*client{}, at: "page"}
	d.login("anna")
	d.enter("anna")
	anna := d.who["anna"]
	hears := func(text string) *stanza.Element {
		t.Helper()
		m := anna.await(func(s *stanza.Element) bool { return isMessage(s) && s.ChildText("", "body") == text })
		if m == nil {
			t.Fatalf("anna never heard %q", text)
		}
		return m
	}
	v := &visitor{t, b, "maria"}
	v.do("open", nil)
	v.do("fill", browser.Args{"role": "textbox", "name": "Your name", "value": "Maria"})
	v.do("fill", browser.Args{"role": "textbox", "name": "Your question", "value": "Where is my parcel?"})
	v.do("click", browser.Args{"role": "button", "name": "Start chat"})
	contact := hears("Where is my parcel?").From().Bare()
	if !strings.HasPrefix(string(contact), "maria.") {
		t.Errorf("the contact is %s", contact)
	}
	says := func(id, text string, more ...*stanza.Element) {
		m := stanza.New("", "message", "type", "chat", "to", string(contact), "id", id)
		if text != "" {
			m.Add(stanza.Text("", "body", text))
		}
		must(t, anna.send(m.Add(more...)))
	}
	v.do("see", browser.Args{"css": ".message[data-state=sent]"})
	says("b0", "", stanza.New("http://jabber.org/protocol/chatstates", "composing"))
	says("b1", "I am loking", stanza.New("urn:xmpp:receipts", "request"))
	v.see("I am loking")
	if anna.await(func(s *stanza.Element) bool {
		got := s.Child("urn:xmpp:receipts", "received")
		return got != nil && got.Attr("id") == "b1"
	}) == nil {
		t.Fatal("anna got no receipt")
	}
	says("b2", "I am looking", stanza.New("urn:xmpp:message-correct:0", "replace", "id", "b1"))
	v.see("I am looking")
	v.write("Thank you")
	hears("Thank you")
	v.shot("page-" + strings.ReplaceAll(t.Name(), "/", "-"))

	// A reload keeps the thread: the same contact, the same words.
	v.do("reload", nil)
	v.see("I am looking")
	v.write("Still there?")
	if again := hears("Still there?").From().Bare(); again != contact {
		t.Errorf("after a reload the contact is %s, not %s", again, contact)
	}

	// The desk is restarted: what was written meanwhile arrives once, and the chat goes on.
	w.conf.Store(strings.Replace(w.conf.Load().(string), "name = \"support\"\n", "name = \"support\"\nrate = true\n", 1))
	w.restart()
	serve()
	v.write("And now?")
	hears("And now?")
	says("b3", "Here it is")
	v.see("Here it is")
	want := []string{"Where is my parcel?", "I am looking", "Thank you", "Still there?", "And now?", "Here it is"}
	if got := v.texts(); strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("the page shows %q, want %q", got, want)
	}
	if extra := anna.pending(func(s *stanza.Element) bool { return isMessage(s) && s.ChildText("", "body") == "And now?" }); len(extra) > 0 {
		t.Errorf("anna heard it again: %s", extra[0])
	}

	// The end: the visitor says by a button how it was, and gets a copy of it all.
	says("b4", "!close")
	v.see("How was it?")
	v.shot("ended-" + strings.ReplaceAll(t.Name(), "/", "-"))
	v.do("click", browser.Args{"role": "button", "name": "5: very good"})
	v.see("Thank you for your rating.")
	v.write("Copy")
	v.see("support: Here it is")

	// Nobody is there: the page says so.
	anna.send(stanza.New("", "presence", "type", "unavailable", "to", "lobby@"+deskDomain+"/Anna"))
	v.see("Nobody is here")
	var faults, axe []string
	must(t, b.Do(v.name, "axe", nil, &axe))
	must(t, b.Do(v.name, "faults", nil, &faults))
	if len(axe) > 0 || len(faults) > 0 {
		t.Errorf("the page has faults:\n%s", strings.Join(append(axe, faults...), "\n"))
	}
	anna.drop()
}
