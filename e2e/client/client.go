// Package client logs in to a real XMPP server as somebody's client does: mellium negotiates, then
// stanzas are read and written as a link does it. The dialogues and the benchmark use it.
package client

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"mellium.im/sasl"
	"mellium.im/xmpp"
	"mellium.im/xmpp/jid"

	"frontdesk/component/stanza"
)

const (
	patience  = 20 * time.Second // for a login, and for one write
	maxStanza = 1 << 20          // bytes
)

// Client is a session. Send, Write and Close may be used concurrently; Serve belongs to one goroutine.
type Client struct {
	JID stanza.JID // full

	conn net.Conn
	in   *bufio.Reader
	mu   sync.Mutex // one write at a time
}

// Dial logs in without TLS: with SCRAM, or anonymously where user is empty. It takes 20 s at most.
func Dial(addr, user, host, password string) (*Client, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	in := bufio.NewReaderSize(conn, 32<<10)
	origin, err := jid.New(user, host, "")
	if err != nil {
		conn.Close()
		return nil, err
	}
	mechanism := sasl.ScramSha1
	if user == "" {
		mechanism = anonymous
	}
	session, err := xmpp.NewSession(context.Background(), origin.Domain(), origin, quiet{conn, in}, xmpp.Secure,
		xmpp.NewNegotiator(func(*xmpp.Session, *xmpp.StreamConfig) xmpp.StreamConfig {
			return xmpp.StreamConfig{Features: []xmpp.StreamFeature{xmpp.SASL("", password, mechanism), xmpp.BindResource()}}
		}))
	if !stop() || err != nil {
		conn.Close()
		return nil, fmt.Errorf("logging in as %s at %s: %w", origin, addr, err)
	}
	return &Client{JID: stanza.JID(session.LocalAddr().String()), conn: conn, in: in}, nil
}

// Serve reads until the stream ends and returns why. take is called for one stanza at a time, in order.
func (c *Client) Serve(take func(*stanza.Element)) error {
	for r := stanza.NewReader(c.in, maxStanza); ; {
		s, err := r.Next()
		if err != nil {
			return err
		}
		take(s)
	}
}

// Send writes a stanza.
func (c *Client) Send(s *stanza.Element) error { return c.Write(s.AppendXML(nil)) }

// Write writes what is XML already: whole stanzas.
func (c *Client) Write(xml []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn.SetWriteDeadline(time.Now().Add(patience))
	_, err := c.conn.Write(xml)
	return err
}

// Close cuts the connection, without a word to the server; Serve returns.
func (c *Client) Close() { c.conn.Close() }

// anonymous is SASL ANONYMOUS (RFC 4505) without a trace.
var anonymous = sasl.Mechanism{Name: "ANONYMOUS", Start: func(*sasl.Negotiator) (bool, []byte, any, error) {
	return false, nil, nil, nil
}}

// quiet is a connection whose deadlines mellium cannot set, and that is read no further than asked.
type quiet struct {
	net.Conn
	in *bufio.Reader
}

func (q quiet) Read(p []byte) (int, error)     { return q.in.Read(p) }
func (q quiet) ReadByte() (byte, error)        { return q.in.ReadByte() }
func (quiet) SetDeadline(time.Time) error      { return nil }
func (quiet) SetReadDeadline(time.Time) error  { return nil }
func (quiet) SetWriteDeadline(time.Time) error { return nil }
