package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"frontdesk/component/stanza"
	"frontdesk/dispatch"
	"frontdesk/store"
)

// TestClockSteps: the machine's clock is an hour ahead, is set back over a restart, and then jumps three hours on over another. The desk's own time
// never goes back, what runs out is counted from it, nobody loses his conversation by it, and nothing that is said is lost.
func TestClockSteps(t *testing.T) {
	t.Parallel()
	w := prepareFake(t, t.TempDir())
	w.conf.Store(strings.ReplaceAll(w.conf.Load().(string), "capacity = 2", "capacity = 9"))
	d := &dialogue{w: w, t: t, names: map[string]string{}, who: map[string]*client{}}
	clocks := []*manual{{now: time.Now().UTC().Add(time.Hour)}, nil, {now: time.Now().UTC().Add(3 * time.Hour)}}
	contact := ""
	said := map[string]int{}
	pass := func(from, to *client, address, body string) {
		t.Helper()
		said[body] = 0
		must(t, from.send(stanza.New("", "message", "type", "chat", "to", address, "id", idOf(body)).Add(stanza.Text("", "body", body))))
		got := to.await(func(s *stanza.Element) bool { return s.Local == "message" && s.ChildText("", "body") == body })
		if got == nil {
			t.Fatalf("%q does not reach %s", body, to.jid)
		}
		contact = string(got.From().Bare())
	}
	for i, clock := range clocks {
		w.clock = clock // nil is the wall clock
		w.start()
		if i == 0 {
			d.login("anna")
			d.enter("anna")
			d.login("alice")
		}
		pass(d.who["alice"], d.who["anna"], string(queueJID), fmt.Sprintf("question %d", i))
		pass(d.who["anna"], d.who["alice"], contact, fmt.Sprintf("answer %d", i))
		late := []string{"bela", "chris", "dan"}[i]
		d.login(late)
		pass(d.who[late], d.who["anna"], string(queueJID), fmt.Sprintf("new %d", i))
		pass(d.who["anna"], d.who[late], contact, fmt.Sprintf("welcome %d", i))
		w.stop()
	}
	file, err := store.Open(w.cfg.Data)
	must(t, err)
	defer file.Close()
	records, err := file.Scan(1, 1000)
	must(t, err)
	var last time.Time
	at := map[string]time.Time{}
	for _, r := range records {
		if r.Time.Before(last) {
			t.Errorf("record %d is of %v, after one of %v", r.Seq, r.Time, last)
		}
		last = r.Time
		if r.Kind >= 100 {
			continue
		}
		var f dispatch.Fact
		must(t, json.Unmarshal(r.Numbers, &f))
		switch dispatch.Kind(r.Kind) {
		case dispatch.Assigned:
			if within := f.Until.Sub(r.Time); within != dispatch.DefaultAnswerWithin {
				t.Errorf("record %d: an answer is waited for for %v", r.Seq, within)
			}
		case dispatch.Released, dispatch.Closed, dispatch.GraceOver:
			t.Errorf("record %d: %s %s", r.Seq, dispatch.Kind(r.Kind), r.Numbers)
		case dispatch.Said:
			var words struct {
				Body string `json:"b"`
			}
			must(t, json.Unmarshal(r.Content, &words))
			said[words.Body]++
			at[words.Body] = r.Time
		}
	}
	if !at["answer 1"].After(at["question 1"]) { // as it would if it waited for the clock
		t.Errorf("time stood still at %v after the clock was set back", at["question 1"])
	}
	for body, n := range said {
		if n != 1 {
			t.Errorf("%q is in the log %d times", body, n)
		}
	}
}
