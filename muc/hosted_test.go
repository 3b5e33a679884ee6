package muc

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"frontdesk/component/stanza"
)

// caseRoom is a hosted room for anna and carol, with a customer in it.
func caseRoom() RoomConfig {
	return RoomConfig{
		Local: "case.7", Name: "Case 7", Service: "desk", Subject: "#7 Alice", Guests: []Guest{{"customer", "Alice (customer)"}},
		Affiliations: map[string]Affiliation{"anna@agents.example": Member, "carol@agents.example": Member},
		Nicks:        map[string]string{"anna@agents.example": "Anna", "carol@agents.example": "Carol"},
	}
}

// hostedStage is a house whose caller hosts case.7; nobody can make a room of that kind.
func hostedStage(t *testing.T) *stage {
	g := newStage(t)
	g.play("testdata/include/everybody.txt")
	g.take(g.s.Host(g.now, caseRoom()))
	clear(g.inbox)
	return g
}

func (g *stage) said(to stanza.JID) []string {
	var all []string
	for _, e := range g.inbox[to] {
		switch {
		case e.Local == "presence" && e.Type() != "":
			all = append(all, e.Type()+" "+e.From().Resource())
		case e.Local == "presence":
			item := e.Child(nsUser, "x").Child(nsUser, "item")
			all = append(all, e.From().Resource()+" "+item.Attr("role"))
		case e.Has("", "subject"):
			all = append(all, "subject "+e.ChildText("", "subject"))
		default:
			all = append(all, e.From().Resource()+": "+e.ChildText("", "body"))
		}
	}
	delete(g.inbox, to)
	return all
}

func (g *stage) expect(to stanza.JID, want ...string) {
	g.t.Helper()
	if got := g.said(to); !slices.Equal(got, want) {
		g.t.Errorf("%s got\n%q, want\n%q", to, got, want)
	}
}

func words(s *Service, id, body string) *stanza.Element {
	return s.Words("case.7", Guest{"customer", "Alice (customer)"}, id, stanza.New("", "message").Add(stanza.Text("", "body", body)))
}

// TestHosted: what a hosted room is to those whom it admits, from its beginning to its end.
func TestHosted(t *testing.T) {
	t.Parallel()
	g := hostedStage(t)
	carol := stanza.JID("carol@agents.example/phone")
	g.s.Recall("case.7", []Fact{{Kind: Message, At: g.now, ID: "i1", Words: words(g.s, "i1", "Hello")}})
	g.send(anna, join("x").Set("to", "case.7@desk.example/x"))
	g.expect(anna, "desk moderator", "Alice (customer) participant", "Anna participant", "Alice (customer): Hello", "subject #7 Alice")

	g.take(g.s.Mirror(g.now, "case.7", "i2", words(g.s, "i2", "Are you there?")))
	g.expect(anna, "Alice (customer): Are you there?")
	g.send(anna, parse(t, `<message type='groupchat' id='m1' to='case.7@desk.example'><body>What do I say?</body></message>`))
	if f := g.facts[len(g.facts)-1]; f.Kind != Message || f.Room != "case.7" || f.From != "anna@agents.example" {
		t.Errorf("her words are the fact %+v", f)
	}
	g.said(anna)
	g.send(carol, join("x").Set("to", "case.7@desk.example/x"))
	g.expect(carol, "desk moderator", "Alice (customer) participant", "Anna participant", "Carol participant",
		"Alice (customer): Hello", "Alice (customer): Are you there?", "Anna: What do I say?", "subject #7 Alice")
	g.expect(anna, "Carol participant")

	// A guest answers as a person does who tells nothing.
	g.send(anna, parse(t, `<iq type='get' id='d1' to='case.7@desk.example/Alice (customer)'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`))
	if got := g.inbox[anna]; len(got) != 1 || !strings.Contains(got[0].String(), "<identity category='account' type='registered' name='Alice (customer)'/><feature var='http://jabber.org/protocol/disco#info'/></query>") {
		t.Errorf("the customer's discovery gives %v", got)
	}
	clear(g.inbox)

	// Nobody may change it, nor speak to a guest, nor for one.
	for _, x := range []string{
		`<iq type='set' id='1' to='case.7@desk.example'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='member' jid='bob@agents.example'/></query></iq>`,
		`<iq type='set' id='1' to='case.7@desk.example'><query xmlns='http://jabber.org/protocol/muc#admin'><item role='none' nick='Alice (customer)'/></query></iq>`,
		`<iq type='set' id='1' to='case.7@desk.example'><query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query></iq>`,
		`<message type='chat' id='1' to='case.7@desk.example/Alice (customer)'><body>Psst</body></message>`,
		`<message type='groupchat' id='1' to='case.7@desk.example'><subject>Mine</subject></message>`,
		`<presence id='1' to='case.7@desk.example/Alice (customer)'/>`,
	} {
		before := len(g.facts)
		g.send(anna, parse(t, x))
		if got := g.inbox[anna]; len(got) == 0 || got[0].Type() != "error" || len(g.facts) != before {
			t.Errorf("%s gives %v, facts %+v", x, got, g.facts[before:])
		}
		clear(g.inbox)
	}

	// It follows its thread: another guest, another subject, fewer people, and nobody may speak.
	rc := caseRoom()
	rc.Subject, rc.Mute, rc.Guests = "#7 Alice, closed", true, []Guest{{"customer", "Alice Miller (customer)"}}
	rc.Affiliations = map[string]Affiliation{"anna@agents.example": Member}
	g.take(g.s.Host(g.now, rc))
	g.expect(anna, "subject #7 Alice, closed", "unavailable Carol", "Anna visitor", "unavailable Alice (customer)", "Alice Miller (customer) participant")
	g.send(anna, parse(t, `<message type='groupchat' id='m2' to='case.7@desk.example'><body>Hm</body></message>`))
	if got := g.inbox[anna]; len(got) != 1 || got[0].Type() != "error" {
		t.Errorf("speaking gives %v", got)
	}
	clear(g.inbox)

	// A restart: its session is put back, and nothing of the room is in the snapshot.
	snap, err := g.s.Snapshot()
	if err != nil || strings.Contains(string(snap), "case.7") {
		t.Fatalf("snapshot: %v %s", err, snap)
	}
	s := New(g.config(), testSalt)
	for _, f := range g.facts {
		if err := s.Apply(f); err != nil {
			t.Fatal(err)
		}
	}
	if s.Hosted("case.7") || slices.Contains(s.Rooms(), "case.7") {
		t.Error("facts alone made the room")
	}
	s.Host(g.now, rc)
	for key, value := range g.rows {
		if err := s.RestoreSession(key, value); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.Sessions("case.7", "anna@agents.example")) != 1 {
		t.Error("her session is gone")
	}

	if g.s.Empty("case.7") {
		t.Error("a room with somebody in it is not empty")
	}
	g.take(g.s.Dismiss(g.now, "case.7", "lobby@desk.example", "Closed"))
	last := g.inbox[anna]
	if len(last) != 1 || last[0].Child(nsUser, "x").Child(nsUser, "destroy") == nil || !strings.Contains(last[0].String(), "lobby@desk.example") {
		t.Errorf("the end is told as %v", last)
	}
	if g.s.Hosted("case.7") || slices.ContainsFunc(sortedRows(g), func(k string) bool { return strings.HasPrefix(k, "case.7") }) {
		t.Error("something of the room is left")
	}
}

