package relay

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"frontdesk/component/stanza"
	"frontdesk/config"
	"frontdesk/dispatch"
)

// order is the declaration of a command: all that is known of it. What people write (args.go), the forms that clients
// show (adhoc.go), !help and docs/agents.md follow from it.
type order struct {
	name   string      // of one word or of two
	also   []string    // other names
	help   string      // what it does, as a sentence without its end
	who    config.Role // the least role; "" is every agent
	params []param
	here   func(*Relay, *call) bool // whether it can do anything here and now; nil: always
	run    func(*Relay, *call) (string, error)
}

// param is an argument of a command.
type param struct {
	name     string // in the usage, and the field's name in a form
	label    string // in a form
	kind     paramKind
	optional bool
	options  []string // of aChoice
	least    int      // of aNumber
	most     int
}

type paramKind uint8

const (
	aThread    paramKind = iota // the contact's, or a number
	anAgent                     // a name, or an account
	aQueue                      // its name or title
	aColleague                  // an agent or a queue
	aNumber                     // least to most
	aChoice                     // one of options
	aWord                       // without blanks
	aKey                        // of a canned reply
	aTag                        // that the thread has
	anAccount                   // a bare JID
	aText                       // all the rest
	aLine                       // the same, of which a form shows one line
)

// call is a command that somebody gave.
type call struct {
	agent  string
	from   stanza.JID
	thread *thread // of the contact or case room that it was written to, or nil
	order  *order

	args  map[string]string // as given, by name of the parameter; what was left out is not there
	about *thread           // what aThread means
	mate  string            // what anAgent or aColleague means: an agent,
	line  *queue            // or, as aQueue, a queue
	count int               // what aNumber means; -1 where it was left out

	warned bool // the answer has something that he should look after
}

func (c *call) text(name string) string { return c.args[name] }

// refusal is why a command was not carried out, in a sentence. Its caller adds the right form where that helps.
type refusal struct {
	why  string
	form bool
}

func (e refusal) Error() string { return e.why }

func refuse(format string, args ...any) error { return refusal{why: fmt.Sprintf(format, args...)} }
func misused(format string, args ...any) error {
	return refusal{why: fmt.Sprintf(format, args...), form: true}
}

// carryOut runs a command that was written, and returns the answer to who gave it.
func (r *Relay) carryOut(c *call, text string) string {
	name, rest := cutWord(text)
	name = strings.ToLower(name)
	if name == "" {
		return "That is no command. !help lists them; a text that starts with \"!\" is sent as \"!!\"."
	}
	second, after := cutWord(rest)
	if two := name + " " + strings.ToLower(second); r.declared(two) != nil {
		name, rest = two, after
	}
	if c.order = r.orderOf(c, name); c.order == nil {
		return r.unknown(c, name) + " A text that starts with \"!\" is sent as \"!!\"."
	}
	answer, err := "", r.parse(c, rest)
	if err == nil {
		answer, err = r.obey(c)
	}
	if err != nil {
		return c.sorry(err)
	}
	return answer
}

// unknown says that there is no such command for this person, and what he may have meant.
func (r *Relay) unknown(c *call, name string) string {
	text := "There is no command !" + shorten(name, 20) + "."
	if like := config.Like(name, r.names(c)); like != "" {
		text += " Did you mean !" + like + "?"
	}
	return text + " !help lists them."
}

// maxListing bounds an answer, in bytes: it has to fit into a stanza, and into a form, where each line takes more.
const maxListing = 32 << 10

// obey runs a command whose arguments are understood. A list that is too long ends after some line.
func (r *Relay) obey(c *call) (string, error) {
	r.counts.commands++
	answer, err := c.order.run(r, c)
	if len(answer) > maxListing {
		answer = shorten(answer, maxListing)
		answer = answer[:max(0, strings.LastIndexByte(answer, '\n'))] + "\nThere is more, which does not fit here."
	}
	return answer, err
}

// sorry is the answer to a command that was not carried out.
func (c *call) sorry(err error) string {
	text := "Nothing was done. " + capital(err.Error())
	if e, ok := err.(refusal); ok && e.form {
		text += "\nThe right form is: !" + c.order.usage()
	}
	return text
}

// capital gives a sentence its capital letter.
func capital(s string) string {
	first, size := utf8.DecodeRuneInString(s) // it may be a name's
	return string(unicode.ToUpper(first)) + s[size:]
}

