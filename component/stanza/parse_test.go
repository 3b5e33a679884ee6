package stanza

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// dump shows every part of a tree: {space}local[attributes](children).
func dump(e *Element) string {
	if e == nil {
		return "nil"
	}
	var b strings.Builder
	name := func(space, local string) {
		if space != "" {
			fmt.Fprintf(&b, "{%s}", strings.ReplaceAll(space, NSNone, "none"))
		}
		b.WriteString(local)
	}
	name(e.Space, e.Local)
	for _, a := range e.Attrs {
		b.WriteByte('[')
		name(a.Space, a.Local)
		fmt.Fprintf(&b, "=%q]", a.Value)
	}
	if len(e.Nodes) > 0 {
		b.WriteByte('(')
		for i, n := range e.Nodes {
			if i > 0 {
				b.WriteByte(' ')
			}
			if n.Element != nil {
				b.WriteString(dump(n.Element))
			} else {
				b.WriteString(strconv.Quote(n.Text))
			}
		}
		b.WriteByte(')')
	}
	return b.String()
}

func nest(n int) string { return strings.Repeat("<a>", n) + strings.Repeat("</a>", n) }

func repeat(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

var good = []struct{ name, in, want string }{
	{"empty element", `<a/>`, `a`},
	{"spaces in tags", "\n<a  b = 'c'\td=\"e\"\r\n><f\n/></a > ", `a[b="c"][d="e"](f)`},
	{"text and children", `<a>x<b>y</b>z</a>`, `a("x" b("y") "z")`},
	{"default namespaces", `<a><b xmlns='u'><c/><d xmlns='v'/></b><e/></a>`, `a({u}b({u}c {v}d) e)`},
	{"content namespaces", `<message xmlns='jabber:client'><body xmlns='jabber:server'/><x:y xmlns:x='jabber:component:accept'/></message>`, `message(body y)`},
	{"content inside another", `<a><b xmlns='u'><c xmlns='jabber:client'><d/></c></b></a>`, `a({u}b({jabber:client}c({jabber:client}d)))`},
	{"default seen through a prefix", `<a><x:b xmlns:x='u'><c/></x:b></a>`, `a({u}b({jabber:component:accept}c))`},
	{"no namespace", `<a xmlns=''><b/><c xmlns='u'><d xmlns=''/></c></a>`, `{none}a({none}b {u}c({none}d))`},
	{"not a body", `<message><body xmlns=''>x</body></message>`, `message({none}body("x"))`},
	{"prefix declared after use", `<x:a x:b='c' xmlns:x='u'/>`, `{u}a[{u}b="c"]`},
	{"prefix of an ancestor", `<a xmlns:x='u'><b><x:c/></b><x:d xmlns:x='v'/><x:e/></a>`, `a(b({u}c) {v}d {u}e)`},
	{"stream prefix", `<stream:error><text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>x</text></stream:error>`,
		`{http://etherx.jabber.org/streams}error({urn:ietf:params:xml:ns:xmpp-streams}text("x"))`},
	{"xml prefix", `<xml:a xml:lang='de' lang='en'/>`, `{http://www.w3.org/XML/1998/namespace}a[{http://www.w3.org/XML/1998/namespace}lang="de"][lang="en"]`},
	{"xml declared", `<a xmlns:xml='http://www.w3.org/XML/1998/namespace'/>`, `a`},
	{"same name in two namespaces", `<a b='1' x:b='2' y:b='3' xmlns:x='u' xmlns:y='v'/>`, `a[b="1"][{u}b="2"][{v}b="3"]`},
	{"entities", `<a b='&lt;&gt;&amp;&apos;&quot;'>&lt;&gt;&amp;&apos;&quot;</a>`, `a[b="<>&'\""]("<>&'\"")`},
	{"references", `<a b='&#9;&#10;&#13;'>&#x41;&#0066;&#x1F600;&#xD;</a>`, `a[b="\t\n\r"]("AB😀\r")`},
	{"reference to markup", `<a>&#60;b&#62;&amp;lt;</a>`, `a("<b>&lt;")`},
	{"line ends", "<a b='1\r\n2\r3\n4\t5'>1\r\n2\r3\n4\t5\r\r\n</a>", `a[b="1 2 3 4 5"]("1\n2\n3\n4\t5\n\n")`},
	{"CDATA", "<a><![CDATA[<b>&lt;]]]]><![CDATA[>\r\n]]></a>", `a("<b>&lt;]]>\n")`},
	{"CDATA and text", `<a>x&amp;<![CDATA[<]]>y<b/>]]<![CDATA[]]>></a>`, `a("x&<y" b "]]>")`},
	{"empty CDATA", `<a><![CDATA[]]></a>`, `a`},
	{"markup in values", `<a b=">/>" c='"'/>`, `a[b=">/>"][c="\""]`},
	{"brackets", `<a>a]] >b]c]]</a>`, `a("a]] >b]c]]")`},
	{"Unicode", "<a b='ｆ，é'>\uFFFD，\u007f\U0010FFFF\uE000\uFEFF</a>", "a[b=\"ｆ，é\"](\"\uFFFD，\\x7f\\U0010ffff\\ue000\\ufeff\")"},
	{"letters in names", `<é·_-.1/>`, `é·_-.1`},
	{"a long namespace as often as may be", `<a xmlns:x='` + strings.Repeat("u", 5000) + `'><x:b/><x:b/><x:b/><x:b/></a>`,
		`a(` + strings.TrimSpace(strings.Repeat("{"+strings.Repeat("u", 5000)+"}b ", 4)) + `)`},
	{"as deep as may be", nest(64), strings.Repeat("a(", 63) + "a" + strings.Repeat(")", 63)},
	{"as many attributes as may be", `<a` + repeat(64, " a%d=''") + `/>`, `a` + repeat(64, `[a%d=""]`)},
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, c := range good {
		e, err := Parse(c.in)
		if err != nil {
			t.Errorf("%s: %s: %v", c.name, c.in, err)
		} else if got := dump(e); got != c.want {
			t.Errorf("%s: %s\n got %s\nwant %s", c.name, c.in, got, c.want)
		}
	}
}

var bad = []struct {
	name, in string
	want     error
}{
	{"nothing", ``, io.ErrUnexpectedEOF},
	{"cut in a tag", `<a`, io.ErrUnexpectedEOF},
	{"cut in a value", `<a b='/>`, io.ErrUnexpectedEOF},
	{"cut in CDATA", `<a><![CDATA[]]`, io.ErrUnexpectedEOF},
	{"not closed", `<a><b></b>`, io.ErrUnexpectedEOF},
	{"two", `<a/><b/>`, errOutside},
	{"text", `x<a/>`, errOutside},
	{"end alone", `</a>`, errSyntax},
	{"end of the stream", `</stream:stream>`, errSyntax},
	{"no name", `<><a/></>`, errSyntax},
	{"blank before the name", `< a/>`, errSyntax},
	{"wrong end", `<a><b></a></b>`, errSyntax},
	{"end with more", `<a></ab>`, errSyntax},
	{"end with attribute", `<a></a b=''>`, errSyntax},
	{"other prefix at the end", `<a xmlns:x='jabber:client'></x:a>`, errSyntax},
	{"slash in a tag", `<a / >`, io.ErrUnexpectedEOF},
	{"slash in a tag", `<a /b/>`, errSyntax},
	{"no value", `<a b/>`, errSyntax},
	{"no quotes", `<a b=c/>`, errSyntax},
	{"no name of an attribute", `<a =''/>`, errSyntax},
	{"no blank before an attribute", `<a b=''c=''/>`, errSyntax},
	{"quote in a name", `<a'b'/>`, errSyntax},
	{"tag in a value", `<a b='<c/>'/>`, errSyntax},
	{"tag in a tag", `<a><c <b/>></a>`, errSyntax},
	{"comment", `<a><!-- x --></a>`, errRestricted},
	{"comment in front", `<!--x--><a/>`, errRestricted},
	{"instruction", `<a><?x y?></a>`, errRestricted},
	{"XML declaration", `<?xml version='1.0'?><a/>`, errRestricted},
	{"DTD", `<!DOCTYPE a [<!ENTITY b "c">]><a/>`, errRestricted},
	{"CDATA outside", `<![CDATA[ ]]><a/>`, errRestricted},
	{"CDATA misspelt", `<a><![cdata[]]></a>`, errRestricted},
	{"entity", `<a>&nbsp;</a>`, errEntity},
	{"entity in a value", `<a b='&nbsp;'/>`, errEntity},
	{"ampersand", `<a>a & b; c</a>`, errEntity},
	{"not ended", `<a>&amp</a>`, errEntity},
	{"no digits", `<a>&#;</a>`, errEntity},
	{"no hex digits", `<a>&#x;</a>`, errEntity},
	{"capital X", `<a>&#X41;</a>`, errEntity},
	{"a sign", `<a>&#-1;</a>`, errEntity},
	{"letters", `<a>&#1A;</a>`, errEntity},
	{"empty entity", `<a>&;</a>`, errEntity},
	{"NUL", "<a>\x00</a>", errChar},
	{"control character", "<a b='\x1b'/>", errChar},
	{"control character in CDATA", "<a><![CDATA[\x01]]></a>", errChar},
	{"U+FFFE", "<a>\uFFFE</a>", errChar},
	{"U+FFFF at the end of a value", "<a b='\uFFFF'/>", errChar},
	{"reference to NUL", `<a>&#0;</a>`, errChar},
	{"reference to a control", `<a>&#x1F;</a>`, errChar},
	{"reference to a surrogate", `<a>&#xD83D;&#xDE00;</a>`, errChar},
	{"reference beyond Unicode", `<a>&#x110000;</a>`, errChar},
	{"huge reference", `<a>&#99999999999999999999999999;</a>`, errChar},
	{"not UTF-8", "<a>\xC3</a>", errChar},
	{"not UTF-8, at an end", "<a b='\xEF'/>", errChar},
	{"UTF-8 of a surrogate", "<a>\xED\xA0\x80</a>", errChar},
	{"overlong UTF-8", "<a>\xC0\xBC</a>", errChar},
	{"end of CDATA in text", `<a>]]></a>`, errChar},
	{"two colons", `<a:b:c xmlns:a='u'/>`, errName},
	{"no prefix before the colon", `<:a/>`, errName},
	{"nothing after the colon", `<stream:/>`, errName},
	{"digit first", `<1a/>`, errName},
	{"digit after the colon", `<stream:1/>`, errName},
	{"digit first in an attribute", `<a 1=''/>`, errName},
	{"combining letter first", `<·a/>`, errName},
	{"digit first in a prefix", `<a xmlns:1='u'/>`, errName},
	{"no letter of XML", `<aª/>`, errName},
	{"character in a name", `<a&b/>`, errName},
	{"prefix", `<x:a/>`, errPrefix},
	{"prefix of an attribute", `<a x:b=''/>`, errPrefix},
	{"prefix of a sibling", `<a><x:b xmlns:x='u'/><x:c/></a>`, errPrefix},
	{"prefix undeclared", `<a xmlns:x=''/>`, errPrefix},
	{"xmlns as a prefix", `<a xmlns:xmlns='u'/>`, errReserved},
	{"element xmlns:a", `<xmlns:a/>`, errPrefix},
	{"xml bound to something else", `<a xmlns:xml='u'/>`, errReserved},
	{"something else bound to xml", `<a xmlns:x='http://www.w3.org/XML/1998/namespace'/>`, errReserved},
	{"xml by default", `<a xmlns='http://www.w3.org/XML/1998/namespace'/>`, errReserved},
	{"xmlns bound", `<a xmlns:x='http://www.w3.org/2000/xmlns/'/>`, errReserved},
	{"attribute twice", `<a b='' b=''/>`, errDuplicate},
	{"attribute twice by two prefixes", `<a x:b='' y:b='' xmlns:x='u' xmlns:y='u'/>`, errDuplicate},
	{"declared twice", `<a xmlns:x='u' xmlns:x='u'/>`, errDuplicate},
	{"default declared twice", `<a xmlns='u' xmlns='v'/>`, errDuplicate},
	{"too deep", nest(65), ErrTooLong},
	{"too many attributes", `<a` + repeat(65, " a%d=''") + `/>`, ErrTooLong},
	{"too many declarations", `<a` + repeat(64, " xmlns:a%d='u'") + `><b` + repeat(64, " xmlns:b%d='u'") + `/></a>`, ErrTooLong},
	{"namespace too often", `<a xmlns:x='` + strings.Repeat("u", 5000) + `'><x:b/><x:b/><x:b/><x:b/><x:b/></a>`, errSpelt},
	{"namespace of attributes too often", `<a xmlns:x='` + strings.Repeat("u", 5000) + `' x:a='' x:b='' x:c='' x:d='' x:e=''/>`, errSpelt},
	{"default namespace too often", `<a xmlns='` + strings.Repeat("u", 5000) + `'><x:b xmlns:x='v'><c/><c/><c/><c/></x:b></a>`, errSpelt},
	{"form before content", "<a>\x01<b></a></b>", errSyntax},
	{"form after a name", "<1><b></1></b>", errSyntax},
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	for _, c := range bad {
		if e, err := Parse(c.in); !errors.Is(err, c.want) || e != nil {
			t.Errorf("%s: %q: got %s, %v; want %v", c.name, c.in, dump(e), err, c.want)
		}
	}
	for _, err := range []error{errChar, errName, errPrefix, errReserved, errDuplicate, ErrTooLong} {
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("%v is not ErrInvalid", err)
		}
	}
}

