package e2e

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// python is the one that Debian's python3-slixmpp is for.
const python = "/usr/bin/python3"

// TestSlixmpp has people whose clients are of the library slixmpp in rooms: entering, history and archive, private messages, nicks,
// moderation, a kick, a restart of the desk. What they do and expect is in testdata/rooms.py.
func TestSlixmpp(t *testing.T) {
	for _, s := range settings {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			w := newReal(t, s.front, s.desk, s.one)
			_, port, err := net.SplitHostPort(w.agents)
			must(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // it takes a few seconds
			defer cancel()
			cmd := exec.CommandContext(ctx, python, "testdata/rooms.py", port)
			var said strings.Builder
			cmd.Stderr = &said
			in, err := cmd.StdinPipe()
			must(t, err)
			out, err := cmd.StdoutPipe()
			must(t, err)
			must(t, cmd.Start())
			restarts := 0
			for lines := bufio.NewScanner(out); lines.Scan(); {
				if lines.Text() != "restart" {
					t.Errorf("rooms.py says %q", lines.Text())
					continue
				}
				w.restart()
				restarts++
				fmt.Fprintln(in)
			}
			if err := cmd.Wait(); err != nil || restarts != 1 {
				t.Errorf("rooms.py: %v, %d restarts\n%s", err, restarts, &said)
			}
		})
	}
}
