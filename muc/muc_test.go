package muc

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"frontdesk/component/stanza"
)

const (
	anna = stanza.JID("anna@agents.example/phone")
	bob  = stanza.JID("bob@agents.example/phone")
)

func parse(t testing.TB, xml string) *stanza.Element {
	t.Helper()
	e, err := stanza.Parse(xml)
	if err != nil {
		t.Fatalf("%s: %v", xml, err)
	}
	return e
}

func join(nick string) *stanza.Element {
	return stanza.New("", "presence", "to", "lobby@desk.example/"+nick).Add(stanza.New(nsMUC, "x"))
}

// probes is what a stranger could send to find something out, to a room %s.
var probes = []string{
	`<presence id='1' to='%s/N'><x xmlns='http://jabber.org/protocol/muc'/></presence>`,
	`<presence id='1' to='%s/Carol'><x xmlns='http://jabber.org/protocol/muc'/></presence>`,
	`<presence id='1' to='%s'><x xmlns='http://jabber.org/protocol/muc'/></presence>`,
	`<presence id='1' to='%s/Carol'/>`,
	`<presence type='probe' id='1' to='%s/Carol'/>`,
	`<presence type='subscribe' id='1' to='%s'/>`,
	`<presence type='unavailable' id='1' to='%s/Carol'/>`,
	`<presence type='error' id='1' to='%s/Carol'/>`,
	`<message type='groupchat' id='1' to='%s'><body>x</body></message>`,
	`<message type='groupchat' id='1' to='%s'><subject>x</subject></message>`,
	`<message type='chat' id='1' to='%s/Carol'><body>x</body></message>`,
	`<message type='chat' id='1' to='%s/desk'><body>x</body></message>`,
	`<message id='1' to='%s'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='a@b.example'/></x></message>`,
	`<message id='1' to='%s'><x xmlns='http://jabber.org/protocol/muc#user'><decline to='carol@agents.example'/></x></message>`,
	`<message type='error' id='1' to='%s'><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`,
	`<iq type='get' id='1' to='%s'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`,
	`<iq type='get' id='1' to='%s'><query xmlns='http://jabber.org/protocol/disco#info' node='x-roomuser-item'/></iq>`,
	`<iq type='get' id='1' to='%s'><query xmlns='http://jabber.org/protocol/disco#info' node='x'/></iq>`,
	`<iq type='get' id='1' to='%s'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>`,
	`<iq type='get' id='1' to='%s'><ping xmlns='urn:xmpp:ping'/></iq>`,
	`<iq type='get' id='1' to='%s'><vCard xmlns='vcard-temp'/></iq>`,
	`<iq type='get' id='1' to='%s'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='owner'/></query></iq>`,
	`<iq type='set' id='1' to='%s'><query xmlns='http://jabber.org/protocol/muc#admin'><item nick='Carol' role='none'/></query></iq>`,
	`<iq type='get' id='1' to='%s'><query xmlns='http://jabber.org/protocol/muc#owner'/></iq>`,
	`<iq type='get' id='1' to='%s'><query xmlns='jabber:iq:register'/></iq>`,
	`<iq type='set' id='1' to='%s'><query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' type='submit'><field var='muc#register_roomnick'><value>x</value></field></x></query></iq>`,
	`<iq type='set' id='1' to='%s'><vCard xmlns='vcard-temp'/></iq>`,
	`<message id='1' to='%s'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#register</value></field><field var='muc#register_allow'><value>1</value></field></x></message>`,
	`<iq type='get' id='1' to='%s'><query xmlns='urn:xmpp:mam:2'/></iq>`,
	`<iq type='set' id='1' to='%s'><query xmlns='urn:xmpp:mam:2' queryid='q'/></iq>`,
	`<iq type='set' id='1' to='%s'><query xmlns='urn:xmpp:mam:2'><x xmlns='jabber:x:data'><field var='no'><value>1</value></field></x></query></iq>`,
	`<iq type='get' id='1' to='%s'><metadata xmlns='urn:xmpp:mam:2'/></iq>`,
	`<iq type='set' id='1' to='%s'><moderate xmlns='urn:xmpp:message-moderate:1' id='id-1'><retract xmlns='urn:xmpp:message-retract:1'/></moderate></iq>`,
	`<iq type='set' id='1' to='%s'><apply-to xmlns='urn:xmpp:fasten:0' id='id-1'><moderate xmlns='urn:xmpp:message-moderate:0'><retract xmlns='urn:xmpp:message-retract:0'/></moderate></apply-to></iq>`,
	`<iq type='get' id='1' to='%s/Carol'><ping xmlns='urn:xmpp:ping'/></iq>`,
	`<iq type='get' id='1' to='%s/Carol'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`,
	`<iq type='get' id='1' to='%s/desk'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`,
	`<iq type='result' id='1' to='%s/Carol'/>`,
}

