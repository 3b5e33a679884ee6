package relay

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"frontdesk/component/stanza"
	"frontdesk/config"
	"frontdesk/dispatch"
	"frontdesk/store"
)

// call is a command given by an agent.
type call struct {
	agent  string
	from   stanza.JID
	thread *thread // of the contact that it was written to, or nil
	text   string  // after the mark
	args   []string
}

// order is the declaration of a command: everything that is known of it.
type order struct {
	name, args, help string
	most             int // arguments
	run              func(*Relay, *call) string
}

// orders lists the commands in the order of !help.
func orders() []order {
	return []order{
		{"help", "[command]", "lists the commands, or explains one", 1, (*Relay).help},
		{"take", "[number]", "makes a conversation yours: one that waits, or (supervisors) a colleague's", 1, (*Relay).take},
		{"pass", "[number]", "gives your conversation to somebody else", 1, (*Relay).pass_},
		{"close", "[number]", "ends your conversation; the customer's next message opens it again", 1, (*Relay).close_},
		{"away", "", "nothing new for you until !back; you keep what you have", 0, (*Relay).away},
		{"back", "", "ends !away", 0, (*Relay).on},
		{"off", "", "the end of your day: what you have goes to others soon", 0, (*Relay).off},
		{"on", "", "you are here again", 0, (*Relay).on},
		{"who", "", "shows who is here, and what I believe of each", 0, (*Relay).who},
		{"queue", "", "shows who waits in your queues", 0, (*Relay).line},
		{"last", "[number] [how many]", "shows the last messages of a thread", 2, (*Relay).last},
	}
}

// carryOut runs a command and returns the answer to who gave it.
func (r *Relay) carryOut(c *call) string {
	words := strings.Fields(c.text)
	if len(words) == 0 {
		return "That is no command. !help lists them; a text that starts with \"!\" is sent as \"!!\"."
	}
	name := strings.ToLower(words[0])
	c.args = words[1:]
	for _, o := range orders() {
		if o.name != name {
			continue
		}
		if len(c.args) > o.most {
			return "Nothing was done: that is too much for !" + o.usage() + "."
		}
		r.counts.commands++
		return o.run(r, c)
	}
	return fmt.Sprintf("There is no command !%s. !help lists them; a text that starts with \"!\" is sent as \"!!\".", shorten(name, 20))
}

func (o *order) usage() string { return strings.TrimSpace(o.name + " " + o.args) }

func (r *Relay) help(c *call) string {
	var b strings.Builder
	for _, o := range orders() {
		if len(c.args) == 0 || strings.TrimLeft(strings.ToLower(c.args[0]), "!！") == o.name {
			fmt.Fprintf(&b, "\n!%s: %s", o.usage(), o.help)
		}
	}
	if b.Len() == 0 {
		return "There is no command " + shorten(c.args[0], 20) + ". !help lists them."
	}
	if len(c.args) > 0 {
		return b.String()[1:]
	}
	return "What you write to a customer's contact goes to the customer; what starts with \"!\" is for me:" + b.String() +
		"\nIn a customer's chat the number can be left out. \"!!\" sends a text that starts with \"!\"."
}

// target is the thread that a command means: the number given, else the contact that it was written to.
// For who may not see the thread it does not exist.
func (r *Relay) target(c *call) (*thread, string) {
	t := c.thread
	if len(c.args) > 0 {
		n, err := strconv.ParseUint(strings.TrimPrefix(c.args[0], "#"), 10, 64)
		if err != nil {
			return nil, "Nothing was done: " + shorten(c.args[0], 20) + " is no number. Write for example !take 17."
		}
		t = r.thread(n)
		if t == nil || !r.maySee(c.agent, t) {
			return nil, fmt.Sprintf("There is no thread #%d.", n)
		}
	}
	if t == nil {
		return nil, "Which one? Add its number; !queue shows who waits."
	}
	return t, ""
}

// maySee: agents of the queue, and supervisors.
func (r *Relay) maySee(agent string, t *thread) bool {
	return r.serves(agent, t.Queue) || r.supervises(agent)
}

func (r *Relay) supervises(agent string) bool {
	p := r.staff[agent]
	return p != nil && p.Role != config.Agent
}

func (r *Relay) serves(agent, queue string) bool {
	q := r.queues[queue]
	return q != nil && q.agents[agent]
}

func (r *Relay) take(c *call) string {
	t, sorry := r.target(c)
	if t == nil {
		return sorry
	}
	if err := r.decide(dispatch.Take{Thread: t.N, Agent: c.agent, Force: r.supervises(c.agent)}, nil); err != nil {
		return "Nothing was done. " + r.explain(err, t)
	}
	return t.label() + " is yours."
}

func (r *Relay) pass_(c *call) string {
	t, sorry := r.target(c)
	if t == nil {
		return sorry
	}
	if err := r.decide(dispatch.Pass{Thread: t.N, Agent: c.agent}, nil); err != nil {
		return "Nothing was done. " + r.explain(err, t)
	}
	if d, open := r.desk.Thread(t.N); open && d.Owner != "" {
		return t.label() + " is with " + r.nameOf(d.Owner) + " now."
	}
	return t.label() + " waits for somebody else."
}

