package relay

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"frontdesk/dispatch"
	"frontdesk/store"
	"frontdesk/texts"
)

// What customers are told at the end of a conversation, and what they may answer then. Everything else that they write
// opens the next conversation.

// answerWithin is how long after the end an answer to it is taken as one.
const answerWithin = 24 * time.Hour

// closing is what a customer may answer after the end of a conversation. The JSON names are in files for ever.
type closing struct {
	Until time.Time `json:"until"`
	From  uint64    `json:"from"` // the record that began the conversation
	Till  uint64    `json:"till"` // and the one that ended it
	Agent string    `json:"a,omitempty"`
	Rate  bool      `json:"rate,omitempty"`
	Copy  bool      `json:"copy,omitempty"`
}

// farewell tells a customer that a conversation is over, and what he may answer.
func (r *Relay) farewell(f *dispatch.Fact, t *thread, e *entry) {
	q := r.queues[t.Queue]
	if q == nil || f.Reason == dispatch.Departed || t.customer.Blocked.After(r.now) {
		return
	}
	v, end := r.voice(t), ""
	rate := q.rate && t.Answered
	switch {
	case f.Reason == dispatch.Silent:
		end = v.Say("ended_idle")
	case q.farewell || rate:
		end = v.Say("ended")
	default:
		return
	}
	after := &closing{Until: r.now.Add(answerWithin), From: t.Opened, Till: e.seq, Agent: f.Saved.Last, Rate: rate, Copy: q.copies != copyOff}
	w := &words{}
	parts := []string{end}
	if after.Rate {
		parts = append(parts, v.Say("rate"))
		for n := 1; n <= 5; n++ {
			w.Replies = append(w.Replies, choice{strconv.Itoa(n), v.Say("rate_" + strconv.Itoa(n))})
		}
		w.Blank = &blank{Type: nsClaim + ":rating", Title: v.Say("rate_title"), Words: v.Say("rate"), Fields: []field{
			{Name: "rating", Label: v.Say("rate_title"), Must: true, Options: slices.Clone(w.Replies)}, {Name: "words", Label: v.Say("rate_words"), Long: true}}}
	}
	if after.Copy {
		word := v.Say("copy_word")
		parts = append(parts, v.Say("copy", "word", word))
		w.Replies = append(w.Replies, choice{word, word})
	}
	t.After = after
	r.saveThread(t)
	w.Body = texts.Lines(parts...)
	r.tellWith(t, v, w)
}

// afterword takes a customer's answer to the end of a conversation; false where it is none.
func (r *Relay) afterword(t *thread, w *words) bool {
	a := t.After
	if a == nil || w.Replace != 0 || w.React != 0 || w.Retract != 0 {
		return false
	}
	if r.now.After(a.Until) {
		t.After = nil
		r.saveThread(t)
		return false
	}
	v := r.voice(t)
	if n, _, ok := rating(w.Body); ok && a.Rate {
		e := &entry{kind: kindRated, own: own{Thread: t.N, To: "", From: a.From, Rating: n}, words: w}
		r.noteWords(t, "", e)
		t.Rated = e.seq
		r.saveThread(t)
		r.tellCustomer(t, v, v.Say("rated"))
		return true
	}
	if word := strings.TrimSpace(w.Body); a.Copy && (strings.EqualFold(word, v.Say("copy_word")) || strings.EqualFold(word, r.texts.In(texts.English).Say("copy_word"))) {
		r.noteWords(t, "", &entry{kind: kindCopied, own: own{Thread: t.N, From: a.From, Till: a.Till}, words: w})
		a.Copy = false
		r.saveThread(t)
		r.giveCopy(t, v, a)
		return true
	}
	return false
}

// ratingForm is a rating as people write one: "4", "4/5", "4, quick and friendly". "5 parcels" is none: what might be a
// question must not be lost.
var ratingForm = regexp.MustCompile(`(?s)^\s*([1-5１-５])(?:\s*[/／]\s*[5５])?\s*(?:$|[,;:.!，；：。！–—-]+(?:\s+|$)|[，；：。！]|\n)(.*)$`)

// rating reads one, and the words behind it.
func rating(text string) (n int, words string, ok bool) {
	m := ratingForm.FindStringSubmatch(text)
	if m == nil {
		return 0, "", false
	}
	digit, _ := strconv.Atoi(m[1])
	if digit == 0 { // a wide one
		digit = int([]rune(m[1])[0] - '０')
	}
	return digit, strings.TrimSpace(m[2]), true
}

// ratedLine is the last rating of a thread for !info, "" for none.
func (r *Relay) ratedLine(t *thread) string {
	rec, ok := r.record(t.Rated)
	if t.Rated == 0 || !ok {
		return ""
	}
	e, err := decode(rec)
	if err != nil {
		return ""
	}
	line := fmt.Sprintf("\nRated %d of 5 on %s", e.own.Rating, e.at.Format("02 Jan 15:04"))
	if e.words != nil {
		if _, said, _ := rating(e.words.Body); said != "" {
			line += ": " + oneLine(said, 500)
		}
	}
	return line
}

