package relay

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"frontdesk/component/stanza"
	"frontdesk/config"
	"frontdesk/dispatch"
	"frontdesk/muc"
	"frontdesk/store"
)

// Erasing a customer: what he said and was told, what colleagues wrote of him in notes and case rooms, what names his thread or his address in
// other rooms, and the rows that say who he is. The log keeps that something was said, and when: archives show tombstones.

const (
	eraseAtOnce  = 200  // records in one commit
	maxLast      = 1000 // records that the loop itself may go through in the end
	maxSamples   = 64   // erased words that are looked for in the file afterwards
	sampleBytes  = 24   // that a sample has at least: shorter words may be somebody else's, too
	sampleLength = 256  // and at most
	maxMentions  = 1000
	searchBuffer = 1 << 20 // bytes of the file in memory
)

// Whom names whose words are erased: all of a customer, by his bare address, or one thread of his by number. Of a customer whose address is
// forgotten, all are by any of his threads.
type Whom struct {
	Address string
	Thread  uint64
	Names   bool // in rooms also what has his name, not only what names his thread or his address
}

// Erasure is the proof of what was removed.
type Erasure struct {
	Threads  []uint64       `json:"threads"`
	Records  []uint64       `json:"records"`            // whose words were erased, in order
	Archives map[string]int `json:"archives"`           // how many of them in which archive; "" is none
	Rows     map[string]int `json:"rows"`               // how many were deleted, or emptied, in which table
	Left     []uint64       `json:"left,omitempty"`     // records of rooms that have his name and stay: at most maxMentions
	Pages    int            `json:"pages"`              // of the file that were overwritten
	Searched int64          `json:"searched"`           // bytes of the file that were looked through afterwards
	Samples  int            `json:"samples"`            // for so many words and addresses of his
	Found    int            `json:"found"`              // of which so many were still there
	Erased   int            `json:"erased"`             // records that had words
	Closed   []uint64       `json:"closed,omitempty"`   // threads whose conversation was open
	Customer uint64         `json:"customer,omitempty"` // 0: he is still known
}

// ErrNobody is returned for a customer or a thread that there is not.
var ErrNobody = errors.New("relay: there is no such customer or thread")

var errEnded = errors.New("relay: the desk has stopped")

// Erase removes the words of a customer, or of one thread, from the file of a running desk. His open conversations are closed first. The loop
// changes what it owns; the log is gone through beside it. Safe for concurrent use; after Run has ended it is an
// error.
func (r *Relay) Erase(ctx context.Context, who Whom) (*Erasure, error) {
	return r.erase(ctx, who, func(fn func()) error { return r.inLoop(ctx, fn) })
}

// EraseFile does it in the file of a desk that does not run.
func EraseFile(ctx context.Context, cfg *config.Config, log *slog.Logger, who Whom) (*Erasure, error) {
	r, err := New(cfg, Options{Log: log})
	if err != nil {
		return nil, err
	}
	r.tickClock()
	proof, err := r.erase(ctx, who, func(fn func()) error {
		fn()
		return r.broken
	})
	return proof, errors.Join(err, r.finish(), r.store.Close())
}

// inLoop has the loop of a running desk do something.
func (r *Relay) inLoop(ctx context.Context, fn func()) error {
	ran := make(chan struct{})
	r.inbox.put(event{then: func() {
		fn()
		close(ran)
	}})
	select {
	case <-ran:
		return nil
	case <-r.ended:
		return errEnded
	case <-ctx.Done():
		return ctx.Err()
	}
}

// erasure is one under way.
type erasure struct {
	Erasure
	next     uint64          // record that has not been looked at yet
	whole    bool            // the customer, not one thread
	archives map[string]bool // all of whose words go
	needles  []string        // folded words: what in other rooms is about him, as his addresses and "#17"
	name     string          // folded
	names    bool            // go, too
	samples  []trace
	touched  []muc.Fact // of rooms, which have a memory
}

// erase goes through the log first and empties the rows last: what is cut short can be asked for again.
func (r *Relay) erase(ctx context.Context, who Whom, do func(func()) error) (*Erasure, error) {
	var x *erasure
	var err error
	var s *store.Store
	var path string
	in := func(fn func() error) error {
		derr := do(func() { err = fn() })
		return cmp.Or(derr, err)
	}
	if err := in(func() error { s, path = r.store, r.cfg.Data; x, err = r.findWords(who); return err }); err != nil {
		return nil, err
	}
	for s.Next()-x.next > maxLast {
		if err := x.run(ctx, s); err != nil {
			return nil, err
		}
	}
	if err := in(func() error { return r.expunge(ctx, who, x) }); err != nil {
		return nil, err
	}
	if x.Pages, err = s.Scrub(context.WithoutCancel(ctx)); err != nil {
		return nil, err
	}
	slices.Sort(x.Records)
	return &x.Erasure, x.prove(path)
}

