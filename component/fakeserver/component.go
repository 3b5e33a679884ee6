package fakeserver

import (
	"bufio"
	"crypto/rand"
	"crypto/sha1"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"

	"frontdesk/component/stanza"
)

const (
	maxStanza = 512 << 10 // bytes from a component
	maxBuffer = 64 << 20  // bytes waiting for a component; one that lets more pile up is cut off
)

// component is a connection whose handshake is done.
type component struct {
	domain string
	conn   net.Conn
	mute   gate
	kick   chan struct{} // capacity 1

	mu    sync.Mutex
	taken sync.Cond // buf was, or shut is set
	buf   []byte
	shut  bool // nothing more is to be written
}

// serve is the life of one connection.
func (s *Server) serve(conn net.Conn) {
	defer func() {
		conn.Close()
		s.mu.Lock()
		delete(s.conns, conn)
		s.mu.Unlock()
	}()
	in := bufio.NewReaderSize(conn, 64<<10)
	domain, err := s.greet(conn, in)
	if err != nil {
		return
	}
	c := &component{domain: domain, conn: conn, kick: make(chan struct{}, 1)}
	c.mute.init()
	c.taken.L = &c.mu
	if s.isRefused(domain) {
		return
	}
	c.buf = append(c.buf, "<handshake/>"...)
	if !s.join(c) {
		io.WriteString(conn, streamError("conflict"))
		return
	}
	s.advertise(c)
	var writer sync.WaitGroup
	writer.Go(c.write)
	c.wake()
	end := s.read(c, s.tapped(domain, in))
	s.leave(c)
	c.close(end)
	writer.Wait()
	c.mute.kill()
}

func (s *Server) isRefused(domain string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.refused[domain]
}

// greet opens the stream and checks the handshake (XEP-0114 §3).
func (s *Server) greet(conn net.Conn, in *bufio.Reader) (domain string, err error) {
	d := xml.NewDecoder(in)
	start, err := nextStart(d)
	if err != nil {
		return "", err
	}
	for _, a := range start.Attr {
		if a.Name.Local == "to" {
			domain = a.Value
		}
	}
	if s.isRefused(domain) {
		return "", errors.New("refused")
	}
	id := rand.Text()
	fmt.Fprintf(conn, "<?xml version='1.0'?><stream:stream xmlns='%s' xmlns:stream='%s' from='%s' id='%s'>",
		stanza.NSComponent, stanza.NSStream, domain, id)
	secret, known := s.secrets[domain]
	if !known {
		io.WriteString(conn, streamError("host-unknown"))
		return "", errors.New("unknown host")
	}
	if start, err = nextStart(d); err != nil {
		return "", err
	}
	var proof string
	if err := d.DecodeElement(&proof, &start); err != nil {
		return "", err
	}
	sum := sha1.Sum([]byte(id + secret))
	if start.Name.Local != "handshake" || proof != hex.EncodeToString(sum[:]) {
		io.WriteString(conn, streamError("not-authorized"))
		return "", errors.New("wrong secret")
	}
	return domain, nil
}

func nextStart(d *xml.Decoder) (xml.StartElement, error) {
	for {
		t, err := d.Token()
		if err != nil {
			return xml.StartElement{}, err
		}
		if start, ok := t.(xml.StartElement); ok {
			return start, nil
		}
	}
}

func streamError(condition string) string {
	return "<stream:error><" + condition + " xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>"
}

// read routes what the component sends, and returns the last words to it.
func (s *Server) read(c *component, in *bufio.Reader) (end string) {
	r := stanza.NewReader(in, maxStanza)
	for {
		e, err := r.Next()
		if !c.mute.pass() {
			return ""
		}
		switch {
		case err == io.EOF:
			return "</stream:stream>"
		case errors.Is(err, stanza.ErrTooLong):
			return streamError("policy-violation")
		case err != nil:
			return streamError("not-well-formed")
		case e.Space != "" || e.Local != "message" && e.Local != "presence" && e.Local != "iq":
			return streamError("unsupported-stanza-type")
		case e.From().Domain() != c.domain || e.To() == "":
			return streamError("invalid-from")
		}
		s.route(e)
	}
}

// send queues e; it never waits. It reports false where c is on its way out.
func (c *component) send(e *stanza.Element) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.shut {
		return false
	}
	if len(c.buf) > maxBuffer {
		c.shut = true
		c.cut()
		return false
	}
	c.buf = e.AppendXML(c.buf)
	c.wake()
	return true
}

// room waits until fewer bytes wait to be written, or nothing is written any more.
func (c *component) room(bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.buf) >= bytes && !c.shut {
		c.taken.Wait()
	}
}

func (c *component) wake() {
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// close has the writer write what is there, then end, and end itself.
func (c *component) close(end string) {
	c.mu.Lock()
	c.buf = append(c.buf, end...)
	c.shut = true
	c.taken.Broadcast()
	c.mu.Unlock()
	c.wake()
}

// cut closes the connection at once, with nothing written or routed any more.
func (c *component) cut() {
	c.mute.kill()
	if tcp, ok := c.conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	c.conn.Close()
}

func (c *component) write() {
	var spare []byte
	for {
		c.mu.Lock()
		batch, last := c.buf, c.shut
		c.buf = spare[:0]
		c.taken.Broadcast()
		c.mu.Unlock()
		if len(batch) > 0 {
			if !c.mute.pass() {
				return
			}
			if _, err := c.conn.Write(batch); err != nil {
				return
			}
		}
		if spare = batch[:0]; last {
			return
		}
		if len(batch) == 0 {
			<-c.kick
		}
	}
}

// gate is what reader and writer pass between two pieces of work.
type gate struct {
	open  atomic.Bool // nothing is to be waited for
	mu    sync.Mutex
	cond  sync.Cond
	muted bool
	dead  bool
}

func (g *gate) init() {
	g.cond.L = &g.mu
	g.open.Store(true)
}

// pass waits while the gate is mute, and reports whether the connection still counts.
func (g *gate) pass() bool {
	if g.open.Load() {
		return true
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.muted && !g.dead {
		g.cond.Wait()
	}
	return !g.dead
}

func (g *gate) on() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.muted
}

func (g *gate) set(muted bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.muted = muted
	g.open.Store(!g.muted && !g.dead)
	g.cond.Broadcast()
}

func (g *gate) kill() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.dead = true
	g.open.Store(false)
	g.cond.Broadcast()
}
