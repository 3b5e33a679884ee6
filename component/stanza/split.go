package stanza

import "bytes"

// splitter finds the end of one top-level element, chunk by chunk. It looks at
// nothing but markup, and refuses what XMPP does not allow to be there at all
// (RFC 6120 §11.1). Where it sees an end there is one only if the element is
// well-formed; the parser makes sure of that before anybody believes it.
type splitter struct {
	state splitState
	quote byte // that ends the value
	slash bool // the last byte of a start tag was one
	match int  // bytes of "[CDATA[" or "]]>" seen
	depth int

	closing bool // it is an end tag that closes the stream

	// What the parser will need: exact, at least, at least.
	elements, attrs, texts int
}

type splitState uint8

const (
	inOutside splitState = iota // before the first byte
	inContent
	inMarkup // after <
	inStart
	inQuoted
	inEnd
	inBang // after <!
	inData
)

const cdataOpen = "[CDATA["

// scan reads on in b. It returns how many bytes belong to the element, and
// whether the last of them ends it; if not, all of b does.
func (s *splitter) scan(b []byte) (n int, done bool, err error) {
	for n < len(b) {
		switch s.state {
		case inOutside:
			if b[n] != '<' {
				return n, false, errOutside
			}
			n++
			s.state = inMarkup
		case inContent:
			i := bytes.IndexByte(b[n:], '<')
			if i != 0 {
				s.texts++
			}
			if i < 0 {
				return len(b), false, nil
			}
			n += i + 1
			s.state = inMarkup
		case inMarkup:
			if err := s.markup(b[n]); err != nil {
				return n, false, err
			}
			if s.state != inStart {
				n++
			}
		case inStart:
			n += s.start(b[n:])
		case inQuoted:
			i := bytes.IndexByte(b[n:], s.quote)
			if i < 0 {
				return len(b), false, nil
			}
			n += i + 1
			s.state = inStart
		case inEnd:
			i := bytes.IndexByte(b[n:], '>')
			if i < 0 {
				return len(b), false, nil
			}
			n += i + 1
			s.closed()
		case inBang:
			if b[n] != cdataOpen[s.match] {
				return n, false, errRestricted
			}
			n++
			if s.match++; s.match == len(cdataOpen) {
				s.state, s.match = inData, 0
			}
		case inData:
			n += s.data(b[n:])
		}
		if s.state == inOutside {
			return n, true, nil
		}
	}
	return n, false, nil
}

// markup looks at the byte after a <.
func (s *splitter) markup(c byte) error {
	switch {
	case c == '/':
		s.state = inEnd
		s.closing = s.depth == 0
	case c == '!' && s.depth > 0:
		s.state, s.match = inBang, 0
		s.texts++
	case c == '!' || c == '?':
		return errRestricted
	default:
		s.state, s.slash = inStart, false
		s.elements++
		s.depth++
	}
	return nil
}

// start reads on in a start tag, outside of its values.
func (s *splitter) start(b []byte) int {
	for i, c := range b {
		switch c {
		case '\'', '"':
			s.quote, s.state = c, inQuoted
			s.slash = false
			s.attrs++
			return i + 1
		case '>':
			s.state = inContent
			if s.slash {
				s.closed()
			}
			return i + 1
		}
		s.slash = c == '/'
	}
	return len(b)
}

// closed leaves an element.
func (s *splitter) closed() {
	s.depth--
	s.state = inContent
	if s.depth <= 0 {
		s.state = inOutside
	}
}

// data reads on in a CDATA section.
func (s *splitter) data(b []byte) int {
	for i := 0; i < len(b); i++ {
		switch {
		case b[i] == ']':
			s.match = min(s.match+1, 2)
		case b[i] == '>' && s.match == 2:
			s.state = inContent
			return i + 1
		default:
			s.match = 0
			next := bytes.IndexByte(b[i:], ']')
			if next < 0 {
				return len(b)
			}
			i += next - 1
		}
	}
	return len(b)
}
