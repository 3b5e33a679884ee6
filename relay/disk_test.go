package relay

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"frontdesk/store"
)

// TestDisk: a batch that is under way for long is said once a minute, and for too long makes the desk unhealthy.
func TestDisk(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	d := &disk{log: slog.New(slog.NewTextHandler(&log, nil)), epoch: time.Now().Add(-time.Hour)}
	for _, at := range []time.Duration{time.Minute, time.Minute + time.Second, 2*time.Minute - 1, 2 * time.Minute, 2*time.Minute + 1} {
		d.tell(at)
	}
	if n := strings.Count(log.String(), "the disk is slow"); n != 2 {
		t.Errorf("said %d times:\n%s", n, log.String())
	}
	for ago, healthy := range map[time.Duration]bool{stuckDisk - 10*time.Second: true, stuckDisk + time.Second: false} {
		d.began.Store(int64(time.Hour - ago))
		if err := d.stuck(); (err == nil) != healthy {
			t.Errorf("a batch for %v: %v", ago, err)
		}
	}
	s, err := store.Open(filepath.Join(t.TempDir(), "desk.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := d.keep(s, 1, store.Batch{Rows: []store.Row{{Table: "t", Key: "k", Value: []byte("v")}}}); err != nil || d.took == 0 || d.stuck() != nil {
		t.Error(err, d.took, d.stuck())
	}
}
