package stanza

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of a stanza besides its size.
const (
	maxDepth    = 64  // elements inside each other
	maxAttrs    = 64  // attributes of one element, declarations included
	maxBindings = 128 // namespace declarations in scope

	// A prefix is short and its namespace can be long. Written again without
	// prefixes, a stanza would grow without bound; so the namespaces, spelt out
	// wherever they change, may take that much more than the stanza is long.
	maxSpelt = 16 << 10
)

// Errors that cost one stanza and not the stream.
var (
	// ErrInvalid is a stanza that cannot be used: a character that is not legal,
	// bytes that are not UTF-8, a prefix that is not bound, an attribute that is
	// there twice. Servers let some of it through, so that anybody could send it.
	ErrInvalid = errors.New("stanza: invalid")
	// ErrTooLong is a stanza over a bound: the reader's limit, 64 levels, 64
	// attributes of one element, 128 namespace declarations in scope, or
	// namespaces that take 16 KiB more than the whole stanza when they are spelt
	// out wherever they change. It is an ErrInvalid.
	ErrTooLong = fmt.Errorf("%w: over a bound", ErrInvalid)

	errChar      = fmt.Errorf("%w: character that is not legal", ErrInvalid)
	errName      = fmt.Errorf("%w: name that is not legal", ErrInvalid)
	errPrefix    = fmt.Errorf("%w: prefix that is not bound", ErrInvalid)
	errReserved  = fmt.Errorf("%w: reserved prefix or namespace", ErrInvalid)
	errDuplicate = fmt.Errorf("%w: attribute that is there twice", ErrInvalid)
	errDepth     = fmt.Errorf("%w: more than %d levels", ErrTooLong, maxDepth)
	errAttrs     = fmt.Errorf("%w: more than %d attributes", ErrTooLong, maxAttrs)
	errBindings  = fmt.Errorf("%w: more than %d namespace declarations", ErrTooLong, maxBindings)
	errSpelt     = fmt.Errorf("%w: namespaces longer than the stanza", ErrTooLong)
)

// Errors that end the stream, as nobody can be sure any more what is a stanza.
var (
	errSyntax     = errors.New("stanza: not well-formed")
	errOutside    = errors.New("stanza: text outside of a stanza")
	errRestricted = errors.New("stanza: comment, processing instruction or DTD")
	errEntity     = errors.New("stanza: reference that is not defined")
)

// Parse reads one element, which may have white space around it, by the rules
// of Reader.Next: the default namespace is jabber:component:accept, the prefix
// "stream" is bound. An element that is cut off is io.ErrUnexpectedEOF. The
// element shares the memory of s.
func Parse(s string) (*Element, error) {
	s = strings.Trim(s, " \t\r\n")
	var split splitter
	n, done, err := split.scan([]byte(s))
	switch {
	case err != nil:
		return nil, err
	case !done:
		return nil, io.ErrUnexpectedEOF
	case split.closing:
		return nil, errSyntax
	case n < len(s):
		return nil, errOutside
	}
	p := parser{bound: make([]binding, 0, 8), open: make([]frame, 0, 8), kids: make([]Node, 0, 16)}
	e, err := p.element(s, &split)
	if err != nil {
		return nil, err
	}
	return e, nil
}

// parser makes the tree of one element. Elements, attributes and nodes of a stanza
// are one array each, its strings are pieces of the text that was handed in
// or of dec. It is used again for the next stanza.
//
// What its methods return is an error of form, with which they stop. An error of
// content is kept in fault, and they read on: only when the whole form is right
// is it sure that the stanza ends where the splitter said.
type parser struct {
	s     string
	pos   int
	dec   strings.Builder // decoded text; never longer than s, so it does not move
	fault error           // the first ErrInvalid, and where it was
	at    int

	bound []binding
	spelt int // bytes of namespaces where they change
	open  []frame
	kids  []Node // children so far of the open elements, outermost first

	root     *Element
	elements []Element
	attrs    []Attr
	nodes    []Node
}

// binding is a namespace declaration; the prefix "" is the default one.
type binding struct{ prefix, space string }

// frame is an open element, with its name as written and where its own part
// of bound and kids begins.
type frame struct {
	e           *Element
	name        string
	bound, kids int
}

