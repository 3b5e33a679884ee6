package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"frontdesk/config"
	"frontdesk/relay"
	"frontdesk/store"
)

// The file with everything: copies of it, and what is done to it while no desk runs.

const backupHelp = `frontdesk backup [--config file] [--to file]

Writes a copy of the data file, whole and of one instant, whether the desk runs
or not. --to - is standard output. The copy is verified when it is a file.
`

const verifyHelp = `frontdesk verify [--config file] [file]

Reads a data file or a backup as a whole and says what is wrong with it. It
changes nothing. Without a file, it is the configuration's: stop the desk first.
`

const restoreHelp = `frontdesk restore [--config file] backup

Puts a backup in the place of the data file, once it has been verified. What was
there is kept beside it. Stop the desk first.
`

const compactHelp = `frontdesk compact [--config file]

Writes the data file anew, without what was freed in it. Stop the desk first.
`

const exportHelp = `frontdesk export [--config file] [--format jsonl|text|html] [--customer address | --thread number] [--since time] [--rooms] [--to file]

Writes what customers said and were told, thread by thread, whether the desk
runs or not.
`

const eraseHelp = `frontdesk erase [--config file] --customer address | --thread number

Erases what a customer said and was told, what colleagues wrote of him in notes
and case rooms, messages in other rooms that name his thread (#17) or his
address, and who he was; overwrites the places where that stood in the file, and
prints what was removed. His open conversations are closed. It cannot be undone.
Whether the desk runs or not. Backups keep what they have.
`

// socketOf is where a running desk takes requests of those who may write the data file.
func socketOf(data string) string { return data + ".sock" }

// unguarded is an error where everybody may read the data file, or put another in its place: all that customers said stands in it, and its owner's
// requests go by the socket beside it. A file that is not there yet is made so that only its owner can read it.
func unguarded(data string) error {
	if info, err := os.Stat(data); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o007 != 0 {
		return fmt.Errorf("data: everybody may read %s or write there (its mode is %04o): run chmod o= on it", data, info.Mode().Perm())
	}
	folder := filepath.Dir(data)
	if info, err := os.Stat(folder); err == nil && info.Mode()&0o002 != 0 && info.Mode()&fs.ModeSticky == 0 {
		return fmt.Errorf("data: everybody may put files into %s (its mode is %04o), and so another in the place of %s: run chmod o-w on it", folder, info.Mode().Perm(), filepath.Base(data))
	}
	return nil
}

// admin listens on the socket beside the data file. Only who may write there may connect, from the first moment on; a socket that is left from a
// desk that was killed is replaced: the file is ours by now.
func admin(data string) (net.Listener, error) {
	path := socketOf(data)
	if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSocket != 0 {
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	others := syscall.Umask(0o077) // of the whole process: what else is made in this moment is closed to others, too
	l, err := net.Listen("unix", path)
	syscall.Umask(others)
	if err != nil {
		return nil, err
	}
	return l, os.Chmod(path, 0o600)
}

// running is what the socket asks of a desk.
type running interface {
	Backup(io.Writer) (int64, error)
	Erase(context.Context, relay.Whom) (*relay.Erasure, error)
	Export(context.Context, io.Writer, relay.Extract) (int, error)
}

// readerWait is how long who asked for a backup or an export may take none of it: a backup that stands still keeps the file growing, and
// what was erased where it stands.
const readerWait = 30 * time.Second

// impatient gives up writing what nobody takes for a time.
type impatient struct {
	w    http.ResponseWriter
	wait time.Duration
}

func (i impatient) Write(b []byte) (int, error) {
	if err := http.NewResponseController(i.w).SetWriteDeadline(time.Now().Add(i.wait)); err != nil {
		return 0, err
	}
	return i.w.Write(b)
}

// serveAdmin answers on the socket until ctx ends.
func serveAdmin(ctx context.Context, l net.Listener, desk running, wait time.Duration, log *slog.Logger) {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /erase", func(w http.ResponseWriter, r *http.Request) {
		var who relay.Whom
		err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&who)
		var proof *relay.Erasure
		if err == nil {
			proof, err = desk.Erase(r.Context(), who)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
			return
		}
		if err := json.NewEncoder(w).Encode(proof); err != nil {
			log.Warn("nobody took the proof of an erasure", "err", err)
		}
	})
	mux.HandleFunc("POST /export", func(w http.ResponseWriter, r *http.Request) {
		var what relay.Extract
		err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&what)
		sent := &counting{w: impatient{w, wait}}
		if err == nil {
			_, err = desk.Export(r.Context(), sent, what)
		}
		switch {
		case err != nil && sent.n == 0:
			http.Error(w, err.Error(), http.StatusConflict)
		case err != nil:
			log.Error("an export failed", "err", err)
			panic(http.ErrAbortHandler) // the reader must not take half of it for all
		}
	})
	mux.HandleFunc("GET /backup", func(w http.ResponseWriter, _ *http.Request) {
		began := time.Now()
		n, err := desk.Backup(impatient{w, wait})
		if err != nil {
			log.Error("a backup failed", "err", err)
			panic(http.ErrAbortHandler) // the reader must not take half a file for a whole one
		}
		log.Info("a backup was made", "bytes", n, "took", time.Since(began).Round(time.Millisecond))
	})
	s := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
	stop := context.AfterFunc(ctx, func() { s.Close() })
	defer stop()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		log.Error("the admin socket failed", "err", err)
	}
}

