package muc

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"frontdesk/component/stanza"
)

// simulation plays random clients against the service and keeps, for every client, the
// picture of the room that it would draw from what it receives.
type simulation struct {
	*stage
	rng     *rand.Rand
	clients []*client
}

type client struct {
	jid   stanza.JID
	rooms map[string]*view
}

// view is a client's picture of a room.
type view struct {
	in   bool              // by what it was told: 110 came
	seen map[string]string // nick → affiliation, role and show
	nick string
}

// simRooms: team and den are there when somebody has made them.
var simRooms = []string{"lobby", "team", "den"}

func (c *client) view(room string) *view {
	if c.rooms[room] == nil {
		c.rooms[room] = &view{}
	}
	return c.rooms[room]
}

// run checks after every step what must always hold:
//  1. a session gets its own presence with 110 exactly when it enters, changes or leaves;
//  2. what a client has seen is what is there;
//  3. who is not in the room receives nothing but errors, refusals, results and invitations;
//  4. nobody but moderators and himself sees an address;
//  5. every presence says what its occupant is, and that once, and every stanza of an occupant has an occupant-id.
func (m *simulation) run(steps int) {
	for i := range steps {
		c := m.clients[m.rng.IntN(len(m.clients))]
		what := m.act(c)
		m.now = m.now.Add(time.Duration(m.rng.IntN(2000)) * time.Millisecond)
		m.deliver(fmt.Sprintf("step %d: %s", i, what))
	}
}

func (m *simulation) act(c *client) string {
	nicks := []string{"Anna", "Bob", "Carol", "Dave", "Dora", "desk", "Nobody", " Dave "}
	nick := nicks[m.rng.IntN(len(nicks))]
	local := simRooms[m.rng.IntN(len(simRooms))]
	room := local + "@desk.example"
	to := room + "/" + nick
	var xml string
	switch m.rng.IntN(20) {
	case 0, 1, 2:
		xml = fmt.Sprintf(`<presence id='j' to='%s'><x xmlns='%s'/><show>%s</show></presence>`, to, nsMUC, m.show())
	case 3, 4:
		xml = fmt.Sprintf(`<presence id='p' to='%s'><show>%s</show></presence>`, to, m.show())
	case 5:
		if own := c.view(local).nick; own != "" {
			to = room + "/" + own
		}
		xml = fmt.Sprintf(`<presence type='unavailable' to='%s'/>`, to)
	case 6, 7:
		xml = fmt.Sprintf(`<message type='groupchat' id='m' to='%s'><body>x</body></message>`, room)
	case 8:
		xml = fmt.Sprintf(`<message type='chat' id='c' to='%s'><body>x</body></message>`, to)
	case 9:
		xml = fmt.Sprintf(`<iq type='set' id='k' to='%s'><query xmlns='%s'><item nick='%s' role='%s'/></query></iq>`,
			room, nsAdmin, nick, []string{"none", "visitor", "participant", "moderator"}[m.rng.IntN(4)])
	case 10:
		target := m.clients[m.rng.IntN(len(m.clients))].jid.Bare()
		xml = fmt.Sprintf(`<iq type='set' id='a' to='%s'><query xmlns='%s'><item jid='%s' affiliation='%s'/></query></iq>`,
			room, nsAdmin, target, Affiliation(m.rng.IntN(5)))
	case 11:
		xml = fmt.Sprintf(`<message type='error' to='%s'><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`, room)
	case 12:
		xml = fmt.Sprintf(`<iq type='get' id='v' to='%s'><query xmlns='jabber:iq:version'/></iq>`, to)
	case 13:
		m.restart()
		m.take(m.s.Verify(m.now))
		return "restart"
	case 14, 15:
		xml = fmt.Sprintf(`<iq type='set' id='f' to='%s'><query xmlns='%s'><x xmlns='%s' type='submit'>%s</x></query></iq>`, room, nsOwner, nsForm, m.form())
	case 16:
		xml = fmt.Sprintf(`<iq type='set' id='r' to='%s'><query xmlns='%s'><x xmlns='%s' type='submit'><field var='%s'><value>%s</value></field></x></query></iq>`,
			room, nsRegister, nsForm, fieldNick, nick)
	case 19:
		target := m.clients[m.rng.IntN(len(m.clients))].jid.Bare()
		xml = fmt.Sprintf(`<message to='%s'><x xmlns='%s' type='submit'><field var='FORM_TYPE'><value>%s</value></field><field var='%s'><value>%s</value></field><field var='%s'><value>%s</value></field><field var='%s'><value>%d</value></field></x></message>`,
			room, nsForm, registerForm, fieldWho, target, fieldNick, nick, fieldAllow, m.rng.IntN(4))
	case 18:
		photo := []string{"", "<PHOTO><BINVAL>AAAA</BINVAL></PHOTO>", "<PHOTO><BINVAL>BBBB</BINVAL></PHOTO>"}[m.rng.IntN(3)]
		xml = fmt.Sprintf(`<iq type='set' id='v' to='%s'><vCard xmlns='%s'>%s</vCard></iq>`, room, nsVCard, photo)
	case 17:
		what := "<x xmlns='jabber:x:data' type='cancel'/>"
		if m.rng.IntN(4) == 0 && local == "den" { // else there would be nothing left to destroy
			what = "<destroy/>"
		}
		xml = fmt.Sprintf(`<iq type='set' id='d' to='%s'><query xmlns='%s'>%s</query></iq>`, room, nsOwner, what)
	}
	if r := m.s.rooms[local]; r != nil && r.maker != "" && (strings.Contains(xml, nsOwner) || strings.Contains(xml, nsVCard) || strings.Contains(xml, fieldAllow)) {
		for _, x := range m.clients {
			if string(x.jid.Bare()) == r.maker { // others are refused most of the time
				c = x
			}
		}
	}
	m.send(c.jid, parse(m.t, xml))
	return string(c.jid) + ": " + xml
}

