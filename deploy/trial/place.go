package main

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
)

const (
	customersHost = "customers.localhost"
	agentsHost    = "agents.localhost"
	frontDomain   = "help.customers.localhost"
	deskDomain    = "desk.agents.localhost"
	uploadDomain  = "upload.customers.localhost"
	queue         = "support"

	// All other ports follow from XMPP_PORT as the registered ones follow from 5222.
	prosodyHTTPOffset = 5280 - 5222
	componentOffset   = 5347 - 5222
)

// people are the agents; their passwords are their names.
var people = []struct{ User, Name, Role string }{
	{"anna", "Anna", "agent"},
	{"bob", "Bob", "agent"},
	{"carol", "Carol", "supervisor"},
}

// place is where a run is: its folder and its ports.
type place struct {
	dir        string
	xmpp, http int
}

// placeFrom reads RUN_DIR, XMPP_PORT and HTTP_PORT.
func placeFrom(env func(string) string) (place, error) {
	p := place{dir: env("RUN_DIR")}
	if p.dir == "" {
		p.dir = "run"
	}
	var err, err2 error
	p.xmpp, err = portFrom(env, "XMPP_PORT", 5222, 65535-componentOffset)
	p.http, err2 = portFrom(env, "HTTP_PORT", 8080, 65535)
	if err := errors.Join(err, err2); err != nil {
		return place{}, err
	}
	for _, port := range []int{p.xmpp, p.prosodyHTTP(), p.component()} {
		if p.http == port {
			return place{}, fmt.Errorf("HTTP_PORT %d is one of the ports that follow from XMPP_PORT %d: set another", p.http, p.xmpp)
		}
	}
	return p, nil
}

func portFrom(env func(string) string, name string, standard, most int) (int, error) {
	text := env(name)
	if text == "" {
		return standard, nil
	}
	port, err := strconv.Atoi(text)
	if err != nil || port < 1 || port > most {
		return 0, fmt.Errorf("%s is %q: write a port from 1 to %d", name, text, most)
	}
	return port, nil
}

func (p place) prosodyHTTP() int { return p.xmpp + prosodyHTTPOffset }
func (p place) component() int   { return p.xmpp + componentOffset }

func (p place) configFile() string  { return filepath.Join(p.dir, "frontdesk.toml") }
func (p place) agentClient() string { return filepath.Join(p.dir, "agent-client") }

func (p place) url(path string) string { return "http://" + address(p.http) + path }

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// free is an error if a port is taken; it names the variable to set.
func (p place) free() error {
	var errs []error
	for _, port := range []struct {
		number   int
		purpose  string
		variable string
	}{
		{p.xmpp, "XMPP clients", "XMPP_PORT (now %d) to another port"},
		{p.prosodyHTTP(), "Prosody's HTTP, XMPP_PORT+58", "XMPP_PORT (now %d) to another port"},
		{p.component(), "the components, XMPP_PORT+125", "XMPP_PORT (now %d) to another port"},
		{p.http, "the page", "HTTP_PORT (now %d) to another port"},
	} {
		l, err := net.Listen("tcp", address(port.number))
		if err == nil {
			l.Close()
			continue
		}
		of := p.xmpp
		if port.number == p.http {
			of = p.http
		}
		errs = append(errs, fmt.Errorf("port %d (%s) is taken: set "+port.variable, port.number, port.purpose, of))
	}
	return errors.Join(errs...)
}