// reference implementation: what encoding/xml makes of s, by the rules that it
// does not check itself.
type oracle struct {
	d     *xml.Decoder
	s     string
	scope []map[string]string
	bound []int // declarations in scope
	open  []*Element
	names []xml.Name
	root  *Element
}

var (
	errOracle = errors.New("oracle: not legal")

	legalTag = regexp.MustCompile(`^<[^\s/>]+(\s+[^\s=]+\s*=\s*("[^"<]*"|'[^'<]*'))*\s*/?>$`)
	charRef  = regexp.MustCompile(`&#(x?)([0-9a-fA-F]+);`)
	ncName   = regexp.MustCompile(`^[\pL_][^:]*$`)
	oddName  = regexp.MustCompile(`<[^<>"'=]*[^\x00-\x7F]|[^\x00-\x7F][^<>"']*=`)
)

func parseSlowly(s string) (*Element, error) {
	o := oracle{s: s, d: xml.NewDecoder(strings.NewReader(s))}
	o.scope = []map[string]string{{"": NSComponent, "stream": NSStream, "xml": nsXML}}
	o.bound = []int{3}
	for {
		from := o.d.InputOffset()
		t, err := o.d.RawToken()
		if err == io.EOF && o.root != nil && len(o.open) == 0 {
			if spelt(o.root, "") > len(strings.Trim(s, " \t\r\n"))+maxSpelt {
				return nil, errOracle
			}
			return o.root, nil
		}
		if err != nil {
			return nil, err
		}
		if err := o.token(t, s[from:o.d.InputOffset()]); err != nil {
			return nil, err
		}
	}
}