// Ways of a queue to give copies.
const (
	copyOff  = "off"
	copyText = "text"
	copyPage = "page"
)

// Bounds of a copy.
const (
	copyPart  = 6 << 10            // bytes of one message of it
	copyParts = 40                 // messages
	copyFor   = 7 * 24 * time.Hour // how long its page is there
)

// giveCopy sends a customer what was said between him and the desk in one conversation: in parts, or where it can be read.
func (r *Relay) giveCopy(t *thread, v texts.Voice, a *closing) {
	q := r.queues[t.Queue]
	if q == nil {
		return
	}
	if q.copies == copyPage {
		until := r.now.Add(copyFor)
		url := strings.TrimSuffix(r.cfg.Web.Address, "/") + "/copy/" + r.copyToken(t.N, a.From, a.Till, until, v.Lang)
		r.tellCustomer(t, v, v.Say("copy_page", "when", v.OnDay(until.In(q.zone), r.now), "url", url))
		return
	}
	r.flush() // what was said may be in this batch
	names := q.copyNames(r.shownNames())
	names.voice = v
	c, err := copyOf(r.store, t.N, a.From, a.Till, names)
	if err != nil {
		r.fail(err)
		return
	}
	for _, part := range c.parts(v.Say("copy_rest")) {
		r.tellCustomer(t, v, part)
	}
}

// copyNames are what a copy calls its people and times.
type copyNames struct {
	voice  texts.Voice
	queue  string
	zone   *time.Location
	agents map[string]string // the names of those whom he may see
}

// copyNames is that of a queue's copies, without a voice; agents are the names of those whom customers may see.
func (q *queue) copyNames(agents map[string]string) copyNames {
	if !q.showAgents {
		agents = nil
	}
	return copyNames{queue: q.title, zone: q.zone, agents: agents}
}

// transcript is a copy of a conversation: a heading, and a line for each message.
type transcript struct {
	title string
	lines []string
	cut   bool // more was said
}

// copyOf reads what a customer may see of a conversation, as it reads in the end: corrected, and without what was taken back. It looks at
// backlog records, and keeps about as much as copyParts messages hold. Safe for concurrent use.
func copyOf(s *store.Store, n, from, till uint64, names copyNames) (*transcript, error) {
	c := &transcript{}
	at := map[uint64]int{} // line of a record
	ask := store.Query{After: from - 1, Before: till + 1, Limit: maxPage}
	for read, size, more := 0, 0, true; more; {
		var page []store.Record
		var err error
		if page, more, err = s.Page(strconv.FormatUint(n, 10), ask); err != nil {
			return nil, err
		}
		for i := range page {
			size += c.take(&page[i], at, names, size > copyPart*copyParts)
		}
		if read += len(page); more && read >= backlog || len(page) == 0 {
			c.cut, more = c.cut || more, false
		} else {
			ask.After = page[len(page)-1].Seq
		}
	}
	c.lines = slices.DeleteFunc(c.lines, func(s string) bool { return s == "" })
	return c, nil
}

// take adds a record, or changes what an earlier one added, and returns the size of what it added. Of a full transcript it only
// notes that there was more.
func (c *transcript) take(rec *store.Record, at map[uint64]int, names copyNames, full bool) int {
	v := names.voice
	if c.title == "" {
		local := rec.Time.In(names.zone)
		c.title = v.Say("copy_title", "queue", names.queue, "date", local.Format(time.DateOnly), "zone", local.Format("MST"))
	}
	e, err := decode(*rec)
	if err != nil || !visible(rec) || e.words == nil {
		return 0
	}
	by, ok := e.said()
	who := cmp.Or(names.agents[by], names.queue)
	if ok && by == "" {
		who = v.Say("copy_you")
	}
	line := e.at.In(names.zone).Format("15:04") + " " + who + ": " + e.words.Body
	old, known := at[e.words.Replace]
	switch gone, there := at[e.words.Retract]; {
	case e.words.React != 0, e.words.Retract != 0 && !there:
		return 0
	case e.words.Retract != 0:
		c.lines[gone] = ""
		return 0
	case known && c.lines[old] == "": // taken back already
		return 0
	case e.words.Replace != 0 && known:
		c.lines[old] = line
	case full:
		c.cut = true
		return 0
	default:
		at[e.seq] = len(c.lines)
		c.lines = append(c.lines, line)
	}
	return len(line)
}

// parts cuts a transcript into messages; rest says that there was more.
func (c *transcript) parts(rest string) []string {
	var all []string
	part := c.title
	for _, line := range c.lines {
		if len(part)+1+len(line) > copyPart && part != "" {
			if len(all) == copyParts-1 {
				c.cut = true
				break
			}
			all = append(all, part)
			part = ""
		}
		part = strings.TrimPrefix(part+"\n"+line, "\n")
	}
	if c.cut {
		part += "\n" + rest
	}
	return append(all, part)
}

// text is all of it.
func (c *transcript) text(rest string) string {
	text := c.title + "\n\n" + strings.Join(c.lines, "\n") + "\n"
	if c.cut {
		text += rest + "\n"
	}
	return text
}
