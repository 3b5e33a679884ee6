package relay

import (
	"testing"

	"frontdesk/component/stanza"
	"frontdesk/config"
	"frontdesk/dispatch"
)

// TestRemovedForgets: of who is at the desk no more nothing is kept that his clients said.
func TestRemovedForgets(t *testing.T) {
	t.Parallel()
	r := stopped(t)
	for _, jid := range []string{"anna@agents.localhost", "bob@agents.localhost"} {
		r.accounts[jid] = map[stanza.JID]dispatch.Session{stanza.JID(jid + "/x"): {Account: dispatch.Busy}}
	}
	cfg, err := r.cfg.Staffed([]config.Person{{JID: "bob@agents.localhost", Name: "Bob", Role: config.Agent, Capacity: 1}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.restaff(cfg)
	if len(r.accounts) != 1 || r.accounts["bob@agents.localhost"] == nil {
		t.Errorf("kept is %v", r.accounts)
	}
}
