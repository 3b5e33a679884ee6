package main

import (
	"bufio"
	"cmp"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"frontdesk/config"
	"frontdesk/deploy"
)

const initHelp = `frontdesk init [flags]

Writes a configuration with fresh secrets (mode 0600, never over a file that is
there), and prints what to add to Prosody or ejabberd, DNS and certificates. On a
terminal it asks for what the flags leave out.

  frontdesk init --front help.customers.example --desk desk.agents.example \
      --agent anna@agents.example --agent bob@agents.example

`

// answers are what init is told.
type answers struct {
	config.Start
	out string
}

func (p program) initialize(args []string) error {
	var a answers
	set := p.flags("init", initHelp)
	set.StringVar(&a.Front, "front", "", "the front's `domain`, on the customers' server")
	set.StringVar(&a.Desk, "desk", "", "the desk's `domain`, on the agents' server")
	set.StringVar(&a.FrontServer, "server", "", "`host:port` of the (customers') server's component port (default 127.0.0.1:5347)")
	set.StringVar(&a.DeskServer, "desk-server", "", "`host:port` of the agents' server's (default the same; another port if it is one ejabberd)")
	set.StringVar(&a.Customers, "customers", "", "the customers' `host` (default the front's domain without its first label)")
	set.Func("agent", "an agent's `account`; once for each", func(jid string) error {
		a.Agents = append(a.Agents, jid)
		return nil
	})
	set.StringVar(&a.Listen, "web", "", "`host:port` for the customers' page (default no page)")
	set.StringVar(&a.WebSocket, "websocket", "", "`URL` of the customers' server's WebSocket (default ws://HOST:5280/xmpp-websocket, HOST from --server)")
	set.StringVar(&a.out, "out", configFile, "the `file` to write")
	if err := p.parse(set, args, 0); err != nil {
		return err
	}
	if err := p.complete(&a, set); err != nil {
		return err
	}
	a.FrontSecret, a.DeskSecret = rand.Text(), rand.Text()
	text := a.File()
	dir, err := filepath.Abs(filepath.Dir(a.out))
	if err != nil {
		return err
	}
	cfg, err := config.Parse(text, dir, os.LookupEnv)
	var faults config.Faults
	if errors.As(err, &faults) {
		for i := range faults {
			faults[i].Line = 0 // of a file that is not there
		}
	}
	if err != nil {
		return fmt.Errorf("nothing is written, for this cannot work:\n%w", err)
	}
	if err := writeNew(a.out, text); err != nil {
		return err
	}
	return p.next(a, cfg)
}

// complete asks for what the flags left out, or takes the default where nobody can be asked.
func (p program) complete(a *answers, set *flag.FlagSet) error {
	given := map[string]bool{}
	set.Visit(func(f *flag.Flag) { given[f.Name] = true })
	lines := bufio.NewScanner(p.stdin)
	var missing []string
	ask := func(name, question, fallback string, to *string) {
		if given[name] {
			return
		}
		*to = fallback
		if p.terminal {
			*to = p.ask(lines, question, fallback)
		}
		if *to == "" && name != "web" {
			missing = append(missing, "--"+name)
		}
	}
	ask("front", "Domain of the front, on the customers' server (help.customers.example)", "", &a.Front)
	_, parent, _ := strings.Cut(a.Front, ".")
	ask("customers", "Host where customers have accounts or log in anonymously", cmp.Or(parent, a.Front), &a.Customers)
	ask("server", "That server's component port, host:port", "127.0.0.1:5347", &a.FrontServer)
	ask("desk", "Domain of the desk, on the agents' server (desk.agents.example)", "", &a.Desk)
	ask("desk-server", "That server's component port; another one than above if both are one ejabberd", a.FrontServer, &a.DeskServer)
	var agents string
	ask("agent", "Agents' accounts, with blanks between them (anna@agents.example bob@agents.example)", "", &agents)
	a.Agents = append(a.Agents, strings.Fields(agents)...)
	ask("web", "Customers' page, host:port to listen on (127.0.0.1:8080; nothing for no page)", "", &a.Listen)
	host, _, err := net.SplitHostPort(a.FrontServer)
	if err != nil {
		host = "127.0.0.1" // the fault is told with the others
	}
	webSocket := "ws://" + net.JoinHostPort(host, "5280") + "/xmpp-websocket"
	if a.Listen != "" {
		ask("websocket", "The customers' server's WebSocket endpoint", webSocket, &a.WebSocket)
	}
	a.WebSocket = cmp.Or(a.WebSocket, webSocket)
	if len(missing) > 0 {
		return misused("init needs %s; \"frontdesk init -h\" says more", strings.Join(missing, ", "))
	}
	return lines.Err()
}

