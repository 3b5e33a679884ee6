package stanza

import (
	"encoding/xml"
	"io"
	"regexp"
	"strings"
	"testing"
)

func TestAppendXML(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		e    *Element
		want string
	}{
		{"message", New("", "message", "to", "a@b", "id", "").Add(Text("", "body", "x"), nil, New("u", "y")), `<message to='a@b'><body>x</body><y xmlns='u'/></message>`},
		{"namespace goes on", New("", "iq").Add(New("u", "a").Add(New("u", "b"), New("v", "c"))), `<iq><a xmlns='u'><b/><c xmlns='v'/></a></iq>`},
		{"content namespaces", New(NSClient, "message").Add(Text(nsServer, "body", "x")), `<message><body>x</body></message>`},
		{"content inside another", New("", "message").Add(New(NSForward, "forwarded").Add(New("", "message").Add(New("", "body")))),
			`<message><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'><body/></message></forwarded></message>`},
		{"named content inside another", New("u", "a").Add(New(NSComponent, "b").Add(New(NSComponent, "c"))), `<a xmlns='u'><b xmlns='jabber:component:accept'><c/></b></a>`},
		{"no namespace", New(NSNone, "a").Add(New(NSNone, "b"), New("", "c")), `<a xmlns=''><b/><c xmlns='jabber:client'/></a>`},
		{"xml", New(nsXML, "a").SetLang("de").Add(New("", "b")), `<xml:a xml:lang='de'><b xmlns='jabber:client'/></xml:a>`},
		{"attributes of others", &Element{Local: "a", Attrs: []Attr{{"", "b", "1"}, {"u'", "b", "2"}, {"u'", "c", "3"}}},
			`<a b='1' xmlns:n1='u&apos;' n1:b='2' xmlns:n2='u&apos;' n2:c='3'/>`},
		{"attributes twice", &Element{Local: "a", Attrs: []Attr{{"", "b", "1"}, {"u", "b", "2"}, {"u", "b", "3"}, {"", "b", "4"}}}, `<a b='1' xmlns:n1='u' n1:b='2'/>`},
		{"attributes that cannot be", &Element{Local: "a", Attrs: []Attr{{"", "", "1"}, {"", "xmlns", "u"}, {nsXMLNS, "x", "u"}, {"", "a b", "1"}, {"", "x:y", "1"}, {"\x01", "b", ""}, {"\uFFFE", "b", ""}, {"\xEF", "b", ""}, {"", "é", ""}}}, `<a/>`},
		{"elements that cannot be", New("", "a").Add(New("", ""), New("", "a b").Add(New("", "c")), New("", "1"), New("", "é"), New("", "x:y"), New(nsXMLNS, "x"), New("\x01", "b"), New("\xC3", "b")), `<a/>`},
		{"nothing", New("", "<"), ``},
		{"text", Text("", "a", "<&>\"'\t\n\r\x00\x1f]]>é😀，\uFFFD\uFFFE\uFFFF.\xff\xfe."), "<a>&lt;&amp;&gt;\"'\t\n&#13;]]&gt;é😀，\uFFFD.\uFFFD.</a>"},
		{"value", New("", "a", "b", "<&>\"'\t\n\r\x00\x1f]]>é😀，\uFFFD\uFFFE\uFFFF.\xff\xfe."), "<a b='&lt;&amp;&gt;\"&apos;&#9;&#10;&#13;]]&gt;é😀，\uFFFD.\uFFFD.'/>"},
	} {
		if got := string(c.e.AppendXML([]byte("|"))); got != "|"+c.want {
			t.Errorf("%s:\n got %s\nwant |%s", c.name, got, c.want)
		}
	}
}

