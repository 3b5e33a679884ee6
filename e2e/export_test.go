package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"frontdesk/component/stanza"
	"frontdesk/relay"
)

var update = flag.Bool("update", false, "write the golden files of exports")

// TestExport: what was said between two customers and the desk, with corrections, reactions, notes and rooms, in all formats.
func TestExport(t *testing.T) {
	t.Parallel()
	w := prepareFake(t, t.TempDir())
	w.configure(strings.NewReplacer(`name = "sales"`, "name = \"sales\"\nshow_agents = true", `name = "Bob"`, "name = \"Bob\"\npublic_name = \"Mister B.\"").Replace(usual().Load().(string)))
	w.start()
	d := &dialogue{w: w, t: t, names: map[string]string{}, who: map[string]*client{}}
	d.run("part-exported.txt")
	d.settle()
	out := func(o relay.Extract) string {
		t.Helper()
		var b bytes.Buffer
		if _, err := d.w.relay.Export(t.Context(), &b, o); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	for _, format := range []string{relay.FormatJSON, relay.FormatText, relay.FormatHTML} {
		for name, o := range map[string]relay.Extract{
			"all": {Rooms: true}, "alice": {Whom: relay.Whom{Address: d.names["alice-bare"]}},
		} {
			o.Format = format
			got := out(o)
			golden := filepath.Join("testdata", "exported-"+name+"."+format)
			if *update {
				must(t, os.WriteFile(golden, []byte(got), 0o644))
			}
			want, err := os.ReadFile(golden)
			must(t, err)
			if got != string(want) {
				t.Errorf("%s is\n%s", golden, got)
			}
			if name == "alice" && (strings.Contains(got, "Bela") || strings.Contains(got, "colleagues") || strings.Contains(got, "Anna") || strings.Contains(got, agentsHost)) {
				t.Errorf("others' words in\n%s", got)
			}
		}
	}
	for line := range strings.Lines(out(relay.Extract{Format: relay.FormatJSON, Rooms: true})) {
		if !json.Valid([]byte(line)) {
			t.Errorf("%s", line)
		}
	}
	if bela := out(relay.Extract{Format: relay.FormatText, Whom: relay.Whom{Thread: 2}}); !strings.Contains(bela, "-- Mister B. has it") || strings.Contains(bela, "Bob") {
		t.Errorf("what bela may be given, who sees who has her conversation:\n%s", bela)
	}
	late := out(relay.Extract{Format: relay.FormatText, Since: d.w.clock.Now().Add(-time.Minute)})
	if !strings.Contains(late, "An hour later") || strings.Contains(late, "Hello") {
		t.Errorf("since an hour later:\n%s", late)
	}
	if _, err := d.w.relay.Export(t.Context(), io.Discard, relay.Extract{Format: relay.FormatText, Whom: relay.Whom{Thread: 99}}); !errors.Is(err, relay.ErrNobody) {
		t.Errorf("a thread that is not there: %v", err)
	}
	// More than one page of the log.
	for range 600 {
		must(t, d.client("bela").send(stanza.New("", "message", "to", "sales@"+frontDomain, "type", "chat").Add(stanza.Text("", "body", "one of many"))))
	}
	d.settle()
	if n := strings.Count(out(relay.Extract{Format: relay.FormatText}), "one of many"); n != 600 {
		t.Errorf("%d of 600 messages were exported", n)
	}
	d.w.stop()
	if _, err := d.w.relay.Export(t.Context(), io.Discard, relay.Extract{Format: relay.FormatText}); err == nil {
		t.Error("a desk that has ended exports")
	}
}