// findWords closes the conversations, and notes what is to be looked for.
func (r *Relay) findWords(who Whom) (*erasure, error) {
	x := &erasure{Erasure: Erasure{Archives: map[string]int{}, Rows: map[string]int{}}, archives: map[string]bool{}, names: who.Names, next: 1}
	c, threads, err := r.closeAll(who, x)
	if err != nil {
		return nil, err
	}
	x.name = fold(c.Name)
	x.whole = who.Thread == 0 || c.retired()
	x.about(c, threads)
	for _, t := range threads {
		x.Threads = append(x.Threads, t.N)
	}
	return x, nil
}

// closeAll closes the customer's conversations, and commits that: his farewell goes out while he has an address.
func (r *Relay) closeAll(who Whom, x *erasure) (*customer, []*thread, error) {
	c, threads := r.whom(who)
	if c == nil {
		return nil, nil, ErrNobody
	}
	for _, t := range threads {
		if _, open := r.desk.Thread(t.N); open {
			if !slices.Contains(x.Closed, t.N) {
				x.Closed = append(x.Closed, t.N)
			}
			if err := r.decide(dispatch.Close{Thread: t.N}, nil); err != nil {
				return nil, nil, err
			}
		}
	}
	r.flush()
	return c, threads, r.broken
}

// expunge erases what came last, empties the rows, has the rooms forget what is gone, and replaces the snapshot, which may
// know a subject. From then on nothing of him is added.
func (r *Relay) expunge(ctx context.Context, who Whom, x *erasure) error {
	c, threads, err := r.closeAll(who, x)
	if err == nil {
		err = x.run(ctx, r.store)
	}
	if err != nil {
		return err
	}
	for _, t := range threads {
		r.expungeThread(t, x)
	}
	if x.whole {
		r.expungeCustomer(c, x)
	}
	for _, t := range threads {
		r.named(t)
		r.reshow(t)
	}
	for i := range x.touched {
		r.rooms.Erase(x.touched[i].Room, x.touched[i].ID)
	}
	k := r.keptSoFar()
	k.Scrub = true // where the process ends before the file has been overwritten
	r.put(tableMeta, "kept", k)
	r.flush()
	if r.broken == nil {
		r.snapshot()
	}
	r.log.Info("words of a customer were erased", "threads", x.Threads, "records", x.Erased)
	return r.broken
}

// whom finds the customer, and his threads in order of their numbers.
func (r *Relay) whom(who Whom) (*customer, []*thread) {
	var c *customer
	if who.Thread == 0 {
		c = r.customerOf(stanza.JID(who.Address))
	} else if t := r.thread(who.Thread); t != nil && !t.customer.retired() {
		return t.customer, []*thread{t}
	} else if t != nil {
		c = t.customer
	}
	if c == nil {
		return nil, nil
	}
	var threads []*thread
	for _, n := range c.Threads {
		if t := r.thread(n); t != nil {
			threads = append(threads, t)
		}
	}
	slices.SortFunc(threads, func(a, b *thread) int { return cmp.Compare(a.N, b.N) })
	return c, threads
}

// about notes what is to be erased, and by what others speak of it.
func (x *erasure) about(c *customer, threads []*thread) {
	for _, t := range threads {
		x.archives[t.archive] = true
		x.archives["room:"+caseLocal(t.N)] = true
		x.archives[asideArchive(caseLocal(t.N))] = true
		x.needles = append(x.needles, "#"+t.archive, caseLocal(t.N), t.local())
	}
	if !x.whole {
		return
	}
	traces := []string{c.Email}
	for _, at := range c.addresses() {
		traces = append(traces, string(at.Bare()))
	}
	for _, s := range traces {
		if s != "" {
			x.needles = append(x.needles, fold(s))
			x.samples = append(x.samples, trace{[]byte(s), true})
		}
	}
	for _, s := range []string{c.Key, c.User} {
		if len(s) >= sampleBytes {
			x.samples = append(x.samples, trace{[]byte(s), true})
		}
	}
}

// expungeThread leaves of a thread's row what archives and dispatch need.
func (r *Relay) expungeThread(t *thread, x *erasure) {
	if t.hosted {
		t.hosted = false
		r.rooming(r.rooms.Dismiss(r.now, caseLocal(t.N), stanza.MakeJID(lobby, r.back.domain, ""), "The words of this conversation are erased."))
	}
	t.Slug, t.Tags, t.Notes, t.Asking, t.Given, t.After, t.Rated = slug(""), nil, nil, nil, nil, nil, 0
	t.Lost, t.Missed, t.MissedBy, t.MissedTill = 0, 0, "", 0
	t.recent, t.filled, t.told = [2]sayings{}, false, nil
	r.saveThread(t)
	x.Rows[tableThread]++
}

