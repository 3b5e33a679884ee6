package component

import (
	"math/rand/v2"
	"time"
)

// backoff decides when to try again, and how loudly to say so.
type backoff struct {
	cfg   *Config
	wait  time.Duration
	last  string // the error that was logged
	times uint64 // in a row
}

// next returns how long to wait after a connection that was up for that long
// (0: never) and ended with err. A wait is drawn from half to one and a half of a
// time that doubles; it starts again from MinWait once a connection has lived longer
// than that time, not as soon as one is up: two that throw each other out must calm down.
func (b *backoff) next(up time.Duration, err error) time.Duration {
	switch {
	case b.wait == 0 || up > b.wait:
		b.wait = b.cfg.MinWait
	default:
		b.wait = min(2*b.wait, b.cfg.MaxWait)
	}
	wait := b.wait/2 + rand.N(b.wait)
	if up > 0 {
		b.last, b.times = "", 0
	}
	b.report(err, up > 0, wait)
	return wait
}

// report logs an error that is new, and its repeats at doubling distances.
func (b *backoff) report(err error, wasUp bool, wait time.Duration) {
	if text := err.Error(); text != b.last {
		b.last, b.times = text, 0
	}
	b.times++
	log := b.cfg.Log.With("err", err, "next_try", wait.Round(time.Millisecond))
	switch {
	case wasUp:
		log.Warn("link down")
	case b.times == 1:
		log.Warn("link cannot come up")
	case powerOfTwo(b.times):
		log.Warn("link still cannot come up", "attempts", b.times)
	default:
		log.Debug("link still cannot come up", "attempts", b.times)
	}
}
