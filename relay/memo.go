package relay

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"frontdesk/dispatch"
	"frontdesk/store"
)

// What colleagues keep of a customer for each other.
const (
	maxNotes   = 50       // of a thread that are shown; older ones stay in the log
	maxTags    = 20       // of a thread
	maxTag     = 32       // bytes
	maxNote    = 16 << 10 // bytes
	shownNotes = 5
)

func (r *Relay) note_(c *call) (string, error) {
	text := c.text("text")
	if len(text) > maxNote {
		return "", refuse("a note has at most %d bytes.", maxNote)
	}
	t := c.about
	e := r.note(store.Agents, t.archive, &entry{kind: kindNoted, own: own{Thread: t.N, By: c.agent}, words: &words{Body: text}})
	t.Notes = append(slices.Clone(t.Notes), e.seq)
	if len(t.Notes) > maxNotes {
		t.Notes = t.Notes[1:]
	}
	r.saveThread(t)
	r.mirror(t, e)
	return "Noted for colleagues, about " + t.label() + ".", nil
}

// rename gives a customer the name that colleagues call him by, whatever he calls himself.
func (r *Relay) rename(c *call) (string, error) {
	name := r.nameFor(c.text("name"))
	if name == "" {
		return "", misused("%q can be no name.", shorten(c.text("name"), 40))
	}
	t := c.about
	t.customer.Name, t.customer.Named = name, true
	r.saveCustomer(t.customer)
	r.note(store.Agents, t.archive, &entry{kind: kindNamed, own: own{Thread: t.N, By: c.agent}, words: &words{Body: name}})
	r.rehost(t)
	r.reshow(t)
	return "The customer of #" + fmt.Sprint(t.N) + " is called " + name + " now.", nil
}

func (r *Relay) tag(c *call) (string, error) {
	tag := strings.ToLower(strings.TrimPrefix(c.text("tag"), "#"))
	t := c.about
	switch {
	case tag == "" || len(tag) > maxTag || strings.ContainsFunc(tag, invisible):
		return "", misused("a tag is one word of at most %d bytes.", maxTag)
	case slices.Contains(t.Tags, tag):
		return "", refuse("%s has the tag %s already.", t.label(), tag)
	case len(t.Tags) >= maxTags:
		return "", refuse("%s has %d tags, which is all it can have.", t.label(), maxTags)
	}
	r.retag(c, tag, append(slices.Clone(t.Tags), tag), false)
	return t.label() + " has the tags " + strings.Join(t.Tags, ", ") + ".", nil
}

func (r *Relay) untag(c *call) (string, error) {
	tag := strings.ToLower(strings.TrimPrefix(c.text("tag"), "#"))
	t := c.about
	if !slices.Contains(t.Tags, tag) {
		return "", refuse("%s has no tag %q.", t.label(), shorten(tag, 40))
	}
	r.retag(c, tag, slices.DeleteFunc(slices.Clone(t.Tags), func(x string) bool { return x == tag }), true)
	if len(t.Tags) == 0 {
		return t.label() + " has no tags any more.", nil
	}
	return t.label() + " has the tags " + strings.Join(t.Tags, ", ") + ".", nil
}

func (r *Relay) retag(c *call, tag string, all []string, off bool) {
	t := c.about
	t.Tags = all
	r.saveThread(t)
	r.note(store.Agents, t.archive, &entry{kind: kindTagged, own: own{Thread: t.N, By: c.agent, Off: off}, words: &words{Body: tag}})
}

// notesOf returns the newest notes of a thread, oldest first, a line each.
func (r *Relay) notesOf(t *thread, most int) []string {
	var lines []string
	for _, seq := range t.Notes[max(0, len(t.Notes)-most):] {
		rec, ok := r.record(seq)
		if !ok {
			continue
		}
		if e, err := decode(rec); err == nil && e.words != nil {
			lines = append(lines, fmt.Sprintf("%s %s: %s", e.at.Format("02 Jan 15:04"), r.nameOf(e.own.By), oneLine(e.words.Body, 500)))
		}
	}
	return lines
}

func oneLine(s string, most int) string {
	return shorten(strings.Join(strings.FieldsFunc(s, lineBreak), " / "), most)
}

