package web

import (
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"frontdesk/config"
	"frontdesk/texts"
)

const logoSVG = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10"><script>document.title = "active"</script><circle cx="5" cy="5" r="5" fill="#c00"/></svg>`

// lookConfig has a look of the page, and one of the queue "sales".
func lookConfig(socket string) *config.Config {
	cfg := testConfig(socket)
	cfg.Web.Look = config.Look{Color: "#7a1f5c", GreetingAfter: time.Hour,
		Texts: texts.Table{"en": {"greeting": "May we help?"}, "de": {"ask_more": "Was dürfen wir für Sie tun?"}}}
	cfg.Queues[0].Look = config.Look{Color: "#ffd400", Position: "left", Theme: "dark", Logo: "logo.svg",
		Texts: texts.Table{"en": {"title": "Anything </script> to buy?", "ask_more": "Ask us.", "write": "Say it", "greeting": ""}},
		Image: config.Image{Type: "image/svg+xml", Bytes: []byte(logoSVG), Sum: "0123abcd"}}
	return cfg
}

// TestLook: what the configuration says of looks is in the loader, the frame and the chat, by queue and language; and what a
// reload changes, from then on.
func TestLook(t *testing.T) {
	t.Parallel()
	view := &fakeView{cfg: lookConfig("")}
	h := New(view.cfg, view, slog.New(slog.DiscardHandler))
	has := func(path string, parts ...string) {
		t.Helper()
		body := text(t, ask(t, h, path).Body)
		for _, p := range parts {
			without := strings.TrimPrefix(p, "!")
			if strings.Contains(body, without) != (p == without) {
				t.Errorf("%s: %q in\n%.1500s", path, p, body)
			}
		}
	}
	has("/widget.js", `QUEUE="support"`, `LOOKS={__proto__:null,"":{"color":"#7a1f5c","greetingAfter":3600,"greets":1},"sales":{"color":"#ffd400","image":"logo/0123abcd/sales","position":"left"}},`)
	has("/chat/frame.js?queue=&lang=en", `const LOOK={"greeting":"May we help?","theme":""};`)
	has("/chat/frame.js?queue=support&lang=de", `const LOOK={"greeting":"","theme":""};`)
	has("/chat/frame.js?queue=sales&lang=en", `const LOOK={"greeting":"","theme":"dark"};`)
	has("/chat/frame.js?queue=none&lang=en", `"greeting":"May we help?"`)
	has("/chat/", `<html lang="en">`, "How can we help?", "<title>Example Support</title>", "#7a1f5c", "!<img")
	has("/chat/?lang=de&theme=dark", `data-theme="dark"`, "Was dürfen wir für Sie tun?", "Nachricht schreiben")
	has("/chat/?queue=sales", `data-theme="dark"`, "<title>Anything &lt;/script&gt; to buy?</title>", "Ask us.", `placeholder="Say it"`, "#ffd400", `src="../logo/0123abcd/sales"`, "How can we help?")
	has("/chat/?queue=sales&lang=de&theme=light", `data-theme="light"`, "<title>sales</title>")
	has("/chat/?queue=sales&theme=system", `<html lang="en">`)
	has("/chat/?theme=%22%3E", `<html lang="en">`)

	next := lookConfig("")
	next.Web.Look, next.Queues[0].Look = config.Look{}, config.Look{}
	next.Queues[1].Look.Position = "left"
	next.Queues = append(next.Queues, config.Queue{Name: "orders", Title: "Orders"})
	if r := ask(t, h, "/chat/?queue=orders"); r.StatusCode != http.StatusNotFound {
		t.Errorf("a queue to come: %d", r.StatusCode)
	}
	view.cfg = next
	has("/widget.js", `LOOKS={__proto__:null,"":{},"support":{"position":"left"}},`)
	has("/chat/?queue=orders", "<title>Orders</title>", "orders@help.example", "!#ffd400")
	if r := ask(t, h, "/logo/0123abcd/sales"); r.StatusCode != http.StatusNotFound {
		t.Errorf("a logo that is gone: %d", r.StatusCode)
	}
}

