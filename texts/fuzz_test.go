package texts

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzTexts: whatever a configuration may say is said, with what is put in and nothing else, to who wants any language at all.
func FuzzTexts(f *testing.F) {
	for _, key := range Keys() {
		f.Add(key, shipped[English][key], "de-CH", "value")
	}
	f.Add("ask_serial", "{name} {", "x-", "{queue}")
	f.Add("greeting", "{{queue}}", "en-a-b-c-d-e-f", "\x00")
	f.Fuzz(func(t *testing.T, key, text, language, value string) {
		if lang := Tag(language); lang != strings.ToLower(lang) || len(lang) > len(language) {
			t.Fatalf("the tag of %q is %q", language, lang)
		}
		if !utf8.ValidString(text) || Fault(key, text) != "" {
			return
		}
		s := New(language, Table{"en": {key: text}})
		v := s.In(English)
		s.In(language).Or(key, "x")
		var values []string
		for _, p := range placeholder.FindAllString(text, -1) {
			values = append(values, strings.Trim(p, "{}"), value)
		}
		if said := v.Say(key, values...); len(said) > len(text)+len(values)*(len(value)+1) {
			t.Fatalf("%q is said as %d bytes", text, len(said))
		}
		now := time.Unix(1e9, 0).UTC()
		for _, said := range []string{v.HowLong(time.Duration(len(text)) * time.Minute), v.OnDay(now.Add(time.Hour), now), v.When(now.Add(1000*time.Hour), now), v.Or(key, "x")} {
			if strings.Contains(said, "{") && !strings.Contains(text, "{") {
				t.Fatalf("%q is left over", said)
			}
		}
	})
}
