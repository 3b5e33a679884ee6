package component

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"frontdesk/component/stanza"

	"mellium.im/xmpp/stream"
)

// What the keeper of the time finds.
var (
	errSilent = errors.New("no sign of life")
	errStuck  = errors.New("it reads nothing that we send")
	errLost   = errors.New("our own pings do not come back")
)

// dialError says what to do about a connection that could not be opened.
func (c *Config) dialError(err error) error {
	var dns *net.DNSError
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%s: nothing listens on %s: start the server, or correct [%s] server: %w", c.Name, c.Address, c.Name, root(err))
	case errors.As(err, &dns):
		return fmt.Errorf("%s: the name in %s cannot be resolved: correct [%s] server: %w", c.Name, c.Address, c.Name, root(err))
	case timedOut(err):
		return fmt.Errorf("%s: %s cannot be reached within %v: correct [%s] server, or open the firewall: %w", c.Name, c.Address, c.Dead, c.Name, root(err))
	}
	return fmt.Errorf("%s: connect to %s: %w", c.Name, c.Address, root(err))
}

// tlsError says what to do about a TLS handshake that failed.
func (c *Config) tlsError(err error) error {
	var record tls.RecordHeaderError
	var cert *tls.CertificateVerificationError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &record):
		return fmt.Errorf("%s: %s does not speak TLS: set [%s] tls = false, or switch TLS on for the server's component port: %w", c.Name, c.Address, c.Name, err)
	case errors.As(err, &name):
		return fmt.Errorf("%s: the certificate of %s is for another name: correct [%s] server to one that is in it, or have it made for this one: %w", c.Name, c.Address, c.Name, err)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Errorf("%s: the certificate of %s has expired or is not valid yet: renew it, or set the clock: %w", c.Name, c.Address, err)
	case errors.As(err, &cert):
		return fmt.Errorf("%s: the certificate of %s is not trusted: set [%s] tls_ca to its authority, and server to a name in it: %w", c.Name, c.Address, c.Name, err)
	case timedOut(err):
		return fmt.Errorf("%s: %s did not answer the TLS handshake within %v: is this the component port, with TLS? Correct [%s] server or tls: %w", c.Name, c.Address, c.Dead, c.Name, root(err))
	}
	return fmt.Errorf("%s: TLS with %s: %w", c.Name, c.Address, root(err))
}

// handshakeError says what to do about a stream that could not be opened.
func (c *Config) handshakeError(err error, late bool) error {
	var refusal stream.Error
	switch {
	case errors.As(err, &refusal):
		return c.refusal(refusal)
	case late:
		return fmt.Errorf("%s: %s did not finish the handshake within %v: is this the component port (often 5347)? Correct [%s] server or tls: %w",
			c.Name, c.Address, c.Dead, c.Name, errSilent)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return fmt.Errorf("%s: %s closed the connection in the handshake: is this the component port (often 5347)? Correct [%s] server or tls: %w",
			c.Name, c.Address, c.Name, root(err))
	}
	return fmt.Errorf("%s: %s does not answer as an XMPP server's component port: correct [%s] server or tls: %w", c.Name, c.Address, c.Name, root(err))
}

// refusal says what to do about a stream error in place of the handshake.
func (c *Config) refusal(e stream.Error) error {
	switch e.Err {
	case stream.NotAuthorized.Err:
		// ejabberd says the same of a domain that it does not know.
		return fmt.Errorf("%s: the server refused the secret for %s: make [%s] secret the same as component_secret (Prosody) or password (ejabberd) in the server's config, under that very domain: %w",
			c.Name, c.Domain, c.Name, e)
	case stream.HostUnknown.Err:
		return fmt.Errorf("%s: the server knows no component %s: add it to the server's config, or correct [%s] domain, or server if that is not the component port: %w", c.Name, c.Domain, c.Name, e)
	case stream.Conflict.Err:
		return fmt.Errorf("%s: somebody else is connected as %s: stop the other frontdesk, or wait until the server has noticed that its connection is gone: %w", c.Name, c.Domain, e)
	}
	return fmt.Errorf("%s: the server refused the stream for %s: %w", c.Name, c.Domain, e)
}

// brokenError says why a connection that was open has ended.
func (c *Config) brokenError(err error) error {
	var said stream.Error
	switch {
	case errors.Is(err, errLost):
		return fmt.Errorf("%s: %w: is another frontdesk connected as %s? Stop it: the server may be sharing the stanzas out", c.Name, err, c.Domain)
	case errors.Is(err, errSilent), errors.Is(err, errStuck):
		return fmt.Errorf("%s: given up on %s: %w", c.Name, c.Address, err)
	case errors.As(err, &said) && said.Err == stream.Conflict.Err:
		return fmt.Errorf("%s: somebody else has connected as %s: stop the other frontdesk: %w", c.Name, c.Domain, said)
	case errors.As(err, &said):
		return fmt.Errorf("%s: the server ended the stream: %w", c.Name, err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%s: the server closed the connection: %w", c.Name, err)
	}
	return fmt.Errorf("%s: connection to %s broke: %w", c.Name, c.Address, root(err))
}

// streamError reads <stream:error/> (RFC 6120 §4.9).
func streamError(e *stanza.Element) error {
	said := stream.Error{Err: stream.UndefinedCondition.Err}
	text := ""
	for child := range e.Elements() {
		switch {
		case child.Space != stream.NSError:
		case child.Local == "text":
			text = child.Text()
		default:
			said.Err = child.Local
		}
	}
	if text == "" {
		return said
	}
	return fmt.Errorf("%w (%s)", said, text)
}

// root strips what package net puts around an error: addresses that are named
// already, and our own port, by which every try would look like a new fault.
func root(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	var call *os.SyscallError
	if errors.As(err, &call) {
		err = call.Err
	}
	return err
}

func timedOut(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}