// expungeCustomer leaves of a customer his number.
func (r *Relay) expungeCustomer(c *customer, x *erasure) {
	x.Customer = c.N
	drop := func(table, key string) {
		var any any
		if key != "" && r.row(table, key, &any) {
			r.put(table, key, nil)
			x.Rows[table]++
		}
	}
	drop(tableKey, c.Key)
	all := c.addresses()
	for _, queues := range []map[string]*queue{r.queues, r.former} {
		for _, q := range queues {
			for jid := range q.watchers {
				if slices.ContainsFunc(all, func(at stanza.JID) bool { return at.Bare() == jid.Bare() }) {
					r.unwatch(q, jid)
					x.Rows[tableWatch]++
				}
			}
		}
	}
	for _, at := range all {
		delete(r.doors, at)
		delete(r.byJID, at.Bare())
		drop(tableClaim, string(at.Bare()))
		drop(tableJID, string(at.Bare()))
	}
	err := r.store.Rows(tableClaim, func(page string, value []byte) error { // of pages that had his conversation before, or may have it yet
		var claim claimRow
		if err := json.Unmarshal(value, &claim); err != nil {
			return err
		}
		if c.Key != "" && claim.Key == c.Key || c.User != "" && claim.User == c.User {
			drop(tableClaim, page)
		}
		return nil
	})
	if err != nil {
		r.fail(fmt.Errorf("the claims of pages: %w", err))
	}
	*c = customer{N: c.N, Threads: c.Threads}
	r.saveCustomer(c)
	x.Rows[tableCustomer]++
}

// run erases his archives' words, and what in the rest of the log is about him, in what it has not gone through yet.
func (x *erasure) run(ctx context.Context, s *store.Store) error {
	for end := s.Next(); x.next < end; {
		page, err := s.Scan(x.next, int(min(eraseAtOnce, end-x.next)))
		if err != nil {
			return err
		}
		x.next += uint64(len(page))
		page = slices.DeleteFunc(page, func(rec store.Record) bool { return !x.archives[rec.Archive] && !x.concerns(&rec) })
		if err := x.take(ctx, s, page); err != nil {
			return err
		}
	}
	return nil
}

// take erases records.
func (x *erasure) take(ctx context.Context, s *store.Store, page []store.Record) error {
	var seqs []uint64
	for i := range page {
		rec := &page[i]
		if rec.Content == nil {
			continue
		}
		seqs = append(seqs, rec.Seq)
		x.Archives[rec.Archive]++
		if rec.Kind >= 100 && rec.Kind < 200 {
			if f, err := decodeMuc(store.Record{Kind: rec.Kind, Numbers: rec.Numbers}); err == nil {
				x.touched = append(x.touched, f)
			}
		}
		if (uttered(rec.Kind) || rec.Kind == kindNoted) && len(rec.Content) >= sampleBytes && len(x.samples) < maxSamples {
			x.samples = append(x.samples, trace{bytes.Clone(rec.Content[:min(len(rec.Content), sampleLength)]), false})
		}
	}
	if len(seqs) == 0 {
		return ctx.Err()
	}
	n, err := s.Erase(seqs)
	x.Erased += n
	x.Records = append(x.Records, seqs...)
	return cmp.Or(err, ctx.Err())
}

// concerns reports whether a record outside his archives is about him. What other customers said and were answered is theirs.
func (x *erasure) concerns(rec *store.Record) bool {
	if rec.Content == nil || uttered(rec.Kind) {
		return false
	}
	text := string(rec.Content)
	if rec.Kind >= 100 && rec.Kind < 200 {
		if f, err := decodeMuc(*rec); err == nil {
			text = f.Words.ChildText("", "body") + "\n" + f.Words.ChildText("", "subject")
		}
	} else if e, err := decode(*rec); err == nil && e.words != nil {
		text = e.words.Body
	}
	text = fold(text)
	for _, n := range x.needles {
		if hasWord(text, n) {
			return true
		}
	}
	if x.name != "" && hasWord(text, x.name) {
		if !x.names && len(x.Left) < maxMentions {
			x.Left = append(x.Left, rec.Seq)
		}
		return x.names
	}
	return false
}

// hasWord reports whether a text has a word, with nothing of a word around it.
func hasWord(text, word string) bool {
	for at := 0; ; {
		i := strings.Index(text[at:], word)
		if i < 0 {
			return false
		}
		at += i
		before, _ := utf8.DecodeLastRuneInString(text[:at])
		after, _ := utf8.DecodeRuneInString(text[at+len(word):])
		if !letter(before) && !letter(after) {
			return true
		}
		at += len(word)
	}
}

