package muc

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"frontdesk/component/stanza"
)

// testConfig is the house of all dialogues: a lobby, and a cabinet that only olga knows.
func testConfig() Config {
	return Config{
		Domain: "desk.example", Name: "The desk", Denied: []string{"customers.example"}, Version: "1.2",
		Creators: []string{"olga@agents.example", "carol@agents.example", "anna@agents.example", "bob@agents.example", "maker.example", "customers.example"},
		Reserved: func(local string) bool { return local == "loby" || strings.HasPrefix(local, "case.") },
		Nicks:    map[string]string{"olga@agents.example": "Olga", "carol@agents.example": "Carol"},
		Rooms: []RoomConfig{{
			Local: "lobby", Name: "Lobby", Description: "Where all agents meet", Service: "desk", History: 4,
			Affiliations: map[string]Affiliation{
				"olga@agents.example": Owner, "carol@agents.example": Admin,
				"anna@agents.example": Member, "bob@agents.example": Member,
				"partner.example": Member, "customers.example": Member, // denied all the same
			},
			Nicks: map[string]string{
				"olga@agents.example": "Olga", "carol@agents.example": "Carol",
				"anna@agents.example": "Anna", "bob@agents.example": "Bob",
			},
		}, {
			Local: "cabinet", Name: "Secret", Affiliations: map[string]Affiliation{"olga@agents.example": Owner},
		}},
	}
}

// addressOf turns a name in a dialogue into a full JID: agents are at agents.example,
// d… at partner.example, m… at maker.example, e… at evil.example, w… at customers.example.
func addressOf(name string) stanza.JID {
	local, resource, ok := strings.Cut(name, "/")
	if !ok {
		resource = "phone"
	}
	domain := "agents.example"
	switch local[0] {
	case 'd':
		domain = "partner.example"
	case 'm':
		domain = "maker.example"
	case 'e':
		domain = "evil.example"
	case 'w':
		domain = "customers.example"
	}
	return stanza.MakeJID(local, domain, resource)
}

// stage is a service with clients around it.
type stage struct {
	t      testing.TB
	s      *Service
	now    time.Time
	steps  int
	inbox  map[stanza.JID][]*stanza.Element
	rows   map[string][]byte
	facts  []Fact
	events []Event
	fresh  []Fact // since the last "kept"
	bound  map[string]string
}

var testSalt = []byte("sixteen bytes of salt")

func newStage(t testing.TB) *stage {
	g := &stage{
		t: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
		inbox: map[stanza.JID][]*stanza.Element{}, rows: map[string][]byte{}, bound: map[string]string{},
	}
	g.s = New(g.config(), testSalt)
	return g
}

// take delivers what a step gave.
func (g *stage) take(out Out) {
	for _, s := range out.Send {
		for _, to := range s.To {
			e, err := stanza.Parse(string(s.Stanza.AppendXMLTo(nil, to)))
			if err != nil {
				g.t.Fatalf("what leaves is no XML: %v\n%s", err, s.Stanza)
			}
			if e.From().Domain() != "desk.example" || e.To() != to || to == "" {
				g.t.Fatalf("a stanza without from or to: %s", e)
			}
			g.whole(e)
			key := to
			if key.Resource() == "" {
				key = key.WithResource("phone") // a server would do so
			}
			g.inbox[key] = append(g.inbox[key], e)
		}
	}
	for _, r := range out.Rows {
		if r.Value == nil {
			delete(g.rows, r.Key)
		} else {
			g.rows[r.Key] = r.Value
		}
	}
	g.facts = append(g.facts, out.Facts...)
	g.fresh = append(g.fresh, out.Facts...)
	g.events = append(g.events, out.Events...)
	for _, a := range out.Asks {
		g.take(g.answer(a))
	}
}

