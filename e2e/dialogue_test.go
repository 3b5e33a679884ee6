package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"frontdesk/component/stanza"
	"frontdesk/relay"
)

// A dialogue is a script of what people's clients send and receive (testdata/*.txt):
//
//	# a comment
//	include opened.txt
//	alice logs in                 alice, bela, chris … lia are customers; anna, bob, carol (supervisor), olga (admin), dora, eve have accounts
//	anna enters                   logs in if need be, sends presence to the lobby, and forgets all that came until then
//	alice sends:                  the indented stanzas that follow
//	anna receives:                each indented stanza must come, in order among those of its kind
//	bob receives nothing          no message, once everything under way has been dealt with
//	anna leaves                   her connection breaks
//	anna forgets                  what she has received until now
//	wait 61s                      fake world only
//	restart                       of the desk
//	config:                       the indented queues, agents and the rest of the configuration file take the place of what the
//	                              worlds begin with, from the next restart or !reload on; {other-day} is a day of the week
//	                              that is neither today nor next to it, {testdata} the folder of the scripts
//	hang up                       the desk is told to read its configuration again, as by a signal
//	erase alice                   a customer's words, on the desk that runs: nothing of them may be found in its file afterwards
//	the file has:                 each indented line stands in the desk's file; "the file has not:", not one of them
//	cut desk                      the component's connection breaks (also: cut front); fake world only
//	down desk, up desk            the same, and the server takes no new one until up
//
// A script that begins with "# Real servers only" is not for the fake world; one with "# Only through ejabberd" is for agents on
// such a server alone, one with "# Not through ejabberd" for all others.
//
// A template fits a stanza if its name, its attributes and its children are there; more may be there.
// {name} in an attribute or a text binds what stands there, and must match it from then on; {any} matches
// anything. {alice} is the full JID of a client, {alice-bare} its bare one. A child with e2e='absent' must not be there.
type dialogue struct {
	w     *world
	t     *testing.T
	names map[string]string
	who   map[string]*client
	at    string // file:line
	count int    // of what was written
	down  bool   // a component's connection is, and stays so

	forms   bool // commands are given by form
	spoken  []spoken
	ordered []ordered
}

// scene is a script, and whether commands are given by form in it.
type scene struct {
	script string
	forms  bool
}

func (s scene) String() string {
	name := strings.TrimSuffix(s.script, ".txt")
	if s.forms {
		name += "-by-form"
	}
	return name
}

// play plays a scene.
func play(w *world, s scene) {
	d := &dialogue{w: w, t: w.t, names: map[string]string{}, who: map[string]*client{}, forms: s.forms}
	d.run(s.script)
	for _, c := range d.who {
		c.drop()
	}
	if s.script == "day.txt" {
		d.checkLog()
	}
}

var step = regexp.MustCompile(`^(\w+) (sends:|receives:|receives nothing|logs in|enters|leaves|forgets)$`)

var link = regexp.MustCompile(`^(cut|down|up) (desk|front)$`)

var held = regexp.MustCompile(`^the file has( not)?:$`)

// holds looks for lines in the bytes of the desk's file.
func (d *dialogue) holds(block string, want bool) {
	for turn := 0; ; turn++ {
		content, err := os.ReadFile(d.w.cfg.Data)
		must(d.t, err)
		wrong := ""
		for line := range strings.Lines(block) {
			if line = d.filled(strings.TrimSpace(line)); strings.Contains(string(content), line) != want {
				wrong = line
			}
		}
		if wrong == "" {
			return
		}
		if turn == 200 {
			d.fatal("the file has %q: %v", wrong, !want)
		}
		d.settle() // it may be on its way
	}
}

func (d *dialogue) erase(who string) {
	proof, err := d.w.relay.Erase(d.t.Context(), relay.Whom{Address: d.names[who+"-bare"]})
	must(d.t, err)
	d.t.Log(proof)
	if proof.Erased == 0 || proof.Pages == 0 || proof.Samples == 0 || proof.Found != 0 {
		d.fatal("what was removed: %+v", proof)
	}
}

// link breaks a component's connection, or lets it come back.
func (d *dialogue) link(what, domain string) {
	if what != "up" {
		d.settle()
		d.w.fake.Refuse(domain, what == "down")
		d.w.fake.Cut(domain)
	}
	if d.down = what == "down"; d.down {
		for d.w.relay.Health() == nil { // until the desk has noticed
			runtime.Gosched()
		}
		return
	}
	d.w.fake.Refuse(domain, false)
	d.w.fake.Wait(domain, true)
	d.w.works()
}

