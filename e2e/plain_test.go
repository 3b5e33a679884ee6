package e2e

import (
	"regexp"
	"strconv"
	"strings"

	"frontdesk/component/stanza"
)

// Steps in which only the words count, for long scripts. Unlike "receives", what else comes in between is passed over.
//
//	alice writes: Hello                     to the queue support; "alice writes to sales: Hello" to another
//	anna writes to alice.{a}: Hello         to a contact or, where the local part is lobby or begins with case., a room
//	anna hears alice.{a}: Hello             a message with these words, from a contact or a room (an occupant of it)
//	alice hears: Hello                      from a queue
//	anna orders at alice.{a}: note; text=…  a command, in a contact's chat, a room, or at desk; what follows, indented,
//	    Noted{any}                          fits the answer, which begins with "Nothing was done" where it is refused
//
// A command is written, or filled into the form that the service offers, as the dialogue is played.
var plain = regexp.MustCompile(`^(\w+) (writes|hears|orders)(?: (?:to |at )?(\S+))?: (.*)$`)

// spoken is what was said in a conversation.
type spoken struct{ by, text string }

// ordered is a command that was carried out.
type ordered struct{ by, name string }

func (d *dialogue) plainStep(m []string, block string) {
	who, what, where, text := m[1], m[2], m[3], m[4]
	switch what {
	case "writes":
		d.writes(who, d.filled(where), d.filled(text))
	case "hears":
		d.hears(who, where, text)
	case "orders":
		d.orders(who, d.filled(where), text, strings.TrimSpace(block))
	}
}

// filled puts in what names are bound to; {{ and }} are braces.
func (d *dialogue) filled(s string) string {
	e := stanza.Text("", "x", strings.NewReplacer("{{", "\x01", "}}", "\x02").Replace(s))
	d.fill(e)
	return strings.NewReplacer("\x01", "{", "\x02", "}").Replace(e.Text())
}

// place is the address that a local part stands for, seen from a customer or an agent, and the type of messages to it.
func (d *dialogue) place(who, local string) (to, kind string) {
	switch {
	case isCustomer(who) && local == "":
		return "support@" + frontDomain, "chat"
	case isCustomer(who):
		return local + "@" + frontDomain, "chat"
	case local == "lobby" || strings.HasPrefix(local, "case."):
		return local + "@" + deskDomain, "groupchat"
	default:
		return local + "@" + deskDomain, "chat"
	}
}

func (d *dialogue) writes(who, where, text string) {
	to, kind := d.place(who, where)
	d.count++
	m := stanza.New("", "message", "to", to, "type", kind, "id", "plain-"+strconv.Itoa(d.count)).Add(stanza.Text("", "body", text))
	if isCustomer(who) {
		m.Add(stanza.Text("http://jabber.org/protocol/nick", "nick", strings.ToUpper(who[:1])+who[1:]))
	}
	if err := d.client(who).send(m); err != nil {
		d.fatal("%s cannot send: %v", who, err)
	}
	if isCustomer(who) || kind == "chat" && !strings.HasPrefix(text, "!") {
		d.spoken = append(d.spoken, spoken{who, text})
	}
}

func (d *dialogue) hears(who, where, text string) *stanza.Element {
	local, _ := d.place(who, where)
	return d.await(who, local, text)
}

// await waits for a message with a body, among all that came.
func (d *dialogue) await(who, from, text string) *stanza.Element {
	var last *stanza.Element
	got := d.client(who).await(func(s *stanza.Element) bool {
		if s.Local != "message" || s.Type() == "error" {
			return false
		}
		last = s
		bound := map[string]string{}
		if !d.same(from, string(s.From().Bare()), bound) || !d.same(text, strings.TrimPrefix(s.ChildText("", "body"), "[desk] "), bound) {
			return false
		}
		for k, v := range bound {
			d.names[k] = v
		}
		return true
	})
	if got == nil {
		d.fatal("%s did not hear %q from %s; the last message was\n    %s", who, text, from, last)
	}
	return got
}

