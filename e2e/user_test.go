package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"frontdesk/component/stanza"
)

// TestUser: who is signed in at the site is the same customer on every device; what he said there before he signed in
// stays his; agents see who he is; nobody else gets his thread.
func TestUser(t *testing.T) {
	t.Parallel()
	w := prepareFake(t, t.TempDir())
	secret := strings.Repeat("site", 10)
	file := filepath.Join(w.dir, "users.secret")
	must(t, os.WriteFile(file, []byte(secret+"\n"), 0o600))
	w.more = "users_secret_file = \"" + file + "\""
	w.start()
	token := func(sub, name string) string {
		text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
			"sub": sub, "name": name, "email": sub + "@shop.example", "exp": w.clock.Now().Add(time.Hour).Unix(),
		}).SignedString([]byte(secret))
		must(t, err)
		return text
	}
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
