package web

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"frontdesk/config"
	"frontdesk/web/browser"
)

const testQueue = "support@help.example"

type fakeView struct {
	cfg     *config.Config
	health  error
	metrics map[string]float64
}

func (v fakeView) Config() *config.Config { return v.cfg }
func (v fakeView) Health() error          { return v.health }
func (v fakeView) Copy(token string) (string, string, bool) {
	return "12:00 You: <b>Grüezi</b>\n", "de", token == "abc"
}
func (v fakeView) Metrics() map[string]float64 { return v.metrics }

func testConfig(socket string) *config.Config {
	return &config.Config{
		Front:  config.Link{Domain: "help.example"},
		Queues: []config.Queue{{Name: "sales"}, {Name: "support", Title: "Example Support"}},
		Web:    config.Web{WebSocket: socket, Host: "customers.example", Queue: "support"},
	}
}

// faceID is the hash of the picture that showFace gives an agent.
var faceID = strings.Repeat("0f", 16)

func showFace(cfg *config.Config, picture []byte) {
	cfg.Agents = append(cfg.Agents, config.Person{JID: "bob@agents.example"}, config.Person{JID: "anna@agents.example", Face: config.Image{Type: "image/png", Sum: faceID, Bytes: picture}})
	cfg.Queues[0].ShowAgents = true
}

// TestPage drives the page in Chromium against the handler and a desk that can fail at will.
// SHOTS names a folder for pictures.
func TestPage(t *testing.T) {
	t.Parallel()
	desk := newFakeDesk(t)
	shop := newShop(t)
	cfg := lookConfig(desk.url)
	cfg.Web.Origins = []string{shop.url}
	kept := newStore(t)
	cfg.Web.Upload, cfg.Web.Files = "upload.example", kept.url
	face, err := os.ReadFile("../e2e/testdata/face.png")
	if err != nil {
		t.Fatal(err)
	}
	showFace(cfg, face)
	site := httptest.NewServer(New(cfg, fakeView{cfg: cfg}, slog.New(slog.DiscardHandler)))
	t.Cleanup(site.Close)
	shop.chat <- site.URL
	desk.do(func(s *deskState) { s.site = site.URL })
	chromium := browser.For(t, site.URL)
	for name, scenario := range map[string]func(*customer){
		"first chat":         firstChat,
		"reload":             reloadKeepsThread,
		"lost on the way":    lostOnTheWay,
		"receipt lost":       receiptLost,
		"no receipt":         noReceipt,
		"reload unconfirmed": reloadUnconfirmed,
		"missed":             missed,
		"changes":            changes,
		"foreign words":      foreignWords,
		"choices":            choices,
		"unknown key":        unknownKey,
		"unknown key denied": unknownKey,
		"desk down":          deskDown,
		"earlier":            earlier,
		"two tabs":           twoTabs,
		"very long":          veryLong,
		"no storage":         noStorage,
		"keyboard":           keyboard,
		"gate":               gateHolds,
		"looks":              looks,
		"tab closed":         tabClosed,
		"slow tab":           slowTab,
		"overtaken":          overtaken,
		"own changes":        ownChanges,
		"uploads":            uploads,
		"faces":              seesFaces,
		"reactions":          reactions,
		"replies":            replies,
		"emoji":              emoji,
		"suggestions":        suggestions,
		"form":               fillsForm,
		"rating":             rates,
		"end":                endsChat,
		"forget":             forgetsMe,
		"key runs out":       keyRunsOut,
		"transcript":         transcript,
		"notices":            notices,
		"languages":          speaks,
		"widget":             func(c *customer) { c.widget(nil) },
		"widget mobile":      func(c *customer) { c.widget(args{"mobile": true}) },
		"widget denied":      func(c *customer) { c.widget(args{"deny": true}) },
		"widget denied mobile": func(c *customer) {
			c.widget(args{"deny": true, "mobile": true})
		},
		"widget attributes":       attributes,
		"widget greeting":         greeting,
		"foreign site":            foreignSite,
		"elsewhere":               elsewhere,
		"signed in":               signedIn,
		"offline":                 func(c *customer) { c.offline(nil) },
		"offline denied mobile":   func(c *customer) { c.offline(args{"deny": true, "mobile": true}) },
		"asleep":                  func(c *customer) { c.asleep(nil) },
		"asleep denied mobile":    func(c *customer) { c.asleep(args{"deny": true, "mobile": true}) },
		"half open":               func(c *customer) { c.halfOpen(nil) },
		"half open denied mobile": func(c *customer) { c.halfOpen(args{"deny": true, "mobile": true}) },
		"look":                    configured,
		"look greeting":           greets,
		"logo refused":            logoRefused,
		"logo opened":             logoOpened,
		"contrast":                contrast,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scenario(&customer{t: t, desk: desk, browser: chromium, shop: shop, files: kept, name: name})
		})
	}
}

