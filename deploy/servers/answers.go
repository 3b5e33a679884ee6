package servers

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"time"
)

// answers is nil when the server answers on every port, for every host and
// component: an open port proves less, since both servers listen before all
// hosts are loaded.
func (s *Server) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	for _, host := range s.opts.hosts() {
		if err := streamAnswers(ctx, s.C2S(), "jabber:client", host, "features>"); err != nil {
			return fmt.Errorf("%s: %w", host, err)
		}
	}
	for _, c := range s.opts.Components {
		if err := streamAnswers(ctx, s.ComponentAddr(c.Domain), "jabber:component:accept", c.Domain, "id="); err != nil {
			return fmt.Errorf("%s: %w", c.Domain, err)
		}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http"+s.WebSocket()[len("ws"):], nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	response.Body.Close()
	return s.kind.answers(ctx, s)
}

// streamAnswers opens a stream to a domain and reads until the answer has want
// and is no error.
func streamAnswers(ctx context.Context, addr, namespace, to, want string) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		conn.SetDeadline(deadline)
	}
	if _, err := fmt.Fprintf(conn, "<?xml version='1.0'?><stream:stream xmlns='%s' "+
		"xmlns:stream='http://etherx.jabber.org/streams' to='%s' version='1.0'>", namespace, to); err != nil {
		return err
	}
	var answer []byte
	chunk := make([]byte, 4096)
	for len(answer) < 16<<10 {
		n, err := conn.Read(chunk)
		answer = append(answer, chunk[:n]...)
		if bytes.Contains(answer, []byte("<stream:error")) {
			break
		}
		if bytes.Contains(answer, []byte(want)) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w after %q", err, answer)
		}
	}
	return fmt.Errorf("unexpected answer %q", answer)
}