// form is a random change of a room's settings, or none.
func (m *simulation) form() string {
	fields := []string{"moderatedroom", "membersonly", "persistentroom", "publicroom", "allowinvites", "changesubject", "whois", "presencebroadcast", ""}
	switch f := fields[m.rng.IntN(len(fields))]; f {
	case "":
		return ""
	case "whois":
		return fmt.Sprintf("<field var='muc#roomconfig_whois'><value>%s</value></field>", []string{"anyone", "moderators"}[m.rng.IntN(2)])
	case "presencebroadcast":
		values := "<value>moderator</value>"
		if m.rng.IntN(2) == 0 {
			values += "<value>participant</value><value>visitor</value>"
		}
		return "<field var='muc#roomconfig_presencebroadcast'>" + values + "</field>"
	default:
		return fmt.Sprintf("<field var='muc#roomconfig_%s'><value>%d</value></field>", f, m.rng.IntN(2))
	}
}

func (m *simulation) show() string { return []string{"away", "dnd", "xa", "chat"}[m.rng.IntN(4)] }

func (m *simulation) deliver(after string) {
	for _, c := range m.clients {
		for _, e := range m.inbox[c.jid] {
			m.see(c, e, after)
		}
		for _, room := range simRooms {
			v := c.view(room)
			sess, in := m.s.Session(room, c.jid)
			if in != v.in || in && sess.Nick != v.nick {
				m.t.Fatalf("%s\n%s thinks that it is in %s: %v as %q; it is: %v as %q", after, c.jid, room, v.in, v.nick, in, sess.Nick)
			}
			if in && fmt.Sprint(v.seen) != fmt.Sprint(m.picture(room, c.jid)) {
				m.t.Fatalf("%s\n%s has seen %v\nbut there are %v", after, c.jid, v.seen, m.picture(room, c.jid))
			}
		}
	}
	for _, r := range m.s.order {
		if r.fleeting() {
			m.t.Fatalf("%s\n%s is there, though nobody is in it", after, r.local)
		}
	}
	clear(m.inbox)
	m.events, m.fresh = nil, nil
}

// picture is what a client should see: everybody whose role is broadcast, and himself.
func (m *simulation) picture(room string, by stanza.JID) map[string]string {
	all := map[string]string{}
	r := m.s.rooms[room]
	for _, o := range r.occupants {
		show := ""
		if s := o.best(); s != nil {
			show = s.presence.ChildText("", "show")
		}
		if r.visible(o) || o == r.sessions[by].occ {
			all[o.nick] = fmt.Sprintf("%v %v %s", o.affiliation, o.role, show)
		}
	}
	return all
}

