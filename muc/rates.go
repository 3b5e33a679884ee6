package muc

import (
	"strings"
	"time"

	"frontdesk/component/stanza"
)

// How fast somebody may send. Strangers get one answer for each stanza, and after that an hour without; who is in rooms is
// bounded where what he sends goes to everybody without being said: his presence. What members say is wanted, and
// their servers bound it.
const (
	strangerBurst = 30 // stanzas at once of a stranger
	strangerEvery = time.Second
	domainBurst   = 300 // of all strangers of a domain
	domainEvery   = 50 * time.Millisecond
	presenceBurst = 40000 // copies that others get of one person's presences, in all rooms: 100 presences among 400
	presenceEvery = 2 * time.Millisecond
	maxStrikes    = 30 // stanzas too many, before
	silence       = time.Hour
	maxRates      = 4096 // senders of each kind that are remembered, twice
)

var (
	errSlower = stanza.Error{Type: "wait", Condition: "resource-constraint", Text: "You send too fast. Wait some seconds."}
	errStop   = stanza.Error{Type: "wait", Condition: "policy-violation", Text: "You send too much. Stop for an hour."}
)

// Rates are buckets by sender: burst at once, then one every so often. Who was not heard of for longest is forgotten first.
type Rates struct {
	burst      int
	every      time.Duration
	young, old map[string]*bucket
}

type bucket struct {
	full    time.Time // when it is as if nothing had been sent
	strikes int
	until   time.Time // nothing is taken
}

// NewRates returns buckets of burst that refill one every so often. They remember 2*maxRates senders at most, and belong to one goroutine.
func NewRates(burst int, every time.Duration) Rates {
	return Rates{burst: burst, every: every, young: map[string]*bucket{}}
}

func (r *Rates) of(who string) *bucket {
	b := r.young[who]
	if b != nil {
		return b
	}
	if b = r.old[who]; b == nil {
		b = &bucket{}
	}
	if len(r.young) >= maxRates {
		r.young, r.old = map[string]*bucket{}, r.young
	}
	r.young[strings.Clone(who)] = b
	return b
}

// Take reports whether who sends something may do so now. n, at most burst, is how much of the bucket it fills.
func (r *Rates) Take(who string, n int, now time.Time) bool {
	b := r.of(who)
	if !b.full.After(now) {
		b.full, b.strikes = now, 0
	}
	if b.full.Sub(now) > time.Duration(r.burst-n)*r.every {
		b.strikes++
		return false
	}
	b.full = b.full.Add(time.Duration(n) * r.every)
	return true
}

// calm reports whether the room may be told of one more presence. It counts for as many as hear it: who enters a hundred
// rooms in which nobody is disturbs nobody.
func (st *step) calm() bool {
	heard := 1
	if st.room != nil {
		heard = max(heard, len(st.room.sessions))
	}
	return st.s.presences.Take(string(st.from.Bare()), heard, st.now)
}

// heard reports whether the stanza is looked at at all. It is not of a stranger who floods: he is told to wait, then to stop, and
// then only his IQs are answered, which they must be. Nothing here depends on what he writes to.
func (st *step) heard() bool {
	typ := st.in.Type()
	if typ == "error" || typ == "result" || !st.stranger() {
		return true
	}
	s, who := st.s, st.from.Bare()
	b := s.strangers.of(string(who))
	switch {
	case st.now.Before(b.until):
		if st.in.Local == "iq" {
			st.refuse(errStop)
		}
		return false
	case s.strangers.Take(string(who), 1, st.now) && s.domains.Take(who.Domain(), 1, st.now):
		return true
	case st.in.Local == "presence" && typ != "":
		return false
	}
	err := errSlower
	if b.strikes >= maxStrikes {
		b.until, err = st.now.Add(silence), errStop
	}
	st.refuse(err)
	return false
}
