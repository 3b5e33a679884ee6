package relay

import (
	"crypto/rand"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"frontdesk/component/stanza"
	"frontdesk/dispatch"
)

// The commands as ad-hoc commands (XEP-0050), for clients that show them as lists and forms: at the desk's domain, its
// contact, its rooms and its occupant there, and, about one conversation, at the customer's contact and the case room. All
// of it follows from the declarations (order.go).

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
func (o *order) title() string { return capital(o.name) + ": " + o.help }

// listOrders lists what this person may do here and now (§2.2), as !help does.
func (r *Relay) listOrders(c *call, s *stanza.Element) *stanza.Element {
	items := stanza.New(stanza.NSDiscoItems, "query", "node", nsCommands)
	all, _ := r.offered(c)
	for _, o := range all {
		items.Add(stanza.New(stanza.NSDiscoItems, "item", "jid", s.Attr("to"), "node", o.node(), "name", o.title()))
	}
	return stanza.Result(s).Add(items)
}

// command takes a step of a command: its form is asked for, comes back, or is thrown away (§3.4).
//
// What a person got wrong, or may not do now, is no error of the stanza: the form is asked for again, filled in as it came,
// and says why nothing was done. Clients drop the form on an error, Converse.js 14 the text with it; and what is completed
// Gajim 1.7 shows as done, whatever a note says.
func (r *Relay) command(c *call, s, q *stanza.Element) *stanza.Element {
	node, id := q.Attr("node"), q.Attr("sessionid")
	if c.order = r.orderOf(c, node); c.order == nil {
		if r.declared(node) != nil {
			return stanza.Error{Type: "auth", Condition: "forbidden", Text: "You may not give the command " + node + ". !help lists what you may."}.Reply(s)
		}
		return stanza.Error{Type: "cancel", Condition: "item-not-found", Text: r.unknown(c, node)}.Reply(s)
	}
	form := q.Child(nsForm, "x")
	if fault := r.fault(c, s.To(), q, form); fault != nil {
		return fault.Reply(s)
	}
	switch {
	case q.Attr("action") == "cancel" || form != nil && form.Attr("type") == "cancel":
		r.dropForm(c.agent, id)
		return stanza.Result(s).Add(stage(c.order, id, "canceled"))
	case form == nil && (id != "" || r.asks(c)):
		return stanza.Result(s).Add(r.askForm(c, s.To(), id, nil, ""))
	}
	given := submitted(c.order, form)
	for _, p := range c.order.params {
		if len(given[p.name]) > maxField {
			return badRequest("bad-payload", "%s has at most %d bytes.", p.name, maxField).Reply(s)
		}
	}
	answer, err := "", r.understood(c, given)
	if err == nil {
		r.decide(dispatch.Active{Agent: c.agent}, nil)
		answer, err = r.obey(c)
	}
	if err != nil && r.asks(c) {
		return stanza.Result(s).Add(r.askForm(c, s.To(), id, given, c.sorry(err)))
	}
	r.dropForm(c.agent, id)
	done := stage(c.order, id, "completed")
	if err != nil {
		return stanza.Result(s).Add(done.Add(commandNote("error", c.sorry(err))))
	}
	return stanza.Result(s).Add(done.Add(c.answerForm(answer)))
}

// language is the form of a language tag (RFC 5646 §2.1), as far as it matters here.
var language = regexp.MustCompile(`^[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*$`)

// fault returns why a step of a command cannot be taken, whatever is filled in (§4.4); nil where it can. Whichever language
// is asked for, the answer is in English.
func (r *Relay) fault(c *call, to stanza.JID, q, form *stanza.Element) *stanza.Error {
	id, action, lang := q.Attr("sessionid"), q.Attr("action"), q.Lang()
	if lang != "" && !language.MatchString(lang) {
		return badRequest("bad-locale", "%q is no language tag, as \"en\" is. The desk speaks English.", shorten(lang, 20))
	}
	switch action {
	case "", "execute", "complete", "cancel":
	case "next", "prev":
		return badRequest("bad-action", "%s has no other page: the actions are execute, complete and cancel. The same in words: !%s", c.order.name, c.order.usage())
	default:
		return badRequest("malformed-action", "There is no action %q: the actions are execute, complete and cancel.", shorten(action, 20))
	}
	if id == "" && (action == "complete" || action == "cancel") {
		return badRequest("bad-action", "%s has not been begun: its first action is execute.", c.order.name)
	}
	if id != "" {
		switch f := r.formOf(c, to, id); {
		case f == nil:
			return badRequest("bad-sessionid", "This form of %s is not known here, or was sent back already. Please begin again.", c.order.name)
		case r.now.Sub(f.opened) > formExpires:
			r.dropForm(c.agent, id)
			return &stanza.Error{Type: "cancel", Condition: "not-allowed", App: stanza.New(nsCommands, "session-expired"),
				Text: fmt.Sprintf("This form of %s is over %s old. Please begin again.", c.order.name, howLong(formExpires))}
		}
	}
	if form == nil || form.Attr("type") == "submit" || form.Attr("type") == "cancel" {
		return nil
	}
	return badRequest("bad-payload", "A form that comes back has the type submit or cancel, not %q.", shorten(form.Attr("type"), 20))
}

// badRequest is an error of a command (§4.4).
func badRequest(app, format string, args ...any) *stanza.Error {
	return &stanza.Error{Type: "modify", Condition: "bad-request", Text: fmt.Sprintf(format, args...), App: stanza.New(nsCommands, app)}
}

// stage is a command's element in an answer.
func stage(o *order, id, status string) *stanza.Element {
	if id == "" {
		id = rand.Text()
	}
	return stanza.New(nsCommands, "command", "node", o.node(), "sessionid", id, "status", status).SetLang("en")
}

func commandNote(kind, text string) *stanza.Element {
	return stanza.New(nsCommands, "note", "type", kind).AddText(text)
}

// openForm remembers that a form was sent to a client. An agent has at most maxForms; the oldest is forgotten.
func (r *Relay) openForm(c *call, to stanza.JID, id string) {
	all := slices.DeleteFunc(r.forms[c.agent], func(f formSession) bool { return f.id == id })
	if len(all) == maxForms {
		all = slices.Delete(all, 0, 1)
	}
	r.forms[c.agent] = append(all, formSession{id: strings.Clone(id), from: cloned(c.from), to: cloned(to), order: c.order.name, opened: r.now})
}

// cloned keeps no stanza in memory.
func cloned(j stanza.JID) stanza.JID { return stanza.JID(strings.Clone(string(j))) }

// formOf finds the form of this command that was sent to this client from this address; nil where there is none.
func (r *Relay) formOf(c *call, to stanza.JID, id string) *formSession {
	for i := range r.forms[c.agent] {
		if f := &r.forms[c.agent][i]; f.id == id && f.from == c.from && f.to == to && f.order == c.order.name {
			return f
		}
	}
	return nil
}

func (r *Relay) dropForm(agent, id string) {
	all := slices.DeleteFunc(r.forms[agent], func(f formSession) bool { return f.id == id })
	if r.forms[agent] = all; len(all) == 0 {
		delete(r.forms, agent)
	}
}
