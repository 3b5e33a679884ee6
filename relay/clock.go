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

// wallClock is start plus monotonic elapsed: a step of the system's clock moves no deadline.
type wallClock struct{ start time.Time }

func (c wallClock) Now() time.Time { return c.start.Add(time.Since(c.start)).UTC().Round(0) }

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
