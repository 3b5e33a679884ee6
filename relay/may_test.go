package relay

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"frontdesk/component/stanza"
	"frontdesk/config"
)

var update = flag.Bool("update", false, "write into testdata what happens now")

// Who may what: every role tries every action at every address, and testdata/may.txt says what comes of it.

// role is who tries.
type role struct {
	name string
	jid  stanza.JID
	desk config.Role // at the desk; "" is nobody
}

var roles = []role{
	{"stranger", "eve@evil.example/x", ""},
	{"server", "evil.example", ""},
	{"customer", "alice@home.example/phone", ""}, // of thread 1
	{"other", "chris@home.example/phone", ""},    // of thread 2, which is closed
	{"web", "v1@customers.localhost/tab", ""},    // of thread 4
	{"twin", "anna@customers.localhost/x", ""},   // a customer's account that is called as an agent's
	{"member", "pat@partner.localhost/phone", ""},
	{"former", "fred@agents.localhost/bureau", ""}, // was removed
	{"host", "agents.localhost", ""},               // the server of the agents
	{"owner", "anna@agents.localhost/bureau", config.Agent},
	{"joined", "jo@agents.localhost/bureau", config.Agent}, // of another queue, but has joined thread 1
	{"agent", "bob@agents.localhost/bureau", config.Agent}, // of the same queue
	{"away", "dora@agents.localhost/bureau", config.Agent}, // of another queue
	{"boss", "carol@agents.localhost/bureau", config.Supervisor},
	{"admin", "olga@agents.localhost/bureau", config.Admin},
}

// place is where.
type place struct {
	name   string
	to     stanza.JID
	front  bool   // by the front's link
	thread string // the number that commands name there; "" where the address says it
	orders bool   // only commands are tried
}

var places = []place{
	{"queue", "support@help.localhost", true, "1", false},
	{"front", "help.localhost", true, "1", false},
	{"door", "welcome@help.localhost", true, "1", false},
	{"crossed", "alice.1@desk.localhost", true, "1", false}, // no server does that
	{"contact", "alice.1@desk.localhost", false, "", false},
	{"closed", "chris.2@desk.localhost", false, "", false},
	{"foreign", "bela.3@desk.localhost", false, "", false}, // of another queue
	{"misspelt", "alicia.1@desk.localhost", false, "", false},
	{"absent", "alice.999@desk.localhost", false, "", false},
	{"case", "case.1@desk.localhost", false, "", false},
	{"case/owner", "case.1@desk.localhost/Anna", false, "", false},
	{"case/guest", "case.1@desk.localhost/Alice (customer)", false, "", false},
	{"case/desk", "case.1@desk.localhost/desk", false, "", false},
	{"case-closed", "case.2@desk.localhost", false, "", false},
	{"case-foreign", "case.3@desk.localhost", false, "", false},
	{"case-absent", "case.999@desk.localhost", false, "", false},
	{"lobby", "lobby@desk.localhost", false, "1", false},
	{"lobby/owner", "lobby@desk.localhost/Anna", false, "1", false},
	{"lobby/nobody", "lobby@desk.localhost/Nobody", false, "1", false},
	{"lobby/desk", "lobby@desk.localhost/desk", false, "1", false},
	{"room", "den@desk.localhost", false, "1", false}, // the admin's, of which the owner is a member
	{"room/admin", "den@desk.localhost/Olga", false, "1", false},
	{"room-absent", "nowhere@desk.localhost", false, "1", false},
	{"service", "desk.localhost", false, "1", false},
	{"desk", "desk@desk.localhost", false, "1", false},
	{"desk-closed", "desk@desk.localhost", false, "2", true},
	{"desk-foreign", "desk@desk.localhost", false, "3", true},
	{"desk-absent", "desk@desk.localhost", false, "999", true},
	{"swapped", "support@help.localhost", false, "1", false}, // no server does that
}

// alike are places that nobody may tell from each other who may not know what is there. Who is of the desk may know all
// that is in its own queues.
var alike = []struct {
	there, nowhere string
	known          string // to whom
}{
	{"contact", "absent", "owner joined agent boss admin"},
	{"closed", "absent", "owner agent boss admin"},
	{"foreign", "absent", "joined away boss admin"},
	{"misspelt", "absent", ""},
	{"case", "case-absent", "owner joined agent boss admin"},
	{"case-closed", "case-absent", "owner agent boss admin"},
	{"case-foreign", "case-absent", "joined away boss admin"},
	{"desk-closed", "desk-absent", "owner agent boss admin"},
	{"desk-foreign", "desk-absent", "joined away boss admin"},
	{"lobby", "room-absent", "member owner joined agent away boss admin"},
	{"room", "room-absent", "member owner joined agent away boss admin"},
}

// room reports whether groups talk there.
func (p *place) room() bool {
	local := p.to.Local()
	return !p.front && p.to.Resource() == "" && (strings.HasPrefix(local, "case.") || slices.Contains([]string{lobby, "den", "nowhere"}, local))
}

