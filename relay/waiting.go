package relay

import (
	"slices"
	"strconv"
	"time"

	"frontdesk/dispatch"
	"frontdesk/texts"
)

// What customers are told while they wait.

const (
	retellEvery = 30 * time.Second // a line is looked at that often for who has to be told how it moved
	maxRetold   = 500              // from its head; who stands behind them is told when he comes nearer
)

// fresh is a thread that may have come to wait in this step.
type fresh struct {
	thread uint64
	thanks bool // he has answered what he was asked
}

// standing is what a customer was told of where he stands.
type standing struct {
	at    time.Time
	key   string // of the text; "" is nothing yet
	place int

	since time.Time // when he came to the line
	from  int       // at which place; 0: his wait measures nothing
}

// Keys of standing beside those of texts.
const inLine = "place"

// voice is the texts of a thread's queue in its customer's language.
func (r *Relay) voice(t *thread) texts.Voice {
	if q := r.queues[t.Queue]; q != nil {
		return q.texts.In(t.customer.Lang)
	}
	return r.texts.In(t.customer.Lang) // the queue has left the configuration
}

// instead is what a customer's client shows for a retraction that it does not know.
func (r *Relay) instead(t *thread, w *words) string {
	if w.Retract == 0 {
		return ""
	}
	return r.voice(t).Say("retracted")
}

// reassure greets who begins a conversation and tells who waits where he stands, once. It runs at the end of a step, when
// dispatch has settled everything.
func (r *Relay) reassure() {
	if r.paused {
		return // nobody is assigned yet: what to say is not known
	}
	for _, f := range r.fresh {
		t := r.thread(f.thread)
		d, open := r.desk.Thread(f.thread)
		if t == nil || !open {
			continue
		}
		if d.Owner != "" && t.Asking != nil { // he has to wait for nobody: an agent asks
			t.Asking = nil
			r.saveThread(t)
		}
		q, begun := r.queues[t.Queue], t.Unmet
		if begun {
			t.Unmet = false
			if t.Asking != nil {
				t.Asking = q.still(t.Asking)
			}
			r.saveThread(t)
		}
		v, first, where, then := r.voice(t), "", "", ""
		w := &words{}
		switch {
		case q == nil:
		case begun && q.greet:
			first = v.Say("greeting", "queue", q.title)
		case f.thanks:
			first = v.Say("asking_done")
		}
		if d.Owner == "" && t.stood == nil && (t.Asking == nil || !t.Asking.Held) {
			where = r.stand(t, &d, v, r.desk.Place(t.N))
		}
		if begun && t.Asking != nil {
			then = r.question(t, q, v, w, true)
		}
		if w.Body = texts.Lines(first, where, then); w.Body != "" {
			r.tellWith(t, v, w)
		}
	}
	r.fresh = r.fresh[:0]
}

// stand says where a customer who waits stands, and notes that he was told.
func (r *Relay) stand(t *thread, d *dispatch.Thread, v texts.Voice, place int) string {
	key := r.standsAt(d)
	if t.stood == nil {
		t.stood = &standing{since: r.now, from: place}
	}
	s := t.stood
	if s.at, s.key, s.place = r.now, key, place; key != inLine {
		s.from = 0 // what is closed, or where nobody is, says nothing of how fast a line moves
	}
	q := r.queues[d.Served()]
	if q != nil && q.retellAt.IsZero() {
		q.retellAt = r.now.Add(retellEvery)
	}
	switch key {
	case "closed_until":
		return v.Say(key, "when", v.When(r.opens(q), r.now))
	case inLine:
		return r.placed(q, d, v, place)
	}
	return v.Say(key)
}

// standsAt is the key of what is true of a conversation that waits.
func (r *Relay) standsAt(d *dispatch.Thread) string {
	switch r.desk.Mood(d.Served()) {
	case dispatch.Shut:
		if q := r.queues[d.Served()]; q != nil && !r.opens(q).IsZero() {
			return "closed_until"
		}
		return "closed"
	case dispatch.Nobody:
		return "nobody"
	}
	return inLine
}

