package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"frontdesk/component"
	"frontdesk/config"
	"frontdesk/relay"
	"frontdesk/store"
)

const checkHelp = `frontdesk check [--config file]

Says what is wrong with the configuration, then connects both components, each for
at most 10 seconds, and says what works. Status 0: all does.
`

// tryWithin bounds what check waits for a server.
const tryWithin = 10 * time.Second

func (p program) check(ctx context.Context, args []string) error {
	set := p.flags("check", checkHelp)
	path := set.String("config", configFile, configHelp)
	cfg, err := p.configured(set, args, path)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "config: %s is good (queues: %d, agents: %d)\n", *path, len(cfg.Queues), len(cfg.Agents))
	err = unguarded(cfg.Data)
	if err == nil {
		err = tryData(cfg.Data)
	}
	switch {
	case errors.Is(err, store.ErrLocked):
		return p.checkRunning(ctx, cfg)
	case err != nil:
		fmt.Fprintf(p.stdout, "data: %v\n", hint(err))
		p.checkLinks(ctx, cfg)
		return errSaid
	}
	fmt.Fprintf(p.stdout, "data: %s\n", cfg.Data)
	return p.checkLinks(ctx, cfg)
}

// tryData opens the file if it is there; else it must be possible to make it.
func tryData(path string) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		f, err := os.CreateTemp(filepath.Dir(path), ".frontdesk-check-*")
		if err != nil {
			return fmt.Errorf("%s cannot be made: correct data, or the folder's owner: %w", path, err)
		}
		return errors.Join(f.Close(), os.Remove(f.Name()))
	}
	s, err := store.Open(path)
	if err != nil {
		return err
	}
	return s.Close()
}

// checkLinks tries both at once and reports them in order.
func (p program) checkLinks(ctx context.Context, cfg *config.Config) error {
	ctx, cancel := context.WithTimeout(ctx, tryWithin)
	defer cancel()
	names, links := [2]string{"front", "desk"}, [2]*config.Link{&cfg.Front, &cfg.Desk}
	var results [2]chan error
	for i, l := range links {
		results[i] = make(chan error, 1)
		go func() { results[i] <- try(ctx, names[i], l) }()
	}
	var failure error
	for i, l := range links {
		if err := <-results[i]; err != nil {
			reason := strings.TrimPrefix(err.Error(), names[i]+": ")
			fmt.Fprintf(p.stdout, "%s: does not work: %s\n", names[i], reason)
			failure = errSaid
		} else {
			fmt.Fprintf(p.stdout, "%s: connected to %s as %s\n", names[i], l.Server, l.Domain)
		}
		if exposed(l) {
			fmt.Fprintf(p.stdout, "    note: what passes to %s is not encrypted; fine in a tunnel or a private network\n", l.Server)
		}
	}
	return failure
}

func try(ctx context.Context, name string, l *config.Link) error {
	c := component.Config{Name: name, Address: l.Server, Domain: l.Domain, Secret: l.Secret}
	if l.TLS {
		var err error
		if c.TLS, err = relay.TLSConfig(l); err != nil {
			return err
		}
	}
	return component.Try(ctx, c)
}

// exposed is a link that leaves the machine without TLS.
func exposed(l *config.Link) bool {
	host, _, _ := net.SplitHostPort(l.Server)
	ip := net.ParseIP(host)
	return !l.TLS && host != "localhost" && (ip == nil || !ip.IsLoopback())
}

// checkRunning asks the frontdesk that has the file: a connection of our own would push
// out its (Prosody) or take a share of its stanzas (ejabberd).
func (p program) checkRunning(ctx context.Context, cfg *config.Config) error {
	fmt.Fprintf(p.stdout, "data: %s is in use: frontdesk is running, so no links are tried beside its own\n", cfg.Data)
	host, port, err := net.SplitHostPort(cfg.Web.Listen)
	if err != nil {
		fmt.Fprintln(p.stdout, "links: its log says how they are")
		return nil
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	ctx, cancel := context.WithTimeout(ctx, tryWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/health", nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("asking the running frontdesk: %w", err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1024))
	if err != nil {
		return fmt.Errorf("asking the running frontdesk: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		fmt.Fprintf(p.stdout, "links: it says: %s\n", strings.TrimSpace(string(text)))
		return errSaid
	}
	fmt.Fprintln(p.stdout, "links: it says that both are up")
	return nil
}
