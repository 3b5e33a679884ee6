// Package deploy fills in what an admin copies into the configuration of his
// XMPP servers. The files in prosody and ejabberd are its text: they hold for
// the domains of the documentation, and are what it prints for others.
package deploy

import (
	_ "embed"
	"strings"
)

// Site is what the snippets name. Domains and secrets stand in quotes of Lua and
// YAML: they hold no quotes, backslashes or line breaks.
type Site struct {
	Front, Desk             string // the components' domains
	FrontSecret, DeskSecret string
	FrontPort, DeskPort     string // of the component listeners; Prosody has one for all, 5347 by default
	HTTPPort                string // of ejabberd's WebSocket listener
	Customers               string // the anonymous host
}

var (
	//go:embed prosody/customers.cfg.lua
	prosodyCustomers string
	//go:embed prosody/agents.cfg.lua
	prosodyAgents string
	//go:embed ejabberd/customers.yml
	ejabberdCustomers string
	//go:embed ejabberd/agents.yml
	ejabberdAgents string
)

// Prosody returns the snippets for the customers' and the agents' server.
func (s Site) Prosody() (customers, agents string) {
	return s.fill(prosodyCustomers), s.fill(prosodyAgents)
}

// Ejabberd returns the snippets for the customers' and the agents' server.
func (s Site) Ejabberd() (customers, agents string) {
	return s.fill(ejabberdCustomers), s.fill(ejabberdAgents)
}

func (s Site) fill(text string) string {
	return strings.NewReplacer(
		`"help.customers.example"`, `"`+s.Front+`"`,
		`"desk.agents.example"`, `"`+s.Desk+`"`,
		`"customers.example"`, `"`+s.Customers+`"`,
		`"secret-of-the-front"`, `"`+s.FrontSecret+`"`,
		`"secret-of-the-desk"`, `"`+s.DeskSecret+`"`,
		"port: 5347", "port: "+s.FrontPort,
		"port: 5348", "port: "+s.DeskPort,
		"port: 5380", "port: "+s.HTTPPort,
	).Replace(text)
}