// TestLogo: a logo is a picture and nothing else, for a year under its own address.
func TestLogo(t *testing.T) {
	t.Parallel()
	cfg := lookConfig("")
	h := New(cfg, fakeView{cfg: cfg}, slog.New(slog.DiscardHandler))
	r := ask(t, h, "/logo/0123abcd/sales")
	if body := text(t, r.Body); r.StatusCode != http.StatusOK || body != logoSVG {
		t.Errorf("%d %s", r.StatusCode, body)
	}
	for name, want := range map[string]string{"Content-Type": "image/svg+xml", "X-Content-Type-Options": "nosniff", "Cache-Control": "public, max-age=31536000, immutable",
		"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'", "Cross-Origin-Resource-Policy": "cross-origin"} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	if r := ask(t, h, "/logo/old/sales"); r.StatusCode != http.StatusOK || r.Header.Get("Cache-Control") != "no-cache" {
		t.Errorf("under an old address: %d %s", r.StatusCode, r.Header.Get("Cache-Control"))
	}
	for _, path := range []string{"/logo/0123abcd/support", "/logo/0123abcd/", "/logo/0123abcd/none"} {
		if r := ask(t, h, path); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
}

// configured: a queue's look by the configuration, from the first moment that anything is there to be seen; and what the
// site's line says counts before it.
func configured(c *customer) {
	c.open(c.shop.of(args{"watch": ".b, button.main, html, body"}, "/?attributes=data-queue=sales"))
	c.do("see", args{"css": ".b img", hosted: true})
	c.do("click", c.button("Open chat"))
	c.do("see", args{"role": "heading", "name": "Anything </script> to buy?"})
	c.see("Ask us.")
	c.do("see", args{"css": "#logo"})
	c.look("look-welcome")
	var seen []string
	c.get("watched", args{hosted: true}, &seen)
	if want := []string{"button rgb(255, 212, 0) at 16"}; !slices.Equal(seen, want) {
		t := c.t
		t.Errorf("the button was seen as %q, want %q", seen, want)
	}
	c.get("watched", nil, &seen)
	slices.Sort(seen)
	if len(seen) != 3 || seen[0] != "body rgb(22, 30, 38)" || !regexp.MustCompile(`^button oklch\(`).MatchString(seen[1]) || seen[2] != "html rgb(14, 20, 26)" {
		c.t.Errorf("the chat was seen as %q", seen)
	}
	c.ask()
	c.do("see", args{"css": "#text[placeholder='Say it']"})
	c.conversation("Say it")
	c.look("look-chat")

	other := *c
	other.name += " otherwise"
	other.open(c.shop.of(nil, "/?attributes="+strings.ReplaceAll(`data-queue="sales" data-lang="de" data-color="%23004488" data-position="right" data-logo="" data-theme="light" data-title="Fragen?"`, " ", "+")))
	other.do("see", args{"css": ".b svg", hosted: true})
	other.do("click", other.button("Chat öffnen"))
	other.do("see", args{"role": "heading", "name": "Fragen?"})
	var got string
	other.get("style", args{"css": "#welcome .main", "property": "background-color"}, &got)
	if got != "rgb(0, 68, 136)" {
		other.t.Errorf("the colour is %s", got)
	}
	if other.get("attribute", args{"css": "html", "attribute": "data-theme"}, &got); got != "light" {
		other.t.Errorf("the theme is %q", got)
	}
}

// greets: the configuration's greeting, in the visitor's language; not where the page's line has none.
func greets(c *customer) {
	c.open(c.shop.of(nil, "/?attributes=data-greeting-after=1"))
	c.do("see", c.button("May we help?"))
	c.look("look-greeting")
	c.do("click", c.button("May we help?"))
	c.see("How can we help?")
	for attributes, loaded := range map[string]int{`data-greeting=""`: 0, `data-lang=de`: 1} {
		other := *c
		other.name += attributes
		other.open(c.shop.of(nil, "/?attributes=data-greeting-after=1+"+attributes))
		other.do("see", args{"css": ".b", hosted: true})
		if loaded > 0 {
			other.do("loaded", args{"part": "/chat/frame.js"})
		}
		var n int
		if other.get("count", args{"css": ".g", hosted: true}, &n); n != 0 {
			c.t.Errorf("%s: there is a greeting", attributes)
		}
	}
}

// logoRefused: where a site's policy or a wrong address keeps the logo away, the button has its bubble.
func logoRefused(c *customer) {
	c.do("open", c.shop.of(nil, "/?attributes=data-logo=/none.png"))
	c.do("see", args{"css": ".b svg", hosted: true})
	var faults []string
	c.get("faults", nil, &faults)
	if !slices.ContainsFunc(faults, func(f string) bool { return strings.HasPrefix(f, "policy: img-src") }) {
		c.t.Errorf("nothing refused it: %q", faults)
	}
	c.do("close", nil)
}

// logoOpened: a script in a logo does not run when somebody opens it.
func logoOpened(c *customer) {
	c.do("open", args{"path": "/logo/0123abcd/sales"})
	var title string
	if c.get("title", nil, &title); title == "active" {
		c.t.Error("its script ran")
	}
	var faults []string
	c.get("faults", nil, &faults)
	if !slices.ContainsFunc(faults, func(f string) bool { return strings.Contains(f, "script") }) {
		c.t.Errorf("nothing kept it from running: %q", faults)
	}
	c.do("close", nil)
}

// contrast: what is written on any colour can be read (WCAG 1.4.3), in the chat and on the button.
func contrast(c *customer) {
	for name, form := range map[string]args{"light": {}, "dark": {"dark": true}} {
		p := *c
		p.name += " " + name
		p.open(form)
		p.do("see", args{"role": "button", "name": "Start chat"})
		var worst struct {
			Ratio float64
			Color string
			N     int
		}
		p.get("run", args{"script": contrastScript}, &worst)
		if worst.N != 2*729 || worst.Ratio < 4.5 {
			c.t.Errorf("%s: %+v", name, worst)
		}
	}
}

// contrastScript looks at 729 colours, among them one of the worst for a choice by perceived lightness, in buttons and in the
// customer's own words.
const contrastScript = `(() => {
	const main = document.querySelector('#welcome .main'), mine = document.createElement('div');
	mine.className = 'mine';
	mine.innerHTML = '<div class="bubble">x</div>';
	document.body.append(mine);
	const pen = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
	const luminance = color => {
		pen.fillStyle = color;
		pen.fillRect(0, 0, 1, 1);
		const [r, g, b] = [...pen.getImageData(0, 0, 1, 1).data].map(c => (c /= 255) <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4);
		return .2126 * r + .7152 * g + .0722 * b;
	};
	let worst = { ratio: 99 }, n = 0;
	const steps = [0, 32, 64, 96, 128, 159, 191, 223, 252];
	for (const r of steps) for (const g of steps) for (const b of steps) {
		const color = 'rgb(' + [r, g, b] + ')';
		document.documentElement.style.setProperty('--brand', color);
		for (const el of [main, mine.firstChild]) {
			const style = getComputedStyle(el), [low, high] = [luminance(style.color), luminance(style.backgroundColor)].sort((a, b) => a - b);
			const ratio = (high + .05) / (low + .05);
			n++;
			if (ratio < worst.ratio) worst = { ratio, color: color + ' in ' + el.className };
		}
	}
	return { ...worst, n };
})()`
