package web

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"html/template"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"

	"frontdesk/config"
)

// languages that the page speaks: one file each in texts/.
var languages = config.PageLanguages

// modules of the page's code, each after those that it imports.
var modules = []string{"dom", "read", "form", "bubble", "host", "keep", "link", "tabs", "thread", "upload", "view", "app"}

// page serves the chat, whole or as a frame on other sites, and the widget's loader. Immutable, but for what it shows last.
type page struct {
	cfg       *config.Config // that of the start
	view      View
	policy    string
	version   string // of all files together, part of their addresses
	files     map[string]file
	code      []byte // of the widget's loader
	frameCode []byte
	index     *template.Template
	texts     map[string]map[string]any // by language
	labels    map[string][2]any         // of the widget's button and its greeting, by language
	last      atomic.Pointer[display]
}

func newPage(cfg *config.Config, view View) *page {
	p := &page{cfg: cfg, view: view, policy: pagePolicy(cfg), files: loadFiles(folderOf("chat")), texts: make(map[string]map[string]any), labels: make(map[string][2]any)}
	p.index = template.Must(template.New("index.html").Parse(string(p.files["index.html"].plain)))
	delete(p.files, "index.html")
	var code strings.Builder
	for _, name := range modules {
		code.Write(p.files[name+".js"].plain)
		delete(p.files, name+".js")
	}
	for _, lang := range languages {
		text := read("texts/" + lang + ".json")
		var words map[string]any
		if err := json.Unmarshal(text, &words); err != nil {
			panic("web: texts/" + lang + ".json: " + err.Error())
		}
		p.texts[lang] = words
		p.labels[lang] = [2]any{words["open"], words["dismiss"]}
		name := "app." + lang + ".js"
		p.files[name] = newFile(name, slices.Concat([]byte("const T="), compact(words), []byte(";\n"), joined(code.String())))
	}
	p.version = versionOf(p.files)
	p.code, p.frameCode = squeezed(read("widget/widget.js")), squeezed(read("widget/frame.js"))
	return p
}

// pagePolicy lets the page load and reach its own origin, and show pictures of those that the configuration names; nothing else.
func pagePolicy(cfg *config.Config) string {
	return "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src " + strings.Join(append([]string{"'self'"}, cfg.Web.Images...), " ") + "; " +
		"base-uri 'none'; form-action 'none'; frame-ancestors " + strings.Join(append([]string{"'self'"}, cfg.Web.Origins...), " ")
}

// scriptPolicy goes with what is no page.
const scriptPolicy = "default-src 'none'; frame-ancestors 'none'"

func (p *page) serve(mux *http.ServeMux) {
	if p.cfg.Web.Demo {
		serveShop(mux)
	} else {
		mux.Handle("GET /{$}", http.RedirectHandler("/chat/", http.StatusFound))
	}
	mux.HandleFunc("GET /chat/{$}", p.chat)
	mux.HandleFunc("GET /chat/{version}/{file...}", p.part)
	mux.HandleFunc("GET /chat/frame.js", p.frame)
	mux.HandleFunc("GET /logo/{sum}/{queue...}", p.logo)
	mux.Handle("GET /icon.svg", p.files["icon.svg"].handler(scriptPolicy))
	mux.HandleFunc("GET /widget.js", func(w http.ResponseWriter, r *http.Request) { p.now().loader.handler(scriptPolicy).ServeHTTP(w, r) })
}

// shopPolicy is that of somebody else's site, who has added what the widget needs.
const shopPolicy = "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// serveShop adds a demonstration: a shop with the widget on its pages.
func serveShop(mux *http.ServeMux) {
	shop := loadFiles(folderOf("shop"))
	mux.Handle("GET /{$}", shop["index.html"].handler(shopPolicy))
	mux.Handle("GET /shop/cart", shop["cart.html"].handler(shopPolicy))
	mux.Handle("GET /shop/shop.css", shop["shop.css"].handler(shopPolicy))
}

// yearLong is the Cache-Control of what will never be something else.
const yearLong = "public, max-age=31536000, immutable"

