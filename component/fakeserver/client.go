package fakeserver

import (
	"slices"
	"sync"

	"frontdesk/component/stanza"
)

// maxQueue is how many stanzas may wait for one handler. More are a fault of the test.
const maxQueue = 1 << 20

// Client is a connected account's client.
type Client struct {
	server *Server
	jid    stanza.JID
	handle func(*stanza.Element)

	mu       sync.Mutex
	queue    []*stanza.Element
	spare    []*stanza.Element
	busy     bool // a goroutine is handing over the queue
	closed   bool
	directed []stanza.JID // who believes that it is available, in order
}

// Client is a connected account's client; handle is called for each stanza routed to it, in order, from one goroutine at a time.
// A message or presence to a bare JID goes to all clients of it. The handler owns the stanza, and may call Send, Cut and Mute.
func (s *Server) Client(jid stanza.JID, handle func(*stanza.Element)) *Client {
	c := &Client{server: s, jid: jid, handle: handle}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.clients[jid] != nil {
		panic("fakeserver: two clients with the JID " + string(jid))
	}
	s.clients[jid] = c
	s.accounts[jid.Bare()] = append(s.accounts[jid.Bare()], c)
	return c
}

// Send routes a stanza from this client (its from is set). A directed presence is remembered: Close sends unavailable to those addresses.
// What is addressed to nobody is for the account's roster, or dropped; presence is not broadcast. The stanza may be used again if
// it is addressed to a component; a client gets it as it is.
func (c *Client) Send(e *stanza.Element) {
	e.Set("from", string(c.jid))
	if e.To() == "" {
		c.server.own(c, e)
		return
	}
	if e.Local == "presence" {
		c.remember(e)
	}
	c.server.route(e)
}

func (c *Client) remember(e *stanza.Element) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.Index(c.directed, e.To())
	switch {
	case e.Type() == "" && i < 0:
		c.directed = append(c.directed, e.To())
	case e.Type() == "unavailable" && i >= 0:
		c.directed = slices.Delete(c.directed, i, i+1)
	}
}

// Close disconnects the client; its handler is not called for what comes later. A second Close does nothing.
func (c *Client) Close() {
	s := c.server
	s.mu.Lock()
	gone := s.clients[c.jid] == c
	if gone {
		delete(s.clients, c.jid)
		bare := c.jid.Bare()
		if s.accounts[bare] = slices.DeleteFunc(s.accounts[bare], func(o *Client) bool { return o == c }); len(s.accounts[bare]) == 0 {
			delete(s.accounts, bare)
		}
	}
	s.mu.Unlock()
	if !gone {
		return
	}
	c.mu.Lock()
	c.closed = true
	directed := c.directed
	c.directed = nil
	c.mu.Unlock()
	for _, to := range directed {
		s.route(stanza.New("", "presence", "type", "unavailable", "from", string(c.jid), "to", string(to)))
	}
}

// take queues e, and hands the queue over unless that is being done already: by another
// goroutine, or further up this one's stack, in a handler that has sent something.
func (c *Client) take(e *stanza.Element) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	if len(c.queue) == maxQueue {
		panic("fakeserver: too many stanzas wait for " + string(c.jid))
	}
	c.queue = append(c.queue, e)
	if c.busy {
		return
	}
	c.busy = true
	for len(c.queue) > 0 && !c.closed {
		batch := c.queue
		c.queue = c.spare[:0]
		c.mu.Unlock()
		for _, e := range batch {
			c.handle(e)
		}
		clear(batch)
		c.mu.Lock()
		c.spare = batch
	}
	c.busy = false
}
