package relay

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"frontdesk/component/stanza"
	"frontdesk/config"
	"frontdesk/dispatch"
	"frontdesk/store"
)

// shownLine bounds what is listed of one queue, or of one agent.
const shownLine = 20

// queue_ shows who waits in somebody's queues, and what is his.
func (r *Relay) queue_(c *call) (string, error) {
	var b strings.Builder
	for _, q := range r.order {
		if r.supervises(c.agent) || r.serves(c.agent, q.name) {
			r.lineOf(&b, q)
		}
	}
	if mine := r.desk.Of(c.agent); len(mine) > 0 {
		b.WriteString("\nYours:")
		for _, d := range mine {
			if t := r.thread(d.N); t != nil {
				b.WriteString(" " + t.label())
			}
		}
	}
	if b.Len() == 0 {
		return "You are in no queue.", nil
	}
	return b.String()[1:], nil
}

func (r *Relay) lineOf(b *strings.Builder, q *queue) {
	closed := ""
	if r.desk.Mood(q.name) == dispatch.Shut {
		closed = ", closed" + r.until(q)
	}
	waiting := r.desk.Line(q.name, shownLine+1)
	if len(waiting) == 0 {
		fmt.Fprintf(b, "\n%s%s: nobody waits", q.name, closed)
	} else if closed != "" {
		fmt.Fprintf(b, "\n%s%s", q.name, closed)
	}
	for i, d := range waiting {
		if i == shownLine {
			b.WriteString("\nand more")
			break
		}
		if t := r.thread(d.N); t != nil {
			fmt.Fprintf(b, "\n%s since %s", t.label(), howLong(r.now.Sub(d.Since)))
		}
	}
}

// list shows a supervisor the line and every conversation.
func (r *Relay) list(*call) (string, error) {
	var b strings.Builder
	for _, q := range r.order {
		r.lineOf(&b, q)
	}
	for _, a := range r.desk.Agents() {
		for i, d := range r.desk.Of(a.ID) {
			if i == shownLine {
				fmt.Fprintf(&b, "\n%s has %d more", r.nameOf(a.ID), a.Load-i)
				break
			}
			t := r.thread(d.N)
			if t == nil {
				continue
			}
			fmt.Fprintf(&b, "\n%s with %s for %s", t.label(), r.nameOf(a.ID), howLong(r.now.Sub(d.Since)))
			if !d.Answered {
				b.WriteString(", not answered")
			}
			b.WriteString(r.offeredTo(d.N))
		}
	}
	return b.String()[1:], nil
}

// agents lists the staff: roles, queues, capacities.
func (r *Relay) agents(*call) (string, error) {
	var b strings.Builder
	for _, p := range r.cfg.Agents {
		fmt.Fprintf(&b, "\n%s: %s, %s", p.Name, p.Role, p.JID)
		var in []string
		for i := range r.cfg.Queues {
			q := &r.cfg.Queues[i]
			if !slices.Contains(q.Agents, p.JID) {
				continue
			}
			in = append(in, q.Name+[...]string{"", " (second line)", " (reserve)"}[max(0, q.Line(&p))])
		}
		if len(in) > 0 {
			b.WriteString(", queues " + strings.Join(in, ", "))
		} else {
			b.WriteString(", no queue")
		}
		if a, ok := r.desk.Agent(p.JID); ok {
			fmt.Fprintf(&b, ", at most %d", a.Capacity)
		}
		if len(p.Skills) > 0 {
			b.WriteString(", skills " + strings.Join(p.Skills, ", "))
		}
		if p.Bot {
			b.WriteString(", a program")
		}
	}
	return b.String()[1:], nil
}

func (r *Relay) announce(c *call) (string, error) {
	text := r.nameOf(c.agent) + " to all: " + c.text("text")
	r.decide(dispatch.Active{Agent: c.agent}, nil)
	r.note(store.Agents, "", &entry{kind: kindAnnounced, own: own{By: c.agent}, words: &words{Body: c.text("text")}})
	r.lobbySays(text)
	n := 0
	for _, a := range r.desk.Agents() {
		if a.ID != c.agent && a.Avail != dispatch.Offline {
			r.chat(a.ID, text)
			n++
		}
	}
	return fmt.Sprintf("Said in the lobby, and to %d %s who are there.", n, plural(n, "agent", "agents")), nil
}

// block keeps a customer out for some days: what he writes is refused, and his conversation is closed.
func (r *Relay) block(c *call) (string, error) {
	days := c.count
	if days < 0 {
		days = 7
	}
	t := c.about
	until := r.now.Add(time.Duration(days) * 24 * time.Hour)
	if _, open := r.desk.Thread(t.N); open {
		was := t.customer.Blocked
		t.customer.Blocked = until // who is blocked is not told of the end
		if err := r.decide(dispatch.Close{Thread: t.N, By: c.agent, Force: true}, nil); err != nil {
			t.customer.Blocked = was
			return "", r.why(err, c)
		}
	} else {
		r.decide(dispatch.Active{Agent: c.agent}, nil)
	}
	r.blocked(c, until, c.text("why"))
	return fmt.Sprintf("%s is blocked for %d %s. !unblock %d ends it.", t.label(), days, plural(days, "day", "days"), t.N), nil
}

