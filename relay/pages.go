package relay

import (
	"slices"
	"time"

	"frontdesk/component/stanza"
)

// livePage is a page that has claimed its customer by his key, and is not known to be gone. The JSON names are in files for ever.
type livePage struct {
	At    stanza.JID `json:"at"`
	Queue string     `json:"queue"`
}

const (
	// maxPages are live of one customer who is signed in at the site: he has the conversation before him on all his devices, and what
	// he says on one is shown on the others. Anybody else's key is in one browser, whose tabs share a connection: it is good
	// for one page, and who comes with it from elsewhere does so to the first one's knowledge.
	maxPages    = 8
	maxExpected = 10_000 // keys
)

// show has a page be one of a customer's. Where they are too many, the one that was used longest ago is supplanted.
func (r *Relay) show(queue string, c *customer, at stanza.JID) {
	if queue == "" {
		return // its claim is from before queues were noted
	}
	most := 1
	if c.User != "" {
		most = maxPages
	}
	c.Pages = slices.DeleteFunc(c.Pages, func(p livePage) bool { return p.At == at })
	c.Pages = append(c.Pages, livePage{cloned(at), queue})
	r.bind(c, c.Pages[len(c.Pages)-1].At.Bare())
	for len(c.Pages) > most {
		old := c.Pages[0]
		c.Pages = slices.Delete(c.Pages, 0, 1)
		r.supplant(c, old)
	}
	r.saveCustomer(c)
}

// supplant tells a page that the conversation is elsewhere now. What it has sent already is its customer's yet.
func (r *Relay) supplant(c *customer, p livePage) {
	r.unbind(c, p.At.Bare())
	if c.Key != "" {
		r.put(tableClaim, string(p.At.Bare()), claimRow{Key: c.Key, Since: r.now, Queue: p.Queue, User: c.User})
	}
	m := stanza.New("", "message", "type", "headline").Add(stanza.New(nsClaim, "released"), stanza.New(nsHints, "no-store"))
	r.send(r.front, address(m, r.queueJID(p.Queue).WithResource(resource), p.At))
}

// claimed is the customer whose key a page claimed when it was not his yet, or before it was supplanted; nil where there is none.
func (r *Relay) claimed(from stanza.JID) *customer {
	var claim claimRow
	var n uint64
	if !r.row(tableClaim, string(from.Bare()), &claim) || !r.row(tableKey, claim.Key, &n) {
		return nil
	}
	if c := r.customer(n); c != nil && !r.lapsed(c) {
		return c
	}
	return nil
}

// expect notes a page of who is signed in and has not written yet: if he does so on another device, this one shows it.
func (r *Relay) expect(claim *claimRow) {
	all, at := r.expected[claim.Key], claim.Page
	if claim.User == "" || at == "" || len(all) >= maxPages || len(r.expected) >= maxExpected || slices.ContainsFunc(all, func(p livePage) bool { return p.At == at }) {
		return
	}
	r.expected[claim.Key] = append(all, livePage{cloned(at), claim.Queue})
}

// gather has the pages that were expected show what is said to a customer.
func (r *Relay) gather(c *customer) {
	for _, p := range r.expected[c.Key] {
		r.put(tableClaim, string(p.At.Bare()), nil)
		r.show(p.Queue, c, p.At)
	}
	delete(r.expected, c.Key)
}

// lost notes that a client of a customer is gone, which his agents see, and reports whether it was the last that was known of him.
func (r *Relay) lost(c *customer, from stanza.JID) bool {
	had := len(c.Pages)
	c.Pages = slices.DeleteFunc(c.Pages, func(p livePage) bool { return p.At == from })
	_, showed := c.clients[from]
	delete(c.clients, from)
	was := c.Full == from
	last := len(c.Pages) - 1
	switch {
	case was && last >= 0:
		c.Full = c.Pages[last].At
		c.Bare = c.Full.Bare()
	case was:
		c.Full = ""
	}
	if was || had > len(c.Pages) {
		r.unbind(c, from.Bare())
		r.saveCustomer(c)
	}
	if was && last < 0 || showed {
		r.reshowAll(c)
	}
	return was && last < 0
}

// addresses are all that are known of a customer.
func (c *customer) addresses() []stanza.JID {
	all := []stanza.JID{c.Full, c.Bare}
	for _, p := range c.Pages {
		all = append(all, p.At)
	}
	return slices.DeleteFunc(all, func(at stanza.JID) bool { return at == "" })
}

// pages are those of a thread's customer that show it.
func (t *thread) pages() (all []stanza.JID) {
	for _, p := range t.customer.Pages {
		if p.Queue == t.Queue {
			all = append(all, p.At)
		}
	}
	return all
}

// toEach addresses a stanza to wherever a thread's customer is: his pages that show it, and the client that he wrote from last, if that is none.
func (t *thread) toEach(m *stanza.Element, out func(*stanza.Element)) {
	c, all := t.customer, t.pages()
	if len(all) == 0 || !slices.ContainsFunc(c.Pages, func(p livePage) bool { return p.At == c.Full }) {
		all = append(all, c.address())
	}
	for i, at := range all {
		if i > 0 {
			m = m.Clone()
		}
		out(address(m, t.from, at))
	}
}

// passToCustomer sends a signal to wherever a thread's customer is.
func (r *Relay) passToCustomer(t *thread, m *stanza.Element) {
	t.toEach(m, func(m *stanza.Element) { r.pass(r.front, m) })
}

// echo shows on all pages of a thread what its customer said on one of them; that one knows it by its id.
func (t *thread) echo(m *stanza.Element, at time.Time, out func(*stanza.Element)) {
	pages := t.pages()
	if m == nil || len(pages) < 2 {
		return
	}
	said := stanza.New(nsClaim, "said").Add(stanza.Forwarded(at, m))
	for _, to := range pages {
		out(address(stanza.New("", "message", "type", "chat").Add(said, stanza.New(nsHints, "no-store")), t.from, to))
	}
}
