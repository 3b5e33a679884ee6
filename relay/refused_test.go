package relay

import (
	"testing"

	"frontdesk/config"
)

// TestRefusedChangesNothing: what is answered with a refusal leaves no record and no row behind.
func TestRefusedChangesNothing(t *testing.T) {
	t.Parallel()
	r := stopped(t)
	r.cfg.Front.WriteTo = []string{"customers.localhost"}
	r.cfg.Queues[0].Agents = nil
	r.employ(r.cfg)
	r.desk.Reconfigure(r.deskConfig())
	r.cfg.Agents[0].Role = config.Admin
	r.file.Agents[0].Role = config.Supervisor // who may be removed
	r.put(tableAgent, "anna@agents.localhost", agentRow{Invited: true})
	call := func(text string) string {
		return r.carryOut(&call{agent: "anna@agents.localhost", from: "anna@agents.localhost/x"}, text)
	}
	call("queue") // dispatch begins
	rows, records, customers := len(r.rows), len(r.records), r.lastCustomer
	for text, want := range map[string]string{
		"write alice@customers.localhost support Hello": "Nothing was done. You are no agent of the queue support.",
		"write alice@elsewhere.localhost support Hello": "Nothing was done. Alice@elsewhere.localhost has not written yet, and front.write_to of the configuration does not name elsewhere.localhost.",
		"add-agent bob@agents.localhost anna":           "",
		"add-agent bob@agents.localhost Bob 🎉":          "Nothing was done. Some servers drop what comes from a name with emoji, or with other signs that they are too old for.",
		"max 3 bob":               "",
		"shut nowhere":            "",
		"canned add hi {nothing}": "",
		"canned remove hi":        "",
		"open support":            "",
		"serve bob support":       "",
		"quiet nothing":           "",
		"away 99999":              "",
		"block 1 3 spam":          "",
		"find " + string(make([]byte, maxQuery+1)): "",
		"transfer 1 anna":                          "",
		"role anna agent":                          "",
		"remove-agent anna":                        "",
	} {
		got := call(text)
		if want != "" && got != want {
			t.Errorf("!%s is answered with %q", text, got)
		}
		if len(got) < 16 || got[:16] != "Nothing was done" {
			t.Errorf("!%s is not refused: %q", text, got)
		}
		if len(r.rows) != rows || len(r.records) != records || r.lastCustomer != customers {
			t.Fatalf("!%s is refused, and leaves %d rows, %d records, %d customers", text, len(r.rows)-rows, len(r.records)-records, r.lastCustomer-customers)
		}
	}
	if err := r.dismiss("anna@agents.localhost", "anna@agents.localhost"); err == nil {
		t.Error("the last agent was removed")
	}
	if !r.agentRow("anna@agents.localhost").Invited || len(r.rows) != rows {
		t.Error("who could not be removed would be invited anew")
	}
}
