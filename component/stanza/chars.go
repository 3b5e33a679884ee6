package stanza

import (
	"strings"
	"unicode/utf8"
)

// What a byte needs where it stands, and what it can be part of. Bytes from
// 0x80 need nothing, as UTF-8 is validated for a whole stanza at once; but 0xEF
// does, which begins U+FFFE and U+FFFF, the two that XML excludes.
const (
	inText    uint16 = 1 << iota // character data read
	inValue                      // attribute value read
	inCDATA                      // CDATA section read
	outText                      // character data written
	outValue                     // attribute value written, in single quotes
	nameByte                     // ASCII inside a name without a colon
	nameStart                    // ASCII that begins such a name
	delimiter                    // ends a name in a tag
	white
)

var class = func() (t [256]uint16) {
	set := func(bits uint16, chars string) {
		for i := range len(chars) {
			t[chars[i]] |= bits
		}
	}
	for c := range 0x20 {
		t[c] = inText | inValue | inCDATA | outText | outValue
	}
	for _, c := range "\t\n" {
		t[c] &^= inText | inCDATA | outText
	}
	set(inText|inValue|inCDATA|outText|outValue, "\xEF")
	set(inText|inValue|outText|outValue, "&")
	set(inValue|outText|outValue, "<")
	set(outText|outValue, ">")
	set(inText, "]")
	set(outValue, "'")
	set(nameByte, "-.0123456789")
	set(nameByte|nameStart, "_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
	set(delimiter|white, " \t\r\n")
	set(delimiter, "/>=<'\"")
	return t
}()

// plain returns the length of the longest prefix of s, which is valid UTF-8, that
// is the same in XML and in the tree at the place that bit names.
func plain(s string, bit uint16) int {
	for i := 0; ; i++ {
		for i < len(s) && class[s[i]]&bit == 0 {
			i++
		}
		switch {
		case i >= len(s):
			return len(s)
		case s[i] == 0xEF && !(s[i+1] == 0xBF && s[i+2] >= 0xBE):
		case s[i] == ']' && !strings.HasPrefix(s[i:], "]]>"):
		default:
			return i
		}
	}
}

// isChar is the Char production of XML 1.0 §2.2.
func isChar(r rune) bool {
	switch {
	case r < 0x20:
		return r == '\t' || r == '\n' || r == '\r'
	case r < 0xD800:
		return true
	}
	return r >= 0xE000 && r <= 0x10FFFF && r != 0xFFFE && r != 0xFFFF
}

// isName is the NCName production (Namespaces in XML §3) for valid UTF-8.
func isName(s string) bool {
	if s == "" {
		return false
	}
	need := nameStart
	for i := 0; i < len(s); need = nameByte {
		if s[i] < utf8.RuneSelf {
			if class[s[i]]&need == 0 {
				return false
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if !isNameRune(r, i == 0) {
			return false
		}
		i += n
	}
	return true
}

// isASCIIName is isName for what we write: the servers' parser takes names by an
// older edition of XML that allows fewer letters.
func isASCIIName(s string) bool {
	if s == "" || class[s[0]]&nameStart == 0 {
		return false
	}
	for i := 1; i < len(s); i++ {
		if class[s[i]]&nameByte == 0 {
			return false
		}
	}
	return true
}

// isNameRune is NameStartChar or NameChar (XML 1.0 §2.3) beyond ASCII.
func isNameRune(r rune, first bool) bool {
	for _, span := range nameSpans {
		if r >= span.lo && r <= span.hi {
			return !first || span.start
		}
	}
	return false
}

var nameSpans = [...]struct {
	lo, hi rune
	start  bool
}{
	{0xB7, 0xB7, false}, {0xC0, 0xD6, true}, {0xD8, 0xF6, true}, {0xF8, 0x2FF, true}, {0x300, 0x36F, false},
	{0x370, 0x37D, true}, {0x37F, 0x1FFF, true}, {0x200C, 0x200D, true}, {0x203F, 0x2040, false},
	{0x2070, 0x218F, true}, {0x2C00, 0x2FEF, true}, {0x3001, 0xD7FF, true}, {0xF900, 0xFDCF, true},
	{0xFDF0, 0xFFFD, true}, {0x10000, 0xEFFFF, true},
}
