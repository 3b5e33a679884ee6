package dispatch_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	. "frontdesk/dispatch"
)

func pair() Config {
	return Config{
		Agents: []Agent{{ID: "bob"}, {ID: "anna", Capacity: 1}},
		Queues: []Queue{{Name: "support", Agents: []string{"bob", "anna"}}},
	}
}

// busy is a desk where #1 is answered by anna, #2 waits with a cool-down, #3 is closed, bob is in
// grace, and carol has told that she is away and waits as the customer of #5.
func busy(t testing.TB) *Desk {
	t.Helper()
	cfg := pair()
	cfg.Agents = append(cfg.Agents, Agent{ID: "carol"})
	d := New(cfg)
	for i, in := range []Input{
		DeskUp{},
		Sessions{Agent: "anna", Sessions: []Session{{Room: Online}}},
		CustomerSaid{Queue: "support", Customer: 1},
		AgentSaid{Thread: 1, Agent: "anna"},
		Take{Thread: 1, Agent: "bob", Force: true},
		CustomerSaid{Queue: "support", Customer: 2},
		Pass{Thread: 2, Agent: "anna"},
		Take{Thread: 1, Agent: "anna", Force: true},
		CustomerSaid{Queue: "support", Customer: 3},
		Take{Thread: 3, Agent: "bob"},
		Close{Thread: 3, By: "bob"},
		CustomerSaid{Queue: "support", Customer: 4},
		Take{Thread: 4, Agent: "bob"},
		Sessions{Agent: "bob", Sessions: []Session{{Room: Busy}}},
		Sessions{Agent: "bob"},
		Told{Agent: "carol", Duty: AwayNow},
		CustomerSaid{Queue: "support", Customer: 5, Self: "carol"},
	} {
		if _, err := d.Step(opening.Add(time.Duration(i)*time.Second), nil, in); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// TestMisfits: a fact that can't follow is an error, and changes nothing.
func TestMisfits(t *testing.T) {
	t.Parallel()
	at := opening.Add(time.Minute)
	saved := &Thread{N: 3, Queue: "support", Customer: 3, Conversation: 1}
	for i, f := range []Fact{
		{},
		{Kind: Said, Thread: 1, Conversation: 1, Agent: "anna"}, // without a time
		{Kind: Said, Thread: 1, Conversation: 1, Agent: "anna", At: opening},
		{Kind: 12, At: at},
		{Kind: 99, At: at},
		{Kind: Opened, Thread: 1, Conversation: 1, Queue: "support", At: at},
		{Kind: Opened, Thread: 7, Conversation: 1, Queue: "support", At: at},
		{Kind: Opened, Thread: 6, Conversation: 2, Queue: "support", At: at},
		{Kind: Opened, Thread: 3, Conversation: 1, Queue: "support", Customer: 3, Saved: saved, At: at},
		{Kind: Opened, Thread: 3, Conversation: 2, Queue: "support", Customer: 4, Saved: saved, At: at},
		{Kind: Opened, Thread: 6, Conversation: 2, Queue: "support", Customer: 3, Saved: &Thread{N: 6, Queue: "support", Customer: 3, Conversation: 1}, At: at},
		{Kind: Said, Thread: 3, Conversation: 1, At: at},
		{Kind: Said, Thread: 1, Conversation: 2, Agent: "anna", At: at},
		{Kind: Said, Thread: 1, Conversation: 1, Agent: "bob", At: at},
		{Kind: Assigned, Thread: 1, Conversation: 1, Agent: "bob", From: "anna", At: at},
		{Kind: Assigned, Thread: 2, Conversation: 1, From: "anna", At: at},
		{Kind: Assigned, Thread: 2, Conversation: 1, Agent: "bob", From: "bob", At: at},
		{Kind: Assigned, Thread: 2, Conversation: 1, Agent: "bob", From: "anna", Candidates: []string{"anna"}, At: at},
		{Kind: Assigned, Thread: 2, Conversation: 1, Agent: "bob", From: "anna", Candidates: []string{"bob"}, Draw: 1, At: at},
		{Kind: Assigned, Thread: 5, Conversation: 1, Agent: "carol", At: at}, // who is its customer
		{Kind: Released, Thread: 1, Conversation: 1, Agent: "bob", At: at},
		{Kind: Released, Thread: 2, Conversation: 1, At: at},
		{Kind: Closed, Thread: 3, Conversation: 1, At: at},
		{Kind: DutySet, At: at},
		{Kind: DutySet, Agent: "anna", Duty: 3, At: at},
		{Kind: Presence, Agent: "anna", Avail: 3, At: at},
		{Kind: GraceOver, Agent: "anna", At: at},
		{Kind: GraceOver, Agent: "nobody", At: at},
		{Kind: Returned, Agent: "anna", At: at},
		{Kind: Returned, Agent: "nobody", At: at},
		{Kind: Resumed, At: at},
		{Kind: Paused, Since: opening, At: at},
		{Kind: Paused, Since: at.Add(1), At: at},
	} {
		d := busy(t)
		was := snapshot(t, d)
		if err := d.Apply(f); err == nil || !strings.HasPrefix(err.Error(), "dispatch: ") {
			t.Errorf("%d: %+v: error %v", i, f, err)
		}
		if is := snapshot(t, d); !bytes.Equal(is, was) {
			t.Errorf("%d: %+v made\n%s\nof\n%s", i, f, is, was)
		}
		if err := d.Check(); err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
}

// TestRestoreRefuses what can't be a state; anything it takes is one.
func TestRestoreRefuses(t *testing.T) {
	t.Parallel()
	good := string(snapshot(t, busy(t)))
	for _, edit := range [][2]string{
		{good, ""},
		{good, "null"},
		{`"v":1`, `"v":2`},
		{`"next":6`, `"next":5`},
		{`"n":2`, `"n":1`},
		{`"n":1,`, `"n":0,`},
		{`"c":1`, `"c":0`},
		{`"id":"anna"`, `"id":"bob"`},
		{`"id":"anna"`, `"id":""`},
		{`"sessions":2`, `"sessions":3`},
		{`"duty":1`, `"duty":3`},
		{`"open":true`, `"open":false`},
		{`"owner":"bob"`, `"owner":"anna"`},
		{`"cu":4`, `"cu":4,"self":"bob"`},
	} {
		if bad := strings.Replace(good, edit[0], edit[1], 1); bad == good {
			t.Errorf("%s is not in %s", edit[0], good)
		} else if _, err := Restore(pair(), []byte(bad)); err == nil || !strings.HasPrefix(err.Error(), "dispatch: restore: ") {
			t.Errorf("%s for %s: error %v", edit[1], edit[0], err)
		}
	}
}

// TestRestoreOld: what was written before it was kept since when somebody is in the line does not let him have waited for ever.
func TestRestoreOld(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)
	data := `{"v":1,"next":2,"last":"2026-01-05T10:00:00Z","agents":[],"threads":[{"n":1,"q":"q","cu":1,"c":1,"open":true,"since":"2026-01-05T09:59:00Z"}]}`
	d, err := Restore(Config{Queues: []Queue{{Name: "q"}}, LongWait: 5 * time.Minute}, []byte(data))
	if err != nil {
		t.Fatal(err)
	}
	var told []Fact
	for i := range 10 {
		facts, err := d.Step(now.Add(time.Duration(i)*time.Minute), nil, DeskUp{})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range facts {
			if f.Kind == Lingered {
				told = append(told, f)
			}
		}
	}
	if len(told) != 1 || told[0].At.Sub(told[0].Since) != 5*time.Minute {
		t.Errorf("it was told %d times that he has waited: %+v", len(told), told)
	}
}

func FuzzRestore(f *testing.F) {
	f.Add(snapshot(f, busy(f)))
	f.Add(snapshot(f, New(pair())))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := Restore(pair(), data)
		if err != nil {
			return
		}
		if _, err := d.Step(opening, nil, Tick{}); err != nil {
			t.Fatal(err)
		}
		if err := d.Check(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestConfigFaults: a config that contradicts itself is a fault of the caller.
func TestConfigFaults(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*Config){
		"agent twice":       func(c *Config) { c.Agents = append(c.Agents, c.Agents[0]) },
		"queue twice":       func(c *Config) { c.Queues = append(c.Queues, c.Queues[0]) },
		"stranger in queue": func(c *Config) { c.Queues[0].Agents = append(c.Queues[0].Agents, "mallory") },
		"twice in queue":    func(c *Config) { c.Queues[0].Agents = append(c.Queues[0].Agents, "bob") },
		"agent without ID":  func(c *Config) { c.Agents[0].ID = "" },
	} {
		cfg := pair()
		spoil(&cfg)
		func() {
			defer func() {
				if p := recover(); p == nil || !strings.HasPrefix(p.(string), "dispatch: ") {
					t.Errorf("%s: %v", name, p)
				}
			}()
			New(cfg)
		}()
	}
}

// TestReading: what others ask of a desk, against a plain list.
func TestReading(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 1))
	d := New(pair())
	var line []uint64
	for i := range uint64(500) {
		if _, err := d.Step(opening.Add(time.Duration(i/3)*time.Second), nil, CustomerSaid{Queue: "support", Customer: i}); err != nil {
			t.Fatal(err)
		}
		line = append(line, i+1)
	}
	var has []uint64
	for range 200 { // some leave the line, and some of them come back to their places
		i := rng.IntN(len(line))
		if _, err := d.Step(opening, nil, Take{Thread: line[i], Agent: "bob"}); err != nil {
			t.Fatal(err)
		}
		has = append(has, line[i])
		line = slices.Delete(line, i, i+1)
		if rng.IntN(2) == 0 {
			j := rng.IntN(len(has))
			if _, err := d.Step(opening, nil, Pass{Thread: has[j], Agent: "bob"}); err != nil {
				t.Fatal(err)
			}
			line = append(line, has[j])
			slices.Sort(line)
			has = slices.Delete(has, j, j+1)
		}
	}
	slices.Sort(has)
	for i, n := range line {
		if got := d.Place(n); got != i+1 {
			t.Errorf("place of %d is %d, want %d", n, got, i+1)
		}
	}
	for _, limit := range []int{-1, 0, 1, 7, len(line), 1000} {
		want := line[:max(0, min(limit, len(line)))]
		if got := thread(d.Line("support", limit)); !slices.Equal(got, want) {
			t.Errorf("line to %d is %v, want %v", limit, got, want)
		}
	}
	if got := thread(d.Of("bob")); !slices.Equal(got, has) {
		t.Errorf("bob has %v, want %v", got, has)
	}
	if d.Of("anna") == nil && d.Place(has[0]) != 0 || d.Place(501) != 0 || d.Place(0) != 0 || len(d.Of("mallory")) != 0 || d.Line("nowhere", 5) != nil {
		t.Error("nobody is somebody")
	}
	th, ok := d.Thread(has[0])
	if !ok || th.Owner != "bob" || th.Customer != has[0]-1 || !th.Open {
		t.Errorf("thread is %+v", th)
	}
	if _, ok := d.Thread(501); ok {
		t.Error("a thread that never was")
	}
	if a, ok := d.Agent("bob"); !ok || a.Load != len(has) || a.Capacity != DefaultCapacity {
		t.Errorf("bob is %+v", a)
	}
	if _, ok := d.Agent("mallory"); ok {
		t.Error("an agent who never was")
	}
	if c := d.Counts(); c.Open != 500 || c.Waiting != len(line) || c.Opened != 500 || c.Assigned != 200 || int(c.Released) != 200-len(has) {
		t.Errorf("counts are %+v", c)
	}
	if s := fmt.Sprint(Resumed, Kind(0), Kind(77)); s != "Resumed Kind(0) Kind(77)" {
		t.Error(s)
	}
}

func thread(page []Thread) []uint64 {
	var ns []uint64
	for _, th := range page {
		ns = append(ns, th.N)
	}
	return ns
}
