package relay

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"frontdesk/config"
)

// TestAgentsPage: docs/agents.md lists every command, under who may give it, and no other.
func TestAgentsPage(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/agents.md")
	if err != nil {
		t.Fatal(err)
	}
	_, commands, found := strings.Cut(string(text), "\n## Commands\n")
	commands, _, _ = strings.Cut(commands, "\n## ")
	if !found {
		t.Fatal("there is no section of commands")
	}
	r, _ := clerk()
	listed := map[string]config.Role{}
	role := config.Role("")
	for line := range strings.SplitSeq(commands, "\n") {
		switch {
		case strings.HasPrefix(line, "Supervisors have"):
			role = config.Supervisor
		case strings.HasPrefix(line, "And admins"):
			role = config.Admin
		case !strings.HasPrefix(line, "| `!"):
			continue
		}
		cell, _, _ := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
		for _, m := range regexp.MustCompile("`!([^`]+)`").FindAllStringSubmatch(cell, -1) {
			name, rest := cutWord(m[1])
			if second, _ := cutWord(rest); r.declared(name+" "+second) != nil {
				name += " " + second
			}
			o := r.declared(name)
			if o == nil {
				t.Errorf("there is no command !%s", m[1])
				continue
			}
			listed[o.name] = role
		}
	}
	for i := range r.orders {
		o := &r.orders[i]
		if at, ok := listed[o.name]; !ok || at != o.who {
			t.Errorf("!%s is for %q; docs/agents.md lists it: %v, for %q", o.name, o.who, ok, at)
		}
	}
}