func (d *dialogue) run(name string) {
	text, err := os.ReadFile(filepath.Join("testdata", name))
	must(d.t, err)
	lines := strings.Split(string(text), "\n")
	for i := 0; i < len(lines); i++ {
		line := strings.TrimRight(lines[i], " ")
		d.at = fmt.Sprintf("%s:%d", name, i+1)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if rest, ok := strings.CutPrefix(line, "include "); ok {
			d.run(rest)
			continue
		}
		if rest, ok := strings.CutPrefix(line, "wait "); ok {
			length, err := time.ParseDuration(rest)
			must(d.t, err)
			d.settle()
			d.w.clock.advance(length)
			d.settle()
			continue
		}
		if line == "restart" {
			d.settle()
			d.w.stop()
			if d.w.launch(); !d.down {
				d.w.works()
			}
			continue
		}
		if who, ok := strings.CutPrefix(line, "erase "); ok {
			d.settle()
			d.erase(who)
			continue
		}
		if m := held.FindStringSubmatch(line); m != nil {
			d.settle()
			d.holds(block(lines, &i), m[1] == "")
			continue
		}
		if line == "config:" {
			d.w.configure(block(lines, &i))
			continue
		}
		if line == "hang up" {
			d.settle()
			d.w.relay.Reload()
			continue
		}
		if m := link.FindStringSubmatch(line); m != nil {
			d.link(m[1], map[string]string{"desk": deskDomain, "front": frontDomain}[m[2]])
			continue
		}
		m, simple := step.FindStringSubmatch(line), plain.FindStringSubmatch(line)
		if m == nil && simple == nil {
			d.fatal("cannot read %q", line)
		}
		text := block(lines, &i)
		if simple != nil {
			d.plainStep(simple, text)
			continue
		}
		d.step(m[1], m[2], text)
	}
}

// block takes the indented lines that follow the i-th.
func block(lines []string, i *int) string {
	var taken []string
	for *i+1 < len(lines) && (strings.HasPrefix(lines[*i+1], " ") || strings.TrimSpace(lines[*i+1]) == "" && *i+2 < len(lines) && strings.HasPrefix(lines[*i+2], " ")) {
		*i++
		taken = append(taken, lines[*i])
	}
	return strings.Join(taken, "\n")
}

func (d *dialogue) fatal(format string, args ...any) {
	d.t.Helper()
	d.t.Fatalf(d.at+": "+format, args...)
}

func (d *dialogue) step(name, what, block string) {
	switch what {
	case "logs in":
		d.login(name)
	case "enters":
		if d.who[name] == nil {
			d.login(name)
		}
		d.enter(name)
	case "leaves":
		d.client(name).drop()
		delete(d.who, name)
		d.left(name)
	case "forgets":
		d.settle()
		d.client(name).clear()
	case "sends:":
		for _, s := range d.stanzas(block, true) {
			if err := d.client(name).send(s); err != nil {
				d.fatal("%s cannot send: %v", name, err)
			}
		}
	case "receives:":
		for _, want := range d.stanzas(block, false) {
			d.receive(name, want)
		}
	case "receives nothing":
		d.settle()
		if got := d.client(name).pending(isMessage); len(got) > 0 {
			d.fatal("%s should have received nothing, but got\n    %s", name, got[0])
		}
	}
}

func isMessage(s *stanza.Element) bool { return s.Local == "message" }

func (d *dialogue) client(name string) *client {
	c := d.who[name]
	if c == nil {
		d.fatal("%s has not logged in", name)
	}
	return c
}

var customers = strings.Fields("alice bela chris dan emil fay gus hana ivo jan kim lia")

func isCustomer(name string) bool { return slices.Contains(customers, name) }

func (d *dialogue) login(name string) {
	login := d.w.agent
	if isCustomer(name) {
		login = d.w.customer
	}
	c, err := login(name)
	if err != nil {
		d.fatal("%v", err)
	}
	if isCustomer(name) {
		c.leak = d.t.Errorf
		c.keyed = func(key string) { d.w.diaryOf().keeps("the key of "+name+"'s page", key) }
	}
	d.who[name] = c
	d.names[name], d.names[name+"-bare"] = string(c.jid), string(c.jid.Bare())
	c.send(stanza.New("", "presence"))
}

