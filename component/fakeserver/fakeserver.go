// Package fakeserver is an XMPP server as a component sees one (XEP-0114), in
// the process, for tests and benchmarks: it accepts component connections,
// routes between them and clients that are Go values, and can misbehave on demand.
//
// It is as strict as the strictest real server about what a component sends, so
// that a fault shows here: a stanza whose from is missing or foreign, or that has no to,
// ends the stream with invalid-from; what is not well-formed, with not-well-formed.
//
// A stanza is routed by the goroutine that read it or called Client.Send, to the end: handlers
// run in it. So the order from one sender to one receiver is kept.
package fakeserver

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"frontdesk/component/stanza"
)

// Server routes by domain: to a component that is connected, to a Client with
// that full or bare JID, else it bounces as Prosody does
// (wait/remote-server-timeout for an absent component, cancel/service-unavailable for an absent client's
// message or IQ; presence to nobody is dropped). A ping (XEP-0199) of a domain that is
// not a component's is answered, as that of a virtual host. Accounts have rosters, of which only what is put into them is known:
// a subscription does not change them.
type Server struct {
	listener net.Listener
	secrets  map[string]string
	wg       sync.WaitGroup

	mu         sync.RWMutex
	closed     bool
	components map[string]*component
	conns      map[net.Conn]bool        // all that are open, before the handshake too
	accounts   map[stanza.JID][]*Client // by bare JID, in order of arrival
	clients    map[stanza.JID]*Client   // by the JID that they gave
	refused    map[string]bool
	taps       map[string]func() io.Writer
	changed    chan struct{} // closed when components has changed
	rosters    rosters
}

// New listens on a free port of 127.0.0.1. secrets maps component domains to their secrets.
func New(secrets map[string]string) (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("fakeserver: %w", err)
	}
	s := &Server{
		listener:   listener,
		secrets:    secrets,
		components: map[string]*component{},
		conns:      map[net.Conn]bool{},
		accounts:   map[stanza.JID][]*Client{},
		clients:    map[stanza.JID]*Client{},
		refused:    map[string]bool{},
		taps:       map[string]func() io.Writer{},
		changed:    make(chan struct{}),
		rosters:    rosters{grants: map[string]grant{}, items: map[stanza.JID]map[string]*stanza.Element{}},
	}
	s.wg.Go(s.accept)
	return s, nil
}

// Addr is host:port.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Close closes everything and waits until no handler runs any more; it must not be called from one.
func (s *Server) Close() {
	s.listener.Close()
	s.mu.Lock()
	s.closed = true
	for conn := range s.conns {
		conn.Close()
	}
	for _, c := range s.components {
		c.cut()
	}
	s.mu.Unlock()
	s.wg.Wait()
}

func (s *Server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		if s.closed {
			conn.Close()
		} else {
			s.conns[conn] = true
			s.wg.Go(func() { s.serve(conn) })
		}
		s.mu.Unlock()
	}
}

// Cut breaks a component's connection without a word. What the server has read but not routed is lost, as is what
// it has not written; when Cut returns the component is not connected.
func (s *Server) Cut(domain string) {
	if c := s.component(domain); c != nil {
		c.cut()
		s.leave(c)
	}
}

// Room waits until fewer than so many bytes wait for a component, or it is not connected. A client that sends more than a
// component reads has it cut off in the end.
func (s *Server) Room(domain string, bytes int) {
	if c := s.component(domain); c != nil {
		c.room(bytes)
	}
}

// Refuse makes new connections fail until told otherwise: they are closed when they say who they are.
func (s *Server) Refuse(domain string, on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused[domain] = on
}

// Inject writes bytes to a component as they are, as a server would that lets through what it should not. Nothing where it is not connected.
func (s *Server) Inject(domain string, raw []byte) {
	c := s.component(domain)
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.shut {
		c.buf = append(c.buf, raw...)
		c.wake()
	}
}

