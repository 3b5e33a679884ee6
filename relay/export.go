package relay

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"frontdesk/component/stanza"
	"frontdesk/config"
	"frontdesk/dispatch"
	"frontdesk/muc"
	"frontdesk/store"
)

// Export writes what was said, thread by thread, a page of the log at a time: as JSON lines for programs, as text or as one page of HTML for people.

const exportPage = 500 // records in memory at once, and at most store.MaxPageBytes

// Formats of an export.
const (
	FormatJSON = "jsonl"
	FormatText = "text"
	FormatHTML = "html"
)

// Extract says what is exported.
type Extract struct {
	Format string // one of the above
	Whom          // nobody: all customers
	Since  time.Time
	Rooms  bool // also what colleagues said: notes, case rooms and, where all customers are exported, the other rooms
}

// exported is a line of FormatJSON. Fields are added, never re-meant.
type exported struct {
	Kind   string    `json:"kind"` // thread, room; opened, assigned, closed; message, correction, reaction, retraction, rating, told, note, tag, untag, name, subject
	Record uint64    `json:"record,omitempty"`
	Time   time.Time `json:"time,omitzero"`
	Thread uint64    `json:"thread,omitempty"`
	Queue  string    `json:"queue,omitempty"`
	Room   string    `json:"room,omitempty"`

	Customer string   `json:"customer,omitempty"` // of a thread: his address, and what else is known
	Name     string   `json:"name,omitempty"`     // of a thread, of the customer; else of who says it
	Email    string   `json:"email,omitempty"`
	Tags     []string `json:"tags,omitempty"`

	By     string   `json:"by,omitempty"`    // customer, agent, desk
	Agent  string   `json:"agent,omitempty"` // his address; with Rooms only
	To     string   `json:"to,omitempty"`    // the agent who alone was told
	Body   string   `json:"body,omitempty"`
	Lang   string   `json:"lang,omitempty"`
	URL    string   `json:"url,omitempty"`
	Emoji  []string `json:"emoji,omitempty"`
	Rating int      `json:"rating,omitempty"`
	About  uint64   `json:"about,omitempty"` // the record that is corrected, answered, reacted to or taken back
	Erased bool     `json:"erased,omitempty"`
}

// Export writes it to w, and returns how many messages. What is said meanwhile may be missing. Safe for concurrent use while Run runs;
// after it has ended it is an error.
func (r *Relay) Export(ctx context.Context, w io.Writer, o Extract) (int, error) {
	var s *store.Store
	var cfg *config.Config
	if err := r.inLoop(ctx, func() {
		r.flush()
		s, cfg = r.store, r.Config()
	}); err != nil {
		return 0, err
	}
	return Export(ctx, s, cfg, w, o)
}

// Export does it with an open file.
func Export(ctx context.Context, s *store.Store, cfg *config.Config, w io.Writer, o Extract) (int, error) {
	if !slices.Contains([]string{FormatJSON, FormatText, FormatHTML}, o.Format) {
		return 0, fmt.Errorf("relay: no format %q", o.Format)
	}
	x := &export{ctx: ctx, store: s, o: o, w: bufio.NewWriterSize(w, 64<<10), names: map[string]string{}, shown: map[string]bool{}}
	for _, p := range cfg.Agents {
		x.names[p.JID] = p.Name
		if !o.Rooms {
			x.names[p.JID] = p.Shown
		}
	}
	for _, q := range cfg.Queues {
		x.shown[q.Name] = q.ShowAgents
	}
	if !o.Since.IsZero() {
		seq, err := since(s, o.Since)
		if err != nil {
			return 0, err
		}
		x.after = seq - 1
	}
	if err := x.all(); err != nil {
		return x.n, err
	}
	return x.n, x.w.Flush()
}

type export struct {
	ctx   context.Context
	store *store.Store
	o     Extract
	w     *bufio.Writer
	names map[string]string // of agents, by bare JID; without Rooms those that customers may see
	shown map[string]bool   // queues whose customers may
	after uint64
	head  *exported // of what follows: not written before something does
	last  string    // day that was written last
	open  bool      // a section of HTML
	n     int
	err   error
}