// TestStrangersLearnNothing compares, for each probe, a room full of people, one that is
// empty and one that does not exist: the answers differ in the room's name only.
func TestStrangersLearnNothing(t *testing.T) {
	t.Parallel()
	g := newStage(t)
	g.play("testdata/include/everybody.txt")
	g.play("testdata/include/team.txt")                             // for everybody
	g.send(anna, join("Anna").Set("to", "vault@desk.example/Anna")) // locked
	g.send("carol@agents.example/phone", parse(t, `<message type='groupchat' to='lobby@desk.example'><subject>Secret</subject></message>`))
	clear(g.inbox)
	for _, who := range []stanza.JID{"eve@evil.example/x", "walter@customers.example/x", "ghost@desk.example/x", "evil.example"} {
		for _, p := range probes {
			var answers []string
			for _, room := range []string{"lobby", "cabinet", "nowhere", "team", "vault"} {
				before := len(g.events) + len(g.facts)
				g.now = g.now.Add(strangerEvery) // else all are answered that they are too many
				g.send(who, parse(t, fmt.Sprintf(p, room+"@desk.example")))
				if len(g.events)+len(g.facts) != before {
					t.Fatalf("%s changed something by %s", who, p)
				}
				a := ""
				for jid, got := range g.inbox {
					if jid.Bare() != who.Bare() {
						t.Fatalf("%s reached %s by %s", who, jid, p)
					}
					for _, e := range got {
						if e.Type() == "" || strings.Contains(e.String(), "Secret") || strings.Contains(e.String(), "agents.example") {
							t.Fatalf("%s was told %s", who, e)
						}
						a += e.String()
					}
				}
				clear(g.inbox)
				answers = append(answers, strings.ReplaceAll(a, room, "ROOM"))
			}
			if len(slices.Compact(slices.Clone(answers))) != 1 {
				t.Errorf("%s: different answers to %s:\n%s", who, p, strings.Join(answers, "\n"))
			}
			if answers[0] == "" && strings.HasPrefix(p, "<iq type='get'") {
				t.Errorf("%s: no answer to %s", who, p)
			}
		}
	}
}

// TestFloor: the config is the floor, what is granted lasts, a denied domain stays outside.
func TestFloor(t *testing.T) {
	t.Parallel()
	s := New(testConfig(), testSalt)
	set := func(jid string, a Affiliation) {
		if err := s.Apply(Fact{Kind: Affiliated, Room: "lobby", JID: jid, Affiliation: a}); err != nil {
			t.Fatal(err)
		}
	}
	set("anna@agents.example", Outcast)
	set("bob@agents.example", Admin)
	set("dave@partner.example", Outcast)
	set("dora@partner.example", Admin)
	set("walter@customers.example", Owner)
	set("new.example", Member)
	set("bad@new.example", Outcast)
	set("eve@evil.example", Member)
	set("eve@evil.example", None)
	want := map[stanza.JID]Affiliation{
		"anna@agents.example/x": Member, "bob@agents.example": Admin, "olga@agents.example": Owner,
		"nobody@agents.example": None, "dave@partner.example": Outcast, "dora@partner.example": Admin,
		"dan@partner.example": Member, "walter@customers.example": None, "a@new.example": Member,
		"bad@new.example": Outcast, "eve@evil.example": None, "anna@agents.example.evil": None,
	}
	check := func(s *Service) {
		t.Helper()
		for jid, a := range want {
			if got := s.Affiliation("lobby", jid); got != a {
				t.Errorf("%s is %v, want %v", jid, got, a)
			}
		}
	}
	check(s)
	snap, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	again := New(testConfig(), testSalt)
	if err := again.Restore(snap); err != nil {
		t.Fatal(err)
	}
	check(again)
	if twice, _ := again.Snapshot(); string(twice) != string(snap) {
		t.Errorf("snapshots differ:\n%s\n%s", snap, twice)
	}
	if err := s.Apply(Fact{Kind: 199}); err == nil {
		t.Error("an unknown kind was applied")
	}
}