// part serves what a page of this version refers to, to be kept for a year; to one that was loaded
// before the last restart the same, but only for now.
func (p *page) part(w http.ResponseWriter, r *http.Request) {
	f, ok := p.files[r.PathValue("file")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	if r.PathValue("version") == p.version {
		f.cache = yearLong
	}
	f.handler(scriptPolicy).ServeHTTP(w, r)
}

// chat serves the page itself, with what it must know in it.
func (p *page) chat(w http.ResponseWriter, r *http.Request) {
	name := cmp.Or(r.URL.Query().Get("queue"), p.cfg.Web.Queue)
	q := p.now().queues[name]
	if q == nil || name == "" {
		http.Error(w, "there is no such queue", http.StatusNotFound)
		return
	}
	lang := language(r)
	title := cmp.Or(q.look.Texts[lang]["title"], q.title)
	// What anybody may know: it is served to strangers.
	known := compact(map[string]any{
		"queue": name + "@" + p.cfg.Front.Domain, "title": title, "host": p.cfg.Web.Host, "upload": p.cfg.Web.Upload,
		"color": q.look.Color, "images": append([]string{}, p.cfg.Web.Images...),
	})
	var text bytes.Buffer
	err := p.index.Execute(&text, map[string]any{
		"Lang": lang, "T": p.wording(lang, q.look), "Title": title, "Config": string(known), "Version": p.version,
		"Theme": theme(cmp.Or(r.URL.Query().Get("theme"), q.look.Theme)), "Logo": logoPath(name, q.look),
	})
	if err != nil {
		panic("web: index.html: " + err.Error())
	}
	f := newFile("index.html", text.Bytes())
	w.Header().Add("Vary", "Accept-Language")
	f.handler(p.policy).ServeHTTP(w, r)
}

// language is the one that is asked for, else the first that the browser accepts and we speak.
func language(r *http.Request) string {
	wanted := append([]string{r.URL.Query().Get("lang")}, strings.Split(r.Header.Get("Accept-Language"), ",")...)
	for _, w := range wanted {
		tag, _, _ := strings.Cut(strings.TrimSpace(w), ";")
		main, _, _ := strings.Cut(strings.ToLower(tag), "-")
		if slices.Contains(languages, main) {
			return main
		}
	}
	return languages[0]
}

var (
	blocks   = regexp.MustCompile(`(?s)[ \t]*/\*\*.*?\*/ ?`)
	remarks  = regexp.MustCompile(`(?m)^[ \t]*//.*\n|[ \t]+// [^'"` + "`" + `\n]*$|/\* .*? \*/`)
	indents  = regexp.MustCompile(`(?m)^[ \t]+|^\n`)
	imports  = regexp.MustCompile(`(?m)^import .*\n`)
	exported = regexp.MustCompile(`(?m)^export `)
)

// squeezed is JavaScript of ours without comments and indentation: it must begin no line
// of a text with // or blanks that count.
func squeezed(code []byte) []byte {
	code = blocks.ReplaceAll(code, nil)
	code = remarks.ReplaceAll(code, nil)
	return indents.ReplaceAll(code, nil)
}

// joined makes one module out of modules that have no two top-level names alike.
func joined(code string) []byte {
	return exported.ReplaceAll(imports.ReplaceAll(squeezed([]byte(code)), nil), nil)
}

func versionOf(files map[string]file) string {
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		sum.Write([]byte(name))
		sum.Write(files[name].plain)
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}

func compact(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // it stands in scripts of their own, and in an attribute that is escaped
	if err := e.Encode(v); err != nil {
		panic("web: " + err.Error()) // texts always marshal
	}
	return bytes.TrimSpace(b.Bytes())
}

func folderOf(name string) fs.FS {
	root, err := fs.Sub(embedded, name)
	if err != nil {
		panic("web: " + err.Error())
	}
	return root
}

func read(name string) []byte {
	text, err := fs.ReadFile(embedded, path.Clean(name))
	if err != nil {
		panic("web: " + err.Error())
	}
	return text
}