// customer is one browser with the page.
type customer struct {
	t       *testing.T
	desk    *fakeDesk
	browser *browser.Browser
	shop    *shop
	files   *store
	name    string
	thread  *fakeThread
}

type args = browser.Args

func (c *customer) do(verb string, a args) {
	c.t.Helper()
	if err := c.browser.Do(c.name, verb, a, nil); err != nil {
		c.t.Fatal(err)
	}
}

func (c *customer) get(verb string, a args, value any) {
	c.t.Helper()
	if err := c.browser.Do(c.name, verb, a, value); err != nil {
		c.t.Fatal(err)
	}
}

// open opens the page; at the test's end nothing may have gone wrong in it.
func (c *customer) open(a args) {
	c.t.Helper()
	c.do("open", a)
	c.t.Cleanup(c.clean)
}

func (c *customer) clean() {
	var faults []string
	c.get("faults", nil, &faults)
	if len(faults) > 0 {
		c.t.Errorf("%s: %s", c.name, strings.Join(faults, "\n"))
	}
	c.do("close", nil)
}

// start opens the page and writes the first message, which the desk then has.
func (c *customer) start(a args) {
	c.t.Helper()
	c.open(a)
	c.ask()
}

// ask fills in the form and waits until the desk has the question.
func (c *customer) ask() {
	c.t.Helper()
	c.do("fill", args{"role": "textbox", "name": "Your name", "value": "Maria"})
	c.do("fill", args{"role": "textbox", "name": "Your question", "value": "Question of " + c.name})
	c.do("click", args{"role": "button", "name": "Start chat"})
	c.desk.await(c.t, "first message of "+c.name, func(s *deskState) bool {
		c.thread = s.find(func(th *fakeThread) bool {
			return slices.ContainsFunc(th.archive, func(m fakeMessage) bool { return strings.Contains(m.inner, "Question of "+c.name+"<") })
		})
		return c.thread != nil
	})
	c.do("see", args{"css": ".message[data-state=sent]"})
}

// write sends one message.
func (c *customer) write(text string) {
	c.t.Helper()
	c.do("fill", args{"role": "textbox", "name": "Write a message", "value": text})
	c.do("click", args{"role": "button", "name": "Send", "exact": true})
}

func (c *customer) see(text string) { c.t.Helper(); c.do("see", args{"text": text}) }

// set changes how the desk treats the customer.
func (c *customer) set(change func(*fakeThread)) { c.desk.do(func(*deskState) { change(c.thread) }) }

func (c *customer) await(what string, holds func(*fakeThread) bool) {
	c.t.Helper()
	c.desk.await(c.t, c.name+": "+what, func(*deskState) bool { return holds(c.thread) })
}

// shows checks the log from the first bubble to the last.
func (c *customer) shows(want ...string) {
	c.t.Helper()
	var got []string
	c.get("texts", args{"css": ".body"}, &got)
	if !slices.Equal(got, want) {
		c.t.Errorf("the log shows\n%q, want\n%q", got, want)
	}
}

// heardOnce checks that no message came twice.
func (c *customer) heardOnce() {
	c.t.Helper()
	c.set(func(th *fakeThread) {
		for id, n := range th.heard {
			if n != 1 {
				c.t.Errorf("message %s came %d times", id, n)
			}
		}
	})
}

func words(th *fakeThread) (all []string) {
	for _, m := range th.archive {
		_, rest, _ := strings.Cut(m.inner, "<body>")
		if rest == "" {
			_, rest, _ = strings.Cut(m.inner, "<body xmlns=\"jabber:client\">")
		}
		text, _, _ := strings.Cut(rest, "</body>")
		all = append(all, text)
	}
	return all
}

const (
	nickAnna = `<nick xmlns='http://jabber.org/protocol/nick'>Anna</nick>`
	wantsAll = `<request xmlns='urn:xmpp:receipts'/><markable xmlns='urn:xmpp:chat-markers:0'/>`
	typing   = `<composing xmlns='http://jabber.org/protocol/chatstates'/>`
)