func (p program) backup(ctx context.Context, args []string) error {
	set := p.flags("backup", backupHelp)
	path := set.String("config", configFile, configHelp)
	to := set.String("to", "", "the `file` to write; it must not be there (default: the data file's name and the time)")
	cfg, err := p.configured(set, args, path)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if *to == "-" {
		_, err := copyData(ctx, cfg.Data, p.stdout)
		return err
	}
	if *to == "" {
		*to = cfg.Data + time.Now().UTC().Format("-20060102-150405")
	}
	f, err := os.OpenFile(*to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	_, err = copyData(ctx, cfg.Data, f)
	err = errors.Join(err, f.Sync(), f.Close())
	var rep store.Report
	if err == nil {
		rep, err = store.Verify(*to)
	}
	if err != nil {
		return errors.Join(err, os.Remove(*to)) // half a backup is worse than none
	}
	fmt.Fprintf(p.stdout, "%s: %s\n", *to, told(rep))
	return nil
}

// copyData writes the data file to w: through the desk that runs with it, or by itself.
func copyData(ctx context.Context, data string, w io.Writer) (int64, error) {
	resp, err := askDesk(ctx, data, http.MethodGet, "/backup", nil)
	if err == nil {
		defer resp.Body.Close()
		return io.Copy(w, resp.Body)
	}
	if !errors.Is(err, errNoDesk) {
		return 0, err
	}
	if _, err := os.Stat(data); err != nil {
		return 0, err // Open would make one
	}
	s, err := store.Open(data)
	if err != nil {
		return 0, err
	}
	n, err := s.Backup(w)
	return n, errors.Join(err, s.Close())
}

// counting knows how much was written.
type counting struct {
	w io.Writer
	n int64
}

func (c *counting) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

func (p program) export(ctx context.Context, args []string) error {
	set := p.flags("export", exportHelp)
	path := set.String("config", configFile, configHelp)
	var what relay.Extract
	set.StringVar(&what.Format, "format", relay.FormatText, "jsonl, text or html")
	set.StringVar(&what.Address, "customer", "", "only of this customer: his `address`, without a client's resource")
	set.Uint64Var(&what.Thread, "thread", 0, "only of this thread, by `number`")
	set.BoolVar(&what.Rooms, "rooms", false, "also what colleagues said: notes, case rooms and, of all customers, other rooms")
	since := set.String("since", "", "only from this `time` on: 2026-01-31, or 2026-01-31T15:04:05Z")
	to := set.String("to", "-", "the `file` to write; it must not be there. - is standard output")
	if err := p.parse(set, args, 0); err != nil {
		return err
	}
	switch what.Format {
	case relay.FormatJSON, relay.FormatText, relay.FormatHTML:
	default:
		return misused("--format is jsonl, text or html, not %q", what.Format)
	}
	if what.Address != "" && what.Thread != 0 {
		return misused("--customer and --thread are one too many")
	}
	if *since != "" {
		var err error
		if what.Since, err = time.Parse(time.RFC3339, *since); err != nil {
			if what.Since, err = time.Parse(time.DateOnly, *since); err != nil {
				return misused("--since is a day as 2026-01-31 or a time as 2026-01-31T15:04:05Z, not %q", *since)
			}
		}
	}
	cfg, err := config.Load(*path)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if *to == "-" {
		return hint(exportFrom(ctx, cfg, p.stdout, what))
	}
	f, err := os.OpenFile(*to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	if err := errors.Join(exportFrom(ctx, cfg, f, what), f.Sync(), f.Close()); err != nil {
		return errors.Join(hint(err), os.Remove(*to))
	}
	return nil
}

// exportFrom asks the desk that runs, or reads the file.
func exportFrom(ctx context.Context, cfg *config.Config, w io.Writer, what relay.Extract) error {
	resp, err := askDesk(ctx, cfg.Data, http.MethodPost, "/export", what)
	if err == nil {
		defer resp.Body.Close()
		_, err = io.Copy(w, resp.Body)
		return err
	}
	if !errors.Is(err, errNoDesk) {
		return err
	}
	if _, err := os.Stat(cfg.Data); err != nil {
		return err // Open would make one
	}
	s, err := store.Open(cfg.Data)
	if err != nil {
		return err
	}
	_, err = relay.Export(ctx, s, cfg, w, what)
	return errors.Join(err, s.Close())
}

var errNoDesk = errors.New("no desk runs with the file")

// askDesk asks the desk that runs with a data file; errNoDesk where none does.
func askDesk(ctx context.Context, data, method, path string, body any) (*http.Response, error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socketOf(data))
	}}}
	sent, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://desk"+path, bytes.NewReader(sent))
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, errNoDesk
	case err != nil:
		return nil, fmt.Errorf("asking the desk that runs: %w", err)
	case resp.StatusCode != http.StatusOK:
		defer resp.Body.Close()
		why, _ := io.ReadAll(io.LimitReader(resp.Body, 4096)) // what there is of it
		return nil, fmt.Errorf("the desk answered %s: %s", resp.Status, strings.TrimSpace(string(why)))
	}
	return resp, nil
}