// orders gives a command: its name and arguments by name, between semicolons.
func (d *dialogue) orders(who, where, text, answer string) {
	d.settle()
	parts := strings.Split(text, "; ")
	if !strings.HasPrefix(answer, "Nothing was done") && !strings.HasPrefix(answer, "There is no command") {
		d.ordered = append(d.ordered, ordered{who, parts[0]})
		if text, ok := strings.CutPrefix(parts[len(parts)-1], "text="); ok && parts[0] == "write" {
			d.spoken = append(d.spoken, spoken{who, text})
		}
		if text, ok := strings.CutPrefix(answer, "Sent: "); ok && parts[0] == "c" {
			d.spoken = append(d.spoken, spoken{who, text})
		}
	}
	if d.forms {
		d.orderByForm(who, where, parts[0], parts[1:], answer)
		return
	}
	words := "!" + parts[0]
	for _, p := range parts[1:] {
		_, value, _ := strings.Cut(p, "=")
		words += " " + d.filled(value)
	}
	d.writes(who, where, words)
	from, kind := d.place(who, where)
	if kind == "groupchat" {
		from = "{any}@" + deskDomain
	}
	d.await(who, from, answer)
}

const (
	nsCommands = "http://jabber.org/protocol/commands"
	nsForm     = "jabber:x:data"
)

// orderByForm gives a command as a client does that shows forms (XEP-0050): it begins it, fills the form in, if there
// is one, and sends it back. What can be mended is asked for again; such a form is thrown away.
func (d *dialogue) orderByForm(who, where, name string, args []string, answer string) {
	to, _ := d.place(who, where)
	first := d.command(who, to, stanza.New(nsCommands, "command", "node", name, "action", "execute"))
	if first.Type() == "error" {
		if !strings.HasPrefix(answer, "There is no command") {
			d.fatal("%s got\n    %s", who, first)
		}
		return
	}
	last := first.Child(nsCommands, "command")
	if last.Attr("status") == "executing" {
		last = d.command(who, to, d.fillIn(last, args)).Child(nsCommands, "command")
	}
	if last.Attr("status") == "executing" {
		d.command(who, to, stanza.New(nsCommands, "command", "node", name, "sessionid", last.Attr("sessionid"), "action", "cancel"))
	}
	said := last.ChildText(nsCommands, "note")
	for f := range last.Child(nsForm, "x").Elements() {
		if last.Attr("status") == "completed" && f.Attr("var") == "answer" {
			var lines []string
			for v := range f.Elements() {
				lines = append(lines, v.Text())
			}
			said = strings.Join(lines, "\n")
		}
	}
	bound := map[string]string{}
	if !d.same(answer, said, bound) {
		d.fatal("%s was answered %q, not %q, in\n    %s", who, said, answer, last)
	}
	for k, v := range bound {
		d.names[k] = v
	}
}

// command sends a step of a command and returns the answer.
func (d *dialogue) command(who, to string, c *stanza.Element) *stanza.Element {
	d.count++
	id := "command-" + strconv.Itoa(d.count)
	if err := d.client(who).send(stanza.New("", "iq", "type", "set", "to", to, "id", id).Add(c)); err != nil {
		d.fatal("%s cannot send: %v", who, err)
	}
	got := d.client(who).await(func(s *stanza.Element) bool { return s.Local == "iq" && s.ID() == id })
	if got == nil {
		d.fatal("%s got no answer to %s", who, c)
	}
	return got
}

// fillIn fills a form in.
func (d *dialogue) fillIn(c *stanza.Element, args []string) *stanza.Element {
	form := stanza.New(nsForm, "x", "type", "submit")
	for _, a := range args {
		name, value, _ := strings.Cut(a, "=")
		found := false
		for f := range c.Child(nsForm, "x").Elements() {
			found = found || f.Attr("var") == name
		}
		if !found {
			d.fatal("the form has no field %q:\n    %s", name, c)
		}
		form.Add(stanza.New(nsForm, "field", "var", name).Add(stanza.Text(nsForm, "value", d.filled(value))))
	}
	return stanza.New(nsCommands, "command", "node", c.Attr("node"), "sessionid", c.Attr("sessionid"), "action", "complete").Add(form)
}