// ask puts one question; an empty answer, or none, is the fallback.
func (p program) ask(lines *bufio.Scanner, question, fallback string) string {
	if fallback != "" {
		question += " [" + fallback + "]"
	}
	fmt.Fprintf(p.stdout, "%s: ", question)
	if !lines.Scan() {
		fmt.Fprintln(p.stdout)
	}
	return cmp.Or(strings.TrimSpace(lines.Text()), fallback)
}

// writeNew writes a file that only its owner may read, and never over another.
func writeNew(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already, and stays as it is: move it away, or name another file with --out", path)
	}
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, text)
	return errors.Join(err, f.Close())
}

// next prints what remains to be done.
func (p program) next(a answers, cfg *config.Config) error {
	site := deploy.Site{
		Front: cfg.Front.Domain, Desk: cfg.Desk.Domain, Customers: a.Customers,
		FrontSecret: cfg.Front.Secret, DeskSecret: cfg.Desk.Secret,
	}
	if u, err := url.Parse(cfg.Web.WebSocket); err == nil {
		site.HTTPPort = cmp.Or(u.Port(), "443")
	}
	_, site.FrontPort, _ = net.SplitHostPort(cfg.Front.Server)
	_, site.DeskPort, _ = net.SplitHostPort(cfg.Desk.Server)
	ejabberd := site
	note := ""
	if cfg.Front.Server == cfg.Desk.Server {
		// Prosody has one port for all components, ejabberd needs one for each.
		port, err := strconv.Atoi(site.DeskPort)
		if err != nil {
			return err
		}
		ejabberd.DeskPort = strconv.Itoa(port%65535 + 1)
		host, _, _ := net.SplitHostPort(cfg.Desk.Server)
		note = fmt.Sprintf("If both sides are one ejabberd, also change [desk] in %s to\n    server = %q\n\n", a.out, net.JoinHostPort(host, ejabberd.DeskPort))
	}
	customers, agents := site.Prosody()
	customersYAML, agentsYAML := ejabberd.Ejabberd()
	agentsHost := cfg.Agents[0].JID[strings.LastIndexByte(cfg.Agents[0].JID, '@')+1:]
	_, err := fmt.Fprintf(p.stdout, nextSteps, a.out, site.Customers, site.Front, indent(customers), indent(customersYAML),
		agentsHost, site.Desk, indent(agents), indent(agentsYAML), note, names(site.Front, site.Desk, site.Customers, agentsHost), a.out, a.out)
	return err
}

const nextSteps = `
Wrote %s. It holds the secrets: only you can read it. What is left to do:

== 1. The customers' server: %s and %s

If it is Prosody: "frontdesk module prosody" prints mod_frontdesk_confine.lua. Put it
into a folder of plugin_paths (Debian: /usr/local/lib/prosody/modules), and this into
a file of its own (Debian: /etc/prosody/conf.d/frontdesk-customers.cfg.lua):

%s
If it is ejabberd: "frontdesk module ejabberd" prints mod_frontdesk_confine.erl; compile
it as docs/ejabberd.md says. Put this into /etc/ejabberd/frontdesk-customers.yml, and name
that file under include_config_file in ejabberd.yml:

%s
== 2. The agents' server: %s and %s

If it is Prosody: /etc/prosody/conf.d/frontdesk-agents.cfg.lua

%s
If it is ejabberd: /etc/ejabberd/frontdesk-agents.yml, named like the other

%s
%sRestart the servers.

== 3. DNS and certificates

%s
== 4. Go

    frontdesk check --config %s
    frontdesk run --config %s
`

// names are the lines for DNS and certificates.
func names(front, desk, customers, agents string) string {
	return fmt.Sprintf(`None, if customers come by the page and agents have accounts on these servers: the
components' domains need no DNS record and no certificate. Their secrets pass in the
clear: keep the component ports on loopback, or use a tunnel, or tls = true (ejabberd).
The page needs a name and a certificate at your reverse proxy, as for any site.

For customers or agents with accounts on other servers (federation), each component is
a name of its own:

    _xmpp-server._tcp.%s. 3600 IN SRV 0 5 5269 %s.
    _xmpp-server._tcp.%s. 3600 IN SRV 0 5 5269 %s.

(at the end stands the machine that the server runs on), and the server needs a
certificate for each:

    certbot certonly --standalone -d %s
    certbot certonly --standalone -d %s
`, front, customers, desk, agents, front, desk)
}

func indent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if line != "\n" {
			b.WriteString("    ")
		}
		b.WriteString(line)
	}
	return b.String()
}
