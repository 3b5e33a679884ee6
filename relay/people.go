package relay

import (
	"encoding/json"
	"fmt"
	"hash/maphash"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"frontdesk/component/stanza"
	"frontdesk/dispatch"
	"frontdesk/muc"
	"frontdesk/store"
)

// Tables of rows. The names are in files for ever.
const (
	tableMeta      = "meta"      // secrets, counters, cursors
	tableCustomer  = "customer"  // number → customer
	tableJID       = "jid"       // bare JID → customer number
	tableKey       = "key"       // hash of a key → customer number
	tableClaim     = "claim"     // bare JID → key of a visitor who has not written yet
	tableThread    = "thread"    // number → thread
	tableWatch     = "watch"     // queue \x00 JID → who is told of the queue's presence
	tableAgent     = "agent"     // bare JID → what was done for an agent once
	tableSession   = "session"   // muc's rows
	tableRoom      = "room"      // local name of a room that somebody made → number of the record of that
	tableRetire    = "retire"    // time and number of a customer who may be forgotten then
	tableStaff     = "staff"     // bare JID → what admins said of somebody while the desk ran
	tableCanned    = "canned"    // owner \x00 key → canned reply
	tableStats     = "stats"     // day \x00 queue or agent → tally
	tableRoster    = "roster"    // thread \x00 agent → what his roster may hold of it
	tableRetracted = "retracted" // id of a group message, or room, author and his id for it → number of the record that took it back
)

// customer is who writes to the front. The JSON names are in files for ever.
type customer struct {
	N       uint64            `json:"n"`
	Bare    stanza.JID        `json:"bare"`
	Full    stanza.JID        `json:"full,omitempty"` // last known client; "" once it is known to be gone
	Name    string            `json:"name,omitempty"`
	Lang    string            `json:"lang,omitempty"`   // xml:lang of what he wrote last
	Email   string            `json:"email,omitempty"`  // as he told it
	Key     string            `json:"key,omitempty"`    // hash of the web page's key
	Used    time.Time         `json:"used,omitzero"`    // when a page came or wrote with it last, to a 32nd of how long it holds; zero is not known
	Lapsed  bool              `json:"lapsed,omitempty"` // it was not used for too long: nobody can come with it any more
	User    string            `json:"user,omitempty"`   // who he is at the site where he is signed in, as that says
	Threads map[string]uint64 `json:"threads,omitempty"`
	Pages   []livePage        `json:"pages,omitempty"` // that show what is said to him; the last is the one that he used last
	Named   bool              `json:"named,omitempty"` // by an agent, who knows better than the customer's client
	Blocked time.Time         `json:"blocked,omitzero"`

	clients  map[stanza.JID]string // the show of those that sent presence, at most maxClients
	moves    int                   // how often his contacts changed by his doing, until movesEnd
	movesEnd time.Time
	restless bool // a change waits in Relay.restless
}

// address is where to write to the customer.
func (c *customer) address() stanza.JID {
	if c.Full != "" {
		return c.Full
	}
	return c.Bare
}

// thread is what relay knows of one, beside dispatch. The JSON names are in files for ever.
type thread struct {
	N      uint64 `json:"n"`
	Queue  string `json:"queue"`
	Slug   string `json:"slug"`
	Who    uint64 `json:"customer"`
	Opened uint64 `json:"opened"`         // record that began the last conversation
	Lost   uint64 `json:"lost,omitempty"` // first record that the customer could not be given

	// What an agent could not be given: from record Missed on, until he lost the conversation at MissedTill (0: not yet).
	Missed     uint64           `json:"missed,omitempty"`
	MissedBy   string           `json:"missed_by,omitempty"`
	MissedTill uint64           `json:"missed_till,omitempty"`
	Saved      *dispatch.Thread `json:"saved,omitempty"`

	Answered bool `json:"answered,omitempty"` // somebody has written in the last conversation

	Tags   []string          `json:"tags,omitempty"`
	Notes  []uint64          `json:"notes,omitempty"` // records
	Asking *asking           `json:"asking,omitempty"`
	Unmet  bool              `json:"unmet,omitempty"` // who began the last conversation was not greeted or asked yet: that comes at the end of a step, once the desk is up
	Given  map[string]string `json:"given,omitempty"` // answers of the last conversation, by field

	Rated     uint64   `json:"rated,omitempty"`     // record of the last rating
	After     *closing `json:"after,omitempty"`     // what may be answered to the end of the last conversation
	Consulted []string `json:"consulted,omitempty"` // agents who were asked about the open conversation
	Followers []string `json:"followers,omitempty"` // agents who subscribed to the contact's presence, at most maxFollowers

	customer *customer
	contact  stanza.JID // what we write from on the agents' side
	from     stanza.JID // and on the customers' side
	archive  string     // of its records
	recent   [2]sayings // the customer's, and the agents': however much one side says, what the other repeats is known
	filled   bool       // recent has been read from the store
	told     map[string]bool
	stood    *standing // where the customer was told that he stands, in this conversation
	hosted   bool      // its case room is open

	look               string     // what agents' clients were last told of the customer
	named              string     // and what he is called
	shown              []string   // the agents who were
	composing          bool       // as the customer was last told
	againFrom, againAt uint64     // what a client that is gone bounced has gone out again: from which record on, and at which
	againTo            stanza.JID // where to
	agains             int        // how often something went out again to the customer before againsEnd
	againsEnd          time.Time
}

