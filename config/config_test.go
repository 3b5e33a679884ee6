package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// good is the least that works; cases replace parts of it.
const good = `
[front]
domain = "help.customers.example"
server = "127.0.0.1:5347"
secret = "a"
customers = ["customers.example"]
[desk]
domain = "desk.agents.example"
server = "127.0.0.1:5347"
secret = "b"
[[queue]]
name = "support"
[[agent]]
jid = "anna@agents.example"
[[agent]]
jid = "bob@agents.example"
`

func environment(name string) (string, bool) {
	v, ok := map[string]string{"SECRET": "from the environment", "EMPTY": ""}[name]
	return v, ok
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	text := strings.Replace(good, "anna@agents.example", "Anna@Agents.Example", 1) + `
[web]
listen = "127.0.0.1:8080"
websocket = "ws://127.0.0.1:5280/xmpp-websocket"
host = "web.example"
`
	got, err := Parse(text, "/etc/frontdesk", environment)
	if err != nil {
		t.Fatal(err)
	}
	both := []string{"anna@agents.example", "bob@agents.example"}
	want := &Config{
		Data: "/etc/frontdesk/frontdesk.db",
		Front: Link{Domain: "help.customers.example", Server: "127.0.0.1:5347", Secret: "a", Name: "Help desk", Messages: 60,
			Customers: []string{"customers.example", "web.example"}},
		Desk: Link{Domain: "desk.agents.example", Server: "127.0.0.1:5347", Secret: "b", Name: "Desk"},
		Queues: []Queue{{Name: "support", Title: "support", Agents: both, Everybody: true,
			LevelWait: 2 * time.Minute, SkillWait: 2 * time.Minute, Strategy: "random", Mode: "push", Language: "en", PlaceEvery: 2 * time.Minute, Copy: "text", AskFor: 2 * time.Minute, AskClosed: []string{"name", "email"}}},
		Agents: []Person{{JID: both[0], Name: "anna", Role: Agent, Capacity: 5}, {JID: both[1], Name: "bob", Role: Agent, Capacity: 5}},
		Times:  Times{Grace: time.Minute, Answer: time.Minute, CoolDown: 5 * time.Minute, HandOver: 2 * time.Minute, LongWait: 5 * time.Minute, Retire: 720 * time.Hour, Key: 2160 * time.Hour},
		Web: Web{Listen: "127.0.0.1:8080", WebSocket: "ws://127.0.0.1:5280/xmpp-websocket", Host: "web.example",
			Queue: "support"},
		Log: "info", CreateRooms: both, AgentsCreate: true, TimeZone: "UTC", BotTurns: 30, RosterGroup: "Customers", Language: "en",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// TestFaults changes good and compares the whole error: one line more would be a
// false accusation, one less a fault that is found only at the next start.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, old, new string // in good; old "" appends
		want           string
	}{
		{"syntax", `name = "support"`, `name = support`,
			`line 12: this is no TOML: expected value but found "support" instead`},
		{"unknown keys", `server = "127.0.0.1:5347"` + "\nsecret = \"a\"", "severs = 1\nserver = \"127.0.0.1:5347\"\nsecret = \"a\"\n[desks]",
			"line 4: front.severs: no such key (did you mean \"server\"?)\n" +
				"line 7: desks: no such key (did you mean \"desk\"?)"},
		{"unknown key, nothing near", "[[agent]]\njid = \"bob", "[[agent]]\nphone = 1\njid = \"bob",
			"line 16: agent.phone: no such key; known here: jid, name, role, capacity, skills, bot, public_name, picture"},
		{"types", "secret = \"b\"\n", "secret = 5\ntls = \"yes\"\n[times]\ngrace = 60\nanswer = \"a minute\"\n[web]\norigins = [1]\n",
			"line 10: desk.secret: write text in quotes, as \"text\"\n" +
				"line 11: desk.tls: write true or false\n" +
				"line 13: times.grace: write a time with its unit in quotes, as \"90s\" or \"5m\"\n" +
				"line 14: times.answer: write a time with its unit in quotes, as \"90s\" or \"5m\"\n" +
				"line 16: web.origins: write a list of texts, as [\"one\", \"two\"]"},
		{"single brackets", "[[queue]]", "[queue]",
			"line 11: queue: these are tables: write [[queue]] in double brackets, once for each"},
		{"double brackets", "[desk]", "[[desk]]", "" +
			"line 7: desk: this is a table: write [desk] once, and its keys below it"},
		{"same domain", `"desk.agents.example"`, `"Help.customers.example."`,
			`line 8: desk.domain: front and desk are two components: give the desk a domain of its own, as "desk.agents.example", not "help.customers.example" again`},
		{"no domain", `"desk.agents.example"`, `"desk@agents.example"`,
			`line 8: desk.domain: "desk@agents.example" is no domain: write one as "desk.agents.example"`},
		{"empty link", "domain = \"desk.agents.example\"\nserver = \"127.0.0.1:5347\"\nsecret = \"b\"", "",
			"line 7: desk.domain: missing: write the component's address on its server, as domain = \"desk.agents.example\"\n" +
				"line 7: desk.secret: missing: write one of secret, secret_file, secret_env (the same value stands in the server's configuration)\n" +
				"line 7: desk.server: missing: write the server's component port, as server = \"127.0.0.1:5347\""},
		{"no port", `server = "127.0.0.1:5347"` + "\nsecret = \"b\"", "server = \"127.0.0.1\"\nsecret = \"b\"",
			`line 9: desk.server: "127.0.0.1" is no host:port: write the server's component port, as "127.0.0.1:5347"`},
		{"bad port", `server = "127.0.0.1:5347"` + "\nsecret = \"b\"", "server = \"localhost:xmpp\"\nsecret = \"b\"",
			`line 9: desk.server: "localhost:xmpp" has no port from 1 to 65535: write the server's component port, as "127.0.0.1:5347"`},
		{"two secrets", `secret = "b"`, "secret = \"b\"\nsecret_env = \"SECRET\"",
			"line 10: desk.secret: write only one of secret, secret_env (the same value stands in the server's configuration)"},
		{"unset variable", `secret = "b"`, `secret_env = "NOWHERE"`,
			`line 10: desk.secret_env: the environment has no variable "NOWHERE": set it to the secret, or use secret_file`},
		{"empty variable", `secret = "b"`, `secret_env = "EMPTY"`,
			"line 10: desk.secret_env: the secret is empty: write what stands in the server's configuration"},
		{"customers of the desk", `secret = "b"`, "secret = \"b\"\ncustomers = [\"customers.example\"]",
			"line 11: desk.customers: only [front] has customers: move it there"},
		{"component as customers' host", `["customers.example"]`, `["help.customers.example"]`,
			`line 6: front.customers: write the hosts where customers have their accounts; "help.customers.example" is the component itself`},
		{"authorities without TLS", `secret = "b"`, "secret = \"b\"\ntls_ca = \"config.go\"",
			"line 11: desk.tls_ca: config.go holds no certificate in PEM\n" +
				"line 11: desk.tls_ca: has no effect without tls = true beside it: write that, or leave tls_ca out"},
		{"nobody, nothing", good[strings.Index(good, "[[queue]]"):], "",
			"agent: nobody is at the desk: write at least one\n    [[agent]]\n    jid = \"anna@agents.example\"\n" +
				"queue: customers have nothing to write to: write at least one\n    [[queue]]\n    name = \"support\""},
		{"client's address", `"bob@agents.example"`, `"Bob@agents.example/phone"`,
			`line 16: agent.jid: "Bob@agents.example/phone" names one client of an account: write the account, "bob@agents.example"`},
		{"no address", `"bob@agents.example"`, `"bob"`,
			`line 16: agent.jid: "bob" is no account's address: write one as "anna@agents.example"`},
		{"no jid", `jid = "bob@agents.example"`, `name = "Bob"`,
			`line 15: agent.jid: missing: write the account's address, as jid = "anna@agents.example"`},
		{"agent twice", `"bob@agents.example"`, `"ANNA@agents.example"`,
			`line 16: agent.jid: "anna@agents.example" is there twice: leave one [[agent]] out`},
		{"agent among customers", `"bob@agents.example"`, `"bob@customers.example"`,
			`line 16: agent.jid: "customers.example" is a customers' host (front.customers, web.host), and nobody from there gets into the desk: use an account on another host`},
		{"agent on the web host", "", "[web]\nlisten = \"\"\nhost = \"agents.example\"",
			`line 14: agent.jid: "agents.example" is a customers' host (front.customers, web.host), and nobody from there gets into the desk: use an account on another host` + "\n" +
				`line 16: agent.jid: "agents.example" is a customers' host (front.customers, web.host), and nobody from there gets into the desk: use an account on another host`},
		{"agent at the desk", `"bob@agents.example"`, `"bob@desk.agents.example"`,
			`line 16: agent.jid: "desk.agents.example" is frontdesk itself: write an account of the agents' server`},
		{"same name", `"bob@agents.example"`, "\"bob@agents.example\"\nname = \"ANNA\"",
			`line 17: agent.name: anna@agents.example is called "ANNA" too: write another name = "…" for bob@agents.example`},
		{"same localpart", `"bob@agents.example"`, `"anna@sales.example"`,
			`line 15: agent.name: anna@agents.example is called "anna" too: write another name = "…" for anna@sales.example`},
		{"desk's name", `"bob@agents.example"`, "\"bob@agents.example\"\nname = \"Desk\"",
			`line 17: agent.name: "Desk" is the desk's own name there: write another`},
		{"no name", `"bob@agents.example"`, "\"bob@agents.example\"\nname = \" Bob\"",
			`line 17: agent.name: " Bob" cannot be a name at the desk: write 1 to 64 letters, digits, signs and single blanks`},
		{"emoji in a name", `"bob@agents.example"`, "\"bob@agents.example\"\nname = \"Bob 🎉\"",
			`line 17: agent.name: "Bob 🎉" cannot be a name at the desk: some servers drop what comes from a name with emoji, or with other signs that they are too old for: write another`},
		{"role and capacity", `"bob@agents.example"`, "\"bob@agents.example\"\nrole = \"superviser\"\ncapacity = 0",
			`line 17: agent.role: "superviser" is not known (did you mean "supervisor"?): write one of agent, supervisor, admin` + "\n" +
				"line 18: agent.capacity: write how many conversations at once, from 1 to 1000; whoever is to get none is left out of the queues' agents"},
		{"no queue name", `name = "support"`, `title = "Support"`,
			`line 11: queue.name: missing: write what stands before the @ of the queue's address, as name = "support"`},
		{"queue in capitals", `name = "support"`, `name = "Support"`,
			`line 12: queue.name: an address is spelt in lower case: write "support"`},
		{"no localpart", `name = "support"`, `name = "the support"`,
			`line 12: queue.name: "the support" cannot stand before the @ of an address: write at most 64 letters, digits, dots and hyphens, as "support"`},
		{"queue twice", "", "[[queue]]\nname = \"support\"",
			`line 18: queue.name: "support" is there twice: give one of the two another name`},
		{"queue's agents", "", "[[queue]]\nname = \"sales\"\nagents = [\"bob@agents.example\", \"bop@agents.example\",\n  \"x@y\", \"Bob@agents.example\"]",
			`line 19: queue.agents: "Bob@agents.example" is there twice: leave one out` + "\n" +
				`line 19: queue.agents: "bop@agents.example" is no [[agent]] (did you mean "bob@agents.example"?)` + "\n" +
				`line 19: queue.agents: "x@y" is no [[agent]]: write an [[agent]] with this jid, or leave it out here`},
		{"queue without agents", "", "[[queue]]\nname = \"sales\"\nagents = []",
			`line 19: queue.agents: queue "sales" has no agent: name some, or leave the key out for all of them`},
		{"agents by domain and skill", "", "skills = [\"Fr\", \"a b\", \"fr\"]\n[[queue]]\nname = \"sales\"\nagents = [\"agents.exampel\", \"sales.example\", \"carol\"]\nagents_with = [\"fr\", \"fz\", \"billing\"]",
			`line 17: agent.skills: "a b" is no skill: write one word of at most 32 bytes, as "fr" or "billing"` + "\n" +
				`line 17: agent.skills: "fr" is there twice: leave one out` + "\n" +
				`line 20: queue.agents: "agents.exampel" is no [[agent]] (did you mean "agents.example"?)` + "\n" +
				`line 20: queue.agents: "carol" is no [[agent]]: write an account of one, or a domain that some have` + "\n" +
				`line 20: queue.agents: "sales.example" is no [[agent]]: write an account of one, or a domain that some have` + "\n" +
				`line 21: queue.agents_with: no [[agent]] has the skill "billing": give it to some [[agent]], as skills = ["billing"], or leave it out here` + "\n" +
				`line 21: queue.agents_with: no [[agent]] has the skill "fz" (did you mean "fr"?)`},
		{"lines of agents", "", "[[queue]]\nname = \"sales\"\nsecond = [\"bob@agents.example\", \"agents.example\"]\nreserve = [\"Bob@agents.example\"]\nlevel_wait = \"0s\"",
			`line 19: queue.second: "bob@agents.example" is in more than one of agents, second and reserve: leave it in one` + "\n" +
				`line 21: queue.level_wait: 0s cannot be: write a time from "1s" to "24h"`},
		{"choosing", "", "[[queue]]\nname = \"sales\"\nstrategy = \"least-bussy\"\nmode = \"ring\"\nsame_agent = \"0s\"\npriority = 101\nkeep = -1\nidle = \"200h\"\nskill_wait = 5",
			`line 19: queue.strategy: "least-bussy" is not known (did you mean "least-busy"?): write one of random, round-robin, least-busy, longest-idle` + "\n" +
				`line 20: queue.mode: "ring" is not known: write one of push, offer, all` + "\n" +
				`line 21: queue.same_agent: write "always", "never" or a time from "1s" to "8760h"` + "\n" +
				`line 22: queue.priority: write a number from -100 to 100` + "\n" +
				`line 23: queue.keep: write a number of days from 1 to 36500, or 0 for ever` + "\n" +
				`line 24: queue.idle: 200h0m0s cannot be: write a time from "1s" to "168h"` + "\n" +
				`line 25: queue.skill_wait: write a time with its unit in quotes, as "90s" or "5m"`},
		{"overflow", "", "[[queue]]\nname = \"sales\"\noverflow = \"sales\"\n[[queue]]\nname = \"help\"\noverflow = \"suport\"\n[[queue]]\nname = \"more\"\noverflow_after = \"5m\"",
			`line 19: queue.overflow: "sales" is this queue itself: name another one` + "\n" +
				`line 22: queue.overflow: "suport" is no [[queue]] (did you mean "support"?)` + "\n" +
				`line 25: queue.overflow_after: has no effect without overflow: name the queue that helps, as overflow = "sales"`},
		{"hours", "", "hours = 1\n[[queue]]\nname = \"a\"\nhours = []\n[[queue]]\nname = \"b\"\ntime_zone = \"Europe/Berlin\"\n[[queue]]\nname = \"c\"\n" +
			"hours = [\"mon-frei 9:00-17:00\", \"mon 9-17\", \"tue\", \"wed 9:00-25:00\", \"thu,mon-fri 9:00-10:00\", \"sat 8:00-8:00\", \"sun 9:00-12:00 11:00-13:00\"]\ntime_zone = \"Berlin\"\nholidays = [\"25.12.2026\", \"2026-12-25 10:00-9:00\", \"2026-01-01\", \"2026-01-01\"]",
			`line 17: agent.hours: no such key; known here: jid, name, role, capacity, skills, bot, public_name, picture` + "\n" +
				`line 20: queue.hours: the queue would never be open: leave the key out for always, or write hours as "mon-fri 9:00-17:00"` + "\n" +
				`line 23: queue.time_zone: has no effect without hours: write when the queue is open, as hours = ["mon-fri 9:00-17:00"]` + "\n" +
				`line 26: queue.hours: "mon 9-17": "9-17" is no time from 0:00 to 24:00; write days and times as "mon-fri 9:00-12:30 13:00-17:00"` + "\n" +
				`line 26: queue.hours: "mon-frei 9:00-17:00": "mon-frei" is no day of sun, mon, tue, wed, thu, fri, sat; write days and times as "mon-fri 9:00-12:30 13:00-17:00"` + "\n" +
				`line 26: queue.hours: "sat 8:00-8:00": "8:00-8:00" is no time at all; write days and times as "mon-fri 9:00-12:30 13:00-17:00"` + "\n" +
				`line 26: queue.hours: "thu,mon-fri 9:00-10:00": thu is there twice; write days and times as "mon-fri 9:00-12:30 13:00-17:00"` + "\n" +
				`line 26: queue.hours: "tue": days or times are missing; write days and times as "mon-fri 9:00-12:30 13:00-17:00"` + "\n" +
				`line 26: queue.hours: "wed 9:00-25:00": "9:00-25:00" is no time from 0:00 to 24:00; write days and times as "mon-fri 9:00-12:30 13:00-17:00"` + "\n" +
				`line 26: queue.hours: two times of Sunday overlap: write one of them` + "\n" +
				`line 27: queue.time_zone: "Berlin" is no time zone: write one as "Europe/Berlin" or "UTC"` + "\n" +
				`line 28: queue.holidays: "2026-12-25 10:00-9:00": that is past midnight; write holidays as "2026-12-25", or with hours as "2026-12-24 9:00-12:00"` + "\n" +
				`line 28: queue.holidays: "25.12.2026" begins with no date: write holidays as "2026-12-25", or with hours as "2026-12-24 9:00-12:00"` + "\n" +
				`line 28: queue.holidays: 2026-01-01 is there twice: leave one out`},
		{"no picture", "", "[[queue]]\nname = \"a\"\npicture = \"config.go\"\n[[queue]]\nname = \"b\"\npicture = \"none.png\"",
			`line 19: queue.picture: config.go is no picture in PNG, JPEG, GIF or WebP` + "\n" +
				`line 22: queue.picture: open none.png: no such file or directory`},
		{"looks", "", "[queue.look]\n" + `color = "blue"
position = "middle"
theme = "drak"
logo = "config.go"
greeting_after = "0s"
[queue.look.texts.de]
titel = "Fragen?"
title = "` + strings.Repeat("ü", 65) + `"
greeting = "a\nb"
[queue.look.texts.it]
title = "Domande?"
[[queue]]
name = "sales"
[queue.look]
color = "#ffff"
logo = "none.svg"
size = 5
[web.look]
color = "#1f5f8"
`,
			`line 18: queue.look.color: "blue" is no colour here: write red, green and blue in hexadecimal digits, as "#1f5f8b"` + "\n" +
				`line 19: queue.look.position: "middle" is not known: write one of left, right` + "\n" +
				`line 20: queue.look.theme: "drak" is not known (did you mean "dark"?): write one of system, light, dark` + "\n" +
				`line 21: queue.look.logo: config.go is no picture in PNG, SVG, WebP or JPEG` + "\n" +
				`line 22: queue.look.greeting_after: 0s cannot be: write a time from "1s" to "1h"` + "\n" +
				`line 24: queue.look.texts.de.titel: there is no text of this name (did you mean "title"?): write one of ask, ask_more, greeting, name, question, start, title, write` + "\n" +
				`line 25: queue.look.texts.de.title: write one line of at most 64 characters` + "\n" +
				`line 26: queue.look.texts.de.greeting: write one line of at most 200 characters` + "\n" +
				`line 27: queue.look.texts.it: the page does not speak "it": write one of en, de, fr, es, zh` + "\n" +
				`line 32: queue.look.color: "#ffff" is no colour here: write red, green and blue in hexadecimal digits, as "#1f5f8b"` + "\n" +
				`line 33: queue.look.logo: open none.svg: no such file or directory` + "\n" +
				`line 34: queue.look.size: no such key; known here: color, position, theme, logo, greeting_after, texts` + "\n" +
				`line 35: web.look: has no effect without listen: write listen = "127.0.0.1:8080" beside it, or listen = "" for no page` + "\n" +
				`line 36: web.look.color: "#1f5f8" is no colour here: write red, green and blue in hexadecimal digits, as "#1f5f8b"`},
		{"faces", `"bob@agents.example"`, "\"bob@agents.example\"\npicture = \"none.png\"\npublic_name = \" Bob\"\n[[agent]]\njid = \"carol@agents.example\"\npicture = \"none.png\"\n" +
			"[[agent]]\njid = \"dora@agents.example\"\nname = \"Dora\"\npublic_name = \"Dora\u202e\"\npicture = \"config.go\"",
			`line 17: agent.picture: open none.png: no such file or directory` + "\n" +
				`line 18: agent.public_name: write a name of at most 64 characters, as "Anna"` + "\n" +
				`line 21: agent.picture: has no effect without a name that customers see: write name or public_name = "Anna" beside it` + "\n" +
				`line 25: agent.public_name: write a name of at most 64 characters, as "Anna"` + "\n" +
				`line 26: agent.picture: config.go is no picture in PNG or JPEG of at most 256 × 256 pixels`},
		{"bots and zones", "\n[front]", "bot_turns = 0\nroster_group = \" a\"\ntime_zone = \"\"\nholidays = [\"\"]\n[front]",
			`line 1: bot_turns: write a number from 1 to 1000` + "\n" +
				`line 2: roster_group: write a name of at most 64 bytes, as "Customers", or "" for none` + "\n" +
				`line 3: time_zone: "" is no time zone: write one as "Europe/Berlin" or "UTC"` + "\n" +
				`line 4: holidays: "" begins with no date: write holidays as "2026-12-25", or with hours as "2026-12-24 9:00-12:00"`},
		{"texts", "name = \"support\"\n", "name = \"support\"\nlanguage = \"d e\"\nplace_every = \"10s\"\n[queue.texts.de]\nbussy = \"x\"\nplace = \"{platz}\"\nnext = 5\n[queue.texts.DE]\nbusy = \"y\"\n[queue.texts.d_e]\nbusy = \"z\"\n" +
			"[[queue]]\nname = \"sales\"\ntexts = \"all\"\n[[queue]]\nname = \"help\"\n[queue.texts.fr]\nphone = \"x\"\n",
			`line 13: queue.language: "d e" is no language: write one as "en" or "pt-BR"` + "\n" +
				`line 14: queue.place_every: 10s cannot be: write a time from "30s" to "24h"` + "\n" +
				`line 16: queue.texts.de.bussy: there is no text of this name (did you mean "busy"?)` + "\n" +
				`line 17: queue.texts.de.place: nothing is put in for {platz} here; known are: {place}` + "\n" +
				`line 18: queue.texts.de.next: write text in quotes, as "text"` + "\n" +
				`line 19: queue.texts.DE: "de" is there twice: leave one out` + "\n" +
				`line 21: queue.texts.d_e: "d_e" is no language: write one as "en" or "pt-BR"` + "\n" +
				`line 25: queue.texts: these are tables, one for each language: write [queue.texts.de], and its texts below it` + "\n" +
				`line 29: queue.texts.fr.phone: there is no text of this name: docs/texts.md lists them`},
		{"asked", "name = \"support\"\n", "name = \"support\"\nask = [\"name\", \"name\", \"serial\", \"A b\", \"nmae\", \"colour\"]\ntopics = [\"Billing\", \"billing\"]\nask_for = \"2h\"\nask_closed = [\"closed\"]\n[queue.texts.en]\nask_colour = \"Which colour?\"\n[queue.texts.fr]\nask_serial = \"Quel numéro ?\"\n",
			`line 13: queue.ask: "A b" is no field: write one of name, email, order, topic, or a word of your own in small letters` + "\n" +
				`line 13: queue.ask: "name" is there twice: leave one out` + "\n" +
				`line 13: queue.ask: nobody knows how to ask for "nmae" (did you mean "name"?): write the question as ask_nmae into the queue's texts, under [queue.texts.en]` + "\n" +
				`line 13: queue.ask: nobody knows how to ask for "serial": write the question as ask_serial into the queue's texts, under [queue.texts.en]` + "\n" +
				`line 14: queue.topics: "billing" is there twice: leave one out` + "\n" +
				`line 14: queue.topics: has no effect where nobody is asked: write "topic" into ask` + "\n" +
				`line 15: queue.ask_for: 2h0m0s cannot be: write a time from "0s" to "1h"` + "\n" +
				`line 16: queue.ask_closed: nobody knows how to ask for "closed": write the question as ask_closed into the queue's texts, under [queue.texts.en]`},
		{"copies", "name = \"support\"\n", "name = \"support\"\ncopy = \"page\"\n[[queue]]\nname = \"sales\"\ncopy = \"mail\"\n",
			`line 13: queue.copy: a page needs an address: write where customers reach it into [web], as address = "https://chat.example.org"` + "\n" +
				`line 16: queue.copy: "mail" is not known: write one of off, text, page`},
		{"address of the page", "", "[web]\nlisten = \"\"\naddress = \"chat.example.org\"",
			`line 19: web.address: "chat.example.org" is no address of a page: write where customers reach it, as "https://chat.example.org"`},
		{"creators", "\n[front]", "create_rooms = [\"customers.example\", \"a b\"]\n[front]",
			`line 1: create_rooms: "a b" is no domain: write one as "agents.example"` + "\n" +
				`line 1: create_rooms: "customers.example" is a customers' host (front.customers, web.host), and nobody from there gets into the desk: leave it out`},
		{"creators in a word", "\n[front]", "create_rooms = \"everybody\"\n[front]",
			`line 1: create_rooms: write "agents", "nobody" or a list of domains, as ["agents.example"]`},
		{"members", "\n[front]", "members = [\"carol@agents.example\", \"customers.example\", \"a b\", \"agents.example\", \"agents.example\"]\n[front]",
			`line 1: members: "a b" is no domain: write one as "agents.example"` + "\n" +
				`line 1: members: "agents.example" is there twice: leave one out` + "\n" +
				`line 1: members: "customers.example" is a customers' host (front.customers, web.host), and nobody from there gets into the desk: leave it out` + "\n" +
				`line 1: members: members are whole domains, as "agents.example"; for carol@agents.example alone write an [[agent]], and name the queues' agents`},
		{"times", "", "[times]\ngrace = \"-1s\"\nanswer = \"0s\"\ncool_down = \"25h\"",
			"line 18: times.grace: -1s cannot be: write a time from \"1s\" to \"24h\"\n" +
				"line 19: times.answer: 0s cannot be: write a time from \"1s\" to \"24h\"\n" +
				"line 20: times.cool_down: 25h0m0s cannot be: write a time from \"1s\" to \"24h\""},
		{"level and file", "\n[front]", "log = \"verbose\"\ndata = \"\"\n[front]",
			"line 1: log: \"verbose\" is not known: write one of debug, info, warn, error\n" +
				"line 2: data: write the name of the file that keeps everything, as data = \"frontdesk.db\""},
		{"page without listen", "", "[web]\nqueue = \"support\"",
			`line 18: web.queue: has no effect without listen: write listen = "127.0.0.1:8080" beside it, or listen = "" for no page`},
		{"page without server", "", "[web]\nlisten = \"8080\"\norigins = [\"https://www.example.org/\", \"*\"]\nqueue = \"suport\"",
			`line 17: web.host: missing: write the host where customers log in anonymously, as host = "customers.example"` + "\n" +
				`line 17: web.websocket: missing: write the server's WebSocket endpoint, as websocket = "ws://127.0.0.1:5280/xmpp-websocket"` + "\n" +
				`line 18: web.listen: "8080" is no host:port: write where the page listens, as "127.0.0.1:8080"` + "\n" +
				`line 19: web.origins: "*" is no origin: write scheme and host alone, as "https://www.example.org"` + "\n" +
				`line 19: web.origins: "https://www.example.org/" is no origin: write scheme and host alone, as "https://www.example.org"` + "\n" +
				`line 20: web.queue: "suport" is no [[queue]] (did you mean "support"?)`},
		{"two ways to know users", "", "[web]\nlisten = \"\"\nusers_secret_file = \"a\"\nusers_key_file = \"b\"",
			`line 20: web.users_key_file: write only one of users_secret_file, users_key_file`},
		{"half an upload service", "", "[web]\nlisten = \"\"\nupload = \"upload.customers.example\"",
			`line 19: web.upload: upload and files go together: write upload = "upload.customers.example" and files = "http://127.0.0.1:5280/file_share", or neither`},
		{"files in the page's way", "", "[web]\nlisten = \"\"\nupload = \"upload.customers.example\"\nfiles = \"http://127.0.0.1:5280/chat/files\"\nimages = [\"https://a.example/\"]",
			`line 20: web.files: "http://127.0.0.1:5280/chat/files": the page has this path itself: have the server use another, as "http://127.0.0.1:5280/file_share"` + "\n" +
				`line 21: web.images: "https://a.example/" is no origin: write scheme and host alone, as "https://a.example"`},
		{"files nowhere", "", "[web]\nlisten = \"\"\nupload = \"upload.customers.example\"\nfiles = \"127.0.0.1:5280\"",
			`line 20: web.files: "127.0.0.1:5280" is no web address: write where the server has its files, as "http://127.0.0.1:5280/file_share"`},
		{"page on the component", "", "[web]\nlisten = \":8080\"\nwebsocket = \"http://127.0.0.1/\"\nhost = \"desk.agents.example\"\nagent_client = \".\"",
			`line 19: web.websocket: "http://127.0.0.1/" is no WebSocket address: write one as "ws://127.0.0.1:5280/xmpp-websocket"` + "\n" +
				`line 20: web.host: "desk.agents.example" is the component itself: write the host where customers log in anonymously` + "\n" +
				`line 21: web.agent_client: is for this machine alone: write listen = "127.0.0.1:8080" above, or leave agent_client out`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			text := good + c.new
			if c.old != "" {
				if !strings.Contains(good, c.old) {
					t.Fatalf("good has no %q", c.old)
				}
				text = strings.Replace(good, c.old, c.new, 1)
			}
			_, err := Parse(text, ".", environment)
			if err == nil {
				t.Fatal("no error")
			}
			if err.Error() != c.want {
				t.Errorf("got:\n%v\nwant:\n%s", err, c.want)
			}
		})
	}
}