// TestOutside: what relay does in a room by itself.
func TestOutside(t *testing.T) {
	t.Parallel()
	g := newStage(t)
	g.play("testdata/include/everybody.txt")
	only := func(to stanza.JID, want string) {
		t.Helper()
		if err := g.receives(to, parse(t, want)); err != nil {
			t.Error(err)
		}
	}
	g.take(g.s.Say(g.now, "lobby", "A customer waits", "say1"))
	for _, to := range []stanza.JID{anna, bob, "carol@agents.example/phone"} {
		only(to, `<message type='groupchat' id='say1' from='lobby@desk.example/desk'><body>A customer waits</body>
			<occupant-id xmlns='urn:xmpp:occupant-id:0' id='{any}'/><stanza-id xmlns='urn:xmpp:sid:0' by='lobby@desk.example' id='say1'/></message>`)
	}
	if got := g.kept(); !slices.Equal(got, []string{"100 lobby from= nick=desk"}) {
		t.Errorf("kept %q", got)
	}
	g.take(g.s.Tell("lobby", anna, "Only you", "tell1"))
	only(anna, `<message type='chat' id='tell1' from='lobby@desk.example/desk'><body>Only you</body>
		<x xmlns='http://jabber.org/protocol/muc#user'/><no-copy xmlns='urn:xmpp:hints'/></message>`)
	g.take(g.s.Invite("lobby", "olga@agents.example", "", "Your desk"))
	only("olga@agents.example/phone", `<message from='lobby@desk.example' id='{any}'>
		<x xmlns='http://jabber.org/protocol/muc#user'><invite from='lobby@desk.example/desk'><reason>Your desk</reason></invite></x>
		<x xmlns='jabber:x:conference' jid='lobby@desk.example' reason='Your desk'/></message>`)

	command := parse(t, `<message type='groupchat' id='c1' to='lobby@desk.example'><body>!who</body></message>`)
	out, ok := g.s.Echo(g.now, command.Set("from", string(anna)), "e1")
	g.take(out)
	if only(anna, `<message type='groupchat' id='c1' from='lobby@desk.example/Anna'><body>!who</body></message>`); !ok || len(out.Facts) > 0 {
		t.Error("an echo was kept, or there was none")
	}
	if _, ok := g.s.Echo(g.now, command.Set("from", "olga@agents.example/phone"), "e2"); ok {
		t.Error("an echo for somebody who is not in the room")
	}
	for _, empty := range []Out{
		g.s.Say(g.now, "nowhere", "x", "1"), g.s.Say(g.now, "cabinet", "x", "1"), g.s.Tell("lobby", "olga@agents.example/phone", "x", "1"),
		g.s.Tell("nowhere", anna, "x", "1"), g.s.Invite("nowhere", anna, "", ""),
	} {
		if len(empty.Send)+len(empty.Facts) > 0 {
			t.Errorf("sent %v", empty)
		}
	}
	if len(g.inbox) > 0 {
		t.Errorf("more was sent: %v", g.inbox)
	}
	all := g.s.Sessions("lobby", "anna@agents.example")
	if one, ok := g.s.Session("lobby", anna); len(all) != 1 || !ok || all[0] != one || one.Nick != "Anna" || !one.Confirmed {
		t.Errorf("sessions %v, session %v", all, one)
	}
}