// whole checks what holds for all that comes from an occupant: presence, of who goes, too, has one <x/> with one <item/>, and it
// and all messages have one occupant id. Who was never in the room (§7.2.17) has none.
func (g *stage) whole(e *stanza.Element) {
	if e.From().Resource() == "" || e.Local == "iq" || e.Type() == "error" {
		return
	}
	count := func(e *stanza.Element, space, local string) (n int) {
		for c := range e.Elements() {
			if c.Is(space, local) {
				n++
			}
		}
		return n
	}
	x := e.Child(nsUser, "x")
	item, never := x.Child(nsUser, "item"), strings.Contains(x.String(), "<status code='307'/><status code='333'/>")
	ids := count(e, nsOccupant, "occupant-id")
	if e.Local == "presence" && (count(e, nsUser, "x") != 1 || count(x, nsUser, "item") != 1 || item.Attr("affiliation") == "" || item.Attr("role") == "") ||
		ids != 1 && !(never && ids == 0) {
		g.t.Fatalf("not whole: %s", e)
	}
}

// config is the house with a memory: what has been decided.
func (g *stage) config() Config {
	cfg := testConfig()
	cfg.Past = func(room, id string) (Fact, bool) {
		i := slices.IndexFunc(g.facts, func(f Fact) bool { return f.Room == room && f.ID == id })
		if i < 0 {
			return Fact{}, false
		}
		return g.facts[i], true
	}
	return cfg
}

// corrects reports whether a fact corrects what was said under a stanza-id.
func (g *stage) corrects(f *Fact, target string) bool {
	return f.Corrects() != "" && slices.ContainsFunc(g.facts, func(x Fact) bool {
		return x.ID == target && x.From == f.From && x.Words.ID() == f.Corrects()
	})
}

// answer looks through all that has been decided, one fact after the other.
func (g *stage) answer(a *Ask) Out {
	position := func(id string) int {
		return slices.IndexFunc(g.facts, func(f Fact) bool { return f.Room == a.Room && f.Kind.Archived() && f.ID == id })
	}
	var items []Item
	for i, f := range g.facts {
		if f.Room != a.Room || !a.Wants(&f) || len(a.IDs) > 0 && !slices.Contains(a.IDs, f.ID) ||
			!a.Start.IsZero() && f.At.Before(a.Start) || !a.End.IsZero() && f.At.After(a.End) ||
			slices.ContainsFunc(a.After, func(id string) bool { return i <= position(id) }) ||
			slices.ContainsFunc(a.Before, func(id string) bool { return i >= position(id) }) {
			continue
		}
		f.Words = f.Words.Clone()
		it := Item{Fact: f}
		if by := slices.IndexFunc(g.facts, func(x Fact) bool { return x.Kind == Retracted && (x.Target == f.ID || g.corrects(&f, x.Target)) }); by >= 0 {
			it.Retraction = &g.facts[by]
		}
		items = append(items, it)
	}
	for _, id := range slices.Concat(a.IDs, a.After, a.Before) {
		if position(id) < 0 {
			return Refuse(a, errNotFound)
		}
	}
	more := !a.Ends && len(items) > a.Limit
	switch {
	case more && a.Last:
		items = items[len(items)-a.Limit:]
	case more:
		items = items[:a.Limit]
	}
	return g.s.Answer(a, items, more)
}

func (g *stage) send(from stanza.JID, e *stanza.Element) {
	g.steps++
	g.take(g.s.Step(g.now, e.Set("from", string(from)), fmt.Sprintf("id-%d", g.steps)))
}

// restart makes a new service out of what was kept.
func (g *stage) restart() {
	snap, err := g.s.Snapshot()
	if err != nil {
		g.t.Fatal(err)
	}
	g.s = New(g.config(), testSalt)
	if err := g.s.Restore(snap); err != nil {
		g.t.Fatal(err)
	}
	for _, f := range g.facts {
		if f.Kind == Message || f.Kind == Retracted {
			if err := g.s.Apply(f); err != nil {
				g.t.Fatal(err)
			}
		}
	}
	for _, k := range slices.Sorted(maps.Keys(g.rows)) {
		if err := g.s.RestoreSession(k, g.rows[k]); err != nil {
			g.t.Fatal(err)
		}
	}
}

// replay checks that the facts alone, in the order of the log, give the state that there is.
func (g *stage) replay() {
	g.t.Helper()
	again := New(g.config(), testSalt)
	for _, f := range g.facts {
		if err := again.Apply(f); err != nil {
			g.t.Fatal(err)
		}
	}
	want, err := g.s.Snapshot()
	got, err2 := again.Snapshot()
	if err := errors.Join(err, err2); err != nil || string(got) != string(want) {
		g.t.Errorf("the facts give another state, %v:\n%s\n%s", err, got, want)
	}
}

