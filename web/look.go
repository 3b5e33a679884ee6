package web

import (
	"bytes"
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"frontdesk/config"
)

// display is what follows from the part of the configuration that may change while the desk runs: the queues, and how they
// look. Immutable.
type display struct {
	cfg    *config.Config
	loader file
	queues map[string]*face // by name; that of "" is of queues that say nothing
}

// face is what visitors see of a queue.
type face struct {
	title string
	look  config.Look
	logo  file // none if its address is ""
}

// now is what the configuration that is in force shows.
func (p *page) now() *display {
	cfg := p.view.Config()
	s := p.last.Load()
	if s == nil || s.cfg != cfg {
		s = p.show(cfg)
		p.last.Store(s) // who comes at the same time makes the same
	}
	return s
}

func (p *page) show(cfg *config.Config) *display {
	s := &display{cfg: cfg, queues: map[string]*face{"": newFace(cfg.Web.Look)}}
	looks := map[string]map[string]any{"": loaderLook("", cfg.Web.Look)}
	for i := range cfg.Queues {
		q := &cfg.Queues[i]
		f := s.queues[""]
		if !q.Look.IsZero() {
			f = newFace(q.Look.Over(cfg.Web.Look))
			looks[q.Name] = loaderLook(q.Name, f.look)
		}
		s.queues[q.Name] = &face{cmp.Or(q.Title, q.Name), f.look, f.logo}
	}
	// No name of a queue means anything to JavaScript in an object without a prototype.
	known := slices.Concat([]byte("const TEXTS="), compact(p.labels), []byte(",QUEUE="), compact(p.cfg.Web.Queue),
		[]byte(",LOOKS={__proto__:null,"), compact(looks)[1:], []byte(",me"))
	s.loader = newFile("widget.js", bytes.Replace(p.code, []byte("const me"), known, 1))
	s.loader.open = true
	s.loader.cache = "public, max-age=600"
	return s
}

func newFace(look config.Look) *face {
	f := &face{look: look}
	if look.Image.Type != "" {
		f.logo = newFile("logo", look.Image.Bytes)
		f.logo.kind, f.logo.open = look.Image.Type, true
	}
	return f
}

// loaderLook is what the loader must know of a look before anything else is loaded. But for image and greets these are
// the names of attributes.
func loaderLook(queue string, l config.Look) map[string]any {
	look := map[string]any{}
	for key, value := range map[string]string{"color": l.Color, "position": l.Position, "image": logoPath(queue, l)} {
		if value != "" {
			look[key] = value
		}
	}
	for _, said := range l.Texts {
		if said["greeting"] != "" {
			look["greets"] = 1
			if l.GreetingAfter > 0 {
				look["greetingAfter"] = l.GreetingAfter.Seconds()
			}
		}
	}
	return look
}

// logoPath is where a look's logo is, from the page's root; "" for none.
func logoPath(queue string, l config.Look) string {
	if l.Image.Type == "" {
		return ""
	}
	return "logo/" + l.Image.Sum + "/" + url.PathEscape(queue)
}

// logoPolicy goes with a picture that somebody else has made: nothing in it runs, wherever it is opened.
const logoPolicy = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"

// logo serves a queue's, for a year if it is the one that is asked for; else the one of now, for now.
func (p *page) logo(w http.ResponseWriter, r *http.Request) {
	f := p.now().queues[r.PathValue("queue")]
	if f == nil || f.look.Image.Type == "" {
		http.NotFound(w, r)
		return
	}
	logo := f.logo
	if r.PathValue("sum") == f.look.Image.Sum {
		logo.cache = yearLong
	}
	logo.handler(logoPolicy).ServeHTTP(w, r)
}

// frame serves what comes with the first click on the widget, or with its greeting.
func (p *page) frame(w http.ResponseWriter, r *http.Request) {
	s := p.now()
	f := s.queues[cmp.Or(r.URL.Query().Get("queue"), p.cfg.Web.Queue)]
	if f == nil {
		f = s.queues[""]
	}
	look := map[string]string{"greeting": f.look.Texts[language(r)]["greeting"], "theme": theme(f.look.Theme)}
	code := newFile("frame.js", slices.Concat([]byte("const LOOK="), compact(look), []byte(";\n"), p.frameCode))
	code.open = true
	w.Header().Add("Vary", "Accept-Language")
	code.handler(scriptPolicy).ServeHTTP(w, r)
}

// theme is light or dark; "" for what follows the visitor's system.
func theme(said string) string {
	if said == "light" || said == "dark" {
		return said
	}
	return ""
}

// wording is the page's texts in a language, with what a look says otherwise.
func (p *page) wording(lang string, look config.Look) map[string]any {
	words := maps.Clone(p.texts[lang])
	for key, text := range look.Texts[lang] {
		if key = strings.Replace(key, "ask_more", "askMore", 1); words[key] != nil && text != "" {
			words[key] = text
		}
	}
	return words
}
