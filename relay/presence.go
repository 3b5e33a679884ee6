package relay

import (
	"encoding/json"
	"strings"
	"time"

	"frontdesk/component/stanza"
	"frontdesk/config"
	"frontdesk/dispatch"
	"frontdesk/texts"
)

// maxWatchers bounds who is told of a queue's presence without having written; more are answered
// once and not told of changes.
const maxWatchers = 100_000

// queue is one address of the front.
type queue struct {
	name, title string
	agents      map[string]bool
	gone        time.Duration   // how long who has left is waited for; 0: for ever
	skills      map[string]bool // of all its agents
	zone        *time.Location  // of its hours
	photo       config.Photo
	texts       *texts.Set
	greet       bool          // who begins a conversation
	ask         []string      // who begins a conversation
	askClosed   []string      // while it is closed
	askFor      time.Duration // how long he is given to nobody meanwhile
	topics      []string
	showAgents  bool          // customers see who of the agents writes
	farewell    bool          // who is told that a conversation is over, or
	rate        bool          // is asked how it was
	copies      string        // copyOff, copyText, copyPage
	placeEvery  time.Duration // how often who waits is told his place at most; 0: once
	retellAt    time.Time     // when its line is looked at for that; zero: nobody is in it
	pace        pace
	watchers    map[stanza.JID]bool // true: subscribed (a bare JID), false: showed presence (a full one)
	mood        dispatch.Mood       // as last sent
	sentAt      time.Time
	again       time.Time // a change waits until then; zero: none
}

// visitFor is how long a client that showed its presence, or claimed a key without writing, is
// remembered over restarts: nobody tells us that it left while we were down.
const visitFor = 7 * 24 * time.Hour

// watchRow is kept of a watcher. The JSON names are in files for ever.
type watchRow struct {
	Subscribed bool      `json:"sub,omitempty"`
	Since      time.Time `json:"since"`
}

