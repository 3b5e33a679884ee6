package muc

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"frontdesk/component/stanza"
)

// flood sends n of the same at once, and returns how often each answer came.
func (g *stage) flood(n int, who stanza.JID, xml string) map[string]int {
	g.t.Helper()
	for range n {
		g.send(who, parse(g.t, xml))
	}
	all := map[string]int{}
	for _, e := range g.inbox[who] {
		if x, failed := stanza.ErrorOf(e); failed {
			all[x.Type+"/"+x.Condition]++
		} else {
			all[e.Local]++
		}
	}
	clear(g.inbox)
	return all
}

// TestStrangerFloods: who knows no room and floods one is told to wait, then to stop, and then only his IQs are answered; in an
// hour all is forgotten. Nobody else is the worse for it.
func TestStrangerFloods(t *testing.T) {
	t.Parallel()
	g := newStage(t)
	g.play("testdata/include/everybody.txt")
	const eve, other = stanza.JID("eve@evil.example/x"), stanza.JID("edna@evil.example/x")
	check := func(got map[string]int, want string) {
		t.Helper()
		if fmt.Sprint(got) != want {
			t.Errorf("got %v, want %s", got, want)
		}
	}
	say := `<message type='groupchat' id='1' to='lobby@desk.example'><body>x</body></message>`
	ask := `<iq type='get' id='1' to='desk.example'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`
	check(g.flood(strangerBurst, eve, say), fmt.Sprintf("map[cancel/not-acceptable:%d]", strangerBurst))
	check(g.flood(5, eve, say), "map[wait/resource-constraint:5]")
	check(g.flood(3, eve, `<presence type='probe' id='1' to='lobby@desk.example/Anna'/>`), "map[]")
	g.now = g.now.Add(10 * strangerEvery)
	check(g.flood(12, eve, say), "map[cancel/not-acceptable:10 wait/resource-constraint:2]")
	check(g.flood(100, eve, say), fmt.Sprintf("map[wait/policy-violation:1 wait/resource-constraint:%d]", maxStrikes-5-3-2-1))
	check(g.flood(10, eve, `<presence to='lobby@desk.example/x'><x xmlns='http://jabber.org/protocol/muc'/></presence>`), "map[]")
	g.now = g.now.Add(silence - time.Second)
	check(g.flood(10, "eve@evil.example/another", ask), "map[wait/policy-violation:10]")
	check(g.flood(1, other, say), "map[cancel/not-acceptable:1]")
	check(g.flood(1, anna, ask), "map[iq:1]")
	g.now = g.now.Add(2 * time.Second)
	check(g.flood(2, eve, ask), "map[iq:2]")
}

// TestDomainFloods: many strangers of one domain are no more than a domain's worth, and the service forgets those it cannot keep.
func TestDomainFloods(t *testing.T) {
	t.Parallel()
	g := newStage(t)
	g.play("testdata/include/everybody.txt")
	heard := 0
	for i := range 3 * maxRates {
		who := stanza.JID(fmt.Sprintf("e%d@evil.example/x", i))
		if got := g.flood(1, who, `<message type='groupchat' id='1' to='lobby@desk.example'><body>x</body></message>`); got["wait/resource-constraint"] == 0 {
			heard++
		}
	}
	if heard != domainBurst {
		t.Errorf("%d were heard", heard)
	}
	if n := len(g.s.strangers.young) + len(g.s.strangers.old); n > 2*maxRates {
		t.Errorf("%d are remembered", n)
	}
	if got := g.flood(1, "dan@partner.example/x", `<iq type='get' id='1' to='lobby@desk.example'><ping xmlns='urn:xmpp:ping'/></iq>`); got["iq"] != 1 {
		t.Errorf("a member got %v", got)
	}
}

// TestPresenceFloods: whoever is in a large room may not make it busy with what he is; leaving is always heard.
func TestPresenceFloods(t *testing.T) {
	t.Parallel()
	g := newStage(t)
	g.play("testdata/include/everybody.txt")
	const people = 400
	const most = presenceBurst/people - 1 // what she entered with counted, too
	for i := range people - 3 {
		row := fmt.Appendf(nil, `{"nick":"p%d","presence":"<presence/>"}`, i)
		if err := g.s.RestoreSession(fmt.Sprintf("lobby\x00p%d@partner.example/x", i), row); err != nil {
			t.Fatal(err)
		}
	}
	for i := range most + 10 {
		g.send(anna, parse(t, fmt.Sprintf(`<presence id='p' to='lobby@desk.example/Anna'><status>%d</status></presence>`, i)))
	}
	if n := len(g.inbox[bob]); n != most {
		t.Errorf("he was told %d times", n)
	}
	last := g.inbox[anna][len(g.inbox[anna])-1]
	if e, _ := stanza.ErrorOf(last); e.Type+"/"+e.Condition != "wait/resource-constraint" || !strings.Contains(e.Text, "too fast") {
		t.Errorf("she was told %s", last)
	}
	g.send(anna, parse(t, `<presence type='unavailable' to='lobby@desk.example/Anna'/>`))
	if _, in := g.s.Session("lobby", anna); in {
		t.Error("she cannot leave")
	}
	g.now = g.now.Add(people * presenceEvery)
	g.send(anna, join("Anna"))
	if _, in := g.s.Session("lobby", anna); !in {
		t.Error("she cannot come back")
	}
}

// TestQuietPresences: a client comes and goes among few as often as it likes, as one does that enters all its rooms when it starts.
func TestQuietPresences(t *testing.T) {
	t.Parallel()
	g := newStage(t)
	g.play("testdata/include/everybody.txt")
	for i := range 1000 {
		room := fmt.Sprintf("r%d", i)
		g.send(anna, parse(t, fmt.Sprintf(`<presence to='%s@desk.example/Anna'><x xmlns='http://jabber.org/protocol/muc'/></presence>`, room)))
		if _, in := g.s.Session(room, anna); !in {
			t.Fatalf("she cannot enter %s: %s", room, g.inbox[anna][len(g.inbox[anna])-1])
		}
		g.send(anna, parse(t, fmt.Sprintf(`<presence type='unavailable' to='%s@desk.example/Anna'/>`, room)))
	}
	g.flood(1000, anna, `<presence to='lobby@desk.example/Anna'><show>away</show></presence>`)
	if got := g.flood(1, anna, `<presence to='lobby@desk.example/Anna'/>`); got["presence"] != 1 {
		t.Errorf("among few she got %v", got)
	}
}