// info tells what is known of a thread.
func (r *Relay) info(c *call) (string, error) {
	t := c.about
	r.flush()
	var b strings.Builder
	b.WriteString(t.label() + ":")
	d, open := r.desk.Thread(t.N)
	switch {
	case !open && t.Saved != nil:
		fmt.Fprintf(&b, " closed, %d %s so far", t.Saved.Conversation, plural(int(t.Saved.Conversation), "conversation", "conversations"))
		if t.Saved.Last != "" {
			b.WriteString(", last with " + r.nameOf(t.Saved.Last))
		}
	case open:
		fmt.Fprintf(&b, " open for %s, conversation %d", howLong(r.now.Sub(d.Since)), d.Conversation)
		if d.Owner == "" {
			b.WriteString(", waiting")
		} else {
			b.WriteString(", with " + r.nameOf(d.Owner))
		}
		for _, a := range r.desk.Team(t.N) {
			b.WriteString(" and " + r.nameOf(a))
		}
		b.WriteString(r.offeredTo(t.N))
		if d.Serving != "" {
			b.WriteString(", served by " + d.Serving)
		}
	}
	if !t.customer.retired() {
		fmt.Fprintf(&b, "\nAddress: %s", t.customer.Bare)
	}
	if !t.customer.Blocked.IsZero() && t.customer.Blocked.After(r.now) {
		fmt.Fprintf(&b, " (blocked until %s)", t.customer.Blocked.Format("02 Jan 2006"))
	}
	b.WriteString(r.learnt(t))
	if len(t.Tags) > 0 {
		b.WriteString("\nTags: " + strings.Join(t.Tags, ", "))
	}
	b.WriteString(r.times(t))
	b.WriteString(r.ratedLine(t))
	if notes := r.notesOf(t, shownNotes); len(notes) > 0 {
		b.WriteString("\nNotes:\n" + strings.Join(notes, "\n"))
	}
	return b.String(), nil
}

// offeredTo says who is asked to take a conversation.
func (r *Relay) offeredTo(n uint64) string {
	var names []string
	for _, a := range r.desk.Asked(n) {
		names = append(names, r.nameOf(a))
	}
	if len(names) == 0 {
		return ""
	}
	return ", offered to " + strings.Join(names, " and ")
}

// times tells how long the customer of a thread's last conversation waited.
func (r *Relay) times(t *thread) string {
	page, _, err := r.store.Page(t.archive, store.Query{After: t.Opened - 1, Limit: maxPage})
	if err != nil {
		r.fail(err)
		return ""
	}
	var began, given, answered time.Time
	for _, rec := range page {
		switch {
		case rec.Kind == uint16(dispatch.Opened) && began.IsZero():
			began = rec.Time
		case rec.Kind == uint16(dispatch.Assigned) && given.IsZero():
			given = rec.Time
		case rec.Kind == uint16(dispatch.Said) && answered.IsZero():
			if f, err := decodeFact(rec); err == nil && f.By != "" {
				answered = rec.Time
			}
		}
	}
	var b strings.Builder
	if !began.IsZero() {
		b.WriteString("\nBegan " + began.Format("02 Jan 15:04"))
	}
	if !given.IsZero() && given.After(began) {
		b.WriteString(", waited " + howLong(given.Sub(began)) + " for an agent")
	}
	if !answered.IsZero() && !began.IsZero() {
		b.WriteString(", answered after " + howLong(answered.Sub(began)))
	}
	return b.String()
}

// last shows the newest messages of a thread, and notes about it.
func (r *Relay) last(c *call) (string, error) {
	t, count := c.about, c.count
	if count < 0 {
		count = 10
	}
	r.flush()
	page, _, err := r.sift(t.archive, store.Query{Limit: count, Last: true}, maxSifted, mirrored)
	if err != nil {
		r.fail(err)
		return "", err
	}
	var b strings.Builder
	for _, rec := range page {
		if e, err := decode(rec); err == nil && e.words != nil {
			r.shown(&b, t, e)
		}
	}
	if b.Len() == 0 {
		return "Nothing has been said in " + t.label() + ".", nil
	}
	return t.label() + ":" + b.String(), nil
}

// shown writes one message of a thread as a line.
func (r *Relay) shown(b *strings.Builder, t *thread, e *entry) {
	who := "desk"
	if by, ok := e.said(); ok && by != "" {
		who = r.nameOf(by)
	} else if ok {
		who = t.called()
	} else if e.kind == kindNoted {
		who = "(note) " + r.nameOf(e.own.By)
	}
	w := e.words
	body := oneLine(w.Body, 300)
	switch {
	case w.React != 0:
		body = "(reacted " + strings.Join(w.Emoji, " ") + ")"
	case w.Retract != 0:
		body = "(took a message back)"
	case w.Replace != 0:
		body = "(corrected) " + body
	}
	fmt.Fprintf(b, "\n%s %s: %s", e.at.Format("02 Jan 15:04"), who, body)
}

// called is how an agent's chat calls the customer.
func (t *thread) called() string {
	if t.customer.Name == "" {
		return "customer"
	}
	return t.customer.Name
}