// element parses s, in which split has found one element. Where it returns an
// error that is ErrInvalid, the element is the start tag, if that was right.
func (p *parser) element(s string, split *splitter) (*Element, error) {
	p.reset(s)
	p.elements = make([]Element, 0, split.elements)
	p.attrs = make([]Attr, 0, split.attrs)
	p.nodes = make([]Node, 0, split.elements-1+split.texts)
	if !utf8.ValidString(s) {
		p.fail(errChar)
		p.s = strings.ToValidUTF8(s, "?")
	}
	err, at := p.content(), p.pos
	if err == nil {
		err, at = p.fault, p.at
	}
	root := p.root
	p.release()
	if err != nil {
		if root != nil {
			root.Nodes = nil
		}
		return root, fmt.Errorf("%w at byte %d", err, at)
	}
	return root, nil
}

// head returns the element that the start tag in front of s makes, or nil.
func (p *parser) head(s string) *Element {
	s = s[:strings.LastIndexByte(s, '>')+1]
	if !utf8.ValidString(s) {
		return nil
	}
	p.reset(s)
	_ = p.startTag() // if it is whole and right it is in root
	root := p.root
	p.release()
	return root
}

func (p *parser) reset(s string) {
	p.s = s
	p.bound = append(p.bound, binding{"", NSComponent}, binding{"stream", NSStream}, binding{"xml", nsXML})
}

// release drops all references to the stanza, which belongs to others now.
func (p *parser) release() {
	const most = 256
	clear(p.bound[:cap(p.bound)])
	next := parser{bound: p.bound[:0]}
	if cap(p.open) <= most {
		clear(p.open[:cap(p.open)])
		next.open = p.open[:0]
	}
	if cap(p.kids) <= most {
		clear(p.kids[:cap(p.kids)])
		next.kids = p.kids[:0]
	}
	*p = next
}

// fail keeps an error of content.
func (p *parser) fail(err error) {
	if p.fault == nil {
		p.fault, p.at = err, p.pos
	}
}

// content parses all of s.
func (p *parser) content() error {
	if err := p.startTag(); err != nil {
		return err
	}
	for len(p.open) > 0 {
		if err := p.text(); err != nil {
			return err
		}
		var err error
		if strings.HasPrefix(p.s[p.pos:], "</") {
			err = p.endTag()
		} else {
			err = p.startTag()
		}
		if err != nil {
			return err
		}
	}
	if p.pos != len(p.s) {
		return errSyntax
	}
	return nil
}

// peek returns the next byte, 0 at the end, which is legal nowhere.
func (p *parser) peek() byte {
	if p.pos < len(p.s) {
		return p.s[p.pos]
	}
	return 0
}

// take passes over c if it is next.
func (p *parser) take(c byte) bool {
	if p.peek() != c {
		return false
	}
	p.pos++
	return true
}

// space passes over white space and reports whether there was any.
func (p *parser) space() bool {
	from := p.pos
	for class[p.peek()]&white != 0 {
		p.pos++
	}
	return p.pos > from
}

// name returns what stands where a name must, "" if nothing does.
func (p *parser) name() string {
	from := p.pos
	for p.pos < len(p.s) && class[p.s[p.pos]]&delimiter == 0 {
		p.pos++
	}
	return p.s[from:p.pos]
}

// qualified splits a name at its colon.
func (p *parser) qualified(name string) (prefix, local string) {
	local = name
	if i := strings.IndexByte(name, ':'); i >= 0 {
		if prefix, local = name[:i], name[i+1:]; !isName(prefix) {
			p.fail(errName)
		}
	}
	if !isName(local) {
		p.fail(errName)
	}
	return prefix, local
}

func (p *parser) startTag() error {
	if !p.take('<') {
		return errSyntax
	}
	if len(p.open) == maxDepth {
		p.fail(errDepth)
	}
	bound, first := len(p.bound), len(p.attrs)
	name := p.name()
	if name == "" {
		return errSyntax
	}
	if err := p.attributes(bound, first); err != nil {
		return err
	}
	empty := p.take('/')
	if !p.take('>') {
		return errSyntax
	}
	e := p.named(name)
	p.resolve(p.attrs[first:])
	if p.spelt > len(p.s)+maxSpelt {
		p.fail(errSpelt)
	}
	if n := len(p.attrs); n > first {
		e.Attrs = p.attrs[first:n:n]
	}
	if len(p.open) == 0 && p.fault == nil {
		p.root = e
	}
	p.open = append(p.open, frame{e, name, bound, len(p.kids)})
	if empty {
		p.close()
	}
	return nil
}