// TestPermissions: who else may read a secret is told so.
func TestPermissions(t *testing.T) {
	t.Parallel()
	write := func(path, text string, mode fs.FileMode) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil { // umask or not
			t.Fatal(err)
		}
	}
	inFiles := strings.NewReplacer(`secret = "a"`, `secret_file = "front.secret"`, `secret = "b"`, `secret_env = "PATH"`).Replace(good)
	for _, c := range []struct {
		name, text    string
		mode, secrets fs.FileMode
		want          string // "": loads
	}{
		{"inline, private", good, 0o600, 0o600, ""},
		{"inline, group", good, 0o640, 0o600, "front.secret: others may read this file (its mode is 0640)"},
		{"file, all private", inFiles, 0o644, 0o600, ""},
		{"file, group", inFiles, 0o644, 0o640, ""},
		{"file, everybody", inFiles, 0o600, 0o644, "everybody may read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			write(filepath.Join(dir, "frontdesk.toml"), c.text, c.mode)
			write(filepath.Join(dir, "front.secret"), "from a file\n", c.secrets)
			got, err := Load(filepath.Join(dir, "frontdesk.toml"))
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) || !errors.As(err, new(Faults)) {
					t.Fatalf("got %v, want %q", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Data != filepath.Join(dir, "frontdesk.db") {
				t.Errorf("data is %s", got.Data)
			}
			if c.text == inFiles && (got.Front.Secret != "from a file" || got.Desk.Secret != os.Getenv("PATH")) {
				t.Errorf("secrets are %q and %q", got.Front.Secret, got.Desk.Secret)
			}
		})
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none.toml")); err == nil || !strings.Contains(err.Error(), "frontdesk init") {
		t.Errorf("a missing file: %v", err)
	}
}