// Tap copies all that a component writes after its handshake, connection by connection: to is asked for a writer for each that begins
// from now on. The writer is called from one goroutine at a time, before what it gets is routed.
func (s *Server) Tap(domain string, to func() io.Writer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taps[domain] = to
}

// tapped is in, with a copy for who taps.
func (s *Server) tapped(domain string, in *bufio.Reader) *bufio.Reader {
	s.mu.RLock()
	to := s.taps[domain]
	s.mu.RUnlock()
	if to == nil {
		return in
	}
	return bufio.NewReaderSize(io.TeeReader(in, to()), 64<<10)
}

// Mute stops reading from and writing to a component while its connection stays: nothing that it sends after Mute
// has returned is routed until it is told otherwise. The next connection is not mute, and takes the place of one that is.
func (s *Server) Mute(domain string, on bool) {
	if c := s.component(domain); c != nil {
		c.mute.set(on)
	}
}

// Connected reports whether the component is.
func (s *Server) Connected(domain string) bool { return s.component(domain) != nil }

// Wait blocks until Connected is on (at most 10 s, then panics).
func (s *Server) Wait(domain string, on bool) {
	late := time.NewTimer(10 * time.Second)
	defer late.Stop()
	for {
		s.mu.RLock()
		there, changed := s.components[domain] != nil, s.changed
		s.mu.RUnlock()
		if there == on {
			return
		}
		select {
		case <-changed:
		case <-late.C:
			panic(fmt.Sprintf("fakeserver: %s: connected is not %v after 10 s", domain, on))
		}
	}
}

func (s *Server) component(domain string) *component {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.components[domain]
}

// join connects c, unless another one that can be heard is.
func (s *Server) join(c *component) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.components[c.domain]; old != nil {
		if !old.mute.on() {
			return false
		}
		old.cut()
	}
	s.components[c.domain] = c
	s.hasChanged()
	return true
}

func (s *Server) leave(c *component) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.components[c.domain] == c {
		delete(s.components, c.domain)
		s.hasChanged()
	}
}

func (s *Server) hasChanged() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// route hands e to whom it is addressed; e is the receiver's then.
func (s *Server) route(e *stanza.Element) {
	to := e.To()
	domain := to.Domain()
	if _, ours := s.secrets[domain]; ours {
		if c := s.component(domain); c == nil || !c.send(e) {
			s.bounce(e, stanza.Error{Type: "wait", Condition: "remote-server-timeout"})
		}
		return
	}
	if strings.IndexByte(string(to), '@') < 0 {
		s.host(e)
		return
	}
	if s.setsRoster(e, false) {
		return
	}
	who := s.find(e)
	for i, c := range who {
		each := e
		if i < len(who)-1 {
			each = e.Clone()
		}
		c.take(each)
	}
	if len(who) == 0 {
		s.bounce(e, stanza.Error{Type: "cancel", Condition: "service-unavailable"})
	}
}

// find returns the clients that get e. An IQ to an account is not for its clients.
func (s *Server) find(e *stanza.Element) []*Client {
	to := e.To()
	s.mu.RLock()
	defer s.mu.RUnlock()
	if c := s.clients[to]; c != nil {
		return []*Client{c}
	}
	if to.Resource() == "" && e.Local != "iq" {
		return slices.Clone(s.accounts[to])
	}
	return nil
}

// host is what a virtual host says: it answers pings.
func (s *Server) host(e *stanza.Element) {
	if e.Local == "iq" && e.Type() == "get" && e.Has(stanza.NSPing, "ping") {
		s.route(stanza.Result(e))
		return
	}
	s.bounce(e, stanza.Error{Type: "cancel", Condition: "service-unavailable"})
}

func (s *Server) bounce(e *stanza.Element, why stanza.Error) {
	if e.Local == "presence" {
		return
	}
	if reply := why.Reply(e); reply != nil && reply.To() != "" {
		s.route(reply)
	}
}
