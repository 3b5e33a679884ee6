// Package servers starts private Prosody and ejabberd processes for the trial
// run and for end-to-end tests: in one folder, on 127.0.0.1, as the current
// user, without systemd and without Erlang distribution. Nothing outside the
// folder is written, processes are ended by their id alone, and they cannot
// outlive this process. Neither server federates.
//
// It is no example for production: clients may log in without TLS.
package servers

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"frontdesk/deploy/servers/child"
)

const (
	readyWithin = 60 * time.Second // a start that takes longer is an error; ctx may ask for less
	stopWithin  = 5 * time.Second  // then SIGKILL, which is an error
	lockWithin  = time.Second      // for the folder's last user to be gone
	loopback    = "127.0.0.1"
)

// Options says what a server hosts. At least one host is needed.
type Options struct {
	Dir        string      // the server's folder; made if missing, kept if there (accounts survive). Required.
	Customers  string      // a host with SASL ANONYMOUS, confined; "" is none
	Accounts   []string    // hosts with accounts (Register)
	Components []Component // XEP-0114
	Ports      Ports
	// Rooms is the domain of the server's own group chats, archived and open to users of Accounts: what a desk's
	// rooms are measured beside. "" is none.
	Rooms string
	// Confine lists the domains that users of Customers may write to, besides their own
	// account and their own host's address. Empty: they reach nobody.
	Confine []string
	// Upload is the domain of an upload service (XEP-0363) for users of Customers, and Public the origin where a proxy makes
	// its files public, under /file_share/. "" is none.
	Upload, Public string
	Admins         []string // bare JIDs of the server's admins
	PlainAuth      bool     // allow SASL PLAIN without TLS; else only SCRAM there
}

// Component is an external component.
type Component struct {
	Domain, Secret string
	Rosters        bool // may set the rosters of Accounts (XEP-0356); on Prosody that needs Debian's prosody-modules
}

// Ports are TCP ports on 127.0.0.1; 0 is a free one below the range that the
// kernel gives to outgoing connections, so that it stays the server's over Kill and Restart.
type Ports struct {
	C2S, HTTP int
	// Component is Prosody's one port for all components. ejabberd mixes up stanzas of
	// components that share a port, so there Components[i] has Component+i (0: a free one each).
	Component int
	Admin     int // ejabberd's HTTP API; Prosody has none
}

// Server is a private XMPP server. Addresses, Log, Cert and Register may be used
// concurrently; Stop, Kill, Restart, Suspend, Resume and Exited belong to one caller at a time.
type Server struct {
	kind    kind
	opts    Options
	ports   ports
	process *child.Process
}

// kind is what differs between the two servers.
type kind interface {
	// separate says whether each component needs a port of its own, and the API one.
	separate() bool
	// prepare writes the files that the server reads.
	prepare(ctx context.Context, s *Server) error
	command(s *Server) *exec.Cmd
	// answers is nil when the server answers on what only this kind has.
	answers(ctx context.Context, s *Server) error
	register(ctx context.Context, s *Server, user, host, password string) error
}

// StartProsody starts a Prosody and returns when it answers for every host and
// component, within 60 s (it takes about 0.2 s). An error shows its last log lines.
func StartProsody(ctx context.Context, o Options) (*Server, error) {
	return start(ctx, prosody{}, o)
}

// StartEjabberd does the same with ejabberd (about 2 s).
func StartEjabberd(ctx context.Context, o Options) (*Server, error) {
	return start(ctx, ejabberd{}, o)
}

func start(ctx context.Context, k kind, o Options) (*Server, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("servers: %w", err)
	}
	o.Dir = dir
	s := &Server{kind: k, opts: o}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("servers: %w", err)
	}
	lock, err := s.lock()
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	if s.ports, err = choosePorts(o, k.separate()); err != nil {
		return nil, fmt.Errorf("servers: %w", err)
	}
	if err := writeCert(s.Cert(), o.hosts()); err != nil {
		return nil, fmt.Errorf("servers: %w", err)
	}
	if err := k.prepare(ctx, s); err != nil {
		return nil, fmt.Errorf("servers: %w", err)
	}
	if err := s.launch(ctx, lock); err != nil {
		return nil, err
	}
	return s, nil
}

