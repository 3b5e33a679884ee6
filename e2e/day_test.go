package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"frontdesk/dispatch"
	"frontdesk/store"
)

// leaves is the kind of record that a command leaves in the log; those that only ask leave none.
var leaves = map[string]uint16{
	"note": 203, "canned add": 207, "canned edit": 207, "canned remove": 207, "canned share": 207, "canned unshare": 207, "name": 204, "tag": 205, "untag": 205, "block": 206, "unblock": 206, "announce": 209,
	"add-agent": 208, "remove-agent": 208, "role": 208, "serve": 208, "unserve": 208,
	"take": uint16(dispatch.Assigned), "assign": uint16(dispatch.Assigned), "close": uint16(dispatch.Closed),
	"transfer": uint16(dispatch.Sought), "pass": uint16(dispatch.Refused),
	"join": uint16(dispatch.Joined), "add": uint16(dispatch.Joined), "leave": uint16(dispatch.Parted),
	"away": uint16(dispatch.DutySet), "back": uint16(dispatch.DutySet), "off": uint16(dispatch.DutySet), "on": uint16(dispatch.DutySet),
	"max": uint16(dispatch.Capped), "shut": uint16(dispatch.QueueSet), "open": uint16(dispatch.QueueSet),
}

// checkLog holds the log against what was played: every word once, by whom it was said, an agent's in his order; and every
// command.
func (d *dialogue) checkLog() {
	d.w.stop()
	s, err := store.Open(filepath.Join(d.w.dir, "desk.db"))
	must(d.t, err)
	defer s.Close()
	said, done := map[string][]string{}, map[string]int{}
	count := func(by string, kind uint16) {
		by, _, _ = strings.Cut(by, "@")
		done[fmt.Sprint(by, " ", kind)]++
	}
	for from := uint64(1); ; {
		page, err := s.Scan(from, 1000)
		must(d.t, err)
		if len(page) == 0 {
			break
		}
		for _, r := range page {
			from = r.Seq + 1
			var n struct {
				By    string `json:"by"`
				Agent string `json:"a"`
				From  string `json:"from"`
			}
			var w struct {
				Body string `json:"b"`
			}
			if len(r.Numbers) > 0 && (r.Kind < 100 || r.Kind >= 200) && r.Kind != 202 {
				must(d.t, json.Unmarshal(r.Numbers, &n))
			}
			switch r.Kind {
			case uint16(dispatch.Said):
				must(d.t, json.Unmarshal(r.Content, &w))
				said[n.By] = append(said[n.By], w.Body)
			case uint16(dispatch.Assigned), uint16(dispatch.Closed), uint16(dispatch.Joined), uint16(dispatch.Sought), uint16(dispatch.QueueSet), uint16(dispatch.Capped):
				count(or(n.By, n.Agent), r.Kind)
			case uint16(dispatch.Refused), uint16(dispatch.Parted), uint16(dispatch.DutySet):
				count(n.Agent, r.Kind)
			default:
				count(n.By, r.Kind)
			}
		}
	}
	d.checkSaid(said)
	asked := map[string]int{}
	for _, o := range d.ordered {
		if kind, ok := leaves[o.name]; ok {
			asked[fmt.Sprint(o.by, " ", kind)]++
		}
	}
	for what, n := range asked {
		if done[what] < n {
			d.t.Errorf("%d commands of %s should be in the log (somebody, and the kind of record); it has %d", n, what, done[what])
		}
	}
}

// checkSaid: what agents and customers said is in the log.
func (d *dialogue) checkSaid(said map[string][]string) {
	played := map[string][]string{}
	for _, s := range d.spoken {
		who := ""
		if !isCustomer(s.by) {
			who = s.by + "@" + agentsHost
		}
		played[who] = append(played[who], s.text)
	}
	// Customers who write at the same time come in one order or the other.
	slices.Sort(played[""])
	slices.Sort(said[""])
	for who, want := range played {
		if !slices.Equal(said[who], want) {
			d.t.Errorf("%q said\n    %q\nthe log has\n    %q", who, want, said[who])
		}
	}
}

// TestDayIsWhole: every command that docs/agents.md lists is given in the day.
func TestDayIsWhole(t *testing.T) {
	t.Parallel()
	docs, err := os.ReadFile("../docs/agents.md")
	must(t, err)
	day, err := os.ReadFile("testdata/day.txt")
	must(t, err)
	given := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\w+ orders at \S+: ([^;\n]+)`).FindAllStringSubmatch(string(day), -1) {
		given[m[1]] = true
	}
	rows := regexp.MustCompile("(?m)^\\| (`!.*?) \\| ").FindAllStringSubmatch(string(docs), -1)
	for _, row := range rows {
		for _, m := range regexp.MustCompile("`!([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			words := strings.Fields(m[1])
			if !given[words[0]] && (len(words) < 2 || !given[words[0]+" "+words[1]]) {
				t.Errorf("!%s is not given", m[1])
			}
		}
	}
	if len(rows) < 35 {
		t.Errorf("docs/agents.md lists %d commands", len(rows))
	}
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
