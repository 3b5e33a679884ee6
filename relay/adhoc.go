package relay

import (
	"crypto/rand"
	"slices"
	"strings"
	"time"

	"frontdesk/component/stanza"
	"frontdesk/dispatch"
)

// The commands as ad-hoc commands (XEP-0050), for clients that show them as lists and forms: at the desk's domain, its
// contact and its rooms, and, about one conversation, at the customer's contact and the case room. All of it follows from
// the declarations (order.go).

const nsCommands = "http://jabber.org/protocol/commands"

// Bounds of commands whose form has been sent and not come back (XEP-0050 §3.3: sessions).
const (
	maxForms    = 8 // of one agent; the oldest is forgotten
	formExpires = 30 * time.Minute
)

// formSession is a command whose form was sent to a client.
type formSession struct {
	id       string
	from, to stanza.JID
	order    string
	opened   time.Time
}

// adhoc answers an IQ of somebody of the desk about commands; false where it is about something else. t is the
// thread of the address, nil where it has none.
func (r *Relay) adhoc(agent string, t *thread, s *stanza.Element) bool {
	q := s.First()
	c := &call{agent: agent, from: s.From(), thread: t}
	switch {
	case q == nil:
		return false
	case s.Type() == "get" && q.Is(stanza.NSDiscoItems, "query") && q.Attr("node") == nsCommands:
		r.send(r.back, r.listOrders(c, s))
	case s.Type() == "get" && q.Is(stanza.NSDiscoInfo, "query") && q.Attr("node") == nsCommands:
		list := face{"automation", "command-list", "Commands", []string{nsCommands}}
		r.send(r.back, stanza.Result(s).Add(list.info("").Set("node", nsCommands)))
	case s.Type() == "get" && q.Is(stanza.NSDiscoInfo, "query") && r.orderOf(c, q.Attr("node")) != nil:
		one := face{"automation", "command-node", r.orderOf(c, q.Attr("node")).title(), []string{nsCommands, nsForm}}
		r.send(r.back, stanza.Result(s).Add(one.info("").Set("node", q.Attr("node"))))
	case s.Type() == "set" && q.Is(nsCommands, "command"):
		r.send(r.back, r.command(c, s, q))
	default:
		return false
	}
	return true
}

// title is what a client lists a command as.
func (o *order) title() string { return strings.ToUpper(o.name[:1]) + o.name[1:] + ": " + o.help }

// listOrders lists what this person may do here and now (§2.2), as !help does.
func (r *Relay) listOrders(c *call, s *stanza.Element) *stanza.Element {
	items := stanza.New(stanza.NSDiscoItems, "query", "node", nsCommands)
	for i := range r.orders {
		if o := &r.orders[i]; r.offers(c, o) {
			items.Add(stanza.New(stanza.NSDiscoItems, "item", "jid", s.Attr("to"), "node", o.node(), "name", o.title()))
		}
	}
	return stanza.Result(s).Add(items)
}

