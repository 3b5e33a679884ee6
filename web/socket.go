package web

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// end says why a socket is over: what the browser is told.
type end struct {
	code   websocket.StatusCode
	reason string // at most 123 bytes
}

var (
	endGone  = end{websocket.StatusNormalClosure, ""}
	endStop  = end{websocket.StatusGoingAway, "restarting"}
	endDown  = end{websocket.StatusTryAgainLater, "try again later"}
	endQuiet = end{websocket.StatusPolicyViolation, "nothing was heard in time"}
	endMany  = end{4029, "too many chats"} // of the address; the page knows the number
	endText  = end{websocket.StatusUnsupportedData, "frames are text"}
)

// socket is one browser and its connection to the server. Four goroutines: one
// copies in each direction, one watches each peer. Each holds one frame at most,
// and no write waits longer than limits.write: a peer that does not read is cut.
type socket struct {
	limits          limits
	gate            gate   // owned by up
	bucket          bucket // owned by up
	sent            *meters
	address         string // the client's, in sent
	browser, server *websocket.Conn
	heard           [2]atomic.Int64 // when browser and server last sent a frame, Unix nanoseconds
}

// first reads the frame that must be <open/>; the server is dialled only then.
func (s *socket) first(ctx context.Context) ([]byte, *end) {
	ctx, cancel := context.WithTimeout(ctx, s.limits.open)
	defer cancel()
	kind, raw, err := s.browser.Read(ctx)
	switch {
	case ctx.Err() != nil:
		return nil, &endQuiet
	case err != nil:
		return nil, &endGone
	case kind != websocket.MessageText:
		return nil, &endText
	}
	on, _, err := s.gate.check(raw)
	if err != nil {
		return nil, &end{websocket.StatusPolicyViolation, err.Error()}
	}
	return on, nil
}

// run carries frames until one side is gone or parent ends, and closes both.
func (s *socket) run(parent context.Context, first []byte) end {
	// Reads must not see parent's end: cancelled, they would cut the socket before its close code.
	ctx, cancel := context.WithCancel(context.WithoutCancel(parent))
	defer cancel()
	tasks := []func(context.Context) end{
		func(ctx context.Context) end { return s.up(ctx, first) },
		s.down,
		func(ctx context.Context) end { return s.watch(ctx, s.browser, &s.heard[0], endQuiet) },
		func(ctx context.Context) end { return s.watch(ctx, s.server, &s.heard[1], endDown) },
	}
	ends := make(chan end, len(tasks))
	for _, task := range tasks {
		go func() { ends <- task(ctx) }()
	}
	left := len(tasks)
	var e end
	select {
	case e = <-ends:
		left--
	case <-parent.Done():
		e = endStop
	}
	// A peer that has failed is not waited for.
	switch e {
	case endDown:
		s.server.CloseNow()
	case endQuiet:
		s.browser.CloseNow()
	}
	closed := make(chan struct{})
	go func() {
		s.server.Close(websocket.StatusNormalClosure, "")
		close(closed)
	}()
	s.browser.Close(e.code, e.reason) // like the server's: 10 s at most
	<-closed
	cancel()
	for range left {
		<-ends
	}
	return e
}

// up copies from the browser to the server: judged, and no faster than the bucket allows.
func (s *socket) up(ctx context.Context, first []byte) end {
	if s.write(ctx, s.server, first) != nil {
		return endDown
	}
	for {
		kind, raw, err := s.browser.Read(ctx)
		if err != nil {
			if errors.Is(err, websocket.ErrMessageTooBig) {
				return end{websocket.StatusMessageTooBig, "frame too big"}
			}
			return endGone
		}
		now := time.Now()
		s.heard[0].Store(now.UnixNano())
		if kind != websocket.MessageText {
			return endText
		}
		cost := 1 + float64(len(raw)/4096)
		if !sleep(ctx, s.bucket.take(now, cost)) {
			return endGone
		}
		for wait := s.sent.take(s.address, time.Now(), cost); wait > 0; wait = s.sent.take(s.address, time.Now(), cost) {
			if !sleep(ctx, wait) {
				return endGone
			}
		}
		on, answer, err := s.gate.check(raw)
		if err != nil {
			return end{websocket.StatusPolicyViolation, err.Error()}
		}
		if answer != nil && s.write(ctx, s.browser, answer) != nil {
			return endGone
		}
		if on != nil && s.write(ctx, s.server, on) != nil {
			return endDown
		}
	}
}

// down copies from the server to the browser.
func (s *socket) down(ctx context.Context) end {
	for {
		kind, raw, err := s.server.Read(ctx)
		if err != nil {
			if websocket.CloseStatus(err) == websocket.StatusNormalClosure {
				return endGone
			}
			return endDown
		}
		s.heard[1].Store(time.Now().UnixNano())
		if kind != websocket.MessageText {
			return endDown
		}
		if s.write(ctx, s.browser, raw) != nil {
			return endGone
		}
	}
}

func (s *socket) write(ctx context.Context, to *websocket.Conn, raw []byte) error {
	ctx, cancel := context.WithTimeout(ctx, s.limits.write)
	defer cancel()
	return to.Write(ctx, websocket.MessageText, raw)
}

// watch pings a peer that has been quiet and returns e when it does not answer.
// A frame that comes meanwhile is an answer too: a pong queues behind what a slowed browser has sent.
func (s *socket) watch(ctx context.Context, peer *websocket.Conn, heard *atomic.Int64, e end) end {
	for sleep(ctx, s.limits.quiet) {
		asked := time.Now()
		if asked.UnixNano()-heard.Load() < int64(s.limits.quiet) {
			continue
		}
		wait, cancel := context.WithTimeout(ctx, s.limits.pong)
		err := peer.Ping(wait)
		cancel()
		if err != nil && heard.Load() < asked.UnixNano() {
			return e
		}
	}
	return endGone
}

// sleep reports whether d passed before ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// bucket is a token bucket that lends: who takes more than there is waits, and
// nothing is refused. The zero value gives nothing.
type bucket struct {
	rate   float64 // tokens a second
	burst  float64 // most that are saved up
	tokens float64 // below zero: lent
	last   time.Time
}

// take takes cost tokens and returns how long their taker must wait.
func (b *bucket) take(now time.Time, cost float64) time.Duration {
	if !b.last.IsZero() {
		b.tokens = min(b.burst, b.tokens+b.rate*now.Sub(b.last).Seconds())
	}
	b.last = now
	b.tokens -= cost
	if b.tokens >= 0 {
		return 0
	}
	return time.Duration(-b.tokens / b.rate * float64(time.Second))
}