// restoreWatchers reads who is told of queues' presence, and forgets visits of long ago.
func (r *Relay) restoreWatchers() error {
	start := time.Now()
	err := r.store.Rows(tableWatch, func(key string, value []byte) error {
		name, jid, _ := strings.Cut(key, "\x00")
		var w watchRow
		if err := json.Unmarshal(value, &w); err != nil {
			return err
		}
		if q := r.queues[name]; q != nil && (w.Subscribed || start.Sub(w.Since) < visitFor) {
			q.watchers[stanza.JID(jid)] = w.Subscribed
		} else {
			r.put(tableWatch, key, nil)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return r.store.Rows(tableClaim, func(key string, value []byte) error {
		var c claimRow
		if err := json.Unmarshal(value, &c); err != nil {
			return err
		}
		if start.Sub(c.Since) >= visitFor {
			r.put(tableClaim, key, nil)
			return nil
		}
		r.expect(&c)
		return nil
	})
}

// frontUp: watchers are told how things stand; nobody told them that we were gone.
func (r *Relay) frontUp() {
	for _, q := range r.order {
		r.broadcast(q, r.moodOf(q))
	}
}

// customerPresence takes a customer's presence to a queue.
func (r *Relay) customerPresence(q *queue, s *stanza.Element) {
	from := s.From()
	switch s.Type() {
	case "":
		r.watch(q, from, false)
		r.send(r.front, r.mood(q, r.moodOf(q), from))
		if c := r.customerOf(from); c != nil {
			r.customerShows(c, from, s.ChildText("", "show"))
			if t := r.thread(c.Threads[q.name]); t != nil && (t.Lost != 0 || r.desk.Vanished(t.N)) {
				r.rebind(c, from)
				r.welcomeBack(t)
			}
		}
	case "probe":
		r.send(r.front, r.mood(q, r.moodOf(q), from))
	case "subscribe":
		r.watch(q, from.Bare(), true)
		r.send(r.front, stanza.New("", "presence", "type", "subscribed", "from", string(r.queueJID(q.name)), "to", string(from.Bare())))
		r.send(r.front, r.mood(q, r.moodOf(q), from.Bare()))
	case "unsubscribe":
		r.unwatch(q, from.Bare())
		r.send(r.front, stanza.New("", "presence", "type", "unsubscribed", "from", string(r.queueJID(q.name)), "to", string(from.Bare())))
	case "unavailable":
		r.customerLeft(q, from)
	case "error":
		r.unwatch(q, from)
	}
}

// customerLeft: a client of a customer went away. Its agent sees it as the chat state "gone"; what is written
// now goes to the account.
func (r *Relay) customerLeft(q *queue, from stanza.JID) {
	r.unwatch(q, from)
	c := r.customerOf(from)
	if c == nil {
		r.forget(from)
		return
	}
	if r.lost(c, from) {
		r.customerSignal(q, c, &intake{state: "gone"})
		r.leaving(q, c)
	}
}

// leftAfter is how long a visitor's page may be gone before his agent is told: it is loaded again at every click on a link.
const leftAfter = time.Minute

// leaver is a visitor of the page who may have left.
type leaver struct {
	at     time.Time
	thread uint64
}

// leaving notes that a visitor's page is gone. Who has an account of his own gets what is written wherever he is.
func (r *Relay) leaving(q *queue, c *customer) {
	t := r.thread(c.Threads[q.name])
	if t == nil || c.Bare.Domain() != r.cfg.Web.Host || t.told["left"] {
		return
	}
	t.tell("left")
	r.leavers = append(r.leavers, leaver{r.now.Add(leftAfter), t.N})
}

// left tells dispatch of visitors who have left the page.
func (r *Relay) left() {
	for len(r.leavers) > 0 && !r.leavers[0].at.After(r.now) {
		t := r.thread(r.leavers[0].thread)
		r.leavers = r.leavers[1:]
		if t == nil {
			continue
		}
		if t.customer.Full != "" {
			delete(t.told, "left")
		} else {
			r.decide(dispatch.CustomerGone{Thread: t.N}, nil)
		}
	}
}

func (r *Relay) watch(q *queue, jid stanza.JID, subscribed bool) {
	if old, ok := q.watchers[jid]; ok && old == subscribed || len(q.watchers) >= maxWatchers {
		return
	}
	if _, known := q.watchers[jid]; !known && r.customerOf(jid) == nil && !r.newcomer(jid) {
		return // he is told how things stand now, and not when that changes
	}
	jid = stanza.JID(strings.Clone(string(jid)))
	q.watchers[jid] = subscribed
	r.put(tableWatch, q.name+"\x00"+string(jid), watchRow{subscribed, r.now})
}

func (r *Relay) unwatch(q *queue, jid stanza.JID) {
	if _, ok := q.watchers[jid]; ok {
		delete(q.watchers, jid)
		r.put(tableWatch, q.name+"\x00"+string(jid), nil)
	}
}

// moods tells watchers when a queue's presence changed, at most every presenceEvery.
func (r *Relay) moods() {
	for _, q := range r.order {
		due := !q.again.IsZero() && !q.again.After(r.now)
		if !r.stale && !due {
			continue
		}
		m := r.moodOf(q)
		if m == q.mood {
			q.again = time.Time{}
			continue
		}
		if at := q.sentAt.Add(presenceEvery); at.After(r.now) {
			q.again = at
			continue
		}
		r.broadcast(q, m)
	}
	r.stale = false
}

// moodOf is the truth about a queue: while nobody can be assigned, nobody is free.
func (r *Relay) moodOf(q *queue) dispatch.Mood {
	m := r.desk.Mood(q.name)
	if r.paused && m == dispatch.Free {
		return dispatch.Full
	}
	return m
}

// broadcast tells all watchers. Who comes later is told how things stand then.
func (r *Relay) broadcast(q *queue, m dispatch.Mood) {
	q.mood, q.again = m, time.Time{}
	if to := sortedKeys(q.watchers); len(to) > 0 {
		q.sentAt = r.now
		r.items = append(r.items, item{side: r.front, el: r.mood(q, m, ""), to: to})
	}
}

// mood is the presence of a queue: the truth about who would answer.
func (r *Relay) mood(q *queue, m dispatch.Mood, to stanza.JID) *stanza.Element {
	p := stanza.New("", "presence", "from", string(r.queueJID(q.name))+"/"+resource, "to", string(to))
	switch m {
	case dispatch.Free:
	case dispatch.Full:
		p.Add(stanza.Text("", "show", "dnd"))
	default:
		p.Add(stanza.Text("", "show", "xa"))
	}
	for _, v := range q.texts.Voices() { // the first is the queue's own, for clients that show the first
		p.Add(stanza.Text("", "status", r.status(q, m, v)).SetLang(v.Lang))
	}
	p.Add(stanza.Text(stanza.NSNick, "nick", q.title), q.face().caps())
	if q.photo.Type != "" {
		p.Add(stanza.New(nsAvatar, "x").Add(stanza.Text(nsAvatar, "photo", q.photo.Sum)))
	}
	return p
}

// status is what a queue's presence says in one language. Presences stay: they know no "tomorrow".
func (r *Relay) status(q *queue, m dispatch.Mood, v texts.Voice) string {
	switch m {
	case dispatch.Free:
		return v.Say("status_free")
	case dispatch.Full:
		return v.Say("status_full")
	case dispatch.Nobody:
		return v.Say("status_nobody")
	}
	if at := r.opens(q); !at.IsZero() {
		return v.Say("status_closed_until", "when", v.OnDay(at, r.now))
	}
	return v.Say("status_closed")
}

// nsAvatar says in a presence which picture the vCard has (XEP-0153).
const nsAvatar = "vcard-temp:x:update"

// photoOf is a picture in a vCard (XEP-0054).
func photoOf(p config.Photo) *stanza.Element {
	return stanza.New("vcard-temp", "PHOTO").Add(stanza.Text("vcard-temp", "TYPE", p.Type), stanza.Text("vcard-temp", "BINVAL", p.Data))
}
