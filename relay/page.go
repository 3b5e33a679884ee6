package relay

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"frontdesk/component/stanza"
	"frontdesk/dispatch"
	"frontdesk/store"
)

const (
	nsClaim = "urn:frontdesk:0"
	nsMAM   = "urn:xmpp:mam:2"                 // XEP-0313
	nsRSM   = "http://jabber.org/protocol/rsm" // XEP-0059
	maxPage = 50                               // messages of one page

	maxPageBytes = 128 << 10 // of one page; a longer one ends early, but has one message at least
	maxAsked     = 4         // queries of one customer in one batch
	maxAskers    = 64        // customers whose queries one batch answers
)

// claim binds a page to its thread: the page presents the key that the desk gave it, or asks for
// one. A key is 16 random bytes and our signature over them: it can't be guessed, and nothing has to be kept for
// one under which nobody has written yet.
func (r *Relay) claim(q *queue, s, el *stanza.Element) {
	key := el.Attr("key")
	if key == "" {
		key = r.newKey()
	} else if !r.signed(key) {
		r.send(r.front, stanza.Error{Type: "cancel", Condition: "item-not-found", Text: "This key is not known. Ask for a new one."}.Reply(s))
		return
	}
	sum := sha256.Sum256([]byte(key))
	hash := hex.EncodeToString(sum[:])
	var n uint64
	if !r.row(tableKey, hash, &n) {
		if r.customerOf(s.From()) == nil {
			r.put(tableClaim, string(s.From().Bare()), claimRow{hash, r.now})
		}
	} else if c := r.customer(n); c != nil {
		r.rebind(c, s.From())
		for _, w := range r.order {
			if t := r.thread(c.Threads[w.name]); t != nil {
				r.welcomeBack(t)
			}
		}
	}
	r.send(r.front, stanza.Result(s).Add(stanza.New(nsClaim, "claim", "key", key)))
}

// claimRow is kept of a page's claim until its visitor writes. The JSON names are in files for ever.
type claimRow struct {
	Key   string    `json:"key"` // its hash
	Since time.Time `json:"since"`
}

func (r *Relay) newKey() string {
	b := make([]byte, 16, 32)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(append(b, r.sign(b)...))
}

func (r *Relay) signed(key string) bool {
	b, err := base64.RawURLEncoding.DecodeString(key)
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
	}
}

// customerArchive answers a query of a customer for his own thread in a queue (XEP-0313 §4, with
// XEP-0059 paging): what he wrote, what agents answered, what the desk told him.
func (r *Relay) customerArchive(q *queue, s, query *stanza.Element) {
	if r.asked[s.From().Bare()]++; r.asked[s.From().Bare()] > maxAsked || len(r.asked) > maxAskers {
		r.send(r.front, stanza.Error{Type: "wait", Condition: "resource-constraint", Text: "Too many questions at once. Ask again in a moment."}.Reply(s))
		return
	}
	c := r.customerOf(s.From())
	var t *thread
	if c != nil {
		t = r.thread(c.Threads[q.name])
	}
	fin := stanza.New(nsMAM, "fin")
	set := stanza.New(nsRSM, "set")
	var page []store.Record
	more := false
	if t != nil {
		ask, err := r.paging(query.Child(nsRSM, "set"))
		if err != nil {
			r.send(r.front, err.Reply(s))
			return
		}
		var serr error
		if page, more, serr = r.visible(t, ask); serr != nil {
			r.fail(serr)
			return
		}
	}
	for _, rec := range page {
		r.send(r.front, r.archived(t, s, query.Attr("queryid"), rec))
	}
	if !more {
		fin.Set("complete", "true")
	}
	if len(page) > 0 {
		set.Add(stanza.Text(nsRSM, "first", r.ids.of(page[0].Seq)), stanza.Text(nsRSM, "last", r.ids.of(page[len(page)-1].Seq)))
	}
	r.send(r.front, stanza.Result(s).Add(fin.Add(set)))
}

// paging reads a XEP-0059 request.
func (r *Relay) paging(set *stanza.Element) (store.Query, *stanza.Error) {
	ask := store.Query{Limit: maxPage}
	if n, err := strconv.Atoi(strings.TrimSpace(set.ChildText(nsRSM, "max"))); err == nil && n >= 0 {
		ask.Limit = min(max(n, 1), maxPage)
	}
	for _, b := range []struct {
		el   *stanza.Element
		into *uint64
	}{{set.Child(nsRSM, "after"), &ask.After}, {set.Child(nsRSM, "before"), &ask.Before}} {
		id := strings.TrimSpace(b.el.Text())
		if id == "" {
			continue
		}
		seq, ok := r.ids.seq(id)
		if !ok {
			return ask, &stanza.Error{Type: "cancel", Condition: "item-not-found"}
		}
		*b.into = seq
	}
	ask.Last = set.Has(nsRSM, "before")
	return ask, nil
}

// visible pages through a thread's archive, passing over records that are no message to or from the
// customer. A page ends at maxPageBytes, too.
func (r *Relay) visible(t *thread, ask store.Query) (page []store.Record, more bool, err error) {
	const step = 16 // records read at a time
	want, size := ask.Limit, 0
	ask.Limit = step
	for {
		recs, rest, err := r.store.Page(t.archive, ask)
		if err != nil {
			return nil, false, err
		}
		if ask.Last {
			slices.Reverse(recs)
		}
		for _, rec := range recs {
			if rec.Content == nil || rec.Kind != uint16(dispatch.Said) && rec.Kind != kindAmended && (rec.Kind != kindTold || !toCustomer(rec)) {
				continue
			}
			if size += len(rec.Content); len(page) == want || len(page) > 0 && size > maxPageBytes {
				rest, more = false, true
				break
			}
			page = append(page, rec)
		}
		if !rest || len(recs) == 0 {
			if ask.Last {
				slices.Reverse(page)
			}
			return page, more, nil
		}
		if ask.Last {
			ask.Before = recs[len(recs)-1].Seq
		} else {
			ask.After = recs[len(recs)-1].Seq
		}
	}
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
	by, ok := e.said()
	id, from, to := r.ids.of(e.seq), string(t.from), string(t.customer.Bare)
	if ok && by == "" {
		from, to = to, string(r.queueJID(t.Queue))
		if e.words.ID != "" {
			id = e.words.ID
		}
	}
	m := e.words.build(id, func(ref uint64) string { return r.refer(t, ref, "") })
	if m == nil {
		return nil
	}
	inClient(m.Set("from", from).Set("to", to))
	res := stanza.New(nsMAM, "result", "queryid", queryID, "id", r.ids.of(e.seq)).Add(
		stanza.New(stanza.NSForward, "forwarded").Add(
			stanza.New(stanza.NSDelay, "delay", "stamp", e.at.Format("2006-01-02T15:04:05.000Z")), m))
	return stanza.New("", "message", "from", string(s.To()), "to", string(s.From())).Add(res)
}

// inClient spells a stanza's content namespace out, as a forwarded message needs it.
func inClient(e *stanza.Element) {
	if e.Space == "" {
		e.Space = stanza.NSClient
	}
	for c := range e.Elements() {
		inClient(c)
	}
}
