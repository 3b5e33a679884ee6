package e2e

import (
	"fmt"
	"html"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

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
			shop := newShop(t, w.public)
			serve := func() {
				w.cfg.Web.Origins = []string{shop}
				h := web.New(w.cfg, w.relay, w.logger())
				site.Store(&h)
			}
			serve()
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { (*site.Load()).ServeHTTP(rw, r) }))
			srv.Listener.Close()
			var err error
			srv.Listener, err = net.Listen("tcp", strings.TrimPrefix(w.public, "http://"))
			must(t, err)
			srv.Start()
			t.Cleanup(srv.Close)
			b := browser.For(t, srv.URL)
			sign := w.believeSite() // from the restart in pageTalks on
			pageTalks(t, w, b, serve)
			t.Run("signed in", func(t *testing.T) {
				userTalks(t, w, b, shop, func(sub string) string { return sign(sub, "Ute", time.Now()) })
			})
			for _, mobile := range []bool{false, true} {
				for where, deny := range map[string]bool{"kept by the frame": false, "kept by the host": true} {
					name := where + map[bool]string{true: ", mobile"}[mobile]
					t.Run(name, func(t *testing.T) {
						widgetTalks(t, w, &visitor{t, b, name}, browser.Args{"path": shop, "mobile": mobile, "deny": deny}, serve)
					})
				}
			}
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
	question := hears("Where is my parcel?")
	contact := question.From().Bare()
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
	if !question.Has("urn:xmpp:receipts", "request") {
		t.Fatalf("anna's client is asked for no receipt: %s", question)
	}
	says("", "", stanza.New("urn:xmpp:receipts", "received", "id", question.ID()))
	v.do("see", browser.Args{"css": ".message[data-state=delivered]", "text": "Where is my parcel?"})
	v.shot("delivered-" + strings.ReplaceAll(t.Name(), "/", "-"))
	says("", "", stanza.New("urn:xmpp:chat-markers:0", "displayed", "id", question.ID()))
	v.do("see", browser.Args{"css": ".message[data-state=read]", "text": "Where is my parcel?"})
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

	// The desk is restarted: what was written meanwhile arrives once, and the chat goes on. Now it shows who writes.
	w.configure(strings.NewReplacer(`name = "support"`, "name = \"support\"\nrate = true\nshow_agents = true",
		`name = "Anna"`, "name = \"Anna\"\npublic_name = \"Miss Zett\"\npicture = \"{testdata}/face.png\"").Replace(w.conf.Load().(string)))
	w.restart()
	serve()
	v.write("And now?")
	hears("And now?")
	says("b3", "Here it is")
	v.see("Here it is")
	v.do("see", browser.Args{"css": ".theirs .who", "text": "Miss Zett"})
	v.do("see", browser.Args{"css": ".theirs .who img"})
	v.shot("shown-" + strings.ReplaceAll(t.Name(), "/", "-"))
	want := []string{"Where is my parcel?", "I am looking", "Thank you", "Still there?", "And now?", "Here it is"}
	if got := v.texts(); strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("the page shows %q, want %q", got, want)
	}
	if extra := anna.pending(func(s *stanza.Element) bool { return isMessage(s) && s.ChildText("", "body") == "And now?" }); len(extra) > 0 {
		t.Errorf("anna heard it again: %s", extra[0])
	}

	// The end: the visitor says by a form how it was, and gets a copy of it all.
	says("b4", "!close")
	v.see("How was it?")
	v.shot("ended-" + strings.ReplaceAll(t.Name(), "/", "-"))
	if all := strings.Join(v.texts(), "\n"); strings.Contains(all, "Answer with a number") || !strings.Contains(all, "Thank you! Just write again") {
		t.Errorf("beside the form the page shows %q", all)
	}
	var buttons []string
	must(t, b.Do(v.name, "texts", browser.Args{"css": "#choices button"}, &buttons))
	if strings.Join(buttons, "|") != "copy" {
		t.Errorf("beside the form are the buttons %q", buttons)
	}
	v.do("click", browser.Args{"role": "radio", "name": "5: very good"})
	v.do("fill", browser.Args{"role": "textbox", "name": "In words", "value": "Quick"})
	v.do("click", browser.Args{"css": ".form .main"})
	v.see("Thank you for your rating.")
	v.write("Copy")
	v.see("Miss Zett: Here it is")

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

// newShop is somebody else's site that uses the widget of the chat at this address; its policy allows that origin alone.
func newShop(t *testing.T, chat string) string {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src "+chat+"; frame-src "+chat)
		fmt.Fprintf(w, `<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>Shop</title><main><h1>Shop %s</h1></main><script async src="%s/widget.js" data-token="%s"></script>`,
			html.EscapeString(r.URL.Path), chat, html.EscapeString(r.URL.Query().Get("token")))
	}))
	t.Cleanup(srv.Close)
	return strings.Replace(srv.URL, "127.0.0.1", "localhost", 1) // another site than the chat's, for the browser
}