// TestOrphans: a restored session that may not be there any more is told so, and its row goes.
func TestOrphans(t *testing.T) {
	t.Parallel()
	g := newStage(t)
	row := `{"nick":"%s","presence":"<presence/>"}`
	for jid, nick := range map[string]string{"eve@evil.example/x": "Eve", "dave@partner.example/x": "Carol", "anna@agents.example/x": "Annie"} {
		g.rows["lobby\x00"+jid] = []byte(fmt.Sprintf(row, nick))
	}
	g.rows["gone\x00bob@agents.example/x"] = []byte(fmt.Sprintf(row, "Bob"))
	g.restart()
	if n := g.s.Unconfirmed(); n != 0 {
		t.Errorf("%d sessions in the room", n)
	}
	g.take(g.s.Verify(g.now))
	if len(g.rows) != 0 || len(g.inbox) != 4 || len(g.events) != 4 {
		t.Errorf("rows %v, told %v, events %v", g.rows, g.inbox, g.events)
	}
	want := parse(t, `<presence type='unavailable' from='lobby@desk.example/Eve'><x xmlns='http://jabber.org/protocol/muc#user'>
		<item affiliation='none' role='none' jid='eve@evil.example/x'/><status code='110'/><status code='333'/></x></presence>`)
	if err := g.receives("eve@evil.example/x", want); err != nil {
		t.Error(err)
	}
	for _, bad := range [][2]string{{"lobby", "{}"}, {"lobby\x00a@b/c", "no"}, {"lobby\x00a@b/c", `{"presence":"<"}`}, {"\x00a@b/c", fmt.Sprintf(row, "A")}} {
		if err := g.s.RestoreSession(bad[0], []byte(bad[1])); err == nil {
			t.Errorf("restored %q", bad)
		}
	}
}

// TestBounds: what is too large or too much is refused, by an error that says whether to come again.
func TestBounds(t *testing.T) {
	t.Parallel()
	g := newStage(t)
	g.play("testdata/include/everybody.txt")
	big := strings.Repeat("x", defaultMaxStanza-headroom)
	condition := func(to stanza.JID) string {
		t.Helper()
		got := g.inbox[to]
		clear(g.inbox)
		if len(got) == 0 {
			return ""
		}
		e, _ := stanza.ErrorOf(got[len(got)-1])
		return e.Type + "/" + e.Condition
	}
	for _, to := range []string{"lobby@desk.example", "lobby@desk.example/Bob"} {
		typ := "groupchat"
		if strings.Contains(to, "/") {
			typ = "chat"
		}
		g.send(anna, stanza.New("", "message", "type", typ, "to", to).Add(stanza.Text("", "body", big)))
		if got := condition(anna); got != "modify/policy-violation" {
			t.Errorf("%s: %s", to, got)
		}
	}
	g.send("carol@agents.example/phone", stanza.New("", "message", "type", "groupchat", "to", "lobby@desk.example").Add(stanza.Text("", "subject", big[:maxSubject])))
	if got := condition("carol@agents.example/phone"); got != "modify/policy-violation" {
		t.Errorf("subject: %s", got)
	}
	g.send(anna, stanza.New("", "presence", "to", "lobby@desk.example/Anna").Add(
		stanza.Text("", "show", "dnd"), stanza.Text("", "status", big), stanza.Text("urn:example", "x", big)))
	if p := g.inbox[bob][0]; len(p.String()) > 2*maxStatus || p.ChildText("", "show") != "dnd" {
		t.Errorf("presence of %d bytes", len(p.String()))
	}
	for i := range maxSessions {
		g.send(stanza.JID(fmt.Sprintf("anna@agents.example/%d", i)), join("Anna"))
	}
	if got := condition(stanza.JID(fmt.Sprintf("anna@agents.example/%d", maxSessions-1))); got != "wait/resource-constraint" {
		t.Errorf("too many sessions: %s", got)
	}
	for i := range maxRelayedEach + 1 {
		g.send(anna, stanza.New("", "iq", "type", "get", "id", itoa(i), "to", "lobby@desk.example/Bob").Add(stanza.New(nsVersion, "query")))
	}
	if got := condition(anna); got != "wait/resource-constraint" {
		t.Errorf("too many questions: %s", got)
	}
	many := stanza.New(nsAdmin, "query")
	for i := range maxItems + 1 {
		many.Add(stanza.New(nsAdmin, "item", "jid", fmt.Sprintf("n%d@new.example", i), "affiliation", "member"))
	}
	g.send("carol@agents.example/phone", stanza.New("", "iq", "type", "set", "to", "lobby@desk.example").Add(many))
	if got := condition("carol@agents.example/phone"); got != "modify/bad-request" {
		t.Errorf("too many items: %s", got)
	}
	for card, want := range map[string]string{big[:maxCard]: "modify/policy-violation", big[:maxCard-100]: ""} {
		g.send("olga@agents.example/x", stanza.New("", "iq", "type", "set", "to", "lobby@desk.example").Add(stanza.New(nsVCard, "vCard").Add(stanza.Text(nsVCard, "NOTE", card))))
		if got := strings.Trim(condition("olga@agents.example/x"), "/"); got != want {
			t.Errorf("a vCard of %d bytes: %q", len(card), got)
		}
	}
	g.s.rooms["cabinet"].cardBytes = maxCards // as if many rooms had one
	g.send("olga@agents.example/x", parse(t, `<iq type='set' to='lobby@desk.example'><vCard xmlns='vcard-temp'><FN>x</FN></vCard></iq>`))
	if got := condition("olga@agents.example/x"); got != "wait/resource-constraint" {
		t.Errorf("too many vCards: %s", got)
	}
	h := history{limit: 1000, most: historyBytes}
	for range 40 {
		h.add(Fact{Words: stanza.Text("", "body", big[:100<<10])})
	}
	if h.bytes > historyBytes || len(h.said) != historyBytes/(100<<10+13) {
		t.Errorf("a history of %d messages, %d bytes", len(h.said), h.bytes)
	}
}