// command takes a step of a command: its form is asked for, comes back, or is thrown away (§3.4).
func (r *Relay) command(c *call, s, q *stanza.Element) *stanza.Element {
	node, action := q.Attr("node"), q.Attr("action")
	if c.order = r.orderOf(c, node); c.order == nil {
		if r.declared(node) != nil {
			return stanza.Error{Type: "auth", Condition: "forbidden", Text: "You may not give the command " + node + "."}.Reply(s)
		}
		return stanza.Error{Type: "cancel", Condition: "item-not-found", Text: "There is no such command."}.Reply(s)
	}
	id := q.Attr("sessionid")
	if id != "" && !r.resumed(c, s.To(), id) {
		return commandError("modify", "bad-request", "bad-sessionid", "This form is not known any more. Please begin again.").Reply(s)
	}
	form := q.Child(nsForm, "x")
	switch {
	case action == "cancel" || form != nil && form.Attr("type") == "cancel":
		r.dropForm(c.agent, id)
		return stanza.Result(s).Add(stage(c.order, id, "canceled"))
	case action != "" && action != "execute" && (action != "complete" || id == ""):
		return commandError("modify", "bad-request", "bad-action", "This form has no other page.").Reply(s)
	case form == nil && (id != "" || r.asks(c)):
		return stanza.Result(s).Add(r.askForm(c, s.To(), id, nil))
	case form != nil && form.Attr("type") != "submit":
		return commandError("modify", "bad-request", "bad-payload", "A form that comes back has the type submit.").Reply(s)
	}
	given := submitted(c.order, form)
	answer, err := "", r.understood(c, given)
	if err == nil {
		r.decide(dispatch.Active{Agent: c.agent}, nil)
		answer, err = r.obey(c)
	}
	if e, ok := err.(refusal); ok && e.form && r.asks(c) {
		return stanza.Result(s).Add(r.askForm(c, s.To(), id, given).Add(commandNote("error", c.sorry(err))))
	}
	r.dropForm(c.agent, id)
	done := stage(c.order, id, "completed")
	if err != nil {
		return stanza.Result(s).Add(done.Add(commandNote("error", c.sorry(err))))
	}
	return stanza.Result(s).Add(done.Add(commandAnswer(c.order, answer)))
}

// stage is a command's element in an answer.
func stage(o *order, id, status string) *stanza.Element {
	if id == "" {
		id = rand.Text()
	}
	return stanza.New(nsCommands, "command", "node", o.node(), "sessionid", id, "status", status)
}

func commandNote(kind, text string) *stanza.Element {
	return stanza.New(nsCommands, "note", "type", kind).AddText(text)
}

// commandAnswer is what a command answers: a line as a note; more, which clients show badly in notes, as a form.
func commandAnswer(o *order, text string) *stanza.Element {
	if text == "" {
		text = "Done."
	}
	if !strings.Contains(text, "\n") {
		return commandNote("info", text)
	}
	field := stanza.New(nsForm, "field", "var", "answer", "type", "text-multi", "label", "Answer")
	for line := range strings.SplitSeq(text, "\n") {
		field.Add(stanza.Text(nsForm, "value", line))
	}
	return stanza.New(nsForm, "x", "type", "result").Add(stanza.Text(nsForm, "title", o.title()), field)
}

// commandError is an error of a command (XEP-0050 §4.4).
func commandError(typ, condition, app, text string) stanza.Error {
	return stanza.Error{Type: typ, Condition: condition, Text: text, App: stanza.New(nsCommands, app)}
}

// openForm remembers that a form was sent to a client. An agent has at most maxForms; the oldest is forgotten.
func (r *Relay) openForm(c *call, to stanza.JID, id string) {
	all := slices.DeleteFunc(r.forms[c.agent], func(f formSession) bool { return f.id == id || r.now.Sub(f.opened) > formExpires })
	if len(all) == maxForms {
		all = slices.Delete(all, 0, 1)
	}
	r.forms[c.agent] = append(all, formSession{id: id, from: cloned(c.from), to: cloned(to), order: c.order.name, opened: r.now})
}

// cloned keeps no stanza in memory.
func cloned(j stanza.JID) stanza.JID { return stanza.JID(strings.Clone(string(j))) }

// resumed reports whether a form was sent to this client from this address, and has not expired.
func (r *Relay) resumed(c *call, to stanza.JID, id string) bool {
	return slices.ContainsFunc(r.forms[c.agent], func(f formSession) bool {
		return f.id == id && f.from == c.from && f.to == to && f.order == c.order.name && r.now.Sub(f.opened) <= formExpires
	})
}

func (r *Relay) dropForm(agent, id string) {
	all := slices.DeleteFunc(r.forms[agent], func(f formSession) bool { return f.id == id })
	if r.forms[agent] = all; len(all) == 0 {
		delete(r.forms, agent)
	}
}
