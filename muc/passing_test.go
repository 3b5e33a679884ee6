package muc

import (
	"testing"
	"unicode"

	"golang.org/x/text/unicode/bidi"
	"golang.org/x/text/unicode/norm"
)

func TestPassing(t *testing.T) {
	t.Parallel()
	for nick, want := range map[string]string{
		"Alice": "Alice", "Alice 😀": "Alice", "😀 Alice  B": "Alice B", "José": "José", "Jose\u0301": "José", "Ａnna": "Anna", "Ольга": "Ольга", "安娜": "安娜",
		"김": "김", "O'Neil & <Co>": "O'Neil & <Co>", "\u00a0Anna\u3000Lee": "Anna Lee", "ẞ": "", "אבי": "", "אבי 1": "", "😀": "", "17": "", "": "", "Anna\ue000\u200d": "Anna",
	} {
		if got := Passing(nick); got != want {
			t.Errorf("of %q %q passes, not %q", nick, got, want)
		}
	}
	for _, r := range passing.R16 {
		for c := rune(r.Lo); c <= rune(r.Hi); c++ {
			p, _ := bidi.LookupRune(c)
			if !unicode.In(c, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S) && c != ' ' || p.Class() == bidi.R || p.Class() == bidi.AL {
				t.Errorf("%U passes", c)
			}
			if s := norm.NFKC.String(string(c)); s == "" {
				t.Errorf("%U comes to nothing", c)
			}
		}
	}
}
