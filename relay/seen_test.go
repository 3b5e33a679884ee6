package relay

import (
	"strings"
	"testing"

	"frontdesk/component/stanza"
)

// TestCustomerShows: of what a customer's clients say only the words of RFC 6121 are kept.
func TestCustomerShows(t *testing.T) {
	t.Parallel()
	r := stopped(t)
	c := r.newCustomer("alice@customers.localhost")
	r.enrol(c)
	th := &thread{N: 1, Queue: "support", customer: c}
	for _, x := range []struct {
		client stanza.JID
		show   string
		want   string
	}{
		{"alice@customers.localhost/a", "xa", "xa"}, {"alice@customers.localhost/b", "away", "away"}, {"alice@customers.localhost/b", "dnd", "dnd"},
		{"alice@customers.localhost/a", strings.Repeat("x", 1<<16), ""}, {"alice@customers.localhost/a", "chat", ""}, {"alice@customers.localhost/a", "xa", "dnd"},
	} {
		r.customerShows(c, x.client, x.show)
		if got := r.customerShow(th); got != x.want {
			t.Errorf("after %s of %s: %q, not %q", shorten(x.show, 20), x.client, got, x.want)
		}
		for _, show := range c.clients {
			if len(show) > 4 {
				t.Errorf("%d bytes are kept", len(show))
			}
		}
	}
}
