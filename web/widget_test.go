package web

import (
	"fmt"
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"frontdesk/web/browser"
)

// shop is somebody else's web site, on another site in the browser's eyes: it uses the widget, and its policy allows
// our origin alone, and only for what the widget needs.
type shop struct {
	url  string
	chat chan string // where the chat is; one value
}

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{chat: make(chan string, 1)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		chat := <-s.chat
		s.chat <- chat
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", fmt.Sprintf("default-src 'none'; script-src %s; frame-src %s; img-src %s; require-trusted-types-for 'script'", chat, chat, chat))
		fmt.Fprintf(w, `<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>Shop</title><main><h1>Shop %s</h1></main><script async src="%s/widget.js" %s></script>`,
			html.EscapeString(r.URL.Path), chat, r.URL.Query().Get("attributes"))
	}))
	t.Cleanup(server.Close)
	s.url = strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	return s
}

// of makes a form of a browser one that is in the shop.
func (s *shop) of(form args, path string) args {
	a := args{"path": s.url + path}
	for key, value := range form {
		a[key] = value
	}
	return a
}

const hosted = "host"

func (c *customer) button(name string) args {
	return args{"role": "button", "name": name, hosted: true}
}

// widget is a visit to a shop: nothing is loaded before the click; the conversation goes on over pages, a closed
// frame, reloads and tabs, and the shop's page is told of what is new.
func (c *customer) widget(form args) {
	mobile := form["mobile"] == true
	c.open(c.shop.of(form, "/"))
	c.do("see", c.button("Open chat"))
	var n int
	if c.get("count", args{"css": "iframe", hosted: true}, &n); n != 0 {
		c.t.Error("there is a frame before the first click")
	}
	var page struct {
		Loaded, Own []string
		Cookie      string
	}
	c.get("run", args{"script": `({
		loaded: performance.getEntriesByType('resource').map(r => new URL(r.name).pathname).filter(p => p !== '/'),
		own: Object.keys(window).filter(k => k === 'frontdesk' || k === 'TEXTS'), cookie: document.cookie + Object.keys(localStorage) + Object.keys(sessionStorage) })`}, &page)
	if !slices.Equal(page.Loaded, []string{"/widget.js"}) || !slices.Equal(page.Own, []string{"frontdesk"}) || page.Cookie != "" {
		c.t.Errorf("before the first click the page has %+v", page)
	}
	c.do("click", c.button("Open chat"))
	c.ask()
	c.desk.say(c.thread, "d1", `<body>Hello Maria</body>`+wantsAll+nickAnna)
	c.see("Hello Maria")
	c.await("the mark", func(th *fakeThread) bool { return slices.Contains(th.signals, "displayed d1") })
	kept := map[bool]string{}
	for _, host := range []bool{true, false} {
		if form["deny"] == true && !host {
			continue // asking is an exception there
		}
		var text *string
		if c.get("stored", args{"name": "frontdesk:" + testQueue, hosted: host}, &text); text != nil {
			kept[host] = *text
		}
	}
	if where := form["deny"] == true; !strings.Contains(kept[where], `"key":"key-`) || kept[!where] != "" {
		c.t.Errorf("the key is kept by the host's page and by the frame as %v", kept)
	}
	c.look("widget-open-" + strings.ReplaceAll(c.name, " ", "-"))

	// What comes while the frame is closed is counted: on the button, in the title, over pages.
	c.do("click", args{"role": "button", "name": "Close chat", hosted: !mobile})
	c.desk.say(c.thread, "d2", `<body>Are you there?</body>`+wantsAll+nickAnna)
	c.do("see", c.button("Open chat, 1 new messages"))
	c.titled("(1) Shop")
	c.look("widget-closed-" + strings.ReplaceAll(c.name, " ", "-"))
	c.do("goto", args{"path": c.shop.url + "/cart"})
	c.do("see", c.button("Open chat, 1 new messages"))
	c.do("click", c.button("Open chat"))
	c.see("Are you there?")
	c.await("the mark", func(th *fakeThread) bool { return slices.Contains(th.signals, "displayed d2") })
	c.titled("Shop")

	// An open frame is open on the next page and after a reload.
	c.do("goto", args{"path": c.shop.url + "/checkout"})
	c.see("Are you there?")
	c.write("Yes, I am")
	c.do("see", args{"css": ".message[data-state=sent] .body", "text": "Yes, I am"})
	c.do("reload", nil)
	c.see("Yes, I am")

	second := c.tab()
	second.do("click", second.button("Open chat"))
	second.see("Yes, I am")
	second.write("From another tab")
	c.see("From another tab")
	c.shows("Question of "+c.name, "Hello Maria", "Are you there?", "Yes, I am", "From another tab")
	c.heardOnce()
	second.clean()
}