// action is what is tried.
type action struct {
	name string
	xml  func(p *place) string
}

const (
	iqGet = "<iq type='get'>%s</iq>"
	iqSet = "<iq type='set'>%s</iq>"
)

// plainActions are all but commands; the name says the kind of stanza.
var plainActions = [][3]string{
	{"message", "chat", `<message type='chat'><body>Hello</body><request xmlns='urn:xmpp:receipts'/></message>`},
	{"message", "normal", `<message><body>Hello</body></message>`},
	{"message", "groupchat", `<message type='groupchat'><body>Hello</body></message>`},
	{"message", "headline", `<message type='headline'><body>Hello</body></message>`},
	{"message", "error", `<message type='error'><body>Hello</body><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`},
	{"message", "odd-type", `<message type='odd'><body>Hello</body></message>`},
	{"message", "empty", `<message type='chat'/>`},
	{"message", "late-command", "<message type='chat'><body>Hello\n!close</body></message>"},
	{"message", "typing", `<message type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`},
	{"message", "marker", `<message type='chat'><displayed xmlns='urn:xmpp:chat-markers:0' id='a1'/></message>`},
	{"message", "correction", `<message type='chat'><body>Hallo</body><replace xmlns='urn:xmpp:message-correct:0' id='a1'/></message>`},
	{"message", "command-correction", `<message type='chat'><body>!close</body><replace xmlns='urn:xmpp:message-correct:0' id='a1'/></message>`},
	{"message", "reaction", `<message type='chat'><reactions xmlns='urn:xmpp:reactions:0' id='a1'><reaction>+</reaction></reactions></message>`},
	{"message", "reply", `<message type='chat'><body>Yes</body><reply xmlns='urn:xmpp:reply:0' id='a1'/></message>`},
	{"message", "retraction", `<message type='chat'><retract xmlns='urn:xmpp:message-retract:1' id='a1'/><body>taken back</body></message>`},
	{"message", "encrypted", `<message type='chat'><encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'/><payload>x</payload></encrypted><body>OMEMO</body></message>`},
	{"message", "subject", `<message type='groupchat'><subject>News</subject></message>`},
	{"message", "group-retraction", `<message type='groupchat'><retract xmlns='urn:xmpp:message-retract:1' id='a1'/></message>`},
	{"message", "private-x", `<message type='chat'><body>Hello</body><x xmlns='http://jabber.org/protocol/muc#user'/></message>`},
	{"message", "invite", `<message><x xmlns='http://jabber.org/protocol/muc#user'><invite to='new@elsewhere.example'><reason>Come</reason></invite></x></message>`},
	{"message", "invite-customer", `<message><x xmlns='http://jabber.org/protocol/muc#user'><invite to='v1@customers.localhost'/></x></message>`},
	{"message", "decline", `<message><x xmlns='http://jabber.org/protocol/muc#user'><decline to='anna@agents.localhost'><reason>No</reason></decline></x></message>`},
	{"message", "direct-invite", `<message><x xmlns='jabber:x:conference' jid='lobby@desk.localhost'/></message>`},
	{"message", "voice-request", `<message><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#request</value></field><field var='muc#role'><value>participant</value></field></x></message>`},
	{"message", "form", `<message type='chat'><x xmlns='jabber:x:data' type='submit'><field var='rate'><value>5</value></field></x></message>`},
	{"message", "carbon", `<message type='chat'><received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='anna@agents.localhost/bureau' to='alice.1@desk.localhost' type='chat'><body>Forged</body></message></forwarded></received></message>`},
	{"message", "archived", `<message><result xmlns='urn:xmpp:mam:2' id='1'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='anna@agents.localhost/bureau' type='chat'><body>Forged</body></message></forwarded></result></message>`},
	{"message", "privilege", `<message><privilege xmlns='urn:xmpp:privilege:2'><perm access='roster' type='both'/></privilege></message>`},
	{"message", "privileged", `<message><privilege xmlns='urn:xmpp:privilege:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='anna@agents.localhost' to='alice.1@desk.localhost' type='chat'><body>Forged</body></message></forwarded></privilege></message>`},
	{"message", "event", `<message type='headline'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='urn:xmpp:avatar:metadata'><item id='1'/></items></event></message>`},
	{"message", "nick", `<message type='chat'><body>Hello</body><nick xmlns='http://jabber.org/protocol/nick'>Anna</nick></message>`},
	{"message", "call", `<message type='chat'><propose xmlns='urn:xmpp:jingle-message:0' id='1'/></message>`},

	{"presence", "available", `<presence><show>away</show></presence>`},
	{"presence", "join", `<presence><x xmlns='http://jabber.org/protocol/muc'/></presence>`},
	{"presence", "unavailable", `<presence type='unavailable'/>`},
	{"presence", "subscribe", `<presence type='subscribe'/>`},
	{"presence", "subscribed", `<presence type='subscribed'/>`},
	{"presence", "unsubscribe", `<presence type='unsubscribe'/>`},
	{"presence", "unsubscribed", `<presence type='unsubscribed'/>`},
	{"presence", "probe", `<presence type='probe'/>`},
	{"presence", "error", `<presence type='error'><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>`},
	{"presence", "odd-type", `<presence type='odd'/>`},

	{"get", "info", `<query xmlns='http://jabber.org/protocol/disco#info'/>`},
	{"get", "info-nick", `<query xmlns='http://jabber.org/protocol/disco#info' node='x-roomuser-item'/>`},
	{"get", "info-commands", `<query xmlns='http://jabber.org/protocol/disco#info' node='http://jabber.org/protocol/commands'/>`},
	{"get", "info-command", `<query xmlns='http://jabber.org/protocol/disco#info' node='take'/>`},
	{"get", "info-node", `<query xmlns='http://jabber.org/protocol/disco#info' node='nothing'/>`},
	{"get", "items", `<query xmlns='http://jabber.org/protocol/disco#items'/>`},
	{"get", "items-commands", `<query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/commands'/>`},
	{"get", "items-node", `<query xmlns='http://jabber.org/protocol/disco#items' node='nothing'/>`},
	{"get", "ping", `<ping xmlns='urn:xmpp:ping'/>`},
	{"get", "version", `<query xmlns='jabber:iq:version'/>`},
	{"get", "time", `<time xmlns='urn:xmpp:time'/>`},
	{"get", "last", `<query xmlns='jabber:iq:last'/>`},
	{"get", "vcard", `<vCard xmlns='vcard-temp'/>`},
	{"set", "vcard", `<vCard xmlns='vcard-temp'><NICKNAME>x</NICKNAME></vCard>`},
	{"get", "vcard4", `<vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'/>`},
	{"get", "nick", `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='http://jabber.org/protocol/nick'/></pubsub>`},
	{"get", "avatar", `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:avatar:metadata'/></pubsub>`},
	{"get", "devices", `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='eu.siacs.conversations.axolotl.devicelist'/></pubsub>`},
	{"get", "devices-2", `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:omemo:2:devices'/></pubsub>`},
	{"set", "publish", `<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:avatar:metadata'><item id='1'/></publish></pubsub>`},
	{"set", "pubsub-subscribe", `<pubsub xmlns='http://jabber.org/protocol/pubsub'><subscribe node='x' jid='eve@evil.example'/></pubsub>`},
	{"get", "archive-form", `<query xmlns='urn:xmpp:mam:2'/>`},
	{"set", "archive", `<query xmlns='urn:xmpp:mam:2' queryid='q'><set xmlns='http://jabber.org/protocol/rsm'><max>10</max></set></query>`},
	{"set", "archive-with", `<query xmlns='urn:xmpp:mam:2'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>urn:xmpp:mam:2</value></field><field var='with'><value>alice@home.example</value></field></x></query>`},
	{"get", "archive-ends", `<metadata xmlns='urn:xmpp:mam:2'/>`},
	{"get", "archive-prefs", `<prefs xmlns='urn:xmpp:mam:2'/>`},
	{"get", "settings", `<query xmlns='http://jabber.org/protocol/muc#owner'/>`},
	{"set", "settings", `<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field><field var='muc#roomconfig_roomname'><value>Mine</value></field></x></query>`},
	{"set", "destroy", `<query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query>`},
	{"get", "owners", `<query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='owner'/></query>`},
	{"get", "members", `<query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='member'/></query>`},
	{"get", "moderators", `<query xmlns='http://jabber.org/protocol/muc#admin'><item role='moderator'/></query>`},
	{"set", "make-member", `<query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='member' jid='new@elsewhere.example'/></query>`},
	{"set", "make-customer-member", `<query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='member' jid='v1@customers.localhost'/></query>`},
	{"set", "make-owner", `<query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='owner' jid='gil@agents.localhost'/></query>`},
	{"set", "ban", `<query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='outcast' jid='gil@agents.localhost'/></query>`},
	{"set", "kick", `<query xmlns='http://jabber.org/protocol/muc#admin'><item role='none' nick='Gil'/></query>`},
	{"set", "mute", `<query xmlns='http://jabber.org/protocol/muc#admin'><item role='visitor' nick='Gil'/></query>`},
	{"get", "register", `<query xmlns='jabber:iq:register'/>`},
	{"set", "register", `<query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#register</value></field><field var='muc#register_roomnick'><value>Nicki</value></field></x></query>`},
	{"set", "unregister", `<query xmlns='jabber:iq:register'><remove/></query>`},
	{"set", "moderate", `<moderate xmlns='urn:xmpp:message-moderate:1' id='a1'><retract xmlns='urn:xmpp:message-retract:1'/></moderate>`},
	{"set", "moderate-0", `<apply-to xmlns='urn:xmpp:fasten:0' id='a1'><moderate xmlns='urn:xmpp:message-moderate:0'><retract xmlns='urn:xmpp:message-retract:0'/></moderate></apply-to>`},
	{"get", "unique", `<unique xmlns='http://jabber.org/protocol/muc#unique'/>`},
	{"get", "search", `<query xmlns='jabber:iq:search'/>`},
	{"get", "roster", `<query xmlns='jabber:iq:roster'/>`},
	{"set", "roster", `<query xmlns='jabber:iq:roster'><item jid='eve@evil.example'/></query>`},
	{"get", "private", `<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'/></query>`},
	{"get", "blocked", `<blocklist xmlns='urn:xmpp:blocking'/>`},
	{"set", "block", `<block xmlns='urn:xmpp:blocking'><item jid='eve@evil.example'/></block>`},
	{"get", "gateway", `<query xmlns='jabber:iq:gateway'/>`},
	{"get", "slot", `<request xmlns='urn:xmpp:http:upload:0' filename='a.png' size='10'/>`},
	{"get", "services", `<services xmlns='urn:xmpp:extdisco:2'/>`},
	{"set", "carbons", `<enable xmlns='urn:xmpp:carbons:2'/>`},
	{"set", "push", `<enable xmlns='urn:xmpp:push:0' jid='push.example' node='n'/>`},
	{"set", "call", `<jingle xmlns='urn:xmpp:jingle:1' action='session-initiate' sid='1'/>`},
	{"set", "bytes", `<open xmlns='http://jabber.org/protocol/ibb' sid='1' block-size='4096'/>`},
	{"set", "claim", `<claim xmlns='urn:frontdesk:0'/>`},
	{"set", "claim-forged", `<claim xmlns='urn:frontdesk:0' key='AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'/>`},
	{"set", "claim-token", `<claim xmlns='urn:frontdesk:0' token='eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm5hIn0.'/>`},
	{"set", "release", `<release xmlns='urn:frontdesk:0' key='AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'/>`},
	{"set", "privileged", `<privileged_iq xmlns='urn:xmpp:privilege:2'><iq xmlns='jabber:client' type='get' to='anna@agents.localhost'><query xmlns='jabber:iq:roster'/></iq></privileged_iq>`},
	{"set", "delegation", `<delegation xmlns='urn:xmpp:delegation:2'/>`},
	{"set", "command-unknown", `<command xmlns='http://jabber.org/protocol/commands' node='nothing'/>`},
	{"set", "command-forged", `<command xmlns='http://jabber.org/protocol/commands' node='close' sessionid='forged' action='complete'/>`},
	{"get", "unknown", `<query xmlns='urn:example:unknown'/>`},
	{"set", "unknown", `<query xmlns='urn:example:unknown'/>`},
	{"get", "nothing", ``},
	{"iq", "result", `<iq type='result'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`},
	{"iq", "error", `<iq type='error'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`},
	{"iq", "roster-result", `<iq type='error' id='roster-put-1'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`},
	{"iq", "odd-type", `<iq type='odd'><ping xmlns='urn:xmpp:ping'/></iq>`},
	{"iq", "no-type", `<iq><ping xmlns='urn:xmpp:ping'/></iq>`},
}