func firstChat(c *customer) {
	c.start(nil)
	c.see("Anna is here")
	c.await("the name", func(th *fakeThread) bool { return strings.Contains(th.archive[0].inner, ">Maria</nick>") })
	c.set(func(th *fakeThread) {
		if th.lang != "en-GB" {
			c.t.Errorf("the first message is in %q", th.lang)
		}
	})
	c.desk.say(c.thread, "", typing+nickAnna)
	c.see("Anna is typing…")
	c.desk.say(c.thread, "d1", `<body>Hello Maria</body>`+wantsAll+nickAnna)
	c.see("Hello Maria")
	c.do("gone", args{"text": "Anna is typing…"})
	c.await("receipt and mark", func(th *fakeThread) bool {
		return slices.Contains(th.signals, "received d1") && slices.Contains(th.signals, "displayed d1")
	})
	c.do("fill", args{"role": "textbox", "name": "Write a message", "value": "Thank"})
	c.await("typing", func(th *fakeThread) bool { return slices.Contains(th.signals, "composing") })
	c.do("fill", args{"role": "textbox", "name": "Write a message", "value": ""})
	c.await("the pause", func(th *fakeThread) bool { return slices.Contains(th.signals, "paused") })
	c.write("Thank you")
	c.await("the second message", func(th *fakeThread) bool { return slices.Contains(words(th), "Thank you") })
	c.do("see", args{"css": ".message[data-state=sent] .body", "text": "Thank you"})
	// It comes to an agent's client. That it is on disk may be said again afterwards, and is no news.
	c.hears(`<received xmlns='urn:xmpp:chat-markers:0' id='%s'/>`)
	c.do("see", args{"css": ".message[data-state=delivered] .state", "text": "Delivered"})
	c.hears(`<received xmlns='urn:xmpp:receipts' id='%s'/>`)
	c.desk.say(c.thread, "d2", `<body>You are welcome</body>`+nickAnna)
	c.see("You are welcome")
	c.do("see", args{"css": ".message[data-state=delivered] .state", "text": "Delivered"})
	c.hears(`<displayed xmlns='urn:xmpp:chat-markers:0' id='%s'/>`)
	c.do("see", args{"css": ".message[data-state=read] .body", "text": "Thank you"})
	c.shows("Question of first chat", "Hello Maria", "Thank you", "You are welcome")
	c.heardOnce()
}

// hears sends the customer a signal about what he wrote last.
func (c *customer) hears(signal string) {
	c.set(func(th *fakeThread) {
		id := ""
		for _, m := range th.archive {
			if m.mine {
				id = m.id
			}
		}
		th.client.send(`<message xmlns='jabber:client' from='%s/desk' type='chat'>%s</message>`, testQueue, fmt.Sprintf(signal, id))
	})
}

func reloadKeepsThread(c *customer) {
	c.start(nil)
	c.desk.say(c.thread, "d1", `<body>One moment</body>`+wantsAll+nickAnna)
	c.see("One moment")
	c.do("reload", nil)
	c.see("One moment")
	c.shows("Question of reload", "One moment")
	c.write("Still me")
	c.await("the same thread", func(th *fakeThread) bool { return slices.Contains(words(th), "Still me") })
	c.set(func(th *fakeThread) {
		if n := len(th.archive); n != 3 {
			c.t.Errorf("%d messages in the thread, want 3", n)
		}
	})
}

func lostOnTheWay(c *customer) {
	c.start(nil)
	c.set(func(th *fakeThread) { th.deaf = true })
	c.write("Lost once")
	c.await("the lost message", func(th *fakeThread) bool { return len(th.heard) == 2 })
	c.do("see", args{"css": ".message[data-state=waiting]"})
	c.set(func(th *fakeThread) { th.deaf = false })
	c.desk.cut(c.thread)
	c.await("it again", func(th *fakeThread) bool { return slices.Contains(words(th), "Lost once") })
	c.do("gone", args{"css": ".message[data-state=waiting]"})
	c.shows("Question of lost on the way", "Lost once")
	c.set(func(th *fakeThread) {
		if len(th.heard) != 2 { // two ids: the one that was lost came again as itself
			c.t.Errorf("heard %v", th.heard)
		}
	})
}

// overtaken: something is said while what was said before is still being fetched.
func overtaken(c *customer) {
	c.start(nil)
	c.set(func(th *fakeThread) {
		th.hasty = true
		for _, body := range []string{"First", "Second", "Third"} {
			th.archive = append(th.archive, fakeMessage{false, body, "<body>" + body + "</body>", time.Now()})
		}
	})
	c.desk.cut(c.thread)
	c.see("Second")
	c.shows("Question of overtaken", "First", "Second", "Third")
}

func receiptLost(c *customer) {
	c.start(nil)
	c.set(func(th *fakeThread) { th.silent = true })
	c.write("Kept, unanswered")
	c.await("the message", func(th *fakeThread) bool { return len(th.archive) == 2 })
	c.set(func(th *fakeThread) { th.silent = false })
	c.desk.cut(c.thread)
	c.do("gone", args{"css": ".message[data-state=waiting]"})
	c.shows("Question of receipt lost", "Kept, unanswered")
	c.heardOnce() // the archive told that it had arrived
}

