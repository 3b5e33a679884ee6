package relay

import (
	"testing"
	"time"

	"frontdesk/component/stanza"
)

// TestBlockedAtDoor: who is blocked is told so when he says something, not while he types.
func TestBlockedAtDoor(t *testing.T) {
	t.Parallel()
	r := stopped(t)
	c := r.newCustomer("alice@customers.localhost")
	c.Blocked = r.now.Add(time.Hour)
	r.enrol(c)
	message := func(child *stanza.Element) *stanza.Element {
		return stanza.New("", "message", "type", "chat", "id", "a", "from", "alice@customers.localhost/x", "to", r.front.domain).Add(child)
	}
	for _, x := range []struct {
		child *stanza.Element
		want  int
	}{{stanza.New(nsStates, "composing"), 0}, {stanza.New(nsReceipts, "received", "id", "x"), 0}, {stanza.Text("", "body", "Hello"), 1}} {
		r.items = r.items[:0]
		r.fromFront(message(x.child))
		if len(r.items) != x.want {
			t.Errorf("%v is answered with %d stanzas, not %d", x.child, len(r.items), x.want)
		}
	}
}
