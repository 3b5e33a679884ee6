package config

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"

	"frontdesk/texts"
)

// Queue is one [[queue]].
type Queue struct {
	Name  string `toml:"name"`  // localpart of the address
	Title string `toml:"title"` // shown; default: name

	// Who serves it: accounts of [[agent]] and whole domains, and those who have one of the skills of AgentsWith. Where both
	// keys are absent, all. After Load Agents lists the bare JIDs of all who do, the later lines included.
	Agents     []string      `toml:"agents"`
	AgentsWith []string      `toml:"agents_with"`
	Second     []string      `toml:"second"`     // accounts and domains: who gets what has waited LevelWait
	Reserve    []string      `toml:"reserve"`    // likewise, twice LevelWait
	LevelWait  time.Duration `toml:"level_wait"` // 1 s to 24 h; default 2 min
	SkillWait  time.Duration `toml:"skill_wait"` // for an agent with the customer's language or topic: likewise

	Strategy  string `toml:"strategy"`   // random, round-robin, least-busy, longest-idle; default random
	Mode      string `toml:"mode"`       // push, offer, all; default push
	SameAgent Within `toml:"same_agent"` // default always

	Priority      int           `toml:"priority"`       // -100 to 100; default 0
	Overflow      string        `toml:"overflow"`       // another queue's name; "" is none
	OverflowAfter time.Duration `toml:"overflow_after"` // 1 s to 24 h; 0: only while it is closed

	Hours    []string `toml:"hours"`     // absent: always open
	TimeZone string   `toml:"time_zone"` // default: the one at the top
	Holidays []string `toml:"holidays"`  // default: those at the top

	Idle    time.Duration `toml:"idle"`    // 1 s to 168 h; 0: never
	Gone    time.Duration `toml:"gone"`    // likewise
	Picture string        `toml:"picture"` // path of a PNG, JPEG, GIF or WebP file of at most 64 KiB

	Language   string        `toml:"language"`    // of who wants none that there is; default: the one at the top
	Texts      texts.Table   `toml:"texts"`       // laid over those at the top
	Ask        []string      `toml:"ask"`         // what who begins a conversation is asked: name, email, order, topic, or a word of its own
	Topics     []string      `toml:"topics"`      // what topic can be, in lower case; one that is an agent's skill is wanted of him
	AskFor     time.Duration `toml:"ask_for"`     // how long he is given to nobody meanwhile, 0 to 1 h; default 2 min
	AskClosed  []string      `toml:"ask_closed"`  // what who writes while it is closed is asked, if unknown; default name and email
	Greet      bool          `toml:"greet"`       // whoever begins a conversation is greeted
	Farewell   bool          `toml:"farewell"`    // who is told that his conversation is closed
	Rate       bool          `toml:"rate"`        // and asked how it was
	Copy       string        `toml:"copy"`        // off, text or page: what he gets who then wants a copy; default text
	PlaceEvery time.Duration `toml:"place_every"` // how often who waits is told his place at most, 30 s to 24 h; 0: once; default 2 min

	ShowAgents bool `toml:"show_agents"` // what agents write carries their Shown and Face

	Keep       int `toml:"keep"`        // days for which what its customers said and were told is kept, 0 to 36500; 0: for ever; default: [keep]
	KeepAgents int `toml:"keep_agents"` // and notes and case rooms about them: likewise

	Look Look `toml:"look"` // laid over that of [web]

	Everybody bool     `toml:"-"` // agents and agents_with are absent
	Named     []string `toml:"-"` // agents as it stands in the file, normalised
	Week      *Week    `toml:"-"` // what hours, time_zone and holidays say; nil: always open
	Photo     Photo    `toml:"-"` // what picture holds
}

// Within is how long something counts: a time, "always" (0) or "never" (negative).
type Within time.Duration

// The words.
const (
	Always Within = 0
	Never  Within = -1
)

