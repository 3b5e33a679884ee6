// Package web serves customers in the browser: the page, the WebSocket proxy to
// the XMPP server (RFC 7395), health and metrics. It knows the config and a
// read-only view of the desk, speaks no XMPP of its own beyond the frames that
// it must judge, and keeps nothing.
package web

import (
	"embed"
	"encoding/json"
	"io/fs"
	"log/slog"
	"net/http"

	"frontdesk/config"
)

//go:embed static agent
var embedded embed.FS

// View is what web may know of the desk. Safe for concurrent use; bounded work.
type View interface {
	// Health returns nil if both links are up, else what is wrong.
	Health() error
	// Metrics returns counters and gauges by name, in Prometheus' spelling without prefix.
	Metrics() map[string]float64
	// Copy returns the text of a conversation, and its language, by the last part of the address that a customer was given;
	// false for what is none, or expired.
	Copy(token string) (text, lang string, ok bool)
}

// New returns the handler for everything under cfg.Web.Listen:
//
//	/                the customers' page and its files
//	/config.json     what the page must know: queue, title, host
//	/xmpp-websocket  RFC 7395, to cfg.Web.Host and the front only
//	/copy/…          a copy of a conversation, to who was given its address
//	/health          200, or 503 and what is wrong
//	/metrics         Prometheus text
//	/agent/          Converse.js, if cfg.Web.AgentClient is set; loopback only
//
// The handler is safe for concurrent use and holds no goroutine while no socket
// is open. A WebSocket outlives http.Server.Shutdown; it ends, with 1001 "going
// away", when its request's context does: cancel the server's BaseContext to
// let them all go.
func New(cfg *config.Config, view View, log *slog.Logger) http.Handler {
	front := newProxy(cfg, log)
	mux := http.NewServeMux()
	servePage(mux, cfg)
	mux.Handle("GET /xmpp-websocket", front)
	mux.Handle("GET /copy/{token}", copies(view))
	mux.Handle("GET /health", health(view))
	mux.Handle("GET /metrics", metrics(view, front))
	if cfg.Web.AgentClient != "" {
		mux.Handle("/agent/", agentClient(cfg, log))
	}
	return mux
}

// pagePolicy lets the page load and reach its own origin and nothing else.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
	"img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// servePage adds the page's files and its configuration to mux.
func servePage(mux *http.ServeMux, cfg *config.Config) {
	root, err := fs.Sub(embedded, "static")
	if err != nil {
		panic("web: " + err.Error())
	}
	files := loadFiles(root)
	files["config.json"] = newFile("config.json", pageConfig(cfg))
	for name, f := range files {
		pattern := "GET /" + name
		if name == "index.html" {
			pattern = "GET /{$}"
		}
		mux.Handle(pattern, f.handler(pagePolicy))
	}
}

// pageConfig is what anybody may know: it is served to strangers.
func pageConfig(cfg *config.Config) []byte {
	name := cfg.Web.Queue
	if name == "" && len(cfg.Queues) > 0 {
		name = cfg.Queues[0].Name
	}
	title := name
	for _, q := range cfg.Queues {
		if q.Name == name && q.Title != "" {
			title = q.Title
		}
	}
	text, err := json.Marshal(struct {
		Queue string `json:"queue"`
		Title string `json:"title"`
		Host  string `json:"host"`
	}{name + "@" + cfg.Front.Domain, title, cfg.Web.Host})
	if err != nil {
		panic("web: " + err.Error()) // strings always marshal
	}
	return text
}