func noReceipt(c *customer) {
	c.t.Helper()
	c.start(nil)
	c.do("clock", nil)
	c.set(func(th *fakeThread) { th.deaf = true })
	c.write("Into the void")
	c.await("the lost message", func(th *fakeThread) bool { return len(th.heard) == 2 })
	c.set(func(th *fakeThread) { th.deaf = false })
	c.do("forward", args{"ms": 31000})
	c.await("it again on the same connection", func(th *fakeThread) bool { return slices.Contains(words(th), "Into the void") })
	c.do("gone", args{"css": ".message[data-state=waiting]"})
}

func reloadUnconfirmed(c *customer) {
	c.start(nil)
	c.set(func(th *fakeThread) { th.deaf = true })
	c.write("Before the reload")
	c.await("the lost message", func(th *fakeThread) bool { return len(th.heard) == 2 })
	c.set(func(th *fakeThread) { th.deaf = false })
	c.do("reload", nil)
	c.await("it again", func(th *fakeThread) bool { return slices.Contains(words(th), "Before the reload") })
	c.do("see", args{"css": ".message[data-state=sent] .body", "text": "Before the reload"})
	c.shows("Question of reload unconfirmed", "Before the reload")
	var stored string
	c.get("stored", args{"name": "frontdesk:" + testQueue}, &stored)
	if !strings.Contains(stored, `"outbox":[]`) {
		c.t.Errorf("the outbox is not empty: %s", stored)
	}
}

func missed(c *customer) {
	c.start(nil)
	c.desk.say(c.thread, "d1", `<body>Seen live</body>`+nickAnna)
	c.see("Seen live")
	c.desk.cut(c.thread)
	c.desk.say(c.thread, "d2", `<body>While you were away</body>`+wantsAll+nickAnna)
	c.see("While you were away")
	c.await("the mark", func(th *fakeThread) bool { return slices.Contains(th.signals, "displayed d2") })
	c.shows("Question of missed", "Seen live", "While you were away")
}

func changes(c *customer) {
	c.start(nil)
	mine := ""
	c.set(func(th *fakeThread) { mine = th.archive[0].id })
	c.desk.say(c.thread, "d1", `<body>At nien</body>`+nickAnna)
	c.desk.say(c.thread, "d2", `<body>At nine</body><replace xmlns='urn:xmpp:message-correct:0' id='d1'/>`+nickAnna)
	c.desk.say(c.thread, "d3", `<body>Not for you</body>`+nickAnna)
	c.desk.say(c.thread, "d4", `<body>withdrawn</body><retract xmlns='urn:xmpp:message-retract:1' id='d3'/>`)
	c.desk.say(c.thread, "d5", fmt.Sprintf(`<reactions xmlns='urn:xmpp:reactions:0' id='%s'><reaction>👍</reaction></reactions>`, mine))
	c.desk.say(c.thread, "d6", fmt.Sprintf(`<body>&gt; Question 😀&#10;Yes, that</body><reply xmlns='urn:xmpp:reply:0' to='x' id='%s'/>`+
		`<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='13'/></fallback>`, mine)+nickAnna)
	c.desk.say(c.thread, "d7", `<body>http://files.example/a%20b.pdf</body><x xmlns='jabber:x:oob'><url>http://files.example/a%20b.pdf</url></x>`+nickAnna)
	check := func() {
		c.see("a b.pdf")
		c.shows("Question of changes", "At nine", "Yes, that")
		c.see("This message was withdrawn.")
		c.see("edited")
		c.do("see", args{"css": ".mine .reactions", "text": "👍"})
		c.do("see", args{"css": "blockquote", "text": "Question of changes"})
	}
	check()
	c.do("reload", nil)
	check()
}

