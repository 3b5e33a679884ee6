// Package texts is what the desk says to customers by itself: one table by language and key. Its files are the texts that
// are shipped; a configuration lays others over them. It imports nothing of ours and does no I/O; config and relay use it.
package texts

import (
	"cmp"
	"embed"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
)

//go:embed *.toml
var files embed.FS

// Table is texts by language tag, in lower case, and key. A text that is empty is not said.
type Table map[string]map[string]string

// shipped are the texts of this package's files.
var shipped = load()

func load() Table {
	names, err := files.ReadDir(".")
	if err != nil {
		panic("texts: " + err.Error())
	}
	all := Table{}
	for _, n := range names {
		var said map[string]string
		if _, err := toml.DecodeFS(files, n.Name(), &said); err != nil {
			panic("texts: " + err.Error())
		}
		all[strings.TrimSuffix(n.Name(), ".toml")] = said
	}
	return all
}

// English is the language that has every text, whatever a configuration says.
const English = "en"

// Keys lists the keys that are shipped, sorted.
func Keys() []string { return slices.Sorted(maps.Keys(shipped[English])) }

// Languages lists the languages that are shipped, sorted.
func Languages() []string { return slices.Sorted(maps.Keys(shipped)) }

// MaxText bounds one text, in bytes.
const MaxText = 2000

var (
	tag         = regexp.MustCompile(`^[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8}){0,6}$`) // RFC 5646's shape, and a bound
	own         = regexp.MustCompile(`^(ask|topic)_[a-z0-9_-]{1,32}$`)          // what a configuration may name by itself
	placeholder = regexp.MustCompile(`\{[a-z]+\}`)
)

// Tag returns a language tag (RFC 5646) in lower case, "" for what has not its form.
func Tag(s string) string {
	if !tag.MatchString(s) {
		return ""
	}
	return strings.ToLower(s)
}

// Fault says what is wrong with a text that is to take a shipped one's place, or is the question for a field of a
// queue's own (ask_serial) or the name of a topic (topic_repair); "" for nothing. A word in braces that nothing
// would be put in for is a fault, one that is left out is not.
func Fault(key, text string) string {
	was, known := shipped[English][key]
	if !known && !own.MatchString(key) {
		return "no such text"
	}
	if len(text) > MaxText || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f }) {
		return fmt.Sprintf("write at most %d bytes, without control characters", MaxText)
	}
	may := placeholder.FindAllString(was, -1)
	for _, p := range placeholder.FindAllString(text, -1) {
		if !slices.Contains(may, p) {
			return fmt.Sprintf("nothing is put in for %s here; known are: %s", p, cmp.Or(strings.Join(may, " "), "none"))
		}
	}
	return ""
}

// Set is the texts of one queue: some laid over others. It does not change, and is safe for concurrent use.
type Set struct {
	layers   []Table // the first that has a text counts
	fallback string
	voices   []Voice
}

// New returns a set. Layers come first to last, the shipped texts behind them; language is what is spoken to who wants none
// that the set has.
func New(language string, layers ...Table) *Set {
	s := &Set{layers: append(slices.Clone(layers), shipped), fallback: cmp.Or(Tag(language), English)}
	first := s.In("")
	known := map[string]bool{first.Lang: true}
	var others []Voice
	for _, l := range s.layers {
		for lang, said := range l {
			if !known[lang] && len(said) > 0 {
				known[lang] = true
				others = append(others, Voice{s, lang})
			}
		}
	}
	slices.SortFunc(others, func(a, b Voice) int { return strings.Compare(a.Lang, b.Lang) })
	s.voices = append([]Voice{first}, others...)
	return s
}

// In is the set in the language that somebody wants, found as RFC 4647 §3.4 looks up: "de-CH" is "de-ch", else "de"; else
// the set's own language. wanted may be anything, "" too.
func (s *Set) In(wanted string) Voice {
	for _, want := range []string{wanted, s.fallback} {
		for at := Tag(want); at != ""; at = shorter(at) {
			if s.speaks(at) {
				return Voice{s, at}
			}
		}
	}
	return Voice{s, English}
}

