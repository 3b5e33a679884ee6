package servers

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	modules "frontdesk/deploy/ejabberd"
)

//go:embed ejabberd.yml
var ejabberdConfig string

//go:embed frontdesk_sync.erl
var syncModule []byte

var ejabberdTemplate = template.Must(template.New("ejabberd.yml").Funcs(template.FuncMap{"yaml": yaml}).Parse(ejabberdConfig))

// libraries is where distributions put ejabberd; Erlang must be told of the folder above.
const libraries = "/usr/lib/*/ejabberd-*/ebin/ejabberd.beam"

type ejabberd struct{}

// separate: connections of two components on one listener get each other's stanzas.
func (ejabberd) separate() bool { return true }

func (ejabberd) prepare(ctx context.Context, s *Server) error {
	for _, folder := range []string{"db", "log", "modules"} {
		if err := os.MkdirAll(filepath.Join(s.opts.Dir, folder), 0o700); err != nil {
			return err
		}
	}
	var text strings.Builder
	if err := ejabberdTemplate.Execute(&text, s.settings()); err != nil {
		return err
	}
	if err := os.WriteFile(s.ejabberdConfig(), []byte(text.String()), 0o600); err != nil {
		return err
	}
	return s.compile(ctx, map[string][]byte{
		"mod_frontdesk_confine.erl": modules.Confine, // ejabberd's own mod_block_strangers lets IQs and directed presence through
		"frontdesk_sync.erl":        syncModule,
	})
}

func (s *Server) ejabberdConfig() string { return filepath.Join(s.opts.Dir, "ejabberd.yml") }

// compile builds Erlang modules into the folder "modules".
func (s *Server) compile(ctx context.Context, sources map[string][]byte) error {
	beam, err := ejabberdBeam()
	if err != nil {
		return err
	}
	folder := filepath.Join(s.opts.Dir, "modules")
	args := []string{"-pa", filepath.Dir(beam), "-o", folder}
	for name, text := range sources {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			return err
		}
		args = append(args, path)
	}
	if out, err := s.program(ctx, "erlc", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("erlc: %w: %s", err, out)
	}
	return nil
}

func ejabberdBeam() (string, error) {
	found, err := filepath.Glob(libraries)
	if err != nil || len(found) == 0 {
		return "", errors.New("ejabberd is not installed: no " + libraries)
	}
	return found[0], nil
}

// command starts Erlang without a node name: so there is no epmd, no cookie and
// one process tree. +sbwt none: idle schedulers sleep at once instead of spinning.
func (ejabberd) command(s *Server) *exec.Cmd {
	cmd := s.program(context.Background(), "erl", "-noinput", "+sbwt", "none", "+P", "250000",
		"-pa", filepath.Join(s.opts.Dir, "modules"),
		"-mnesia", "dir", `"`+filepath.Join(s.opts.Dir, "db")+`"`, "-s", "ejabberd")
	cmd.Env = append(cmd.Env,
		"EJABBERD_CONFIG_PATH="+s.ejabberdConfig(),
		"EJABBERD_LOG_PATH="+filepath.Join(s.opts.Dir, "log", "ejabberd.log"),
		"ERL_CRASH_DUMP_BYTES=0",
		"ERL_MAX_PORTS=32000",
	)
	if beam, err := ejabberdBeam(); err == nil {
		cmd.Env = append(cmd.Env, "ERL_LIBS="+filepath.Dir(filepath.Dir(filepath.Dir(beam))))
	}
	return cmd
}

func (ejabberd) answers(ctx context.Context, s *Server) error {
	_, err := call(ctx, s, "api/status", struct{}{})
	return err
}

// register makes the account or, if it is there, sets its password. Both are on disk then.
func (ejabberd) register(ctx context.Context, s *Server, user, host, password string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	status, err := call(ctx, s, "api/register", map[string]string{"user": user, "host": host, "password": password})
	if status == http.StatusConflict {
		_, err = call(ctx, s, "api/change_password", map[string]string{"user": user, "host": host, "newpass": password})
	}
	if err != nil {
		return err
	}
	_, err = call(ctx, s, "sync", struct{}{})
	return err
}

// call posts to a path of the admin port. The error has the answer's text.
func call(ctx context.Context, s *Server, path string, arguments any) (status int, err error) {
	body, err := json.Marshal(arguments)
	if err != nil {
		return 0, err
	}
	url := "http://" + address(s.ports.admin) + "/" + path
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil {
		return 0, err
	}
	if response.StatusCode != http.StatusOK {
		return response.StatusCode, fmt.Errorf("%s: %s: %s", path, response.Status, text)
	}
	return response.StatusCode, nil
}

// yaml writes a value as JSON, which YAML reads.
func yaml(v any) (string, error) {
	if list, ok := v.([]string); ok && list == nil {
		return "[]", nil
	}
	text, err := json.Marshal(v)
	return string(text), err
}