// lock makes sure that one server uses the folder. The server's process inherits
// the open file, and with it the lock until its end, however that comes.
func (s *Server) lock() (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(s.opts.Dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("servers: %w", err)
	}
	for since := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if time.Since(since) > lockWithin { // a killed process's own children may take a moment
			f.Close()
			return nil, fmt.Errorf("servers: %s is in use by another server: %w", s.opts.Dir, err)
		}
	}
}

// launch starts the process and waits until it answers; if it does not, it leaves none.
func (s *Server) launch(ctx context.Context, lock *os.File) error {
	cmd := s.kind.command(s)
	cmd.ExtraFiles = []*os.File{lock}
	p, err := child.Start(cmd, s.Log())
	if err != nil {
		return fmt.Errorf("servers: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	if err := p.Ready(ctx, s.answers); err != nil {
		p.Kill()
		return fmt.Errorf("servers: %w", err)
	}
	s.process = p
	return nil
}

// C2S returns host:port for clients.
func (s *Server) C2S() string { return address(s.ports.c2s) }

// ComponentAddr returns host:port for the component of this domain. A domain
// that is not in Options.Components is a panic.
func (s *Server) ComponentAddr(domain string) string {
	for i, c := range s.opts.Components {
		if c.Domain == domain {
			return address(s.ports.component[i])
		}
	}
	panic("servers: no component " + domain)
}

// WebSocket returns the ws:// URL for clients (RFC 7395). It answers under any Host and Origin.
func (s *Server) WebSocket() string {
	return "ws://" + address(s.ports.http) + "/xmpp-websocket"
}

// Files returns the URL of the upload service's files, for the proxy that makes them public.
func (s *Server) Files() string { return "http://" + address(s.ports.http) + "/file_share" }

// Log returns the path of the log, which Restart appends to.
func (s *Server) Log() string { return filepath.Join(s.opts.Dir, "server.log") }

// Cert returns the path of the PEM file with the self-signed certificate that
// STARTTLS clients see.
func (s *Server) Cert() string { return filepath.Join(s.opts.Dir, "cert.pem") }

// Register makes an account on one of Options.Accounts; if it is there, it gets this password.
func (s *Server) Register(ctx context.Context, user, host, password string) error {
	if err := s.kind.register(ctx, s, user, host, password); err != nil {
		return fmt.Errorf("servers: register %s@%s: %w", user, host, err)
	}
	return nil
}

// Stop ends the server in good order by SIGTERM and waits. After 5 s it kills
// it and returns an error. Stopping a stopped server does nothing.
func (s *Server) Stop() error { return s.process.Stop(stopWithin) }

// Kill ends the server by SIGKILL and waits.
func (s *Server) Kill() { s.process.Kill() }

// Restart starts the server again, on the same ports and in the same folder,
// and waits like StartProsody. A server that runs is stopped first.
func (s *Server) Restart(ctx context.Context) error {
	s.Stop() // how the old one ended does not matter to the new one
	lock, err := s.lock()
	if err != nil {
		return err
	}
	defer lock.Close()
	return s.launch(ctx, lock)
}

// Suspend freezes the server (SIGSTOP): its sockets stay open and nobody answers.
func (s *Server) Suspend() error { return s.process.Signal(syscall.SIGSTOP) }

// Resume thaws it (SIGCONT).
func (s *Server) Resume() error { return s.process.Signal(syscall.SIGCONT) }

// Exited returns a channel that is closed when the server's present process has ended,
// and Err then says how.
func (s *Server) Exited() <-chan struct{} { return s.process.Done() }

// Err blocks until the present process has ended; nil if in good order, else
// with its last log lines.
func (s *Server) Err() error { return s.process.Err() }

// program is a command in the server's folder with nothing of our environment but PATH.
func (s *Server) program(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = s.opts.Dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.opts.Dir, "LANG=C.UTF-8"}
	return cmd
}

func address(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }
