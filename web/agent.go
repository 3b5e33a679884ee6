package web

import (
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path"
	"strings"
	"time"

	"frontdesk/config"
)

// agentPolicy is what Converse.js needs: styles of its own making, media of other
// agents' messages, WebAssembly for end-to-end encryption.
const agentPolicy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; " +
	"connect-src 'self' data:; img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; " +
	"worker-src 'self' blob:; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// agentClient serves Converse.js to agents in a trial: to this machine's
// browsers only, since its socket opens a stream to any host of the server.
func agentClient(cfg *config.Config, log *slog.Logger) http.Handler {
	socket := newProxy(cfg, log)
	socket.gate = gate{}    // agents log in at any host
	socket.origins = nil    // but only from this page
	socket.limits = limits{ // a client's start is some hundred queries; avatars are large
		sockets: 64, perAddress: 64,
		frameIn: 1 << 20, frameOut: 4 << 20,
		rate: 200, burst: 1000, together: 2000, opens: 10,
		open: 10 * time.Second, dial: 5 * time.Second, write: 10 * time.Second,
		quiet: 30 * time.Second, pong: 20 * time.Second,
	}
	socket.limited()

	mux := http.NewServeMux()
	for name, f := range loadFiles(folderOf("agent")) {
		pattern := "GET /agent/" + name
		if name == "index.html" {
			pattern = "GET /agent/{$}"
		}
		mux.Handle(pattern, f.handler(agentPolicy))
	}
	mux.Handle("GET /agent/xmpp-websocket", socket)
	mux.Handle("GET /agent/", http.StripPrefix("/agent", folder(cfg.Web.AgentClient)))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !atThisMachine(r) {
			http.NotFound(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// folder serves files, never a listing.
func folder(dir string) http.Handler {
	files := http.FileServerFS(os.DirFS(dir))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/") {
			http.NotFound(w, r)
			return
		}
		setSafety(w.Header(), agentPolicy)
		if path.Ext(r.URL.Path) == ".js" {
			w.Header().Set("Content-Type", contentType(r.URL.Path))
		}
		files.ServeHTTP(w, r)
	})
}

// atThisMachine holds for a browser on this machine that asked for this machine
// by name: no reverse proxy in between, and no foreign name that resolves to 127.0.0.1.
func atThisMachine(r *http.Request) bool {
	if r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Forwarded") != "" || !peerAddress(r).IsLoopback() {
		return false
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Unmap().IsLoopback()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}