func (c *customer) titled(want string) {
	c.t.Helper()
	var got string
	if c.get("title", nil, &got); got != want {
		c.t.Errorf("the title is %q, want %q", got, want)
	}
}

// attributes: what a site can say in its one line.
func attributes(c *customer) {
	c.open(c.shop.of(nil, "/?attributes="+strings.ReplaceAll(`data-lang="de" data-queue="sales" data-color="%23ffd400" data-position="left" data-title="Fragen?" data-theme="dark"`, " ", "+")))
	c.do("click", c.button("Chat öffnen"))
	c.see("Wie können wir helfen?")
	c.do("see", args{"role": "heading", "name": "Fragen?"})
	var left struct{ Button, Frame float64 }
	c.get("run", args{"script": `(() => { const r = [...document.body.children].at(-1).shadowRoot; return {
		button: r.querySelector('button').getBoundingClientRect().left, frame: r.querySelector('iframe').getBoundingClientRect().left } })()`}, &left)
	if left.Button != 16 || left.Frame != 16 {
		c.t.Errorf("on the left: %+v", left)
	}
	c.look("widget-attributes")
	// Escape closes, and the focus is back at the button; the site's own code opens.
	c.do("keys", args{"press": "Escape"})
	c.do("gone", args{"css": "iframe", hosted: true})
	c.do("see", args{"css": "button:focus", hosted: true})
	c.do("run", args{"script": "window.frontdesk.open()"})
	c.see("Wie können wir helfen?")
}

// greeting comes after a while, once in a visit, and opens the chat.
func greeting(c *customer) {
	page := "/?attributes=" + strings.ReplaceAll(`data-greeting="May we help?" data-greeting-after="1"`, " ", "+")
	c.open(c.shop.of(nil, page))
	c.do("see", c.button("May we help?"))
	c.look("widget-greeting")
	c.do("click", c.button("Close"))
	c.do("gone", c.button("May we help?"))
	c.do("clock", nil)
	c.do("reload", nil)
	c.do("see", c.button("Open chat"))
	c.do("forward", args{"ms": 5000})
	var n int
	if c.get("count", c.button("May we help?"), &n); n != 0 {
		c.t.Error("a greeting that was dismissed comes again")
	}
}

// foreignSite: a site that the configuration does not name shows no chat.
func foreignSite(c *customer) {
	c.do("open", args{"path": strings.Replace(c.shop.url, "localhost", "127.0.0.1", 1) + "/"})
	c.do("click", c.button("Open chat"))
	c.do("see", args{"css": "iframe", hosted: true})
	c.do("refused", nil)
	var faults []string
	c.get("faults", nil, &faults)
	if !slices.ContainsFunc(faults, func(f string) bool { return strings.Contains(f, "frame-ancestors") }) {
		c.t.Errorf("the frame was not refused: %q", faults)
	}
	c.do("close", nil)
}

