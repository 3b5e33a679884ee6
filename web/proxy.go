package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"

	"frontdesk/config"
)

// limits are the proxy's bounds.
type limits struct {
	sockets    int           // open at a time, all clients
	perAddress int           // open at a time, one client address
	frameIn    int64         // bytes of a frame from the browser
	frameOut   int64         // bytes of a frame from the server
	rate       float64       // tokens a second from one browser: a frame costs 1, and 1 more per 4 KiB
	burst      float64       // tokens that may be saved up
	together   float64       // tokens a second from all browsers of one client address, 20 s of which may be saved up
	opens      float64       // sockets that one client address may open in a second, 400 s of which may be saved up
	open       time.Duration // until the first frame is there
	dial       time.Duration // until the server has accepted
	write      time.Duration // until a peer has taken a frame
	quiet      time.Duration // without a frame, then it is pinged
	pong       time.Duration // for its answer
}

// customerLimits fit a page: it sends a handful of frames to log in, then what a
// person types. One address may be a whole office.
func customerLimits() limits {
	return limits{
		sockets: 10_000, perAddress: 64,
		frameIn: 64 << 10, frameOut: 1 << 20,
		rate: 10, burst: 60, together: 50, opens: 0.5,
		open: 10 * time.Second, dial: 5 * time.Second, write: 10 * time.Second,
		quiet: 30 * time.Second, pong: 20 * time.Second,
	}
}

// proxy carries RFC 7395 frames between browsers and the server's endpoint.
type proxy struct {
	gate    gate // copied for each socket
	server  string
	host    string
	origins []string // besides the request's own
	limits  limits
	doors   *doors
	opened  *meters       // sockets, by client address
	sent    *meters       // tokens, by client address
	refused chan struct{} // whoever is told why now
	client  *http.Client
	log     *slog.Logger
}

func newProxy(cfg *config.Config, log *slog.Logger) *proxy {
	p := &proxy{
		gate:    gate{host: cfg.Web.Host, front: cfg.Front.Domain, files: cfg.Web.Upload},
		server:  cfg.Web.WebSocket,
		host:    cfg.Web.Host,
		origins: cfg.Web.Origins,
		limits:  customerLimits(),
		refused: make(chan struct{}, 64),
		// The server is next door: no proxy of the environment, no connection kept.
		client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
		log:    log,
	}
	p.limited()
	return p
}

// limited makes the counters of p.limits.
func (p *proxy) limited() {
	l := p.limits
	p.doors = newDoors(l.sockets, l.perAddress)
	p.opened, p.sent = newMeters(l.opens, 400*l.opens), newMeters(l.together, 20*l.together)
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !p.allowed(r) {
		http.Error(w, "this origin may not open a chat here", http.StatusForbidden)
		return
	}
	if !offersXMPP(r.Header) {
		http.Error(w, "a WebSocket of subprotocol xmpp is wanted", http.StatusBadRequest)
		return
	}
	address := clientAddress(r)
	if wait := p.opened.take(address, time.Now(), 1); wait > 0 {
		p.refuse(w, r, wait)
		return
	}
	switch p.doors.enter(address) {
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "30")
		http.Error(w, "too many chats are open", http.StatusServiceUnavailable)
		return
	case http.StatusTooManyRequests:
		p.refuse(w, r, 30*time.Second)
		return
	}
	defer p.doors.leave(address)
	browser, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		Subprotocols:       []string{"xmpp"},
		InsecureSkipVerify: true, // allowed is stricter: a missing Origin is refused
	})
	if err != nil {
		return // Accept has answered
	}
	p.carry(r.Context(), browser, address)
}

// refuse answers who opens too many sockets. A page learns nothing of an HTTP status: it gets a socket, which is closed with endMany.
// Only so many at a time, since a peer that does not close in turn is waited for for some seconds.
func (p *proxy) refuse(w http.ResponseWriter, r *http.Request, wait time.Duration) {
	select {
	case p.refused <- struct{}{}:
		defer func() { <-p.refused }()
		if c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"xmpp"}, InsecureSkipVerify: true}); err == nil {
			c.Close(endMany.code, endMany.reason)
		}
	default:
		w.Header().Set("Retry-After", strconv.Itoa(1+int(wait.Seconds())))
		http.Error(w, "too many chats are open", http.StatusTooManyRequests)
	}
}

// allowed holds for a page of our own host, as the browser names it, and for
// the configured origins. A request without Origin is no browser's page.
func (p *proxy) allowed(r *http.Request) bool {
	origin := r.Header.Values("Origin")
	if len(origin) != 1 {
		return false
	}
	if slices.Contains(p.origins, origin[0]) {
		return true
	}
	u, err := url.Parse(origin[0])
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && strings.EqualFold(u.Host, r.Host)
}

func offersXMPP(h http.Header) bool {
	for _, p := range strings.Split(strings.Join(h.Values("Sec-WebSocket-Protocol"), ","), ",") {
		if strings.EqualFold(strings.TrimSpace(p), "xmpp") {
			return true
		}
	}
	return false
}

// carry runs one socket to its end; nothing that it started is left when it returns.
func (p *proxy) carry(ctx context.Context, browser *websocket.Conn, address string) {
	defer browser.CloseNow()
	browser.SetReadLimit(p.limits.frameIn)
	s := &socket{
		limits: p.limits, gate: p.gate, browser: browser, sent: p.sent, address: address,
		bucket: bucket{rate: p.limits.rate, burst: p.limits.burst, tokens: p.limits.burst},
	}
	first, why := s.first(ctx)
	if why == nil {
		server, err := p.dial(ctx, address)
		if err != nil {
			p.log.Warn("web: the server's WebSocket does not answer", "url", p.server, "err", err)
			why = &endDown
		}
		s.server = server
	}
	if why != nil {
		browser.Close(why.code, why.reason)
		return
	}
	defer s.server.CloseNow()
	e := s.run(ctx, first)
	p.log.Debug("web: socket closed", "code", int(e.code), "reason", e.reason)
}

// dial opens the server's side. The server may read the customer's address from
// X-Forwarded-For, if its own configuration trusts us.
func (p *proxy) dial(ctx context.Context, address string) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, p.limits.dial)
	defer cancel()
	c, _, err := websocket.Dial(ctx, p.server, &websocket.DialOptions{
		HTTPClient:   p.client,
		HTTPHeader:   http.Header{"X-Forwarded-For": {address}},
		Host:         p.host,
		Subprotocols: []string{"xmpp"},
	})
	if err != nil {
		return nil, err
	}
	if c.Subprotocol() != "xmpp" {
		c.CloseNow()
		return nil, errors.New("it does not speak the subprotocol xmpp")
	}
	c.SetReadLimit(p.limits.frameOut)
	return c, nil
}