// TestQueue reads a queue with every key.
func TestQueue(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.png"), []byte("\x89PNG\r\n\x1a\n..."), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Parse("holidays = [\"2026-12-25\", \"2026-12-24 9:00-12:00\"]\n"+good+`
skills = ["FR"]
[[agent]]
jid = "carol@second.example"
[[agent]]
jid = "dora@reserve.example"
bot = true
[[queue]]
name = "sales"
agents = ["anna@agents.example"]
agents_with = ["fr"]
second = ["second.example"]
reserve = ["Dora@reserve.example"]
level_wait = "1m"
skill_wait = "3m"
strategy = "least-busy"
mode = "offer"
same_agent = "48h"
priority = -3
keep = 30
overflow = "support"
overflow_after = "10m"
hours = ["Mon-Wed 9:00-12:30 13:00-17:00", "fri 22:00-6:00", "sat-sun 20:00-24:00"]
time_zone = "Europe/Berlin"
idle = "20m"
gone = "10m"
picture = "a.png"
[[queue]]
name = "night"
same_agent = "never"
second = ["reserve.example"]
hours = ["sun-sat 0:00-24:00"]
holidays = []
keep = 0
[times]
wrap_up = "0s"
gap = "5s"
[keep]
customers = 365
agents = 90
`, dir, environment)
	if err != nil {
		t.Fatal(err)
	}
	anna, bob, carol, dora := "anna@agents.example", "bob@agents.example", "carol@second.example", "dora@reserve.example"
	berlin, _ := time.LoadLocation("Europe/Berlin")
	day := []Span{{540, 750}, {780, 1020}}
	want := Queue{Name: "sales", Title: "sales", Agents: []string{anna, bob, carol, dora}, Named: []string{anna}, AgentsWith: []string{"fr"},
		Second: []string{"second.example"}, Reserve: []string{dora}, LevelWait: time.Minute, SkillWait: 3 * time.Minute, Strategy: "least-busy",
		Mode: "offer", SameAgent: Within(48 * time.Hour), Priority: -3, Keep: 30, KeepAgents: 90, Overflow: "support", OverflowAfter: 10 * time.Minute,
		Hours: []string{"Mon-Wed 9:00-12:30 13:00-17:00", "fri 22:00-6:00", "sat-sun 20:00-24:00"}, TimeZone: "Europe/Berlin",
		Holidays: []string{"2026-12-25", "2026-12-24 9:00-12:00"}, Idle: 20 * time.Minute, Gone: 10 * time.Minute, Picture: filepath.Join(dir, "a.png"),
		Week: &Week{Zone: berlin, Days: [7][]Span{{{1200, 1440}}, day, day, day, nil, {{1320, 1440}}, {{0, 360}, {1200, 1440}}},
			Holidays: map[Date][]Span{{2026, 12, 25}: nil, {2026, 12, 24}: {{540, 720}}}},
		Language: "en", PlaceEvery: 2 * time.Minute, Copy: "text", AskFor: 2 * time.Minute, AskClosed: []string{"name", "email"},
		Photo: Photo{"image/png", "iVBORw0KGgouLi4=", "b4c36d07c9b3a21891dd8686ea5cb543fa0815e0"}}
	if got := c.Queues[1]; !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	night := c.Queues[2]
	if night.Keep != 0 || night.KeepAgents != 90 || c.Queues[0].Keep != 365 || c.Keep != (Keep{365, 90}) {
		t.Errorf("kept for %d and %d days, %d, %+v", night.Keep, night.KeepAgents, c.Queues[0].Keep, c.Keep)
	}
	for i, line := range []int{First, First, First, Second} {
		if got := night.Line(&c.Agents[i]); got != line {
			t.Errorf("%s is in line %d, want %d", c.Agents[i].JID, got, line)
		}
	}
	if night.SameAgent != Never || len(night.Week.Holidays) != 0 || night.Week.Zone != time.UTC || !night.Everybody || !c.Agents[3].Bot {
		t.Errorf("got %+v", night)
	}
	if c.Times.Gap != 5*time.Second || !slices.Equal(c.Agents[1].Skills, []string{"fr"}) {
		t.Errorf("got %+v, %+v", c.Times, c.Agents[1])
	}
}