// row reads a row into v; false where there is none.
func (x *export) row(table, key string, v any) (bool, error) {
	b, err := x.store.Get(table, key)
	if err != nil || b == nil {
		return false, err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return false, fmt.Errorf("row %s/%s: %w", table, key, err)
	}
	return true, nil
}

func (x *export) all() error {
	from, till, threads, err := x.threads()
	if err != nil {
		return err
	}
	x.begin()
	for n := from; n <= till; n++ {
		if threads == nil || slices.Contains(threads, n) {
			if err := x.thread(n); err != nil {
				return err
			}
		}
	}
	if x.o.Rooms && x.o.Whom == (Whom{}) {
		if err := x.rooms(); err != nil {
			return err
		}
	}
	x.end()
	return x.err
}

// threads are the numbers from and till, of which nil is all.
func (x *export) threads() (from, till uint64, of []uint64, err error) {
	switch {
	case x.o.Thread != 0:
		var t thread
		found, err := x.row(tableThread, strconv.FormatUint(x.o.Thread, 10), &t)
		if err == nil && !found {
			err = ErrNobody
		}
		return x.o.Thread, x.o.Thread, nil, err
	case x.o.Address != "":
		var n uint64
		var c customer
		found, err := x.row(tableJID, string(stanza.JID(x.o.Address).Bare()), &n)
		if err == nil && found {
			found, err = x.row(tableCustomer, strconv.FormatUint(n, 10), &c)
		}
		if err == nil && (!found || len(c.Threads) == 0) {
			err = ErrNobody
		}
		if err != nil {
			return 0, 0, nil, err
		}
		for _, n := range c.Threads {
			of = append(of, n)
		}
		return slices.Min(of), slices.Max(of), of, nil
	}
	err = x.store.Rows(tableThread, func(key string, _ []byte) error {
		n, err := strconv.ParseUint(key, 10, 64)
		till = max(till, n)
		return err
	})
	return 1, till, nil, err
}

func (x *export) thread(n uint64) error {
	var t thread
	var c customer
	key := strconv.FormatUint(n, 10)
	if found, err := x.row(tableThread, key, &t); err != nil || !found {
		return err
	}
	if _, err := x.row(tableCustomer, strconv.FormatUint(t.Who, 10), &c); err != nil {
		return err
	}
	x.head = &exported{Kind: "thread", Thread: n, Queue: t.Queue, Customer: string(c.Bare), Name: c.Name, Email: c.Email}
	if x.o.Rooms {
		x.head.Tags = t.Tags
	}
	called := cmp.Or(c.Name, "Customer #"+key)
	err := x.archive(key, func(rec *store.Record) (exported, bool, error) { return x.said(rec, n, t.Queue, called) })
	if err != nil || !x.o.Rooms {
		return err
	}
	x.head = &exported{Kind: "room", Thread: n, Room: caseLocal(n)}
	return x.archive("room:"+caseLocal(n), x.spoken)
}

// rooms are the lobby and those that people made.
func (x *export) rooms() error {
	type made struct{ room, archive string }
	all := []made{{lobby, "room:" + lobby}}
	err := x.store.Rows(tableRoom, func(key string, value []byte) error {
		all = append(all, made{key, "room:" + key + ":" + string(value)})
		return nil
	})
	for _, m := range all {
		if err == nil {
			x.head = &exported{Kind: "room", Room: m.room}
			err = x.archive(m.archive, x.spoken)
		}
	}
	return err
}

// archive writes what is in one, page by page.
func (x *export) archive(name string, line func(*store.Record) (exported, bool, error)) error {
	for q := (store.Query{After: x.after, Limit: exportPage}); ; {
		page, more, err := x.store.Page(name, q)
		if err != nil {
			return err
		}
		for i := range page {
			l, ok, err := line(&page[i])
			if err != nil {
				return err
			}
			if ok {
				x.write(&l)
			}
		}
		if err := cmp.Or(x.err, x.ctx.Err()); err != nil || !more || len(page) == 0 {
			return err
		}
		q.After = page[len(page)-1].Seq
	}
}