// explainWhy tells how a thread came to its agent, as the log has it.
func (r *Relay) explainWhy(c *call) (string, error) {
	if d, open := r.desk.Thread(c.about.N); open && d.Owner == "" {
		return r.whyWaits(c.about, &d), nil
	}
	r.flush()
	page, _, err := r.sift(c.about.archive, store.Query{Limit: 1, Last: true}, maxSifted, func(rec *store.Record) bool {
		return rec.Kind == uint16(dispatch.Assigned)
	})
	if err != nil {
		r.fail(err)
		return "", err
	}
	if len(page) == 0 {
		return c.about.label() + " was given to nobody yet.", nil
	}
	f, err := decodeFact(page[0])
	if err != nil {
		return "", err
	}
	return r.account(c.about, &f), nil
}

// whyWaits tells why a conversation has nobody.
func (r *Relay) whyWaits(t *thread, d *dispatch.Thread) string {
	var b strings.Builder
	b.WriteString(t.label() + " waits" + r.offeredTo(t.N))
	if q := r.queues[d.Served()]; q == nil {
		b.WriteString(", for a queue that is not in the configuration any more")
	} else if byHand, byHours := r.desk.Closed(q.name); byHand {
		b.WriteString(": the queue " + q.title + " was closed by hand")
	} else if byHours {
		b.WriteString(": the queue " + q.title + " is closed by its hours" + r.until(q))
	} else if r.paused {
		b.WriteString(": nobody is given anything until I have asked everybody's clients")
	}
	if d.Wants != "" {
		b.WriteString(", for somebody with: " + d.Wants)
	}
	b.WriteString(".")
	for _, o := range r.desk.Barred(t.N) {
		fmt.Fprintf(&b, "\n%s %s.", r.nameOf(o.Agent), barNow[o.Why])
	}
	return b.String()
}

// account says an assignment in words.
func (r *Relay) account(t *thread, f *dispatch.Fact) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s went to %s on %s", t.label(), r.nameOf(f.Agent), f.At.Format("02 Jan 15:04:05"))
	switch f.Reason {
	case dispatch.Random, dispatch.ByBot, dispatch.Reason(dispatch.RoundRobin), dispatch.Reason(dispatch.LeastBusy), dispatch.Reason(dispatch.LongestIdle):
		var names []string
		for _, a := range f.Candidates {
			names = append(names, r.nameOf(a))
		}
		fmt.Fprintf(&b, ": %s, number %d of: %s.", fmt.Sprintf(chosenText[f.Reason], len(names)), f.Draw+1, strings.Join(names, ", "))
	case dispatch.Accepted:
		b.WriteString(": who accepted when it was offered.")
	case dispatch.SameAgent:
		b.WriteString(": who had this customer last, and was free.")
	case dispatch.ByHand:
		b.WriteString(": by !take, or by writing.")
	case dispatch.Transferred:
		b.WriteString(": who accepted it from " + r.nameOf(f.From) + ".")
	case dispatch.Given:
		b.WriteString(": " + r.nameOf(f.By) + " wanted it so.")
	default:
		fmt.Fprintf(&b, ": %s.", f.Reason)
	}
	for _, o := range f.Others {
		fmt.Fprintf(&b, "\n%s %s.", r.nameOf(o.Agent), barText[o.Why])
	}
	return b.String()
}

// chosenText says how one of several was chosen.
var chosenText = map[dispatch.Reason]string{
	dispatch.Random:                       "drawn among %d who were free",
	dispatch.ByBot:                        "a program, which comes first, drawn among %d",
	dispatch.Reason(dispatch.RoundRobin):  "next in turn among %d who were free",
	dispatch.Reason(dispatch.LeastBusy):   "the least busy of %d who were free",
	dispatch.Reason(dispatch.LongestIdle): "who was given nothing for longest, of %d who were free",
}

// barNow says why somebody is given nothing now.
var barNow = map[dispatch.Bar]string{
	dispatch.IsOffline: "is not there", dispatch.IsAway: "is away", dispatch.IsMissing: "missed an answer, and has said nothing since",
	dispatch.IsFull: "has as many as he can", dispatch.IsCooling: "passed or missed this one a short while ago",
	dispatch.IsHimself: "is the customer himself", dispatch.IsResting: "had one a moment ago",
	dispatch.IsHeld:  "comes when the customer has been asked what he is asked first",
	dispatch.IsLater: "comes when the customer has waited longer",
}

// barText says why somebody was no candidate.
var barText = map[dispatch.Bar]string{
	dispatch.IsOffline: "was not there", dispatch.IsAway: "was away", dispatch.IsMissing: "had missed an answer",
	dispatch.IsFull: "had as many as he can", dispatch.IsCooling: "had passed or missed this one a short while ago",
	dispatch.IsHimself: "is the customer himself", dispatch.IsNotLast: "was free, too",
	dispatch.IsResting: "had had one a moment before", dispatch.IsHeld: "could not, as the customer was asked something first", dispatch.IsLater: "comes when a customer has waited longer",
}