// named makes the element and its name.
func (p *parser) named(name string) *Element {
	prefix, local := p.qualified(name)
	space, outer := p.lookup(prefix), ""
	if last := len(p.open) - 1; last >= 0 {
		outer = p.open[last].e.Space
	}
	switch {
	case isContent(space) && outer == "":
		space = ""
	case space == "":
		space = NSNone
	}
	if space != outer && space != nsXML {
		p.spelt += len(space)
	}
	p.elements = append(p.elements, Element{Space: space, Local: local})
	return &p.elements[len(p.elements)-1]
}

// isContent reports whether space is one of those in which stanzas live.
func isContent(space string) bool {
	return space == NSComponent || space == NSClient || space == nsServer
}

// lookup returns the namespace that a prefix is bound to.
func (p *parser) lookup(prefix string) string {
	for i := len(p.bound) - 1; i >= 0; i-- {
		if p.bound[i].prefix == prefix {
			return p.bound[i].space
		}
	}
	p.fail(errPrefix)
	return ""
}

// attributes reads the attributes of a start tag up to its end. Prefixes stay
// as they are in Space, for they may be declared by a later attribute.
func (p *parser) attributes(bound, first int) error {
	for {
		spaced := p.space()
		if c := p.peek(); c == '>' || c == '/' {
			return nil
		}
		name := p.name()
		if name == "" || !spaced {
			return errSyntax
		}
		value, err := p.value()
		if err != nil {
			return err
		}
		prefix, local := p.qualified(name)
		switch {
		case len(p.attrs)-first+len(p.bound)-bound == maxAttrs:
			p.fail(errAttrs)
		case name == "xmlns":
			p.declare("", value, bound)
		case prefix == "xmlns":
			p.declare(local, value, bound)
		default:
			p.attrs = append(p.attrs, Attr{prefix, local, value})
		}
	}
}

// declare binds a prefix for the element whose bindings begin at first.
func (p *parser) declare(prefix, space string, first int) {
	for _, b := range p.bound[first:] {
		if b.prefix == prefix {
			p.fail(errDuplicate)
		}
	}
	switch {
	case (prefix == "xml") != (space == nsXML), prefix == "xmlns", space == nsXMLNS:
		p.fail(errReserved)
	case prefix != "" && space == "":
		p.fail(errPrefix)
	case len(p.bound) == maxBindings:
		p.fail(errBindings)
	default:
		p.bound = append(p.bound, binding{prefix, space})
	}
}

// resolve turns prefixes into namespaces.
func (p *parser) resolve(attrs []Attr) {
	for i := range attrs {
		a := &attrs[i]
		if a.Space != "" {
			a.Space = p.lookup(a.Space)
			if a.Space != nsXML {
				p.spelt += len(a.Space)
			}
		}
		if twice(attrs[:i], a) {
			p.fail(errDuplicate)
		}
	}
}

// twice reports whether an attribute of a's name is among attrs.
func twice(attrs []Attr, a *Attr) bool {
	for i := range attrs {
		if attrs[i].Local == a.Local && attrs[i].Space == a.Space {
			return true
		}
	}
	return false
}

// value reads = and a quoted value.
func (p *parser) value() (string, error) {
	p.space()
	if !p.take('=') {
		return "", errSyntax
	}
	p.space()
	quote := p.peek()
	if quote != '\'' && quote != '"' {
		return "", errSyntax
	}
	p.pos++
	n := strings.IndexByte(p.s[p.pos:], quote)
	if n < 0 {
		return "", errSyntax
	}
	raw := p.s[p.pos : p.pos+n]
	p.pos += n + 1
	return p.decode(raw, inValue)
}

func (p *parser) endTag() error {
	p.pos += len("</")
	if p.name() != p.open[len(p.open)-1].name {
		return errSyntax
	}
	p.space()
	if !p.take('>') {
		return errSyntax
	}
	p.close()
	return nil
}

// close ends the innermost element: its children move together.
func (p *parser) close() {
	last := len(p.open) - 1
	f := p.open[last]
	if kids := p.kids[f.kids:]; len(kids) > 0 {
		from := len(p.nodes)
		p.nodes = append(p.nodes, kids...)
		n := len(p.nodes)
		f.e.Nodes = p.nodes[from:n:n]
	}
	p.bound = p.bound[:f.bound]
	p.kids = p.kids[:f.kids]
	p.open = p.open[:last]
	if last > 0 {
		p.kids = append(p.kids, Node{Element: f.e})
	}
}

