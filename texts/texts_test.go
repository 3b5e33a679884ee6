package texts

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"
)

// TestTable: every language has every key, with the same words in braces, and no other.
func TestTable(t *testing.T) {
	t.Parallel()
	if got := Languages(); !slices.Equal(got, []string{"de", "en", "es", "fr", "zh"}) {
		t.Fatalf("the languages are %q", got)
	}
	braces := func(s string) []string {
		all := placeholder.FindAllString(s, -1)
		slices.Sort(all)
		return all
	}
	for lang, said := range shipped {
		for key, english := range shipped[English] {
			text, there := said[key]
			switch {
			case !there || text == "":
				t.Errorf("%s lacks %s", lang, key)
			case !slices.Equal(braces(text), braces(english)):
				t.Errorf("%s of %s has %q in braces, English has %q", key, lang, braces(text), braces(english))
			}
			if fault := Fault(key, text); fault != "" {
				t.Errorf("%s of %s: %s", key, lang, fault)
			}
		}
		for key := range said {
			if _, there := shipped[English][key]; !there {
				t.Errorf("%s has %s, which is no key", lang, key)
			}
		}
	}
}

// TestLookup is RFC 4647 §3.4 on these languages.
func TestLookup(t *testing.T) {
	t.Parallel()
	more := Table{"nl": {"busy": "Iedereen is bezig."}, "de-ch": {"busy": "Alle sind besetzt."}}
	for _, c := range []struct{ own, wanted, want string }{
		{"en", "de", "de"}, {"en", "DE-at", "de"}, {"en", "de-CH", "de-ch"}, {"en", "de-CH-1996", "de-ch"}, {"en", "zh-Hant-TW", "zh"},
		{"en", "zh-Hant-x-private1", "zh"}, {"en", "de-a-wadegile", "de"}, {"en", "nl-BE", "nl"}, {"en", "it", "en"}, {"fr", "it", "fr"}, {"fr-CA", "", "fr"},
		{"it", "it", "en"}, {"en", "*", "en"}, {"de", "d_e", "de"}, {"en", strings.Repeat("de-", 40), "en"}, {"", "x", "en"},
	} {
		if got := New(c.own, more).In(c.wanted).Lang; got != c.want {
			t.Errorf("%q wanted of a set in %q: got %q, want %q", c.wanted, c.own, got, c.want)
		}
	}
}

func TestSay(t *testing.T) {
	t.Parallel()
	own := Table{"de": {"busy": "Alle besetzt.", "greeting": ""}}
	all := Table{"de": {"busy": "nie gesagt", "place": "Platz {place}."}, "nl": {"next": "U bent de volgende."}}
	s := New("de", own, all)
	for _, c := range []struct{ lang, key, want string }{
		{"de", "busy", "Alle besetzt."},
		{"de", "greeting", ""},
		{"de", "place", "Platz 3."},
		{"en", "place", "You are number 3 in line, please hold on."},
		{"nl", "next", "U bent de volgende."},
		{"nl", "busy", "Alle besetzt."}, // what it lacks, in the set's own language
	} {
		if got := s.In(c.lang).Say(c.key, "place", "3", "queue", "{place}"); got != c.want {
			t.Errorf("%s %s: %q, want %q", c.lang, c.key, got, c.want)
		}
	}
	if got := New("en").In("").Say("greeting", "queue", "{place}", "place", "3"); !strings.Contains(got, "{place}") {
		t.Errorf("what was put in was read again: %q", got)
	}
	mine := New("de", Table{"de": {"topic_repair": "Reparatur"}, "fr": {"topic_new": "nouveau"}})
	if got := mine.In("fr").Or("topic_repair", "x") + mine.In("fr").Or("topic_new", "x") + mine.In("en").Or("topic_other", "x"); got != "Reparaturxx" {
		t.Errorf("topics are called %s", got)
	}
	var langs []string
	for _, v := range s.Voices() {
		langs = append(langs, v.Lang)
	}
	if !slices.Equal(langs, []string{"de", "en", "es", "fr", "nl", "zh"}) {
		t.Errorf("the voices are %q", langs)
	}
}