var comment = regexp.MustCompile(`(?m)^#(\w+ = .*)$`)

// TestExample: the example loads, knows every key, and what stands behind a #
// in it is the default indeed.
func TestExample(t *testing.T) {
	t.Parallel()
	plain, err := Parse(Example, "/d", environment)
	if err != nil {
		t.Fatal(err)
	}
	full := comment.ReplaceAllStringFunc(Example, func(line string) string {
		for _, other := range []string{"secret_", "tls_ca", "agent_client", "agents_with", "second", "reserve", "overflow", "picture", "upload", "files", "users_", "logo"} { // not with what stands beside them
			if strings.HasPrefix(line, "#"+other) {
				return line
			}
		}
		return line[1:]
	})
	got, err := Parse(full, "/d", environment)
	if err != nil {
		t.Fatal(err)
	}
	// These have an example, not a default.
	got.Members, got.Web.Origins, got.Web.Address, got.Front.WriteTo = plain.Members, plain.Web.Origins, plain.Web.Address, plain.Front.WriteTo
	got.Web.Images, got.Web.Look, got.Queues[0].Look = plain.Web.Images, plain.Web.Look, plain.Queues[0].Look
	got.Queues[0].Title = plain.Queues[0].Title
	got.Holidays = plain.Holidays
	a, as := &got.Agents[0], &plain.Agents[0]
	a.Name, a.Skills, a.PublicName, a.Shown = as.Name, as.Skills, as.PublicName, as.Shown
	got.Texts, got.Queues[0].Texts = plain.Texts, plain.Queues[0].Texts
	got.Queues[0].Ask, got.Queues[0].Topics = plain.Queues[0].Ask, plain.Queues[0].Topics
	q, was := &got.Queues[0], &plain.Queues[0]
	q.Everybody, q.Named, q.Hours, q.Week, q.TimeZone, q.Holidays, q.Idle, q.Gone = was.Everybody, was.Named, was.Hours, was.Week, was.TimeZone, was.Holidays, was.Idle, was.Gone
	if !reflect.DeepEqual(got, plain) {
		t.Errorf("uncommented: %+v\nas it is:    %+v", got, plain)
	}

	page, err := os.ReadFile("../docs/config.md")
	if err != nil {
		t.Fatal(err)
	}
	paths := keys("", reflect.TypeFor[Config]())
	sections := lineNumbers(comment.ReplaceAllString(Example, "$1"))
	for _, path := range paths {
		if place := strings.NewReplacer("queue.", "queue[1].", "agent.", "agent[1].").Replace(path); sections[place] == 0 && !slices.Contains([]string{"desk.customers", "desk.write_to", "desk.messages"}, path) {
			t.Errorf("the example has no %s", path)
		}
		if key := path[strings.LastIndexByte(path, '.')+1:]; !strings.Contains(string(page), "| `"+key+"` |") {
			t.Errorf("docs/config.md has no row for %s", path)
		}
	}
}

