package relay

import (
	"bytes"
	"slices"
	"strings"
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

// TestFindBytes: what is looked for in the file is found wherever the pieces that are read end, and as a word of its own.
func TestFindBytes(t *testing.T) {
	t.Parallel()
	address, words := []byte("ul@home.example"), []byte(`{"id":"1","b":"some words of his"}`)
	for _, c := range []struct {
		text string
		want int
	}{
		{"\x00ul@home.example17", 1}, {`"ul@home.example"`, 1}, {"ul@home.example", 1}, {"ul@home.example.", 1}, {"paul@home.example", 0},
		{"ul@home.examples", 0}, {"ul@home.example.org", 0}, {"x.ul@home.example", 0}, {"paul@home.example ul@home.example", 1}, {"", 0}, {"ul@home", 0},
		{"\x00" + string(words) + "ul@home.example", 2},
	} {
		for at := range 400 {
			for _, behind := range []int{0, 1, 300} {
				file := slices.Concat(make([]byte, at), []byte(c.text), make([]byte, behind))
				if n, size, err := findBytes(bytes.NewReader(file), []trace{{address, true}, {words, false}}, 50); n != c.want || size != int64(len(file)) || err != nil {
					t.Fatalf("%q after %d bytes: %d found in %d bytes of %d, %v", c.text, at, n, size, len(file), err)
				}
			}
		}
	}
	if n, _, err := findBytes(strings.NewReader("x"), nil, 50); n != 0 || err != nil {
		t.Error(n, err)
	}
}
