package main

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"
)

const (
	agentClientPackage = "converse.js@14.0.0"
	fetchWithin        = time.Minute
	unpackedMost       = 200 << 20 // bytes; 14.0.0 has 27 MB
	unpackedFiles      = 5000      // 14.0.0 has 400
)

// fetchAgentClient says whether the agents' web client is in dir, after fetching
// it by npm if it is not. The trial goes on without it, so why not is one line.
func fetchAgentClient(ctx context.Context, dir string, out io.Writer) bool {
	if _, err := os.Stat(filepath.Join(dir, "converse.min.js")); err == nil {
		return true
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		fmt.Fprintln(out, "no agents' client at /agent: npm is missing")
		return false
	}
	fmt.Fprintf(out, "fetching %s for /agent, once\n", agentClientPackage)
	if err := fetch(ctx, npm, dir); err != nil {
		if ctx.Err() == nil {
			fmt.Fprintf(out, "no agents' client at /agent: %s\n", strings.ReplaceAll(err.Error(), "\n", " "))
		}
		return false
	}
	return true
}

// fetch puts the built files of the package into dir, all or none. npm's cache and
// everything else that comes with it go again.
func fetch(ctx context.Context, npm, dir string) error {
	dir, err := filepath.Abs(dir) // npm runs elsewhere
	if err != nil {
		return err
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), "npm-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	ctx, cancel := context.WithTimeout(ctx, fetchWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, npm, "pack", agentClientPackage, "--ignore-scripts", "--silent")
	cmd.Dir = temp
	cmd.Env = append(os.Environ(), "npm_config_cache="+filepath.Join(temp, "cache"), "npm_config_update_notifier=false")
	cmd.WaitDelay = time.Second
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm pack: %w %s", err, strings.TrimSpace(string(said)))
	}
	packed, err := filepath.Glob(filepath.Join(temp, "*.tgz"))
	if err != nil || len(packed) != 1 {
		return errors.New("npm pack left no package")
	}
	unpacked := filepath.Join(temp, "unpacked")
	if err := unpack(packed[0], unpacked); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(packed[0]), err)
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return os.Rename(unpacked, dir)
}

// unpack takes what is below package/dist, without source maps, and the licence.
func unpack(archive, dir string) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	zipped, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	files := tar.NewReader(io.LimitReader(zipped, unpackedMost))
	for range unpackedFiles {
		header, err := files.Next()
		if err == io.EOF {
			_, err := os.Stat(filepath.Join(dir, "converse.min.js"))
			return err
		}
		if err != nil {
			return err
		}
		name, wanted := strings.CutPrefix(path.Clean(header.Name), "package/dist/")
		if header.Name == "package/LICENSE" {
			name, wanted = "LICENSE", true
		}
		if !wanted || header.Typeflag != tar.TypeReg || path.Ext(name) == ".map" || !filepath.IsLocal(name) {
			continue
		}
		if err := writeFile(filepath.Join(dir, name), files); err != nil {
			return err
		}
	}
	return fmt.Errorf("more than %d files", unpackedFiles)
}

func writeFile(path string, from io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	return errors.Join(err, f.Close())
}
