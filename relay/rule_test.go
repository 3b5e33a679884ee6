package relay

import (
	"frontdesk/component/stanza"
	"frontdesk/dispatch"
	"frontdesk/store"
	"reflect"
	"strings"
	"testing"
	"unicode"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		v    verdict
		rest string
	}{
		{"Hello", plain, "Hello"},
		{"", plain, ""},
		{"!close", command, "close"},
		{" \u200b\u00a0!close", command, "close"},
		{"\u2060\ufe0f\u3164！take 17", command, "take 17"},
		{"\n\n!close", command, "close"},
		{"!note first\nsecond", command, "note first\nsecond"},
		{"!!important", plain, "!important"},
		{"!！important", plain, "！important"},
		{"  !!x\ny", plain, "  !x\ny"},
		{"Hello\n!close", refused, ""},
		{"Hello\r!close", refused, ""},
		{"Hello\u2028 \u200d!close", refused, ""},
		{"!!a\n!b", refused, ""},
		{"!a\n!b", refused, ""},
		{"wait! what", plain, "wait! what"},
		{"wait\nwhat!", plain, "wait\nwhat!"},
		{"!", command, ""},
	} {
		v, rest := judge(c.text)
		if v != c.v || v != refused && rest != c.rest {
			t.Errorf("judge(%q) = %v, %q; want %v, %q", c.text, v, rest, c.v, c.rest)
		}
	}
}

// FuzzJudge holds the rule itself: what is relayed has no line that a person would read as a
// command, but the one that was asked for with "!!".
func FuzzJudge(f *testing.F) {
	for _, s := range []string{"a\n!b", "!!a", "\u200b!x", "!!a\n\u2028!b", "！！x", "\u0301!x", "\ufeff\u180e!y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, rest := judge(text)
		seen := func(line string) bool {
			visible := strings.TrimLeftFunc(line, func(r rune) bool { return !unicode.IsGraphic(r) || unicode.IsSpace(r) })
			return strings.HasPrefix(visible, "!") || strings.HasPrefix(visible, "！")
		}
		if v != plain {
			if !strings.ContainsAny(text, "!！") {
				t.Fatalf("%q has no mark, yet is %v", text, v)
			}
			return
		}
		marked := 0
		for _, line := range strings.FieldsFunc(rest, lineBreak) {
			if seen(line) {
				marked++
			}
		}
		if rest == text && marked > 0 || marked > 1 || len(rest) > len(text) {
			t.Fatalf("%q would be relayed as %q", text, rest)
		}
	})
}

func TestIDs(t *testing.T) {
	t.Parallel()
	c, err := newIDs([]byte("0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	other, _ := newIDs([]byte("fedcba9876543210"))
	seen := map[string]bool{}
	for _, seq := range []uint64{0, 1, 2, 3, 1000, 1 << 32, 1<<61 - 1} {
		id := c.of(seq)
		if len(id) != 36 || id[14] != '8' || !strings.ContainsRune("89ab", rune(id[19])) {
			t.Errorf("%s is no UUID of version 8", id)
		}
		if got, ok := c.seq(id); !ok || got != seq {
			t.Errorf("seq(of(%d)) = %d, %v", seq, got, ok)
		}
		if _, ok := other.seq(id); ok || seen[id] {
			t.Errorf("%s is not ours alone", id)
		}
		seen[id] = true
	}
	for _, bad := range []string{"", "x", strings.Repeat("0", 36), "00000000-0000-8000-8000-000000000000", strings.ToUpper(c.of(1 << 40))} {
		if _, ok := c.seq(bad); ok {
			t.Errorf("%q passes for one of ours", bad)
		}
	}
}

func TestSlug(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Alice": "alice", "José Ángel Núñez": "jose-angel-nunez", "": "customer", "李雷": "customer",
		"case": "customer", "Lobby": "customer", "  a  b ": "a-b", "O'Brien": "o-brien",
		strings.Repeat("x", 40): strings.Repeat("x", 23), "@/.\x00": "customer",
	} {
		if got := slug(name); got != want {
			t.Errorf("slug(%q) = %q, want %q", name, got, want)
		}
	}
}

func FuzzEncode(f *testing.F) {
	f.Add("id", "body", "en", uint64(3), uint64(0), true)
	f.Add("\"\\\n", "\x00é\u2028<b>&", "", uint64(0), uint64(9), false)
	f.Fuzz(func(t *testing.T, id, body, lang string, replace, retract uint64, receipt bool) {
		valid := func(s string) string { return strings.ToValidUTF8(s, "") }
		w := words{ID: valid(id), Body: valid(body), Lang: valid(lang), URL: valid(id + body), Receipt: receipt, Markable: !receipt, Active: len(id) > 3, Replace: replace, Reply: retract, Retract: retract}
		e := entry{kind: uint16(dispatch.Said), words: &w, fact: dispatch.Fact{Kind: dispatch.Said, Thread: replace, Conversation: retract, By: valid(lang), Agent: valid(id)}}
		numbers, content, _ := e.encode(nil)
		got, err := decode(store.Record{Kind: e.kind, Numbers: numbers, Content: content})
		if err != nil || !reflect.DeepEqual(*got.words, w) || !reflect.DeepEqual(got.fact, e.fact) {
			t.Fatalf("%+v, %v after %s %s", got, err, numbers, content)
		}
	})
}

// FuzzWords: whatever a peer sends, what is built of it holds nothing but what may pass, and can be sent.
func FuzzWords(f *testing.F) {
	for _, s := range []string{
		`<message id='1'><body>a</body><active xmlns='http://jabber.org/protocol/chatstates'/></message>`,
		`<message><reactions xmlns='urn:xmpp:reactions:0' id='x'><reaction>a</reaction></reactions></message>`,
		`<message><body>&gt; a&#10;b</body><reply xmlns='urn:xmpp:reply:0' id='x'/><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='4'/></fallback></message>`,
		`<message xml:lang='de'><subject>s</subject><body>b</body><x xmlns='jabber:x:oob'><url>https://a.example/b</url></x><evil xmlns='urn:evil'/></message>`,
		`<message><retract xmlns='urn:xmpp:message-retract:1' id='x'/><replace xmlns='urn:xmpp:message-correct:0' id='y'/></message>`,
	} {
		f.Add(s, uint64(1))
	}
	allowed := map[string]bool{"body": true, nsStates: true, nsReceipts: true, nsMarkers: true, nsCorrect: true, nsReactions: true,
		nsReply: true, nsFallback: true, nsRetract: true, nsOOB: true, nsHints: true, stanza.NSSID: true}
	f.Fuzz(func(t *testing.T, text string, ref uint64) {
		s, err := stanza.Parse(text)
		if err != nil {
			return
		}
		m := read(s)
		if m.tooLong() || !m.hasWords() {
			return
		}
		if m.react != "" {
			m.React = ref
		}
		if m.retract != "" {
			m.Retract = ref
		}
		m.Replace, m.Reply = ref%3, ref%5
		for _, known := range []string{"", "known"} {
			out := m.build("id", func(uint64) string { return known }, textRetracted)
			if out == nil {
				continue
			}
			for c := range out.Elements() {
				if name := c.Space; name == "" && !allowed[c.Local] || name != "" && !allowed[name] {
					t.Fatalf("%s passes in %s", c, out)
				}
			}
			xml := address(out, "a@b/c", "d@e/f").String()
			if _, err := stanza.Parse(xml); err != nil || len(xml) > 256<<10 {
				t.Fatalf("%d bytes, %v: %.200s", len(xml), err, xml)
			}
		}
	})
}
