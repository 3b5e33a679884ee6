package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"frontdesk/config"
	"frontdesk/deploy/servers"
	"frontdesk/deploy/servers/child"
)

const (
	readyWithin = 30 * time.Second // both links up, after which the start has failed
	stopWithin  = 5 * time.Second  // for frontdesk; as much again for Prosody
)

// trial is one run: where it is, and what it started.
type trial struct {
	place     place
	config    *config.Config
	prosody   *servers.Server
	frontdesk *child.Process
}

// run starts all, prints the table and waits. When ctx ends it stops all and
// returns nil; when a child ends, it stops the rest and returns the reason.
func run(ctx context.Context, binary string, env func(string) string, out io.Writer) (err error) {
	t := &trial{}
	if t.place, err = placeFrom(env); err != nil {
		return err
	}
	if err := installed(binary); err != nil {
		return err
	}
	if err := t.place.free(); err != nil {
		return err
	}
	if err := os.MkdirAll(t.place.dir, 0o700); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.stop()) }()
	if err := t.start(ctx, binary, out); err != nil {
		if ctx.Err() != nil {
			return nil // told to stop while starting
		}
		return err
	}
	if err := t.table(out); err != nil {
		return err
	}
	fmt.Fprintln(out, "frontdesk: ready")
	return t.wait(ctx)
}

// installed names what is missing and how to get it.
func installed(binary string) error {
	for _, name := range []string{"prosody", "prosodyctl"} {
		if _, err := exec.LookPath(name); err != nil {
			return fmt.Errorf("%s is missing: run deploy/install.sh run (as root it installs it, else it shows the command)", name)
		}
	}
	if _, err := os.Stat(binary); err != nil {
		return fmt.Errorf("no frontdesk binary: run make build (%w)", err)
	}
	return nil
}

// start brings up Prosody, then frontdesk, and returns when both links are up.
func (t *trial) start(ctx context.Context, binary string, out io.Writer) (err error) {
	client := fetchAgentClient(ctx, t.place.agentClient(), out)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if t.config, err = t.place.writeConfig(client); err != nil {
		return err
	}
	if t.prosody, err = servers.StartProsody(ctx, servers.Options{
		Dir:       filepath.Join(t.place.dir, "prosody"),
		Customers: customersHost,
		Accounts:  []string{agentsHost},
		Components: []servers.Component{
			{Domain: frontDomain, Secret: t.config.Front.Secret},
			{Domain: deskDomain, Secret: t.config.Desk.Secret, Rosters: servers.ProsodyRosters()},
		},
		Confine:   []string{frontDomain, uploadDomain},
		Upload:    uploadDomain,
		Public:    t.place.url(""),
		Ports:     servers.Ports{C2S: t.place.xmpp, HTTP: t.place.prosodyHTTP(), Component: t.place.component()},
		PlainAuth: true,
	}); err != nil {
		return err
	}
	for _, p := range people {
		if err := t.prosody.Register(ctx, p.User, agentsHost, p.User); err != nil {
			return err
		}
	}
	cmd := exec.Command(binary, "run", "--config", t.place.configFile())
	if t.frontdesk, err = child.Start(cmd, filepath.Join(t.place.dir, "frontdesk.log")); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	return t.frontdesk.Ready(ctx, t.place.healthy)
}

// healthy is nil when the daemon answers that both links are up.
func (p place) healthy(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url("/health"), nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(io.LimitReader(response.Body, 1024))
		return fmt.Errorf("%s answers %s: %s", request.URL, response.Status, said)
	}
	return nil
}

// wait returns when ctx ends, or with the reason when a child does.
func (t *trial) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-t.prosody.Exited():
		return ended("Prosody", t.prosody.Err())
	case <-t.frontdesk.Done():
		return ended("frontdesk", t.frontdesk.Err())
	}
}

func ended(name string, err error) error {
	if err == nil {
		return fmt.Errorf("%s was stopped by somebody else", name)
	}
	return fmt.Errorf("%s ended: %w", name, err)
}

// stop ends frontdesk first, so that it can take its leave, within 10 s altogether.
func (t *trial) stop() error {
	var errs []error
	if t.frontdesk != nil {
		errs = append(errs, t.frontdesk.Stop(stopWithin))
	}
	if t.prosody != nil {
		errs = append(errs, t.prosody.Stop())
	}
	return errors.Join(errs...)
}
