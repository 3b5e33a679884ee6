package stanza

import (
	"bufio"
	"encoding/xml"
	"io"
	"strings"
	"testing"
)

// message has 500 bytes, of the kind that clients send.
const message = `<message from='alice@customers.example/web.5f3a9c1e' to='support@help.customers.example' type='chat' ` +
	`id='9f1c2ad4-6c0e-4d4f-9b0a-2f7b1c9e8d11' xml:lang='en'><body>Hello, my order 2041 has not arrived yet. Could you please ` +
	`have a look where it is? It should have been here on Monday, they said. Thank you in advance.</body><active xmlns='http://jabber.org/protocol/chatstates'/>` +
	`<request xmlns='urn:xmpp:receipts'/><origin-id xmlns='urn:xmpp:sid:0' id='9f1c2ad4-6c0e-4d4f-9b0a-2f7b1c9e8d11'/></message>`

// endless is a stream of one text.
type endless struct {
	text string
	at   int
}

func (e *endless) Read(b []byte) (int, error) {
	n := copy(b, e.text[e.at:])
	e.at = (e.at + n) % len(e.text)
	return n, nil
}

// TestAllocations holds what a stanza costs: its text, its elements, attributes and
// nodes; nothing to write it.
func TestAllocations(t *testing.T) {
	r := NewReader(bufio.NewReader(&endless{text: message}), 1<<18)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}); n > 5 { // 4, and one now and then for a stanza in two pieces
		t.Errorf("%v allocations to read a stanza", n)
	}
	e, err := Parse(message)
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 0, 2*len(message))
	if n := testing.AllocsPerRun(100, func() { buf = e.AppendXMLTo(buf[:0], "x@y/é<&>'") }); n != 0 {
		t.Errorf("%v allocations to write a stanza", n)
	}
}

func BenchmarkReader(b *testing.B) {
	b.Run("tree", func(b *testing.B) {
		r := NewReader(bufio.NewReaderSize(&endless{text: message}, 1<<16), 1<<18)
		b.SetBytes(int64(len(message)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := r.Next(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding-xml-tokens", func(b *testing.B) {
		d := xml.NewDecoder(bufio.NewReaderSize(&endless{text: message}, 1<<16))
		b.SetBytes(int64(len(message)))
		b.ReportAllocs()
		for b.Loop() {
			tokens(b, d)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	b.Run("tree", func(b *testing.B) {
		b.SetBytes(int64(len(message)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Parse(message); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding-xml-tokens", func(b *testing.B) {
		b.SetBytes(int64(len(message)))
		b.ReportAllocs()
		for b.Loop() {
			tokens(b, xml.NewDecoder(strings.NewReader(message)))
		}
	})
}

// tokens reads one element.
func tokens(b *testing.B, d *xml.Decoder) {
	for depth := 0; ; {
		t, err := d.Token()
		if err != nil {
			b.Fatal(err)
		}
		switch t.(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			if depth--; depth == 0 {
				return
			}
		}
	}
}

func BenchmarkAppendXML(b *testing.B) {
	e, err := Parse(message)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("tree", func(b *testing.B) {
		var buf []byte
		b.SetBytes(int64(len(message)))
		b.ReportAllocs()
		for b.Loop() {
			buf = e.AppendXML(buf[:0])
		}
	})
	b.Run("encoding-xml-tokens", func(b *testing.B) {
		var ts []xml.Token
		d := xml.NewDecoder(strings.NewReader(message))
		for t, err := d.Token(); err == nil; t, err = d.Token() {
			ts = append(ts, xml.CopyToken(t))
		}
		w := xml.NewEncoder(io.Discard)
		b.SetBytes(int64(len(message)))
		b.ReportAllocs()
		for b.Loop() {
			for _, t := range ts {
				if err := w.EncodeToken(t); err != nil {
					b.Fatal(err)
				}
			}
			if err := w.Flush(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
