package muc

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestRules holds the list of rules in testdata/README against the tests: none is missing, each names some that exist, and
// there is no dialogue that is for none.
func TestRules(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/README")
	if err != nil {
		t.Fatal(err)
	}
	var code []byte
	files, _ := filepath.Glob("*_test.go")
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		code = append(code, b...)
	}
	var rules []string
	named := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^([A-Z]\d+|\d{4}|rate|fuzz) +\S.*? {2,}(\S.*)$`).FindAllStringSubmatch(string(text), -1) {
		rules = append(rules, m[1])
		for _, name := range strings.Fields(m[2]) {
			named[name] = true
			switch e2e, isE2E := strings.CutPrefix(name, "e2e/"); {
			case isE2E:
				_, err = os.Stat("../e2e/testdata/" + e2e + ".txt")
			case strings.HasPrefix(name, "Test"), strings.HasPrefix(name, "Fuzz"):
				if err = nil; !strings.Contains(string(code), "func "+name+"(") {
					err = os.ErrNotExist
				}
			default:
				_, err = os.Stat("testdata/" + name + ".txt")
			}
			if err != nil {
				t.Errorf("%s names %s: %v", m[1], name, err)
			}
		}
	}
	var want []string
	for _, group := range []struct {
		letter string
		n      int
	}{{"D", 9}, {"E", 14}, {"P", 9}, {"G", 13}, {"A", 13}} {
		for i := range group.n {
			want = append(want, group.letter+itoa(i+1))
		}
	}
	if got := rules[:min(len(want), len(rules))]; !slices.Equal(got, want) {
		t.Errorf("the rules are %v", got)
	}
	dialogues, _ := filepath.Glob("testdata/*.txt")
	for _, d := range dialogues {
		if name := strings.TrimSuffix(filepath.Base(d), ".txt"); !named[name] {
			t.Errorf("no rule names %s", name)
		}
	}
}
