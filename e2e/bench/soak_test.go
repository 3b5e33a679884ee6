package main

import "testing"

// TestGrown: what grows on is found, what comes to a stand or varies is not.
func TestGrown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		at    func(minute int) float64
		grown bool
	}{
		"grows":           {func(m int) float64 { return 20<<20 + float64(m)*(1<<20) }, true},
		"comes to a stop": {func(m int) float64 { return 20<<20 + float64(min(m, 12))*(4<<20) }, false},
		"varies":          {func(m int) float64 { return 20<<20 + float64(m%5)*(4<<20) }, false},
		"is small":        {func(m int) float64 { return 1<<20 + float64(m)*(1<<14) }, false},
	} {
		var all []figures
		for m := range 60 {
			all = append(all, figures{heap: c.at(m)})
		}
		if err := grown("heap", "bytes", all, heapSlack, func(f figures) float64 { return f.heap }); (err != nil) != c.grown {
			t.Errorf("%s: %v", name, err)
		}
	}
}