// Photo is a picture as a vCard has it (XEP-0054).
type Photo struct {
	Type string // media type; "" is no picture
	Data string // base64
	Sum  string // SHA-1 in hex, as of XEP-0153
}

// Lines of agents, as Queue.Line returns them.
const (
	NoLine  = -1
	First   = 0
	Second  = 1
	Reserve = 2
)

// Line tells in which line of the queue the file puts somebody. Where several lists name him, the later line counts.
func (q *Queue) Line(p *Person) int {
	switch {
	case selects(q.Reserve, p.JID):
		return Reserve
	case selects(q.Second, p.JID):
		return Second
	case q.Everybody, selects(q.Named, p.JID), slices.ContainsFunc(q.AgentsWith, func(s string) bool { return slices.Contains(p.Skills, s) }):
		return First
	}
	return NoLine
}

// selects tells that a list of accounts and whole domains names an account.
func selects(list []string, jid string) bool {
	_, domain, _ := strings.Cut(jid, "@")
	return slices.Contains(list, jid) || slices.Contains(list, domain)
}

// Bounds of a queue's keys.
const (
	maxSkills   = 32       // of one agent, or in one list
	maxSkill    = 32       // bytes
	maxPicture  = 64 << 10 // bytes: it has to fit into one stanza
	maxPriority = 100
	maxQuiet    = 7 * 24 * time.Hour
)

// serving checks how a queue's customers come to its agents; names are the queues'.
func (k *checker) serving(path string, q *Queue, names []string) {
	for _, w := range []struct {
		key  string
		time *time.Duration
		def  time.Duration
		most time.Duration
	}{
		{"level_wait", &q.LevelWait, 2 * time.Minute, 24 * time.Hour}, {"skill_wait", &q.SkillWait, 2 * time.Minute, 24 * time.Hour},
		{"overflow_after", &q.OverflowAfter, 0, 24 * time.Hour}, {"idle", &q.Idle, 0, maxQuiet}, {"gone", &q.Gone, 0, maxQuiet},
	} {
		if at := join(path, w.key); k.given[at] {
			k.time(at, *w.time, time.Second, w.most)
		} else {
			*w.time = w.def
		}
	}
	if at := join(path, "strategy"); k.given[at] {
		k.oneOf(at, q.Strategy, "random", "round-robin", "least-busy", "longest-idle")
	} else {
		q.Strategy = "random"
	}
	if at := join(path, "mode"); k.given[at] {
		k.oneOf(at, q.Mode, "push", "offer", "all")
	} else {
		q.Mode = "push"
	}
	if q.Priority < -maxPriority || q.Priority > maxPriority {
		k.fault(join(path, "priority"), "write a number from %d to %d", -maxPriority, maxPriority)
	}
	k.keep(join(path, "keep"), &q.Keep, k.config.Keep.Customers)
	k.keep(join(path, "keep_agents"), &q.KeepAgents, k.config.Keep.Agents)
	k.overflow(path, q, names)
	k.said(path, q)
	k.week(path, q)
	if q.Picture != "" {
		q.Picture = k.path(q.Picture)
		q.Photo = k.photo(join(path, "picture"), q.Picture)
	}
}

func (k *checker) overflow(path string, q *Queue, names []string) {
	switch at := join(path, "overflow"); {
	case q.Overflow == "" && k.given[join(path, "overflow_after")]:
		k.fault(join(path, "overflow_after"), `has no effect without overflow: name the queue that helps, as overflow = "sales"`)
	case q.Overflow == "":
	case q.Overflow == q.Name:
		k.fault(at, "%q is this queue itself: name another one", q.Overflow)
	case !slices.Contains(names, q.Overflow):
		k.fault(at, "%q is no [[queue]]%s", q.Overflow, meant(q.Overflow, names))
	}
}

