package web

import (
	"encoding/xml"
	"errors"
	"strings"
	"testing"
)

const openFrame = `<open xmlns="urn:ietf:params:xml:ns:xmpp-framing" to="customers.example" version="1.0"/>`

func testGate() *gate {
	return &gate{host: "customers.example", front: "help.example", files: "upload.customers.example"}
}

func TestGate(t *testing.T) {
	t.Parallel()
	// Each frame but "first" ones comes after a good <open/>. Answers: "on", "own" (our
	// own spelling goes on), "forbidden" (answered), "" (dropped), or an error.
	for _, c := range []struct{ frame, want string }{
		{openFrame, "own"},
		{`<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='agents.example'/>`, errHost.Error()},
		{`<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='CUSTOMERS.example'/>`, errHost.Error()},
		{`<open xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>`, errHost.Error()},
		{`<o:open xmlns:o='urn:ietf:params:xml:ns:xmpp-framing' to='agents.example'/>`, errHost.Error()},
		{`<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' x:to='customers.example' xmlns:x='x' to='agents.example'/>`, errHost.Error()},
		{`<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='customers.example' to='agents.example'/>`, errFrame.Error()},
		{`<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>`, "on"},
		{`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>`, "on"},
		{`<iq xmlns='jabber:client' type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>`, "on"},
		{`<iq xmlns='jabber:client' type='get' to='customers.example' id='1'/>`, "on"},
		{`<message xmlns='jabber:client' to='support@help.example/desk'/>`, "on"},
		{`<presence xmlns='jabber:client' to='help.example'/>`, "on"},
		{`<iq xmlns='jabber:client' type='get' to='upload.customers.example' id='1'/>`, "on"},
		{`<message xmlns='jabber:client' to='upload.customers.example'/>`, "forbidden"},
		{`<iq xmlns='jabber:client' type='get' to='a@upload.customers.example' id='1'/>`, "forbidden"},
		{`<message xmlns='jabber:client' id='m&amp;1' to='anna@agents.example'/>`, "forbidden"},
		{`<message xmlns='jabber:client' to='other@customers.example'/>`, "forbidden"},
		{`<message xmlns='jabber:client' to='help.example@agents.example'/>`, "forbidden"},
		{`<message xmlns='jabber:client' to='agents.example/x@help.example'/>`, "forbidden"},
		{`<message xmlns='jabber:client' to='a@b@help.example'/>`, "forbidden"},
		{`<presence xmlns='jabber:client' to='lobby@desk.agents.example/me'/>`, "forbidden"},
		{`<iq xmlns='jabber:client' type='get' to='agents.example' id='1'/>`, "forbidden"},
		{`<iq xmlns='jabber:client' type='result' to='agents.example' id='1'/>`, ""},
		{`<message xmlns='jabber:client' type='error' to='anna@agents.example'/>`, ""},
		{`<stream:stream xmlns:stream='http://etherx.jabber.org/streams' to='agents.example'/>`, errFrame.Error()},
		{`<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='agents.example'>`, errFrame.Error()},
		{`<message xmlns='jabber:client'/>` + openFrame, errFrame.Error()},
		{`</stream:stream>`, errFrame.Error()},
		{`<message xmlns='jabber:client'/></stream:stream>`, errFrame.Error()},
		{`<message xmlns='jabber:client'>`, errFrame.Error()},
		{`<message xmlns='jabber:client'/> `, errFrame.Error()},
		{`<?xml version='1.0'?><message xmlns='jabber:client'/>`, errFrame.Error()},
		{`<message xmlns='jabber:client'><!-- --></message>`, errFrame.Error()},
		{`<!DOCTYPE a><message xmlns='jabber:client'/>`, errFrame.Error()},
		{`<message xmlns='jabber:client'><body>&unknown;</body></message>`, errFrame.Error()},
		{`<message/>`, errFrame.Error()},
		{`<handshake xmlns='jabber:component:accept'/>`, errFrame.Error()},
		{"<message xmlns='jabber:client'>\x00</message>", errFrame.Error()},
		{"<message xmlns='jabber:client'>\xff</message>", errFrame.Error()},
		{``, errFrame.Error()},
		{` `, errFrame.Error()},
		{`open`, errFrame.Error()},
	} {
		g := testGate()
		if _, _, err := g.check([]byte(openFrame)); err != nil {
			t.Fatal(err)
		}
		on, answer, err := g.check([]byte(c.frame))
		got := ""
		switch {
		case err != nil:
			got = err.Error()
		case answer != nil && xml.Unmarshal(answer, new(any)) == nil && strings.Contains(string(answer), "<forbidden "):
			got = "forbidden"
		case string(on) == c.frame:
			got = "on"
		case string(on) == `<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='customers.example' version='1.0'/>`:
			got = "own"
		}
		if got != c.want {
			t.Errorf("%s\n got %q, want %q", c.frame, got, c.want)
		}
	}
}

func TestGateBegins(t *testing.T) {
	t.Parallel()
	if _, _, err := testGate().check([]byte(`<message xmlns='jabber:client' to='support@help.example'/>`)); !errors.Is(err, errOpen) {
		t.Errorf("a stanza before <open/>: %v", err)
	}
	agents := &gate{}
	frame := []byte(`<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='agents.example'/>`)
	if on, _, err := agents.check(frame); err != nil || string(on) != string(frame) {
		t.Errorf("an agent's <open/>: %q, %v", on, err)
	}
}

// FuzzGate: whatever comes, what goes on is one whole element of an allowed name, and for nobody else.
func FuzzGate(f *testing.F) {
	for _, seed := range []string{
		openFrame,
		`<message xmlns='jabber:client' to='support@help.example'><body>a</body></message>`,
		`<stream:stream xmlns:stream='http://etherx.jabber.org/streams' to='agents.example'>`,
		`<message xmlns='jabber:client'/>` + openFrame,
		`<a:iq xmlns:a='jabber:client' to='&#97;gents.example'/>`,
		`<iq xmlns='jabber:client' to="anna@agents.example" id="'/&gt;"/>`,
		`<message xmlns='jabber:client'><![CDATA[</message>]]></message>`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		g := testGate()
		g.begun = true
		on, answer, err := g.check(raw)
		if err != nil {
			if on != nil || answer != nil {
				t.Fatal("refused, yet something passes")
			}
			return
		}
		if answer != nil {
			if _, _, err := readFrame(answer); err != nil {
				t.Fatalf("the answer is no frame: %q", answer)
			}
		}
		if on == nil {
			return
		}
		// In a stream, as the server reads it, it must be exactly one child.
		var stream struct {
			Children []struct {
				XMLName xml.Name
				To      string `xml:"to,attr"`
			} `xml:",any"`
			Text string `xml:",chardata"`
		}
		if err := xml.Unmarshal([]byte("<s>"+string(on)+"</s>"), &stream); err != nil || len(stream.Children) != 1 || stream.Text != "" {
			t.Fatalf("%q in a stream: %d children, text %q, %v", on, len(stream.Children), stream.Text, err)
		}
		one := stream.Children[0]
		if !frameNames[one.XMLName] {
			t.Fatalf("%v passes", one.XMLName)
		}
		if one.XMLName.Space == nsClient && !g.reaches(one.To) || one.XMLName.Local == "open" && one.To != g.host {
			t.Fatalf("%q passes to %q", on, one.To)
		}
	})
}
