package relay

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"frontdesk/component/stanza"
	"frontdesk/muc"
	"frontdesk/store"
)

// Full text: !find reads the log backwards, beside the loop. A million messages take it 0.7 s of processor time (measured:
// BenchmarkFind), which needs no index that every message would pay for.

const (
	maxSearches  = 2                // at once
	searchWithin = 20 * time.Second // then it tells what it has found so far
	searchChunk  = 1000             // records in one transaction: a long one would keep the file from reusing pages
	maxHits      = 10               // that are shown
	maxKept      = 200              // that are kept until the loop has looked who may see them
	maxQuery     = 200              // bytes
)

// search is a question for the log, and what was found.
type search struct {
	agent string
	to    stanza.JID
	words []string // folded
	text  string
	all   bool            // he may see every thread
	in    map[string]bool // queues whose threads he may see
	own   map[uint64]bool // threads that he may see besides

	lower []byte // scratch
	hits  []hit
	since time.Time // how far back it went; zero: to the beginning
	err   error
}

// hit is a message that has all the words.
type hit struct {
	at      time.Time
	archive string
	by      string // an agent, "" the customer, or in a room a nick
	kind    uint16
	body    string
	said    *muc.Fact // in a room
}

// searchLog begins a search; what it finds comes as a message of its own.
func (r *Relay) searchLog(c *call) (string, error) {
	text := c.text("words")
	q := &search{agent: c.agent, to: c.from, text: text, words: strings.Fields(fold(text)), all: r.supervises(c.agent), in: map[string]bool{}, own: map[uint64]bool{}}
	switch {
	case len(text) > maxQuery:
		return "", misused("that are too many words.")
	case len(q.words) == 0: // accents alone
		return "", misused("there is no word in that.")
	case r.searches >= maxSearches:
		return "", refuse("others are searching just now. Please try again in a moment.")
	}
	for _, w := range r.order {
		if r.serves(c.agent, w.name) {
			q.in[w.name] = true
		}
	}
	for _, d := range r.desk.Of(c.agent) {
		q.own[d.N] = true
	}
	r.flush()
	r.searches++
	before := r.next
	r.beside.Go(func() {
		ctx, cancel := context.WithTimeout(r.life, searchWithin)
		defer cancel()
		q.err = q.run(ctx, r.store, before)
		r.inbox.put(event{then: func() { r.found(q) }})
	})
	return "Searching. What is found comes as a message of its own.", nil
}

// found tells what a search has found, of what its asker may see now.
func (r *Relay) found(q *search) {
	r.searches--
	if r.staff[q.agent] == nil {
		return
	}
	if q.err != nil {
		r.log.Error("a search failed", "err", q.err)
		r.chat(string(q.to), "The search failed. The administrator finds the reason in the log.")
		return
	}
	var b strings.Builder
	shown, more := 0, len(q.hits) == maxKept
	for _, h := range q.hits {
		where := "lobby"
		var t *thread
		if n := threadOf(h.archive); n != 0 {
			if t = r.thread(n); t == nil || !r.maySee(q.agent, t) {
				continue
			}
			where = t.label()
		}
		if h.said != nil && r.retraction(h.said) != nil {
			continue
		}
		if shown++; shown > maxHits {
			more = true
			break
		}
		fmt.Fprintf(&b, "\n%s %s, %s: %s", h.at.Format("02 Jan 2006 15:04"), where, r.author(&h, t), q.snippet(h.body))
	}
	head := fmt.Sprintf("%q was found %d %s", shorten(q.text, 60), min(shown, maxHits), plural(min(shown, maxHits), "time", "times"))
	if more {
		head += " or more; these are the newest, and more words find fewer"
	}
	if !q.since.IsZero() {
		head += "; back to " + q.since.Format("02 Jan 2006") + ", for more there was no time"
	}
	r.chat(string(q.to), head+"."+b.String())
}

// author says whose words a hit is.
func (r *Relay) author(h *hit, t *thread) string {
	switch {
	case h.kind == kindNoted:
		return "note by " + r.nameOf(h.by)
	case h.kind == uint16(muc.Message):
		return h.by
	case h.by == "":
		return t.called()
	}
	return r.nameOf(h.by)
}

