package muc

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Look is what a name looks like: two names of the same look may be taken for each other. Case, accents, blanks, signs and
// widths do not count, nor which of two letters stands there that are drawn alike: Cyrillic, Greek and Armenian ones beside
// Latin ones, and digits beside letters. It holds the letters that are alike in most fonts, not all of Unicode's table of
// confusables (UTS #39), and a name is never refused for its script. A name of signs alone looks like itself.
func Look(name string) string {
	letters := drawnAs(name, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
	if letters == "" {
		return fold(name)
	}
	return letters
}

// outline is what a nick looks like beside others in the same room: as Look, but signs and blanks count, so that a client
// that appends _ to a nick which is taken gets in.
func outline(nick string) string {
	return drawnAs(nick, func(r rune) bool { return !(r >= 0x300 && r < 0x370) }) // all but accents
}

// drawnAs maps all that looks alike in the name to one of its kind, and keeps only that.
func drawnAs(name string, keeps func(rune) bool) string {
	var b strings.Builder
	for _, r := range norm.NFKD.String(name) {
		if s, ok := alike[r]; ok {
			b.WriteString(s)
			continue
		}
		for _, c := range strings.ToLower(string(r)) {
			switch s, ok := alike[c]; {
			case ok:
				b.WriteString(s)
			case keeps(c):
				b.WriteRune(c)
			}
		}
	}
	return drawn.Replace(b.String())
}

// drawn maps two letters that look like one.
var drawn = strings.NewReplacer("rn", "m", "vv", "w")

// alike maps letters and digits to the Latin letter, or letters, that they look like; those that are not here look like their
// lower case.
var alike = likeness(map[string]string{
	"a": "АаΑαɑ", "b": "ВΒЬ", "c": "СсϹϲ", "d": "ԁ", "e": "ЕеΕε3Ээєɛ", "f": "ϝ", "g": "ɡԌ", "h": "НΗһҺ",
	"j": "ЈјϳͿ", "k": "КкΚκ", "l": "1IiІіΙιıӀӏ|ɩ", "m": "МмΜ", "n": "ΝпոՈ", "o": "0ОоΟοσօՕø", "p": "РрΡρ", "q": "ԛ",
	"r": "гᴦ", "s": "Ѕѕ5", "t": "ТтΤτ", "u": "υսմ", "v": "νѵ", "w": "ԝѡωш", "x": "ХхΧχ", "y": "УуΥγү", "z": "ΖᴢƵ",
	"ae": "æ", "oe": "œ", "ss": "ß", "th": "þ",
})

func likeness(groups map[string]string) map[rune]string {
	m := map[rune]string{}
	for to, all := range groups {
		for _, r := range all {
			m[r] = to
		}
	}
	return m
}