// shorter cuts the last part of a tag off, and a part of a single character that then stands at the end (§3.4, step 3).
func shorter(at string) string {
	i := strings.LastIndexByte(at, '-')
	if i < 0 {
		return ""
	}
	if at = at[:i]; len(at) > 1 && at[len(at)-2] == '-' {
		at = at[:len(at)-2]
	}
	return at
}

func (s *Set) speaks(language string) bool {
	return slices.ContainsFunc(s.layers, func(t Table) bool { return len(t[language]) > 0 })
}

// Voices are the set in its own language and in all others that it has, in the order of their tags.
func (s *Set) Voices() []Voice { return s.voices }

// Voice is a set in one language.
type Voice struct {
	set  *Set
	Lang string // tag in lower case
}

// Say returns a text with what is put in for its words in braces, which are given as name and value in turn; "" where
// nothing is to be said. What the language lacks is said in the set's own, or in English. A key that is none panics.
func (v Voice) Say(key string, values ...string) string {
	for _, lang := range []string{v.Lang, v.set.fallback, English} {
		for _, l := range v.set.layers {
			if text, ok := l[lang][key]; ok {
				return put(text, values)
			}
		}
	}
	panic("texts: there is no text " + key)
}

func put(text string, values []string) string {
	if len(values) == 0 || !strings.Contains(text, "{") {
		return text
	}
	pairs := make([]string, len(values))
	for i := 0; i+1 < len(values); i += 2 {
		pairs[i], pairs[i+1] = "{"+values[i]+"}", values[i+1]
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// Or is Say for a text that there may not be: then it is other.
func (v Voice) Or(key, other string) string {
	if v.set.Has(key) {
		return v.Say(key)
	}
	return other
}

// Has reports whether the set has a text in its own language, or in English: then every language says it.
func (s *Set) Has(key string) bool {
	return slices.ContainsFunc(s.layers, func(t Table) bool {
		_, own := t[s.fallback][key]
		_, english := t[English][key]
		return own || english
	})
}

// Lines joins what is to be said, without what is empty, by blanks.
func Lines(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " ")
}

// HowLong says a time in round numbers, never less than it is: up to ten minutes in minutes, up to an hour in fives of them,
// then in hours.
func (v Voice) HowLong(d time.Duration) string {
	return v.round(d, func(d, to time.Duration) int { return int((d + to - 1) / to) })
}

// Left is HowLong for what is to end then: never more than it is, but a minute at least.
func (v Voice) Left(d time.Duration) string {
	return v.round(d, func(d, to time.Duration) int { return int(d / to) })
}

func (v Voice) round(d time.Duration, in func(d, to time.Duration) int) string {
	minutes := max(1, in(d, time.Minute))
	if minutes > 10 {
		minutes = 5 * in(d, 5*time.Minute)
	}
	switch hours := in(d, time.Hour); {
	case minutes == 1:
		return v.Say("time_minute")
	case minutes < 60:
		return v.Say("time_minutes", "n", strconv.Itoa(minutes))
	case hours <= 1:
		return v.Say("time_hour")
	default:
		return v.Say("time_hours", "n", strconv.Itoa(hours))
	}
}

// days are the keys of the weekdays' names.
var days = [...]string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}

// When says a time to come, by the clock of its own location: today's by the hour, tomorrow's, one of the next six days by
// the weekday, a later one by the date.
func (v Voice) When(at, now time.Time) string {
	switch n := daysBetween(now.In(at.Location()), at); {
	case n == 0:
		return v.when("when_today", at)
	case n == 1:
		return v.when("when_tomorrow", at)
	}
	return v.OnDay(at, now)
}

// OnDay is When for what is read later than it is said, so that today's and tomorrow's are no such words.
func (v Voice) OnDay(at, now time.Time) string {
	if daysBetween(now.In(at.Location()), at) < 7 {
		return v.when("when_day", at)
	}
	return v.when("when_date", at)
}

func (v Voice) when(key string, at time.Time) string {
	return v.Say(key, "time", strings.TrimPrefix(at.Format("15:04"), "0"), "zone", at.Format("MST"), "day", v.Say(days[at.Weekday()]), "date", at.Format("2006-01-02"))
}

// daysBetween counts the midnights between two times of one location.
func daysBetween(from, to time.Time) int {
	date := func(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC) }
	return int(date(to).Sub(date(from)).Hours() / 24)
}
