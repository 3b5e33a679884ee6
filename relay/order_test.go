package relay

import (
	"fmt"
	"strings"
	"testing"

	"frontdesk/component/stanza"
)

// TestLongAnswers: a list of any length reaches who asked for it, in words and in a form.
func TestLongAnswers(t *testing.T) {
	t.Parallel()
	r := stopped(t)
	c := &call{agent: "anna@agents.localhost", from: "anna@agents.localhost/x"}
	for i := range 10 {
		q := *r.order[0]
		q.name = fmt.Sprint("queue", i)
		r.order, r.queues[q.name] = append(r.order, &q), &q
		for j := range maxReplies {
			r.cannedOf(ofQueue(q.name))[fmt.Sprint("key", j)] = reply{Text: strings.Repeat("\"é", 100), By: "bob@agents.localhost"}
		}
	}
	answer := r.carryOut(c, "canned")
	if len(answer) < maxListing/2 || !strings.HasSuffix(answer, "\nThere is more, which does not fit here.") {
		t.Errorf("%d bytes, which end in %q", len(answer), answer[max(0, len(answer)-60):])
	}
	for what, size := range map[string]int{
		"message": len(stanza.Text("", "body", answer).AppendXML(nil)),
		"form":    len(c.answerForm(answer).AppendXML(nil)),
	} {
		if size > 250<<10 {
			t.Errorf("the %s has %d bytes", what, size)
		}
	}
}