func spelt(e *Element, outer string) (n int) {
	if e.Space != outer && e.Space != nsXML {
		n = len(e.Space)
	}
	for _, a := range e.Attrs {
		if a.Space != nsXML {
			n += len(a.Space)
		}
	}
	for c := range e.Elements() {
		n += spelt(c, e.Space)
	}
	return n
}

func (o *oracle) token(t xml.Token, source string) error {
	switch t := t.(type) {
	case xml.StartElement:
		return o.start(t, source)
	case xml.EndElement:
		last := len(o.open) - 1
		if last < 0 || o.names[last] != t.Name {
			return errOracle
		}
		o.open, o.names, o.scope, o.bound = o.open[:last], o.names[:last], o.scope[:last+1], o.bound[:last+1]
	case xml.CharData:
		cdata := strings.HasPrefix(source, "<![CDATA[")
		if !cdata && surrogate(source) {
			return errOracle
		}
		if len(o.open) == 0 {
			if strings.Trim(source, " \t\r\n") != "" {
				return errOracle
			}
			return nil
		}
		e := o.open[len(o.open)-1]
		if n := len(e.Nodes); n > 0 && e.Nodes[n-1].Element == nil {
			e.Nodes[n-1].Text += string(t)
		} else {
			e.AddText(string(t))
		}
	default:
		return errOracle
	}
	return nil
}

