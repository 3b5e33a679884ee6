// Package browser drives pages in Chromium from Go tests, through page.mjs and
// playwright-core. It knows no desk and no server: only an address to open.
package browser

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// Browser is one Chromium with any number of pages. Safe for concurrent use.
type Browser struct {
	command *exec.Cmd
	stdin   io.WriteCloser
	calls   chan call
	ended   chan struct{} // closed when the driver has
}

type call struct {
	line   map[string]any
	answer chan reply // of capacity 1; one value
}

type reply struct {
	ID    int             `json:"id"`
	Value json.RawMessage `json:"value"`
	Error string          `json:"error"`
}

// ErrEnded is returned by calls after the browser's end.
var ErrEnded = errors.New("browser: ended")

// For starts Chromium for a test, for pages under base, an origin such as http://127.0.0.1:8080; it ends with the test.
// Of no page anything may have gone wrong then that the test did not ask for with "faults": no error or warning in the console,
// no exception, no policy violated, no request that failed or went to another origin than base and the page's own.
func For(t testing.TB, base string) *Browser {
	t.Helper()
	b, err := start(base)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		defer b.close()
		var faults []string
		if err := b.Do("", "leftovers", nil, &faults); err != nil {
			t.Error(err)
		}
		for _, f := range faults {
			t.Error(f)
		}
	})
	return b
}

// start needs node, Chromium (or CHROMIUM in the environment) and the folder's node_modules, and says what is missing.
func start(base string) (*Browser, error) {
	_, source, _, _ := runtime.Caller(0)
	dir := filepath.Dir(source)
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "playwright-core")); err != nil {
		return nil, fmt.Errorf("browser: web/browser/node_modules is not installed: run make deps (%w)", err)
	}
	c := exec.Command("node", "page.mjs")
	c.Dir = dir
	c.Env = append(os.Environ(), "BASE_URL="+base)
	c.Stderr = os.Stderr
	stdin, err := c.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("browser: %w", err)
	}
	stdout, err := c.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("browser: %w", err)
	}
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("browser: node: %w", err)
	}
	b := &Browser{command: c, stdin: stdin, calls: make(chan call), ended: make(chan struct{})}
	replies := make(chan reply)
	go read(stdout, replies)
	go b.run(replies)
	return b, nil
}

func read(from io.Reader, replies chan<- reply) {
	defer close(replies)
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var r reply
		if json.Unmarshal(lines.Bytes(), &r) == nil {
			replies <- r
		}
	}
}

// run owns the calls that wait.
func (b *Browser) run(replies <-chan reply) {
	waiting := make(map[int]chan reply)
	next := 0
	to := json.NewEncoder(b.stdin)
	for {
		select {
		case c := <-b.calls:
			next++
			c.line["id"] = next
			waiting[next] = c.answer
			if err := to.Encode(c.line); err != nil {
				delete(waiting, next)
				c.answer <- reply{Error: err.Error()}
			}
		case r, ok := <-replies:
			if !ok {
				for _, answer := range waiting {
					answer <- reply{Error: ErrEnded.Error()}
				}
				b.command.Wait()
				close(b.ended)
				return
			}
			if answer := waiting[r.ID]; answer != nil {
				answer <- r
				delete(waiting, r.ID)
			}
		}
	}
}

func (b *Browser) close() {
	b.stdin.Close()
	<-b.ended
}

// Args are a command's arguments; page.mjs lists them.
type Args map[string]any

// Do gives a page (any name; the first command is open) one command and
// decodes what it returns into value, if that is not nil.
func (b *Browser) Do(page, verb string, args Args, value any) error {
	line := map[string]any{}
	maps.Copy(line, args)
	line["page"], line["do"] = page, verb
	answer := make(chan reply, 1)
	select {
	case b.calls <- call{line, answer}:
	case <-b.ended:
		return ErrEnded
	}
	r := <-answer
	if r.Error != "" {
		return fmt.Errorf("browser: %s %s %v: %s", page, verb, args, r.Error)
	}
	if value == nil {
		return nil
	}
	return json.Unmarshal(r.Value, value)
}
