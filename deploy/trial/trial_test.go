package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"frontdesk/deploy/servers"
)

// TestRun: two starts and stops of the whole thing as `make run` does it, with
// npm faked; accounts, secrets and what was changed in the file outlast the first.
func TestRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", dir, "frontdesk", "frontdesk/deploy/trial").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	r := newRun(t)
	npm(t, r.bin, packed(t, "package/dist/converse.min.js", "package/dist/chunkjs/1.js", "package/dist/x.map", "package/src/x.js", "package/LICENSE"))
	first := r.start(t, filepath.Join(dir, "trial"), filepath.Join(dir, "frontdesk"))
	table := first.until(t, "frontdesk: ready")
	for _, want := range []string{
		"http://127.0.0.1:" + r.http + "/agent", "127.0.0.1 port " + r.xmpp, "support@help.customers.localhost",
		"lobby@desk.agents.localhost", "anna@agents.localhost  ", "password bob", "supervisor", "Ctrl-C",
	} {
		if strings.Count(table, want) == 0 {
			t.Errorf("the table lacks %q:\n%s", want, table)
		}
	}
	first.stop(t, syscall.SIGINT)

	file := filepath.Join(r.dir, "frontdesk.toml")
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before = append(before, "\n# mine\n"...)
	if err := os.WriteFile(file, before, 0o600); err != nil {
		t.Fatal(err)
	}
	second := r.start(t, filepath.Join(dir, "trial"), filepath.Join(dir, "frontdesk"))
	if table := second.until(t, "frontdesk: ready"); strings.Contains(table, "fetching") {
		t.Errorf("the agents' client was fetched twice:\n%s", table)
	}
	if after, err := os.ReadFile(file); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the config changed: %v\n%s", err, after)
	}
	second.stop(t, syscall.SIGTERM)

	third := r.start(t, filepath.Join(dir, "trial"), filepath.Join(dir, "frontdesk"))
	third.until(t, "frontdesk: ready")
	for pid := range running(t, file) {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Error(err)
		}
	}
	err = third.cmd.Wait()
	if said := third.errors.String(); err == nil || !strings.Contains(said, "frontdesk ended: ") || !strings.Contains(said, "last lines of "+r.dir) {
		t.Errorf("a killed frontdesk gave %v: %s", err, said)
	}
	gone(t, r.dir)
}

// TestNoStart: when frontdesk ends before it is ready, its last words are shown and nothing stays.
func TestNoStart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ script, want string }{
		"by itself": {"#!/bin/sh\necho no luck today\nexit 3\n", "no luck today"},
		"killed":    {"#!/bin/sh\necho no luck either >&2\nkill -9 $$\n", "no luck either"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRun(t)
			if err := os.MkdirAll(filepath.Join(r.dir, "agent-client"), 0o700); err != nil { // so npm is not asked
				t.Fatal(err)
			}
			write(t, filepath.Join(r.dir, "agent-client", "converse.min.js"), nil, 0o600)
			binary := filepath.Join(r.bin, "frontdesk")
			write(t, binary, []byte(c.script), 0o700)
			var out bytes.Buffer
			env := map[string]string{"RUN_DIR": r.dir, "XMPP_PORT": r.xmpp, "HTTP_PORT": r.http}
			err := run(t.Context(), binary, func(k string) string { return env[k] }, &out)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("run: %v", err)
			}
			if strings.Contains(out.String(), "ready") {
				t.Errorf("called ready:\n%s", &out)
			}
			gone(t, r.dir)
		})
	}
}

func TestPlace(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	for _, c := range []struct{ xmpp, http, want string }{
		{"", "", ""},
		{"65410", "65411", ""},
		{"65411", "", `XMPP_PORT is "65411": write a port from 1 to 65410`},
		{"", "http", `HTTP_PORT is "http": write a port`},
		{"6000", "6058", "HTTP_PORT 6058 is one of the ports that follow from XMPP_PORT 6000"},
		{fmt.Sprint(port), "", fmt.Sprintf("port %d (XMPP clients) is taken: set XMPP_PORT (now %d)", port, port)},
		{fmt.Sprint(port - componentOffset), "", fmt.Sprintf("port %d (the components, XMPP_PORT+125) is taken: set XMPP_PORT (now %d)", port, port-componentOffset)},
		{"", fmt.Sprint(port), fmt.Sprintf("port %d (the page) is taken: set HTTP_PORT (now %d)", port, port)},
	} {
		env := map[string]string{"XMPP_PORT": c.xmpp, "HTTP_PORT": c.http}
		p, err := placeFrom(func(k string) string { return env[k] })
		if err == nil && strings.Contains(c.want, "is taken") {
			err = p.free()
		}
		if got := fmt.Sprint(err); c.want == "" && err != nil || !strings.Contains(got, c.want) {
			t.Errorf("%q, %q: %v; want %q", c.xmpp, c.http, err, c.want)
		}
	}
}

