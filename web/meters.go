package web

import "time"

const (
	maxMeters  = 10_000 // addresses that are remembered
	sweepEvery = time.Second
)

// meters limit what client addresses do: each has a bucket of its own. While there are too many, those whose bucket is full
// again are forgotten, and strangers share one. The state belongs to whoever has taken it out of the channel. Safe for
// concurrent use.
type meters struct {
	rate, burst float64
	state       chan meterState
}

type meterState struct {
	buckets map[string]*bucket
	swept   time.Time
}

func newMeters(rate, burst float64) *meters {
	m := &meters{rate: rate, burst: burst, state: make(chan meterState, 1)}
	m.state <- meterState{buckets: make(map[string]*bucket)}
	return m
}

// take takes cost for an address and returns 0, or takes nothing and returns how long until it would be there. What
// costs more than a whole bucket is lent by a full one.
func (m *meters) take(address string, now time.Time, cost float64) time.Duration {
	s := <-m.state
	defer func() { m.state <- s }()
	if len(s.buckets) >= maxMeters && now.Sub(s.swept) >= sweepEvery {
		s.swept = now
		for a, b := range s.buckets {
			if b.take(now, 0); b.tokens >= b.burst {
				delete(s.buckets, a)
			}
		}
	}
	if s.buckets[address] == nil && len(s.buckets) >= maxMeters {
		address = ""
	}
	b := s.buckets[address]
	if b == nil {
		b = &bucket{rate: m.rate, burst: m.burst, tokens: m.burst, last: now}
		s.buckets[address] = b
	}
	b.take(now, 0)
	if lack := min(cost, b.burst) - b.tokens; lack > 0 {
		return time.Duration(lack / b.rate * float64(time.Second))
	}
	b.take(now, cost)
	return 0
}