func (r *Relay) close_(c *call) string {
	t, sorry := r.target(c)
	if t == nil {
		return sorry
	}
	in := dispatch.Close{Thread: t.N, By: c.agent, Force: r.supervises(c.agent), Reason: dispatch.ByAgent}
	if err := r.decide(in, nil); err != nil {
		return "Nothing was done. " + r.explain(err, t)
	}
	return t.label() + " is closed."
}

func (r *Relay) away(c *call) string {
	return r.duty(c, dispatch.AwayNow, "You are away: nothing new for you until !back.")
}

func (r *Relay) off(c *call) string {
	return r.duty(c, dispatch.Off, "You are off. What you have goes to others soon; !on brings you back.")
}

func (r *Relay) on(c *call) string {
	return r.duty(c, dispatch.On, "Welcome back.")
}

func (r *Relay) duty(c *call, d dispatch.Duty, done string) string {
	if err := r.decide(dispatch.Told{Agent: c.agent, Duty: d}, nil); err != nil {
		return "Nothing was done. " + err.Error()
	}
	if a, ok := r.desk.Agent(c.agent); ok && d == dispatch.On && a.Sessions != dispatch.Available {
		done += " Your client still says " + availName(a.Sessions) + ", so you get nothing new: set it to available, and be in the lobby."
	}
	return done
}

func (r *Relay) who(*call) string {
	var b strings.Builder
	for _, a := range r.desk.Agents() {
		fmt.Fprintf(&b, "\n%s: %s", r.nameOf(a.ID), availName(a.Avail))
		switch {
		case a.Duty != dispatch.On:
			b.WriteString(", said !" + dutyName(a.Duty))
		case a.Missed:
			b.WriteString(", missed an answer")
		case !a.GraceEnd.IsZero():
			b.WriteString(", gone a moment ago")
		}
		fmt.Fprintf(&b, ", %d of %d", a.Load, a.Capacity)
		if !a.Since.IsZero() {
			b.WriteString(", since " + since(r.now.Sub(a.Since)))
		}
	}
	return "The desk:" + b.String()
}

// shownLine bounds what !queue lists of one queue.
const shownLine = 20

func (r *Relay) line(c *call) string {
	var b strings.Builder
	for _, q := range r.order {
		if !r.supervises(c.agent) && !r.serves(c.agent, q.name) {
			continue
		}
		waiting := r.desk.Line(q.name, shownLine+1)
		if len(waiting) == 0 {
			fmt.Fprintf(&b, "\n%s: nobody waits", q.name)
		}
		for i, d := range waiting {
			if i == shownLine {
				b.WriteString("\nand more")
				break
			}
			if t := r.thread(d.N); t != nil {
				fmt.Fprintf(&b, "\n%s since %s", t.label(), since(r.now.Sub(d.Since)))
			}
		}
	}
	mine := r.desk.Of(c.agent)
	if len(mine) > 0 {
		b.WriteString("\nYours:")
	}
	for _, d := range mine {
		if t := r.thread(d.N); t != nil {
			b.WriteString(" " + t.label())
		}
	}
	if b.Len() == 0 {
		return "You are in no queue."
	}
	return b.String()[1:]
}

// last shows the newest messages of a thread: in a contact's chat !last [how many], elsewhere with
// the thread's number first.
func (r *Relay) last(c *call) string {
	count := 10
	if args := c.args; c.thread != nil && len(args) == 1 && !strings.HasPrefix(args[0], "#") {
		c.args = nil
		count = number(args[0])
	} else if len(args) == 2 {
		count = number(args[1])
	}
	if count < 1 || count > 50 {
		return "How many? A number from 1 to 50."
	}
	t, sorry := r.target(c)
	if t == nil {
		return sorry
	}
	page, _, err := r.sift(t.archive, store.Query{Limit: count, Last: true}, maxSifted, visible)
	if err != nil {
		r.fail(err)
		return ""
	}
	var b strings.Builder
	for _, rec := range page {
		if e, err := decode(rec); err == nil {
			r.shown(&b, t, e)
		}
	}
	if b.Len() == 0 {
		return "Nothing has been said in " + t.label() + "."
	}
	return t.label() + ":" + b.String()
}

// shown writes one message of a thread as a line.
func (r *Relay) shown(b *strings.Builder, t *thread, e *entry) {
	who := "desk"
	if by, ok := e.said(); ok && by != "" {
		who = r.nameOf(by)
	} else if ok {
		who = t.customer.Name
		if who == "" {
			who = "customer"
		}
	}
	w := e.words
	body := shorten(strings.Join(strings.FieldsFunc(w.Body, lineBreak), " / "), 300)
	switch {
	case w.React != 0:
		body = "(reacted " + strings.Join(w.Emoji, " ") + ")"
	case w.Retract != 0:
		body = "(took a message back)"
	case w.Replace != 0:
		body = "(corrected) " + body
	}
	fmt.Fprintf(b, "\n%s %s: %s", e.at.Format("02 Jan 15:04"), who, body)
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return -1
	}
	return n
}

// shorten cuts a text to n bytes at a rune's border.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

func availName(a dispatch.Availability) string {
	return [...]string{"offline", "away", "available"}[a]
}

func dutyName(d dispatch.Duty) string { return [...]string{"on", "away", "off"}[d] }

// since says a duration in the words of people.
func since(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
