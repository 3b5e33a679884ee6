package muc

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Passing returns what of a nick every server lets pass in an address, "" where no letter of it does: a server that goes by
// resourceprep (RFC 6122 Appendix B) knows the characters of Unicode 3.2 only, none of them emoji, and lets letters that are
// written from the right not stand beside others. ejabberd 23.01 drops what comes from any other address.
func Passing(nick string) string {
	letters := false
	nick = strings.Map(func(r rune) rune {
		if !unicode.Is(passing, r) {
			return -1
		}
		letters = letters || unicode.IsLetter(r)
		return r
	}, norm.NFKC.String(nick))
	if !letters {
		return ""
	}
	return strings.Join(strings.Fields(nick), " ")
}

// passing holds what the most used scripts that are written from the left have had since Unicode 3.2.
var passing = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x0020, 0x007e, 1}, {0x00a1, 0x00ac, 1}, {0x00ae, 0x0220, 1}, {0x0222, 0x0233, 1}, {0x0250, 0x02ad, 1}, // Latin
		{0x0300, 0x033f, 1},                                                                                     // accents
		{0x0386, 0x0386, 1}, {0x0388, 0x038a, 1}, {0x038c, 0x038c, 1}, {0x038e, 0x03a1, 1}, {0x03a3, 0x03ce, 1}, // Greek
		{0x0400, 0x0486, 1}, {0x048a, 0x04ce, 1}, {0x04d0, 0x04f5, 1}, {0x04f8, 0x04f9, 1}, // Cyrillic
		{0x0531, 0x0556, 1}, {0x0561, 0x0587, 1}, // Armenian
		{0x0901, 0x0903, 1}, {0x0905, 0x0939, 1}, {0x093c, 0x094d, 1}, {0x0964, 0x0970, 1}, // Devanagari
		{0x0e01, 0x0e3a, 1}, {0x0e3f, 0x0e5b, 1}, // Thai
		{0x10d0, 0x10f8, 1},                                           // Georgian
		{0x1e00, 0x1e9b, 1}, {0x1ea0, 0x1ef9, 1}, {0x1f00, 0x1f15, 1}, // Latin and Greek with accents
		{0x2010, 0x2027, 1}, {0x2030, 0x2052, 1}, {0x20a0, 0x20b1, 1}, // punctuation, currencies
		{0x3001, 0x3029, 1}, {0x3041, 0x3096, 1}, {0x3099, 0x30ff, 1}, // Japanese
		{0x3400, 0x4db5, 1}, {0x4e00, 0x9fa5, 1}, // Chinese
		{0xac00, 0xd7a3, 1}, // Korean
	},
	LatinOffset: 2,
}