// see is what a client makes of a stanza.
func (m *simulation) see(c *client, e *stanza.Element, after string) {
	x := e.Child(nsUser, "x")
	invited := x.Has(nsUser, "invite") || strings.Contains(x.String(), "code='101'")
	room := e.From().Local()
	v := c.view(room)
	ids, xs := 0, 0
	for c := range e.Elements() {
		ids += map[bool]int{true: 1}[c.Is(nsOccupant, "occupant-id")]
		xs += map[bool]int{true: 1}[c.Is(nsUser, "x")]
	}
	if plain := e.Type() != "error" && e.Local != "iq" && e.From().Resource() != "" && !strings.Contains(x.String(), "code='333'"); plain && (ids != 1 || e.Local == "presence" && xs != 1) {
		m.t.Fatalf("%s\n%s received %s", after, c.jid, e)
	}
	if e.Local != "presence" || e.Type() == "error" || e.Type() == "unsubscribed" {
		if r := m.s.rooms[room]; (r == nil || !m.s.admits(r, c.jid.Bare())) && e.Type() != "error" && e.Type() != "result" && !invited && !v.in {
			m.t.Fatalf("%s\n%s is not admitted and received %s", after, c.jid, e)
		}
		return
	}
	nick, item := e.From().Resource(), x.Child(nsUser, "item")
	if nick == "" && e.Has(nsUpdate, "x") {
		if r := m.s.rooms[room]; r == nil || r.picture != e.Child(nsUpdate, "x").ChildText(nsUpdate, "photo") || !v.in {
			m.t.Fatalf("%s\n%s received %s", after, c.jid, e)
		}
		return
	}
	codes := ""
	for s := range x.Elements() {
		codes += " " + s.Attr("code")
	}
	self := strings.Contains(codes, " 110")
	if !v.in && v.seen == nil {
		v.seen = map[string]string{} // the others come before oneself
	}
	if jid := item.Attr("jid"); jid != "" && stanza.JID(jid) != c.jid {
		if self {
			m.t.Fatalf("%s\n%s received another's address: %s", after, c.jid, e)
		}
		if r := m.s.rooms[room]; r != nil && r.sessions[c.jid] != nil && !r.sees(r.sessions[c.jid].occ) && !strings.Contains(after, nsAdmin) && !strings.Contains(after, nsOwner) {
			m.t.Fatalf("%s\n%s, no moderator, received %s", after, c.jid, e)
		}
	}
	if strings.Contains(codes, "307 333") { // was never in the room
		v.seen = nil
		return
	}
	if e.Type() == "unavailable" {
		delete(v.seen, nick)
		if self && !strings.Contains(codes, "303") {
			*v = view{}
		}
		return
	}
	v.seen[nick] = item.Attr("affiliation") + " " + item.Attr("role") + " " + e.ChildText("", "show")
	if self {
		v.in, v.nick = true, nick
	}
}

func TestSimulation(t *testing.T) {
	t.Parallel()
	var facts [16][]Fact
	t.Cleanup(func() { // after all seeds: a simulation in which something never happens proves nothing of it
		kinds := map[Kind]int{}
		for _, f := range slices.Concat(facts[:]...) {
			kinds[f.Kind]++
		}
		for _, k := range []Kind{Message, Private, Affiliated, Created, Configured, Destroyed, Registered, Portrayed} {
			if kinds[k] < 10 {
				t.Errorf("%d facts of kind %d: %v", kinds[k], k, kinds)
			}
		}
	})
	for seed := range facts {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			m := &simulation{stage: newStage(t), rng: rand.New(rand.NewPCG(uint64(seed), 1))}
			for _, j := range []string{"olga", "carol", "anna", "anna/laptop", "bob", "dave", "dave/laptop", "dora", "mia", "mia/laptop", "eve", "walter"} {
				m.clients = append(m.clients, &client{jid: addressOf(j), rooms: map[string]*view{}})
			}
			m.run(500)
			m.replay()
			facts[seed] = m.facts
		})
	}
}

// TestSame: the same stanzas give the same output, byte by byte.
func TestSame(t *testing.T) {
	t.Parallel()
	render := func() string {
		var b strings.Builder
		m := &simulation{stage: newStage(t), rng: rand.New(rand.NewPCG(7, 7))}
		for _, j := range []string{"olga", "carol", "anna", "anna/laptop", "dave", "dora", "mia"} {
			m.clients = append(m.clients, &client{jid: addressOf(j), rooms: map[string]*view{}})
		}
		for range 300 {
			m.act(m.clients[m.rng.IntN(len(m.clients))])
			jids := make([]stanza.JID, 0, len(m.inbox))
			for j := range m.inbox {
				jids = append(jids, j)
			}
			slices.Sort(jids)
			for _, j := range jids {
				for _, e := range m.inbox[j] {
					b.WriteString(e.String())
				}
			}
			clear(m.inbox)
		}
		snap, err := m.s.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		return b.String() + string(snap)
	}
	if first, second := render(), render(); first != second {
		t.Error("the same stanzas gave different answers")
	}
}

