package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing that is wrong in a file.
type Fault struct {
	Line int    // from 1; 0: not known
	Key  string // "front.domain", "agent.jid"; "" is the file as a whole
	Text string // what is wrong and what to write
}

func (f Fault) Error() string {
	var b strings.Builder
	if f.Line > 0 {
		fmt.Fprintf(&b, "line %d: ", f.Line)
	}
	if f.Key != "" {
		b.WriteString(f.Key + ": ")
	}
	b.WriteString(f.Text)
	return b.String()
}

// Faults is the error of Parse and, wrapped, of Load: all that is wrong, in the
// order of the file.
type Faults []Fault

func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.Error()
	}
	return strings.Join(lines, "\n")
}

func (f Faults) sorted() Faults {
	slices.SortStableFunc(f, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Text, b.Text))
	})
	return f
}

// nearest returns the word that somebody who wrote got may have meant, or "".
func nearest(got string, words []string) string {
	best, least := "", min(3, len(got)/2+1) // "rol" is 1 from "role"; "x" is near to nothing
	for _, w := range words {
		if d := distance(strings.ToLower(got), w); d < least {
			best, least = w, d
		}
	}
	return best
}

// meant is " (did you mean …?)", or "" where nothing is near.
func meant(got string, words []string) string {
	if w := nearest(got, words); w != "" {
		return fmt.Sprintf(" (did you mean %q?)", w)
	}
	return ""
}

// distance is Levenshtein's, in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		left, corner := i+1, i
		for j := range len(b) {
			d := corner
			if a[i] != b[j] {
				d = 1 + min(corner, left, row[j+1])
			}
			corner, row[j] = row[j+1], left
			left = d
		}
		row[len(b)] = left
	}
	return row[len(b)]
}