func surrogate(source string) bool {
	for _, m := range charRef.FindAllStringSubmatch(source, -1) {
		base := 10
		if m[1] != "" {
			base = 16
		}
		if n, err := strconv.ParseUint(m[2], base, 32); err == nil && n >= 0xD800 && n < 0xE000 {
			return true
		}
	}
	return false
}

func (o *oracle) start(t xml.StartElement, source string) error {
	if !legalTag.MatchString(source) || surrogate(source) || o.root != nil && len(o.open) == 0 ||
		len(o.open) == maxDepth || len(t.Attr) > maxAttrs {
		return errOracle
	}
	scope, declared, err := o.declare(t.Attr)
	if err != nil {
		return err
	}
	bound := o.bound[len(o.bound)-1] + declared
	if bound > maxBindings {
		return errOracle
	}
	e := &Element{Local: t.Name.Local}
	var ok bool
	if e.Space, ok = scope[t.Name.Space]; !ok || !ncName.MatchString(e.Local) {
		return errOracle
	}
	top := len(o.open) == 0 || o.open[len(o.open)-1].Space == ""
	switch e.Space {
	case NSClient, NSComponent, nsServer:
		if top {
			e.Space = ""
		}
	case "":
		e.Space = NSNone
	}
	for _, a := range t.Attr {
		if a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns" {
			continue
		}
		space := ""
		if a.Name.Space != "" {
			if space, ok = scope[a.Name.Space]; !ok {
				return errOracle
			}
		}
		if !ncName.MatchString(a.Name.Local) {
			return errOracle
		}
		for _, b := range e.Attrs {
			if b.Local == a.Name.Local && b.Space == space {
				return errOracle
			}
		}
		e.Attrs = append(e.Attrs, Attr{space, a.Name.Local, a.Value})
	}
	if len(o.open) > 0 {
		o.open[len(o.open)-1].Add(e)
	} else {
		o.root = e
	}
	o.open, o.names = append(o.open, e), append(o.names, t.Name)
	o.scope, o.bound = append(o.scope, scope), append(o.bound, bound)
	return nil
}