// enter brings an agent into the lobby; what came with it is forgotten.
func (d *dialogue) enter(name string) {
	c := d.client(name)
	c.send(stanza.New("", "presence", "to", "lobby@"+deskDomain+"/"+name, "id", "enter-"+name).Add(stanza.New("http://jabber.org/protocol/muc", "x")))
	self := c.await(func(s *stanza.Element) bool {
		if s.Local != "presence" || s.From().Bare() != "lobby@"+deskDomain {
			return false
		}
		for x := range s.Child("http://jabber.org/protocol/muc#user", "x").Elements() {
			if x.Local == "status" && x.Attr("code") == "110" {
				return true
			}
		}
		return s.Type() == "error"
	})
	if self == nil || self.Type() == "error" {
		d.fatal("%s could not enter the lobby: %s", name, self)
	}
	if err := c.fence("desk@" + deskDomain); err != nil {
		d.fatal("%v", err)
	}
	c.clear()
}

// left waits until the desk knows that somebody left: what a client of the same side sends after that comes behind it.
func (d *dialogue) left(name string) {
	if d.w.fake == nil {
		return // a server tells it when it likes
	}
	login, domain := d.w.agent, deskDomain
	if isCustomer(name) {
		login, domain = d.w.customer, frontDomain
	}
	d.count++
	c, err := login("witness" + strconv.Itoa(d.count))
	must(d.t, err)
	defer c.drop()
	if err := c.fence(domain); err != nil {
		d.fatal("%v", err)
	}
}

// settle waits until everything under way has been dealt with: first what customers sent, then
// what that gave the agents, then what those gave the customers.
func (d *dialogue) settle() {
	for range 2 {
		for _, customers := range []bool{true, false, true} {
			for name, c := range d.who {
				to := "desk@" + deskDomain
				if customers {
					to = "support@" + frontDomain
				}
				if isCustomer(name) != customers || name == "eve" {
					continue
				}
				if err := c.fence(to); err != nil {
					d.fatal("%v", err)
				}
			}
		}
	}
}

// stanzas reads a block, with what is bound so far filled in where it is to be sent.
func (d *dialogue) stanzas(block string, send bool) []*stanza.Element {
	all, err := stanza.Parse("<all>" + block + "</all>")
	if err != nil {
		d.fatal("%v in\n%s", err, block)
	}
	var out []*stanza.Element
	for s := range all.Elements() {
		if send {
			d.fill(s)
		}
		out = append(out, s)
	}
	if len(out) == 0 {
		d.fatal("nothing follows")
	}
	return out
}

var name = regexp.MustCompile(`\{[\w-]+\}`)

// fill replaces names by what they are bound to; \u in a text stands for a code point.
func (d *dialogue) fill(e *stanza.Element) {
	sub := func(s string) string {
		return name.ReplaceAllStringFunc(s, func(n string) string {
			v, ok := d.names[n[1:len(n)-1]]
			if !ok {
				d.fatal("%s is not bound", n)
			}
			return v
		})
	}
	for i := range e.Attrs {
		e.Attrs[i].Value = sub(e.Attrs[i].Value)
	}
	for i := range e.Nodes {
		if c := e.Nodes[i].Element; c != nil {
			d.fill(c)
		} else {
			e.Nodes[i].Text = sub(e.Nodes[i].Text)
		}
	}
}

// receive waits for a stanza of the template's kind and holds it against the template: messages and IQs
// in order, a presence among all that came.
func (d *dialogue) receive(who string, want *stanza.Element) {
	c := d.client(who)
	if want.Local == "presence" {
		if c.await(func(s *stanza.Element) bool { return d.fits(want, s) == "" }) == nil {
			d.fatal("%s did not receive\n    %s", who, want)
		}
		return
	}
	got := c.await(func(s *stanza.Element) bool { return s.Local == want.Local })
	if got == nil {
		d.fatal("%s received nothing instead of\n    %s", who, want)
	}
	if why := d.fits(want, got); why != "" {
		d.fatal("%s received\n    %s\ninstead of\n    %s\n(%s)", who, got, want, why)
	}
}

// fits returns why a stanza does not fit a template, "" if it does; then names are bound.
func (d *dialogue) fits(want, got *stanza.Element) string {
	bound := map[string]string{}
	why := d.compare(want, got, bound)
	if why == "" {
		for k, v := range bound {
			d.names[k] = v
		}
	}
	return why
}