// TestFullRoom: admins and owners get into a room that is full.
func TestFullRoom(t *testing.T) {
	t.Parallel()
	g := newStage(t)
	for i := range maxOccupants {
		jid := stanza.JID(fmt.Sprintf("p%d@partner.example/x", i))
		if err := g.s.RestoreSession("lobby\x00"+string(jid), fmt.Appendf(nil, `{"nick":"p%d","presence":"<presence/>"}`, i)); err != nil {
			t.Fatal(err)
		}
	}
	g.send(anna, join("Anna"))
	if e, _ := stanza.ErrorOf(g.inbox[anna][0]); e.Type+"/"+e.Condition != "wait/service-unavailable" {
		t.Error(e)
	}
	g.send("carol@agents.example/phone", join("Carol"))
	if _, ok := g.s.Session("lobby", "carol@agents.example/phone"); !ok {
		t.Error("an admin was kept out")
	}
}

func TestPlainNick(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Anna": "Anna", "  A  b\tc ": "A b c", "Zoë": "Zoë", "李": "李", "❤\ufe0f": "❤", "Ａ": "A", "": "", " \u00a0 ": "", "a\u200bb": "", "a\u202eb": "",
		"\u3164": "", "a\x01": "", "\u0301": "", strings.Repeat("x", 64): strings.Repeat("x", 64), strings.Repeat("x", 65): "", "a\ufeff": "",
	} {
		if got, ok := plainNick(in); got != want && ok || ok != (want != "") {
			t.Errorf("%q: %q, %v", in, got, ok)
		}
	}
	for _, p := range [][2]string{{"Straße", "STRAßE"}, {"ΣΑΣ", "σας"}, {"Ångström", "ångSTRÖM"}, {"\u212Aelvin", "kelvin"}} {
		if fold(p[0]) != fold(p[1]) {
			t.Errorf("%q and %q are two nicks", p[0], p[1])
		}
	}
	if id := New(testConfig(), testSalt).keyed("a", "b"); id == New(testConfig(), []byte("another salt, of more bytes")).keyed("a", "b") || len(id) != 43 {
		t.Errorf("occupant id %q", id)
	}
}
