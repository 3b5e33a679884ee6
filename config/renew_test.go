package config

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestRenew: what changed is said by key, queue and agent; what only a restart changes stays as it was.
func TestRenew(t *testing.T) {
	t.Parallel()
	read := func(replace ...string) *Config {
		t.Helper()
		text := good + "[times]\ngrace = \"10s\"\n[web]\nlisten = \"\"\nhost = \"web.example\"\n"
		for i := 0; i < len(replace); i += 2 {
			if !strings.Contains(text, replace[i]) {
				t.Fatalf("there is no %q", replace[i])
			}
			text = strings.Replace(text, replace[i], replace[i+1], 1)
		}
		c, err := Parse(text, "/d", environment)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	old := read()
	for _, c := range []struct {
		name           string
		replace        []string
		changed, later []string
	}{
		{"nothing", nil, nil, nil},
		{"keys", []string{`"10s"`, `"11s"`, "\n[front]", "idle_is_away = true\nmembers = [\"m.example\"]\n[front]", `secret = "a"`, "secret = \"a\"\nname = \"Us\"\nwrite_to = [\"x.example\"]"},
			[]string{"front.name", "front.write_to", "members", "times.grace", "idle_is_away"}, nil},
		{"secrets and places", []string{`secret = "a"`, `secret_env = "SECRET"`, `"desk.agents.example"`, `"desk.other.example"`, `secret = "b"`, `secret = "c"`,
			"\n[front]", "data = \"x.db\"\nlog = \"debug\"\n[front]", `"web.example"`, `"www.example"`},
			[]string{"front.customers"},
			[]string{"data", "front.secret", "front.secret_env", "desk.domain", "desk.secret", "web.host", "log"}},
		{"an agent for all queues", []string{"[times]", "[[agent]]\njid = \"carol@agents.example\"\n[times]"}, []string{"agent carol@agents.example is new"}, nil},
		{"agents", []string{"jid = \"bob@agents.example\"", "jid = \"dora@agents.example\"", `"anna@agents.example"`, "\"anna@agents.example\"\ncapacity = 2\nrole = \"admin\"\nskills = [\"fr\"]"},
			[]string{"agent anna@agents.example: role, capacity, skills", "agent dora@agents.example is new", "agent bob@agents.example is gone"}, nil},
		{"what customers see", []string{`"anna@agents.example"`, "\"anna@agents.example\"\npublic_name = \"Anna\"", `name = "support"`, "name = \"support\"\nshow_agents = true"},
			[]string{"queue support: show_agents", "agent anna@agents.example: public_name"}, nil},
		{"queues", []string{"[times]", "[[queue]]\nname = \"sales\"\n[times]", `name = "support"`, "name = \"support\"\nagents = [\"bob@agents.example\"]\nhours = [\"mon 9:00-10:00\"]\nstrategy = \"least-busy\""},
			[]string{"queue support: agents, strategy, hours, time_zone", "queue sales is new"}, nil},
		{"looks", []string{"[times]", "[queue.look]\ncolor = \"#f00\"\n[queue.look.texts.de]\ntitle = \"Fragen?\"\n[web.look]\nposition = \"left\"\n[times]"},
			[]string{"web.look.position", "queue support: look.color, look.texts"}, nil},
		{"another queue", []string{`name = "support"`, `name = "help"`}, []string{"queue help is new", "queue support is gone"}, []string{"web.queue"}},
	} {
		next := read(c.replace...)
		merged, changed, later := old.Renew(next)
		if !slices.Equal(changed, c.changed) || !slices.Equal(later, c.later) {
			t.Errorf("%s: changed %q, later %q", c.name, changed, later)
		}
		fixed := merged.Web
		fixed.Look = old.Web.Look
		if !reflect.DeepEqual(merged.Desk, old.Desk) || merged.Front.Secret != "a" || !reflect.DeepEqual(fixed, old.Web) || !reflect.DeepEqual(merged.Web.Look, next.Web.Look) || merged.Data != old.Data || merged.Log != old.Log {
			t.Errorf("%s: what is fixed changed: %+v", c.name, merged)
		}
		if !reflect.DeepEqual(merged.Queues, next.Queues) || !reflect.DeepEqual(merged.Agents, next.Agents) || merged.Times != next.Times {
			t.Errorf("%s: not taken over: %+v", c.name, merged)
		}
		if !slices.Contains(merged.Front.Customers, "web.example") {
			t.Errorf("%s: the page's host is a customers' host as long as the page runs: %q", c.name, merged.Front.Customers)
		}
	}
}
