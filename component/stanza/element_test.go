package stanza

import "testing"

func parsed(t *testing.T, s string) *Element {
	t.Helper()
	e, err := Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestParsedIsOwned changes a parsed tree: its elements lie side by side in shared
// arrays, but one must not grow into the next.
func TestParsedIsOwned(t *testing.T) {
	t.Parallel()
	const in = `<m a='1'><b c='2'>x<d/></b><e f='3'>y<g/></e></m>`
	e := parsed(t, in)
	c := e.Clone()
	b := e.Child("", "b")
	b.Set("new", "4").Set("c", "").SetLang("de").AddText("z").Add(New("", "h"))
	b.Remove(func(c *Element) bool { return c.Local == "d" })
	if got, want := e.String(), `<m a='1'><b new='4' xml:lang='de'>xz<h/></b><e f='3'>y<g/></e></m>`; got != want {
		t.Errorf("changed: %s, want %s", got, want)
	}
	if got := c.String(); got != in {
		t.Errorf("clone: %s, want %s", got, in)
	}
}

func TestElement(t *testing.T) {
	t.Parallel()
	e := parsed(t, `<m from='a' to='b' id='c' type='d' xml:lang='de' x:id='e' xmlns:x='u'>1<n xmlns='u'>2</n>3<n>4</n><n>5</n></m>`)
	for _, c := range [][2]string{
		{string(e.From()), "a"}, {string(e.To()), "b"}, {e.ID(), "c"}, {e.Type(), "d"}, {e.Lang(), "de"}, {e.Attr("lang"), ""},
		{e.Text(), "13"}, {e.ChildText("", "n"), "4"}, {e.ChildText("u", "n"), "2"}, {e.ChildText("v", "n"), ""},
		{e.First().Space, "u"}, {e.Child("u", "n").First().String(), ""},
		{New("", "x", "a", "", "b", "c", "d").String(), "<x b='c'/>"}, {dump(New("", "x", "a", "")), "x"},
	} {
		if c[0] != c[1] {
			t.Errorf("got %q, want %q", c[0], c[1])
		}
	}
	if e.Has("", "m") || !e.Has("u", "n") || !e.Is("", "m") || (*Element)(nil).Is("", "") || (*Element)(nil).Has("", "") {
		t.Error("names")
	}
}

func TestErrorReply(t *testing.T) {
	t.Parallel()
	refusal := Error{Type: "cancel", Condition: "item-not-found", Text: "no <such>", By: "d", App: New("u", "why")}
	const body = `<error type='cancel' by='d'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>` +
		`<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>no &lt;such&gt;</text><why xmlns='u'/></error>`
	for _, c := range []struct{ in, want string }{
		{`<iq type='get' from='a' to='b' id='c'/>`, `<iq type='error' from='b' to='a' id='c'>` + body + `</iq>`},
		{`<message from='a' to='b'><body>x</body></message>`, `<message type='error' from='b' to='a'>` + body + `</message>`},
		{`<iq type='result' from='a' to='b' id='c'/>`, ``},
		{`<iq type='error' from='a' to='b' id='c'/>`, ``},
		{`<presence type='error' from='a' to='b'/>`, ``},
	} {
		r := refusal.Reply(parsed(t, c.in))
		if r.String() != c.want {
			t.Errorf("to %s:\n got %s\nwant %s", c.in, r, c.want)
		}
		if r == nil {
			continue
		}
		got, ok := ErrorOf(parsed(t, r.String()))
		if !ok || got.App.String() != refusal.App.String() || got.Error() != refusal.Error() || got.By != refusal.By {
			t.Errorf("read again: %v, %v", got, ok)
		}
	}
	for in, want := range map[string]string{
		`<iq/>`:              "",
		`<iq type='error'/>`: "cancel/undefined-condition",
		`<iq type='error'><error type='wait'/></iq>`:      "wait/undefined-condition",
		`<iq type='error'><error><x/></error>x</iq>`:      "/undefined-condition",
		`<iq type='error'><error xmlns='u'></error></iq>`: "cancel/undefined-condition",
	} {
		if e, ok := ErrorOf(parsed(t, in)); ok != (want != "") || ok && e.Error() != want {
			t.Errorf("%s: %v, %v", in, e, ok)
		}
	}
	if got := Result(parsed(t, `<iq type='set' from='a' to='b' id='c'><q/></iq>`)).String(); got != `<iq type='result' from='b' to='a' id='c'/>` {
		t.Error(got)
	}
}