// widgetTalks is a visit to the shop: what is said, shown and sent in both directions, over pages, tabs, a restart of the server
// and one of the desk, in a frame that may keep things or must have its host do it.
func widgetTalks(t *testing.T, w *world, v *visitor, form browser.Args, serve func()) {
	d := &dialogue{w: w, t: t, names: map[string]string{}, who: map[string]*client{}, at: "widget"}
	d.login("anna")
	d.enter("anna")
	anna := d.who["anna"]
	hears := func(what string, is func(m *stanza.Element) bool) *stanza.Element {
		t.Helper()
		m := anna.await(func(s *stanza.Element) bool { return s.Local == "message" && is(s) })
		if m == nil {
			t.Fatalf("anna never heard %s", what)
		}
		return m
	}
	says := func(text string) func(m *stanza.Element) bool {
		return func(m *stanza.Element) bool { return isMessage(m) && m.ChildText("", "body") == text }
	}
	button := func(name string) browser.Args { return browser.Args{"role": "button", "name": name, "host": true} }
	question := "Question, " + v.name
	v.do("open", form)
	v.do("click", button("Open chat"))
	v.do("fill", browser.Args{"role": "textbox", "name": "Your name", "value": "Vera"})
	v.do("fill", browser.Args{"role": "textbox", "name": "Your question", "value": question})
	v.do("click", browser.Args{"role": "button", "name": "Start chat"})
	first := hears(question, says(question))
	contact := string(first.From().Bare())
	send := func(id, text string, more ...*stanza.Element) {
		m := stanza.New("", "message", "type", "chat", "to", contact, "id", id)
		if text != "" {
			m.Add(stanza.Text("", "body", text))
		}
		must(t, anna.send(m.Add(more...)))
	}
	send("w1", "Good morning", stanza.New("urn:xmpp:chat-markers:0", "markable"))
	v.see("Good morning")
	hears("that it was read", func(m *stanza.Element) bool {
		got := m.Child("urn:xmpp:chat-markers:0", "displayed")
		return got != nil && got.Attr("id") == "w1"
	})
	send("", "", stanza.New("urn:xmpp:chat-markers:0", "displayed", "id", first.ID()))
	v.do("see", browser.Args{"css": ".message[data-state=read]"})

	// A file, which anna can get; a correction; a reaction; a reply.
	png := "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
	v.do("attach", browser.Args{"how": "choose", "files": []browser.Args{{"name": "parcel.png", "type": "image/png", "base64": png}}})
	v.do("see", browser.Args{"role": "img", "name": "Image: parcel.png"})
	file := hears("of the file", func(m *stanza.Element) bool { return m.Child("jabber:x:oob", "x") != nil })
	got, err := http.Get(file.Child("jabber:x:oob", "x").ChildText("jabber:x:oob", "url"))
	must(t, err)
	got.Body.Close()
	if got.StatusCode != http.StatusOK || got.Header.Get("Content-Type") != "image/png" || got.ContentLength < 60 {
		t.Errorf("the file is got with %s, %v", got.Status, got.Header)
	}
	v.write("It is brokn")
	broken := hears("it", says("It is brokn"))
	v.do("see", browser.Args{"css": ".message[data-state=sent] .body", "text": "It is brokn"})
	v.do("keys", browser.Args{"press": "ArrowUp"})
	v.write("It is broken")
	hears("the correction", func(m *stanza.Element) bool {
		fix := m.Child("urn:xmpp:message-correct:0", "replace")
		return says("It is broken")(m) && fix != nil && fix.Attr("id") == broken.ID()
	})
	v.do("click", browser.Args{"css": ".theirs .more"})
	v.do("click", browser.Args{"role": "button", "name": "React with 👍"})
	hears("the reaction", func(m *stanza.Element) bool {
		r := m.Child("urn:xmpp:reactions:0", "reactions")
		return r != nil && r.Attr("id") == "w1" && r.ChildText("urn:xmpp:reactions:0", "reaction") == "👍"
	})
	v.do("click", browser.Args{"css": ".theirs .more"})
	v.do("click", browser.Args{"role": "button", "name": "Reply"})
	v.write("To you too")
	hears("the reply", func(m *stanza.Element) bool {
		r := m.Child("urn:xmpp:reply:0", "reply")
		return says("To you too")(m) && r != nil && r.Attr("id") == "w1"
	})

	// Closed: what comes is counted, on this page and on the next.
	v.do("click", browser.Args{"role": "button", "name": "Close chat", "host": form["mobile"] != true})
	send("w2", "Which one?", stanza.New("urn:xmpp:chat-markers:0", "markable"))
	v.do("see", button("Open chat, 1 new messages"))
	v.do("goto", browser.Args{"path": form["path"].(string) + "/cart"})
	v.do("see", button("Open chat, 1 new messages"))
	v.do("click", button("Open chat"))
	v.see("Which one?")
	v.shot("widget-" + strings.NewReplacer("/", "-", " ", "-", ",", "").Replace(t.Name()))

	// Another tab has the same conversation, and goes on when this one is closed.
	second := &visitor{t, v.b, v.name + " 2"}
	second.do("tab", browser.Args{"of": v.name})
	second.do("click", button("Open chat"))
	second.see("Which one?")
	second.write("The red one")
	hears("the second tab", says("The red one"))
	v.see("The red one")
	v.do("close", nil)
	second.write("Still there?")
	hears("it after the first tab's end", says("Still there?"))

	want := []string{question, "Good morning", "It is broken", "To you too", "Which one?", "The red one", "Still there?"}
	var faults, axe []string
	must(t, v.b.Do(second.name, "faults", nil, &faults))
	if form["mobile"] != true {
		want = append(want, "While you were gone", "Back again")
		// Desk and server go, and come back: what was written meanwhile arrives; nothing is lost, nothing comes twice.
		w.stop()
		second.write("While you were gone")
		anna.drop()
		must(t, w.server.Restart(t.Context()))
		d.who = map[string]*client{}
		d.login("anna")
		anna = d.who["anna"]
		w.start()
		serve()
		// Not enter, which forgets what may have come already.
		must(t, anna.send(stanza.New("", "presence", "to", "lobby@"+deskDomain+"/anna").Add(stanza.New("http://jabber.org/protocol/muc", "x"))))
		hears("what was written meanwhile", says("While you were gone"))
		send("w3", "Back again")
		second.see("Back again")
	}
	if got := second.texts(); strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("the chat shows %q, want %q", got, want)
	}
	must(t, v.b.Do(second.name, "axe", nil, &axe))
	if len(axe) > 0 || len(faults) > 0 {
		t.Errorf("faults:\n%s", strings.Join(append(axe, faults...), "\n"))
	}
	second.do("close", nil)
	send("", "!close") // the next visitor needs her
	hears("that it is closed", func(m *stanza.Element) bool { return strings.Contains(m.ChildText("", "body"), "losed") })
	anna.drop()
}

