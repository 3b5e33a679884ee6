package config

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"frontdesk/texts"
)

const maxWithin = 365 * 24 * time.Hour

// reader copies a decoded file into a Config and notes what does not fit, all
// of it, with its place. A path is a key with the number of each [[table]] on
// its way, as in "agent[2].jid".
type reader struct {
	lines  map[string]int  // by path
	given  map[string]bool // paths that the file has
	broken map[string]bool // paths whose value is of another type: one fault each, none below
	faults Faults
}

func newReader(text string) *reader {
	return &reader{lines: lineNumbers(text), given: map[string]bool{}, broken: map[string]bool{}}
}

var index = regexp.MustCompile(`\[\d+\]`)

// fault notes what is wrong at a path. Its line is that of the nearest thing
// around it that the file has.
func (r *reader) fault(path, format string, args ...any) {
	f := Fault{Key: index.ReplaceAllString(path, ""), Text: fmt.Sprintf(format, args...)}
	for at := path; at != ""; at = at[:max(0, strings.LastIndexByte(at, '.'))] {
		if r.broken[at] {
			return
		}
		if f.Line == 0 {
			f.Line = r.lines[at]
		}
	}
	r.faults = append(r.faults, f)
}

// mismatch notes a value of another type than the key's.
func (r *reader) mismatch(path, format string, args ...any) {
	r.fault(path, format, args...)
	r.broken[path] = true
}

func (r *reader) read(c *Config, raw map[string]any) { r.table("", raw, reflect.ValueOf(c).Elem()) }

func (r *reader) table(path string, raw map[string]any, to reflect.Value) {
	var keys []string
	for i := range to.NumField() {
		key := to.Type().Field(i).Tag.Get("toml")
		if key == "-" {
			continue
		}
		keys = append(keys, key)
		if v, ok := raw[key]; ok {
			r.given[join(path, key)] = true
			r.value(join(path, key), v, to.Field(i))
		}
	}
	for key := range raw { // its order is lost: the faults are sorted
		if slices.Contains(keys, key) {
			continue
		}
		hint := meant(key, keys)
		if hint == "" {
			hint = "; known here: " + strings.Join(keys, ", ")
		}
		r.fault(join(path, key), "no such key%s", hint)
	}
}

func (r *reader) value(path string, raw any, to reflect.Value) {
	switch to.Interface().(type) {
	case time.Duration:
		if text, ok := raw.(string); ok {
			if d, err := time.ParseDuration(text); err == nil {
				to.SetInt(int64(d))
				return
			}
		}
		r.mismatch(path, `write a time with its unit in quotes, as "90s" or "5m"`)
		return
	case Within:
		if text, ok := raw.(string); ok {
			d, err := time.ParseDuration(text)
			switch {
			case text == "always":
				to.SetInt(int64(Always))
				return
			case text == "never":
				to.SetInt(int64(Never))
				return
			case err == nil && d >= time.Second && d <= maxWithin:
				to.SetInt(int64(d))
				return
			}
		}
		r.mismatch(path, `write "always", "never" or a time from "1s" to "8760h"`)
		return
	case []string:
		r.texts(path, raw, to)
		return
	case texts.Table:
		r.languages(path, raw, to)
		return
	case Creators:
		if word, ok := raw.(string); ok && (word == everyAgent || word == nobody) {
			to.Set(reflect.ValueOf(Creators{word}))
			return
		}
		if _, ok := raw.([]any); !ok {
			r.mismatch(path, `write "agents", "nobody" or a list of domains, as ["agents.example"]`)
			return
		}
		r.texts(path, raw, to)
		return
	}
	switch to.Kind() {
	case reflect.Struct:
		if t, ok := raw.(map[string]any); ok {
			r.table(path, t, to)
			return
		}
		r.mismatch(path, "this is a table: write [%s] once, and its keys below it", path)
	case reflect.Slice:
		r.tables(path, raw, to)
	default:
		v := reflect.ValueOf(raw)
		if v.CanInt() && to.CanInt() {
			to.SetInt(v.Int())
		} else if v.Kind() == to.Kind() {
			to.Set(v.Convert(to.Type()))
		} else {
			r.mismatch(path, "write %s", map[reflect.Kind]string{
				reflect.String: `text in quotes, as "text"`, reflect.Bool: "true or false", reflect.Int: "a whole number, without quotes",
			}[to.Kind()])
		}
	}
}

func (r *reader) texts(path string, raw any, to reflect.Value) {
	list, ok := raw.([]any)
	texts := make([]string, 0, len(list))
	for _, v := range list {
		text, isText := v.(string)
		ok = ok && isText
		texts = append(texts, text)
	}
	if !ok {
		r.mismatch(path, `write a list of texts, as ["one", "two"]`)
		return
	}
	to.Set(reflect.ValueOf(texts).Convert(to.Type()))
}

// languages reads texts by language and key, of which there is one table for each language.
func (r *reader) languages(path string, raw any, to reflect.Value) {
	all, ok := raw.(map[string]any)
	table := texts.Table{}
	for lang, keys := range all {
		said, isTable := keys.(map[string]any)
		if !isTable {
			ok = false
			break
		}
		r.given[join(path, lang)] = true
		table[lang] = map[string]string{}
		for key, v := range said {
			if text, isText := v.(string); isText {
				table[lang][key] = text
			} else {
				r.mismatch(join(join(path, lang), key), `write text in quotes, as "text"`)
			}
		}
	}
	if !ok {
		r.mismatch(path, "these are tables, one for each language: write [%s.de], and its texts below it", index.ReplaceAllString(path, ""))
		return
	}
	to.Set(reflect.ValueOf(table))
}

func (r *reader) tables(path string, raw any, to reflect.Value) {
	list, ok := raw.([]map[string]any)
	if !ok {
		r.mismatch(path, "these are tables: write [[%s]] in double brackets, once for each", path)
		return
	}
	to.Set(reflect.MakeSlice(to.Type(), len(list), len(list)))
	for i, t := range list {
		r.table(item(path, i), t, to.Index(i))
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// item is the path of the i-th [[path]]; people count from 1.
func item(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i+1) }

var (
	header = regexp.MustCompile(`^(\[\[?)\s*([\w.-]+)\s*\]`)
	setter = regexp.MustCompile(`^([\w.-]+)\s*=`)
)

// lineNumbers finds the lines of headers and keys in a file that is known to be
// TOML. What is written in an unusual way (quoted keys, inline tables) is not found.
func lineNumbers(text string) map[string]int {
	lines, count, table := map[string]int{}, map[string]int{}, ""
	note := func(path string, n int) {
		if lines[path] == 0 {
			lines[path] = n
		}
	}
	inside := "" // the quotes that a text over several lines began with
	for i, line := range strings.Split(text, "\n") {
		if inside == "" {
			line = strings.TrimSpace(line)
			if m := header.FindStringSubmatch(line); m != nil {
				table = m[2]
				if first, rest, nested := strings.Cut(table, "."); nested && count[first] > 0 { // of the last [[first]]
					table = join(fmt.Sprintf("%s[%d]", first, count[first]), rest)
				}
				if m[1] == "[[" {
					table = item(m[2], count[m[2]])
					count[m[2]]++
					note(m[2], i+1)
				}
				note(table, i+1)
			} else if m := setter.FindStringSubmatch(line); m != nil {
				note(join(table, m[1]), i+1)
			}
		}
		for _, quotes := range []string{`"""`, `'''`} {
			if (inside == "" || inside == quotes) && strings.Count(line, quotes)%2 == 1 {
				inside = map[bool]string{true: quotes}[inside == ""]
				break
			}
		}
	}
	return lines
}