// said is one message of a thread, for references and repeats.
type said struct {
	seq  uint64
	key  uint64 // of author and id, to find it by
	sum  uint64 // of the content, to recognise a repeat
	at   int64  // unix nanoseconds
	by   string
	id   string
	root uint64 // what it corrects

	awaited bool // its author, the customer, is to be told when an agent's client has it
}

const (
	maxRecent = 128    // of each side
	maxCached = 50_000 // threads kept in memory beyond the open ones
)

func (t *thread) local() string { return t.Slug + "." + strconv.FormatUint(t.N, 10) }

// idKey is compared before the strings are.
func (r *Relay) idKey(by, id string) uint64 {
	return maphash.String(r.seed, id) ^ uint64(len(by))
}

func (r *Relay) remember(t *thread, seq uint64, by string, w *words, at time.Time) {
	// A piece of a stanza would keep all of it in memory, hence the clone.
	s := said{seq: seq, key: r.idKey(by, w.ID), sum: w.sum(r.seed), at: at.UnixNano(), by: by, id: strings.Clone(w.ID), root: w.Replace,
		awaited: by == "" && w.ID != "" && w.trackable()}
	t.saidBy(by).add(s)
}

// sayings are the newest messages of one side, a ring of at most maxRecent.
type sayings struct {
	ring   []said
	newest int // its index
}

func (l *sayings) add(s said) {
	if len(l.ring) < maxRecent {
		l.ring = append(l.ring, s)
		l.newest = len(l.ring) - 1
		return
	}
	l.newest = (l.newest + 1) % maxRecent
	l.ring[l.newest] = s
}

// at returns the i-th newest message in memory, counting from 0.
func (l *sayings) at(i int) *said {
	if i = l.newest - i; i < 0 {
		i += len(l.ring)
	}
	return &l.ring[i]
}

// saidBy is what the side of an author has said.
func (t *thread) saidBy(by string) *sayings {
	if by == "" {
		return &t.recent[0]
	}
	return &t.recent[1]
}

// saying returns the message of a record; nil where it is not in memory.
func (t *thread) saying(seq uint64) *said {
	for side := range t.recent {
		l := &t.recent[side]
		for i := range l.ring {
			if s := l.at(i); s.seq == seq {
				return s
			}
		}
	}
	return nil
}

// byID finds a message by the id that its author's client gave it.
func (r *Relay) byID(t *thread, by, id string) *said {
	if id == "" {
		return nil
	}
	key := r.idKey(by, id)
	l := t.saidBy(by)
	for i := range l.ring {
		if s := l.at(i); s.key == key && s.id == id && s.by == by {
			return s
		}
	}
	return nil
}

// repeated reports whether the same author said the same under the same id a moment ago.
func (r *Relay) repeated(t *thread, by string, w *words) bool {
	old := r.byID(t, by, w.ID)
	return old != nil && old.sum == w.sum(r.seed) && r.now.UnixNano()-old.at < int64(repeatWithin)
}

// thread returns a thread by number, from memory or from its row; nil where there is none.
func (r *Relay) thread(n uint64) *thread {
	if t := r.threads[n]; t != nil || n == 0 {
		return t
	}
	t := &thread{}
	if !r.row(tableThread, strconv.FormatUint(n, 10), t) {
		return nil
	}
	if t.customer = r.customer(t.Who); t.customer == nil {
		return nil
	}
	r.named(t)
	t.hosted = r.rooms.Hosted(caseLocal(t.N))
	return t
}