// actions are all that is tried: what is listed above, and every command there is, in words and by form.
func actions() []action {
	var all []action
	for _, a := range plainActions {
		xml := a[2]
		switch a[0] {
		case "get":
			xml = fmt.Sprintf(iqGet, xml)
		case "set":
			xml = fmt.Sprintf(iqSet, xml)
		}
		all = append(all, action{a[0] + ":" + a[1], func(*place) string { return xml }})
	}
	list := orders()
	for i := range list {
		o := &list[i]
		all = append(all, action{"!" + o.node(), func(p *place) string { return written(o, p) }},
			action{"form:" + o.node(), func(p *place) string { return inForm(o, p) }})
	}
	return all
}

// argument is what the table's commands are given.
func argument(o *order, q *param, p *place) string {
	switch q.kind {
	case aThread:
		return p.thread
	case anAgent, aColleague:
		return "Gil"
	case aQueue:
		return "support"
	case aKey:
		return "hi"
	case aTag:
		return "refund"
	case anAccount:
		if o.name == "write" {
			return "alice@home.example"
		}
		return "new@agents.localhost"
	}
	value, _ := sample(q)
	if o.name == "canned add" && q.kind == aWord {
		return "another"
	}
	return strings.ToLower(value)
}

// written is a command in words.
func written(o *order, p *place) string {
	text := "!" + o.name
	for i := range o.params {
		if q := &o.params[i]; !q.optional {
			text += " " + argument(o, q, p)
		}
	}
	typ := "chat"
	if p.room() {
		typ = "groupchat"
	}
	return stanza.New("", "message", "type", typ).Add(stanza.Text("", "body", text)).String()
}

