package e2e

import (
	"context"
	"strings"
	"testing"

	"frontdesk/deploy/servers"
)

// settings are the servers that a desk may stand beside.
var settings = []struct {
	name        string
	front, desk func(context.Context, servers.Options) (*servers.Server, error)
	one         bool
}{
	{"prosody", servers.StartProsody, servers.StartProsody, true},
	{"ejabberd", servers.StartEjabberd, servers.StartEjabberd, true},
	{"prosody-ejabberd", servers.StartProsody, servers.StartEjabberd, false},
}

// TestReal plays the dialogues through real servers, one after the other on the same servers, each with a
// desk of its own.
func TestReal(t *testing.T) {
	for _, set := range settings {
		t.Run(set.name, func(t *testing.T) {
			t.Parallel()
			w := newReal(t, set.front, set.desk, set.one)
			for _, s := range scenes(t, true) {
				if !s.through(t, strings.HasSuffix(set.name, "ejabberd"), !set.one) {
					continue
				}
				ok := t.Run(s.String(), func(t *testing.T) {
					w.stop()
					v := *w
					v.t, v.dir, v.conf = t, t.TempDir(), usual()
					v.start()
					play(&v, s)
					v.stop()
				})
				if !ok {
					break
				}
			}
		})
	}
}
