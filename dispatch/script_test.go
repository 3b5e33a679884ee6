package dispatch_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	. "frontdesk/dispatch"
)

var update = flag.Bool("update", false, "write what the scripts in testdata give now")

// opening is 0s of every script.
var opening = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// TestScripts runs testdata/*.txt: lines that say what happens and when, and
// indented below each what the desk makes of it. testdata/README lists the lines.
func TestScripts(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			t.Parallel()
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got := runScript(t, string(want))
			switch {
			case got == string(want):
			case *update:
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			default:
				t.Errorf("%s", firstDifference(string(want), got))
			}
		})
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := 0; i < max(len(w), len(g)); i++ {
		if i >= len(w) || i >= len(g) || w[i] != g[i] {
			from := max(0, i-3)
			return fmt.Sprintf("line %d differs. Want:\n%s\nGot:\n%s", i+1,
				strings.Join(w[min(from, len(w)):min(i+6, len(w))], "\n"), strings.Join(g[min(from, len(g)):min(i+6, len(g))], "\n"))
		}
	}
	return ""
}

// script is a run of one file.
type script struct {
	t        *testing.T
	line     int
	cfg      Config
	run      *run
	deadline time.Time
	draws    []int
	out      strings.Builder
}

// IntN is dispatch.Chance by the draws line.
func (s *script) IntN(n int) int {
	if len(s.draws) == 0 || s.draws[0] >= n {
		s.t.Fatalf("line %d: a draw among %d, but draws are %v", s.line, n, s.draws)
	}
	x := s.draws[0]
	s.draws = s.draws[1:]
	return x
}

func runScript(t *testing.T, text string) string {
	s := &script{t: t}
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		s.line = i + 1
		if strings.HasPrefix(line, "    ") {
			continue // what came out last time
		}
		s.out.WriteString(line + "\n")
		if words := strings.Fields(line); len(words) > 0 && words[0] != "#" {
			s.do(words)
		}
	}
	if len(s.draws) > 0 {
		t.Errorf("draws %v are left", s.draws)
	}
	s.run.rebuild(t)
	return s.out.String()
}

func (s *script) printf(format string, args ...any) { fmt.Fprintf(&s.out, "    "+format+"\n", args...) }

func (s *script) do(words []string) {
	switch w := words[1:]; words[0] {
	case "config":
		s.cfg = Config{}
	case "idle-is-away":
		s.cfg.IdleIsAway = true
	case "long-wait":
		s.cfg.LongWait = s.time(w[0])
	case "wrap-up":
		s.cfg.WrapUp = s.time(w[0])
	case "gap":
		s.cfg.Gap = s.time(w[0])
	case "bot-turns":
		s.cfg.BotTurns = s.number(w[0])
	case "bot":
		s.agent(w[0]).Bot = true
	case "skills":
		s.agent(w[0]).Skills = w[1:]
	case "set":
		s.set(w[0], w[1], w[2:])
	case "why":
		for _, o := range s.run.d.Barred(uint64(s.number(w[0]))) {
			s.printf("%s %s", o.Agent, o.Why)
		}
	case "reconfigure":
		for _, f := range s.run.reconfigure(s.t, s, s.cfg) {
			s.printf("%s", sentence(f))
		}
	case "agent":
		a := Agent{ID: w[0]}
		if len(w) > 1 {
			a.Capacity = s.number(w[1])
		}
		s.cfg.Agents = append(s.cfg.Agents, a)
	case "queue":
		s.cfg.Queues = append(s.cfg.Queues, Queue{Name: w[0], Agents: w[1:]})
	case "draws":
		for _, x := range w {
			s.draws = append(s.draws, s.number(x))
		}
	case "restart":
		for _, f := range s.run.restart(s.t, s.cfg) {
			s.printf("%s", sentence(f))
		}
		s.deadline = time.Time{}
	case "agents":
		s.agents()
	case "line":
		for _, th := range s.run.d.Line(w[0], 10) {
			s.printf("%d: #%d since %s", s.run.d.Place(th.N), th.N, clock(th.Since))
		}
		s.printf("%s", [...]string{"nobody", "full", "free", "shut"}[s.run.d.Mood(w[0])])
	case "team":
		n := uint64(s.number(w[0]))
		s.printf("%s", strings.Join(append(slices.Clone(s.run.d.Team(n)), "asked: "+strings.Join(s.run.d.Asked(n), " "), "by "+s.run.d.SoughtBy(n)), ", "))
	default:
		s.step(words)
	}
}

