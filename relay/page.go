package relay

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"time"

	"frontdesk/component/stanza"
	"frontdesk/muc"
	"frontdesk/store"
)

const (
	nsClaim = "urn:frontdesk:0"
	maxPage = 50 // messages of one page

	maxPageBytes = 128 << 10 // of one page; a longer one ends early, but has one message at least
	maxAsked     = 4         // queries of one person in one batch
	maxAskers    = 64        // persons whose queries one batch answers
)

// claim binds a page to its thread: the page presents the key that the desk gave it, or asks for
// one. A key is 16 random bytes and our signature over them: it can't be guessed, and nothing has to be kept for
// one under which nobody has written yet. A visitor who is signed in at the site comes with its token, and gets the
// one key that is his on every device; what he said before, under another key, becomes his. An address is one customer's for
// as long as it is used: what is said to him goes there.
func (r *Relay) claim(q *queue, s, el *stanza.Element) {
	key := el.Attr("key")
	if key != "" && (!r.signed(key) || r.dead(key)) {
		if el.Attr("token") == "" {
			r.send(r.front, stanza.Error{Type: "cancel", Condition: "item-not-found", Text: "This key is not known. Ask for a new one."}.Reply(s))
			return
		}
		key = ""
	}
	claim := claimRow{Since: r.now, Queue: q.name, Page: s.From()}
	if token := el.Attr("token"); token != "" {
		who, err := r.users.read(token, r.now)
		if err != nil {
			r.send(r.front, stanza.Error{Type: "auth", Condition: "not-authorized", Text: err.Error()}.Reply(s))
			return
		}
		claim.User, claim.Name, claim.Email = who.Subject, who.Name, who.Email
		own := r.userKey(who.Subject)
		r.adopt(key, own)
		key = own
	}
	if key == "" {
		key = r.newKey()
	}
	claim.Key = hashOf(key)
	var n uint64
	found, old := r.row(tableKey, claim.Key, &n), r.customerOf(s.From())
	if old != nil && (found && old.N != n || !found && old.Key != "") {
		r.send(r.front, stanza.Error{Type: "cancel", Condition: "conflict", Text: "Somebody else's conversation is at this address. Connect anew."}.Reply(s))
		return
	}
	r.forget(s.From())
	if !found {
		if old == nil {
			if !r.newcomer(s.From()) {
				r.send(r.front, errCrowded.Reply(s))
				return
			}
			r.put(tableClaim, string(s.From().Bare()), claim)
			r.expect(&claim)
		}
	} else if c := r.customer(n); c != nil {
		r.use(c)
		r.introduce(c, &claim)
		r.gather(c)
		r.show(q.name, c, s.From())
		r.rebind(c, s.From())
		for _, w := range r.order {
			if t := r.thread(c.Threads[w.name]); t != nil {
				r.welcomeBack(t)
			}
		}
	}
	r.send(r.front, stanza.Result(s).Add(stanza.New(nsClaim, "claim", "key", key)))
}

// dead reports whether a key opens its thread no more, because it was not used for too long.
func (r *Relay) dead(key string) bool {
	var n uint64
	if !r.row(tableKey, hashOf(key), &n) {
		return false
	}
	c := r.customer(n)
	return c != nil && r.lapsed(c)
}

// introduce notes what the site says of a visitor who is signed in there.
func (r *Relay) introduce(c *customer, claim *claimRow) {
	if claim.User == "" {
		return
	}
	was := *c
	if c.User = claim.User; mailAddress.MatchString(claim.Email) && len(claim.Email) <= maxLearnt { // else what he told himself stays
		c.Email = claim.Email
	}
	if name := r.nameFor(claim.Name); name != "" && !c.Named {
		c.Name = name
	}
	if c.User != was.User || c.Email != was.Email || c.Name != was.Name {
		r.saveCustomer(c)
	}
}

// adopt makes the customer of a key that of another, if nobody has that yet and he is no other user.
func (r *Relay) adopt(key, own string) {
	var n uint64
	if key == "" || r.row(tableKey, hashOf(own), &n) || !r.row(tableKey, hashOf(key), &n) {
		return
	}
	if c := r.customer(n); c != nil && c.User == "" {
		r.put(tableKey, hashOf(key), nil)
		c.Key = hashOf(own)
		r.put(tableKey, c.Key, n)
		r.saveCustomer(c)
	}
}

// revoke forgets a key: nobody can come back with it. What was said stays, and his page is nobody's now.
func (r *Relay) revoke(s, el *stanza.Element) {
	key := el.Attr("key")
	var n uint64
	if r.signed(key) && r.row(tableKey, hashOf(key), &n) {
		if c := r.customer(n); c != nil && c.Key == hashOf(key) {
			c.Key = ""
			r.saveCustomer(c)
		}
		r.put(tableKey, hashOf(key), nil)
	}
	r.forget(s.From())
	r.send(r.front, stanza.Result(s))
}

// claimRow is kept of a page's claim until its visitor writes, and of a page that was supplanted until it is gone. The JSON names are in files for ever.
type claimRow struct {
	Key   string     `json:"key"` // its hash
	Since time.Time  `json:"since"`
	Queue string     `json:"queue,omitempty"`
	Page  stanza.JID `json:"page,omitempty"` // "" for one that was supplanted
	User  string     `json:"user,omitempty"` // who he is at the site, as it says
	Name  string     `json:"name,omitempty"`
	Email string     `json:"email,omitempty"`
}

