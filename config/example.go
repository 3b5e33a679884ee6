package config

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
)

// Example is a file with every key, commented.
//
//go:embed example.toml
var Example string

// Start is what a new file needs to be told.
type Start struct {
	Front, Desk             string // the components' domains
	FrontServer, DeskServer string // host:port
	FrontSecret, DeskSecret string
	Customers               string // the customers' host
	Agents                  []string
	Listen                  string // of the page; "" is none
	WebSocket               string // of the customers' server
}

// File returns Example with what s says in the place of its examples. Load will
// say what is wrong with it.
func (s Start) File() string {
	var agents strings.Builder
	for _, jid := range s.Agents {
		fmt.Fprintf(&agents, "[[agent]]\njid = %s\n", strconv.Quote(jid))
		agents.WriteString("#name = \"Anna\"\n#role = \"agent\"\n#capacity = 5\n#skills = [\"en\", \"billing\"]\n#bot = false\n#public_name = \"Anna\"\n#picture = \"anna.jpg\"\n\n")
	}
	values := []string{
		`domain = "help.customers.example"`, "domain = " + strconv.Quote(s.Front),
		`domain = "desk.agents.example"`, "domain = " + strconv.Quote(s.Desk),
		`server = "127.0.0.1:5347"`, "server = " + strconv.Quote(s.FrontServer),
		`server = "127.0.0.1:5348"`, "server = " + strconv.Quote(s.DeskServer),
		`secret = "secret-of-the-front"`, "secret = " + strconv.Quote(s.FrontSecret),
		`secret = "secret-of-the-desk"`, "secret = " + strconv.Quote(s.DeskSecret),
		`customers = ["customers.example"]`, "customers = [" + strconv.Quote(s.Customers) + "]",
		`listen = ""`, "listen = " + strconv.Quote(s.Listen),
		`websocket = "ws://127.0.0.1:5280/xmpp-websocket"`, "websocket = " + strconv.Quote(s.WebSocket),
		`host = "customers.example"`, "host = " + strconv.Quote(s.Customers),
		exampleAgent, agents.String(),
	}
	return strings.NewReplacer(values...).Replace(Example)
}

const exampleAgent = `[[agent]]
jid = "anna@agents.example"
#name = "Anna"
#role = "agent"
#capacity = 5
#skills = ["en", "billing"]
#bot = false
#public_name = "Anna"
#picture = "anna.jpg"

`
