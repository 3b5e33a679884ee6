package muc

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestGhosts: an error of delivery takes a session out by 333, whatever bounced; every other error is swallowed.
func TestGhosts(t *testing.T) {
	t.Parallel()
	all := append([]string{"bad-request", "conflict", "feature-not-implemented", "forbidden", "not-acceptable", "not-allowed", "not-authorized",
		"policy-violation", "registration-required", "resource-constraint", "subscription-required", "undefined-condition", "unexpected-request"}, kickable...)
	if len(kickable) != 9 {
		t.Errorf("%d conditions take a session out", len(kickable))
	}
	for _, condition := range all {
		for _, bounced := range []string{"message type='error' to='lobby@desk.example'", "message type='error' to='lobby@desk.example/Bob'", "presence type='error' to='lobby@desk.example/Bob'"} {
			g := newStage(t)
			g.play("testdata/include/everybody.txt")
			g.send(anna, parse(t, fmt.Sprintf("<%s><error type='cancel'><%s xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></%s>", bounced, condition, bounced[:strings.Index(bounced, " ")])))
			_, in := g.s.Session("lobby", anna)
			want := 3
			if in {
				want = 0
			}
			told := g.inbox[bob]
			if in == slices.Contains(kickable, condition) || len(g.inbox) != want || !in && (len(told) != 1 || !told[0].Child(nsUser, "x").Has(nsUser, "status")) {
				t.Errorf("%s of a %s: she is in: %v, told are %v", condition, bounced[:7], in, g.inbox)
			}
		}
	}
}
