package relay

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// house says who may import whom of ours (design.md, "The house"); tests are not bound by it.
var house = map[string][]string{
	"config":           {"texts"},
	"texts":            {},
	"store":            {},
	"dispatch":         {},
	"component/stanza": {},
	"component":        {"component/stanza"},
	"muc":              {"component/stanza"},
	"web":              {"config"},
	"relay":            {"component", "component/stanza", "muc", "dispatch", "store", "config", "texts"},
}

// pure packages import nothing that reads a clock, draws chance or does I/O.
var impure = []string{"os", "net", "io/ioutil", "os/exec", "math/rand", "math/rand/v2", "crypto/rand", "log", "log/slog", "syscall", "database/sql", "net/http"}

func TestHouse(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(strings.TrimPrefix(filepath.ToSlash(path), "../")))
		allowed, ruled := house[dir]
		if !ruled {
			return nil
		}
		seen[dir] = true
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		pure := dir == "dispatch" || dir == "muc" || dir == "component/stanza"
		for _, im := range file.Imports {
			name := strings.Trim(im.Path.Value, `"`)
			if ours, ok := strings.CutPrefix(name, "frontdesk/"); ok && !slices.Contains(allowed, ours) {
				t.Errorf("%s imports %s", path, ours)
			}
			if pure && slices.Contains(impure, name) {
				t.Errorf("%s is in a pure package and imports %s", path, name)
			}
			if dir == "dispatch" && strings.Contains(name, ".") {
				t.Errorf("%s: dispatch imports the standard library only, not %s", path, name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for dir := range house {
		if !seen[dir] {
			t.Errorf("no Go file in %s", dir)
		}
	}
}
