package e2e

import (
	"fmt"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"frontdesk/component/fakeserver"
	"frontdesk/component/stanza"
	realclient "frontdesk/e2e/client"
)

// patience bounds every wait for something that must come. A page sends again after 30 s what was lost between two connections.
const patience = 45 * time.Second

// client is somebody's client, on the fake server or on a real one. What it gets
// stays in its inbox until a test takes it; IQs that ask are answered as a client answers them.
type client struct {
	jid   stanza.JID
	write func(*stanza.Element) error
	drop  func()
	bye   func() // of a real client: ends the stream in good order, and what was under way is heard

	mu    sync.Mutex
	inbox []*stanza.Element
	more  chan struct{} // closed and replaced whenever something comes
	sent  int
	gone  bool
	keyed func(key string)                 // for a customer's client: called with the key of a page that it is given
	leak  func(format string, args ...any) // for a customer's client: called where something of the inside reached it
}

func newClient(j stanza.JID) *client { return &client{jid: j, more: make(chan struct{})} }

// secrets are what no customer may hear: agents' host and names, what the desk says to them, and what scripts say among them.
var secrets = regexp.MustCompile(regexp.QuoteMeta(agentsHost) + `|\[desk\]|\b(difficult|Anna|Bob|Carol)\b`)

// take files what came in.
func (c *client) take(s *stanza.Element) {
	if t := s.Type(); s.Local == "iq" && (t == "get" || t == "set") {
		c.reply(s)
		return
	}
	if s.Has("urn:xmpp:privilege:2", "privilege") { // Prosody says so to everybody's clients
		return
	}
	if event := s.Child("http://jabber.org/protocol/pubsub#event", "event"); event != nil { // scripts see it as that
		c.file(event.Set("from", s.Attr("from")))
		return
	}
	if claim := s.Child(nsClaim, "claim"); claim != nil && c.keyed != nil {
		c.keyed(claim.Attr("key"))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	// What a server answers to somebody who wrote to the inside repeats what he wrote.
	if c.leak != nil && (s.Type() != "error" || s.From().Domain() == frontDomain) {
		heard := s.Clone().Set("to", "") // his own address has parts that a server makes up
		if inside := secrets.FindString(heard.String()); inside != "" {
			c.leak("a customer could hear %q in\n    %s", inside, s)
		}
	}
	c.add(s)
}

// file puts what a script may look for into the inbox; add does with the lock held.
func (c *client) file(s *stanza.Element) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(s)
}

func (c *client) add(s *stanza.Element) {
	c.inbox = append(c.inbox, s)
	close(c.more)
	c.more = make(chan struct{})
}

func (c *client) reply(s *stanza.Element) {
	var r *stanza.Element
	switch q := s.First(); {
	case q.Is("jabber:iq:roster", "query"): // a push: scripts see it as the query
		r = stanza.Result(s)
		c.file(q)
	case q.Is(stanza.NSDiscoInfo, "query"):
		r = stanza.Result(s).Add(stanza.New(stanza.NSDiscoInfo, "query").Add(
			stanza.New(stanza.NSDiscoInfo, "identity", "category", "client", "type", "pc")))
	case q.Is(stanza.NSPing, "ping"):
		r = stanza.Result(s)
	default:
		r = stanza.Error{Type: "cancel", Condition: "service-unavailable"}.Reply(s)
	}
	c.write(r)
}

func (c *client) send(s *stanza.Element) error { return c.write(s) }

// await takes the first stanza that fits out of the inbox, waiting for it; nil after patience.
func (c *client) await(fits func(*stanza.Element) bool) *stanza.Element {
	end := time.NewTimer(patience)
	defer end.Stop()
	for {
		c.mu.Lock()
		if i := slices.IndexFunc(c.inbox, fits); i >= 0 {
			s := c.inbox[i]
			c.inbox = slices.Delete(c.inbox, i, i+1)
			c.mu.Unlock()
			return s
		}
		more := c.more
		c.mu.Unlock()
		select {
		case <-more:
		case <-end.C:
			return nil
		}
	}
}

// pending returns what is in the inbox and fits.
func (c *client) pending(fits func(*stanza.Element) bool) []*stanza.Element {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []*stanza.Element
	for _, s := range c.inbox {
		if fits(s) {
			out = append(out, s)
		}
	}
	return out
}

func (c *client) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inbox = nil
}

// fence returns once everything that was under way between the client and an address has been dealt with, both ways.
func (c *client) fence(to string) error {
	c.mu.Lock()
	c.sent++
	id := fmt.Sprintf("fence-%d", c.sent)
	c.mu.Unlock()
	if err := c.send(stanza.New("", "iq", "type", "get", "to", to, "id", id).Add(stanza.New(stanza.NSPing, "ping"))); err != nil {
		return err
	}
	if c.await(func(s *stanza.Element) bool { return s.Local == "iq" && s.ID() == id }) == nil {
		return fmt.Errorf("%s: no answer from %s", c.jid, to)
	}
	return nil
}

// fakeClient connects a client to the fake server; what it sends is told to e, which may be nil.
func fakeClient(srv *fakeserver.Server, j stanza.JID, e *ear) *client {
	c := newClient(j)
	f := srv.Client(j, c.take)
	c.write = func(s *stanza.Element) error {
		if s.Set("from", string(j)); e != nil {
			e.said(s)
		}
		f.Send(s)
		return nil
	}
	c.drop = f.Close
	return c
}

// dial logs in to a real server: with a password, or anonymously where user is empty.
func dial(addr, user, host, password string) (*client, error) {
	session, err := realclient.Dial(addr, user, host, password)
	if err != nil {
		return nil, err
	}
	c := newClient(session.JID)
	c.write, c.drop = session.Send, session.Close
	ended := make(chan struct{})
	c.bye = func() {
		if session.Write([]byte("</stream:stream>")) == nil {
			select {
			case <-ended:
			case <-time.After(patience):
			}
		}
		session.Close()
	}
	go func() {
		defer close(ended)
		session.Serve(c.take) // until it is cut
		c.mu.Lock()
		c.gone = true
		c.mu.Unlock()
	}()
	return c, nil
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