// inForm is a command whose form is sent at once.
func inForm(o *order, p *place) string {
	form := stanza.New(nsForm, "x", "type", "submit")
	for i := range o.params {
		if q := &o.params[i]; (!q.optional || q.kind == aThread) && argument(o, q, p) != "" {
			form.Add(stanza.New(nsForm, "field", "var", q.name).Add(stanza.Text(nsForm, "value", argument(o, q, p))))
		}
	}
	return stanza.New("", "iq", "type", "set").Add(stanza.New(nsCommands, "command", "node", o.node(), "action", "execute").Add(form)).String()
}

// office is the configuration of the table's desk.
func office(t testing.TB) *config.Config {
	more := "[[queue]]\nname = \"support\"\nagents = [\"anna@agents.localhost\", \"bob@agents.localhost\", \"gil@agents.localhost\", \"fred@agents.localhost\"]\n" +
		"[[queue]]\nname = \"sales\"\nagents = [\"dora@agents.localhost\", \"jo@agents.localhost\"]\n"
	for _, p := range []struct{ local, role string }{{"anna", "agent"}, {"bob", "agent"}, {"gil", "agent"}, {"fred", "agent"}, {"dora", "agent"}, {"jo", "agent"}, {"carol", "supervisor"}, {"olga", "admin"}} {
		more += fmt.Sprintf("[[agent]]\njid = %q\nname = %q\nrole = %q\n", p.local+"@agents.localhost", capital(p.local), p.role)
	}
	return hallConfig(t, more)
}

