package e2e

import (
	"fmt"
	"testing"
	"time"

	"frontdesk/component/stanza"
)

// TestBouncesInAnyOrder: a customer's client that bounces what it got, the newest first and all of it again and again, has each message sent
// once more and not all of them each time; and what could not be delivered in the end comes when he is there again.
func TestBouncesInAnyOrder(t *testing.T) {
	t.Parallel()
	const n = 200
	w := newFake(t)
	d := &dialogue{w: w, t: t, names: map[string]string{}, who: map[string]*client{}}
	d.login("anna")
	d.enter("anna")
	d.login("alice")
	alice, anna := d.who["alice"], d.who["anna"]
	isWords := func(s *stanza.Element) bool { return s.Local == "message" && s.ChildText("", "body") != "" }
	say := func(c *client, to, body string) {
		must(t, c.send(stanza.New("", "message", "type", "chat", "to", to, "id", idOf(body)).Add(stanza.Text("", "body", body))))
	}
	got := func(c *client) []*stanza.Element {
		d.settle()
		all := c.pending(isWords)
		c.clear()
		return all
	}
	say(alice, "support@"+frontDomain, "Hello")
	first := got(anna)
	if len(first) != 1 {
		t.Fatal(first)
	}
	for i := range n {
		say(anna, string(first[0].From().Bare()), fmt.Sprintf("answer %d", i))
	}
	said := got(alice)
	if len(said) != n {
		t.Fatalf("alice got %d of %d", len(said), n)
	}
	total := 0
	bounce := func(i int) {
		must(t, alice.send(stanza.Error{Type: "cancel", Condition: "service-unavailable"}.Reply(said[i])))
	}
	for i := n - 1; i >= 0; i-- {
		bounce(i)
	}
	total += len(got(alice))
	for range 3 {
		for i := n - 1; i >= 0; i-- {
			bounce(i)
			say(alice, "support@"+frontDomain, fmt.Sprintf("still here %d %d", i, total)) // from the same client
		}
		for i := range n {
			bounce(i)
		}
		total += len(got(alice))
	}
	t.Logf("%d messages, bounced 7 times: %d went out again", n, total)
	if total > maxAgain*n {
		t.Errorf("%d messages bounced: %d went out again", n, total)
	}
	// Nothing is lost by that.
	w.clock.advance(2 * time.Minute)
	say(alice, "support@"+frontDomain, "Now")
	again := map[string]bool{}
	for _, s := range got(alice) {
		again[s.ID()] = true
	}
	for _, s := range said {
		if !again[s.ID()] {
			t.Fatalf("%s did not come again in the end", s)
		}
	}
}

// maxAgain is how often at most a message goes out again within a minute.
const maxAgain = 10

// TestRepeatBehindMany: what a customer's client sends again is known as that, however much the agent has said meanwhile, and over a restart.
func TestRepeatBehindMany(t *testing.T) {
	t.Parallel()
	w := newFake(t)
	d := &dialogue{w: w, t: t, names: map[string]string{}, who: map[string]*client{}}
	d.login("anna")
	d.enter("anna")
	d.login("alice")
	alice, anna := d.who["alice"], d.who["anna"]
	say := func(c *client, to, body string) {
		must(t, c.send(stanza.New("", "message", "type", "chat", "to", to, "id", idOf(body)).Add(stanza.Text("", "body", body))))
	}
	hello := func() []*stanza.Element {
		say(alice, string(queueJID), "Hello")
		d.settle()
		return anna.pending(func(s *stanza.Element) bool { return s.Local == "message" && s.ChildText("", "body") == "Hello" })
	}
	contact := string(hello()[0].From().Bare())
	for i := range 200 {
		say(anna, contact, fmt.Sprintf("answer %d", i))
	}
	d.settle()
	if got := hello(); len(got) != 1 {
		t.Errorf("anna got a repeat behind 200 messages as new: %s", got[1])
	}
	w.restart()
	if got := hello(); len(got) != 1 {
		t.Errorf("anna got a repeat after a restart as new: %s", got[1])
	}
}
