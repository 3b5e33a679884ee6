package config

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/bidi"
	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/unicode/rangetable"
)

// NameProblem says why servers would not pass on what comes from somebody of that name in a room, "" where they do. It
// stands in an address there, which Prosody 0.12 and ejabberd 23 prepare by RFC 3454: both drop one with letters of both
// directions, ejabberd also one with what is younger than Unicode 3.2 (of which the oldest table here is 4.1).
func NameProblem(name string) string {
	name = norm.NFKC.String(name)
	old := rangetable.Assigned("4.1.0")
	if strings.ContainsFunc(name, func(r rune) bool { return !unicode.Is(old, r) }) {
		return "some servers drop what comes from a name with emoji, or with other signs that they are too old for"
	}
	if runes := []rune(name); slices.ContainsFunc(runes, fromRight) &&
		(slices.ContainsFunc(runes, fromLeft) || !fromRight(runes[0]) || !fromRight(runes[len(runes)-1])) {
		return "servers drop what comes from a name with letters of both directions, or that is written from right to left and does not begin and end with a letter"
	}
	return ""
}

func fromRight(r rune) bool {
	p, _ := bidi.LookupString(string(r))
	return p.Class() == bidi.R || p.Class() == bidi.AL
}

func fromLeft(r rune) bool {
	p, _ := bidi.LookupString(string(r))
	return p.Class() == bidi.L
}