func sortedRows(g *stage) []string {
	var all []string
	for k := range g.rows {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

// TestHostedIsHidden: for who is not admitted, be he a stranger or an agent, a hosted room answers as one does that is not there.
func TestHostedIsHidden(t *testing.T) {
	t.Parallel()
	g := hostedStage(t)
	g.send(anna, join("x").Set("to", "case.7@desk.example/x"))
	clear(g.inbox)
	for _, who := range []stanza.JID{"bob@agents.example/phone", "dave@partner.example/phone", "eve@evil.example/x", "walter@customers.example/x"} {
		for _, p := range probes {
			var answers []string
			for _, room := range []string{"case.7", "case.8"} {
				before := len(g.facts)
				g.now = g.now.Add(strangerEvery)
				g.send(who, parse(t, fmt.Sprintf(p, room+"@desk.example")))
				if len(g.facts) != before {
					t.Fatalf("%s changed something by %s", who, p)
				}
				a := ""
				for jid, got := range g.inbox {
					if jid.Bare() != who.Bare() {
						t.Fatalf("%s reached %s by %s", who, jid, p)
					}
					for _, e := range got {
						a += e.String()
					}
				}
				clear(g.inbox)
				answers = append(answers, strings.ReplaceAll(a, room, "ROOM"))
			}
			if answers[0] != answers[1] {
				t.Errorf("%s: different answers to %s:\n%s", who, p, strings.Join(answers, "\n"))
			}
		}
	}
}

// TestStaffChanges: another config changes at once who is what, and a room that yields lets its people say so.
func TestStaffChanges(t *testing.T) {
	t.Parallel()
	g := newStage(t)
	g.play("testdata/include/everybody.txt")
	clear(g.inbox)
	cfg := g.config()
	lobby := &cfg.Rooms[0]
	lobby.Affiliations = map[string]Affiliation{"olga@agents.example": Owner, "anna@agents.example": Admin, "carol@agents.example": Admin, "dora@agents.example": Member}
	lobby.Nicks = map[string]string{"olga@agents.example": "Olga", "anna@agents.example": "Anna", "dora@agents.example": "Dora"}
	lobby.Yields = func(jid string) bool { return jid == "anna@agents.example" }
	g.take(g.s.Reconfigure(g.now, cfg))
	g.expect("bob@agents.example/phone", "unavailable Bob")
	if a := g.s.Affiliation("lobby", "dora@agents.example"); a != Member {
		t.Errorf("dora is %v", a)
	}
	clear(g.inbox)
	lower := `<iq type='set' id='1' to='lobby@desk.example'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='member' jid='%s'/></query></iq>`
	for jid, typ := range map[string]string{"anna@agents.example": "result", "carol@agents.example": "error"} {
		g.send("olga@agents.example/phone", parse(t, fmt.Sprintf(lower, jid)))
		i := slices.IndexFunc(g.inbox["olga@agents.example/phone"], func(e *stanza.Element) bool { return e.Local == "iq" })
		if i < 0 || g.inbox["olga@agents.example/phone"][i].Type() != typ {
			t.Errorf("lowering %s: %v", jid, g.inbox["olga@agents.example/phone"])
		}
		clear(g.inbox)
	}
}

// TestNobodyLooksLikeAGuest: who is admitted to a hosted room under a nick of his own choice is not taken for the customer in it.
func TestNobodyLooksLikeAGuest(t *testing.T) {
	t.Parallel()
	g := hostedStage(t)
	rc := caseRoom()
	rc.Affiliations["bob@agents.example"] = Member
	g.take(g.s.Host(g.now, rc))
	g.send(bob, join("x").Set("to", "case.7@desk.example/Аlice (сustomer)"))
	if got := g.inbox[bob]; len(got) != 1 || !strings.Contains(got[0].String(), "<conflict ") {
		t.Errorf("as good as the customer's name gives %v", got)
	}
	clear(g.inbox)
	g.send(bob, join("x").Set("to", "case.7@desk.example/Alicia"))
	if _, in := g.s.Session("case.7", bob); !in {
		t.Error("another name is refused, too")
	}
}
