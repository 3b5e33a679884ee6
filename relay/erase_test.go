package relay

import (
	"testing"
	"time"
)

// TestConcerns: of what is said in rooms that is about a customer which has his address or his thread's number as a word of
// its own.
func TestConcerns(t *testing.T) {
	t.Parallel()
	r := stopped(t)
	c := r.newCustomer("ul@customers.localhost")
	c.Email = "ul@home.example"
	th := &thread{N: 1, Slug: "ul", archive: "1", customer: c}
	x := &erasure{archives: map[string]bool{}, whole: true}
	x.about(c, []*thread{th})
	for body, want := range map[string]bool{
		"Ask ul@customers.localhost, please": true, "UL@HOME.example": true, "<ul@home.example>": true, "who has #1?": true, "ul.1@desk.agents.localhost": true, "case.1": true,
		"Ask paul@customers.localhost": false, "ul@home.examples": false, "who has #17?": false, "paul.1@desk.agents.localhost": false, "Hello": false,
	} {
		rec := spoken(r, 1, time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC), "Anna", body)
		if got := x.concerns(&rec); got != want {
			t.Errorf("%q is about him: %v", body, got)
		}
	}
}
