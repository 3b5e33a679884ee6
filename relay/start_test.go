package relay

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"frontdesk/component/stanza"
	"frontdesk/dispatch"
)

var records = flag.Uint64("records", 200_000, "of the log that BenchmarkStart starts with")

// BenchmarkStart starts a desk with a long log that was killed right before the next snapshot: most of what it can have to replay. 50,000 customers
// have had conversations of ten records, 300 are open. With -records 10000000 it takes minutes to write and 5 GB.
func BenchmarkStart(b *testing.B) {
	r := stopped(b)
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	r.now = at
	body := "Something that people write to each other, about as long as it usually is: a line or two. "
	open := make([]uint64, 0, 300)
	for i := uint64(0); r.next < *records || r.snapshotAt-r.next > 5000; i++ {
		at = at.Add(time.Second)
		r.now = at
		converse(b, r, i%50_000, fmt.Sprint(body, i), &open)
		if len(r.records) > 2000 {
			r.commit()
			r.evict()
		}
		if r.broken != nil {
			b.Fatal(r.broken)
		}
	}
	r.commit()
	cfg := r.file
	if err := r.store.Close(); err != nil { // and no finish
		b.Fatal(err)
	}
	b.ResetTimer()
	for b.Loop() {
		again, err := New(cfg, Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if again.next != r.next {
			b.Fatalf("%d records, not %d", again.next, r.next)
		}
		b.ReportMetric(float64(again.next-1), "records")
		b.ReportMetric(float64(again.store.Stats().FileSize)/1e9, "GB")
		if err := again.store.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// converse has a customer begin, and an agent answer him; the oldest of the open conversations is closed.
func converse(b *testing.B, r *Relay, number uint64, body string, open *[]uint64) {
	jid := stanza.MakeJID(fmt.Sprint("customer", number), "customers.localhost", "client")
	c := r.customerOf(jid)
	if c == nil {
		c = r.newCustomer(jid)
	}
	queue := r.cfg.Queues[0].Name
	said := func(by string) {
		t := r.thread(c.Threads[queue])
		u := &utterance{thread: t, customer: c, words: &words{ID: fmt.Sprint(r.next), Body: body}}
		var in dispatch.Input = dispatch.CustomerSaid{Queue: queue, Customer: c.N}
		switch {
		case by != "":
			in = dispatch.AgentSaid{Thread: t.N, Agent: by}
		case t != nil:
			in = dispatch.CustomerSaid{Thread: t.N, Queue: queue, Customer: c.N, Saved: t.Saved}
		}
		if err := r.decide(in, u); err != nil {
			b.Fatal(err)
		}
	}
	agent := r.cfg.Agents[0]
	said("")
	for range 3 {
		said(agent.JID)
		said("")
	}
	*open = append(*open, c.Threads[queue])
	if len(*open) == cap(*open) {
		if err := r.decide(dispatch.Close{Thread: (*open)[0], By: agent.JID}, nil); err != nil {
			b.Fatal(err)
		}
		*open = append((*open)[:0], (*open)[1:]...)
	}
}