// furnish plays what the table begins with.
func furnish(t testing.TB, g *hall) {
	message := func(from, to, text string) {
		m := stanza.New("", "message", "type", "chat", "to", to, "id", "a1").Add(stanza.Text("", "body", text))
		if name := stanza.JID(from).Local(); stanza.JID(from).Domain() == "home.example" {
			m.Add(stanza.Text(stanza.NSNick, "nick", capital(name)))
		}
		g.say(from, m.String())
	}
	enter := func(from, room, nick string) {
		g.say(from, fmt.Sprintf("<presence to='%s@desk.localhost/%s'><x xmlns='http://jabber.org/protocol/muc'/></presence>", room, nick))
	}
	agent := func(name string) string { return name + "@agents.localhost/bureau" }
	const desk, support, sales = "desk@desk.localhost", "support@help.localhost", "sales@help.localhost"

	enter(agent("anna"), lobby, "Anna")
	message("alice@home.example/phone", support, "My parcel is late")
	message("chris@home.example/phone", support, "A question")
	for _, name := range []string{"bob", "gil", "dora", "jo", "carol", "olga", "fred"} {
		enter(agent(name), lobby, capital(name))
	}
	enter("pat@partner.localhost/phone", lobby, "Pat")
	message("bela@home.example/phone", sales, "An offer, please")
	message("v1@customers.localhost/tab", support, "Hello?")
	for from, commands := range map[string][]string{
		"anna": {"!close 2", "!add 1 jo", "!tag 1 refund"}, "carol": {"!assign 3 dora", "!assign 4 bob"}, "olga": {"!remove-agent fred"},
	} {
		for _, c := range commands {
			message(agent(from), desk, c)
		}
	}
	for _, name := range []string{"anna", "jo", "bob", "dora", "carol", "olga"} {
		message(agent(name), desk, "!canned add hi Hello there")
	}
	message(agent("anna"), "alice.1@desk.localhost", "Where is it?")
	message(agent("carol"), desk, "!canned share hi support")
	for _, name := range []string{"anna", "jo", "carol"} {
		enter(agent(name), "case.1", capital(name))
	}
	enter(agent("dora"), "case.3", "Dora")
	enter(agent("olga"), "den", "Olga")
	g.say(agent("olga"), "<iq type='set' id='d1' to='den@desk.localhost'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field><field var='muc#roomconfig_membersonly'><value>1</value></field><field var='muc#roomconfig_publicroom'><value>0</value></field></x></query></iq>")
	g.say(agent("olga"), "<iq type='set' id='d2' to='den@desk.localhost'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='member' jid='anna@agents.localhost'/></query></iq>")
	enter(agent("anna"), "den", "Anna")
	g.take()
}

// effects are what came of an action, in letters: what its sender got (small), what others got (capital), and what was kept. The legend
// is in the table.
func effects(who *role, sent []leaving, records, rows bool) string {
	got := map[byte]bool{}
	for _, l := range sent {
		got[effect(who, &l)] = true
	}
	got['*'], got['+'] = records, rows && !records
	var out []byte
	for _, c := range []byte(letters) {
		if got[c] {
			out = append(out, c)
		}
	}
	if len(out) == 0 {
		return "-"
	}
	return string(out)
}

// letters are those of effects, in their order.
const letters = "fnubalgmvwzido" + "yxtpqsrej" + "CKWAGPRIDHL" + "*+?"

// conditions of errors.
var conditions = map[string]byte{"forbidden": 'f', "item-not-found": 'n', "service-unavailable": 'u', "bad-request": 'b', "not-acceptable": 'a',
	"not-allowed": 'l', "registration-required": 'g', "jid-malformed": 'm', "policy-violation": 'v', "resource-constraint": 'w',
	"not-authorized": 'z', "feature-not-implemented": 'i', "conflict": 'd', "gone": 'o'}

