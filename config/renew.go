package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// fixed are the keys that take effect at the next start only; a table's name stands for all its keys, but for those of web.look.
var fixed = []string{"data", "log", "desk", "web", "front.domain", "front.server", "front.secret", "front.secret_file", "front.secret_env", "front.tls", "front.tls_ca"}

// Renew returns next as it can take the place of c while the desk runs: what is fixed until the next start is as c has it.
// changed says what differs and takes effect, by key, queue and agent; later, which keys only do after a restart. Nobody's
// secret is in either.
func (c *Config) Renew(next *Config) (merged *Config, changed, later []string) {
	was, is := *c, *next
	was.Web.Look, is.Web.Look = c.Web.Look.filed(), next.Web.Look.filed()
	differing("", reflect.ValueOf(was), reflect.ValueOf(is), func(path string) {
		if path == "create_rooms" && c.AgentsCreate && next.AgentsCreate {
			return // only other agents do
		}
		if table, _, _ := strings.Cut(path, "."); !strings.HasPrefix(path, "web.look.") && (slices.Contains(fixed, path) || slices.Contains(fixed, table)) {
			later = append(later, path)
		} else {
			changed = append(changed, path)
		}
	})
	changed = append(changed, differingItems("queue", c.Queues, next.Queues, func(q *Queue) string { return q.Name }, (*Queue).filed)...)
	changed = append(changed, differingItems("agent", c.Agents, next.Agents, func(p *Person) string { return p.JID }, (*Person).filed)...)

	merged = next.Clone()
	front := c.Front
	front.Name, front.Customers, front.WriteTo, front.Messages = next.Front.Name, slices.Clone(next.Front.Customers), next.Front.WriteTo, next.Front.Messages
	if c.Web.Host != "" && !slices.Contains(front.Customers, c.Web.Host) {
		front.Customers = append(front.Customers, c.Web.Host)
	}
	merged.Data, merged.Log, merged.Front, merged.Desk, merged.Web = c.Data, c.Log, front, c.Desk, c.Web
	merged.Web.Look = next.Web.Look
	return merged, changed, later
}

// filed is a queue as the file has it.
func (q *Queue) filed() any {
	as := *q
	as.Agents = q.Named
	as.Look = q.Look.filed()
	if q.Photo.Type != "" {
		as.Picture += " " + q.Photo.Sum // another picture may have taken its place
	}
	return as
}

// differing calls report for each key whose value differs, but for those of the tables that are there several times.
func differing(path string, a, b reflect.Value, report func(path string)) {
	for i := range a.NumField() {
		key := a.Type().Field(i).Tag.Get("toml")
		switch x, y := a.Field(i), b.Field(i); {
		case key == "-" || path == "" && (key == "queue" || key == "agent"):
		case x.Kind() == reflect.Struct:
			differing(join(path, key), x, y, report)
		case !reflect.DeepEqual(x.Interface(), y.Interface()):
			report(join(path, key))
		}
	}
}

// differingItems says which items of a kind of table are new, which are gone, and which keys of the others differ.
func differingItems[T any](kind string, old, next []T, name func(*T) string, filed func(*T) any) []string {
	var said []string
	was := make(map[string]*T, len(old))
	for i := range old {
		was[name(&old[i])] = &old[i]
	}
	is := make(map[string]bool, len(next))
	for i := range next {
		item := &next[i]
		is[name(item)] = true
		before := was[name(item)]
		if before == nil {
			said = append(said, fmt.Sprintf("%s %s is new", kind, name(item)))
			continue
		}
		var keys []string
		differing("", reflect.ValueOf(filed(before)), reflect.ValueOf(filed(item)), func(key string) { keys = append(keys, key) })
		if len(keys) > 0 {
			said = append(said, fmt.Sprintf("%s %s: %s", kind, name(item), strings.Join(keys, ", ")))
		}
	}
	for i := range old {
		if !is[name(&old[i])] {
			said = append(said, fmt.Sprintf("%s %s is gone", kind, name(&old[i])))
		}
	}
	return said
}
