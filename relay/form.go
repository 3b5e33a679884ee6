package relay

import (
	"iter"
	"slices"
	"strconv"
	"strings"

	"frontdesk/component/stanza"
)

// The forms (XEP-0004) of commands: a field for each argument that is not said already by the address.

const (
	nsForm     = "jabber:x:data"
	nsValidate = "http://jabber.org/protocol/xdata-validate" // XEP-0122
	maxOptions = 200                                         // of a list
	maxField   = 64 << 10                                    // bytes of one argument
	maxEcho    = 8 << 10                                     // of one that is asked for again: short lines take ten times as much in a form
)

// asks reports whether there is anything to fill in: without it a command is carried out at once (§3.2).
func (r *Relay) asks(c *call) bool {
	return slices.ContainsFunc(c.order.params, func(p param) bool { return p.kind != aThread || c.thread == nil })
}

// noChoice in a list is nothing chosen. Lists begin with it and have it chosen, since Converse.js chooses the first option
// itself, and Profanity 0.13 shows no options where none is chosen, and ends where one has no value.
const noChoice = "–"

// askForm is a command's form, with what was filled in already, and what is wrong with that. Some clients show only notes,
// others only what is in the form.
func (r *Relay) askForm(c *call, to stanza.JID, id string, given map[string]string, wrong string) *stanza.Element {
	e := stage(c.order, id, "executing")
	r.openForm(c, to, e.Attr("sessionid"))
	form := stanza.New(nsForm, "x", "type", "form").Add(
		stanza.Text(nsForm, "title", c.order.title()), stanza.Text(nsForm, "instructions", "The same in words: !"+c.order.usage()))
	if wrong != "" {
		form.Add(stanza.New(nsForm, "field", "type", "fixed").Add(stanza.Text(nsForm, "value", wrong)))
	}
	for i := range c.order.params {
		if p := &c.order.params[i]; p.kind != aThread || c.thread == nil {
			form.Add(r.formField(c, p, given[p.name]))
		}
	}
	e.Add(stanza.New(nsCommands, "actions", "execute", "complete").Add(stanza.New(nsCommands, "complete")), form)
	if wrong != "" {
		e.Add(commandNote("error", wrong))
	}
	return e
}

// option of a list.
type option struct{ value, label string }

// formField is the field of one argument.
func (r *Relay) formField(c *call, p *param, value string) *stanza.Element {
	typ, options := "text-single", []option(nil)
	switch p.kind {
	case aThread:
		options = r.threadOptions(c)
	case anAgent, aQueue, aColleague:
		options = r.nameOptions(p.kind)
	case aChoice:
		for _, o := range p.options {
			options = append(options, option{o, o})
		}
	case aKey:
		for _, k := range r.keys(c.agent, c.thread) {
			options = append(options, option{k, k})
		}
	case aTag:
		if c.thread != nil {
			for _, t := range c.thread.Tags {
				options = append(options, option{t, t})
			}
		}
	case anAccount:
		typ = "jid-single"
	case aText:
		typ = "text-multi"
	}
	options = options[:min(len(options), maxOptions)]
	if len(options) > 0 {
		typ = "list-single"
		if p.optional || len(options) > 1 {
			options = slices.Insert(options, 0, option{noChoice, noChoice})
		}
		if value == "" {
			value = options[0].value
		}
	}
	f := stanza.New(nsForm, "field", "var", p.name, "type", typ, "label", p.label)
	if !p.optional {
		f.Add(stanza.New(nsForm, "required"))
	}
	switch {
	case p.kind == aNumber:
		f.Add(stanza.New(nsValidate, "validate", "datatype", "xs:integer").Add(
			stanza.New(nsValidate, "range", "min", strconv.Itoa(p.least), "max", strconv.Itoa(p.most))))
	case p.kind == aThread && len(options) > 0: // a closed one can be named, too
		f.Add(stanza.New(nsValidate, "validate", "datatype", "xs:integer").Add(stanza.New(nsValidate, "open")))
	}
	if value != "" && len(value) <= maxEcho {
		for line := range strings.SplitSeq(value, "\n") {
			f.Add(stanza.Text(nsForm, "value", line))
		}
	}
	for _, o := range options {
		f.Add(stanza.New(nsForm, "option", "label", o.label).Add(stanza.Text(nsForm, "value", o.value)))
	}
	return f
}

// threadOptions are the open conversations that somebody may see: his own, what waits, and, for supervisors, all others.
func (r *Relay) threadOptions(c *call) []option {
	var all []option
	add := func(n uint64) {
		if t := r.thread(n); t != nil && len(all) < maxOptions && r.maySee(c.agent, t) {
			all = append(all, option{strconv.FormatUint(n, 10), t.label()})
		}
	}
	for _, d := range r.desk.Of(c.agent) {
		add(d.N)
	}
	for _, q := range r.order {
		for _, d := range r.desk.Line(q.name, maxOptions) {
			add(d.N)
		}
	}
	for _, a := range r.desk.Agents() {
		if a.ID != c.agent {
			for _, d := range r.desk.Of(a.ID) {
				add(d.N)
			}
		}
	}
	return all
}

// nameOptions are the agents and queues that an argument can name.
func (r *Relay) nameOptions(kind paramKind) []option {
	var all []option
	if kind != aQueue {
		for _, p := range r.cfg.Agents {
			all = append(all, option{p.JID, p.Name})
		}
	}
	if kind != anAgent {
		for _, q := range r.order {
			label := q.title
			if kind == aColleague {
				label = "Queue: " + label
			}
			all = append(all, option{q.name, label})
		}
	}
	return all
}

// submitted reads a form that came back, by name of the argument; several values of one are its lines. What is no argument
// is passed over.
func submitted(o *order, form *stanza.Element) map[string]string {
	given := map[string]string{}
	for name, value := range filledIn(form) {
		if slices.ContainsFunc(o.params, func(p param) bool { return p.name == name }) && value != noChoice {
			given[name] = value
		}
	}
	return given
}

// filledIn yields the fields of a form that came back; several values of one are its lines.
func filledIn(form *stanza.Element) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for f := range form.Elements() {
			if !f.Is(nsForm, "field") {
				continue
			}
			var lines []string
			for v := range f.Elements() {
				if v.Is(nsForm, "value") {
					lines = append(lines, v.Text())
				}
			}
			if !yield(f.Attr("var"), strings.TrimSpace(strings.Join(lines, "\n"))) {
				return
			}
		}
	}
}

// understood takes the arguments of a form.
func (r *Relay) understood(c *call, given map[string]string) error {
	c.args, c.count = map[string]string{}, -1
	for i := range c.order.params {
		p := &c.order.params[i]
		if err := r.understand(c, p, given[p.name]); err != nil {
			return err
		}
	}
	return nil
}

// answerForm is what a command answers: a line as a note; more, which clients show badly in notes, as a form of one text. A
// list is a text, too: Gajim 1.7 waits for ever when it gets a form with a table (XEP-0004 §3.4).
func (c *call) answerForm(text string) *stanza.Element {
	if text == "" {
		text = "Done."
	}
	if !strings.Contains(text, "\n") {
		return commandNote(either(c.warned, "warn", "info"), text)
	}
	field := stanza.New(nsForm, "field", "var", "answer", "type", "text-multi", "label", "Answer")
	for line := range strings.SplitSeq(text, "\n") {
		field.Add(stanza.Text(nsForm, "value", line))
	}
	return stanza.New(nsForm, "x", "type", "result").Add(stanza.Text(nsForm, "title", c.order.title()), field)
}
