package dispatch_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	. "frontdesk/dispatch"
)

// run is a desk under the eyes of a witness, with the log that it would have on disk.
type run struct {
	cfg   Config
	d     *Desk
	w     *witness
	now   time.Time
	log   []entry
	quick bool // check the desk's own indexes now and then only
	light bool // keep no log
	steps int

	snapped []byte // a snapshot at some time, and how much of the log it holds
	upTo    int
}

// entry is a fact as the log keeps it.
type entry struct {
	kind Kind
	at   time.Time
	data []byte
}

func encode(t testing.TB, facts []Fact) []entry {
	t.Helper()
	var log []entry
	for _, f := range facts {
		data, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		log = append(log, entry{f.Kind, f.At, data})
	}
	return log
}

func decode(t testing.TB, e entry) Fact {
	t.Helper()
	var f Fact
	if err := json.Unmarshal(e.data, &f); err != nil {
		t.Fatal(err)
	}
	f.Kind, f.At = e.kind, e.at
	return f
}

func newRun(cfg Config) *run { return &run{cfg: cfg, d: New(cfg), w: newWitness(cfg)} }

// step does one step, keeps its facts and checks all that must hold.
func (r *run) step(t testing.TB, now time.Time, chance Chance, in Input) ([]Fact, error) {
	t.Helper()
	if now.After(r.now) {
		r.now = now
	}
	r.steps++
	facts, refusal := r.d.Step(now, chance, in)
	if !r.light {
		r.log = append(r.log, encode(t, facts)...)
	}
	if err := r.w.step(r.d, r.now, in, facts); err != nil {
		for _, f := range facts {
			t.Log(sentence(f))
		}
		t.Fatalf("step %d at %v, %T %+v: %v", r.steps, r.now, in, in, err)
	}
	if !r.quick || r.steps%101 == 0 {
		if err := r.d.Check(); err != nil {
			t.Fatalf("step %d at %v, %T %+v: %v", r.steps, r.now, in, in, err)
		}
	}
	return facts, refusal
}

// replay applies a part of the log to a desk.
func (r *run) replay(t testing.TB, d *Desk, from, to int) {
	t.Helper()
	for i, e := range r.log[from:to] {
		if err := d.Apply(decode(t, e)); err != nil {
			t.Fatalf("fact %d: %v", from+i, err)
		}
	}
}

// rebuild returns desks made from the log, a snapshot, and an older snapshot with
// the tail of the log, after checking that they are the one that there is.
func (r *run) rebuild(t testing.TB) []*Desk {
	t.Helper()
	want := snapshot(t, r.d)
	all := New(r.cfg)
	r.replay(t, all, 0, len(r.log))
	now, err := Restore(r.cfg, want)
	if err != nil {
		t.Fatal(err)
	}
	desks := []*Desk{all, now}
	if r.snapped != nil {
		tail, err := Restore(r.cfg, r.snapped)
		if err != nil {
			t.Fatal(err)
		}
		r.replay(t, tail, r.upTo, len(r.log))
		desks = append(desks, tail)
	}
	for i, d := range desks {
		if got := snapshot(t, d); string(got) != string(want) {
			t.Fatalf("desk %d (of: whole log, snapshot, snapshot and tail) is\n%s\nwant\n%s", i, got, want)
		}
		if !d.Deadline().IsZero() {
			t.Fatalf("desk %d wants a tick before its first step", i)
		}
	}
	return desks
}

// restart ends the run and begins another one, by a config that may be new, on what the disk has.
// All ways of rebuilding must give desks that go on alike; that is tried by a tick, whose facts it returns.
func (r *run) restart(t testing.TB, cfg Config) []Fact {
	t.Helper()
	r.cfg = cfg
	desks := r.rebuild(t)
	r.w.restart(cfg)
	var first []Fact
	for i, d := range desks {
		facts, _ := d.Step(r.now, nil, Tick{})
		if i == 0 {
			first = facts
		} else if !reflect.DeepEqual(facts, first) {
			t.Fatalf("after a restart desk %d gives %+v, want %+v", i, facts, first)
		}
		if err := d.Check(); err != nil {
			t.Fatal(err)
		}
	}
	r.d = desks[r.steps%len(desks)]
	r.log = append(r.log, encode(t, first)...)
	if err := r.w.step(r.d, r.now, Tick{}, first); err != nil {
		t.Fatal(err)
	}
	for _, n := range r.w.open {
		if th := r.w.threads[n]; th.Owner != "" && !slices.Contains(r.w.staff(th.Served()), th.Owner) {
			t.Fatalf("%s, who is no agent of %s, has thread %d", th.Owner, th.Queue, n)
		}
	}
	return first
}

// reconfigure puts another config into the running desk.
func (r *run) reconfigure(t testing.TB, chance Chance, cfg Config) []Fact {
	t.Helper()
	r.cfg, r.w.cfg = cfg, cfg
	r.d.Reconfigure(cfg)
	facts, _ := r.step(t, r.now, chance, Tick{})
	return facts
}

func (r *run) snap(t testing.TB) { r.snapped, r.upTo = snapshot(t, r.d), len(r.log) }

func snapshot(t testing.TB, d *Desk) []byte {
	t.Helper()
	data, err := d.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	return data
}