func (s *script) step(words []string) {
	if s.run == nil {
		s.run = newRun(s.cfg)
		s.run.w.thorough = true
	}
	after, err := time.ParseDuration(words[0])
	if err != nil {
		s.t.Fatalf("line %d: %v", s.line, err)
	}
	facts, refusal := s.run.step(s.t, opening.Add(after), s, s.input(words[1], words[2:]))
	for _, f := range facts {
		s.printf("%s", sentence(f))
	}
	if refusal != nil {
		s.printf("error: %v", refusal)
	}
	if at := s.run.d.Deadline(); !at.Equal(s.deadline) {
		s.deadline = at
		if at.IsZero() {
			s.printf("deadline: none")
		} else {
			s.printf("deadline: %s", clock(at))
		}
	}
}

// agent returns one of the config's.
func (s *script) agent(id string) *Agent {
	i := slices.IndexFunc(s.cfg.Agents, func(a Agent) bool { return a.ID == id })
	if i < 0 {
		s.t.Fatalf("line %d: there is no agent %s", s.line, id)
	}
	return &s.cfg.Agents[i]
}

// set gives a queue of the config another value of a key.
func (s *script) set(name, key string, w []string) {
	i := slices.IndexFunc(s.cfg.Queues, func(q Queue) bool { return q.Name == name })
	if i < 0 || len(w) == 0 {
		s.t.Fatalf("line %d: no queue %s, or no value", s.line, name)
	}
	q := &s.cfg.Queues[i]
	switch key {
	case "strategy":
		q.Strategy = Strategy(w[0])
	case "mode":
		q.Mode = map[string]Mode{"push": Push, "offer": OfferOne, "all": OfferAll}[w[0]]
	case "sticky":
		q.Sticky = s.time(w[0])
	case "level":
		if q.Levels == nil {
			q.Levels = map[string]int{}
		}
		q.Levels[w[0]] = s.number(w[1])
	case "level-wait":
		q.LevelWait = s.time(w[0])
	case "skill-wait":
		q.SkillWait = s.time(w[0])
	case "priority":
		q.Priority = s.number(w[0])
	case "overflow":
		if q.Overflow = w[0]; len(w) > 1 {
			q.After = s.time(w[1])
		}
	case "idle":
		q.Idle = s.time(w[0])
	case "gone":
		q.Gone = s.time(w[0])
	case "hours": // of every day, in UTC
		q.Hours = &Hours{}
		for day := range q.Hours.Week {
			q.Hours.Week[day] = spans(strings.Join(w, " "))
		}
	default:
		s.t.Fatalf("line %d: what is %q?", s.line, key)
	}
}

func (s *script) time(word string) time.Duration {
	d, err := time.ParseDuration(word)
	if err != nil {
		s.t.Fatalf("line %d: %v", s.line, err)
	}
	return d
}

func (s *script) number(word string) int {
	n, err := strconv.Atoi(strings.TrimLeft(word, "#c"))
	if err != nil {
		s.t.Fatalf("line %d: %v", s.line, err)
	}
	return n
}

