package relay

import (
	"time"

	"frontdesk/component/stanza"
	"frontdesk/muc"
)

// How much a customer may send: front.messages a minute and as many at once, in parts of which a message has wordsCost and
// everything else, typing and questions of his client, one. What is more is refused, or passed over where nobody waits for an
// answer, before it costs a record. Newcomers, who leave rows behind, are bounded by domain as well; those of the hosts of
// front.customers and of the page are not: the organisation's own servers and the page's proxy bound them.
const (
	wordsCost     = 10
	newcomerBurst = 200 // of one domain at once, then
	newcomerEvery = 5 * time.Second
	unreadEvery   = time.Hour // how often who is no customer yet is told that encrypted messages cannot be read
)

// rates are what the front's side has sent lately.
type rates struct {
	messages  int // of the configuration, of which customers is made
	customers muc.Rates
	newcomers muc.Rates // by domain
	unread    muc.Rates // encrypted messages of strangers, by address
}

// settle has the rates follow the configuration.
func (r *rates) settle(messages int) {
	if r.newcomers = muc.NewRates(newcomerBurst, newcomerEvery); messages > 0 {
		r.customers = muc.NewRates(wordsCost*messages, time.Minute/time.Duration(wordsCost*messages))
	}
	r.messages, r.unread = messages, muc.NewRates(1, unreadEvery)
}

// heard reports whether something from the customers' side is looked at. Else whoever waits for an answer has been given one.
func (r *Relay) heard(s *stanza.Element) bool {
	if r.rates.messages == 0 || s.Local == "presence" && s.Type() == "unavailable" {
		return true
	}
	if r.rates.customers.Take(string(s.From().Bare()), costOf(s), r.now) {
		return true
	}
	r.slower(s)
	return false
}

// costOf is wordsCost for a message that may have to be kept, else 1.
func costOf(s *stanza.Element) int {
	if s.Local != "message" || s.Type() == "error" {
		return 1
	}
	for c := range s.Elements() {
		switch {
		case c.Space == nsStates, c.Space == nsHints, c.Space == stanza.NSSID:
		case c.Space == nsReceipts && c.Local == "received", c.Space == nsMarkers && c.Local != "markable":
		default:
			return wordsCost
		}
	}
	return 1
}

// slower asks who sent too much to send it later. What is lost without it needs no answer.
func (r *Relay) slower(s *stanza.Element) {
	if s.Local == "presence" || s.Local == "message" && (s.Type() == "error" || s.Type() == "headline" || costOf(s) == 1) {
		return
	}
	set := r.texts
	if q := r.queues[s.To().Local()]; q != nil {
		set = q.texts
	}
	r.send(r.front, r.inWords(stanza.Error{Type: "wait", Condition: "resource-constraint"}, set, s.Lang(), "too_fast").Reply(s))
}

// newcomer reports whether one more of a domain may leave something behind.
func (r *Relay) newcomer(from stanza.JID) bool {
	return r.isCustomerHost(from.Domain()) || r.rates.messages == 0 || r.rates.newcomers.Take(from.Domain(), 1, r.now)
}