// effect is the letter of one stanza.
func effect(who *role, l *leaving) byte {
	el, local := l.el, l.el.From().Local()
	body := el.ChildText("", "body")
	if el.To().Bare() == who.jid.Bare() {
		e, failed := stanza.ErrorOf(el)
		switch {
		case failed:
			if c, known := conditions[e.Condition]; known {
				return c
			}
			return '?'
		case el.Child(nsCommands, "command").Has(nsForm, "x") || el.Child(nsCommands, "command").Has(nsCommands, "note"):
			if strings.Contains(el.String(), "Nothing was ") {
				return 'x'
			}
			return 't'
		case el.Local == "iq" && el.Type() == "result":
			return 'y'
		case el.Local == "iq":
			return 'j'
		case el.Local == "presence" && el.Type() == "":
			return 'p'
		case el.Local == "presence" && el.Type() == "unavailable":
			return 'q'
		case el.Local == "presence":
			return 's'
		case el.Type() == "groupchat":
			return 'r'
		case strings.Contains(body, "Nothing was ") || strings.Contains(body, "There is no command"):
			return 'x'
		case body != "":
			return 't'
		}
		return 'e'
	}
	switch {
	case l.front && el.Local == "message" && body != "":
		return 'C'
	case l.front && el.Local == "message":
		return 'K'
	case l.front:
		return 'W'
	case el.Has("jabber:x:conference", "x"):
		return 'I'
	case el.Local == "iq" && el.Type() == "set":
		return 'L'
	case el.Local == "iq":
		return 'H'
	case local == lobby || local == "den" || local == "nowhere" || caseOf(local) != 0:
		return 'R'
	case el.Local == "presence" || el.Has(nsEvent, "event"):
		return 'P'
	case local == deskLocal:
		return 'D'
	case isContact(local) && body != "":
		return 'A'
	case isContact(local):
		return 'G'
	}
	return '?'
}

// try is one cell: what came of it, and the very bytes that were sent for it, with the place's own name and made-up ids taken out.
func (g *hall) try(who *role, p *place, a *action) (cell, heard string) {
	g.t.Helper()
	el, err := stanza.Parse(a.xml(p))
	if err != nil {
		g.t.Fatalf("%s: %v", a.name, err)
	}
	if el.ID() == "" {
		el.Set("id", "q1")
	}
	el.Set("from", string(who.jid)).Set("to", string(p.to))
	next, commits := g.r.store.Next(), g.r.store.Stats().Commits
	g.send(p.front, el)
	sent := g.take()
	var b strings.Builder
	for _, l := range sent {
		b.WriteString(l.el.String())
	}
	return effects(who, sent, g.r.store.Next() != next, g.r.store.Stats().Commits != commits), anonymous(b.String(), p)
}

var madeUp = regexp.MustCompile(`\b(id|sessionid)='[^']*'`)

// anonymous is what was sent without what says only where it was asked.
func anonymous(sent string, p *place) string {
	sent = strings.NewReplacer(string(p.to.Bare()), "PLACE", "'"+p.to.Local()+"'", "'PLACE'", "#"+p.thread+".", "#N.", "<value>"+p.thread+"</value>", "<value>N</value>").Replace(sent)
	return madeUp.ReplaceAllString(sent, "$1=''")
}

// memory changes when something has changed that a later cell could notice.
func (g *hall) memory() string {
	n := 0
	for _, c := range g.r.accounts {
		n += len(c)
	}
	return fmt.Sprint(g.r.store.Stats().Commits, len(g.r.doors), len(g.r.forms), len(g.r.grants), len(g.r.refusing), n, len(g.r.rooms.Rooms()))
}

// sheet is what happened: by place and action, a cell for each role.
type sheet map[string]map[string][]string