// TestDialogues plays testdata/*.txt.
func TestDialogues(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no dialogues", err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txt"), func(t *testing.T) {
			t.Parallel()
			g := newStage(t)
			g.play(f)
			g.replay()
			for jid, left := range g.inbox {
				for _, e := range left {
					t.Errorf("%s: %s was never read: %s", f, jid, e)
				}
			}
		})
	}
}

// play runs one file. An order is a line at the margin, what belongs to it is indented.
func (g *stage) play(file string) {
	g.t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		g.t.Fatal(err)
	}
	lines := strings.Split(string(raw), "\n")
	for i := 0; i < len(lines); {
		line, at := strings.TrimRight(lines[i], " "), i+1
		i++
		if line == "" || line[0] == '#' {
			continue
		}
		var block []string
		for i < len(lines) && (strings.HasPrefix(lines[i], " ") || lines[i] == "") {
			block = append(block, strings.TrimSpace(lines[i]))
			i++
		}
		if err := g.order(line, strings.Join(block, "\n")); err != nil {
			g.t.Fatalf("%s:%d: %s\n%v", file, at, line, err)
		}
	}
}

func (g *stage) order(line, block string) error {
	name, what, _ := strings.Cut(line, " ")
	switch {
	case name == "include":
		g.play(filepath.Join("testdata", "include", what))
	case line == "forget": // what has been received so far
		clear(g.inbox)
		g.events, g.fresh = nil, nil
	case line == "restart":
		g.restart()
	case line == "verify":
		g.take(g.s.Verify(g.now))
	case line == "expire":
		g.take(g.s.Expire(g.now))
	case name == "wait":
		d, err := time.ParseDuration(what)
		g.now = g.now.Add(d)
		return err
	case strings.Contains(line, " is not "):
		one, two, _ := strings.Cut(line, " is not ")
		if v := g.bound[strings.Trim(one, "{}")]; v == "" || v == g.bound[strings.Trim(two, "{}")] {
			return fmt.Errorf("both are %q", v)
		}
	case line == "happened:":
		return g.same(block, g.happened())
	case line == "kept:":
		return g.same(block, g.kept())
	case what == "sends:":
		es, err := g.elements(block)
		for _, e := range es {
			g.send(addressOf(name), e)
		}
		return err
	case what == "receives nothing":
		if left := g.inbox[addressOf(name)]; len(left) > 0 {
			return fmt.Errorf("received: %s", left[0])
		}
	case what == "receives:":
		es, err := g.elements(block)
		for _, e := range es {
			if err := g.receives(addressOf(name), e); err != nil {
				return err
			}
		}
		return err
	default:
		return errors.New("no such order")
	}
	return nil
}

func (g *stage) receives(who stanza.JID, want *stanza.Element) error {
	left := g.inbox[who]
	if len(left) == 0 {
		return fmt.Errorf("nothing there; wanted: %s", want)
	}
	g.inbox[who] = left[1:]
	if len(left) == 1 {
		delete(g.inbox, who)
	}
	if err := g.match(want, left[0]); err != nil {
		return fmt.Errorf("%w\nwanted:   %s\nreceived: %s", err, want, left[0])
	}
	return nil
}

// match compares names, attributes and children in order. A to may be left out, and so may the
// ids of occupants and stanzas, which have dialogues of their own; blanks around text do not count.
func (g *stage) match(want, got *stanza.Element) error {
	if want.Local != got.Local || want.Space != got.Space {
		return fmt.Errorf("<%s/> for <%s/>", got.Local, want.Local)
	}
	for _, a := range got.Attrs {
		if w := want.Attr(a.Local); a.Local != "to" && a.Space == "" && w == "" {
			return fmt.Errorf("too much: %s=%q", a.Local, a.Value)
		}
	}
	for _, a := range want.Attrs {
		if a.Space == "" && !g.fits(a.Value, got.Attr(a.Local)) {
			return fmt.Errorf("%s=%q for %q", a.Local, got.Attr(a.Local), a.Value)
		}
	}
	ws, gs := slices.Collect(want.Elements()), slices.Collect(got.Elements())
	gs = slices.DeleteFunc(gs, func(e *stanza.Element) bool {
		return (e.Local == "occupant-id" || e.Local == "stanza-id") && !want.Has(e.Space, e.Local)
	})
	if len(ws) != len(gs) {
		return fmt.Errorf("<%s/> has %d children for %d", got.Local, len(gs), len(ws))
	}
	for i := range ws {
		if err := g.match(ws[i], gs[i]); err != nil {
			return err
		}
	}
	if w, t := strings.TrimSpace(want.Text()), strings.TrimSpace(got.Text()); !g.fits(w, t) {
		return fmt.Errorf("text %q for %q", t, w)
	}
	return nil
}

