package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"frontdesk/config"
	"frontdesk/relay"
	"frontdesk/store"
)

// dataDir is a folder with a configuration and a data file of some records.
func dataDir(t *testing.T) (dir, toml string) {
	t.Helper()
	dir = t.TempDir()
	toml = filepath.Join(dir, "frontdesk.toml")
	text := strings.NewReplacer(`"127.0.0.1:5347"`, `"127.0.0.1:1"`).Replace(config.Example)
	if err := os.WriteFile(toml, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(filepath.Join(dir, "frontdesk.db"))
	if err != nil {
		t.Fatal(err)
	}
	for seq := uint64(1); seq <= 10; seq++ {
		if err := s.Append(seq, store.Batch{Records: []store.Record{{Time: time.Unix(1e9, 0), Side: store.Customers, Archive: "1", Kind: 2, Content: []byte("words")}}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, toml
}

// TestDataCommands: backup, verify, restore and compact while no desk runs, and what they say of a wrong file.
func TestDataCommands(t *testing.T) {
	t.Parallel()
	dir, toml := dataDir(t)
	db, copied := filepath.Join(dir, "frontdesk.db"), filepath.Join(dir, "copy")
	ok := func(want string, args ...string) {
		t.Helper()
		if status, stdout, stderr := invoke(t, "", args...); status != done || !strings.Contains(stdout, want) {
			t.Errorf("%v: %d, %q, %q; want %q", args, status, stdout, stderr, want)
		}
	}
	not := func(want string, args ...string) {
		t.Helper()
		if status, _, stderr := invoke(t, "", args...); status == done || !strings.Contains(stderr, want) {
			t.Errorf("%v: %d, %q; want %q", args, status, stderr, want)
		}
	}
	ok("copy: whole, 10 records (10 with words, 0 erased)", "backup", "--config", toml, "--to", copied)
	not("file exists", "backup", "--config", toml, "--to", copied)
	ok("whole, 10 records", "verify", copied)
	ok("frontdesk.db: whole, 10 records", "verify", "--config", toml)
	ok("it had", "compact", "--config", toml)
	ok("What was there is kept as "+db+".before-restore-", "restore", "--config", toml, copied)
	_, stdout, _ := invoke(t, "", "backup", "--config", toml, "--to", "-")
	if err := os.WriteFile(copied, []byte(stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	ok("whole, 10 records", "verify", copied)
	if err := os.Truncate(copied, 20_000); err != nil {
		t.Fatal(err)
	}
	not("cut off", "verify", copied)
	not("cut off", "restore", "--config", toml, copied)
	not("name the backup", "restore", "--config", toml)
	not("not a frontdesk file", "verify", toml)
	if err := os.Remove(db); err != nil {
		t.Fatal(err)
	}
	not("no such file", "backup", "--config", toml, "--to", filepath.Join(dir, "none"))
	if _, err := os.Stat(filepath.Join(dir, "none")); err == nil {
		t.Error("a backup of nothing was written")
	}
}

// TestReadOnly: on a disk that cannot be written the desk does not start, whether its file is there or not, and check says the same.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	dir, toml := dataDir(t)
	if os.Getuid() != 0 {
		t.Skip("only root can mount a disk that cannot be written")
	}
	disk := filepath.Join(dir, "disk")
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ok(os.Mkdir(disk, 0o700))
	ok(syscall.Mount("frontdesk-test", disk, "tmpfs", 0, "size=40m"))
	t.Cleanup(func() { syscall.Unmount(disk, syscall.MNT_DETACH) })
	text, err := os.ReadFile(toml)
	ok(err)
	ok(os.WriteFile(toml, bytes.Replace(text, []byte(`#data = "frontdesk.db"`), []byte(`data = "disk/frontdesk.db"`), 1), 0o600))
	for _, there := range []bool{false, true} {
		if there {
			ok(syscall.Mount("", disk, "", syscall.MS_REMOUNT, ""))
			s, err := store.Open(filepath.Join(disk, "frontdesk.db"))
			ok(err)
			ok(s.Close())
		}
		ok(syscall.Mount("", disk, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
		for _, command := range []string{"run", "check"} {
			status, stdout, stderr := invoke(t, "", command, "--config", toml)
			for _, want := range []string{"read-only file system", "disk/frontdesk.db", "mounted for writing"} {
				if status != failed || !strings.Contains(stdout+stderr, want) {
					t.Errorf("%s, its file there: %v: %d, %q, %q: no %q", command, there, status, stdout, stderr, want)
				}
			}
		}
	}
}

// TestUnguarded: a data file that everybody may read, or replace, is refused.
func TestUnguarded(t *testing.T) {
	t.Parallel()
	dir, toml := dataDir(t)
	db := filepath.Join(dir, "frontdesk.db")
	for _, c := range []struct {
		file, folder fs.FileMode
		want         string
	}{
		{0o644, 0o700, "chmod o= on it"}, {0o602, 0o700, "chmod o= on it"}, {0o600, 0o777, "chmod o-w on it"},
		{0o600, 0o777 | fs.ModeSticky, ""}, {0o640, 0o755, ""},
	} {
		if err := errors.Join(os.Chmod(db, c.file), os.Chmod(dir, c.folder)); err != nil {
			t.Fatal(err)
		}
		if c.want == "" {
			if err := unguarded(db); err != nil {
				t.Errorf("%v: %v", c, err)
			}
			continue
		}
		for _, command := range []string{"run", "check"} {
			if status, stdout, stderr := invoke(t, "", command, "--config", toml); status != failed || !strings.Contains(stdout+stderr, c.want) {
				t.Errorf("%s, %v: %d, %q, %q", command, c, status, stdout, stderr)
			}
		}
	}
	if err := errors.Join(os.Remove(db), os.Chmod(dir, 0o700)); err != nil {
		t.Fatal(err)
	}
	if err := unguarded(db); err != nil {
		t.Errorf("none: %v", err)
	}
}

// TestBackupOfRunningDesk goes through the socket, which only the owner may use, and which takes the place of one that a
// killed desk left.
func TestBackupOfRunningDesk(t *testing.T) {
	t.Parallel()
	dir, toml := dataDir(t)
	db := filepath.Join(dir, "frontdesk.db")
	s, err := store.Open(db)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range 2 {
		l, err := admin(db)
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(socketOf(db)); err != nil || info.Mode().Perm() != 0o600 {
			t.Fatal(info, err)
		}
		if f, err := l.(interface{ File() (*os.File, error) }).File(); err == nil { // as a killed desk would: without removing it
			defer f.Close()
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		var log bytes.Buffer
		go func() {
			serveAdmin(ctx, l, deskOf{backup: s.Backup}, readerWait, slog.New(slog.NewTextHandler(&log, nil)))
			close(ended)
		}()
		copied := filepath.Join(t.TempDir(), "copy")
		if status, stdout, stderr := invoke(t, "", "backup", "--config", toml, "--to", copied); status != done || !strings.Contains(stdout, "whole, 10 records") {
			t.Errorf("%d, %q, %q", status, stdout, stderr)
		}
		if status, _, stderr := invoke(t, "", "compact", "--config", toml); status != failed || !strings.Contains(stderr, "stop the desk first") {
			t.Errorf("%d, %q", status, stderr)
		}
		stop()
		<-ended
		if !strings.Contains(log.String(), "a backup was made") {
			t.Error(log.String())
		}
	}
}

// TestBackupBreaksOff: of a backup that fails half way nothing is left.
func TestBackupBreaksOff(t *testing.T) {
	t.Parallel()
	dir, toml := dataDir(t)
	l, err := admin(filepath.Join(dir, "frontdesk.db"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		serveAdmin(ctx, l, deskOf{backup: func(w io.Writer) (int64, error) {
			w.Write(make([]byte, 100_000))
			return 100_000, io.ErrUnexpectedEOF
		}}, readerWait, slog.New(slog.DiscardHandler))
		close(ended)
	}()
	copied := filepath.Join(dir, "copy")
	if status, _, stderr := invoke(t, "", "backup", "--config", toml, "--to", copied); status != failed || !strings.Contains(stderr, "EOF") {
		t.Errorf("%d, %q", status, stderr)
	}
	if _, err := os.Stat(copied); err == nil {
		t.Error("half a backup was left")
	}
	stop()
	<-ended
}

// TestBackupStandsStill: who asked for a backup and takes none of it holds up neither the file nor those who erase for long.
func TestBackupStandsStill(t *testing.T) {
	t.Parallel()
	db := filepath.Join(t.TempDir(), "frontdesk.db")
	s, err := store.Open(db)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range 20 { // more than a socket takes
		if err := s.Append(1, store.Batch{Rows: []store.Row{{Table: "t", Key: time.Now().String(), Value: make([]byte, store.MaxValue)}}}); err != nil {
			t.Fatal(err)
		}
	}
	l, err := admin(db)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	begun, ended := make(chan struct{}), make(chan struct{})
	var log bytes.Buffer
	go func() {
		serveAdmin(ctx, l, deskOf{backup: func(w io.Writer) (int64, error) {
			close(begun)
			return s.Backup(w)
		}}, 100*time.Millisecond, slog.New(slog.NewTextHandler(&log, nil)))
		close(ended)
	}()
	conn, err := net.Dial("unix", socketOf(db))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "GET /backup HTTP/1.1\r\nHost: desk\r\nConnection: close\r\n\r\n")
	<-begun
	scrubbed := make(chan error, 1)
	go func() {
		_, err := s.Scrub(ctx) // it waits for backups
		scrubbed <- err
	}()
	select {
	case err := <-scrubbed:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Error("the backup still holds the file")
	}
	if left, err := io.ReadAll(conn); err == nil && len(left) > 20<<20 {
		t.Errorf("all of it was sent: %d bytes", len(left))
	}
	stop()
	<-ended
	if !strings.Contains(log.String(), "a backup failed") || !strings.Contains(log.String(), "timeout") {
		t.Error(log.String())
	}
}

// deskOf is a desk that answers on the socket.
type deskOf struct {
	backup func(io.Writer) (int64, error)
	erase  func(relay.Whom) (*relay.Erasure, error)
	export func(io.Writer, relay.Extract) (int, error)
}

func (d deskOf) Export(_ context.Context, w io.Writer, what relay.Extract) (int, error) {
	return d.export(w, what)
}

func (d deskOf) Backup(w io.Writer) (int64, error) { return d.backup(w) }

func (d deskOf) Erase(_ context.Context, who relay.Whom) (*relay.Erasure, error) { return d.erase(who) }

// TestErase: the command asks a running desk, and prints its proof; or does it to the file.
func TestErase(t *testing.T) {
	t.Parallel()
	dir, toml := dataDir(t)
	db := filepath.Join(dir, "frontdesk.db")
	for _, args := range [][]string{nil, {"--customer", "a@b", "--thread", "1"}} {
		if status, _, stderr := invoke(t, "", append([]string{"erase", "--config", toml}, args...)...); status != misuse || !strings.Contains(stderr, "say whose words") {
			t.Errorf("%q: %d, %q", args, status, stderr)
		}
	}
	if err := os.Remove(db); err != nil {
		t.Fatal(err)
	}
	if status, _, stderr := invoke(t, "", "erase", "--config", toml, "--customer", "nobody@example.org"); status != failed || !strings.Contains(stderr, "no such file") {
		t.Errorf("of no file: %d, %q", status, stderr)
	}
	s, err := store.Open(db)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if status, _, stderr := invoke(t, "", "erase", "--config", toml, "--customer", "nobody@example.org"); status != failed || !strings.Contains(stderr, "no such customer") {
		t.Errorf("of the file: %d, %q", status, stderr)
	}
	l, err := admin(db)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	desk := deskOf{erase: func(who relay.Whom) (*relay.Erasure, error) {
		if who != (relay.Whom{Address: "alice@example.org", Names: true}) {
			return nil, relay.ErrNobody
		}
		return &relay.Erasure{Threads: []uint64{17}, Records: []uint64{3, 4, 5, 9}, Erased: 4, Archives: map[string]int{"17": 3, "room:lobby": 1},
			Rows: map[string]int{"jid": 1}, Pages: 7, Searched: 1000, Samples: 2, Found: 1}, nil
	}}
	go func() {
		serveAdmin(ctx, l, desk, readerWait, slog.New(slog.DiscardHandler))
		close(ended)
	}()
	status, stdout, stderr := invoke(t, "", "erase", "--config", toml, "--customer", "alice@example.org", "--names")
	want := "Threads: #17\nWords of 4 records erased: 3-5, 9\n  17: 3\n  room:lobby: 1\nRows deleted or emptied: jid 1\n7 pages"
	if status != failed || !strings.HasPrefix(stdout, want) || !strings.Contains(stderr, "1 of the words and addresses are still in the file") {
		t.Errorf("%d, %q, %q", status, stdout, stderr)
	}
	if status, _, stderr := invoke(t, "", "erase", "--config", toml, "--thread", "18"); status != failed || !strings.Contains(stderr, "no such customer") {
		t.Errorf("%d, %q", status, stderr)
	}
	stop()
	<-ended
}

// TestExport: the command asks a running desk, or reads the file; half an export is an error, and is not left.
func TestExport(t *testing.T) {
	t.Parallel()
	dir, toml := dataDir(t)
	for _, c := range []struct{ args, want string }{
		{"--format odt", "jsonl, text or html"}, {"--since yesterday", "2026-01-31"}, {"--customer a@b --thread 3", "one too many"},
	} {
		if status, _, stderr := invoke(t, "", append([]string{"export", "--config", toml}, strings.Fields(c.args)...)...); status != misuse || !strings.Contains(stderr, c.want) {
			t.Errorf("%s: %d, %q", c.args, status, stderr)
		}
	}
	if status, stdout, stderr := invoke(t, "", "export", "--config", toml, "--format", "html"); status != done || !strings.HasPrefix(stdout, "<!DOCTYPE html>") {
		t.Errorf("of the file: %d, %q, %q", status, stdout, stderr)
	}
	if status, _, stderr := invoke(t, "", "export", "--config", toml, "--thread", "99"); status != failed || !strings.Contains(stderr, "no such customer or thread") {
		t.Errorf("of the file: %d, %q", status, stderr)
	}
	l, err := admin(filepath.Join(dir, "frontdesk.db"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	desk := deskOf{export: func(w io.Writer, what relay.Extract) (int, error) {
		want := relay.Extract{Format: "jsonl", Whom: relay.Whom{Address: "alice@example.org"}, Since: time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC), Rooms: true}
		if what.Thread == 99 {
			return 0, relay.ErrNobody
		}
		io.WriteString(w, strings.Repeat("{}\n", 10_000))
		if what != want {
			return 0, io.ErrUnexpectedEOF
		}
		return 10_000, nil
	}}
	go func() {
		serveAdmin(ctx, l, desk, readerWait, slog.New(slog.DiscardHandler))
		close(ended)
	}()
	file := filepath.Join(dir, "out")
	args := []string{"export", "--config", toml, "--format", "jsonl", "--customer", "alice@example.org", "--since", "2026-01-31", "--to", file}
	if status, _, stderr := invoke(t, "", args...); status != failed || !strings.Contains(stderr, "EOF") {
		t.Errorf("half an export: %d, %q", status, stderr)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("half an export was left")
	}
	if status, _, stderr := invoke(t, "", append(args, "--rooms")...); status != done {
		t.Errorf("%d, %q", status, stderr)
	}
	if info, err := os.Stat(file); err != nil || info.Size() != 30_000 || info.Mode().Perm() != 0o600 {
		t.Error(info, err)
	}
	if status, _, stderr := invoke(t, "", "export", "--config", toml, "--thread", "99"); status != failed || !strings.Contains(stderr, "no such customer or thread") {
		t.Errorf("%d, %q", status, stderr)
	}
	stop()
	<-ended
}
