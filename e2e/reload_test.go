package e2e

import (
	"fmt"
	"strings"
	"testing"

	"frontdesk/component/stanza"
)

// TestReloadLosesNothing: a customer writes while the configuration, and with it who serves him, changes all the time. Every
// word is confirmed to him once, and reaches an agent.
func TestReloadLosesNothing(t *testing.T) {
	t.Parallel()
	const words, every = 200, 5
	d := &dialogue{w: newFake(t), t: t, names: map[string]string{}, who: map[string]*client{}}
	for _, name := range []string{"anna", "bob", "olga"} {
		d.login(name)
		d.enter(name)
	}
	d.login("alice")
	alice, olga := d.client("alice"), d.client("olga")
	say := func(c *client, to, id, text string) {
		must(t, c.send(stanza.New("", "message", "type", "chat", "to", to, "id", id).Add(
			stanza.Text("", "body", text), stanza.New("urn:xmpp:receipts", "request"))))
	}
	file := d.w.conf.Load().(string)
	changes := []string{
		strings.Replace(file, `"anna@agents.localhost", "bob@agents.localhost", "carol@agents.localhost"`, `"bob@agents.localhost"`, 1),
		strings.Replace(file, `"anna@agents.localhost", "bob@agents.localhost", "carol@agents.localhost"`, `"anna@agents.localhost"`, 1),
		strings.Replace(file, `name = "support"`, "name = \"support\"\nmode = \"all\"", 1),
		"[[queue]", // a fault
		file,
	}
	for i := range words {
		say(alice, "support@"+frontDomain, fmt.Sprintf("a%d", i), fmt.Sprintf("word %d", i))
		if i%every == 0 {
			d.w.configure(changes[i/every%len(changes)])
			say(olga, "desk@"+deskDomain, fmt.Sprintf("o%d", i), "!reload")
			answered := func(s *stanza.Element) bool {
				body := s.ChildText("", "body")
				return strings.HasPrefix(body, "The configuration was") || strings.HasPrefix(body, "Nothing was changed")
			}
			if olga.await(answered) == nil {
				t.Fatal("no answer to !reload")
			}
		}
	}
	d.settle()
	confirmed, heard := map[string]int{}, map[string]bool{}
	for _, s := range alice.pending(isMessage) {
		if r := s.Child("urn:xmpp:receipts", "received"); r != nil {
			confirmed[r.Attr("id")]++
		} else if s.Type() == "error" {
			t.Errorf("refused: %s", s)
		}
	}
	for _, name := range []string{"anna", "bob"} {
		for _, s := range d.client(name).pending(isMessage) {
			heard[s.ChildText("", "body")] = true
		}
	}
	for i := range words {
		if confirmed[fmt.Sprintf("a%d", i)] != 1 || !heard[fmt.Sprintf("word %d", i)] {
			t.Errorf("word %d: confirmed %d times, heard %v", i, confirmed[fmt.Sprintf("a%d", i)], heard[fmt.Sprintf("word %d", i)])
		}
	}
	if len(heard) < words {
		t.Errorf("heard %d", len(heard))
	}
}

// TestHired: a member of the lobby who becomes an agent need not enter again.
func TestHired(t *testing.T) {
	t.Parallel()
	w := prepareFake(t, t.TempDir())
	w.top = fmt.Sprintf("members = [%q]", agentsHost)
	w.start()
	play(w, scene{"part-hired.txt", false})
}