func (p program) erase(ctx context.Context, args []string) error {
	set := p.flags("erase", eraseHelp)
	path := set.String("config", configFile, configHelp)
	var who relay.Whom
	set.StringVar(&who.Address, "customer", "", "the customer's `address`, without a client's resource")
	set.Uint64Var(&who.Thread, "thread", 0, "one thread by its `number`: its words go, the customer stays known, unless he has no address any more")
	set.BoolVar(&who.Names, "names", false, "also what has the customer's name in rooms, whoever is meant")
	if err := p.parse(set, args, 0); err != nil {
		return err
	}
	if (who.Address == "") == (who.Thread == 0) {
		return misused("say whose words: --customer alice@example.org, or --thread 17")
	}
	cfg, err := config.Load(*path)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	proof, err := p.eraseFrom(ctx, cfg, who)
	if err != nil {
		return hint(err)
	}
	fmt.Fprint(p.stdout, proof)
	if proof.Found > 0 {
		return fmt.Errorf("%d of the words and addresses are still in the file: somebody else may have said the same; \"frontdesk export\" finds out", proof.Found)
	}
	return nil
}

// eraseFrom has the desk that runs do it, or does it to the file.
func (p program) eraseFrom(ctx context.Context, cfg *config.Config, who relay.Whom) (*relay.Erasure, error) {
	resp, err := askDesk(ctx, cfg.Data, http.MethodPost, "/erase", who)
	if err == nil {
		defer resp.Body.Close()
		proof := &relay.Erasure{}
		return proof, json.NewDecoder(resp.Body).Decode(proof)
	}
	if !errors.Is(err, errNoDesk) {
		return nil, err
	}
	if _, err := os.Stat(cfg.Data); err != nil {
		return nil, err // it would be made
	}
	return relay.EraseFile(ctx, cfg, slog.New(slog.DiscardHandler), who)
}