// keys lists the paths of all keys of a table.
func keys(path string, table reflect.Type) []string {
	var list []string
	for i := range table.NumField() {
		f := table.Field(i)
		if f.Tag.Get("toml") == "-" {
			continue
		}
		at, inner := join(path, f.Tag.Get("toml")), f.Type
		if inner.Kind() == reflect.Slice {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct {
			list = append(list, keys(at, inner)...)
		} else {
			list = append(list, at)
		}
	}
	return list
}

func TestStart(t *testing.T) {
	t.Parallel()
	s := Start{
		Front: "help.a.example", Desk: "desk.b.example", FrontServer: "[::1]:5347", DeskServer: "b.example:5347",
		FrontSecret: `one "quoted" \ secret`, DeskSecret: "two", Customers: "a.example",
		Agents: []string{"ärnst@b.example", "bob@c.example"},
		Listen: "127.0.0.1:8080", WebSocket: "wss://a.example:5281/xmpp-websocket",
	}
	c, err := Parse(s.File(), "/d", environment)
	if err != nil {
		t.Fatal(err)
	}
	got := Start{
		Front: c.Front.Domain, Desk: c.Desk.Domain, FrontServer: c.Front.Server, DeskServer: c.Desk.Server,
		FrontSecret: c.Front.Secret, DeskSecret: c.Desk.Secret, Customers: c.Front.Customers[0],
		Agents: c.Queues[0].Agents, Listen: c.Web.Listen, WebSocket: c.Web.WebSocket,
	}
	if !reflect.DeepEqual(got, s) {
		t.Errorf("got  %+v\nwant %+v", got, s)
	}
	if c.Web.Host != "a.example" || !slices.Equal(c.Front.Customers, []string{"a.example"}) {
		t.Errorf("web.host is %q, customers are %q", c.Web.Host, c.Front.Customers)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(good)
	f.Add(Example)
	f.Add("[[front]]\nqueue = [[1], {a = 2}]\nagent = [{jid = 3}]")
	f.Add("a = '''\n[[x]]\n'''\n[front.front]\n[[queue.queue]]\nweb = 1979-05-27")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse(text, ".", environment)
		if (c == nil) == (err == nil) {
			t.Fatalf("%v, %v", c, err)
		}
		if c != nil && (c.Front.Domain == c.Desk.Domain || len(c.Queues) == 0 || len(c.Agents) == 0) {
			t.Errorf("accepted: %+v", c)
		}
	})
}

// FuzzHours: days and times are read or refused in words, and what is read lies within its day.
func FuzzHours(f *testing.F) {
	for _, entry := range []string{"mon-fri 9:00-12:30 13:00-17:00", "fri-mon 22:00-6:00", "sat,sun 0:00-24:00", "mon", "mon-mon,tue 1:00-1:00", "sun 23:59-0:00 9:0-10:00"} {
		f.Add(entry)
	}
	f.Fuzz(func(t *testing.T, entry string) {
		w := &Week{}
		if problem := w.add(entry); problem != "" {
			return
		}
		for day, spans := range w.Days {
			overlap(spans)
			for _, s := range spans {
				if s.From < 0 || s.To > minutes || s.From >= s.To {
					t.Fatalf("%q gives %+v on day %d", entry, s, day)
				}
			}
		}
	})
}
