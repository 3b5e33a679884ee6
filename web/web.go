// Package web serves customers in the browser: the page, the WebSocket proxy to
// the XMPP server (RFC 7395), health and metrics. It knows the config and a
// read-only view of the desk, speaks no XMPP of its own beyond the frames that
// it must judge, and keeps nothing.
package web

import (
	"embed"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"frontdesk/config"
)

//go:embed chat texts widget shop agent
var embedded embed.FS

// View is what web may know of the desk. Safe for concurrent use; bounded work.
type View interface {
	// Health returns nil if both links are up, else what is wrong.
	Health() error
	// Metrics returns counters and gauges by name, in Prometheus' spelling without prefix.
	Metrics() map[string]float64
	// Config returns the configuration that is in force, which nobody changes any more: another one after each change. Of it the page
	// uses the queues, web.look and the agents' pictures; all else is that of New until a restart.
	Config() *config.Config
	// Copy returns the text of a conversation, and its language, by the last part of the address that a customer was given;
	// false for what is none, or expired.
	Copy(token string) (text, lang string, ok bool)
}

// New returns the handler for everything under cfg.Web.Listen:
//
//	/                leads to /chat/; with cfg.Web.Demo a shop that uses the widget, under /shop/
//	/chat/           the customers' page, whole or as the widget's frame; ?queue=, ?lang= and ?theme= choose
//	/logo/…          a queue's logo
//	/widget.js       the widget's loader, for other sites
//	/xmpp-websocket  RFC 7395, to cfg.Web.Host and the front only
//	/copy/…          a copy of a conversation, to who was given its address
//	/face/…          the picture of an agent whom customers may see
//	(cfg.Web.Files)  uploads and downloads, to the server's upload service
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
	newPage(cfg, view).serve(mux)
	mux.Handle("GET /xmpp-websocket", front)
	mux.Handle("GET /copy/{token}", copies(view))
	mux.Handle("GET /face/{id}", faces(view))
	if cfg.Web.Files != "" {
		if u, err := url.Parse(cfg.Web.Files); err == nil {
			mux.Handle(strings.TrimSuffix(u.Path, "/")+"/", newFiles(cfg, log))
		}
	}
	mux.Handle("GET /health", health(view))
	mux.Handle("GET /metrics", metrics(view, front))
	if cfg.Web.AgentClient != "" {
		mux.Handle("/agent/", agentClient(cfg, log))
	}
	return mux
}