var hole = regexp.MustCompile(`\\\{(\w+)\\\}`)

// fits compares a value with a pattern: {any} is anything, {name} is the same wherever it stands.
func (g *stage) fits(pattern, value string) bool {
	if !strings.Contains(pattern, "{") {
		return pattern == value
	}
	var names []string
	expr := hole.ReplaceAllStringFunc(regexp.QuoteMeta(pattern), func(m string) string {
		name := m[2 : len(m)-2]
		if v, ok := g.bound[name]; ok {
			return regexp.QuoteMeta(v)
		}
		names = append(names, name)
		return "(?s:(.+?))"
	})
	m := regexp.MustCompile("^" + expr + "$").FindStringSubmatch(value)
	if m == nil {
		return false
	}
	for i, n := range names {
		if n != "any" {
			g.bound[n] = m[i+1]
		}
	}
	return true
}

// elements reads the stanzas of a block, with {names} filled in that are known.
func (g *stage) elements(block string) ([]*stanza.Element, error) {
	for k, v := range g.bound {
		block = strings.ReplaceAll(block, "{"+k+"}", v)
	}
	r := stanza.NewReader(bufio.NewReader(strings.NewReader(block)), 1<<20)
	var all []*stanza.Element
	for {
		e, err := r.Next()
		switch {
		case (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) && len(all) > 0 && r.Size() == 0:
			return all, nil
		case err != nil:
			return nil, fmt.Errorf("the dialogue itself: %w", err)
		}
		all = append(all, e)
	}
}

var eventNames = map[EventKind]string{Entered: "Entered", Left: "Left", Changed: "Changed",
	Confirmed: "Confirmed", Spoke: "Spoke", Whispered: "Whispered"}

func (g *stage) happened() (lines []string) {
	for _, e := range g.events {
		l := fmt.Sprintf("%s %s %s %s", eventNames[e.Kind], e.Room, e.JID, e.Nick)
		if show := e.Presence.ChildText("", "show"); show != "" {
			l += " " + show
		}
		if e.Stanza != nil {
			l += ": " + e.Stanza.ChildText("", "body")
		}
		lines = append(lines, l)
	}
	g.events = nil
	return lines
}

func (g *stage) kept() (lines []string) {
	for _, f := range g.fresh {
		l := fmt.Sprintf("%d %s from=%s nick=%s", f.Kind, f.Room, f.From, f.Nick)
		switch f.Kind {
		case Private:
			l += fmt.Sprintf(" to=%s nick=%s", f.JID, f.ToNick)
		case Created, Destroyed, Configured:
			l = fmt.Sprintf("%d %s from=%s", f.Kind, f.Room, f.From)
		case Registered:
			l = fmt.Sprintf("%d %s %s is %q", f.Kind, f.Room, f.JID, f.Nick)
		case Portrayed:
			l = fmt.Sprintf("%d %s from=%s %s a vCard", f.Kind, f.Room, f.From, either(f.Words != nil, "with", "without"))
		case Affiliated:
			l = fmt.Sprintf("%d %s from=%s %s is %s", f.Kind, f.Room, f.From, f.JID, f.Affiliation)
		}
		lines = append(lines, l)
	}
	g.fresh = nil
	return lines
}

func (g *stage) same(block string, got []string) error {
	if want := strings.TrimSpace(block); want != strings.Join(got, "\n") {
		return fmt.Errorf("got:\n%s", strings.Join(got, "\n"))
	}
	return nil
}