// said is a record of a thread as a line; false where it is not to be exported.
func (x *export) said(rec *store.Record, thread uint64, queue, customer string) (exported, bool, error) {
	l := exported{Record: rec.Seq, Time: rec.Time, Thread: thread, Erased: rec.Erased}
	e, err := decode(*rec)
	if err != nil {
		return l, false, err
	}
	by, _ := e.said()
	switch {
	case dispatch.Kind(e.kind) == dispatch.Opened:
		l.Kind = "opened"
	case dispatch.Kind(e.kind) == dispatch.Assigned:
		l.Kind, by = "assigned", e.fact.Agent
	case dispatch.Kind(e.kind) == dispatch.Closed:
		l.Kind, by = "closed", e.fact.By
	case rec.Content == nil && !rec.Erased:
		return l, false, nil
	case uttered(e.kind):
		l.Kind = "message"
		if l.By = "customer"; by == "" {
			l.Name = customer
		}
	case e.kind == kindTold && (e.own.To == "" || x.o.Rooms):
		l.Kind, l.By, l.To = "told", "desk", e.own.To
	case !x.o.Rooms:
		return l, false, nil
	case e.kind == kindNoted:
		l.Kind, by = "note", e.own.By
	case e.kind == kindNamed:
		l.Kind, by = "name", e.own.By
	case e.kind == kindTagged && e.own.Off:
		l.Kind, by = "untag", e.own.By
	case e.kind == kindTagged:
		l.Kind, by = "tag", e.own.By
	default:
		return l, false, nil
	}
	if e.kind == kindRated {
		l.Kind, l.Rating = "rating", e.own.Rating
	}
	if by != "" {
		l.By, l.Name = "agent", x.nameOf(queue, by)
	}
	if x.o.Rooms { // what a customer may be given has no agents' addresses, nor names that he was not shown
		l.Agent = by
	}
	l.words(e.words)
	return l, true, nil
}

func (l *exported) words(w *words) {
	if w == nil {
		return
	}
	l.Body, l.Lang, l.URL, l.Emoji = w.Body, w.Lang, w.URL, w.Emoji
	switch l.About = w.Reply; {
	case w.React != 0:
		l.Kind, l.About = "reaction", w.React
	case w.Retract != 0:
		l.Kind, l.About = "retraction", w.Retract
	case w.Replace != 0:
		l.Kind, l.About = "correction", w.Replace
	}
}

// spoken is a record of a room as a line.
func (x *export) spoken(rec *store.Record) (exported, bool, error) {
	l := exported{Kind: "message", Record: rec.Seq, Time: rec.Time, Erased: rec.Erased}
	f, err := decodeMuc(*rec)
	if err != nil {
		rec.Content, l.Erased = nil, true // a message that somebody sent must not end an export
		if f, err = decodeMuc(*rec); err != nil {
			return l, false, err
		}
	}
	l.Room, l.Agent, l.Name = f.Room, f.From, f.Nick
	if l.By = "agent"; f.From == "" {
		l.By = "desk"
	}
	switch f.Kind {
	case muc.Message:
		l.Body = f.Words.ChildText("", "body")
		if f.Corrects() != "" {
			l.Kind = "correction"
		}
	case muc.Subject:
		l.Kind, l.Body = "subject", f.Words.ChildText("", "subject")
	case muc.Retracted:
		l.Kind = "retraction"
	default:
		return l, false, nil
	}
	return l, l.Body != "" || l.Erased || l.Kind == "retraction", nil
}

// nameOf is Relay.nameOf, or "" for who is not to be named.
func (x *export) nameOf(queue, agent string) string {
	if !x.o.Rooms && !x.shown[queue] {
		return ""
	}
	name, ok := x.names[agent]
	if !ok && x.o.Rooms {
		var w staffRow
		if _, x.err = x.row(tableStaff, agent, &w); x.err != nil {
			return ""
		}
		name = cmp.Or(w.Name, stanza.JID(agent).Local())
		x.names[agent] = name
	}
	return name
}

func (x *export) print(format string, args ...any) {
	if _, err := fmt.Fprintf(x.w, format, args...); err != nil && x.err == nil {
		x.err = err
	}
}

