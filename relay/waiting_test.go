package relay

import (
	"testing"
	"time"
)

// TestPace: what is expected rests on enough answers of late, or nothing is said.
func TestPace(t *testing.T) {
	t.Parallel()
	start := time.Unix(0, 0)
	type answer struct {
		at, waited time.Duration
		place      int
	}
	for _, c := range []struct {
		name    string
		answers []answer
		place   int
		want    time.Duration
		known   bool
	}{
		{"none", nil, 1, 0, false},
		{"four", []answer{{0, time.Minute, 1}, {0, time.Minute, 1}, {0, time.Minute, 1}, {0, time.Minute, 1}}, 1, 0, false},
		{"five", []answer{{0, time.Minute, 1}, {0, time.Minute, 1}, {0, time.Minute, 1}, {0, time.Minute, 1}, {0, time.Minute, 1}}, 3, 3 * time.Minute, true},
		{"by place", []answer{{0, 2 * time.Minute, 1}, {0, 4 * time.Minute, 2}, {0, 6 * time.Minute, 3}, {0, 8 * time.Minute, 4}, {0, 10 * time.Minute, 5}}, 2, 4 * time.Minute, true},
		{"one who was forgotten", []answer{{0, time.Minute, 1}, {0, time.Minute, 1}, {0, 9 * time.Hour, 1}, {0, time.Minute, 1}, {0, time.Minute, 1}}, 1, time.Minute, true},
		{"long ago", []answer{{-61 * time.Minute, time.Minute, 1}, {0, time.Minute, 1}, {0, time.Minute, 1}, {0, time.Minute, 1}, {0, time.Minute, 1}}, 1, 0, false},
	} {
		var p pace
		for _, a := range c.answers {
			p.answered(start.Add(a.at), a.waited, a.place)
		}
		if got, known := p.expect(start, c.place); got != c.want || known != c.known {
			t.Errorf("%s: %v %v, want %v %v", c.name, got, known, c.want, c.known)
		}
	}
	var p pace
	for i := range 100 {
		p.answered(start, time.Duration(i)*time.Second, 1)
	}
	if got, _ := p.expect(start, 1); len(p) != maxPaced || got != 90*time.Second {
		t.Errorf("of %d answers %v is expected", len(p), got)
	}
}
