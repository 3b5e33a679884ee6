package servers

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"

	modules "frontdesk/deploy/prosody"
)

//go:embed prosody.cfg.lua
var prosodyConfig string

var prosodyTemplate = template.Must(template.New("prosody.cfg.lua").Funcs(template.FuncMap{"lua": lua}).Parse(prosodyConfig))

type prosody struct{}

func (prosody) separate() bool { return false }

func (prosody) prepare(_ context.Context, s *Server) error {
	for _, folder := range []string{"data", "modules"} {
		if err := os.MkdirAll(filepath.Join(s.opts.Dir, folder), 0o700); err != nil {
			return err
		}
	}
	module := filepath.Join(s.opts.Dir, "modules", "mod_frontdesk_confine.lua")
	if err := os.WriteFile(module, modules.Confine, 0o600); err != nil {
		return err
	}
	var text strings.Builder
	if err := prosodyTemplate.Execute(&text, s.settings()); err != nil {
		return err
	}
	return os.WriteFile(s.prosodyConfig(), []byte(text.String()), 0o600)
}

func (s *Server) prosodyConfig() string { return filepath.Join(s.opts.Dir, "prosody.cfg.lua") }

func (prosody) command(s *Server) *exec.Cmd {
	return s.program(context.Background(), "prosody", "-F", "--config", s.prosodyConfig())
}

func (prosody) answers(context.Context, *Server) error { return nil }

// ProsodyRosters reports whether Prosody can let a component set rosters: whether Debian's prosody-modules are installed.
func ProsodyRosters() bool {
	_, err := os.Stat("/usr/lib/prosody/modules/mod_privilege")
	return err == nil
}

// register writes the account's file with Prosody's own tool; Prosody reads it at the next login.
func (prosody) register(ctx context.Context, s *Server, user, host, password string) error {
	cmd := s.program(ctx, "prosodyctl", "--config", s.prosodyConfig(), "register", user, host, password)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("prosodyctl: %w: %s", err, out)
	}
	return nil
}

// lua writes a string, an integer or a list of strings as Lua does; strings are printable ASCII.
func lua(v any) string {
	switch v := v.(type) {
	case string:
		return strconv.Quote(v)
	case []string:
		quoted := make([]string, len(v))
		for i, s := range v {
			quoted[i] = strconv.Quote(s)
		}
		return "{ " + strings.Join(quoted, ", ") + " }"
	default:
		return fmt.Sprint(v)
	}
}