// threadOf is the thread whose archive it is, or whose case room's; 0 for the lobby.
func threadOf(archive string) uint64 {
	n, _ := strconv.ParseUint(archive, 10, 64)
	if room, ok := strings.CutPrefix(archive, "room:"); ok {
		n = caseOf(room)
	}
	return n
}

// snippet is a line of a body around what was looked for.
func (q *search) snippet(body string) string {
	line, at := oneLine(body, 3*len(body)), 0 // a line break becomes " / "
	for word := range strings.SplitSeq(line, " ") {
		if strings.Contains(fold(word), q.words[0]) {
			at += max(0, strings.Index(word, q.words[0]))
			break
		}
		at += len(word) + 1
	}
	if at < 100 || at > len(line) {
		return shorten(line, 200)
	}
	at -= 60
	for !utf8.RuneStart(line[at]) {
		at--
	}
	return "…" + shorten(line[at:], 200)
}

// run reads the log from before a record backwards.
func (q *search) run(ctx context.Context, s *store.Store, before uint64) error {
	seen := map[uint64]bool{} // whether he may see a thread
	for before > 1 {
		from := max(before, searchChunk+1) - searchChunk
		page, err := s.Scan(from, int(before-from))
		if err != nil {
			return err
		}
		for i := range slices.Backward(page) {
			rec := &page[i]
			h, ok := q.match(rec)
			if !ok {
				continue
			}
			n := threadOf(rec.Archive)
			if n != 0 {
				may, known := seen[n]
				if !known {
					if may, err = q.maySee(s, n); err != nil {
						return err
					}
					seen[n] = may
				}
				if !may {
					continue
				}
			}
			if q.hits = append(q.hits, h); len(q.hits) == maxKept {
				return nil
			}
		}
		if before = from; ctx.Err() != nil && before > 1 {
			if len(page) > 0 {
				q.since = page[0].Time
			}
			return nil
		}
	}
	return nil
}

// maySee is a first look: the loop looks again when it tells.
func (q *search) maySee(s *store.Store, n uint64) (bool, error) {
	if q.all || q.own[n] {
		return true, nil
	}
	b, err := s.Get(tableThread, strconv.FormatUint(n, 10))
	if err != nil || b == nil {
		return false, err
	}
	var t struct {
		Queue     string   `json:"queue"`
		Consulted []string `json:"consulted"`
	}
	err = json.Unmarshal(b, &t)
	return q.in[t.Queue] || slices.Contains(t.Consulted, q.agent), err
}

// match reports whether a record is a message that has all the words.
func (q *search) match(rec *store.Record) (hit, bool) {
	h := hit{at: rec.Time, archive: rec.Archive, kind: rec.Kind}
	switch {
	case rec.Content == nil || !q.possible(rec.Content):
		return h, false
	case uttered(rec.Kind), rec.Kind == kindNoted:
		e, err := decode(*rec)
		if err != nil || e.words == nil {
			return h, false
		}
		by, said := e.said()
		if h.body, h.by = e.words.Body, by; !said {
			h.by = e.own.By
		}
	case rec.Kind == uint16(muc.Message) && (rec.Archive == "room:"+lobby || threadOf(rec.Archive) != 0):
		f, err := decodeMuc(*rec)
		if err != nil {
			return h, false
		}
		h.body, h.by, h.said = f.Words.ChildText("", "body"), f.Nick, &f
	default:
		return h, false
	}
	body := fold(h.body)
	for _, w := range q.words {
		if !strings.Contains(body, w) {
			return h, false
		}
	}
	return h, true
}

// possible looks at a content before anything is decoded: a word of plain letters and digits stands in it as it is, unless
// there are letters with accents.
func (q *search) possible(content []byte) bool {
	w := q.words[0]
	for i := range len(w) {
		if c := w[i]; c >= 0x80 || !unicode.IsLetter(rune(c)) && !unicode.IsDigit(rune(c)) {
			return true
		}
	}
	q.lower = q.lower[:0]
	for _, c := range content {
		if c >= 0x80 {
			return true
		}
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		q.lower = append(q.lower, c)
	}
	return bytes.Contains(q.lower, []byte(w))
}

// fold makes a text comparable: without case and accents.
func fold(s string) string {
	ascii := true
	for i := range len(s) {
		ascii = ascii && s[i] < 0x80
	}
	if s = strings.ToLower(s); ascii {
		return s
	}
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFKD.String(s))
}