// busyStage has people in the lobby, in the room team, in vault, which is locked, and in a hosted room.
func busyStage(t testing.TB) *stage {
	g := newStage(t)
	g.play("testdata/include/everybody.txt")
	g.play("testdata/include/team.txt")
	g.send(bob, join("Bob").Set("to", "vault@desk.example/Bob"))
	g.take(g.s.Host(g.now, caseRoom()))
	g.send(anna, join("Anna").Set("to", "case.7@desk.example/Anna"))
	clear(g.inbox)
	g.events = nil
	return g
}

// FuzzStep: whatever is parsed can be sent by anybody. Every request is answered, the output is bounded and well-formed (the
// stage checks from, to and XML), strangers change nothing, and the facts of all others alone give the state, a snapshot of which
// gives it again.
func FuzzStep(f *testing.F) {
	const everybody = 7
	for _, p := range probes {
		for by := range uint8(everybody) {
			f.Add(fmt.Sprintf(p, "lobby@desk.example"), by)
			f.Add(fmt.Sprintf(p, "team@desk.example"), by)
		}
	}
	f.Add(`<iq type='set' to='lobby@desk.example'/>`, uint8(1))
	for _, x := range []string{
		`<presence to='new@desk.example/N'><x xmlns='http://jabber.org/protocol/muc'/></presence>`,
		`<presence to='case.7@desk.example/N'><x xmlns='http://jabber.org/protocol/muc'><history maxchars='9'/></x></presence>`,
		`<iq type='set' to='%s'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'><field var='muc#roomconfig_roomdesc'><value>x</value></field><field var='muc#roomconfig_presencebroadcast'/><field var='muc#roomconfig_membersonly'><value>1</value></field></x></query></iq>`,
		`<iq type='set' to='%s'><query xmlns='http://jabber.org/protocol/muc#owner'><destroy jid='a@b'/></query></iq>`,
		`<iq type='set' to='%s'><query xmlns='http://jabber.org/protocol/muc#admin'><item jid='dave@partner.example' affiliation='outcast'/><item nick='Anna' role='visitor'/></query></iq>`,
		`<iq type='set' to='%s'><query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' type='submit'><field var='muc#register_roomnick'><value>x</value></field></x></query></iq>`,
		`<iq type='set' to='%s'><vCard xmlns='vcard-temp'><PHOTO><BINVAL>eA==</BINVAL></PHOTO></vCard></iq>`,
		`<message to='%s'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#request</value></field><field var='muc#request_allow'><value>1</value></field><field var='muc#roomnick'><value>desk</value></field></x></message>`,
		`<message to='%s'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#register</value></field><field var='muc#jid'><value>bob@agents.example</value></field><field var='muc#register_roomnick'><value>B</value></field><field var='muc#register_allow'><value>1</value></field></x></message>`,
		`<message type='groupchat' to='%s'><body>x</body><replace xmlns='urn:xmpp:message-correct:0' id='1'/><retract xmlns='urn:xmpp:message-retract:1' id='id-1'/></message>`,
	} {
		for by := range uint8(everybody) {
			f.Add(strings.ReplaceAll(x, "%s", "lobby@desk.example"), by)
			f.Add(strings.ReplaceAll(x, "%s", "team@desk.example"), by)
		}
	}
	f.Add(`<iq to='lobby@desk.example'><x/></iq>`, uint8(2))
	f.Add(`<iq type='result' to='lobby@desk.example/Anna'>text</iq>`, uint8(1))
	f.Add(`<presence to='@desk.example/'/>`, uint8(2))
	f.Add(`<message to='desk.example' type='groupchat'><subject/></message>`, uint8(1))
	f.Fuzz(func(t *testing.T, xml string, by uint8) {
		in, err := stanza.Parse(xml)
		if err != nil {
			return
		}
		who := []stanza.JID{"eve@evil.example/x", anna, "carol@agents.example/phone", "olga@agents.example/new",
			"walter@customers.example/x", "mia@maker.example/phone", "dave@partner.example/phone"}[by%everybody]
		g := busyStage(t)
		before := len(g.facts)
		typ, local, ours := in.Type(), in.Local, in.To().Domain() == "desk.example"
		g.send(who, in)
		if got := len(g.inbox[who]); ours && local == "iq" && (typ == "get" || typ == "set") && got == 0 &&
			!slices.ContainsFunc(relayable, func(f forwarding) bool { return in.First().Is(f.space, f.local) }) {
			t.Fatalf("no answer to %s", xml)
		}
		total := 0
		for _, got := range g.inbox {
			for _, e := range got {
				total += len(e.String())
			}
		}
		if limit := 50_000 + 8*6*len(xml); total > limit {
			t.Fatalf("%d bytes for %d", total, len(xml))
		}
		if stranger := who.Domain() == "evil.example" || who.Domain() == "customers.example"; stranger && len(g.facts)+len(g.events) > before {
			t.Fatalf("a stranger changed something by %s", xml)
		}
		g.replay()
		g.restart()
		g.replay()
	})
}

