package main

import (
	_ "embed"
	"io"
	"text/tabwriter"
	"text/template"
)

//go:embed table.txt
var tableText string

var tableTemplate = template.Must(template.New("table.txt").Parse(tableText))

// table prints addresses, accounts and what to do next.
func (t *trial) table(out io.Writer) error {
	columns := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	if err := tableTemplate.Execute(columns, map[string]any{
		"Dir": t.place.dir, "Page": t.place.url("/"), "Health": t.place.url("/health"), "Port": t.place.xmpp,
		"Agent":  t.config.Web.AgentClient != "",
		"Client": t.place.url("/agent"),
		"Front":  frontDomain, "Desk": deskDomain, "Customers": customersHost, "Agents": agentsHost, "Queue": queue,
		"People": people,
	}); err != nil {
		return err
	}
	return columns.Flush()
}