func foreignWords(c *customer) {
	c.start(nil)
	evil := `<img src=x onerror="alert(1)"><script>alert(2)</script>`
	c.desk.say(c.thread, "d1", `<body>`+escape(evil)+`</body><nick xmlns='http://jabber.org/protocol/nick'>`+escape("<b>Eve</b>")+`</nick>`)
	c.see(evil)
	c.desk.say(c.thread, "d2", `<body>Look at https://example.org/a?b=1. javascript:alert(3)</body><x xmlns='jabber:x:oob'><url>javascript:alert(4)</url></x>`)
	c.see("Look at")
	var n int
	if c.get("count", args{"css": "#log img, #log script, #log b"}, &n); n != 0 {
		c.t.Errorf("%d elements came from words", n)
	}
	if c.get("count", args{"css": "#log a"}, &n); n != 1 {
		c.t.Errorf("%d links, want 1", n)
	}
	for attribute, want := range map[string]string{"href": "https://example.org/a?b=1", "rel": "noopener noreferrer", "target": "_blank"} {
		var got string
		if c.get("attribute", args{"css": "#log a", "attribute": attribute}, &got); got != want {
			c.t.Errorf("%s is %q, want %q", attribute, got, want)
		}
	}
	// Nobody but the queue is believed.
	c.set(func(th *fakeThread) {
		th.client.send(`<message xmlns='jabber:client' from='eve@customers.example/x' id='e1' type='chat'><body>I am Anna</body></message>`)
	})
	c.desk.say(c.thread, "d3", `<body>The real one</body>`)
	c.see("The real one")
	if c.get("count", args{"text": "I am Anna"}, &n); n != 0 {
		c.t.Error("a stranger's words are shown")
	}
}

// choices are offered while their message is the last one.
func choices(c *customer) {
	c.start(nil)
	c.desk.say(c.thread, "d1", `<body>How was it?</body><response xmlns='urn:xmpp:tmp:quick-response' value='4' label='4: good'/>`+
		`<response xmlns='urn:xmpp:tmp:quick-response' value='5' label='&lt;b&gt;5&lt;/b&gt;'/><response xmlns='urn:xmpp:tmp:quick-response' label='none'/>`)
	c.do("see", args{"role": "button", "name": "<b>5</b>"})
	var n int
	if c.get("count", args{"css": "#choices button"}, &n); n != 2 {
		c.t.Errorf("%d buttons, want 2", n)
	}
	c.look("choices")
	c.do("click", args{"role": "button", "name": "4: good"})
	c.await("the answer", func(th *fakeThread) bool { return slices.Contains(words(th), "4") })
	c.do("gone", args{"css": "#choices button"})
	c.do("reload", nil)
	c.see("How was it?")
	c.shows("Question of choices", "How was it?", "4")
}

// unknownKey: the desk does not know a key any more, or it was not used for too long. The page says nothing of it, begins as with
// somebody new, and has forgotten who was there; in each tab.
func unknownKey(c *customer) {
	form := args(nil)
	if strings.Contains(c.name, "denied") {
		form = c.shop.of(args{"deny": true}, "/")
	}
	c.open(form)
	if form != nil {
		c.do("click", c.button("Open chat"))
	}
	c.ask()
	c.desk.say(c.thread, "d1", `<body>Your number is 17</body>`+nickAnna)
	c.see("Your number is 17")
	c.do("fill", args{"role": "textbox", "name": "Write a message", "value": "Private"})
	second := c.tab()
	if form != nil {
		second.do("click", second.button("Open chat"))
	}
	second.see("Your number is 17")
	old := c.thread
	c.set(func(th *fakeThread) { th.gone = true })
	c.desk.cut(c.thread)
	for _, tab := range []*customer{c, second} {
		tab.do("see", args{"role": "button", "name": "Start chat"})
		for css, want := range map[string]int{".message": 0, "#notice-text:not(:empty)": 0} {
			var n int
			if tab.get("count", args{"css": css}, &n); n != want {
				c.t.Errorf("%s: %d of %s", tab.name, n, css)
			}
		}
		var left []string
		tab.get("values", args{"css": "#name, #question, #text"}, &left)
		if strings.Join(left, "") != "" {
			c.t.Errorf("%s: in the fields stands %q", tab.name, left)
		}
	}
	var stored string
	if c.get("stored", args{"name": "frontdesk:" + testQueue, hosted: form != nil}, &stored); strings.Contains(stored, old.key+`"`) || strings.Contains(stored, "Maria") {
		c.t.Errorf("still kept: %s", stored)
	}
	c.do("fill", args{"role": "textbox", "name": "Your question", "value": "Anybody?"})
	c.do("click", args{"role": "button", "name": "Start chat"})
	c.desk.await(c.t, "a new thread", func(s *deskState) bool {
		c.thread = s.find(func(th *fakeThread) bool { return th != old && slices.Contains(words(th), "Anybody?") })
		return c.thread != nil
	})
	c.shows("Anybody?")
	second.see("Anybody?")
	c.do("reload", nil)
	c.see("Anybody?")
	second.clean()
}

func deskDown(c *customer) {
	c.start(nil)
	c.set(func(th *fakeThread) { th.down = true })
	c.write("Are you there?")
	c.see("We can’t be reached right now.")
	c.set(func(th *fakeThread) { th.down = false })
	c.await("the message", func(th *fakeThread) bool { return slices.Contains(words(th), "Are you there?") })
	c.do("gone", args{"text": "We can’t be reached right now."})
	c.shows("Question of desk down", "Are you there?")
}

