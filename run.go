package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"frontdesk/config"
	"frontdesk/relay"
	"frontdesk/web"
)

// Where run and check find the configuration.
const (
	configFile = "frontdesk.toml"
	configHelp = "the configuration `file`"
)

const runHelp = `frontdesk run [--config file]

Runs the desk until SIGTERM or Ctrl-C; then it stops within 5 seconds. Logs to
standard error, and says "frontdesk: ready" there when both links are up.
`

func (p program) serve(ctx context.Context, args []string) error {
	set := p.flags("run", runHelp)
	path := set.String("config", configFile, configHelp)
	cfg, err := p.configured(set, args, path)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(p.stderr, &slog.HandlerOptions{Level: level(cfg.Log)}))
	load := func() (*config.Config, error) { return config.Load(*path) }
	if err := desk(ctx, cfg, load, log); err != nil {
		log.Error("stopped", "err", hint(err))
		return errSaid
	}
	log.Info("stopped")
	return nil
}

// desk runs relay and page together: when one fails, or a signal comes, or ctx ends, both stop. SIGHUP has relay load the
// configuration again.
func desk(ctx context.Context, cfg *config.Config, load func() (*config.Config, error), log *slog.Logger) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	var page net.Listener
	where := "none"
	if cfg.Web.Listen != "" {
		var err error
		if page, err = net.Listen("tcp", cfg.Web.Listen); err != nil {
			return fmt.Errorf("web.listen: choose another port, or stop what has it: %w", err)
		}
		defer page.Close()
		where = page.Addr().String()
	}
	if err := unguarded(cfg.Data); err != nil {
		return err
	}
	r, err := relay.New(cfg, relay.Options{Log: log, Load: load})
	if err != nil {
		return err
	}
	socket, err := admin(cfg.Data)
	if err != nil {
		log.Warn("no admin socket: \"frontdesk backup\", \"export\" and \"erase\" work only while the desk is stopped", "err", err)
	} else {
		answered := make(chan struct{})
		go func() {
			serveAdmin(ctx, socket, r, readerWait, log)
			close(answered)
		}()
		defer func() {
			stop()
			<-answered
		}()
	}
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer func() {
		signal.Stop(hangups)
		close(hangups)
	}()
	go func() {
		for range hangups {
			r.Reload()
		}
	}()
	log.Info("starting", "version", buildVersion(), "front", cfg.Front.Domain, "desk", cfg.Desk.Domain, "page", where)
	ran, served := make(chan error, 1), make(chan error, 1)
	go func() { ran <- r.Run(ctx) }()
	if page == nil {
		return <-ran
	}
	go func() { served <- servePage(ctx, page, web.New(cfg, r, log), log) }()
	select {
	case err = <-ran:
		stop()
		return errors.Join(err, <-served)
	case err = <-served:
		stop()
		return errors.Join(err, <-ran)
	}
}

// servePage serves until ctx ends, and then lets requests end for a second.
func servePage(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	s := &http.Server{
		Handler:           h,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 10 * time.Second,
		WriteTimeout:      2 * time.Minute, // a WebSocket is hijacked and keeps its own time
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if s.Shutdown(patience) != nil {
		s.Close()
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// level is config's word for a level; config knows no others.
func level(word string) slog.Level {
	var l slog.Level
	if err := l.UnmarshalText([]byte(word)); err != nil {
		panic("main: " + err.Error())
	}
	return l
}
