package relay

import (
	"strings"
	"unicode"
)

// verdict is what the command rule says of a text that an agent wrote.
type verdict uint8

const (
	plain   verdict = iota // to be relayed
	command                // to be carried out, never relayed
	refused                // a later line starts like a command: nothing is relayed
)

// judge applies the command rule (design.md, "The rule of addresses"). The text is
// what is left once a quotation's fallback range is gone. For plain it returns what to
// relay (a text that starts with !! loses one of them), for command the text after the mark.
func judge(text string) (verdict, string) {
	if !strings.ContainsAny(text, "!！") {
		return plain, text
	}
	lines := strings.FieldsFunc(text, lineBreak)
	first := true
	v, rest := plain, text
	for _, line := range lines {
		bare := strings.TrimLeftFunc(line, invisible)
		if bare == "" {
			continue
		}
		after, marked := cutMark(bare)
		switch {
		case !marked:
		case !first:
			return refused, ""
		default:
			if _, twice := cutMark(after); twice {
				i := strings.Index(text, bare)
				rest = text[:i] + after
				if j := i + len(bare); j < len(text) {
					rest += text[j:]
				}
			} else {
				v = command
				rest = strings.TrimSpace(after + text[strings.Index(text, bare)+len(bare):])
			}
		}
		first = false
	}
	return v, rest
}

// innocent reports whether the command rule has nothing to say of a text: it may be sent as it is.
func innocent(text string) bool {
	v, rest := judge(text)
	return v == plain && rest == text
}

// cutMark removes a leading ! in either of its spellings.
func cutMark(s string) (string, bool) {
	if t, ok := strings.CutPrefix(s, "!"); ok {
		return t, true
	}
	return strings.CutPrefix(s, "！")
}

func lineBreak(r rune) bool {
	switch r {
	case '\n', '\r', '\v', '\f', 0x85, 0x2028, 0x2029:
		return true
	}
	return false
}

// invisible is what may stand before the mark without being seen: blanks, controls,
// format, private and unassigned characters, fillers, marks that combine with nothing.
func invisible(r rune) bool {
	switch r {
	case 0x115F, 0x1160, 0x3164, 0xFFA0, 0x2800, 0x034F, 0x17B4, 0x17B5:
		return true
	}
	return unicode.IsSpace(r) || !unicode.IsGraphic(r) || unicode.In(r, unicode.Z, unicode.Mn, unicode.Me)
}