func told(r store.Report) string {
	old := ""
	if r.Unsummed > 0 {
		old = fmt.Sprintf(" (%d of them without checksums)", r.Unsummed)
	}
	bare := ""
	if r.BareRows > 0 {
		bare = fmt.Sprintf(" (%d of them without checksums: the desk gives them some when it starts)", r.BareRows)
	}
	return fmt.Sprintf("whole, %d records%s (%d with words, %d erased), %d rows%s, %d bytes, %d of them free", r.Records, old, r.Contents, r.Erased, r.Rows, bare, r.Bytes, r.Free)
}

func (p program) verify(args []string) error {
	set := p.flags("verify", verifyHelp)
	path := set.String("config", configFile, configHelp)
	if err := p.parse(set, args, 1); err != nil {
		return err
	}
	file := set.Arg(0)
	if file == "" {
		cfg, err := config.Load(*path)
		if err != nil {
			return err
		}
		file = cfg.Data
	}
	rep, err := store.Verify(file)
	if err != nil {
		return hint(err)
	}
	fmt.Fprintf(p.stdout, "%s: %s\n", file, told(rep))
	return nil
}

func (p program) restore(args []string) error {
	set := p.flags("restore", restoreHelp)
	path := set.String("config", configFile, configHelp)
	if err := p.parse(set, args, 1); err != nil {
		return err
	}
	if set.Arg(0) == "" {
		return misused("name the backup: frontdesk restore frontdesk.db-20261128-083000")
	}
	cfg, err := config.Load(*path)
	if err != nil {
		return err
	}
	rep, kept, err := store.Restore(cfg.Data, set.Arg(0))
	if err != nil {
		return hint(err)
	}
	fmt.Fprintf(p.stdout, "%s: %s\n", cfg.Data, told(rep))
	if kept != "" {
		fmt.Fprintf(p.stdout, "What was there is kept as %s.\n", filepath.Clean(kept))
	}
	return nil
}

func (p program) compact(args []string) error {
	set := p.flags("compact", compactHelp)
	path := set.String("config", configFile, configHelp)
	cfg, err := p.configured(set, args, path)
	if err != nil {
		return err
	}
	before, after, err := store.Compact(cfg.Data)
	if err != nil {
		return hint(err)
	}
	fmt.Fprintf(p.stdout, "%s: %s; it had %d bytes\n", cfg.Data, told(after), before.Bytes)
	return nil
}

// hint says what to do about a file that cannot be used.
func hint(err error) error {
	var file *fs.PathError
	if errors.As(err, &file) && errors.Is(file, fs.ErrPermission) {
		return fmt.Errorf("%w: the user that the desk runs as must be allowed to read and write it, and its folder", err)
	}
	for _, h := range []struct {
		is  error
		say string
	}{
		{store.ErrLocked, "stop the desk first, or make a backup and take that"},
		{syscall.EROFS, "it can be read and not written: have the disk mounted for writing, after a look at why it is not (dmesg); or name another place as data"},
		{syscall.EIO, "the disk has a fault (dmesg says more). All that was acknowledged is in the file: copy it to another disk, and see what \"frontdesk verify\" says of it"},
		{syscall.EFBIG, "raise the limit on the size of files (ulimit -f, systemd's LimitFSIZE), then start again: nothing that was acknowledged is lost"},
		{syscall.ENOSPC, "make room, then start again: nothing that was acknowledged is lost"},
	} {
		if errors.Is(err, h.is) {
			return fmt.Errorf("%w: %s", err, h.say)
		}
	}
	return err
}