// declare returns what is in scope after the declarations among attrs, and how
// many those are.
func (o *oracle) declare(attrs []xml.Attr) (map[string]string, int, error) {
	scope := map[string]string{}
	maps.Copy(scope, o.scope[len(o.scope)-1])
	declared := map[string]bool{}
	for _, a := range attrs {
		prefix, space := a.Name.Local, blank(a.Value)
		switch {
		case a.Name.Space == "xmlns":
			if space == "" || !ncName.MatchString(prefix) {
				return nil, 0, errOracle
			}
		case a.Name.Space == "" && prefix == "xmlns":
			prefix = ""
		default:
			continue
		}
		if declared[prefix] || prefix == "xmlns" || space == nsXMLNS || (prefix == "xml") != (space == nsXML) {
			return nil, 0, errOracle
		}
		declared[prefix] = true
		scope[prefix] = space
	}
	return scope, len(declared), nil
}

// blank makes white space in a value blanks, which encoding/xml does not.
func blank(value string) string {
	return strings.NewReplacer("\t", " ", "\n", " ", "\r", " ").Replace(value)
}

func blankValues(e *Element) *Element {
	e = e.Clone()
	for i := range e.Attrs {
		e.Attrs[i].Value = blank(e.Attrs[i].Value)
	}
	for c := range e.Elements() {
		*c = *blankValues(c)
	}
	return e
}

// FuzzParse holds the parser against encoding/xml: both accept the same, but for
// names beyond ASCII, and see the same tree; and what we accept we write so that
// we read it again.
func FuzzParse(f *testing.F) {
	for _, c := range good {
		f.Add(c.in)
	}
	for _, c := range bad {
		f.Add(c.in)
	}
	f.Add(message)
	f.Fuzz(func(t *testing.T, s string) {
		got, err := Parse(s)
		want, wantErr := parseSlowly(s)
		switch {
		case err != nil && wantErr != nil:
			return
		case err != nil:
			t.Fatalf("only we refuse %q: %v", s, err)
		case wantErr != nil && !oddName.MatchString(s):
			t.Fatalf("only we accept %q: %v", s, wantErr)
		case wantErr != nil:
		case dump(blankValues(got)) != dump(blankValues(want)):
			t.Fatalf("%q\n  we read %s\nthe other %s", s, dump(got), dump(want))
		}
		if oddName.MatchString(s) {
			return
		}
		out := got.String()
		again, err := Parse(out)
		if err != nil || dump(again) != dump(got) {
			t.Fatalf("%q written %q: %v\n got %s\nwant %s", s, out, err, dump(again), dump(got))
		}
	})
}