// named fills in what follows from the row, and keeps the thread in memory.
func (r *Relay) named(t *thread) {
	t.contact = r.contactJID(t).WithResource(resource)
	t.from = r.queueJID(t.Queue).WithResource(resource)
	t.archive = strconv.FormatUint(t.N, 10)
	r.threads[t.N] = t
}

// fill reads the newest messages of a thread, once.
func (r *Relay) fill(t *thread) {
	if t.filled {
		return
	}
	t.filled = true
	t.recent = [2]sayings{}
	var found []*entry // newest first
	var sides [2]int
	ask := store.Query{Limit: maxRecent, Last: true}
	for range fillPages {
		page, more, err := r.store.Page(t.archive, ask)
		if err != nil {
			r.fail(err)
			return
		}
		for _, rec := range slices.Backward(page) {
			e, err := decode(rec)
			if err != nil {
				continue
			}
			if by, ok := e.said(); ok {
				found = append(found, e)
				sides[min(len(by), 1)]++
			}
		}
		// What is older than any repeat is not looked for any further.
		if !more || len(page) == 0 || min(sides[0], sides[1]) >= maxRecent || len(found) >= maxRecent && r.now.Sub(page[0].Time) > repeatWithin {
			break
		}
		ask.Before = page[0].Seq
	}
	for _, e := range slices.Backward(found) {
		by, _ := e.said()
		r.remember(t, e.seq, by, e.words, e.at)
	}
}

// fillPages bounds how many pages of a thread fill reads.
const fillPages = 8

func (r *Relay) customer(n uint64) *customer {
	if c := r.customers[n]; c != nil || n == 0 {
		return c
	}
	c := &customer{}
	if !r.row(tableCustomer, strconv.FormatUint(n, 10), c) {
		return nil
	}
	r.customers[n] = c
	return c
}

// customerOf returns who writes from an address, nil if he never wrote.
func (r *Relay) customerOf(from stanza.JID) *customer {
	bare := from.Bare()
	if n, ok := r.byJID[bare]; ok {
		return r.customer(n)
	}
	var n uint64
	if !r.row(tableJID, string(bare), &n) {
		return nil
	}
	r.byJID[bare] = n
	return r.customer(n)
}

// newCustomer is one who has no number yet, at an account.
func (r *Relay) newCustomer(bare stanza.JID) *customer {
	return &customer{N: r.lastCustomer + 1, Bare: cloned(bare), Threads: map[string]uint64{}}
}

// enrol keeps a new customer, under the key that his page claimed.
func (r *Relay) enrol(c *customer) {
	r.lastCustomer = c.N
	r.put(tableMeta, "customers", r.lastCustomer)
	r.customers[c.N] = c
	var claim claimRow
	if r.row(tableClaim, string(c.Bare), &claim) {
		c.Key, c.Used = claim.Key, r.now
		r.introduce(c, &claim)
		r.put(tableKey, claim.Key, c.N)
		r.put(tableClaim, string(c.Bare), nil)
		r.gather(c)
		r.show(claim.Queue, c, c.Full)
	}
	r.byJID[c.Bare] = c.N
	r.put(tableJID, string(c.Bare), c.N)
	r.saveCustomer(c)
}

// rebind notes the address that a customer has now. His old one, where it was an anonymous
// one of a web page, is forgotten.
func (r *Relay) rebind(c *customer, from stanza.JID) {
	if c.Full == from && c.Bare == from.Bare() {
		return
	}
	from, old := cloned(from), c.Bare
	c.Bare, c.Full = from.Bare(), from
	r.unbind(c, old)
	r.bind(c, c.Bare)
	if i := slices.IndexFunc(c.Pages, func(p livePage) bool { return p.At == from }); i >= 0 {
		p := c.Pages[i]
		c.Pages = append(slices.Delete(c.Pages, i, i+1), p)
	}
	r.saveCustomer(c)
	r.reshowAll(c)
}

func (r *Relay) bind(c *customer, bare stanza.JID) {
	r.byJID[bare] = c.N
	r.put(tableJID, string(bare), c.N)
}

