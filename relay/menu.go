package relay

import (
	"crypto/rand"
	"strconv"
	"strings"
	"time"

	"frontdesk/component/stanza"
)

// Who writes to the front's domain, or to an address of it that is no queue's, is asked which queue he means. What he wrote goes
// there when he has said so, and is confirmed only then.

// Bounds of the menu.
const (
	maxAtDoor  = 200 // people who were asked, with what they wrote; more are told that there is nobody
	maxTries   = 3   // then they are told so, too
	maxListed  = 50  // queues
	doorwayFor = 10 * time.Minute
)

// doorway is somebody who was asked which queue he means.
type doorway struct {
	wrote *intake
	at    time.Time
	tries int
}

// atDoor takes a message to no queue.
func (r *Relay) atDoor(s *stanza.Element) {
	m := read(s)
	c := r.customerOf(s.From())
	switch {
	case s.Type() == "headline", !m.hasWords() && !m.encrypted:
		return
	case c != nil && c.Blocked.After(r.now):
		r.send(r.front, r.inWords(errBlocked, r.texts, wanted(c, s), "blocked").Reply(s))
		return
	case m.encrypted, m.tooLong(), m.Body == "", s.Type() == "groupchat":
		r.nobodyThere(c, s)
		return
	}
	from := s.From().Bare()
	p := r.doors[from]
	if p != nil && r.now.Sub(p.at) > doorwayFor {
		p = nil
	}
	if len(r.order) == 1 {
		r.enters(c, s, r.order[0], m)
		return
	}
	if p != nil {
		if q := r.meant(m.Body); q != nil {
			delete(r.doors, from)
			r.enters(c, s, q, p.wrote)
			return
		}
		if p.tries++; p.tries >= maxTries {
			delete(r.doors, from)
			r.nobodyThere(c, s)
			return
		}
	} else if !r.lets(from, m) {
		r.nobodyThere(c, s)
		return
	}
	v := r.texts.In(wanted(c, s))
	lines := []string{v.Say("menu")}
	w := &words{Lang: v.Lang}
	for i, q := range r.order[:min(len(r.order), maxListed)] {
		n := strconv.Itoa(i + 1)
		lines = append(lines, v.Say("menu_line", "n", n, "queue", q.title, "address", string(r.queueJID(q.name))))
		w.Replies = append(w.Replies, choice{n, n + ". " + q.title})
	}
	w.Body = strings.Join(lines, "\n")
	r.sayAtDoor(s, w)
}

// lets remembers somebody who is asked; false where too many are.
func (r *Relay) lets(from stanza.JID, m *intake) bool {
	if len(r.doors) >= maxAtDoor {
		for j, p := range r.doors {
			if r.now.Sub(p.at) > doorwayFor {
				delete(r.doors, j)
			}
		}
	}
	if len(r.doors) >= maxAtDoor {
		return false
	}
	r.doors[cloned(from)] = &doorway{wrote: m, at: r.now}
	return true
}

// enters brings what somebody wrote to a queue, and tells him so.
func (r *Relay) enters(c *customer, s *stanza.Element, q *queue, m *intake) {
	if c == nil && !r.newcomer(s.From()) {
		r.slower(s)
		return
	}
	v := q.texts.In(wanted(c, s))
	r.sayAtDoor(s, &words{Lang: v.Lang, Body: v.Say("menu_chosen", "queue", q.title, "address", string(r.queueJID(q.name)))})
	r.customerWrote(q, c, s.From(), m)
}

// meant is the queue that a number, a name or a title means, nil for none.
func (r *Relay) meant(text string) *queue {
	text = strings.TrimSpace(text)
	if n, err := strconv.Atoi(strings.TrimRight(text, ". ")); err == nil && n >= 1 && n <= min(len(r.order), maxListed) {
		return r.order[n-1]
	}
	for _, q := range r.order {
		if strings.EqualFold(text, q.name) || strings.EqualFold(text, q.title) || strings.EqualFold(text, string(r.queueJID(q.name))) {
			return q
		}
	}
	return nil
}

// sayAtDoor answers from the address that was written to. It is not kept.
func (r *Relay) sayAtDoor(s *stanza.Element, w *words) {
	m := w.build(rand.Text(), func(uint64) string { return "" }, "")
	r.send(r.front, address(m, s.To().WithResource(resource), s.From()))
}

func (r *Relay) nobodyThere(c *customer, s *stanza.Element) {
	e := stanza.Error{Type: "cancel", Condition: "item-not-found"}
	r.send(r.front, r.inWords(e, r.texts, wanted(c, s), "menu_nobody").Reply(s))
}
