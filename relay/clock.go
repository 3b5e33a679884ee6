package relay

import (
	"crypto/rand"
	"math/big"
	"time"
)

// Clock is the loop's time.
type Clock interface {
	Now() time.Time
	// Alarm returns a channel that receives once t is reached, and what ends it.
	Alarm(t time.Time) (<-chan time.Time, func())
}

// wallClock is the time of the start plus monotonic elapsed: a step of the system's clock moves no
// deadline. It starts no earlier than the log ends, so that time goes on after the clock was set back.
type wallClock struct{ start, base time.Time }

func newWallClock(last time.Time) wallClock {
	c := wallClock{start: time.Now()}
	if c.base = c.start.UTC().Round(0); c.base.Before(last) {
		c.base = last
	}
	return c
}

func (c wallClock) Now() time.Time { return c.base.Add(time.Since(c.start)) }

func (c wallClock) Alarm(t time.Time) (<-chan time.Time, func()) {
	timer := time.NewTimer(t.Sub(c.Now()))
	return timer.C, func() { timer.Stop() }
}

// fairChance draws from the system's random source.
type fairChance struct{}

func (fairChance) IntN(n int) int {
	k, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		panic("relay: no randomness: " + err.Error())
	}
	return int(k.Int64())
}
