package web

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"frontdesk/web/browser"
)

// What a page does when its network or its server goes, or it sleeps. Time stands still in it, and goes by when told to.

// offline: an hour without a network. What is written meanwhile goes out once and in order, what came meanwhile is shown once,
// and the page does not knock all the time.
func (c *customer) offline(form args) {
	c.visitTimed(form)
	timed := args{"ms": 240_000, "step": 1000}
	if form == nil { // a second tab looks at the first one, and must not have it dial more often
		second := c.tab()
		timed["beside"], timed["channel"] = second.name, "frontdesk:"+testQueue
		second.do("bear", args{"text": "ERR_INTERNET_DISCONNECTED"})
		second.do("click", second.button("Open chat"))
		second.see("Question of " + c.name)
	}
	c.do("bear", args{"text": "ERR_INTERNET_DISCONNECTED"})
	c.do("stop", nil)
	c.do("offline", args{"on": true})
	c.write("At once")
	c.backsOff(c.pass(timed))
	c.write("After four minutes")
	c.do("see", args{"css": "#notice", "text": "No connection"})
	c.desk.cut(c.thread)
	c.desk.say(c.thread, "d1", `<body>Are you there?</body>`+wantsAll+nickAnna)
	c.set(func(th *fakeThread) { th.archive[1].at = time.Now().Add(30 * time.Minute) })
	c.do("forward", args{"ms": 56 * 60_000})
	c.write("After an hour")
	c.do("offline", args{"on": false})
	c.do("resume", nil)
	c.await("all of it", func(th *fakeThread) bool { return slices.Contains(words(th), "After an hour") })
	c.do("gone", args{"css": ".message[data-state=waiting]"})
	c.set(func(th *fakeThread) {
		want := []string{"Question of " + c.name, "Are you there?", "At once", "After four minutes", "After an hour"}
		if got := words(th); !slices.Equal(got, want) {
			c.t.Errorf("the desk has %q, want %q", got, want)
		}
	})
	c.shows("Question of "+c.name, "At once", "After four minutes", "Are you there?", "After an hour")
	c.heardOnce()
	if n := c.sockets(); n != 2 {
		c.t.Errorf("%d connections, want 2", n)
	}
}

// visitTimed is a visit to the shop by a page whose time can be stopped.
func (c *customer) visitTimed(form args) {
	c.t.Helper()
	form = c.shop.of(form, "/")
	form["clock"] = true
	c.open(form)
	c.do("click", c.button("Open chat"))
	c.ask()
}

// pass lets time go by in the page, and returns after how many milliseconds it dialled.
func (c *customer) pass(timed args) (at []int) {
	c.t.Helper()
	c.get("pass", timed, &at)
	return at
}

// backsOff: attempts come after twice the time of those before, up to 30 s, less a random half.
func (c *customer) backsOff(at []int) {
	c.t.Helper()
	if len(at) < 10 || at[0] < 15_000 || at[0] > 17_000 { // the answer of a socket that is open yet is waited for
		c.t.Errorf("dialled at %v ms", at)
		return
	}
	long := map[int]bool{}
	for i := 1; i < len(at); i++ {
		gap, whole := at[i]-at[i-1], min(30_000, 1000<<min(i, 5))
		if gap < whole/2 || gap > whole+1000 {
			c.t.Errorf("attempt %d came after %d ms, want %d to %d: %v", i, gap, whole/2, whole, at)
			return
		}
		if whole == 30_000 {
			long[gap] = true
		}
	}
	if len(long) < 2 {
		c.t.Errorf("attempts come by the clock: %v", at)
	}
}

