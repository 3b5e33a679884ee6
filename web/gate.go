package web

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	nsFraming = "urn:ietf:params:xml:ns:xmpp-framing"
	nsSASL    = "urn:ietf:params:xml:ns:xmpp-sasl"
	nsClient  = "jabber:client"
	nsAcks    = "urn:xmpp:sm:3"
	nsState   = "urn:xmpp:csi:0"
)

// frameNames are the elements that may be a frame of their own: RFC 7395's
// framing, SASL, the three stanzas, XEP-0198 and XEP-0352. Above all no
// <stream:stream/>: a server may take it for a new stream to any of its hosts.
var frameNames = map[xml.Name]bool{
	{Space: nsFraming, Local: "open"}:    true,
	{Space: nsFraming, Local: "close"}:   true,
	{Space: nsSASL, Local: "auth"}:       true,
	{Space: nsSASL, Local: "response"}:   true,
	{Space: nsSASL, Local: "abort"}:      true,
	{Space: nsClient, Local: "iq"}:       true,
	{Space: nsClient, Local: "message"}:  true,
	{Space: nsClient, Local: "presence"}: true,
	{Space: nsAcks, Local: "enable"}:     true,
	{Space: nsAcks, Local: "resume"}:     true,
	{Space: nsAcks, Local: "r"}:          true,
	{Space: nsAcks, Local: "a"}:          true,
	{Space: nsState, Local: "active"}:    true,
	{Space: nsState, Local: "inactive"}:  true,
}

var (
	errFrame = errors.New("a frame must be one element of RFC 7395")
	errOpen  = errors.New("the first frame must be <open/>")
	errHost  = errors.New("<open/> to another host")
)

// gate judges what a browser sends. The server confines anonymous customers
// too; this is the same rule again, for servers whose own has holes.
type gate struct {
	host  string // the only host that <open/> may name; "" lets every frame pass
	front string // the only other domain that a stanza may be for
	files string // an upload service, which may be asked; "" is none
	begun bool   // an <open/> has passed
}

// check returns what goes on to the server or, for a stanza that may not go
// where it is addressed, what is answered instead. An error (errFrame, errOpen,
// errHost) ends the socket.
func (g *gate) check(raw []byte) (on, answer []byte, err error) {
	if g.host == "" {
		return raw, nil, nil
	}
	name, attr, err := readFrame(raw)
	if err != nil {
		return nil, nil, err
	}
	if name.Space == nsFraming && name.Local == "open" {
		if attr["to"] != g.host {
			return nil, nil, errHost
		}
		g.begun = true
		// Our own spelling: no other parser can read another host out of it.
		return fmt.Appendf(nil, `<open xmlns='%s' to='%s' version='1.0'/>`, nsFraming, escape(g.host)), nil, nil
	}
	if !g.begun {
		return nil, nil, errOpen
	}
	asks := name.Local == "iq" && g.files != "" && attr["to"] == g.files
	if name.Space == nsClient && !asks && !g.reaches(attr["to"]) {
		return nil, refusal(name.Local, attr), nil
	}
	return raw, nil, nil
}

// reaches reports whether a customer may address to: his own server, as a host
// or implied, and whatever is at the front.
func (g *gate) reaches(to string) bool {
	if to == "" || to == g.host {
		return true
	}
	bare, _, _ := strings.Cut(to, "/")
	if _, domain, ok := strings.Cut(bare, "@"); ok {
		return domain == g.front
	}
	return bare == g.front
}

// refusal answers a stanza with <forbidden/> (RFC 6120, section 8.3.3.4); nil for
// what must not be answered: errors, and results of an IQ.
func refusal(kind string, attr map[string]string) []byte {
	if t := attr["type"]; t == "error" || kind == "iq" && t == "result" {
		return nil
	}
	return fmt.Appendf(nil, `<%s xmlns='%s' type='error' id='%s' from='%s'><error type='auth'>`+
		`<forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></%s>`,
		kind, nsClient, escape(attr["id"]), escape(attr["to"]), kind)
}

// readFrame reads one frame whole and returns its element's name and its
// attributes without a namespace.
func readFrame(raw []byte) (name xml.Name, attr map[string]string, err error) {
	d := xml.NewDecoder(bytes.NewReader(raw))
	attr = make(map[string]string)
	depth, elements := 0, 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) && depth == 0 && elements == 1 {
			return name, attr, nil
		}
		if err != nil {
			return name, nil, errFrame
		}
		switch t := token.(type) {
		case xml.StartElement:
			if depth == 0 {
				name = t.Name
				if elements++; elements > 1 || !frameNames[name] {
					return name, nil, errFrame
				}
				for _, a := range t.Attr {
					if a.Name.Space != "" {
						continue
					}
					if _, twice := attr[a.Name.Local]; twice {
						return name, nil, errFrame
					}
					attr[a.Name.Local] = a.Value
				}
			}
			depth++
		case xml.EndElement:
			depth--
		case xml.CharData:
			if depth == 0 {
				return name, nil, errFrame
			}
		default: // RFC 6120, section 11.1: no comment, instruction or declaration
			return name, nil, errFrame
		}
	}
}

func escape(s string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(s)) // a strings.Builder never fails
	return b.String()
}