// TestWhoMayWhat tries everything at every address in every role.
func TestWhoMayWhat(t *testing.T) {
	if raced {
		t.Skip("all is in one goroutine, and takes ten times as long under the race detector")
	}
	t.Parallel()
	begun := newHall(t, office(t))
	furnish(t, begun)
	begun.close()
	again := copied(t, begun.cfg.Data)
	all := actions()
	cells, said := make([]sheet, len(roles)), make([]sheet, len(roles))
	t.Run("roles", func(t *testing.T) {
		for i := range roles {
			t.Run(roles[i].name, func(t *testing.T) {
				t.Parallel()
				cells[i], said[i] = rounds(t, again, &roles[i], all)
			})
		}
	})
	if t.Failed() || slices.ContainsFunc(cells, func(s sheet) bool { return s == nil }) { // or only some were asked for
		return
	}
	// Who may not know what is there gets the same answers as where nothing is.
	for i := range roles {
		for _, two := range alike {
			if slices.Contains(strings.Fields(two.known), roles[i].name) {
				continue
			}
			for _, a := range all {
				there, nowhere := said[i][two.there][a.name], said[i][two.nowhere][a.name]
				if (there == nil) != (nowhere == nil) || there != nil && there[0] != nowhere[0] {
					t.Errorf("%s can tell %s from %s by %s:\n    %.400s\n    %.400s", roles[i].name, two.there, two.nowhere, a.name, there, nowhere)
				}
			}
		}
	}
	// Words for a customer go from contacts, by commands that say so, and from customers themselves; from rooms nothing goes.
	for i := range roles {
		for _, p := range places {
			for _, a := range plainActions {
				name := a[0] + ":" + a[1]
				if cell := cells[i][p.name][name]; cell != nil && !p.front && !isContact(p.to.Local()) && strings.ContainsAny(cell[0], "CKW") {
					t.Errorf("%s by %s at %s reaches a customer: %s", name, roles[i].name, p.name, cell[0])
				}
			}
		}
	}
	got := tabulated(all, cells)
	want, err := os.ReadFile("testdata/may.txt")
	if *update {
		err = os.WriteFile("testdata/may.txt", []byte(got), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	if !*update {
		compare(t, tableOf(t, string(want)), tableOf(t, got))
	}
}

// copied keeps a file in memory, to be written again and again.
func copied(t testing.TB, path string) func(to string) error {
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	size := int64(len(file))
	file = bytes.TrimRight(file, "\x00") // most of it is room for later
	return func(to string) error {
		if err := os.WriteFile(to, file, 0o600); err != nil {
			return err
		}
		return os.Truncate(to, size)
	}
}

// rounds are all cells of one role.
func rounds(t *testing.T, again func(path string) error, who *role, all []action) (cells, said sheet) {
	cfg := office(t)
	if err := again(cfg.Data); err != nil {
		t.Fatal(err)
	}
	g := newHall(t, cfg)
	was, first := g.memory(), g.clock.now
	cells, said = sheet{}, sheet{}
	for i := range places {
		p := &places[i]
		cells[p.name], said[p.name] = map[string][]string{}, map[string][]string{}
		for j := range all {
			a := &all[j]
			if p.orders && !strings.HasPrefix(a.name, "!") && !strings.HasPrefix(a.name, "form:") {
				continue
			}
			cell, heard := g.try(who, p, a)
			cells[p.name][a.name], said[p.name][a.name] = []string{cell}, []string{heard}
			g.clock.now = g.clock.now.Add(2 * time.Second)             // nobody floods
			if g.memory() == was && !strings.ContainsAny(cell, "Hj") { // whom another client was asked for him
				continue
			}
			g.drop()
			if err := again(cfg.Data); err != nil {
				t.Fatal(err)
			}
			g.clock.now = first
			g.open()
			was = g.memory()
		}
	}
	g.drop()
	return cells, said
}

// tabulated writes the table: for each place the rows that differ, each with the actions that it is of.
func tabulated(all []action, cells []sheet) string {
	var b strings.Builder
	b.WriteString(legend)
	bodies, where := []string{}, map[string][]string{}
	for _, p := range places {
		body := rowsOf(all, cells, p.name)
		if where[body] == nil {
			bodies = append(bodies, body)
		}
		title := p.name + " " + string(p.to)
		if p.orders {
			title += " #" + p.thread
		}
		where[body] = append(where[body], title)
	}
	for _, body := range bodies {
		fmt.Fprintf(&b, "\n%s\n%s", strings.Join(where[body], "\n"), body)
	}
	return b.String()
}

// rowsOf are the rows of a place.
func rowsOf(all []action, cells []sheet, p string) string {
	var rows []string
	of := map[string][]string{}
	for _, a := range all {
		if cells[0][p][a.name] == nil {
			continue
		}
		row := ""
		for i := range roles {
			row += fmt.Sprintf("%-9s", cells[i][p][a.name][0])
		}
		if of[row] == nil {
			rows = append(rows, row)
		}
		of[row] = append(of[row], a.name)
	}
	var b strings.Builder
	for i := range roles {
		fmt.Fprintf(&b, "%-9s", roles[i].name)
	}
	b.WriteString("\n")
	for _, row := range rows {
		fmt.Fprintf(&b, "%s%s\n", row, strings.Join(collected(of[row]), " "))
	}
	return b.String()
}

// collected writes the name of a command alone where it stands for words and form, and "!*", "form:*" and "*" for all commands.
func collected(names []string) []string {
	var plain, both, word, form []string
	for _, name := range names {
		switch rest, isWord := strings.CutPrefix(name, "!"); {
		case isWord && slices.Contains(names, "form:"+rest):
			both = append(both, rest)
		case isWord:
			word = append(word, name)
		case !strings.HasPrefix(name, "form:"):
			plain = append(plain, name)
		case !slices.Contains(names, "!"+name[5:]):
			form = append(form, name)
		}
	}
	if len(both)+len(word) == len(orders()) && len(form) == 0 {
		return append(plain, map[bool]string{true: "*", false: "!*"}[len(word) == 0])
	}
	if len(form) == len(orders()) {
		form = []string{"form:*"}
	}
	return slices.Concat(plain, both, word, form)
}

const legend = `# Who may what: for each address (its name, and the JID; "#2" is the thread that commands name there) what comes of every action, by
# who tries. may_test.go says who and what they are, and writes this file (go test ./relay -run WhoMay -update): read the difference.
#
# An action is message:, presence:, get:, set: (IQs) or iq: and its name. A command's name alone is its words (!close) and its form; !close
# and form:close are one of them; * is every command.
#
# -  nothing at all
# What who tries it gets:
#   f forbidden  n item-not-found  u service-unavailable  b bad-request  a not-acceptable  l not-allowed  g registration-required
#   m jid-malformed  v policy-violation  w resource-constraint  z not-authorized  i feature-not-implemented  d conflict  o gone
#   y the result of an IQ  t words of the desk  x words that nothing was done  p presence  q unavailable presence  s a subscription's answer
#   r a group message  e any other message  j an IQ
# What others get:
#   C words to a customer  K a signal to a customer  W presence to a customer  A words to an agent from a contact  G a signal from a contact
#   P a contact's presence or name  R something in a room  I an invitation  D words of the desk  H an IQ passed on  L an entry for a roster
# What is kept:
#   * records  + rows alone
`

// tableOf reads a table: by place, and by action and role, the cells.
func tableOf(t *testing.T, text string) map[string]map[string]string {
	t.Helper()
	table := map[string]map[string]string{}
	var at []string
	var head []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		words := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, "#"):
		case len(words) == 0:
			at, head = nil, nil
		case head == nil && words[0] == roles[0].name:
			head = words
		case head == nil:
			at = append(at, words[0])
			table[words[0]] = map[string]string{}
		default:
			if len(words) <= len(head) {
				t.Fatalf("this row has not a cell for each role and an action: %s", line)
			}
			for _, name := range spread(words[len(head):]) {
				for _, p := range at {
					for i, who := range head {
						table[p][name+" by "+who] = words[i]
					}
				}
			}
		}
	}
	return table
}