// FuzzStrangers: whatever a stranger sends to a room, be it open to others, locked, hosted, or not there, has the same answer,
// goes to him alone, and leaves no trace.
func FuzzStrangers(f *testing.F) {
	for _, p := range probes {
		for by := range uint8(4) {
			f.Add(strings.NewReplacer("%s/Carol", "", "%s/desk", "", "%s/N", "", "%s", "").Replace(p), "", by)
			f.Add(strings.NewReplacer("%s/Carol", "", "%s/desk", "", "%s/N", "", "%s", "").Replace(p), "Carol", by)
		}
	}
	rooms := []string{"lobby", "cabinet", "nowhere", "team", "vault", "case.7"}
	f.Fuzz(func(t *testing.T, xml, nick string, by uint8) {
		in, err := stanza.Parse(xml)
		if err != nil || slices.ContainsFunc(rooms, func(r string) bool { return strings.Contains(xml+nick, r) }) {
			return
		}
		who := []stanza.JID{"eve@evil.example/x", "walter@customers.example/x", "ghost@desk.example/x", "evil.example"}[by%4]
		g := busyStage(t)
		facts, rows := len(g.facts), len(g.rows)
		was, _ := g.s.Snapshot()
		first := ""
		for i, room := range rooms {
			to := stanza.MakeJID(room, "desk.example", nick)
			g.send(who, in.Clone().Set("to", string(to)))
			answer := ""
			for jid, got := range g.inbox {
				if jid.Bare() != who.Bare() {
					t.Fatalf("%s reached %s by %s", who, jid, xml)
				}
				for _, e := range got {
					answer += strings.ReplaceAll(e.String(), room, "ROOM")
				}
			}
			clear(g.inbox)
			if i == 0 {
				first = answer
			}
			if answer != first {
				t.Fatalf("%s has two answers to %s:\n%s\n%s", who, xml, first, answer)
			}
		}
		if now, _ := g.s.Snapshot(); len(g.facts) != facts || len(g.events) > 0 || len(g.rows) != rows || string(now) != string(was) {
			t.Fatalf("%s changed something by %s", who, xml)
		}
	})
}