func TestFault(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ key, text, want string }{
		{"place", "You are {place}.", ""}, {"place", "Soon.", ""}, {"busy", "", ""}, {"busy", "One\ntwo", ""},
		{"bussy", "x", "no such text"}, {"ask_serial", "Which serial number?", ""}, {"ask_serial", "{n}", "nothing is put in for {n} here; known are: none"}, {"topic_repair", "Reparatur", ""}, {"ask_a b", "x", "no such text"}, {"place", "{places}", "nothing is put in for {places} here; known are: {place}"},
		{"busy", "{place}", "nothing is put in for {place} here; known are: none"},
		{"busy", "a\x07", "write at most 2000 bytes, without control characters"}, {"busy", strings.Repeat("x", 2001), "write at most 2000 bytes, without control characters"},
	} {
		if got := Fault(c.key, c.text); got != c.want {
			t.Errorf("%s %.20q: %q, want %q", c.key, c.text, got, c.want)
		}
	}
}

func TestHowLong(t *testing.T) {
	t.Parallel()
	v := New("en").In("en")
	for _, c := range []struct {
		d          time.Duration
		want, left string
	}{
		{0, "about 1 minute", "about 1 minute"}, {time.Minute, "about 1 minute", "about 1 minute"}, {61 * time.Second, "about 2 minutes", "about 1 minute"},
		{10 * time.Minute, "about 10 minutes", "about 10 minutes"}, {10*time.Minute + 1, "about 15 minutes", "about 10 minutes"},
		{41 * time.Minute, "about 45 minutes", "about 40 minutes"}, {55 * time.Minute, "about 55 minutes", "about 55 minutes"},
		{56 * time.Minute, "about 1 hour", "about 55 minutes"}, {time.Hour, "about 1 hour", "about 1 hour"},
		{61 * time.Minute, "about 2 hours", "about 1 hour"}, {119 * time.Minute, "about 2 hours", "about 1 hour"}, {5 * time.Hour, "about 5 hours", "about 5 hours"},
	} {
		if got, left := v.HowLong(c.d), v.Left(c.d); got != c.want || left != c.left {
			t.Errorf("%v is %q and %q, want %q and %q", c.d, got, left, c.want, c.left)
		}
	}
}

func TestWhen(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ lang, now, at, want, onDay string }{
		{"en", "2026-01-05 08:00", "2026-01-05 09:00", "9:00 (CET)", "Monday 9:00 (CET)"},
		{"en", "2026-01-05 18:00", "2026-01-06 09:00", "tomorrow 9:00 (CET)", "Tuesday 9:00 (CET)"},
		{"en", "2026-01-02 18:00", "2026-01-05 09:00", "Monday 9:00 (CET)", "Monday 9:00 (CET)"},
		{"en", "2026-01-05 08:00", "2026-01-11 23:00", "Sunday 23:00 (CET)", "Sunday 23:00 (CET)"},
		{"en", "2026-01-05 08:00", "2026-01-12 09:00", "Monday, 2026-01-12, 9:00 (CET)", "Monday, 2026-01-12, 9:00 (CET)"},
		{"de", "2026-03-28 20:00", "2026-03-29 09:00", "morgen, 9:00 Uhr (CEST)", "Sonntag, 9:00 Uhr (CEST)"}, // the night of 23 hours
		{"en", "2026-10-24 23:30", "2026-10-25 00:30", "tomorrow 0:30 (CEST)", "Sunday 0:30 (CEST)"},
		{"zh", "2026-01-02 18:00", "2026-01-05 09:00", "星期一 9:00（CET）", "星期一 9:00（CET）"},
	} {
		parse := func(s string) time.Time {
			at, err := time.ParseInLocation("2006-01-02 15:04", s, berlin)
			if err != nil {
				t.Fatal(err)
			}
			return at
		}
		v := New("en").In(c.lang)
		at, now := parse(c.at), parse(c.now).UTC()
		if got := v.When(at, now); got != c.want {
			t.Errorf("at %s: %s is %q, want %q", c.now, c.at, got, c.want)
		}
		if got := v.OnDay(at, now); got != c.onDay {
			t.Errorf("at %s, read later: %s is %q, want %q", c.now, c.at, got, c.onDay)
		}
	}
}

// TestDocument: docs/texts.md has a row for each text, as it is.
func TestDocument(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/texts.md")
	if err != nil {
		t.Fatal(err)
	}
	for key, text := range shipped[English] {
		if row := "| `" + key + "` | " + strings.ReplaceAll(text, "\n", " / ") + " |\n"; !strings.Contains(string(page), row) {
			t.Errorf("docs/texts.md lacks the row\n%s", row)
		}
	}
}