func (d *dialogue) compare(want, got *stanza.Element, bound map[string]string) string {
	if want.Local != got.Local || want.Space != got.Space {
		return fmt.Sprintf("<%s xmlns=%q> is not <%s xmlns=%q>", got.Local, got.Space, want.Local, want.Space)
	}
	for _, a := range want.Attrs {
		v := got.Attr(a.Local)
		if a.Space != "" {
			v = got.Lang()
		}
		if !d.same(a.Value, v, bound) {
			return fmt.Sprintf("%s of <%s> is %q, not %q", a.Local, want.Local, v, a.Value)
		}
	}
	if text := strings.TrimSpace(want.Text()); text != "" && !d.same(text, strings.TrimSpace(got.Text()), bound) {
		return fmt.Sprintf("<%s> holds %q, not %q", want.Local, got.Text(), text)
	}
	for w := range want.Elements() {
		if why := d.child(w, got, bound); why != "" {
			return why
		}
	}
	return ""
}

// child looks for a template's child among a stanza's children.
func (d *dialogue) child(w, got *stanza.Element, bound map[string]string) string {
	absent := w.Attr("e2e") == "absent"
	why := fmt.Sprintf("there is no <%s xmlns=%q>", w.Local, w.Space)
	for g := range got.Elements() {
		if g.Local != w.Local || g.Space != w.Space {
			continue
		}
		if absent {
			return fmt.Sprintf("<%s xmlns=%q> should not be there", w.Local, w.Space)
		}
		try := map[string]string{}
		for k, v := range bound {
			try[k] = v
		}
		if why = d.compare(w, g, try); why == "" {
			for k, v := range try {
				bound[k] = v
			}
			return ""
		}
	}
	if absent {
		return ""
	}
	return why
}

// same holds a text with names in it against another.
func (d *dialogue) same(pattern, text string, bound map[string]string) bool {
	var re strings.Builder
	var free []string
	re.WriteString(`(?s)\A`)
	for at := 0; ; {
		m := name.FindStringIndex(pattern[at:])
		if m == nil {
			re.WriteString(regexp.QuoteMeta(pattern[at:]))
			break
		}
		re.WriteString(regexp.QuoteMeta(pattern[at : at+m[0]]))
		n := pattern[at+m[0]+1 : at+m[1]-1]
		at += m[1]
		if v, ok := bound[n]; ok {
			re.WriteString(regexp.QuoteMeta(v))
		} else if v, ok := d.names[n]; ok {
			re.WriteString(regexp.QuoteMeta(v))
		} else if n == "any" {
			re.WriteString(`.*`)
		} else {
			free = append(free, n)
			re.WriteString(`(.+)`)
		}
	}
	found := regexp.MustCompile(re.String() + `\z`).FindStringSubmatch(text)
	if found == nil {
		return false
	}
	for i, n := range free {
		bound[n] = found[i+1]
	}
	return true
}

// through reports whether a scene is for agents on ejabberd, or for those on another real server; and for two servers, which do
// not speak to each other.
func (s scene) through(t *testing.T, ejabberd, two bool) bool {
	text, err := os.ReadFile(filepath.Join("testdata", s.script))
	must(t, err)
	return !(two && strings.HasPrefix(string(text), "# On one server")) && !strings.HasPrefix(string(text), map[bool]string{true: "# Not through ejabberd", false: "# Only through ejabberd"}[ejabberd])
}

// scenes returns the dialogues, where real is asked for only those that need no clock of their own. Those with plain
// commands come twice.
func scenes(t *testing.T, real bool) []scene {
	files, err := filepath.Glob("testdata/*.txt")
	must(t, err)
	var out []scene
	for _, f := range files {
		text, err := os.ReadFile(f)
		must(t, err)
		base := filepath.Base(f)
		if strings.HasPrefix(base, "part-") || !real && regexp.MustCompile(`^# (Real servers only|Only through ejabberd)`).Match(text) || real && regexp.MustCompile(`(?m)^(wait|cut|down) `).Match(text) {
			continue
		}
		out = append(out, scene{base, false})
		if regexp.MustCompile(`(?m)^\w+ orders `).Match(text) {
			out = append(out, scene{base, true})
		}
	}
	if len(out) < 5 {
		t.Fatal("there are only " + strconv.Itoa(len(out)) + " dialogues")
	}
	return out
}

func TestDialogues(t *testing.T) {
	t.Parallel()
	for _, s := range scenes(t, false) {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			play(newFake(t), s)
		})
	}
}