// TestFetch: whatever npm does, the client is there whole or not at all.
func TestFetch(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files []string
		want  string // "" is success
	}{
		"whole":      {[]string{"package/dist/converse.min.js"}, ""},
		"outside":    {[]string{"package/dist/../../../converse.min.js", "package/dist/converse.min.js"}, ""},
		"incomplete": {[]string{"package/dist/other.js"}, "converse.min.js"},
		"npm fails":  {nil, "no such package"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base := t.TempDir()
			var archive []byte
			if c.files != nil {
				archive = packed(t, c.files...)
			}
			npm(t, base, archive)
			dir := filepath.Join(base, "run", "agent-client")
			if err := os.Mkdir(filepath.Dir(dir), 0o700); err != nil {
				t.Fatal(err)
			}
			err := fetch(t.Context(), filepath.Join(base, "npm"), dir)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			var left []string
			filepath.WalkDir(base, func(path string, d os.DirEntry, err error) error {
				if !d.IsDir() && strings.HasPrefix(path, filepath.Dir(dir)) {
					left = append(left, path)
				}
				return err
			})
			if err == nil && (len(left) != 1 || left[0] != filepath.Join(dir, "converse.min.js")) || err != nil && len(left) != 0 {
				t.Errorf("files: %q", left)
			}
		})
	}
}

// place of a test's run.
type testRun struct{ dir, bin, xmpp, http string }

func newRun(t *testing.T) testRun {
	t.Helper()
	xmpp, release, err := servers.ReservePort(prosodyHTTPOffset, componentOffset)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	http, releaseHTTP, err := servers.ReservePort()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(releaseHTTP)
	return testRun{filepath.Join(t.TempDir(), "run"), t.TempDir(), fmt.Sprint(xmpp), fmt.Sprint(http)}
}

// started is a trial process.
type started struct {
	dir    string
	cmd    *exec.Cmd
	lines  *bufio.Reader
	errors *bytes.Buffer
}

func (r testRun) start(t *testing.T, trial, frontdesk string) started {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	s := started{r.dir, exec.CommandContext(ctx, trial, "-frontdesk", frontdesk), nil, new(bytes.Buffer)}
	s.cmd.Env = append(os.Environ(), "PATH="+r.bin+":"+os.Getenv("PATH"), "RUN_DIR="+r.dir, "XMPP_PORT="+r.xmpp, "HTTP_PORT="+r.http)
	s.cmd.Stderr = s.errors
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.lines = bufio.NewReader(out)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return s
}

// until returns the output up to a line.
func (s started) until(t *testing.T, last string) string {
	t.Helper()
	var text strings.Builder
	for {
		line, err := s.lines.ReadString('\n')
		text.WriteString(line)
		if err != nil {
			s.cmd.Wait()
			t.Fatalf("%v before %q:\n%s\n%s", err, last, &text, s.errors)
		}
		if line == last+"\n" {
			return text.String()
		}
	}
}

func (s started) stop(t *testing.T, signal os.Signal) {
	t.Helper()
	before := time.Now()
	if err := s.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(s.lines); err != nil || len(rest) > 0 {
		t.Errorf("%q, %v", rest, err)
	}
	if err := s.cmd.Wait(); err != nil || s.errors.Len() > 0 {
		t.Errorf("%v: %s", err, s.errors)
	}
	if took := time.Since(before); took > 10*time.Second {
		t.Errorf("stopped after %v", took)
	}
	gone(t, s.dir)
}

// gone fails if a process has the run's folder in its command line.
func gone(t *testing.T, dir string) {
	t.Helper()
	if left := running(t, dir); len(left) > 0 {
		t.Errorf("still there: %v", left)
	}
}

// running returns the command lines that contain text, by process id.
func running(t *testing.T, text string) map[int]string {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[int]string)
	for _, path := range paths {
		line, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(line, []byte(text)) {
			continue // others' processes, or ended meanwhile
		}
		var pid int
		fmt.Sscanf(path, "/proc/%d/", &pid)
		found[pid] = string(line)
	}
	return found
}

// npm puts an npm into dir that packs this archive, or fails without one.
func npm(t *testing.T, dir string, archive []byte) {
	t.Helper()
	script := "#!/bin/sh\necho no such package >&2\nexit 1\n"
	if archive != nil {
		path := filepath.Join(dir, "packed")
		write(t, path, archive, 0o600)
		script = "#!/bin/sh\ncp '" + path + "' converse.js.tgz\n"
	}
	write(t, filepath.Join(dir, "npm"), []byte(script), 0o700)
}

// packed is a package with these files, each holding its name.
func packed(t *testing.T, files ...string) []byte {
	t.Helper()
	var archive bytes.Buffer
	zipped := gzip.NewWriter(&archive)
	w := tar.NewWriter(zipped)
	for _, name := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(name)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, name)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	return archive.Bytes()
}

func write(t *testing.T, path string, text []byte, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, text, mode); err != nil {
		t.Fatal(err)
	}
}