func hashOf(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// userKey is the key of who is signed in at the site: always the same, and nobody else can make it.
func (r *Relay) userKey(sub string) string {
	b := r.sign([]byte("user\x00" + sub))
	return base64.RawURLEncoding.EncodeToString(append(b, r.sign(b)...))
}

func (r *Relay) newKey() string {
	b := make([]byte, 16, 32)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(append(b, r.sign(b)...))
}

func (r *Relay) signed(key string) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(key)
	return err == nil && len(b) == 32 && subtle.ConstantTimeCompare(b[16:], r.sign(b[:16])) == 1
}

func (r *Relay) sign(b []byte) []byte {
	m := hmac.New(sha256.New, r.key)
	m.Write(b)
	return m.Sum(nil)[:16]
}

// forget drops the claim of a page that left without writing.
func (r *Relay) forget(from stanza.JID) {
	var c claimRow
	if r.row(tableClaim, string(from.Bare()), &c) {
		r.put(tableClaim, string(from.Bare()), nil)
		r.expected[c.Key] = slices.DeleteFunc(r.expected[c.Key], func(p livePage) bool { return p.At == from })
		if len(r.expected[c.Key]) == 0 {
			delete(r.expected, c.Key)
		}
	}
}

// customerArchive answers a query of a customer for his own thread in a queue (XEP-0313 §4, with
// XEP-0059 paging): what he wrote, what agents answered, what the desk told him.
func (r *Relay) customerArchive(q *queue, s, query *stanza.Element) {
	if r.crowded(s.From()) {
		r.send(r.front, errCrowded.Reply(s))
		return
	}
	c := r.customerOf(s.From())
	var t *thread
	if c != nil {
		t = r.thread(c.Threads[q.name])
	}
	var page []store.Record
	more := false
	if t != nil {
		ask, err := r.paging(query)
		if err != nil {
			r.send(r.front, err.Reply(s))
			return
		}
		var serr error
		if page, more, serr = r.sift(t.archive, ask, maxSifted, visible); serr != nil {
			r.fail(serr)
			return
		}
		if more && len(page) == 0 {
			r.send(r.front, errWide.Reply(s))
			return
		}
	}
	for _, rec := range page {
		r.send(r.front, r.archived(t, s, query.Attr("queryid"), rec))
	}
	first, last := "", ""
	if len(page) > 0 {
		first, last = r.ids.of(page[0].Seq), r.ids.of(page[len(page)-1].Seq)
	}
	r.send(r.front, stanza.Result(s).Add(stanza.Fin(first, last, !more)))
}

// paging turns what a query asks for into numbers.
func (r *Relay) paging(query *stanza.Element) (store.Query, *stanza.Error) {
	p := stanza.PagingOf(query)
	ask := store.Query{Limit: maxPage, Last: p.Last}
	if p.Max >= 0 {
		ask.Limit = min(max(p.Max, 1), maxPage)
	}
	for _, b := range []struct {
		id   string
		into *uint64
	}{{p.After, &ask.After}, {p.Before, &ask.Before}} {
		if b.id == "" {
			continue
		}
		seq, ok := r.ids.seq(b.id)
		if !ok {
			return ask, &stanza.Error{Type: "cancel", Condition: "item-not-found"}
		}
		*b.into = seq
	}
	return ask, nil
}

// visible is what a customer may read of his thread's archive: messages to and from him.
func visible(rec *store.Record) bool {
	switch {
	case rec.Content == nil && !rec.Erased:
		return false
	case uttered(rec.Kind):
		return true
	}
	return rec.Kind == kindTold && toCustomer(*rec)
}

// toCustomer reports whether one of the desk's own texts went to the customer.
func toCustomer(rec store.Record) bool {
	e, err := decode(rec)
	return err == nil && e.own.To == ""
}

// archived is one result of an archive query.
func (r *Relay) archived(t *thread, s *stanza.Element, queryID string, rec store.Record) *stanza.Element {
	e, err := decode(rec)
	if err != nil {
		r.fail(err)
		return nil
	}
	m := r.asCustomerSees(t, e)
	if m == nil {
		return nil
	}
	return stanza.New("", "message", "from", string(s.To()), "to", string(s.From())).Add(stanza.Archived(queryID, r.ids.of(e.seq), e.at, m))
}

// asCustomerSees is a message of a thread as it went to or from the customer's client; nil for what is none.
func (r *Relay) asCustomerSees(t *thread, e *entry) *stanza.Element {
	by, ok := e.said()
	id, from, to := r.ids.of(e.seq), string(t.from), string(t.customer.Bare)
	if uttered(e.kind) && by == "" {
		from, to = to, string(r.queueJID(t.Queue))
		if ok && e.words.ID != "" {
			id = e.words.ID
		}
	}
	var m *stanza.Element
	if e.words == nil {
		m = stanza.New("", "message", "type", "chat", "id", id).Add(muc.Erased(e.at))
	} else if m = e.words.build(id, func(ref uint64) string { return r.refer(t, ref, "") }, r.instead(t, e.words)); m == nil {
		return nil
	} else if ok {
		r.byline(m, t, by)
	}
	return m.Set("from", from).Set("to", to)
}
