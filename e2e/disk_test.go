package e2e

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"frontdesk/component/stanza"
)

// TestFullDisk: a desk that finds its disk full is there, tells everybody to come back later, and works once
// there is room again.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mount("frontdesk-test", dir, "tmpfs", 0, "size=40m"); err != nil {
		if os.Getuid() != 0 {
			t.Skip("only root can mount a small disk to fill")
		}
		t.Fatal(err)
	}
	w := prepareFake(t, dir)
	// In the end, but after the desk has stopped: cleanups run backwards.
	t.Cleanup(func() { must(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	w.start()
	w.stop()
	filler := filepath.Join(dir, "filler")
	f, err := os.Create(filler)
	must(t, err)
	if _, err := io.Copy(f, zeros{}); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	f.Close()
	w.launch()
	w.fake.Wait(frontDomain, true)
	alice, err := w.customer("alice")
	must(t, err)
	say := func() *stanza.Element {
		must(t, alice.send(stanza.New("", "message", "to", "support@"+frontDomain, "type", "chat", "id", "a1").Add(
			stanza.Text("", "body", "Hello"), stanza.New("urn:xmpp:receipts", "request"))))
		return alice.await(isMessage)
	}
	answer := say()
	if e, ok := stanza.ErrorOf(answer); !ok || e.Type != "wait" || e.Condition != "resource-constraint" {
		t.Fatalf("on a full disk alice got %s", answer)
	}
	must(t, os.Remove(filler))
	w.clock.advance(time.Minute)
	w.works()
	if answer := say(); !answer.Has("urn:xmpp:receipts", "received") {
		t.Fatalf("with room again alice got %s", answer)
	}
	w.stop()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