func TestAppendXMLTo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		e    *Element
		to   JID
		want string
	}{
		{New("", "a", "x", "1", "to", "b", "y", "2"), "c", `<a x='1' to='c' y='2'/>`},
		{New("", "a", "x", "1").Add(New("", "b", "to", "d")), "c/'", `<a x='1' to='c/&apos;'><b to='d'/></a>`},
		{New("", "a", "to", "b"), "", `<a to='b'/>`},
		{&Element{Local: "a", Attrs: []Attr{{"u", "to", "b"}}}, "c", `<a xmlns:n0='u' n0:to='b' to='c'/>`},
		{&Element{Local: "a", Attrs: []Attr{{"", "to", "b"}, {"", "to", "b"}}}, "c", `<a to='c'/>`},
	} {
		if got := string(c.e.AppendXMLTo(nil, c.to)); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

// builder makes a tree of what a fuzzer drew.
type builder struct{ data []byte }

func (b *builder) draw(n int) int {
	if len(b.data) == 0 {
		return 0
	}
	c := int(b.data[0])
	b.data = b.data[1:]
	return c % n
}

func (b *builder) pick(from ...string) string { return from[b.draw(len(from))] }

// raw draws bytes as they come.
func (b *builder) raw() string {
	n := min(b.draw(16), len(b.data))
	s := string(b.data[:n])
	b.data = b.data[n:]
	return s
}

func (b *builder) space() string {
	if s := b.pick("", "", "", "u", "v", NSComponent, NSClient, nsServer, nsXML, nsXMLNS, NSNone, NSForward, "raw"); s != "raw" {
		return s
	}
	return b.raw()
}

func (b *builder) name() string {
	if s := b.pick("a", "to", "body", "message", "xmlns", "lang", "n1", "raw"); s != "raw" {
		return s
	}
	return b.raw()
}

func (b *builder) element(depth int) *Element {
	e := &Element{Space: b.space(), Local: b.name()}
	for range b.draw(4) {
		e.Attrs = append(e.Attrs, Attr{b.space(), b.name(), b.raw()})
	}
	if depth == 0 {
		return e
	}
	for range b.draw(5) {
		if b.draw(2) == 0 {
			e.AddText(b.raw())
		} else {
			e.Add(b.element(depth - 1))
		}
	}
	return e
}

var asciiName = regexp.MustCompile(`^[A-Za-z_][-.\w]*$`)

func illegal(r rune) bool {
	return r < ' ' && !strings.ContainsRune("\t\n\r", r) || r == 0xFFFE || r == 0xFFFF
}

// legal leaves out of text what XML cannot have.
func legal(s string) string {
	return strings.Map(func(r rune) rune {
		if illegal(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

func canBe(space, local string) bool {
	return asciiName.MatchString(local) && space != nsXMLNS &&
		!strings.ContainsFunc(space, func(r rune) bool { return r < ' ' || illegal(r) }) && strings.ToValidUTF8(space, "") == space
}

// expected is what should be read of e once it was written; nil for nothing.
func expected(e *Element, content bool) *Element {
	c := &Element{Space: e.Space, Local: e.Local}
	switch {
	case content && isContent(e.Space):
		c.Space = ""
	case !content && e.Space == "":
		c.Space = NSClient
	}
	if e.Space != NSNone && !canBe(e.Space, e.Local) || e.Space == NSNone && !canBe("", e.Local) {
		return nil
	}
	for _, a := range e.Attrs {
		if canBe(a.Space, a.Local) && !(a.Space == "" && a.Local == "xmlns") && !twice(c.Attrs, &a) {
			c.Attrs = append(c.Attrs, Attr{a.Space, a.Local, legal(a.Value)})
		}
	}
	for _, n := range e.Nodes {
		if n.Element != nil {
			if child := expected(n.Element, c.Space == ""); child != nil {
				c.Add(child)
			}
		} else if last := len(c.Nodes) - 1; last >= 0 && c.Nodes[last].Element == nil {
			c.Nodes[last].Text += legal(n.Text)
		} else {
			c.AddText(legal(n.Text))
		}
	}
	return c
}

// FuzzRoundTrip writes trees that code could build, however wrong: the XML must
// be legal, and read as the tree without what XML cannot say.
func FuzzRoundTrip(f *testing.F) {
	for i := range byte(24) {
		seed := make([]byte, 0, 120)
		for j := range byte(120) {
			seed = append(seed, j*(2*i+1)+i)
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		b := builder{data}
		e := b.element(5)
		out := e.AppendXML(nil)
		want := expected(e, true)
		if want == nil {
			if len(out) > 0 {
				t.Fatalf("%s written %q, want nothing", dump(e), out)
			}
			return
		}
		got, err := Parse(string(out))
		if err != nil || dump(got) != dump(want) {
			t.Fatalf("%s written %q: %v\n got %s\nwant %s", dump(e), out, err, dump(got), dump(want))
		}
		if again := got.AppendXML(nil); string(again) != string(out) {
			t.Fatalf("written %q, then %q", out, again)
		}
		d := xml.NewDecoder(strings.NewReader(string(out)))
		for err == nil {
			_, err = d.Token()
		}
		if err != io.EOF {
			t.Fatalf("%q: %v", out, err)
		}
	})
}
