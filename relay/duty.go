package relay

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"frontdesk/dispatch"
)

// Commands by which an agent says what the desk is to think of him.

func (r *Relay) away(c *call) (string, error) {
	in := dispatch.Told{Agent: c.agent, Duty: dispatch.AwayNow}
	until := "until !back"
	if c.count > 0 {
		in.For = time.Duration(c.count) * time.Minute
		until = fmt.Sprintf("for %d min, or until !back", c.count)
	}
	return r.duty(c, in, "You are away: nothing new for you "+until+". What you have stays yours.")
}

func (r *Relay) off(c *call) (string, error) {
	return r.duty(c, dispatch.Told{Agent: c.agent, Duty: dispatch.Off}, "You are off. What you have goes to others soon; !on brings you back.")
}

func (r *Relay) on(c *call) (string, error) {
	return r.duty(c, dispatch.Told{Agent: c.agent, Duty: dispatch.On}, "Welcome back.")
}

func (r *Relay) duty(c *call, in dispatch.Told, done string) (string, error) {
	why := shorten(c.text("why"), maxName)
	if err := r.decide(in, &utterance{words: &words{Body: why}}); err != nil {
		return "", r.why(err, c)
	}
	if st := r.agentRow(c.agent); st.Why != why {
		st.Why = why
		r.put(tableAgent, c.agent, st)
	}
	if a, ok := r.desk.Agent(c.agent); ok && in.Duty == dispatch.On && a.Sessions != dispatch.Available {
		c.warned = true
		done += " Your client still says " + availName(a.Sessions) + ", so you get nothing new: set it to available, and be in the lobby."
	}
	return done, nil
}

func (r *Relay) max(c *call) (string, error) {
	agent, whose := c.agent, "You have"
	if c.mate != "" && c.mate != c.agent {
		if !r.supervises(c.agent) {
			return "", refuse("only supervisors say how many others have.")
		}
		agent, whose = c.mate, r.nameOf(c.mate)+" has"
	}
	if c.count < 0 {
		a, _ := r.desk.Agent(agent)
		return fmt.Sprintf("%s at most %d conversations at once.", whose, a.Capacity), nil
	}
	if err := r.decide(dispatch.SetCapacity{Agent: agent, By: c.agent, Max: c.count}, nil); err != nil {
		return "", r.why(err, c)
	}
	a, _ := r.desk.Agent(agent)
	return fmt.Sprintf("%s at most %d conversations at once now.", whose, a.Capacity), nil
}

// who shows what the desk believes of everybody, since when, and why.
func (r *Relay) who(*call) (string, error) {
	var b strings.Builder
	for _, a := range r.desk.Agents() {
		fmt.Fprintf(&b, "\n%s: %s", r.nameOf(a.ID), availName(a.Avail))
		if !a.Since.IsZero() {
			b.WriteString(" for " + howLong(r.now.Sub(a.Since)))
		}
		if why := r.because(&a); why != "" {
			b.WriteString(" (" + why + ")")
		}
		fmt.Fprintf(&b, ", %d of %d", a.Load, a.Capacity)
		if a.Bot {
			b.WriteString(", a program")
		}
		if a.Asked > 0 {
			fmt.Fprintf(&b, ", %d offered", a.Asked)
		}
	}
	return "The desk:" + b.String(), nil
}

// because is why the desk believes of somebody what it believes.
func (r *Relay) because(a *dispatch.AgentState) string {
	var all []string
	switch {
	case a.Duty != dispatch.On:
		said := "said !" + dutyName(a.Duty)
		if st := r.agentRow(a.ID); st.Why != "" {
			said += ": " + st.Why
		}
		if !a.DutyEnd.IsZero() {
			said += fmt.Sprintf(", %s more", howLong(max(0, a.DutyEnd.Sub(r.now))))
		}
		all = append(all, said)
	case a.Missed:
		all = append(all, "missed an answer")
	}
	if a.RestEnd.After(r.now) {
		all = append(all, fmt.Sprintf("had one a moment ago: nothing new for %s", howLong(a.RestEnd.Sub(r.now)+time.Second-1)))
	}
	if !a.GraceEnd.IsZero() {
		all = append(all, "gone a moment ago")
	}
	if a.Sessions != a.Avail && a.Duty == dispatch.On {
		all = append(all, "his clients say "+availName(a.Sessions))
	} else if a.Sessions == dispatch.Offline && a.Duty == dispatch.On {
		all = append(all, "not in the lobby")
	} else if a.Avail == dispatch.Away && a.Duty == dispatch.On && !a.Missed {
		all = append(all, "his clients say so")
	}
	return strings.Join(all, "; ")
}

// quietly switches off what the desk tells an agent unasked, or on again; or says how it stands.
func (r *Relay) quietly(c *call) (string, error) {
	st := r.agentRow(c.agent)
	if kind := c.text("what"); kind != "" {
		st.Quiet = slices.DeleteFunc(slices.Clone(st.Quiet), func(k string) bool { return k == kind })
		if c.text("switch") != "off" {
			st.Quiet = append(st.Quiet, kind)
		}
		r.put(tableAgent, c.agent, st)
	}
	if len(st.Quiet) == 0 {
		return "You are told everything: " + strings.Join(quietKinds, ", ") + ".", nil
	}
	return "You are not told any more: " + strings.Join(st.Quiet, ", ") + ". \"!quiet new off\" brings one back.", nil
}