// keyRunsOut: the key is none any more while the page is open and connected. The address is that of who had it: the page takes another one.
func keyRunsOut(c *customer) {
	c.start(nil)
	c.do("see", args{"css": ".message[data-state=sent]"}) // what is not confirmed comes along
	old := c.thread
	c.set(func(th *fakeThread) { th.down = true })
	c.write("Do you know me?")
	c.see("We can’t be reached right now.")
	c.set(func(th *fakeThread) { th.down, th.gone = false, true })
	c.desk.await(c.t, "what waited in a new thread", func(s *deskState) bool {
		c.thread = s.find(func(th *fakeThread) bool { return th != old && slices.Contains(words(th), "Do you know me?") })
		return c.thread != nil
	})
	c.shows("Do you know me?")
}

func earlier(c *customer) {
	c.start(nil)
	c.set(func(th *fakeThread) {
		at := th.archive[0].at
		for i := range 70 {
			th.archive = append(th.archive, fakeMessage{i%3 == 0, fmt.Sprintf("e%d", i), fmt.Sprintf("<body>Line %02d</body>", i), at})
		}
	})
	c.do("reload", nil)
	c.see("Line 69")
	c.do("click", args{"role": "button", "name": "Show earlier messages"})
	c.do("exists", args{"text": "Question of earlier"})
	c.do("gone", args{"role": "button", "name": "Show earlier messages"})
	want := []string{"Question of earlier"}
	for i := range 70 {
		want = append(want, fmt.Sprintf("Line %02d", i))
	}
	c.shows(want...)
}

// veryLong: a conversation of 10,000 messages opens with its last page, goes back page by page, and stays in order, though the
// desk's clock is ahead of the customer's. To write beside a thousand of them costs what it does beside fifty.
func veryLong(c *customer) {
	c.start(nil)
	const all, pages = 10_000, 20
	c.set(func(th *fakeThread) {
		at := th.archive[0].at
		for i := range all {
			th.archive = append(th.archive, fakeMessage{i%3 == 0, fmt.Sprintf("l%d", i), fmt.Sprintf("<body>Line %05d</body>", i), at.Add(time.Duration(i) * time.Millisecond)})
		}
	})
	c.do("reload", nil)
	c.see("Line 09999")
	var n int
	if c.get("count", args{"css": ".message"}, &n); n != 50 {
		c.t.Errorf("it opens with %d messages, want 50", n)
	}
	few := c.keystroke()
	for page := range pages {
		c.do("click", args{"role": "button", "name": "Show earlier messages"})
		c.do("exists", args{"text": fmt.Sprintf("Line %05d", all-50*(page+2))})
	}
	if many := c.keystroke(); many > 4*few {
		c.t.Errorf("a key costs %.1f ms beside %d messages, %.1f ms beside 50", many, 50*(pages+1), few)
	}
	c.write("Still here")
	c.do("see", args{"css": ".message[data-state=sent] .body", "text": "Still here"})
	var got []string
	c.get("texts", args{"css": ".body"}, &got)
	var want []string
	for i := all - 50*(pages+1); i < all; i++ {
		want = append(want, fmt.Sprintf("Line %05d", i))
	}
	if want = append(want, "Still here"); !slices.Equal(got, want) {
		c.t.Errorf("%d messages are not in order, or not all of them: %d", len(want), len(got))
	}
}

// keystroke is what it costs the page to take one key and lay itself out, in milliseconds: the best of many, so that other work does not count.
func (c *customer) keystroke() (ms float64) {
	c.t.Helper()
	c.get("run", args{"script": `(() => {
		const text = document.getElementById('text'), all = [];
		for (let i = 0; i < 50; i++) {
			const start = performance.now();
			text.value += 'x';
			text.dispatchEvent(new Event('input'));
			document.body.offsetHeight;
			all.push(performance.now() - start);
		}
		text.value = '';
		return Math.max(Math.min(...all), 0.1);
	})()`}, &ms)
	return ms
}

func twoTabs(c *customer) {
	c.start(nil)
	c.hears(`<received xmlns='urn:xmpp:chat-markers:0' id='%s'/>`)
	second := c.tab()
	second.do("see", args{"css": ".message[data-state=delivered] .body", "text": "Question of two tabs"})
	second.write("From the second")
	c.see("From the second")
	c.desk.say(c.thread, "d1", `<body>To both</body>`+wantsAll+nickAnna)
	c.see("To both")
	second.see("To both")
	second.see("Anna is here")
	c.write("From the first")
	second.do("see", args{"css": ".message[data-state=sent] .body", "text": "From the first"})
	for _, tab := range []*customer{c, second} {
		tab.shows("Question of two tabs", "From the second", "To both", "From the first")
	}
	c.heardOnce()
	if n := c.sockets(); n != 1 {
		c.t.Errorf("%d connections, want 1 for both tabs", n)
	}
	second.clean()
}