// userTalks is who is signed in at the shop, on a laptop and on a phone whose browser keeps nothing: both show the conversation as it
// goes on, and there is one. A device that connects anew, in the middle of it, loses nothing.
func userTalks(t *testing.T, w *world, b *browser.Browser, shop string, token func(sub string) string) {
	d := &dialogue{w: w, t: t, names: map[string]string{}, who: map[string]*client{}, at: "user"}
	d.login("anna")
	d.enter("anna")
	anna := d.who["anna"]
	contact := ""
	hears := func(text string) {
		t.Helper()
		m := anna.await(func(s *stanza.Element) bool { return isMessage(s) && s.ChildText("", "body") == text })
		if m == nil {
			t.Fatalf("anna never heard %q", text)
		}
		if from := string(m.From().Bare()); contact == "" {
			contact = from
		} else if from != contact {
			t.Errorf("%q came from %s, not %s", text, from, contact)
		}
	}
	laptop, phone := &visitor{t, b, "ute's laptop"}, &visitor{t, b, "ute's phone"}
	path := shop + "/?token=" + token("u17")
	laptop.do("open", browser.Args{"path": path})
	phone.do("open", browser.Args{"path": path, "mobile": true, "deny": true})
	for _, v := range []*visitor{laptop, phone} {
		v.do("click", browser.Args{"role": "button", "name": "Open chat", "host": true})
		v.do("see", browser.Args{"css": "body[data-phase=ready]"})
	}
	laptop.write("From the laptop")
	hears("From the laptop")
	phone.see("From the laptop")
	phone.write("From the phone")
	hears("From the phone")
	laptop.see("From the phone")
	says := func(id, text string) {
		t.Helper()
		must(t, anna.send(stanza.New("", "message", "type", "chat", "to", contact, "id", id).Add(stanza.Text("", "body", text))))
		laptop.see(text)
		phone.see(text)
	}
	says("u1", "To both")
	// Reloads and words at the same time: whoever comes first, they are one customer's.
	phone.do("reload", nil)
	laptop.write("While the phone is away")
	hears("While the phone is away")
	phone.do("see", browser.Args{"text": "While the phone is away"})
	laptop.do("reload", nil)
	phone.write("While the laptop is away")
	hears("While the laptop is away")
	laptop.do("see", browser.Args{"text": "While the laptop is away"})
	says("u2", "To both again")
	want := "From the laptop|From the phone|To both|While the phone is away|While the laptop is away|To both again"
	for _, v := range []*visitor{laptop, phone} {
		if got := strings.Join(v.texts(), "|"); got != want {
			t.Errorf("%s shows %q, want %q", v.name, got, want)
		}
	}
	phone.do("close", nil)
	laptop.write("The phone is off")
	hears("The phone is off")
	must(t, anna.send(stanza.New("", "message", "type", "chat", "to", contact, "id", "u3").Add(stanza.Text("", "body", "Good bye"))))
	laptop.see("Good bye")
	laptop.do("close", nil)
	must(t, anna.send(stanza.New("", "message", "type", "chat", "to", contact).Add(stanza.Text("", "body", "!close")))) // the next visitor needs her
	if anna.await(func(m *stanza.Element) bool { return strings.Contains(m.ChildText("", "body"), "losed") }) == nil {
		t.Fatal("it is never closed")
	}
	anna.drop()
}