// photo reads a picture.
func (k *checker) photo(at, path string) Photo {
	text, _, err := readFile(path, maxPicture)
	if err != nil {
		k.fault(at, "%v", err)
		return Photo{}
	}
	typ := http.DetectContentType([]byte(text))
	if !slices.Contains([]string{"image/png", "image/jpeg", "image/gif", "image/webp"}, typ) {
		k.fault(at, "%s is no picture in PNG, JPEG, GIF or WebP", path)
		return Photo{}
	}
	sum := sha1.Sum([]byte(text))
	return Photo{Type: typ, Data: base64.StdEncoding.EncodeToString([]byte(text)), Sum: hex.EncodeToString(sum[:])}
}

// queueAgents resolves who serves a queue.
func (k *checker) queueAgents(path string, q *Queue) {
	people := k.config.Agents
	q.Everybody = !k.given[join(path, "agents")] && !k.given[join(path, "agents_with")]
	k.selectors(join(path, "agents"), q, q.Agents)
	k.selectors(join(path, "second"), q, q.Second)
	k.selectors(join(path, "reserve"), q, q.Reserve)
	for _, jid := range slices.Concat(q.Second, q.Reserve) {
		if lists := k.listsWith(q, jid); lists > 1 {
			k.fault(join(path, "second"), "%q is in more than one of agents, second and reserve: leave it in one", jid)
			break
		}
	}
	k.skills(join(path, "agents_with"), q.AgentsWith)
	var known []string
	for i := range people {
		known = append(known, people[i].Skills...)
	}
	for _, s := range q.AgentsWith {
		if !slices.Contains(known, s) {
			hint := meant(s, known)
			if hint == "" {
				hint = ": give it to some [[agent]], as skills = [\"" + s + "\"], or leave it out here"
			}
			k.fault(join(path, "agents_with"), "no [[agent]] has the skill %q%s", s, hint)
		}
	}
	q.Named = q.Agents
	q.Agents = nil
	for i := range people {
		if q.Line(&people[i]) != NoLine {
			q.Agents = append(q.Agents, people[i].JID)
		}
	}
}

func (k *checker) listsWith(q *Queue, jid string) int {
	n := 0
	for _, list := range [][]string{q.Agents, q.Second, q.Reserve} {
		if slices.Contains(list, jid) {
			n++
		}
	}
	return n
}

// selectors checks a list of accounts and domains, and normalises it in place.
func (k *checker) selectors(path string, q *Queue, list []string) {
	if len(list) == 0 && k.given[path] {
		k.fault(path, "queue %q has no agent: name some, or leave the key out for all of them", q.Name)
	}
	var jids, domains []string
	for _, a := range k.config.Agents {
		jids = append(jids, a.JID)
		_, domain, _ := strings.Cut(a.JID, "@")
		domains = append(domains, domain)
	}
	for i, name := range list {
		known, want := jids, "write an [[agent]] with this jid, or leave it out here"
		if local, host, problem := account(name); problem == "" {
			list[i] = local + "@" + host
		} else if !strings.Contains(name, "@") {
			list[i] = domainpart(name)
			known, want = append(domains, jids...), "write an account of one, or a domain that some have"
		}
		if !slices.Contains(known, list[i]) {
			hint := meant(name, known)
			if hint == "" {
				hint = ": " + want
			}
			k.fault(path, "%q is no [[agent]]%s", name, hint)
			list[i] = name
		}
		if slices.Contains(list[:i], list[i]) {
			k.fault(path, "%q is there twice: leave one out", name)
		}
	}
}

// skills checks a list of them and normalises it in place.
func (k *checker) skills(path string, list []string) {
	if len(list) > maxSkills {
		k.fault(path, "these are %d; at most %d are possible", len(list), maxSkills)
		return
	}
	for i, s := range list {
		list[i] = strings.ToLower(s)
		if s == "" || len(s) > maxSkill || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
			k.fault(path, "%q is no skill: write one word of at most %d bytes, as \"fr\" or \"billing\"", s, maxSkill)
		} else if slices.Contains(list[:i], list[i]) {
			k.fault(path, "%q is there twice: leave one out", s)
		}
	}
}