func letter(c rune) bool { return unicode.IsLetter(c) || unicode.IsDigit(c) }

// prove looks through the bytes of the file for what was erased.
func (x *erasure) prove(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	x.Samples = len(x.samples)
	if x.Found, x.Searched, err = findBytes(f, x.samples, searchBuffer); err != nil {
		return fmt.Errorf("searching the file: %w", err)
	}
	return nil
}

// trace is something that must not be in the file, an address only as a word of its own.
type trace struct {
	text []byte
	word bool
}

// findBytes counts which of some samples are in what it reads, and the bytes that it read: so many at a time,
// and what is at the edges again.
func findBytes(r io.Reader, samples []trace, piece int) (found int, size int64, err error) {
	longest := 0
	for _, s := range samples {
		longest = max(longest, len(s.text))
	}
	edge := longest + 3 // and what is around a sample
	buf := make([]byte, piece+2*edge)
	seen := map[int]bool{}
	for kept := 0; err == nil; {
		var n int
		n, err = io.ReadFull(r, buf[kept:])
		size += int64(n)
		for i, s := range samples {
			if !seen[i] && hasBytes(buf[:kept+n], s, kept > 0, err == nil) {
				seen[i] = true
			}
		}
		if err == nil { // what goes over the edge
			kept = copy(buf, buf[len(buf)-2*edge:])
		}
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	return len(seen), size, err
}

// hasBytes reports whether b has a sample. Around a word is nothing of a word, but numbers of the file may be behind it. later: b begins with
// what was looked at before, and what its first byte follows is not known; more: what its last bytes are followed by is not known yet.
func hasBytes(b []byte, s trace, later, more bool) bool {
	part := func(i int) bool {
		return i >= 0 && i < len(b) && (b[i] >= 'a' && b[i] <= 'z' || b[i] >= 'A' && b[i] <= 'Z')
	}
	for at := 0; ; at++ {
		i := bytes.Index(b[at:], s.text)
		if i < 0 {
			return false
		}
		at += i
		end := at + len(s.text)
		before := part(at-1) || at > 0 && (b[at-1] >= '0' && b[at-1] <= '9' || b[at-1] == '.' || b[at-1] == '-' || b[at-1] == '_') || at == 0 && later
		behind := part(end) || end < len(b) && b[end] == '.' && part(end+1) || end+2 > len(b) && more
		if !s.word || !before && !behind {
			return true
		}
	}
}

// String tells an admin what was removed.
func (x *Erasure) String() string {
	var b strings.Builder
	threads := make([]string, len(x.Threads))
	for i, n := range x.Threads {
		threads[i] = "#" + strconv.FormatUint(n, 10)
	}
	fmt.Fprintf(&b, "Threads: %s", cmp.Or(strings.Join(threads, ", "), "none"))
	if len(x.Closed) > 0 {
		fmt.Fprintf(&b, " (%d of them had an open conversation, which was closed)", len(x.Closed))
	}
	fmt.Fprintf(&b, "\nWords of %d %s erased: %s\n", x.Erased, plural(x.Erased, "record", "records"), cmp.Or(ranges(x.Records), "none"))
	for _, a := range sortedKeys(x.Archives) {
		fmt.Fprintf(&b, "  %s: %d\n", cmp.Or(a, "(no archive)"), x.Archives[a])
	}
	b.WriteString("Rows deleted or emptied:")
	for _, t := range sortedKeys(x.Rows) {
		fmt.Fprintf(&b, " %s %d", t, x.Rows[t])
	}
	fmt.Fprintf(&b, "\n%d pages of the file were overwritten. Then %d of his words and addresses were looked for in its %d bytes: %d found.\n", x.Pages, x.Samples, x.Searched, x.Found)
	if len(x.Left) > 0 {
		fmt.Fprintf(&b, "His name stands in %d other %s of rooms, which may mean somebody else, and stay: %s. With --names they go, too.\n", len(x.Left), plural(len(x.Left), "record", "records"), ranges(x.Left))
	}
	b.WriteString("What backups have, and the clients and servers of others, is not reached from here.\n")
	return b.String()
}

// ranges writes numbers in order short: 1-3, 7.
func ranges(seqs []uint64) string {
	var parts []string
	for i := 0; i < len(seqs); {
		j := i
		for j+1 < len(seqs) && seqs[j+1] == seqs[j]+1 {
			j++
		}
		part := strconv.FormatUint(seqs[i], 10)
		if j > i {
			part += "-" + strconv.FormatUint(seqs[j], 10)
		}
		parts = append(parts, part)
		i = j + 1
	}
	return strings.Join(parts, ", ")
}
