package relay

import (
	"runtime"
	"strings"
	"testing"

	"frontdesk/config"
)

// TestExpand: what is filled into a reply, and what it lacks.
func TestExpand(t *testing.T) {
	t.Parallel()
	for _, x := range []struct{ text, words, want, why string }{
		{"Good day {name}, this is {agent} of {queue}.", "", "Good day Alice, this is Anna Lee of Sales and more.", ""},
		{"{1} costs {2}", "Malta  20", "Malta costs 20", ""},
		{"{words}, {words}", "a  b", "a  b, a  b", ""},
		{"{1}", "{name}", "{name}", ""}, // what was filled in is text
		{"{2}", "a b c", "b", ""},
		{"{2} {3} {2}", "a", "", "the reply has {2} and {3}, which is missing."},
		{"{words}", "", "", "the reply has {words}, which is missing."},
		{"Hello", "a", "", "the reply key takes no words."},
		{strings.Repeat("x", maxReply-1) + "{1}", "y", strings.Repeat("x", maxReply-1) + "y", ""},
		{strings.Repeat("x", maxReply-1) + "{1}", "yy", "", "it would have more than 8192 bytes."},
		{"{1}", strings.Repeat("y", maxReply+1), "", "it would have more than 8192 bytes."},
	} {
		r, c := seller()
		c.args["words"] = x.words
		got, err := r.expand(c, x.text)
		why := ""
		if err != nil {
			why = err.Error()
		}
		if got != x.want || why != x.why {
			t.Errorf("%s with %q is %q, %q; not %q, %q", shorten(x.text, 40), shorten(x.words, 40), shorten(got, 80), why, shorten(x.want, 80), x.why)
		}
	}
	r, c := seller()
	c.about.customer.Name = ""
	if _, err := r.expand(c, "{name}"); err == nil || err.Error() != "the customer's {name} is not known: !name says it." {
		t.Errorf("without a name: %v", err)
	}
	c.about.Queue = "gone"
	if _, err := r.expand(c, "{queue}"); err == nil || err.Error() != "the reply has {queue}, which is missing." {
		t.Errorf("without a queue: %v", err)
	}
}

// TestExpandIsBounded: a reply of 8 KiB asks a thousand times for 100 KiB, and the loop makes no 100 MB of it. Not parallel:
// it counts what is allocated.
func TestExpandIsBounded(t *testing.T) {
	r, c := seller()
	c.args["words"] = strings.Repeat("w", 100<<10)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := r.expand(c, strings.Repeat("{words}", maxReply/len("{words}")))
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; err == nil || used > 64<<20 { // unbounded it is 100 MiB and more; the race detector keeps no pools
		t.Errorf("it took %d bytes: %v", used, err)
	}
}

// seller is an agent with a customer of the queue sales.
func seller() (*Relay, *call) {
	r, c := clerk()
	r.queues = map[string]*queue{"sales": r.order[0]}
	r.staff = map[string]*config.Person{c.agent: &r.cfg.Agents[0]}
	c.about = &thread{N: 17, Queue: "sales", customer: &customer{Name: "Alice"}}
	c.args = map[string]string{"key": "key"}
	return r, c
}