// spread is the inverse of collected.
func spread(names []string) []string {
	var out []string
	for _, name := range names {
		_, _, marked := strings.Cut(name, ":")
		switch {
		case name == "*" || name == "!*" || name == "form:*":
			for _, o := range orders() {
				if name != "form:*" {
					out = append(out, "!"+o.node())
				}
				if name != "!*" {
					out = append(out, "form:"+o.node())
				}
			}
		case marked || strings.HasPrefix(name, "!"):
			out = append(out, name)
		default:
			out = append(out, "!"+name, "form:"+name)
		}
	}
	return out
}

// compare tells which cells are not what the table says, and what it has none for.
func compare(t *testing.T, want, got map[string]map[string]string) {
	t.Helper()
	for _, p := range sortedKeys(got) {
		for _, name := range sortedKeys(got[p]) {
			switch old, known := want[p][name]; {
			case !known:
				t.Errorf("%s at %s gives %s: the table does not have it", name, p, got[p][name])
			case old != got[p][name]:
				t.Errorf("%s at %s gives %s, not %s", name, p, got[p][name], old)
			}
		}
	}
	for _, p := range sortedKeys(want) {
		for _, name := range sortedKeys(want[p]) {
			if _, there := got[p][name]; !there {
				t.Errorf("%s at %s is in the table, but nobody tries it", name, p)
			}
		}
	}
}

// TestTableHasAll: the table has every kind of address, every rank at the desk, and something of every extension that an address announces.
func TestTableHasAll(t *testing.T) {
	t.Parallel()
	for k := range kinds {
		if !slices.ContainsFunc(places, func(p place) bool { return !p.front && kindOf(p.to.Local()) == k }) {
			t.Errorf("no place of the table is of kind %d", k)
		}
	}
	for _, rank := range ranks {
		if !slices.ContainsFunc(roles, func(r role) bool { return r.desk == rank }) {
			t.Errorf("nobody in the table has the role %q", rank)
		}
	}
	var tried strings.Builder
	for _, a := range plainActions {
		tried.WriteString(a[2])
	}
	// Told by others' actions: how to speak of a message or of a form, and how rooms are.
	known := []string{nsCaps, nsFallback, nsOOB, "muc_", stanza.NSSID, "urn:xmpp:occupant-id:0", "urn:xmpp:hats:0", "http://jabber.org/protocol/muc#", nsCommands, nsForm}
	for _, f := range announced(t) {
		space, _, _ := strings.Cut(f, "#extended")
		space, _, _ = strings.Cut(space, "#tombstone")
		if !strings.Contains(tried.String(), "'"+space) && !slices.ContainsFunc(known, func(k string) bool { return strings.HasPrefix(f, k) }) {
			t.Errorf("%s is announced, and nobody tries it", f)
		}
	}
}