// FuzzStranger: whatever somebody sends whom no room admits, the answer says nothing of the room: it is the same for one full of
// people, for one that is empty and for one that is not there, but for the name. Nobody else hears of it, and nothing changes.
func FuzzStranger(f *testing.F) {
	for _, p := range probes {
		f.Add(fmt.Sprintf(p, "lobby@desk.example"), false)
		f.Add(fmt.Sprintf(p, "lobby@desk.example"), true)
	}
	for _, x := range []string{
		`<presence to='lobby@desk.example/N'><x xmlns='http://jabber.org/protocol/muc'><password>x</password><history since='2020-01-01T00:00:00Z'/></x></presence>`,
		`<presence type='subscribed' to='lobby@desk.example'/>`, `<presence type='unsubscribe' to='lobby@desk.example/Anna'/>`, `<presence type='foo' to='lobby@desk.example'/>`,
		`<message type='headline' to='lobby@desk.example'><body>x</body></message>`, `<message type='foo' to='lobby@desk.example/Carol'/>`,
		`<message to='lobby@desk.example'><x xmlns='jabber:x:conference' jid='lobby@desk.example'/></message>`,
		`<iq type='set' id='1' to='lobby@desk.example'><query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query></iq>`,
		`<iq type='get' id='1' to='lobby@desk.example'><query xmlns='http://jabber.org/protocol/muc#admin'><item role='moderator'/></query></iq>`,
		`<iq type='set' id='1' to='lobby@desk.example'><query xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'><before/></set></query></iq>`,
		`<iq type='get' id='1' to='lobby@desk.example/Carol'><vCard xmlns='vcard-temp'/></iq>`, `<iq type='error' id='1' to='lobby@desk.example/Carol'/>`,
		`<iq type='set' id='1' to='lobby@desk.example'><command xmlns='http://jabber.org/protocol/commands' node='x'/></iq>`,
		`<iq type='get' id='1' to='desk.example'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>`, `<iq type='get' to='desk.example/x'><x/></iq>`,
	} {
		f.Add(x, false)
		f.Add(x, true)
	}
	f.Fuzz(func(t *testing.T, xml string, banned bool) {
		in, err := stanza.Parse(xml)
		if err != nil {
			return
		}
		const eve = stanza.JID("eve@evil.example/x")
		text := in.Set("from", string(eve)).String()
		rooms := []string{"lobby", "cabinet", "nowhere"}
		if rest := strings.ToLower(strings.ReplaceAll(text, "lobby@desk.example", "")); slices.ContainsFunc(rooms, func(r string) bool { return strings.Contains(rest, r) }) {
			return // the answers could not be told from the question
		}
		var first string
		for i, room := range rooms {
			g := newStage(t)
			g.play("testdata/include/everybody.txt")
			if banned { // of another room: he is no less a stranger in these
				g.play("testdata/include/team.txt")
				g.send("mia@maker.example/phone", parse(t, `<iq type='set' to='team@desk.example'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='outcast' jid='eve@evil.example'/></query></iq>`))
			}
			clear(g.inbox)
			before := len(g.facts) + len(g.events) + len(g.rows)
			e, err := stanza.Parse(strings.ReplaceAll(text, "lobby@desk.example", room+"@desk.example"))
			if err != nil {
				return // what was parsed cannot be written as it was
			}
			g.send(eve, e)
			if len(g.facts)+len(g.events)+len(g.rows) != before {
				t.Fatalf("a stranger changed something by %s", e)
			}
			answer := ""
			for jid, got := range g.inbox {
				for _, x := range got {
					if jid.Bare() != eve.Bare() {
						t.Fatalf("a stranger reached %s by %s", jid, e)
					}
					answer += x.String()
				}
			}
			answer = strings.ReplaceAll(answer, room, "ROOM")
			if i == 0 {
				first = answer
			} else if answer != first {
				t.Fatalf("%s\nof %s: %s\nof the lobby: %s", text, room, answer, first)
			}
		}
	})
}

// full is a service with n sessions in its lobby.
func full(b *testing.B, n int) *Service {
	b.Helper()
	s := New(testConfig(), testSalt)
	for i := range n {
		jid := fmt.Sprintf("p%d@partner.example/x", i)
		out := s.Step(time.Unix(0, 0), join(fmt.Sprintf("p%d", i)).Set("from", jid), "id")
		if len(out.Rows) != 1 {
			b.Fatal("not in")
		}
	}
	return s
}

func BenchmarkMessageTo50(b *testing.B) {
	s, now := full(b, 50), time.Unix(0, 0)
	in := parse(b, `<message type='groupchat' id='m1' from='p7@partner.example/x' to='lobby@desk.example'><body>Has anybody seen the order of Mr Miller from last week?</body><active xmlns='http://jabber.org/protocol/chatstates'/><origin-id xmlns='urn:xmpp:sid:0' id='m1'/></message>`)
	b.ReportAllocs()
	for b.Loop() {
		if out := s.Step(now, in, "id"); len(out.Send) != 1 || len(out.Send[0].To) != 50 {
			b.Fatal(out)
		}
	}
}

func BenchmarkJoinInto50(b *testing.B) {
	s, now := full(b, 50), time.Unix(0, 0)
	for i := range 50 {
		s.Step(now, parse(b, fmt.Sprintf(`<message type='groupchat' id='m%d' from='p7@partner.example/x' to='lobby@desk.example'><body>Has anybody seen the order?</body></message>`, i)), fmt.Sprint(i))
	}
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(presenceEvery)
		if out := s.Step(now, join("New").Set("from", "new@partner.example/x"), "id"); len(out.Send) < 57 {
			b.Fatal(len(out.Send))
		}
		s.Step(now, parse(b, `<presence type='unavailable' from='new@partner.example/x' to='lobby@desk.example/New'/>`), "id")
	}
}
