package main

import (
	"context"
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
	"syscall"
	"time"

	"frontdesk/config"
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

// socketOf is where a running desk takes requests of those who may write the data file.
func socketOf(data string) string { return data + ".sock" }

// admin listens on the socket beside the data file. Only who may write there may connect; a socket that is left from a
// desk that was killed is replaced: the file is ours by now.
func admin(data string) (net.Listener, error) {
	path := socketOf(data)
	if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSocket != 0 {
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	return l, os.Chmod(path, 0o600)
}

// serveAdmin answers on the socket until ctx ends.
func serveAdmin(ctx context.Context, l net.Listener, backup func(io.Writer) (int64, error), log *slog.Logger) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /backup", func(w http.ResponseWriter, _ *http.Request) {
		began := time.Now()
		n, err := backup(w)
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
	if err := p.parse(set, args, 0); err != nil {
		return err
	}
	cfg, err := config.Load(*path)
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
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socketOf(data))
	}}}
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://desk/backup", nil)
	if err != nil {
		return 0, err
	}
	resp, err := client.Do(req)
	if err == nil {
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return 0, fmt.Errorf("the desk answered %s", resp.Status)
		}
		return io.Copy(w, resp.Body)
	}
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ECONNREFUSED) {
		return 0, fmt.Errorf("asking the desk that runs: %w", err)
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

func told(r store.Report) string {
	old := ""
	if r.Unsummed > 0 {
		old = fmt.Sprintf(" (%d of them without checksums)", r.Unsummed)
	}
	return fmt.Sprintf("whole, %d records%s (%d with words, %d erased), %d rows, %d bytes, %d of them free", r.Records, old, r.Contents, r.Erased, r.Rows, r.Bytes, r.Free)
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
	if err := p.parse(set, args, 0); err != nil {
		return err
	}
	cfg, err := config.Load(*path)
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

// hint says what to do about a file that is in use.
func hint(err error) error {
	if errors.Is(err, store.ErrLocked) {
		return fmt.Errorf("%w: stop the desk first, or make a backup and take that", err)
	}
	return err
}