// signedIn: who is signed in at the site has one conversation before him on all his devices; his browser keeps no key of it.
func signedIn(c *customer) {
	page := "/?attributes=data-token=maria"
	c.open(c.shop.of(nil, page))
	c.do("click", c.button("Open chat"))
	c.write("From the laptop")
	c.desk.await(c.t, "it", func(s *deskState) bool {
		c.thread = s.find(func(th *fakeThread) bool {
			return th.key == "user-maria" && slices.Contains(words(th), "From the laptop")
		})
		return c.thread != nil
	})
	phone := *c
	phone.name += " phone"
	phone.open(c.shop.of(args{"mobile": true, "deny": true}, page))
	phone.do("click", phone.button("Open chat"))
	phone.see("From the laptop")
	phone.write("From the phone")
	c.see("From the phone")
	c.desk.say(c.thread, "d1", `<body>To both</body>`+wantsAll+nickAnna)
	c.see("To both")
	phone.see("To both")
	c.write("To her and the phone")
	phone.see("To her and the phone")
	// What is read on one device is read on the other.
	for _, device := range []*customer{c, &phone} {
		device.do("click", args{"role": "button", "name": "Close chat", hosted: device == c})
	}
	c.desk.say(c.thread, "d2", `<body>Unread</body>`+wantsAll+nickAnna)
	c.do("see", c.button("Open chat, 1 new messages"))
	phone.do("click", phone.button("Open chat, 1 new messages"))
	c.do("see", args{"role": "button", "name": "Open chat", "exact": true, hosted: true})
	c.do("click", c.button("Open chat"))
	for _, device := range []*customer{c, &phone} {
		device.do("gone", args{"css": ".message[data-state=waiting]"})
		device.shows("From the laptop", "From the phone", "To both", "To her and the phone", "Unread")
	}
	c.heardOnce()
	c.set(func(th *fakeThread) {
		if n := len(slices.DeleteFunc(slices.Clone(th.signals), func(s string) bool { return s != "displayed d2" })); n != 1 {
			c.t.Errorf("it was read %d times", n)
		}
	})
	var stored string
	if c.get("stored", args{"name": "frontdesk:" + testQueue}, &stored); strings.Contains(stored, "user-maria") {
		c.t.Errorf("kept: %s", stored)
	}
	// Connected anew, he is the same without a new token; signed out, he is nobody.
	c.desk.cut(c.thread)
	c.write("Still signed in")
	c.await("it", func(th *fakeThread) bool { return slices.Contains(words(th), "Still signed in") })
	c.do("run", args{"script": "window.frontdesk.login('')"})
	c.do("gone", args{"text": "From the laptop"})
	c.do("fill", args{"role": "textbox", "name": "Your question", "value": "Who am I?"})
	c.do("click", args{"role": "button", "name": "Start chat"})
	c.desk.await(c.t, "it, of another", func(s *deskState) bool {
		return s.find(func(th *fakeThread) bool { return th.key != "user-maria" && slices.Contains(words(th), "Who am I?") }) != nil
	})
}

// elsewhere: a page that is told that the conversation is somewhere else says so, stays silent, and takes it back when it is asked to.
func elsewhere(c *customer) {
	c.start(args{"clock": true})
	c.do("forward", args{"ms": 11_000}) // so long it takes it for another tab's doing
	c.set(func(th *fakeThread) {
		th.client.send(`<message xmlns='jabber:client' from='%s/desk' type='headline'><released xmlns='urn:frontdesk:0'/></message>`, testQueue)
	})
	c.see("This chat is open somewhere else.")
	c.look("elsewhere")
	c.await("its end", func(th *fakeThread) bool { return th.client == nil })
	c.desk.say(c.thread, "d1", `<body>Meanwhile</body>`+nickAnna)
	if n := c.sockets(); n != 1 {
		c.t.Errorf("%d connections, want 1", n)
	}
	c.do("click", args{"role": "button", "name": "Continue here"})
	c.see("Meanwhile")
	c.write("Back again")
	c.await("it", func(th *fakeThread) bool { return slices.Contains(words(th), "Back again") })
}

// TestShop: the demonstration's pages use the widget by one line, and have no fault.
func TestShop(t *testing.T) {
	t.Parallel()
	desk := newFakeDesk(t)
	cfg := testConfig(desk.url)
	cfg.Web.Demo = true
	site := httptest.NewServer(New(cfg, fakeView{cfg: cfg}, slog.New(slog.DiscardHandler)))
	t.Cleanup(site.Close)
	chromium := browser.For(t, site.URL)
	for name, form := range map[string]args{"shop": {}, "shop mobile": {"mobile": true}} {
		c := &customer{t: t, desk: desk, browser: chromium, name: name}
		form["path"] = "/"
		if err := chromium.Do(name, "open", form, nil); err != nil {
			t.Fatal(err)
		}
		c.do("see", c.button("Open chat"))
		c.look(strings.ReplaceAll("widget-"+name, " ", "-"))
		c.do("click", c.button("Open chat"))
		c.ask()
		c.conversation("Write a message")
		c.look(strings.ReplaceAll("widget-"+name+" open", " ", "-"))
		c.do("goto", args{"path": "/shop/cart"})
		c.see("Of course")
		c.do("see", args{"role": "heading", "name": "Your basket", hosted: true})
		c.clean()
	}
}