func (r *Relay) unblock(c *call) (string, error) {
	if !c.about.customer.Blocked.After(r.now) {
		return "", refuse("%s is not blocked.", c.about.label())
	}
	r.blocked(c, time.Time{}, "")
	return c.about.label() + " may write again.", nil
}

func (r *Relay) blocked(c *call, until time.Time, why string) {
	t := c.about
	t.customer.Blocked = until
	r.saveCustomer(t.customer)
	r.note(store.Agents, t.archive, &entry{kind: kindBlocked, own: own{Thread: t.N, By: c.agent, Until: until}, words: &words{Body: why}})
}

var errBlocked = stanza.Error{Type: "auth", Condition: "forbidden"}

func (r *Relay) open_(c *call) (string, error) { return r.shutting(c, false) }
func (r *Relay) shut_(c *call) (string, error) { return r.shutting(c, true) }

func (r *Relay) shutting(c *call, shut bool) (string, error) {
	byHand, byHours := r.desk.Closed(c.line.name)
	switch {
	case byHand == shut && !shut && byHours:
		return "", refuse("the queue %s is closed by its hours%s.", c.line.title, r.until(c.line))
	case byHand == shut:
		return "", refuse("the queue %s is %s already.", c.line.title, either(shut, "closed", "open"))
	}
	if err := r.decide(dispatch.SetQueue{Queue: c.line.name, Shut: shut, By: c.agent}, nil); err != nil {
		return "", r.why(err, c)
	}
	r.lobbySays(fmt.Sprintf("%s has %s the queue %s.", r.nameOf(c.agent), either(shut, "closed", "opened"), c.line.title))
	if !shut && byHours {
		return fmt.Sprintf("The queue %s is closed by its hours alone%s.", c.line.title, r.until(c.line)), nil
	}
	return fmt.Sprintf("The queue %s is %s.", c.line.title, either(shut, "closed: nobody is given its customers until !open "+c.line.name, "open")), nil
}

func either(on bool, yes, no string) string {
	if on {
		return yes
	}
	return no
}

// recruit adds an agent while the desk runs.
func (r *Relay) recruit(c *call) (string, error) {
	jid := c.text("account")
	if r.staff[jid] != nil {
		return "", refuse("%s is at the desk already.", jid)
	}
	if problem := config.NameProblem(c.text("name")); problem != "" {
		return "", refuse("%s.", problem)
	}
	if err := r.hire(c.agent, jid, c.text("name"), config.Agent); err != nil {
		return "", refuse("%v.", err)
	}
	return fmt.Sprintf("%s is an agent now, and invited into the lobby. Queues: !serve.", r.nameOf(jid)), nil
}

func (r *Relay) remove(c *call) (string, error) {
	name := r.nameOf(c.mate)
	switch {
	case c.mate == c.agent:
		return "", refuse("another admin has to remove you.")
	case r.fixed(c.mate):
		return "", refuse("the configuration file makes %s an admin, and only the file can end that.", name)
	}
	if err := r.dismiss(c.agent, c.mate); err != nil {
		return "", refuse("%v.", err)
	}
	return name + " is at the desk no more. Open conversations go to others.", nil
}

func (r *Relay) role(c *call) (string, error) {
	role := config.Role(c.text("role"))
	switch {
	case c.mate == c.agent:
		return "", refuse("another admin has to change what you are.")
	case r.fixed(c.mate):
		return "", refuse("the configuration file makes %s an admin, and only the file can end that.", r.nameOf(c.mate))
	case r.roleOf(c.mate) == role:
		return "", refuse("%s is %s already.", r.nameOf(c.mate), role)
	}
	if err := r.hire(c.agent, c.mate, "", role); err != nil {
		return "", refuse("%v.", err)
	}
	return fmt.Sprintf("%s is %s now.", r.nameOf(c.mate), role), nil
}

func (r *Relay) serve(c *call) (string, error)   { return r.serving(c, true) }
func (r *Relay) unserve(c *call) (string, error) { return r.serving(c, false) }

func (r *Relay) serving(c *call, in bool) (string, error) {
	q := c.line
	if q.agents[c.mate] == in {
		return "", refuse("%s is%s an agent of %s already.", r.nameOf(c.mate), either(in, "", " no"), q.title)
	}
	err := r.change(c.agent, c.mate, func(w *staffRow) error {
		queues := map[string]bool{q.name: in}
		for k, v := range w.Queues {
			if k != q.name {
				queues[k] = v
			}
		}
		w.Queues = queues
		return nil
	})
	if err != nil {
		return "", refuse("%v.", err)
	}
	var names []string
	for jid := range q.agents {
		names = append(names, r.nameOf(jid))
	}
	slices.Sort(names)
	return fmt.Sprintf("The agents of %s are: %s.", q.title, strings.Join(names, ", ")), nil
}