func (s *script) input(verb string, w []string) Input {
	has := func(flag string) bool { return len(w) > 0 && w[len(w)-1] == flag }
	thread := func(i int) uint64 { return uint64(s.number(w[i])) }
	saved := func(i int) *Thread {
		if has("unsaved") {
			return nil
		}
		return s.run.w.closed[thread(i)]
	}
	switch verb {
	case "up":
		return DeskUp{}
	case "down":
		return DeskDown{}
	case "tick":
		return Tick{}
	case "sessions":
		return Sessions{Agent: w[0], Sessions: s.sessions(w[1:])}
	case "says":
		if strings.HasPrefix(w[0], "#") {
			return CustomerSaid{Thread: thread(0), Saved: saved(0)}
		}
		in := CustomerSaid{Queue: w[0], Customer: uint64(s.number(w[1]))}
		if len(w) > 2 && w[2] == "holds" {
			in.Hold = s.time(w[3])
			return in
		}
		if len(w) > 2 && w[2] == "wants" {
			in.Wants = strings.Join(w[3:], " ")
		} else if len(w) > 2 {
			in.Self = w[2]
		}
		return in
	case "goes", "comes":
		return CustomerGone{Thread: thread(0), Back: verb == "comes"}
	case "briefs":
		return Brief{Thread: thread(0), Wants: strings.Join(w[1:], " ")}
	case "begins":
		return AgentSaid{Agent: w[0], Queue: w[1], Customer: uint64(s.number(w[2]))}
	case "answers":
		return AgentSaid{Agent: w[0], Thread: thread(1), Saved: saved(1)}
	case "on":
		return Told{Agent: w[0], Duty: On}
	case "away":
		in := Told{Agent: w[0], Duty: AwayNow}
		if len(w) > 1 {
			in.For = s.time(w[1])
		}
		return in
	case "off":
		return Told{Agent: w[0], Duty: Off}
	case "active":
		return Active{Agent: w[0]}
	case "takes":
		return Take{Agent: w[0], Thread: thread(1), Force: has("force")}
	case "passes":
		return Pass{Agent: w[0], Thread: thread(1)}
	case "closes":
		return Close{By: strings.TrimPrefix(w[0], "desk"), Thread: thread(1), Force: has("force")}
	case "asks":
		return Transfer{By: w[0], Thread: thread(1), To: w[2], Force: has("force")}
	case "seeks":
		return Transfer{By: w[0], Thread: thread(1), Queue: w[2], Force: has("force")}
	case "joins":
		return Join{Agent: w[0], By: w[0], Thread: thread(1), Force: has("force")}
	case "adds":
		return Join{By: w[0], Thread: thread(1), Agent: w[2], Force: has("force")}
	case "leaves":
		return Leave{Agent: w[0], Thread: thread(1)}
	case "assigns":
		return Assign{By: w[0], Thread: thread(1), Agent: w[2]}
	case "caps":
		return SetCapacity{By: w[0], Agent: w[1], Max: s.number(w[2])}
	case "shuts", "opens":
		return SetQueue{By: w[0], Queue: w[1], Shut: verb == "shuts"}
	case "bounces":
		return Unreachable{Agent: w[0], Thread: thread(1)}
	}
	s.t.Fatalf("line %d: what is %q?", s.line, verb)
	return nil
}

// sessions reads room[/account][+idle] of each.
func (s *script) sessions(words []string) []Session {
	shows := map[string]Show{"unknown": Unknown, "": Unknown, "online": Online, "away": ShowAway, "busy": Busy}
	var all []Session
	for _, word := range words {
		word, idle := strings.CutSuffix(word, "+idle")
		room, account, _ := strings.Cut(word, "/")
		r, ok1 := shows[room]
		a, ok2 := shows[account]
		if !ok1 || !ok2 {
			s.t.Fatalf("line %d: what is %q?", s.line, word)
		}
		all = append(all, Session{Room: r, Account: a, Idle: idle})
	}
	return all
}

func (s *script) agents() {
	for _, a := range s.run.d.Agents() {
		text := fmt.Sprintf("%s %s, sessions %s, %s, %d of %d", a.ID, avails[a.Avail], avails[a.Sessions], duties[a.Duty], a.Load, a.Capacity)
		if a.Missed {
			text += ", missed"
		}
		if !a.Since.IsZero() {
			text += ", since " + clock(a.Since)
		}
		if !a.GraceEnd.IsZero() {
			text += ", grace until " + clock(a.GraceEnd)
		}
		for _, th := range s.run.d.Of(a.ID) {
			text += fmt.Sprintf(" #%d", th.N)
		}
		s.printf("%s", text)
	}
}

var (
	avails = [...]string{"offline", "away", "available"}
	duties = [...]string{"on", "away", "off"}
)

func clock(at time.Time) string {
	text := at.Sub(opening).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	return text
}

