package relay

import (
	"errors"
	"strings"

	"frontdesk/config"
)

// counts are totals since the start.
type counts struct {
	fromCustomers, fromAgents, assigned, commands uint64
	erased                                        uint64 // because they were old
}

// metrics is what others may read at any time.
type metrics struct {
	health error
	values map[string]float64
}

// publish lets others see the state, at most once in a while: it is for people and graphs.
func (r *Relay) publish() {
	if r.view.Load() != nil && r.now.Sub(r.publishedAt) < publishEvery && r.sidesUp() == r.publishedUp {
		return
	}
	r.publishedAt, r.publishedUp = r.now, r.sidesUp()
	m := &metrics{values: map[string]float64{}}
	var down []string
	for _, s := range []*side{r.front, r.back} {
		if !s.up {
			down = append(down, "the link of the "+s.name+" is down")
		}
		st := s.link.Stats()
		m.values["link_up_"+s.name] = number01(s.up)
		m.values["link_connects_"+s.name] = float64(st.Connects)
		m.values["link_stanzas_in_"+s.name] = float64(st.In)
		m.values["link_stanzas_out_"+s.name] = float64(st.Out)
		m.values["link_refused_at_gate_"+s.name] = float64(st.Gate)
		m.values["link_buffered_bytes_"+s.name] = float64(st.Buffered)
		m.values["log_not_acknowledged_"+s.name] = float64(r.next - 1 - min(s.acked, r.next-1))
	}
	if len(down) > 0 {
		m.health = errors.New(strings.Join(down, "; "))
	} else if !r.wasReady {
		m.health = errors.New("starting")
	}
	waiting, bytes, dropped, refused := r.inbox.figures()
	c, st := r.desk.Counts(), r.store.Stats()
	for name, v := range map[string]float64{
		"conversations_open": float64(c.Open), "conversations_waiting": float64(c.Waiting),
		"conversations_opened_total": float64(c.Opened), "assignments_total": float64(c.Assigned),
		"releases_total": float64(c.Released), "closes_total": float64(c.Closed),
		"messages_from_customers_total": float64(r.counts.fromCustomers),
		"messages_from_agents_total":    float64(r.counts.fromAgents),
		"commands_total":                float64(r.counts.commands),
		"words_too_old_total":           float64(r.counts.erased),
		"log_records":                   float64(r.next - 1),
		"log_commits_total":             float64(st.Commits),
		"log_commit_seconds_total":      r.disk.took.Seconds(),
		"log_commits_slow_total":        float64(r.disk.slow),
		"file_bytes":                    float64(st.FileSize),
		"inbox_waiting":                 float64(waiting),
		"inbox_bytes":                   float64(bytes),
		"inbox_passed_over_total":       float64(dropped),
		"inbox_refused_total":           float64(refused),
	} {
		m.values[name] = v
	}
	r.view.Store(m)
}

func (r *Relay) sidesUp() int {
	return int(number01(r.front.up) + 2*number01(r.back.up) + 4*number01(r.wasReady))
}

func number01(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Config returns the configuration that is in force, which is not to be changed. Safe for concurrent use.
func (r *Relay) Config() *config.Config { return r.public.Load() }

// Health returns nil if both links are up and the desk works, else what is wrong. Safe for concurrent use.
func (r *Relay) Health() error {
	if err := r.disk.stuck(); err != nil {
		return err // the loop waits, and what it last published says nothing of it
	}
	return r.view.Load().health
}

// Metrics returns counters and gauges, at most a second old while something happens. Safe for
// concurrent use; the map is not to be changed.
func (r *Relay) Metrics() map[string]float64 { return r.view.Load().values }
