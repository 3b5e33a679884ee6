package main

import (
	"bytes"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"regexp"
	"text/template"

	"frontdesk/config"
)

//go:embed frontdesk.toml
var configText string

var configTemplate = template.Must(template.New("frontdesk.toml").Parse(configText))

// clientLine is the line of the file that says where the agents' client is, commented out or not.
var clientLine = regexp.MustCompile(`(?m)^(?:# *)?agent_client *= *"agent-client".*$`)

// writeConfig makes the config file with fresh secrets, or keeps the one that is
// there and changes only whether the agents' client is served. It returns it as read.
func (p place) writeConfig(client bool) (*config.Config, error) {
	path := p.configFile()
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		text, err = p.newConfig()
	}
	if err != nil {
		return nil, err
	}
	line := `# agent_client = "agent-client"  # Converse.js for /agent: not there`
	if client {
		line = `agent_client = "agent-client"  # Converse.js for /agent`
	}
	text = clientLine.ReplaceAllLiteral(text, []byte(line))
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return nil, err
	}
	c, err := config.Load(path)
	if err != nil {
		return nil, err
	}
	return c, p.fits(c)
}

func (p place) newConfig() ([]byte, error) {
	var text bytes.Buffer
	err := configTemplate.Execute(&text, map[string]any{
		"Front": frontDomain, "Desk": deskDomain, "Customers": customersHost, "Agents": agentsHost, "Queue": queue,
		"FrontSecret": rand.Text(), "DeskSecret": rand.Text(),
		"Component": address(p.component()), "WebSocket": "ws://" + address(p.prosodyHTTP()) + "/xmpp-websocket",
		"Listen": address(p.http), "Upload": uploadDomain, "Files": "http://" + address(p.prosodyHTTP()) + "/file_share",
		"People": people,
	})
	return text.Bytes(), err
}

// fits says which keys of a kept file are not those of this run.
func (p place) fits(c *config.Config) error {
	var errs []error
	for _, key := range []struct{ name, is, want string }{
		{"front.domain", c.Front.Domain, frontDomain},
		{"front.server", c.Front.Server, address(p.component())},
		{"desk.domain", c.Desk.Domain, deskDomain},
		{"desk.server", c.Desk.Server, address(p.component())},
		{"web.listen", c.Web.Listen, address(p.http)},
		{"web.websocket", c.Web.WebSocket, "ws://" + address(p.prosodyHTTP()) + "/xmpp-websocket"},
	} {
		if key.is != key.want {
			errs = append(errs, fmt.Errorf("%s: %s is %q and would have to be %q", p.configFile(), key.name, key.is, key.want))
		}
	}
	if len(errs) > 0 {
		errs = append(errs, errors.New("set XMPP_PORT and HTTP_PORT as in that run, or another RUN_DIR, or correct these lines"))
	}
	return errors.Join(errs...)
}
