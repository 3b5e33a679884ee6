// Package child runs one program as a child process that cannot outlive its
// parent, with its output in a file. It knows nothing of what the program does.
// It never signals a process that it did not start. deploy/servers, the trial
// run and the end-to-end tests use it. Linux only (Pdeathsig).
package child

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	tailLines = 12      // log lines in an error
	tailBytes = 8 << 10 // and what of the log is read for them
	pollEvery = 10 * time.Millisecond
)

// Process is a started child. All methods may be called concurrently.
type Process struct {
	cmd  *exec.Cmd
	log  string
	from int64 // where this process's output starts in log
	done chan struct{}
	err  error // of Wait; written before done is closed

	killed atomic.Bool // by Kill: then the end is no error
}

// Start starts cmd in a process group of its own, so that a terminal's Ctrl-C
// reaches only the parent, and appends its output to the file log (made with
// mode 0600). Cmd's Stdout, Stderr and SysProcAttr are overwritten. The kernel
// kills the child when this process dies, however it dies.
func Start(cmd *exec.Cmd, log string) (*Process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("child: %w", err)
	}
	from, err := out.Seek(0, 2)
	if err != nil {
		out.Close()
		return nil, fmt.Errorf("child: %w", err)
	}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	p := &Process{cmd: cmd, log: log, from: from, done: make(chan struct{})}
	started := make(chan error)
	go p.own(out, started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("child: %w", err)
	}
	return p, nil
}

// own lives as long as the child and keeps its thread as long: Linux sends
// Pdeathsig when the thread that forked ends, not when the process does.
func (p *Process) own(out *os.File, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	out.Close() // the child has its own descriptor
	started <- err
	if err != nil {
		return
	}
	p.err = p.cmd.Wait()
	syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // what it may have forked and left
	close(p.done)
}

// Pid returns the child's process id, which is also its process group.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Log returns the path of the file with its output.
func (p *Process) Log() string { return p.log }

// Done is closed when the child has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err returns how the child ended, with the last lines that it logged; nil if
// it ended with status 0, by SIGTERM or by Kill. It blocks until Done.
func (p *Process) Err() error {
	<-p.done
	if p.err == nil || p.killed.Load() {
		return nil
	}
	var exit *exec.ExitError
	if errors.As(p.err, &exit) {
		if s := exit.Sys().(syscall.WaitStatus); s.Signaled() && s.Signal() == syscall.SIGTERM || s.ExitStatus() == 128+int(syscall.SIGTERM) {
			return nil
		}
	}
	return fmt.Errorf("%s ended: %w%s", p.cmd.Path, p.err, p.Tail())
}

// Signal sends sig to the child alone. A child that has ended is os.ErrProcessDone.
func (p *Process) Signal(sig os.Signal) error { return p.cmd.Process.Signal(sig) }

// Stop sends SIGTERM and waits; after grace it kills, which is an error. It is
// idempotent, and works on a suspended child.
func (p *Process) Stop(grace time.Duration) error {
	if err := p.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("child: %w", err)
	}
	p.Signal(syscall.SIGCONT) // a suspended one would sleep over it
	timeout := time.NewTimer(grace)
	defer timeout.Stop()
	select {
	case <-p.done:
		return p.Err()
	case <-timeout.C:
		p.Kill()
		return fmt.Errorf("%s did not stop within %v and was killed%s", p.cmd.Path, grace, p.Tail())
	}
}

// Kill sends SIGKILL to the child and waits until it is gone.
func (p *Process) Kill() {
	p.killed.Store(true)
	p.Signal(syscall.SIGKILL)
	<-p.done
}

// Ready calls try every 10 ms until it returns nil. It gives up with an error
// that shows the last log lines when the child ends, or ctx does. try gets a
// context that ends with ctx and with the child.
func (p *Process) Ready(ctx context.Context, try func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-p.done:
			cancel()
		case <-ctx.Done():
		}
	}()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			select {
			case <-p.done:
				return fmt.Errorf("%s ended before it was ready: %v%s", p.cmd.Path, p.err, p.Tail())
			default:
				return fmt.Errorf("%s is not ready: %w (%w)%s", p.cmd.Path, err, ctx.Err(), p.Tail())
			}
		}
	}
}

// Tail returns the last 12 lines that this child logged, indented, after a
// line that names the file: made to end an error message.
func (p *Process) Tail() string {
	f, err := os.Open(p.log)
	if err != nil {
		return ""
	}
	defer f.Close()
	from := p.from
	if info, err := f.Stat(); err == nil {
		from = max(from, info.Size()-tailBytes)
	}
	text := make([]byte, tailBytes)
	n, _ := f.ReadAt(text, from)
	lines := strings.Split(string(bytes.TrimSpace(text[:n])), "\n")
	lines = lines[max(0, len(lines)-tailLines):]
	return "\nlast lines of " + p.log + ":\n    " + strings.Join(lines, "\n    ")
}
