package relay

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"frontdesk/dispatch"
)

// maySee: agents of its queue, or of the one that serves it; supervisors; and whoever has a part in it.
func (r *Relay) maySee(agent string, t *thread) bool {
	if r.serves(agent, t.Queue) || r.supervises(agent) || slices.Contains(t.Consulted, agent) {
		return r.staff[agent] != nil
	}
	d, open := r.desk.Thread(t.N)
	if !open || r.staff[agent] == nil {
		return false
	}
	return d.Owner == agent || r.desk.Asks(t.N, agent) || d.Serving != "" && r.serves(agent, d.Serving) || slices.Contains(r.desk.Team(t.N), agent)
}

func (r *Relay) serves(agent, queue string) bool {
	q := r.queues[queue]
	return q != nil && q.agents[agent]
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

// howLong says a duration in the words of people.
func howLong(d time.Duration) string {
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

// queuesOf counts the queues that somebody serves.
func (r *Relay) queuesOf(agent string) int {
	n := 0
	for _, q := range r.order {
		if q.agents[agent] {
			n++
		}
	}
	return n
}
