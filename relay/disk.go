package relay

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"frontdesk/store"
)

// Everything waits for the disk: what came in behind a batch is the next one. So how long a batch takes is watched from beside the loop, which
// cannot say anything meanwhile.
const (
	slowDisk  = time.Second      // a batch under way for longer is told of, and counted
	stuckDisk = 20 * time.Second // a batch under way for longer makes the desk unhealthy
)

// disk is what is known of the batches. The times are of the process's own clock, since epoch.
type disk struct {
	log   *slog.Logger
	file  string
	epoch time.Time
	began atomic.Int64 // nanoseconds: when the batch under way was handed over; 0: none is
	told  seldom

	took time.Duration // in all; the loop's own, as is slow
	slow uint64        // batches
}

// keep hands a batch to the store and waits until it is durable.
func (d *disk) keep(s *store.Store, next uint64, b store.Batch) error {
	began := max(time.Since(d.epoch), 1)
	d.began.Store(int64(began))
	late := time.AfterFunc(slowDisk, func() { d.tell(began) })
	err := s.Append(next, b)
	late.Stop()
	d.began.Store(0)
	took := time.Since(d.epoch) - began
	if d.took += took; took > slowDisk {
		d.slow++
	}
	return err
}

// tell says that the disk is slow, unless it has been said lately.
func (d *disk) tell(began time.Duration) {
	if !d.told.now(began) {
		return
	}
	d.log.Warn("the disk is slow: everybody waits until it has taken what was said", "file", d.file, "longer_than", slowDisk)
}

// stuck is an error while a batch has been under way for too long. Safe for concurrent use.
func (d *disk) stuck() error {
	began := time.Duration(d.began.Load())
	if now := time.Since(d.epoch); began != 0 && now-began > stuckDisk {
		return fmt.Errorf("the disk has not taken a batch for %v", (now - began).Round(time.Second))
	}
	return nil
}
