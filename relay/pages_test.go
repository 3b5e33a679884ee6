package relay

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"frontdesk/component/stanza"
)

// foyer is a hall with an agent in its lobby, where customers come with pages.
type foyer struct{ *hall }

func newFoyer(t *testing.T) *foyer {
	cfg := hallConfig(t, `
[[queue]]
name = "support"
[[agent]]
jid = "anna@agents.localhost"
`)
	cfg.Web.UsersSecret = []byte(strings.Repeat("site", 10))
	f := &foyer{newHall(t, cfg)}
	t.Cleanup(f.drop)
	f.say("anna@agents.localhost/x", `<presence to='lobby@desk.localhost/Anna'><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
	f.take()
	return f
}

// claims has a page claim with what is given, and returns the answer.
func (f *foyer) claims(page, attrs string) *stanza.Element {
	f.t.Helper()
	f.say(page, `<iq type='set' id='claim' to='support@help.localhost'><claim xmlns='urn:frontdesk:0' `+attrs+`/></iq>`)
	for _, l := range f.take() {
		if l.el.Local == "iq" && string(l.el.To()) == page {
			return l.el
		}
	}
	f.t.Fatal("no answer to a claim")
	return nil
}

func (f *foyer) token(sub string) string {
	f.t.Helper()
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": sub, "name": sub, "exp": f.r.now.Add(time.Hour).Unix()}).SignedString(f.cfg.Web.UsersSecret)
	if err != nil {
		f.t.Fatal(err)
	}
	return "token='" + text + "'"
}

// says has a page write, and returns the contact that anna hears it from.
func (f *foyer) says(page, text string) stanza.JID {
	f.t.Helper()
	f.say(page, fmt.Sprintf(`<message to='support@help.localhost' type='chat' id='%s'><body>%[1]s</body><request xmlns='urn:xmpp:receipts'/></message>`, text))
	for _, l := range f.take() {
		if !l.front && l.el.ChildText("", "body") == text {
			return l.el.From().Bare()
		}
	}
	f.t.Fatalf("anna never heard %q", text)
	return ""
}

// hears are the pages that are sent a text, as it is or within something else.
func (f *foyer) hears(text string) (pages []stanza.JID) {
	for _, l := range f.take() {
		if l.front && strings.Contains(l.el.String(), text) {
			pages = append(pages, l.el.To())
		}
	}
	return pages
}

func (f *foyer) key(answer *stanza.Element) string {
	return "key='" + answer.Child(nsClaim, "claim").Attr("key") + "'"
}

// TestClaimOfAnother: what is said to a customer goes to the address that he wrote from; nobody else's key is taken there, whatever it comes with.
func TestClaimOfAnother(t *testing.T) {
	t.Parallel()
	f := newFoyer(t)
	const page, other = "v1@customers.localhost/a", "v2@customers.localhost/a"
	own := f.key(f.claims(page, ""))
	contact := f.says(page, "one")
	f.claims(other, f.token("u2"))
	f.says(other, "two")
	for with, refused := range map[string]bool{
		f.token("u2"): true, f.token("u3"): true, own + " " + f.token("u2"): true, f.key(f.claims(other, f.token("u2"))): true, "": true, own: false,
	} {
		answer := f.claims(page, with)
		if e, _ := stanza.ErrorOf(answer); e.Condition == "conflict" != refused {
			t.Errorf("a claim with %s is answered with %s", with, answer)
		}
	}
	if got := f.says(page, "three"); got != contact {
		t.Errorf("what the page says comes from %s, not %s", got, contact)
	}
	f.say("anna@agents.localhost/x", `<message to='`+string(contact)+`' type='chat' id='r'><body>For one</body></message>`)
	if got := f.hears("For one"); !slices.Equal(got, []stanza.JID{page}) {
		t.Errorf("it goes to %s", got)
	}
	if f.key(f.claims(page, own+" "+f.token("u3"))) == own || f.says(page, "four") != contact {
		t.Error("who signs in afterwards is somebody else")
	}
}

// TestClaimAnew: a page that has not written and claims another key is not shown what belongs to the one before.
func TestClaimAnew(t *testing.T) {
	t.Parallel()
	f := newFoyer(t)
	const page, elsewhere = "v1@customers.localhost/a", "v2@customers.localhost/a"
	f.claims(page, f.token("u1"))
	f.claims(page, f.token("u2"))
	f.claims(elsewhere, f.token("u1"))
	f.say(elsewhere, `<message to='support@help.localhost' type='chat' id='a1'><body>Of one</body></message>`)
	if got := f.hears("Of one"); slices.Contains(got, page) {
		t.Errorf("it goes to %s", got)
	}
}

// TestBouncedIsGone: what bounces tells agents that a customer is not there, before or without his presence.
func TestBouncedIsGone(t *testing.T) {
	t.Parallel()
	f := newFoyer(t)
	const phone = "alice@home.example/phone"
	contact := f.says(phone, "one")
	f.say(phone, `<presence to='support@help.localhost'/>`)
	f.say("anna@agents.localhost/x", `<message to='`+string(contact)+`' type='chat' id='r'><body>Hello</body></message>`)
	var hello *stanza.Element
	for _, l := range f.take() {
		if l.front && l.el.ChildText("", "body") == "Hello" {
			hello = l.el
		}
	}
	f.send(true, stanza.Error{Type: "cancel", Condition: "service-unavailable"}.Reply(hello))
	f.say(phone, `<presence to='support@help.localhost' type='unavailable'/>`)
	var shows []string
	for _, l := range f.take() {
		if !l.front && l.el.Local == "presence" && l.el.From().Bare() == contact {
			shows = append(shows, l.el.ChildText("", "show"))
		}
	}
	if !slices.Equal(shows, []string{"away"}) {
		t.Errorf("anna is shown %q", shows)
	}
}

// TestEraseClaims: of a customer who is erased the pages that had his conversation before keep nothing either.
func TestEraseClaims(t *testing.T) {
	t.Parallel()
	f := newFoyer(t)
	for i := range 2 * maxPages {
		page := fmt.Sprintf("v%d@customers.localhost/a", i)
		f.claims(page, f.token("maria@shop.example"))
		f.says(page, fmt.Sprint("From page ", i))
	}
	f.claims("other@customers.localhost/a", f.token("u2"))
	proof, err := f.r.erase(t.Context(), Whom{Address: "v15@customers.localhost"}, func(fn func()) error { fn(); return f.r.broken })
	var left []string
	if err == nil {
		err = f.r.store.Rows(tableClaim, func(page string, _ []byte) error { left = append(left, page); return nil })
	}
	if err != nil || proof.Found != 0 || proof.Rows[tableClaim] != maxPages || !slices.Equal(left, []string{"other@customers.localhost"}) {
		t.Errorf("claims are left of %q: %+v, %v", left, proof, err)
	}
}

// TestExpectedAfterRestart: a page of who is signed in and has not written yet shows what he then says elsewhere, though the desk began anew meanwhile.
func TestExpectedAfterRestart(t *testing.T) {
	t.Parallel()
	f := newFoyer(t)
	f.clock.now = time.Now() // what is old by it is forgotten at a start
	f.step()
	const first, second = "v1@customers.localhost/a", "v2@customers.localhost/a"
	f.claims(first, f.token("u1"))
	f.close()
	f.open()
	f.claims(second, f.token("u1"))
	f.say(second, `<message to='support@help.localhost' type='chat' id='a1'><body>On my phone</body></message>`)
	if got := f.hears("On my phone"); !slices.Contains(got, first) {
		t.Errorf("only %s are shown it", got)
	}
	f.says(first, "On my desk")
	if claim := new(claimRow); f.r.row(tableClaim, "v1@customers.localhost", claim) {
		t.Errorf("the claim is there yet: %+v", claim)
	}
}