// placed says a place in a line, that everybody is busy where that is so, and how long it takes where that is known.
func (r *Relay) placed(q *queue, d *dispatch.Thread, v texts.Voice, place int) string {
	busy, expected := "", ""
	if r.desk.Mood(d.Served()) == dispatch.Full {
		busy = v.Say("busy")
	}
	if wait, known := q.pace.expect(r.now, place); known {
		expected = v.Say("wait", "time", v.HowLong(wait))
	}
	where := v.Say("next")
	if place > 1 {
		where = v.Say("place", "place", strconv.Itoa(place))
	}
	return texts.Lines(busy, where, expected)
}

// opens is when a queue that is closed by its hours opens, in its time zone; zero where that is not so, or not known.
func (r *Relay) opens(q *queue) time.Time {
	at := r.desk.Opens(q.name)
	if at.IsZero() {
		return at
	}
	return at.In(q.zone)
}

// retell tells those who wait how the line moved, or that something else is true now, each as often as his queue says.
func (r *Relay) retell() {
	for _, q := range r.order {
		if q.retellAt.IsZero() || q.retellAt.After(r.now) || r.paused {
			continue
		}
		q.retellAt = time.Time{}
		for i, d := range r.desk.Line(q.name, maxRetold) {
			q.retellAt = r.now.Add(retellEvery)
			if t := r.thread(d.N); t != nil {
				r.moved(t, &d, i+1)
			}
		}
	}
}

// moved tells one who waits what is new, if anything is.
func (r *Relay) moved(t *thread, d *dispatch.Thread, place int) {
	q := r.queues[t.Queue]
	if t.stood == nil { // he was told before a restart
		t.stood = &standing{at: r.now, key: r.standsAt(d), place: place}
	}
	s := t.stood
	if q == nil || q.placeEvery == 0 || r.now.Sub(s.at) < q.placeEvery {
		return
	}
	if key := r.standsAt(d); key == s.key && (key != inLine || place >= s.place) {
		return
	}
	v := r.voice(t)
	r.tellCustomer(t, v, r.stand(t, d, v, place))
}

// meet has those told and asked who began a conversation in a run before this one, while the desk was down.
func (r *Relay) meet() {
	if r.met {
		return
	}
	r.met = true
	for _, q := range r.order {
		for _, d := range r.desk.Line(q.name, r.desk.Waiting(q.name)) {
			if t := r.thread(d.N); t != nil && t.Unmet {
				r.fresh = append(r.fresh, fresh{thread: t.N})
			}
		}
	}
}

// watchLines has lines looked at that nobody has come to since the desk began.
func (r *Relay) watchLines() {
	for _, q := range r.order {
		if q.retellAt.IsZero() && r.desk.Waiting(q.name) > 0 {
			q.retellAt = r.now.Add(retellEvery)
		}
	}
}

// answered measures how long a customer waited for the first answer.
func (r *Relay) answered(t *thread) {
	s := t.stood
	if s == nil || s.from == 0 {
		return
	}
	if d, open := r.desk.Thread(t.N); open {
		if q := r.queues[d.Served()]; q != nil {
			q.pace.answered(r.now, r.now.Sub(s.since), s.from)
		}
	}
	s.from = 0
}

// pace is how fast a line moves, as its newest answers measure it.
type pace []paced // oldest first, at most maxPaced

// paced is one customer who waited: until when, and how long for each place that was before him and his own.
type paced struct {
	at   time.Time
	each time.Duration
}

// What an expected wait rests on.
const (
	leastPaced = 5 // answers
	maxPaced   = 20
	pacedFor   = time.Hour // older ones do not count
)

func (p *pace) answered(now time.Time, waited time.Duration, place int) {
	if len(*p) == maxPaced {
		*p = slices.Delete(*p, 0, 1)
	}
	*p = append(*p, paced{now, waited / time.Duration(place)})
}

// expect is how long somebody at a place will wait, by the median of the last hour's answers; false where these are fewer
// than leastPaced.
func (p pace) expect(now time.Time, place int) (time.Duration, bool) {
	var each []time.Duration
	for _, a := range p {
		if now.Sub(a.at) <= pacedFor {
			each = append(each, a.each)
		}
	}
	if len(each) < leastPaced {
		return 0, false
	}
	slices.Sort(each)
	return each[len(each)/2] * time.Duration(place), true
}