// unbind forgets an address at which a customer is no more.
func (r *Relay) unbind(c *customer, bare stanza.JID) {
	var n uint64
	if bare == "" || bare == c.Bare || slices.ContainsFunc(c.Pages, func(p livePage) bool { return p.At.Bare() == bare }) ||
		!r.row(tableJID, string(bare), &n) || n != c.N {
		return
	}
	delete(r.byJID, bare)
	r.put(tableJID, string(bare), nil)
}

func (r *Relay) saveCustomer(c *customer) { r.put(tableCustomer, strconv.FormatUint(c.N, 10), c) }
func (r *Relay) saveThread(t *thread)     { r.put(tableThread, strconv.FormatUint(t.N, 10), t) }

// newThread gives the thread that dispatch has just numbered its contact.
func (r *Relay) newThread(n uint64, queue string, c *customer) *thread {
	t := &thread{N: n, Queue: queue, Slug: slug(c.Name), Who: c.N, customer: c, filled: true}
	r.named(t)
	if c.Threads == nil {
		c.Threads = map[string]uint64{}
	}
	c.Threads[queue] = n
	r.saveCustomer(c)
	return t
}

// evict forgets closed threads and idle customers once there are many. Only after a commit:
// what is not on disk yet must stay.
func (r *Relay) evict() {
	if max(len(r.threads), len(r.customers), len(r.byJID)) < r.evictAt {
		return
	}
	keep := map[uint64]bool{}
	for n, t := range r.threads {
		if _, open := r.desk.Thread(n); open {
			keep[t.Who] = true
		} else {
			delete(r.threads, n)
		}
	}
	for n := range r.customers {
		if !keep[n] {
			delete(r.customers, n)
		}
	}
	for j, n := range r.byJID {
		if !keep[n] {
			delete(r.byJID, j)
		}
	}
	r.evictAt = 2 * (max(len(r.threads), len(r.customers), len(r.byJID)) + maxCached)
}

// slug makes a contact's localpart out of a name: ASCII letters and digits, at most 24.
func slug(name string) string {
	var b strings.Builder
	dash := false
	for _, c := range norm.NFKD.String(strings.ToLower(name)) {
		switch {
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
			if dash && b.Len() > 0 {
				b.WriteByte('-')
			}
			dash = false
			b.WriteRune(c)
		case !unicode.Is(unicode.Mn, c):
			dash = true
		}
		if b.Len() >= 23 {
			break
		}
	}
	switch s := b.String(); s {
	case "", "case", "lobby", "desk":
		return "customer"
	default:
		return s
	}
}

// cleanName makes a customer's own name fit to be shown: one line, no controls, bounded.
func cleanName(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
	}), " ")
	s = strings.NewReplacer("[", "(", "]", ")").Replace(s) // as in noticeMark
	s = strings.Clone(strings.TrimLeft(s, "!！/ "))
	for len(s) > maxName {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return strings.TrimSpace(s)
}

// nameFor makes a name fit for a customer: one that looks like an agent's or the desk's is marked, as nobody is to be taken for
// a colleague.
func (r *Relay) nameFor(s string) string {
	name := cleanName(s)
	if look := muc.Look(name); name != "" && (look == muc.Look(serviceNick) || r.visitors.looks[look]) {
		name += " (customer)"
	}
	return name
}

// name is what agents' clients call a customer.
func (t *thread) name() string {
	if t.customer.Name == "" {
		return "Customer #" + strconv.FormatUint(t.N, 10)
	}
	return t.customer.Name
}

// label is how the desk calls a customer.
func (t *thread) label() string {
	name := t.customer.Name
	if name == "" {
		name = "a customer"
	}
	return fmt.Sprintf("#%d %s (%s)", t.N, name, t.Queue)
}

// row reads a row into v, from the batch first; false where there is none.
func (r *Relay) row(table, key string, v any) bool {
	b, ok := r.pending[rowKey{table, key}]
	if !ok {
		var err error
		if b, err = r.store.Get(table, key); err != nil {
			r.fail(err)
			return false
		}
	}
	if b == nil {
		return false
	}
	if err := json.Unmarshal(b, v); err != nil {
		r.fail(fmt.Errorf("row %s/%s: %w", table, key, err))
		return false
	}
	return true
}

type rowKey struct{ table, key string }

// put adds a row to the batch; a nil v deletes.
func (r *Relay) put(table, key string, v any) {
	var b []byte
	if v != nil {
		b = mustJSON(v)
	}
	r.pending[rowKey{table, key}] = b
	r.rows = append(r.rows, store.Row{Table: table, Key: key, Value: b})
}