// asleep: a laptop that slept over night, and whose socket is dead without a word: the page notices within 10 s of waking, and
// shows once what came. What is written in that time arrives once.
func (c *customer) asleep(form args) {
	c.visitTimed(form)
	c.do("stop", nil)
	c.stall()
	c.desk.say(c.thread, "d1", `<body>Good night</body>`+wantsAll+nickAnna)
	c.do("slept", args{"ms": 8 * 3600_000})
	c.write("Good morning")
	c.noticed(11_000) // and the pause before it dials
	c.do("resume", nil)
	c.see("Good night")
	c.do("gone", args{"css": ".message[data-state=waiting]"})
	c.heardOnce()
	var got []string
	if c.get("texts", args{"css": ".body"}, &got); !slices.Equal(got, []string{"Question of " + c.name, "Good night", "Good morning"}) &&
		!slices.Equal(got, []string{"Question of " + c.name, "Good morning", "Good night"}) {
		c.t.Errorf("the log shows %q", got)
	}
	c.await("the mark", func(th *fakeThread) bool { return slices.Contains(th.signals, "displayed d1") })
}

// halfOpen: the socket dies without a word while the page is awake. It is noticed within a minute, though a message that
// waits for its receipt has the page ask for other things meanwhile.
func (c *customer) halfOpen(form args) {
	c.visitTimed(form)
	c.do("stop", nil)
	c.stall()
	c.write("Anybody?")
	c.desk.say(c.thread, "d1", `<body>I am</body>`+wantsAll+nickAnna)
	c.noticed(62_000)
	c.do("resume", nil)
	c.see("I am")
	c.await("it", func(th *fakeThread) bool { return slices.Contains(words(th), "Anybody?") })
	c.do("gone", args{"css": ".message[data-state=waiting]"})
	c.heardOnce()
}

// stall kills the customer's connection in both directions; no side is told.
func (c *customer) stall() { c.set(func(th *fakeThread) { th.client.dead = true }) }

// noticed: within so many milliseconds the page has dialled anew, once.
func (c *customer) noticed(ms int) {
	c.t.Helper()
	if at := c.pass(args{"ms": ms, "step": 1000}); len(at) != 1 {
		c.t.Errorf("dialled at %v, want once within %d ms", at, ms)
	}
}

// TestRestart: the whole program is restarted while pages are open, and not there for a while. They say so, come back by themselves, and
// what was written meanwhile arrives once.
func TestRestart(t *testing.T) {
	t.Parallel()
	desk, shop := newFakeDesk(t), newShop(t)
	cfg := testConfig(desk.url)
	cfg.Web.Origins = []string{shop.url}
	address := "127.0.0.1:0"
	start := func() (stop func()) {
		t.Helper()
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		address = l.Addr().String()
		ctx, cancel := context.WithCancel(context.Background())
		s := &http.Server{Handler: New(cfg, fakeView{cfg: cfg}, slog.New(slog.DiscardHandler)), BaseContext: func(net.Listener) context.Context { return ctx }}
		go s.Serve(l)
		return sync.OnceFunc(func() { cancel(); s.Close() })
	}
	stop := start()
	t.Cleanup(func() { stop() })
	shop.chat <- "http://" + address
	chromium := browser.For(t, "http://"+address)
	var all []*customer
	for name, form := range map[string]args{"restart": {}, "restart denied mobile": {"deny": true, "mobile": true}} {
		c := &customer{t: t, desk: desk, browser: chromium, shop: shop, name: name}
		c.open(shop.of(form, "/"))
		c.do("click", c.button("Open chat"))
		c.ask()
		c.do("bear", args{"text": "ERR_CONNECTION_REFUSED"})
		all = append(all, c)
	}
	stop()
	for _, c := range all {
		c.do("see", args{"css": "#notice", "text": "No connection"})
		c.write("While it was down")
		c.desk.say(c.thread, "d1", `<body>So did I</body>`+wantsAll+nickAnna)
	}
	stop = start()
	for _, c := range all {
		c.await("it", func(th *fakeThread) bool { return slices.Contains(words(th), "While it was down") })
		c.see("So did I")
		c.do("gone", args{"css": ".message[data-state=waiting]"})
		c.do("gone", args{"text": "No connection"})
		c.heardOnce()
		c.do("reload", nil)
		c.see("While it was down")
		c.shows("Question of "+c.name, "So did I", "While it was down")
	}
}
