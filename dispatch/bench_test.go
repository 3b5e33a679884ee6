package dispatch_test

import (
	"math/rand/v2"
	"testing"
	"time"

	. "frontdesk/dispatch"
)

// crowded is a desk with 40 agents, that many open conversations and so many in the line.
func crowded(b *testing.B, open, waiting int) (*Desk, Config) {
	b.Helper()
	cfg := office(40, max(open/40, 1), 40, 20, 20)
	d := New(cfg)
	chance := rand.New(rand.NewPCG(1, 1))
	must(b, d, opening, chance, DeskUp{})
	for _, a := range cfg.Agents {
		must(b, d, opening, chance, Sessions{Agent: a.ID, Sessions: []Session{{Room: Online}}})
	}
	for i := range open + waiting {
		must(b, d, opening.Add(time.Duration(i)*time.Microsecond), chance, CustomerSaid{Queue: "queue0", Customer: uint64(i)})
	}
	if c := d.Counts(); c.Open != open+waiting || c.Waiting != waiting {
		b.Fatalf("%+v", c)
	}
	return d, cfg
}

func must(b *testing.B, d *Desk, now time.Time, chance Chance, in Input) []Fact {
	facts, err := d.Step(now, chance, in)
	if err != nil {
		b.Fatal(err)
	}
	return facts
}

const later = 10 * time.Second

func BenchmarkCustomerSaid(b *testing.B) {
	const n = 100_000
	d, _ := crowded(b, n, 0)
	b.ReportAllocs()
	i := uint64(0)
	for b.Loop() {
		i = i*5 + 1
		must(b, d, opening.Add(later), nil, CustomerSaid{Thread: 1 + i%n})
	}
}

func BenchmarkAgentSaid(b *testing.B) {
	const n = 100_000
	d, _ := crowded(b, n, 0)
	var owner [n + 1]string
	for i := range owner[1:] {
		th, _ := d.Thread(uint64(i + 1))
		owner[i+1] = th.Owner
	}
	b.ReportAllocs()
	i := uint64(0)
	for b.Loop() {
		i = i*5 + 1
		must(b, d, opening.Add(later), nil, AgentSaid{Thread: 1 + i%n, Agent: owner[1+i%n]})
	}
}

// BenchmarkNobodyFree: first words, more words and a close among 50,000 who wait; all agents are full.
func BenchmarkNobodyFree(b *testing.B) {
	d, _ := crowded(b, 40, 50_000)
	b.ReportAllocs()
	for b.Loop() {
		n := must(b, d, opening.Add(later), nil, CustomerSaid{Queue: "queue0"})[0].Thread
		must(b, d, opening.Add(later), nil, CustomerSaid{Thread: n - 20_000})
		must(b, d, opening.Add(later), nil, Close{Thread: n - 20_000})
	}
}

// BenchmarkSlotFreed: an agent closes, the first of 50,000 gets his place, another one comes to the line.
func BenchmarkSlotFreed(b *testing.B) {
	d, cfg := crowded(b, 40, 50_000)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		id := cfg.Agents[i%40].ID
		facts := must(b, d, opening.Add(later), nil, Close{Thread: d.Of(id)[0].N, By: id})
		if len(facts) != 2 {
			b.Fatal(facts)
		}
		must(b, d, opening.Add(later), nil, CustomerSaid{Queue: "queue0"})
	}
}

func BenchmarkPlace(b *testing.B) {
	d, _ := crowded(b, 40, 50_000)
	for b.Loop() {
		if d.Place(25_040) != 25_000 {
			b.Fatal("another place")
		}
	}
}

func BenchmarkSnapshot100k(b *testing.B) {
	d, cfg := crowded(b, 50_000, 50_000)
	data := []byte(nil)
	for b.Loop() {
		data, _ = d.Snapshot()
	}
	b.ReportMetric(float64(len(data))/1e6, "MB")
	if _, err := Restore(cfg, data); err != nil {
		b.Fatal(err)
	}
}