// node is what an ad-hoc command is called by.
func (o *order) node() string { return strings.ReplaceAll(o.name, " ", "-") }

// declared returns the command of that name, nil where there is none.
func (r *Relay) declared(name string) *order {
	for i := range r.orders {
		if o := &r.orders[i]; o.name == name || o.node() == name || slices.Contains(o.also, name) {
			return o
		}
	}
	return nil
}

// orderOf returns the command of that name, nil where there is none for this person.
func (r *Relay) orderOf(c *call, name string) *order {
	if o := r.declared(name); o != nil && r.may(c.agent, o) {
		return o
	}
	return nil
}

// names of the commands that somebody may give.
func (r *Relay) names(c *call) []string {
	var all []string
	for i := range r.orders {
		if r.may(c.agent, &r.orders[i]) {
			all = append(all, r.orders[i].name)
		}
	}
	return all
}

// offered are the commands that somebody may give and that can do something here and now, as !help and clients list them;
// others is how many more he may give.
func (r *Relay) offered(c *call) (all []*order, others int) {
	for i := range r.orders {
		switch o := &r.orders[i]; {
		case !r.may(c.agent, o):
		case o.here == nil || o.here(r, c):
			all = append(all, o)
		default:
			others++
		}
	}
	return all, others
}

func (r *Relay) may(agent string, o *order) bool { return rankOf(r.roleOf(agent)) >= rankOf(o.who) }

func (r *Relay) roleOf(agent string) config.Role {
	if p := r.staff[agent]; p != nil {
		return p.Role
	}
	return ""
}

// ranks are the roles at the desk, the least first; "" is nobody's.
var ranks = []config.Role{"", config.Agent, config.Supervisor, config.Admin}

func rankOf(role config.Role) int { return slices.Index(ranks, role) }

// usage is a command's form: "transfer [number] agent|queue [why]".
func (o *order) usage() string {
	words := []string{o.name}
	for _, p := range o.params {
		word := p.name
		if p.kind == aChoice {
			word = strings.Join(p.options, "|")
		}
		if p.optional || p.kind == aThread {
			word = "[" + word + "]"
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

// help lists what somebody can do here and now, or explains one command.
func (r *Relay) help(c *call) (string, error) {
	if name := strings.TrimLeft(strings.ToLower(c.text("command")), "!！"); name != "" {
		o := r.orderOf(c, name)
		if o == nil {
			return "", refuse("there is no command !%s. !help lists them.", shorten(name, 20))
		}
		return "!" + o.usage() + ": " + o.help + ".", nil
	}
	var b strings.Builder
	b.WriteString("What you write to a customer's contact goes to the customer; what starts with \"!\" is for me:")
	all, left := r.offered(c)
	for _, o := range all {
		fmt.Fprintf(&b, "\n!%s: %s", o.usage(), o.help)
	}
	b.WriteString("\nIn a customer's chat the number can be left out. \"!!\" sends a text that starts with \"!\".")
	if left > 0 {
		fmt.Fprintf(&b, " %d more can do nothing here and now: \"!help name\" explains each.", left)
	}
	return b.String(), nil
}

// Conditions of order.here.

// at is the open conversation of the contact or case room that a command was written to.
func (r *Relay) at(c *call) (dispatch.Thread, bool) {
	if c.thread == nil {
		return dispatch.Thread{}, false
	}
	return r.desk.Thread(c.thread.N)
}

// isMine: in a contact's chat, the conversation is his; elsewhere he has one.
func isMine(r *Relay, c *call) bool {
	if c.thread == nil {
		return len(r.desk.Of(c.agent)) > 0
	}
	d, open := r.at(c)
	return open && d.Owner == c.agent
}

// isOffered: the conversation is his, or he is asked to take it.
func isOffered(r *Relay, c *call) bool {
	if c.thread != nil {
		return r.desk.Asks(c.thread.N, c.agent) || isMine(r, c)
	}
	a, _ := r.desk.Agent(c.agent)
	return a.Asked > 0 || isMine(r, c)
}

// isNotMine: somebody else has it, or nobody.
func isNotMine(r *Relay, c *call) bool {
	d, open := r.at(c)
	return c.thread == nil || open && d.Owner != c.agent
}

func isOpen(r *Relay, c *call) bool {
	_, open := r.at(c)
	return c.thread == nil || open
}

// hasJoined: he may leave.
func hasJoined(r *Relay, c *call) bool {
	return c.thread != nil && slices.Contains(r.desk.Team(c.thread.N), c.agent)
}