func (x *export) begin() {
	if x.o.Format == FormatHTML {
		x.print("%s", `<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>Conversations</title><style>
body { font-family: sans-serif; max-width: 50em; margin: auto; padding: 1em }
p { margin: .3em 0; white-space: pre-wrap } time { color: #666; font-size: 80% }
.agent { background: #eef4ff } .desk, .event { color: #666 } .note, .room p { background: #fff8e0 }
</style></head><body>
`)
	}
}

func (x *export) end() {
	if x.o.Format == FormatHTML {
		x.endSection()
		x.print("</body></html>\n")
	}
}

func (x *export) endSection() {
	if x.open {
		x.print("</section>\n")
	}
	x.open = false
}

// write writes a line, and before the first of a thread or room who that is.
func (x *export) write(l *exported) {
	if x.head != nil {
		x.heading(x.head)
		x.head, x.last = nil, ""
	}
	if l.By != "" && l.Kind != "closed" && l.Kind != "assigned" {
		x.n++
	}
	if x.o.Format == FormatJSON {
		x.json(l)
		return
	}
	if day := l.Time.Format(time.DateOnly); day != x.last {
		x.last = day
		if x.o.Format == FormatHTML {
			x.print("<h3>%s UTC</h3>\n", day)
		} else {
			x.print("%s UTC\n", day)
		}
	}
	clock, who, what := l.Time.Format("15:04:05"), l.who(), l.what()
	if x.o.Format == FormatHTML {
		class := l.By
		if l.Kind == "note" || who == "" {
			class = map[bool]string{true: "note", false: "event"}[l.Kind == "note"]
		}
		if who != "" {
			who = "<b>" + html.EscapeString(who) + ":</b> "
		}
		x.print("<p class=\"%s\"><time datetime=\"%s\">%s</time> %s%s</p>\n", class, l.Time.Format(time.RFC3339Nano), clock, who, html.EscapeString(what))
		return
	}
	if who != "" {
		who += ": "
	}
	x.print("  %s  %s%s\n", clock, who, strings.ReplaceAll(strings.TrimRight(what, "\n"), "\n", "\n            "))
}

func (x *export) json(l *exported) {
	b, err := json.Marshal(l)
	if err == nil {
		_, err = x.w.Write(append(b, '\n'))
	}
	if err != nil && x.err == nil {
		x.err = err
	}
}

func (x *export) heading(l *exported) {
	title := "Room " + l.Room
	if l.Kind == "thread" {
		title = fmt.Sprintf("#%d %s (%s)", l.Thread, cmp.Or(l.Name, "a customer"), l.Queue)
		for _, s := range []string{l.Customer, l.Email, strings.Join(l.Tags, " ")} {
			if s != "" {
				title += ", " + s
			}
		}
	}
	switch x.o.Format {
	case FormatJSON:
		x.json(l)
	case FormatHTML:
		x.endSection()
		x.open = true
		x.print("<section class=\"%s\"><h2>%s</h2>\n", l.Kind, html.EscapeString(title))
	default:
		x.print("\n%s\n", title)
	}
}

// who says it, "" where it is nobody's words.
func (l *exported) who() string {
	switch {
	case l.Kind == "opened" || l.Kind == "assigned" || l.Kind == "closed":
		return ""
	case l.Kind == "note" || l.Kind == "name" || l.Kind == "tag" || l.Kind == "untag":
		return "(" + l.Kind + ") " + l.Name
	case l.By == "desk" && l.To != "":
		return "desk (to " + l.To + ")"
	}
	return cmp.Or(l.Name, l.By)
}

func (l *exported) what() string {
	switch {
	case l.Kind == "opened":
		return "-- a conversation began"
	case l.Kind == "assigned":
		return "-- " + cmp.Or(l.Name, "an agent") + " has it"
	case l.Kind == "closed" && l.By == "agent":
		return "-- closed by " + cmp.Or(l.Name, "an agent")
	case l.Kind == "closed":
		return "-- closed"
	case l.Erased:
		return "(erased)"
	case l.Kind == "reaction":
		return "(reacted " + cmp.Or(strings.Join(l.Emoji, " "), "with nothing any more") + ")"
	case l.Kind == "retraction":
		return "(took a message back)"
	case l.Kind == "correction":
		return "(corrected) " + l.Body
	}
	return l.Body
}
