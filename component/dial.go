package component

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	mellium "mellium.im/xmpp/component"
	"mellium.im/xmpp/jid"
)

// dialServer opens the connection; ctx bounds the time.
func (l *Link) dialServer(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", l.cfg.Address)
	if err != nil {
		return nil, l.cfg.dialError(err)
	}
	if l.cfg.TLS == nil {
		return conn, nil
	}
	secure := tls.Client(conn, l.cfg.TLS)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, l.cfg.tlsError(err)
	}
	return secure, nil
}

// open dials and negotiates, in Dead at most.
func (l *Link) open(ctx context.Context) (*line, error) {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Dead)
	defer cancel()
	l.cfg.Log.Debug("connecting", "server", l.cfg.Address, "domain", l.cfg.Domain)
	conn, err := l.dial(ctx)
	if err != nil {
		return nil, err
	}
	c := newLine(&l.cfg, conn)
	// A context means nothing to mellium: a silent server would hold it for ever.
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	err = c.negotiate()
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		return nil, l.cfg.handshakeError(err, ctx.Err() != nil)
	}
	return c, nil
}

// negotiate has mellium open the stream and shake hands. The session that it
// returns is not used: what follows in c.in is read by a stanza.Reader.
func (c *line) negotiate() error {
	addr, err := jid.New("", c.cfg.Domain, "")
	if err != nil {
		return fmt.Errorf("address of the component: %w", err)
	}
	_, err = mellium.NewSession(context.Background(), addr, []byte(c.cfg.Secret), negotiation{c.conn, c.in})
	return err
}

// negotiation is the connection as mellium sees it.
//
//   - It has ReadByte, so that encoding/xml reads not one byte past the handshake.
//   - Its deadlines do nothing, as mellium sets them from helper goroutines, also after success.
//   - A write that fails is not reported: the server may have said why before it closed, and
//     reading, which goes on, finds that.
type negotiation struct {
	net.Conn
	in *bufio.Reader
}

func (n negotiation) Read(p []byte) (int, error) { return n.in.Read(p) }
func (n negotiation) ReadByte() (byte, error)    { return n.in.ReadByte() }

func (n negotiation) Write(p []byte) (int, error) {
	n.Conn.Write(p)
	return len(p), nil
}

func (negotiation) SetDeadline(time.Time) error      { return nil }
func (negotiation) SetReadDeadline(time.Time) error  { return nil }
func (negotiation) SetWriteDeadline(time.Time) error { return nil }

// meter measures how long the reader has been waiting for the server, which is not
// the same as the time that has passed: while the consumer is busy nobody reads,
// and that is not the server's silence.
type meter struct {
	net.Conn
	epoch  time.Time
	since  atomic.Int64 // when the present wait began, in ns after epoch; 0 when nobody waits
	waited atomic.Int64 // ns of all waits that are over
}

func (m *meter) Read(p []byte) (int, error) {
	start := max(int64(time.Since(m.epoch)), 1)
	m.since.Store(start)
	n, err := m.Conn.Read(p)
	m.since.Store(0)
	m.waited.Add(int64(time.Since(m.epoch)) - start)
	return n, err
}

// silence returns how long the server has had the chance to say something and has said nothing.
func (m *meter) silence() time.Duration {
	since := m.since.Load()
	if since == 0 {
		return 0
	}
	return time.Since(m.epoch) - time.Duration(since)
}

// total returns how long the reader has waited since the connection began.
func (m *meter) total() time.Duration { return time.Duration(m.waited.Load()) + m.silence() }
