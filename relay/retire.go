package relay

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"frontdesk/component/stanza"
)

// Who logged in anonymously and has no key comes back as somebody else, if at all: nobody can reach him any more. Some time after the
// end of his last conversation the desk forgets his address, and his contact takes nothing more; what was said stays in the log. A key
// that was not used for times.key is none any more.

const (
	retireEvery = time.Hour
	maxRetired  = 1000 // at a time
)

var errEnough = errors.New("relay: enough")

// retireKey orders the rows of tableRetire by time.
func retireKey(at time.Time, customer uint64) string {
	return fmt.Sprintf("%012d\x00%d", at.Unix(), customer)
}

// keyless reports whether nobody can come back as this customer.
func (r *Relay) keyless(c *customer) bool {
	return (c.Key == "" || c.Lapsed) && c.Bare != "" && c.Bare.Domain() == r.cfg.Web.Host
}

// expires notes when a customer is to be forgotten, at the end of a conversation; of one with a key, when that may be over.
func (r *Relay) expires(c *customer) {
	switch {
	case r.keyless(c):
		r.put(tableRetire, retireKey(r.now.Add(r.cfg.Times.Retire), c.N), true)
	case mortal(c):
		r.put(tableRetire, retireKey(r.now.Add(r.cfg.Times.Key), c.N), true)
	}
}

// mortal reports whether a customer has a key that is over when nobody uses it. Who is signed in at the site needs none.
func mortal(c *customer) bool { return c.Key != "" && !c.Lapsed && c.User == "" }

// use notes that a customer's page is there.
func (r *Relay) use(c *customer) {
	if mortal(c) && r.now.Sub(c.Used) > r.cfg.Times.Key/32 {
		c.Used = r.now
		r.saveCustomer(c)
	}
}

// lapsed reports whether a customer's key was not used for too long, and sees to it that it stays so.
func (r *Relay) lapsed(c *customer) bool {
	if mortal(c) && !c.Used.IsZero() && r.now.Sub(c.Used) > r.cfg.Times.Key {
		c.Lapsed = true
		r.saveCustomer(c)
		r.expires(c)
		r.log.Info("the key of a customer's page was not used for too long and is none any more", "customer", c.N)
	}
	return c.Lapsed
}

// retire forgets those whose time has come. It runs every hour, and reads no further than to the first who may stay.
func (r *Relay) retire() {
	if !r.retireAt.IsZero() && r.retireAt.After(r.now) {
		return
	}
	r.retireAt = r.now.Add(retireEvery)
	var due []string
	err := r.store.Rows(tableRetire, func(key string, _ []byte) error {
		if len(due) == maxRetired {
			r.retireAt = r.now.Add(time.Second)
			return errEnough
		}
		if at, _, _ := strings.Cut(key, "\x00"); at > fmt.Sprintf("%012d", r.now.Unix()) {
			return errEnough
		}
		due = append(due, key)
		return nil
	})
	if err != nil && err != errEnough {
		r.fail(err)
		return
	}
	for _, key := range due {
		r.put(tableRetire, key, nil)
		_, number, _ := strings.Cut(key, "\x00")
		n, _ := strconv.ParseUint(number, 10, 64)
		switch c := r.customer(n); {
		case c == nil:
		case mortal(c):
			if len(c.clients) > 0 || c.Used.IsZero() {
				r.use(c)
			}
			if !r.lapsed(c) {
				r.put(tableRetire, retireKey(c.Used.Add(r.cfg.Times.Key+time.Minute), c.N), true)
			}
		case r.keyless(c) && r.over(c):
			r.forgetAddress(c)
		}
	}
}

// over reports whether all conversations of a customer ended long ago.
func (r *Relay) over(c *customer) bool {
	for _, n := range c.Threads {
		t := r.thread(n)
		if t == nil {
			continue
		}
		if _, open := r.desk.Thread(n); open || t.Saved != nil && r.now.Sub(t.Saved.Ended) < r.cfg.Times.Retire {
			return false
		}
	}
	return true
}

func (r *Relay) forgetAddress(c *customer) {
	for _, at := range c.addresses() {
		delete(r.byJID, at.Bare())
		r.put(tableJID, string(at.Bare()), nil)
	}
	c.Bare, c.Full, c.Pages = "", "", nil
	r.saveCustomer(c)
	r.log.Info("an anonymous customer who cannot come back is forgotten", "customer", c.N)
}

// retired reports whether nothing can be sent to a customer any more.
func (c *customer) retired() bool { return c.Bare == stanza.JID("") }