// sentence is a fact as scripts show it.
func sentence(f Fact) string {
	var b bytes.Buffer
	part := func(format, value string) {
		if value != "" {
			fmt.Fprintf(&b, format, value)
		}
	}
	until := ""
	if !f.Until.IsZero() {
		until = clock(f.Until)
	}
	rest := ""
	if !f.Rest.IsZero() {
		rest = clock(f.Rest)
	}
	number := fmt.Sprintf("#%d.%d", f.Thread, f.Conversation)
	switch f.Kind {
	case Opened:
		fmt.Fprintf(&b, "opened %s in %s for c%d", number, f.Queue, f.Customer)
		part(", who is %s", f.Self)
		part(", wants %s", f.Wants)
		part(", held until %s", until)
		part(", by %s", f.By)
		if f.Saved != nil {
			b.WriteString(", again")
			part(", last %s", f.Saved.Last)
		}
	case Said:
		fmt.Fprintf(&b, "said %s", number)
		part(" by %s", f.By)
		if f.By == "" {
			part(" to %s", f.Agent)
		}
		part(", with %s", strings.Join(f.Team, " "))
	case Assigned:
		fmt.Fprintf(&b, "assigned %s to %s, %s", number, f.Agent, f.Reason)
		if len(f.Candidates) > 0 {
			fmt.Fprintf(&b, " %d of %s", f.Draw, strings.Join(f.Candidates, " "))
		}
		for _, o := range f.Others {
			fmt.Fprintf(&b, ", %s %s", o.Agent, o.Why)
		}
		part(" by %s", f.By)
		part(", in %s", f.Queue)
		part(", from %s", f.From)
		part(", until %s", until)
		part(", rests until %s", rest)
	case Released:
		fmt.Fprintf(&b, "released %s from %s, %s", number, f.Agent, f.Reason)
		part(", cool until %s", until)
	case Closed:
		fmt.Fprintf(&b, "closed %s, %s", number, f.Reason)
		part(" %s", f.By)
		part(", last %s", f.Saved.Last)
		part(", rests until %s", rest)
	case DutySet:
		fmt.Fprintf(&b, "duty of %s: %s", f.Agent, duties[f.Duty])
		part(", until %s", until)
	case Presence:
		fmt.Fprintf(&b, "presence of %s: %s", f.Agent, avails[f.Avail])
		part(", grace until %s", until)
	case GraceOver:
		fmt.Fprintf(&b, "grace over for %s", f.Agent)
	case Returned:
		fmt.Fprintf(&b, "returned: %s", f.Agent)
	case Paused:
		b.WriteString("paused")
		if !f.Since.IsZero() {
			part(" since %s", clock(f.Since))
		}
	case Resumed:
		b.WriteString("resumed")
	case Briefed:
		fmt.Fprintf(&b, "briefed %s", number)
		part(", %s", string(f.Reason))
		part(", wants %s", f.Wants)
	case Capped:
		fmt.Fprintf(&b, "capacity of %s: %d by %s", f.Agent, f.Max, f.By)
	case HoursSet:
		fmt.Fprintf(&b, "hours of %s: %s", f.Queue, map[bool]string{true: "closed", false: "open"}[f.Shut])
	case QueueSet:
		fmt.Fprintf(&b, "queue %s, shut %v, by %s", f.Queue, f.Shut, f.By)
	default:
		b.WriteString(teamSentence(f, number, until))
	}
	return b.String()
}

// teamSentence is sentence for facts of transfers and teams.
func teamSentence(f Fact, number, until string) string {
	text := fmt.Sprintf("%s %s", strings.ToLower(f.Kind.String()), number)
	for _, p := range []struct{ format, value string }{
		{" %s", f.Agent}, {" from %s", f.From}, {", %s", string(f.Reason)}, {", by %s", f.By}, {", to %s", f.To}, {", in %s", f.Queue},
	} {
		if p.value != "" {
			text += fmt.Sprintf(p.format, p.value)
		}
	}
	if len(f.Candidates) > 0 {
		text += fmt.Sprintf(", %d of %s", f.Draw, strings.Join(f.Candidates, " "))
	}
	if !f.Since.IsZero() {
		text += ", since " + clock(f.Since)
	}
	if until != "" {
		text += ", until " + until
	}
	return text
}