// text reads character data and CDATA sections up to the next tag, as one node.
func (p *parser) text() error {
	from := p.pos
	raw, ok := p.run()
	if !ok {
		return errSyntax
	}
	var text string
	var err error
	if strings.HasPrefix(p.s[p.pos:], cdata) {
		p.pos = from
		text, err = p.sections()
	} else {
		text, err = p.decode(raw, inText)
	}
	if text != "" {
		p.kids = append(p.kids, Node{Text: text})
	}
	return err
}

const cdata = "<!" + cdataOpen

// sections reads what has CDATA sections in it.
func (p *parser) sections() (string, error) {
	from := p.dec.Len()
	for {
		raw, ok := p.run()
		if !ok {
			return "", errSyntax
		}
		if err := p.unescape(raw, inText); err != nil {
			return "", err
		}
		if !strings.HasPrefix(p.s[p.pos:], cdata) {
			return p.dec.String()[from:], nil
		}
		p.pos += len(cdata)
		if raw, _, ok = strings.Cut(p.s[p.pos:], "]]>"); !ok {
			return "", errSyntax
		}
		if err := p.unescape(raw, inCDATA); err != nil {
			return "", err
		}
		p.pos += len(raw) + len("]]>")
	}
}

// run returns the character data up to the next markup, of which there must be one.
func (p *parser) run() (string, bool) {
	n := strings.IndexByte(p.s[p.pos:], '<')
	if n < 0 {
		return "", false
	}
	p.pos += n
	return p.s[p.pos-n : p.pos], true
}

// decode returns what raw means: mostly raw itself.
func (p *parser) decode(raw string, bit uint16) (string, error) {
	if plain(raw, bit) == len(raw) {
		return raw, nil
	}
	from := p.dec.Len()
	err := p.unescape(raw, bit)
	return p.dec.String()[from:], err
}

// unescape appends what raw means to dec: references are replaced, line ends are
// one \n (XML 1.0 §2.11), white space in values is blanks (§3.3.3).
func (p *parser) unescape(raw string, bit uint16) error {
	if p.dec.Cap() == 0 {
		p.dec.Grow(len(p.s))
	}
	for {
		n := plain(raw, bit)
		p.dec.WriteString(raw[:n])
		if n == len(raw) {
			return nil
		}
		switch raw = raw[n:]; raw[0] {
		case '&':
			r, n := reference(raw)
			switch {
			case n == 0:
				return errEntity
			case !isChar(r):
				p.fail(errChar)
				r = ' '
			}
			p.dec.WriteRune(r)
			raw = raw[n:]
		case '<':
			return errSyntax
		case '\r', '\n', '\t':
			c := byte('\n')
			if bit == inValue {
				c = ' '
			}
			p.dec.WriteByte(c)
			if strings.HasPrefix(raw, "\r\n") {
				raw = raw[1:]
			}
			raw = raw[1:]
		default: // a control character, U+FFFE, or ]]>, which CDATA alone may have (§2.4)
			p.fail(errChar)
			raw = raw[1:]
		}
	}
}

// reference reads the reference in front of s and returns its length, 0 if it is
// none of those that XML has without a DTD.
func reference(s string) (rune, int) {
	end := strings.IndexByte(s, ';')
	if end < 0 {
		return 0, 0
	}
	switch name := s[1:end]; name {
	case "lt":
		return '<', end + 1
	case "gt":
		return '>', end + 1
	case "amp":
		return '&', end + 1
	case "apos":
		return '\'', end + 1
	case "quot":
		return '"', end + 1
	default:
		digits, ok := strings.CutPrefix(name, "#")
		base := rune(10)
		if hex, ok := strings.CutPrefix(digits, "x"); ok {
			digits, base = hex, 16
		}
		r, valid := number(digits, base)
		if !ok || !valid {
			return 0, 0
		}
		return r, end + 1
	}
}

// number reads digits; what is beyond Unicode is one number beyond it.
func number(digits string, base rune) (r rune, ok bool) {
	for _, c := range digits {
		d := rune(-1)
		switch {
		case c >= '0' && c <= '9':
			d = c - '0'
		case base == 16 && c|0x20 >= 'a' && c|0x20 <= 'f':
			d = c | 0x20 - 'a' + 10
		}
		if d < 0 {
			return 0, false
		}
		r = min(r*base+d, unicode.MaxRune+1)
	}
	return r, digits != ""
}
