package servers

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// domain is what goes into configuration files of two languages unquoted or quoted.
var domain = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)

var origin = regexp.MustCompile(`^https?://[a-z0-9.-]+(:[0-9]+)?$`)

// PublicHost is the host of Public without a port: by it the servers know requests for files.
func (o Options) PublicHost() string {
	_, host, _ := strings.Cut(o.Public, "://")
	host, _, _ = strings.Cut(host, ":")
	return host
}

// hosts returns the virtual hosts, customers' first.
func (o Options) hosts() []string {
	var hosts []string
	if o.Customers != "" {
		hosts = append(hosts, o.Customers)
	}
	return append(hosts, o.Accounts...)
}

// check refuses what a server could not be configured with.
func (o Options) check() error {
	if o.Dir == "" {
		return errors.New("servers: Options.Dir is missing")
	}
	if len(o.hosts()) == 0 {
		return errors.New("servers: Options has neither Customers nor Accounts")
	}
	names := o.hosts()
	if (o.Upload == "") != (o.Public == "") || o.Upload != "" && (o.Customers == "" || !origin.MatchString(o.Public)) {
		return errors.New("servers: Options has Upload without Customers or a Public origin")
	}
	if o.Upload != "" {
		names = append(names, o.Upload)
	}
	if o.Rooms != "" {
		if len(o.Accounts) == 0 {
			return errors.New("servers: Options has Rooms and no Accounts")
		}
		names = append(names, o.Rooms)
	}
	for _, c := range o.Components {
		names = append(names, c.Domain)
		if c.Secret == "" || !plain(c.Secret) {
			return fmt.Errorf("servers: the secret of component %s is empty or not printable ASCII", c.Domain)
		}
	}
	seen := make(map[string]bool, len(names))
	for _, name := range names {
		if seen[name] {
			return fmt.Errorf("servers: %s is named twice", name)
		}
		seen[name] = true
	}
	for _, name := range append(names, o.Confine...) {
		if !domain.MatchString(name) {
			return fmt.Errorf("servers: %q is no domain in lower-case ASCII", name)
		}
	}
	for _, jid := range o.Admins {
		user, host, found := strings.Cut(jid, "@")
		if !found || user == "" || !plain(user) || !domain.MatchString(host) {
			return fmt.Errorf("servers: admin %q is no bare JID in ASCII", jid)
		}
	}
	if !plain(o.Dir) {
		return fmt.Errorf("servers: folder %q has characters other than printable ASCII", o.Dir)
	}
	return nil
}

// plain says whether s is printable ASCII, which Go, Lua and JSON (YAML) quote alike.
func plain(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) < 0
}

// Privileged are the domains of components that may set rosters.
func (o Options) Privileged() []string {
	var all []string
	for _, c := range o.Components {
		if c.Rosters {
			all = append(all, c.Domain)
		}
	}
	return all
}

// settings is what the servers' templates see.
type settings struct {
	Options
	Root                        bool
	C2S, HTTP, Admin, Component int
	ComponentPort               []int // as Components
	Hosts                       []string
	Cert                        string
}

func (s *Server) settings() settings {
	v := settings{
		Options: s.opts, Root: os.Geteuid() == 0, Hosts: s.opts.hosts(), Cert: s.Cert(),
		C2S: s.ports.c2s, HTTP: s.ports.http, Admin: s.ports.admin, ComponentPort: s.ports.component,
	}
	if len(v.ComponentPort) > 0 {
		v.Component = v.ComponentPort[0]
	}
	return v
}
