// Command frontdesk makes a customer-service desk out of existing XMPP servers.
// Its subcommands write a configuration, try it, and run the desk.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"frontdesk/config"
	"frontdesk/deploy/ejabberd"
	"frontdesk/deploy/prosody"
)

// version is set by -ldflags "-X main.version=…"; without, it comes from the build information.
var version string

// program is one invocation; tests make their own.
type program struct {
	args           []string // without the program's name
	stdin          io.Reader
	stdout, stderr io.Writer
	terminal       bool // somebody can answer questions on stdin
}

func main() {
	p := program{args: os.Args[1:], stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, terminal: isTerminal(os.Stdin)}
	os.Exit(p.run(context.Background()))
}

// isTerminal takes every character device for one but the null device, which services have as stdin.
func isTerminal(f *os.File) bool {
	in, err := f.Stat()
	if err != nil || in.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err == nil && !os.SameFile(in, null)
}

const usage = `frontdesk: a customer-service desk on the XMPP servers that you run

  frontdesk init     writes the configuration, and prints what to add to Prosody or ejabberd
  frontdesk check    says what is wrong with the configuration, and tries both links
  frontdesk run      runs the desk until SIGTERM or Ctrl-C
  frontdesk backup   copies the data file while the desk runs, or while it does not
  frontdesk verify   reads a data file or a backup as a whole and says what is wrong with it
  frontdesk restore  puts a backup in the data file's place
  frontdesk compact  writes the data file anew, without what was freed in it
  frontdesk export   writes what was said as text, HTML or JSON lines
  frontdesk erase    erases what a customer said, and who he was
  frontdesk module   prints the server module that confines customers: module prosody, module ejabberd
  frontdesk version  prints the version

"frontdesk init -h" and the like show what each takes.
`

// Exit statuses.
const (
	done   = 0
	failed = 1
	misuse = 2 // of the command line
)

// run does what the arguments say until it is done or ctx ends, and returns the exit status.
func (p program) run(ctx context.Context) int {
	name, args := "", p.args
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	var err error
	switch name {
	case "init":
		err = p.initialize(args)
	case "check":
		err = p.check(ctx, args)
	case "run":
		err = p.serve(ctx, args)
	case "backup":
		err = p.backup(ctx, args)
	case "verify":
		err = p.verify(args)
	case "restore":
		err = p.restore(args)
	case "compact":
		err = p.compact(args)
	case "export":
		err = p.export(ctx, args)
	case "erase":
		err = p.erase(ctx, args)
	case "module":
		err = p.module(args)
	case "version", "-version", "--version":
		err = p.printVersion(args)
	case "help", "-h", "-help", "--help":
		fmt.Fprint(p.stdout, usage)
	case "":
		fmt.Fprint(p.stderr, usage)
		return misuse
	default:
		err = misused("there is no \"frontdesk %s\"; there are init, check, run, backup, verify, restore, compact, export, erase, module and version", name)
	}
	return p.status(name, err)
}

// status says on stderr why a subcommand ended, unless it has done so itself.
func (p program) status(name string, err error) int {
	var wrong misuseError
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return done
	case errors.Is(err, errSaid):
		return failed
	case errors.As(err, &wrong):
		fmt.Fprintf(p.stderr, "frontdesk: %v\n", err)
		return misuse
	}
	fmt.Fprintf(p.stderr, "frontdesk %s: %v\n", name, err)
	return failed
}

// errSaid is returned where the user has been told already.
var errSaid = errors.New("said already")

// misuseError is a command line that cannot be.
type misuseError string

func (e misuseError) Error() string { return string(e) }

func misused(format string, args ...any) error { return misuseError(fmt.Sprintf(format, args...)) }

// flags makes the flag set of a subcommand; synopsis is what help begins with.
func (p program) flags(name, synopsis string) *flag.FlagSet {
	set := flag.NewFlagSet(name, flag.ContinueOnError)
	set.SetOutput(io.Discard) // errors are told once, by status
	set.Usage = func() {
		fmt.Fprintf(p.stdout, "%s\n", strings.TrimRight(synopsis, "\n"))
		set.SetOutput(p.stdout)
		set.PrintDefaults()
		set.SetOutput(io.Discard)
	}
	return set
}

// parse reads a subcommand's flags; after them come at most operands more words.
func (p program) parse(set *flag.FlagSet, args []string, operands int) error {
	usage := set.Usage
	set.Usage = func() {} // on request only, not with each error
	err := set.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		usage()
		return err
	case err != nil:
		return misused("%v; \"frontdesk %s -h\" lists what there is", err, set.Name())
	case set.NArg() > operands:
		return misused("%q is too much for \"frontdesk %s\": it takes flags, as --name value", set.Arg(operands), set.Name())
	}
	return nil
}

// configured reads the flags of a subcommand that takes nothing else, and the configuration that one of them names.
func (p program) configured(set *flag.FlagSet, args []string, path *string) (*config.Config, error) {
	if err := p.parse(set, args, 0); err != nil {
		return nil, err
	}
	return config.Load(*path)
}

func (p program) module(args []string) error {
	set := p.flags("module", `frontdesk module prosody > mod_frontdesk_confine.lua
frontdesk module ejabberd > mod_frontdesk_confine.erl

Prints the server module that lets customers reach the front and nothing else.`)
	if err := p.parse(set, args, 1); err != nil {
		return err
	}
	switch set.Arg(0) {
	case "prosody":
		_, err := p.stdout.Write(prosody.Confine)
		return err
	case "ejabberd":
		_, err := p.stdout.Write(ejabberd.Confine)
		return err
	}
	return misused("there is a module for two servers: \"frontdesk module prosody\", \"frontdesk module ejabberd\"")
}
