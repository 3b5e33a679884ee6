package e2e

import (
	"bytes"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
)

// The secrets of the links. They are long, so that they can be looked for.
const (
	frontSecret = "secret-of-the-front-9b1c"
	deskSecret  = "secret-of-the-desk-4e7a"
)

// diary is all that a desk logs, at every level. In the end no secret may stand in it.
type diary struct {
	mu      sync.Mutex
	text    bytes.Buffer
	secrets map[string]string // what each is
	shown   io.Writer         // gets lines from level on
	level   slog.Level
}

// diaryOf is the world's; it is looked through once the desk has stopped.
func (w *world) diaryOf() *diary {
	if w.diary == nil {
		w.diary = &diary{secrets: map[string]string{frontSecret: "the front's secret", deskSecret: "the desk's secret"}}
		w.t.Cleanup(func() { w.diary.look(w.t) })
	}
	return w.diary
}

// keeps says what else must not be told.
func (d *diary) keeps(what, secret string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(secret) >= 8 {
		d.secrets[secret] = what
	}
}

// Write takes one line of a slog.TextHandler.
func (d *diary) Write(line []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.text.Write(line)
	if d.shown != nil && levelOf(string(line)) >= d.level {
		d.shown.Write(line)
	}
	return len(line), nil
}

func levelOf(line string) (l slog.Level) {
	_, rest, _ := strings.Cut(line, "level=")
	word, _, _ := strings.Cut(rest, " ")
	if l.UnmarshalText([]byte(word)) != nil {
		return slog.LevelError
	}
	return l
}

func (d *diary) look(t *testing.T) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for secret, what := range d.secrets {
		for line := range strings.Lines(d.text.String()) {
			if strings.Contains(line, secret) {
				t.Errorf("%s stands in the log: %s", what, line)
			}
		}
	}
}

// logger writes into the diary, and from a level on to the test.
func (w *world) logger() *slog.Logger {
	d := w.diaryOf()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shown, d.level = testLog{w.t}, slog.LevelWarn
	if w.log != nil {
		d.shown, d.level = io.MultiWriter(testLog{w.t}, w.log), slog.LevelInfo
	}
	return slog.New(slog.NewTextHandler(d, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