// tab is another tab of the same browser.
func (c *customer) tab() *customer {
	c.t.Helper()
	second := *c
	second.name += " 2"
	second.do("tab", args{"of": c.name})
	return &second
}

// sockets counts the customer's connections so far.
func (c *customer) sockets() (n int) {
	c.set(func(th *fakeThread) { n = th.claims })
	return n
}

// tabClosed: the tab that has the connection goes, in good order; the other goes on, and nothing is lost or twice.
func tabClosed(c *customer) {
	c.open(nil)
	second := c.tab()
	second.ask()
	c.thread = second.thread
	c.see("Question of tab closed 2")
	c.do("close", nil)
	second.write("Still here")
	second.await("it", func(th *fakeThread) bool { return slices.Contains(words(th), "Still here") })
	c.desk.say(c.thread, "d1", `<body>So am I</body>`)
	second.see("So am I")
	second.shows("Question of tab closed 2", "Still here", "So am I")
	second.heardOnce()
	c.name = second.name // whose faults are looked at
}

// slowTab: the tab that has the connection does not answer in time, so that another one connects, too: whichever goes on, both
// show everything, and go on together. What was written in the one that gives way, before it could send it, is sent.
func slowTab(c *customer) {
	c.start(nil)
	for i := range 3 { // who goes on is chance
		c.do("run", args{"script": "void setTimeout(() => { for (const until = Date.now() + 3000; Date.now() < until;); })"})
		tab := *c
		tab.name += fmt.Sprint(" ", i+2)
		c.set(func(th *fakeThread) { th.down = true })
		tab.do("tab", args{"of": c.name})
		id := fmt.Sprint("d", i)
		tab.write("Written in time, " + id)
		c.set(func(th *fakeThread) { th.down = false })
		tab.see("Question of slow tab")
		c.desk.await(c.t, "it", func(*deskState) bool {
			return c.thread.client != nil && slices.Contains(words(c.thread), "Written in time, "+id)
		})
		c.see("Written in time, " + id)
		c.desk.say(c.thread, id, "<body>To all, "+id+"</body>"+nickAnna)
		for _, one := range []*customer{c, &tab} {
			one.see("To all, " + id)
		}
		tab.clean()
	}
}

// speaks: the page in each language, by the browser's wish, and by the address.
func speaks(c *customer) {
	for lang, want := range map[string]string{"de-AT": "Wie können wir helfen?", "fr-FR": "Votre question", "es-MX": "Empezar el chat", "zh-CN": "有什么可以帮您？"} {
		p := *c
		p.name += lang
		p.open(args{"lang": lang})
		p.see(want)
		p.look("welcome-" + lang)
	}
	c.open(args{"lang": "de-DE", "path": "/chat/?lang=en&queue=sales"})
	c.see("How can we help?")
}

func noStorage(c *customer) {
	c.start(args{"deny": true})
	c.set(func(th *fakeThread) { th.deaf = true })
	c.write("From memory")
	c.await("the lost message", func(th *fakeThread) bool { return len(th.heard) == 2 })
	c.set(func(th *fakeThread) { th.deaf = false })
	c.desk.cut(c.thread)
	c.await("it again in the same thread", func(th *fakeThread) bool { return slices.Contains(words(th), "From memory") })
}

// keyboard goes from the first field to a sent message without a pointer.
func keyboard(c *customer) {
	c.open(nil)
	focused := func(want string) {
		c.t.Helper()
		var got string
		if c.get("focused", nil, &got); got != want {
			c.t.Errorf("the focus is at %s, want %s", got, want)
		}
	}
	c.do("see", args{"role": "textbox", "name": "Your name"})
	focused("input#name")
	c.do("keys", args{"text": "Kim", "press": "Tab"})
	focused("textarea#question")
	c.do("keys", args{"text": "First line", "press": "Shift+Enter"})
	c.do("keys", args{"text": "second line", "press": "Enter"})
	c.do("see", args{"css": ".message[data-state=sent]"})
	focused("textarea#text")
	c.do("keys", args{"text": "By keys", "press": "Enter"})
	c.do("see", args{"css": ".message[data-state=sent] .body", "text": "By keys"})
	focused("textarea#text")
	c.shows("First line\nsecond line", "By keys")
	c.do("keys", args{"press": "Tab"})
	focused("button#emoji-button")
	c.do("keys", args{"press": "Tab"})
	focused("button#")
	for range 4 { // back over all, to what can be done with the last message
		c.do("keys", args{"press": "Shift+Tab"})
	}
	var name string
	if c.get("attribute", args{"css": ":focus", "attribute": "aria-label"}, &name); name != "Message: more" {
		c.t.Errorf("the focus is at %q", name)
	}
	c.do("keys", args{"press": "Enter"})
	c.see("Withdraw")
	c.do("keys", args{"press": "Escape"})
	c.do("gone", args{"text": "Withdraw"})
	c.do("keys", args{"press": "Shift+Tab"})
	c.do("keys", args{"press": "Shift+Tab"})
	focused("div#scroll")
}

