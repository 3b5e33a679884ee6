package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"frontdesk/component/stanza"
)

// usersWorld is a desk that believes a site, and makes the site's tokens.
func usersWorld(t *testing.T) (w *world, token func(sub, name string) string) {
	t.Helper()
	w = prepareFake(t, t.TempDir())
	sign := w.believeSite()
	w.start()
	return w, func(sub, name string) string { return sign(sub, name, w.clock.Now()) }
}

// believeSite configures a site whose tokens, signed by what it returns, are believed from the next start on.
func (w *world) believeSite() (sign func(sub, name string, now time.Time) string) {
	secret := strings.Repeat("site", 10)
	file := filepath.Join(w.dir, "users.secret")
	must(w.t, os.WriteFile(file, []byte(secret+"\n"), 0o600))
	w.diaryOf().keeps("the site's secret", secret)
	w.more = "users_secret_file = \"" + file + "\""
	return func(sub, name string, now time.Time) string {
		text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
			"sub": sub, "name": name, "email": sub + "@shop.example", "exp": now.Add(time.Hour).Unix(),
		}).SignedString([]byte(secret))
		must(w.t, err)
		w.diaryOf().keeps("a token of "+sub, text)
		return text
	}
}

// TestUser: who is signed in at the site is the same customer on every device; what he said there before he signed in
// stays his; agents see who he is; nobody else gets his thread.
func TestUser(t *testing.T) {
	t.Parallel()
	w, token := usersWorld(t)
	d := &dialogue{w: w, t: t, names: map[string]string{}, who: map[string]*client{}, at: "user"}
	d.login("anna")
	d.enter("anna")
	queue := "support@" + frontDomain
	claims := func(who, token, key string) string {
		t.Helper()
		d.login(who)
		c := stanza.New("urn:frontdesk:0", "claim")
		if token != "" {
			c.Set("token", token)
		}
		if key != "" {
			c.Set("key", key)
		}
		must(t, d.who[who].send(stanza.New("", "iq", "type", "set", "to", queue, "id", "claim").Add(c)))
		answer := d.who[who].await(func(s *stanza.Element) bool { return s.Local == "iq" && s.ID() == "claim" })
		if answer == nil || answer.Type() != "result" {
			t.Fatalf("%s: %s", who, answer)
		}
		return answer.Child("urn:frontdesk:0", "claim").Attr("key")
	}
	says := func(who, text string) stanza.JID {
		t.Helper()
		must(t, d.who[who].send(stanza.New("", "message", "type", "chat", "to", queue, "id", text).Add(stanza.Text("", "body", text))))
		m := d.who["anna"].await(func(s *stanza.Element) bool { return isMessage(s) && s.ChildText("", "body") == text })
		if m == nil {
			t.Fatalf("anna never heard %q", text)
		}
		return m.From().Bare()
	}
	anonymous := claims("alice", "", "")
	first := says("alice", "Before I sign in")
	key := claims("bela", token("u17", "Maria"), anonymous)
	if key == anonymous {
		t.Error("who signs in keeps the key of before")
	}
	if got := says("bela", "Signed in"); got != first {
		t.Errorf("signed in, the contact is %s, not %s", got, first)
	}
	if again := claims("chris", token("u17", "Maria"), ""); again != key {
		t.Error("the key of another device is another")
	}
	if got := says("chris", "On my phone"); got != first {
		t.Errorf("on another device the contact is %s, not %s", got, first)
	}
	must(t, d.who["anna"].send(stanza.New("", "message", "type", "chat", "to", string(first), "id", "info").Add(stanza.Text("", "body", "!info"))))
	info := d.who["anna"].await(func(s *stanza.Element) bool {
		return isMessage(s) && strings.Contains(s.ChildText("", "body"), "Signed in as: u17")
	})
	if info == nil || !strings.Contains(info.ChildText("", "body"), "u17@shop.example") {
		t.Errorf("!info says %s", info)
	}
	// Who has the old key, or signs in as somebody else with the new one, gets nothing of it.
	reads := func(who string) (n int) {
		t.Helper()
		must(t, d.who[who].send(stanza.New("", "iq", "type", "set", "to", queue, "id", "read").Add(stanza.New(stanza.NSMAM, "query"))))
		if fin := d.who[who].await(func(s *stanza.Element) bool { return s.Local == "iq" && s.ID() == "read" }); fin == nil || fin.Type() != "result" {
			t.Fatalf("%s: %s", who, fin)
		}
		return len(d.who[who].pending(func(s *stanza.Element) bool { return s.Child(stanza.NSMAM, "result") != nil }))
	}
	if n := reads("chris"); n < 3 {
		t.Errorf("on his phone Maria reads %d messages, want all", n)
	}
	claims("dan", "", anonymous)
	claims("emil", token("u18", "Emil"), key)
	for _, who := range []string{"dan", "emil"} {
		if n := reads(who); n > 0 {
			t.Errorf("%s reads %d messages of another", who, n)
		}
	}
	// A key that was not used for too long keeps nobody from signing in; who is signed in needs none.
	old := claims("fay", "", "")
	says("fay", "Long ago")
	d.settle()
	w.clock.advance(w.cfg.Times.Key + time.Hour)
	d.settle()
	for who, with := range map[string][2]string{"gus": {token("u17", "Maria"), old}, "hana": {"", key}} {
		if again := claims(who, with[0], with[1]); again != key {
			t.Errorf("%s gets another key after a long time", who)
		}
		if n := reads(who); n < 3 {
			t.Errorf("%s reads %d messages after a long time, want all", who, n)
		}
	}
}

