package relay

import (
	"fmt"
	"math"
	"strings"
	"time"

	"frontdesk/dispatch"
)

// What !stats tells is counted as it happens, a row for each day (UTC), queue and agent, so that nothing has to read the log.

const maxStatsDays = 31

// tally is a row of tableStats. The JSON names are in files for ever.
type tally struct {
	Began    int         `json:"began,omitempty"`    // conversations (of an agent: that he began)
	Answered int         `json:"answered,omitempty"` // for the first time
	Missed   int         `json:"missed,omitempty"`   // were not answered in time
	Closed   int         `json:"closed,omitempty"`
	Silent   int         `json:"silent,omitempty"` // were closed without an answer
	Waits    map[int]int `json:"waits,omitempty"`  // how many waited how long for the first answer; see bucket
}

// count changes the tally of today of a queue or an agent.
func (r *Relay) count(who string, change func(*tally)) {
	if who == "" {
		return
	}
	key := statsKey(r.now, who)
	var w tally
	r.row(tableStats, key, &w)
	change(&w)
	r.put(tableStats, key, w)
}

func statsKey(day time.Time, who string) string {
	return day.UTC().Format(time.DateOnly) + "\x00" + who
}

// counted follows what happens to conversations. Of words, only the first answer counts.
func (r *Relay) counted(f *dispatch.Fact, t *thread) {
	queue := ofQueue(t.Queue)
	switch f.Kind {
	case dispatch.Opened:
		r.count(queue, func(w *tally) { w.Began++ })
		r.count(f.By, func(w *tally) { w.Began++ })
		t.Answered = f.By != ""
	case dispatch.Said:
		if f.By == "" || t.Answered {
			return
		}
		t.Answered = true
		r.saveThread(t)
		if d, open := r.desk.Thread(t.N); open {
			b := bucket(r.now.Sub(d.Since))
			for _, who := range []string{queue, f.By} {
				r.count(who, func(w *tally) {
					w.Answered++
					if w.Waits == nil {
						w.Waits = map[int]int{}
					}
					w.Waits[b]++
				})
			}
		}
	case dispatch.Released:
		if f.Reason == dispatch.Missed {
			r.count(queue, func(w *tally) { w.Missed++ })
			r.count(f.Agent, func(w *tally) { w.Missed++ })
		}
	case dispatch.Closed:
		r.count(queue, func(w *tally) {
			w.Closed++
			if !t.Answered {
				w.Silent++
			}
		})
		if f.Saved != nil {
			r.count(f.Saved.Last, func(w *tally) { w.Closed++ })
		}
	}
}

// bucket of a wait: four to an octave of seconds, so that a wait is known to within a tenth.
func bucket(wait time.Duration) int {
	return int(math.Round(4 * math.Log2(1+max(0, wait).Seconds())))
}

// waited is the middle of a bucket.
func waited(bucket int) time.Duration {
	return time.Duration((math.Exp2(float64(bucket)/4) - 1) * float64(time.Second)).Round(time.Second)
}

func (w *tally) add(o *tally) {
	w.Began, w.Answered, w.Missed, w.Closed, w.Silent = w.Began+o.Began, w.Answered+o.Answered, w.Missed+o.Missed, w.Closed+o.Closed, w.Silent+o.Silent
	for b, n := range o.Waits {
		if w.Waits == nil {
			w.Waits = map[int]int{}
		}
		w.Waits[b] += n
	}
}

// quantile is the wait that a share of those who were answered did not exceed; 0 where nobody was.
func (w *tally) quantile(share float64) time.Duration {
	need := int(math.Ceil(share * float64(w.Answered)))
	for b := 0; need > 0 && b < 4*64; b++ {
		if need -= w.Waits[b]; need <= 0 {
			return waited(b)
		}
	}
	return 0
}

// total adds up the days until today.
func (r *Relay) total(who string, days int) tally {
	var sum tally
	for i := range days {
		var w tally
		if r.row(tableStats, statsKey(r.now.AddDate(0, 0, -i), who), &w) {
			sum.add(&w)
		}
	}
	return sum
}

func (w *tally) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d begun, %d answered", w.Began, w.Answered)
	if w.Answered > 0 {
		fmt.Fprintf(&b, " (half within about %s, nine of ten within %s)", howLong(w.quantile(0.5)), howLong(w.quantile(0.9)))
	}
	fmt.Fprintf(&b, ", %d missed, %d closed", w.Missed, w.Closed)
	if w.Silent > 0 {
		fmt.Fprintf(&b, ", %d of them without an answer", w.Silent)
	}
	return b.String()
}

// stats tells what was done in the last days, by queue and by agent.
func (r *Relay) stats(c *call) (string, error) {
	days := c.count
	if days < 0 {
		days = 7
	}
	var b strings.Builder
	fmt.Fprintf(&b, "The last %d days, until now (days of UTC):", days)
	if days == 1 {
		b.Reset()
		b.WriteString("Today (UTC):")
	}
	for _, q := range r.order {
		if c.line == nil || c.line == q {
			w := r.total(ofQueue(q.name), days)
			fmt.Fprintf(&b, "\n%s: %s", q.title, w.String())
		}
	}
	for _, p := range r.cfg.Agents {
		if c.line != nil && !c.line.agents[p.JID] {
			continue
		}
		if w := r.total(p.JID, days); w.Began+w.Answered+w.Missed+w.Closed > 0 {
			fmt.Fprintf(&b, "\n%s: %s", p.Name, w.String())
		}
	}
	return b.String(), nil
}