// gateHolds tries from the page's own origin what a hostile script would.
func gateHolds(c *customer) {
	c.open(nil)
	var got struct {
		Code   int
		Reason string
		Seen   []string
	}
	c.get("forge", args{"frames": []string{`<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='agents.example' version='1.0'/>`}}, &got)
	if got.Code != 1008 || len(got.Seen) != 0 {
		c.t.Errorf("a stream to another host: %+v", got)
	}
}

// looks checks accessibility in each form of the page, and takes its picture.
func looks(c *customer) {
	for name, form := range map[string]args{
		"desktop": nil, "dark": {"dark": true}, "mobile": {"mobile": true}, "mobile-dark": {"mobile": true, "dark": true},
		"zoomed": {"width": 550, "height": 380}, "narrow": {"width": 320, "height": 480}, // 200 % of 1100, 400 % of 1280 (WCAG 1.4.10)
	} {
		c.t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &customer{t: t, desk: c.desk, browser: c.browser, name: "looks " + name}
			p.open(form)
			p.do("see", args{"role": "button", "name": "Start chat"})
			p.look("welcome-" + name)
			p.ask()
			p.conversation("Write a message")
			p.look("chat-" + name)
			var over int
			if p.get("wide", nil, &over); over > 0 {
				t.Errorf("%d pixels lie beyond the page's side", over)
			}
			p.set(func(th *fakeThread) { th.down = true })
			p.write("One more thing")
			p.see("We can’t be reached right now.")
			p.look("down-" + name)
			p.set(func(th *fakeThread) { th.down = false })
			p.do("gone", args{"css": ".message[data-state=waiting]"})
		})
	}
}

// conversation has something of everything. box is the name of where messages are written.
func (c *customer) conversation(box string) {
	c.t.Helper()
	mine := ""
	c.set(func(th *fakeThread) { mine = th.archive[0].id })
	c.desk.say(c.thread, "d1", `<body>Good morning Maria, this is Anna. Let me look at your order.</body>`+wantsAll+nickAnna)
	c.desk.say(c.thread, "d2", `<body>It leaves our house tomorrow at nine.</body>`+wantsAll+nickAnna)
	c.desk.say(c.thread, "d3", `<body>It leaves our house today at nine.</body><replace xmlns='urn:xmpp:message-correct:0' id='d2'/>`+nickAnna)
	c.see("today at nine")
	c.do("fill", args{"role": "textbox", "name": box, "value": "Wonderful, thank you!\nCan I follow it somewhere?"})
	c.do("click", args{"role": "button", "name": "Send", "exact": true})
	c.see("Can I follow it somewhere?")
	c.desk.say(c.thread, "d4", `<reactions xmlns='urn:xmpp:reactions:0' id='`+mine+`'><reaction>👍</reaction></reactions>`)
	c.desk.say(c.thread, "d5", `<body>Of course: https://parcels.example.org/track/0034-5521</body><reply xmlns='urn:xmpp:reply:0' to='x' id='`+mine+`'/>`+wantsAll+nickAnna)
	c.see("Of course")
	c.desk.say(c.thread, "d6", `<body>http://files.example/Invoice%202024-117.pdf</body><x xmlns='jabber:x:oob'><url>http://files.example/Invoice%202024-117.pdf</url></x>`+nickAnna)
	c.desk.say(c.thread, "d7", `<body>x</body>`+nickAnna)
	c.desk.say(c.thread, "d8", `<body>x</body><retract xmlns='urn:xmpp:message-retract:1' id='d7'/>`)
	c.see("This message was withdrawn.")
	c.desk.say(c.thread, "", typing+nickAnna)
	c.see("Anna is typing…")
}

func (c *customer) look(name string) {
	c.t.Helper()
	var violations []string
	c.get("axe", nil, &violations)
	if len(violations) > 0 {
		c.t.Errorf("%s: %s", name, strings.Join(violations, "\n"))
	}
	if dir := os.Getenv("SHOTS"); dir != "" {
		c.do("shot", args{"path": filepath.Join(dir, name+".png")})
	}
}