// TestUserEverywhere: who is signed in has the conversation before him on all his devices: what agents say, what he says on another one, typing
// and marks. A device that came before he had ever written is one of them. The ninth page takes the place of the one that was used
// longest ago, and what that one had under way is still his.
func TestUserEverywhere(t *testing.T) {
	t.Parallel()
	w, token := usersWorld(t)
	d := &dialogue{w: w, t: t, names: map[string]string{}, who: map[string]*client{}, at: "user"}
	d.login("anna")
	d.enter("anna")
	anna := d.who["anna"]
	const queue, ns = "support@" + frontDomain, "urn:frontdesk:0"
	hears := func(who *client, what string, is func(s *stanza.Element) bool) *stanza.Element {
		t.Helper()
		m := who.await(func(s *stanza.Element) bool { return s.Local == "message" && is(s) })
		if m == nil {
			t.Fatalf("%s never heard %s", who.jid, what)
		}
		return m
	}
	body := func(text string) func(*stanza.Element) bool {
		return func(s *stanza.Element) bool { return isMessage(s) && s.ChildText("", "body") == text }
	}
	// said is what the customer said elsewhere.
	said := func(is func(m *stanza.Element) bool) func(*stanza.Element) bool {
		return func(s *stanza.Element) bool {
			return is(s.Child(ns, "said").Child("urn:xmpp:forward:0", "forwarded").Child("jabber:client", "message"))
		}
	}
	saidBody := func(text string) func(*stanza.Element) bool {
		return said(func(m *stanza.Element) bool { return m.ChildText("jabber:client", "body") == text })
	}
	page := func(name string) *client {
		t.Helper()
		c, err := w.customer(name)
		must(t, err)
		c.leak = t.Errorf
		must(t, c.send(stanza.New("", "iq", "type", "set", "to", queue, "id", "claim").Add(stanza.New(ns, "claim", "token", token("u17", "Maria")))))
		if answer := c.await(func(s *stanza.Element) bool { return s.Local == "iq" && s.ID() == "claim" }); answer == nil || answer.Type() != "result" {
			t.Fatalf("%s: %s", name, answer)
		}
		must(t, c.send(stanza.New("", "presence", "to", queue)))
		return c
	}
	says := func(c *client, text string) stanza.JID {
		t.Helper()
		must(t, c.send(stanza.New("", "message", "type", "chat", "to", queue, "id", text).Add(stanza.Text("", "body", text), stanza.New("urn:xmpp:receipts", "request"))))
		return hears(anna, text, body(text)).From().Bare()
	}
	laptop, phone := page("laptop"), page("phone")
	contact := says(laptop, "From the laptop")
	answers := func(id, text string) {
		t.Helper()
		must(t, anna.send(stanza.New("", "message", "type", "chat", "to", string(contact), "id", id).Add(
			stanza.Text("", "body", text), stanza.New("urn:xmpp:chat-markers:0", "markable"))))
	}
	first := hears(phone, "what the laptop said", saidBody("From the laptop")).Child(ns, "said").Child("urn:xmpp:forward:0", "forwarded").Child("jabber:client", "message")
	if first.ID() != "From the laptop" || first.To() != queue || first.From().Bare() == queue {
		t.Errorf("the phone is shown %s", first)
	}
	if got := says(phone, "From the phone"); got != contact {
		t.Errorf("from the phone the contact is %s, not %s", got, contact)
	}
	hears(laptop, "what the phone said", saidBody("From the phone"))
	answers("b1", "To both")
	seen := ""
	for _, c := range []*client{laptop, phone} {
		seen = hears(c, "the answer", body("To both")).ID()
		if more := c.pending(body("To both")); len(more) > 0 {
			t.Errorf("%s hears it again", c.jid)
		}
	}
	must(t, anna.send(stanza.New("", "message", "type", "chat", "to", string(contact)).Add(stanza.New("http://jabber.org/protocol/chatstates", "composing"))))
	for _, c := range []*client{laptop, phone} {
		hears(c, "that she types", func(s *stanza.Element) bool { return s.Has("http://jabber.org/protocol/chatstates", "composing") })
	}
	must(t, phone.send(stanza.New("", "message", "type", "chat", "to", queue).Add(stanza.New("urn:xmpp:chat-markers:0", "displayed", "id", seen))))
	hears(laptop, "that it was read on the phone", said(func(m *stanza.Element) bool {
		return m.Has("urn:xmpp:chat-markers:0", "displayed") && m.Child("urn:xmpp:chat-markers:0", "displayed").Attr("id") == seen
	}))
	// A correction and a reaction are his on both, too.
	must(t, laptop.send(stanza.New("", "message", "type", "chat", "to", queue, "id", "fix").Add(
		stanza.Text("", "body", "From my phone"), stanza.New("urn:xmpp:message-correct:0", "replace", "id", "From the phone"))))
	hears(phone, "the correction", said(func(m *stanza.Element) bool {
		return m.Has("urn:xmpp:message-correct:0", "replace") && m.Child("urn:xmpp:message-correct:0", "replace").Attr("id") == "From the phone"
	}))

	// One device goes: he has not left, and the other one goes on.
	hears(anna, "the correction", body("From my phone"))
	phone.drop()
	answers("b2", "Still there?")
	hears(laptop, "it", body("Still there?"))
	must(t, anna.fence("desk@"+deskDomain))
	left := func(s *stanza.Element) bool { return s.Has("http://jabber.org/protocol/chatstates", "gone") }
	if gone := anna.pending(left); len(gone) > 0 {
		t.Errorf("anna is told that he left: %s", gone[0])
	}

	// Seven more: the laptop is the one that was used longest ago only once there are nine.
	var all []*client
	for i := range 7 {
		all = append(all, page(fmt.Sprintf("tablet%d", i)))
	}
	answers("b3", "To eight")
	for _, c := range append([]*client{laptop}, all...) {
		hears(c, "it", body("To eight"))
	}
	ninth := page("ninth")
	hears(laptop, "that it is one too many", func(s *stanza.Element) bool { return s.Has(ns, "released") })
	if got := says(laptop, "Under way"); got != contact {
		t.Errorf("what was under way came from %s, not %s", got, contact)
	}
	hears(ninth, "it", saidBody("Under way"))
	answers("b4", "To the last eight")
	for _, c := range append([]*client{ninth}, all...) {
		hears(c, "it", body("To the last eight"))
	}
	must(t, laptop.fence(queue))
	if more := laptop.pending(func(s *stanza.Element) bool { return body("To the last eight")(s) || saidBody("Under way")(s) }); len(more) > 0 {
		t.Errorf("the page that has it no longer hears %s", more[0])
	}
	for _, c := range append([]*client{ninth}, all...) {
		c.drop()
	}
	hears(anna, "that he left", left)

	// The desk starts again while he is on two devices, whose sockets are kept by somebody else: both are his yet.
	laptop, phone = page("laptop2"), page("phone2")
	w.restart()
	says(laptop, "After the restart")
	hears(phone, "it", saidBody("After the restart"))
}
