package relay

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"frontdesk/component/stanza"
	"frontdesk/config"
	"frontdesk/dispatch"
)

// deskOf is a relay with three people and an open conversation of Anna's, #17.
func deskOf(t *testing.T) *Relay {
	t.Helper()
	cfg := &config.Config{Agents: []config.Person{{JID: "anna@agents.example", Name: "Anna"}, {JID: "carol@agents.example", Name: "Carol", Role: config.Supervisor},
		{JID: "olga@agents.example", Name: "Olga", Role: config.Admin}},
		Queues: []config.Queue{{Name: "support", Title: "Support", Agents: []string{"anna@agents.example", "carol@agents.example"}}}}
	cfg.Agents[0].Role = config.Agent
	r := &Relay{orders: orders(), queues: map[string]*queue{}, former: map[string]*queue{}, forms: map[string][]formSession{},
		threads: map[uint64]*thread{}, now: time.Unix(1e9, 0)}
	r.employ(cfg)
	r.desk = dispatch.New(r.deskConfig())
	for _, f := range []dispatch.Fact{
		{Kind: dispatch.Opened, At: r.now, Thread: 1, Queue: "support", Customer: 1, Conversation: 1},
		{Kind: dispatch.Assigned, At: r.now, Thread: 1, Agent: "anna@agents.example", Conversation: 1, Reason: dispatch.ByHand},
	} {
		r.desk.Apply(f)
	}
	r.threads[1] = &thread{N: 1, Queue: "support", customer: &customer{N: 1, Name: "Alice"}, Tags: []string{"refund", "parcel"}}
	return r
}

// TestOffered: whoever asks, and wherever, clients list the commands that !help lists.
func TestOffered(t *testing.T) {
	t.Parallel()
	r := deskOf(t)
	seen := map[string]bool{}
	for _, p := range r.cfg.Agents {
		for _, at := range []*thread{nil, r.threads[1]} {
			c := &call{agent: p.JID, thread: at}
			text, err := r.help(c)
			if err != nil {
				t.Fatal(err)
			}
			var helped, listed []string
			for line := range strings.SplitSeq(text, "\n") {
				if usage, _, ok := strings.Cut(line, ": "); ok && strings.HasPrefix(line, "!") {
					helped = append(helped, usage)
				}
			}
			ask := stanza.New("", "iq", "type", "get", "id", "1", "from", p.JID+"/x", "to", "desk.example")
			for item := range r.listOrders(c, ask).First().Elements() {
				o := r.declared(item.Attr("node"))
				listed = append(listed, "!"+o.usage())
				seen[o.name] = true
			}
			if len(listed) == 0 || !slices.Equal(helped, listed) {
				t.Errorf("%s is offered %q by !help, and %q by the list", p.Name, helped, listed)
			}
		}
	}
	for i := range r.orders {
		if o := &r.orders[i]; seen[o.name] == (o.name == "leave") { // nobody has joined
			t.Errorf("%s is listed: %t", o.name, seen[o.name])
		}
	}
	for _, c := range []struct {
		who   string
		at    *thread
		order string
		want  bool
	}{
		{"anna", r.threads[1], "transfer", true}, {"anna", r.threads[1], "take", false}, {"anna", nil, "transfer", true},
		{"carol", r.threads[1], "transfer", false}, {"carol", r.threads[1], "take", true}, {"carol", nil, "transfer", false},
		{"anna", nil, "list", false}, {"carol", nil, "list", true}, {"carol", nil, "role", false}, {"olga", nil, "role", true},
	} {
		all, _ := r.offered(&call{agent: c.who + "@agents.example", thread: c.at})
		if got := slices.Contains(all, r.declared(c.order)); got != c.want {
			t.Errorf("%s is offered %s at %v: %t", c.who, c.order, c.at != nil, got)
		}
	}
}

// TestForms: every command's form, at the desk and in a conversation, has a field of the right type for each argument that
// the address does not say; no list has a choice made that nobody made; and every choice in a list is understood.
func TestForms(t *testing.T) {
	t.Parallel()
	types := map[paramKind][]string{aThread: {"list-single"}, anAgent: {"list-single"}, aQueue: {"list-single"}, aColleague: {"list-single"},
		aNumber: {"text-single"}, aChoice: {"list-single"}, aWord: {"text-single"}, aKey: {"text-single", "list-single"}, aTag: {"text-single", "list-single"},
		anAccount: {"jid-single"}, aText: {"text-multi"}, aLine: {"text-single"}}
	r := deskOf(t)
	r.canned = map[string]replies{"olga@agents.example": {"hi": {}, "bye": {}}}
	nodes := map[string]bool{}
	for i := range r.orders {
		o := &r.orders[i]
		if nodes[o.node()] || r.declared(o.node()) != o {
			t.Errorf("the node %s stands for two commands", o.node())
		}
		nodes[o.node()] = true
		for _, at := range []*thread{nil, r.threads[1]} {
			c := &call{agent: "olga@agents.example", from: "olga@agents.example/x", thread: at, order: o}
			fields := map[string]*stanza.Element{}
			for f := range r.askForm(c, "desk.example", "", nil, "").Child(nsForm, "x").Elements() {
				if f.Local == "field" {
					fields[f.Attr("var")] = f
				}
			}
			for j := range o.params {
				p := &o.params[j]
				f := fields[p.name]
				delete(fields, p.name)
				if p.kind == aThread && at != nil {
					if f != nil {
						t.Errorf("%s asks for the thread that its address says", o.name)
					}
					continue
				}
				if f == nil || !slices.Contains(types[p.kind], f.Attr("type")) || f.Has(nsForm, "required") == p.optional || f.Attr("label") == "" {
					t.Errorf("%s: %s has the field %s", o.name, p.name, f)
					continue
				}
				choices(t, r, c, p, f)
			}
			if len(fields) > 0 {
				t.Errorf("%s asks for more than its arguments: %v", o.name, fields)
			}
		}
	}
}

// choices checks the choices of a list.
func choices(t *testing.T, r *Relay, c *call, p *param, f *stanza.Element) {
	n, first, chosen := 0, "", f.ChildText(nsForm, "value")
	for v := range f.Elements() {
		if !v.Is(nsForm, "option") {
			continue
		}
		value := v.ChildText(nsForm, "value")
		if n++; n == 1 {
			first = value
		}
		if value == "" {
			t.Errorf("%s: a choice of %s has no value", c.order.name, p.name)
		}
		back := stanza.New(nsForm, "x", "type", "submit").Add(stanza.New(nsForm, "field", "var", p.name).Add(stanza.Text(nsForm, "value", value)))
		given := submitted(c.order, back)[p.name]
		d := &call{agent: c.agent, thread: c.thread, order: c.order, args: map[string]string{}}
		if err := r.understand(d, p, given); given != "" && err != nil || (given == "") != (value == noChoice) {
			t.Errorf("%s: the choice %q of %s is understood as %q: %v", c.order.name, value, p.name, given, err)
		}
	}
	if chosen != first || first != noChoice && (n > 1 || n == 1 && p.optional) {
		t.Errorf("%s: the list %s begins with %q, and %q is chosen", c.order.name, p.name, first, chosen)
	}
}

// TestFormSessions: a form belongs to one client, address and command; an agent has few at once, and each not for long.
func TestFormSessions(t *testing.T) {
	t.Parallel()
	const anna = "anna@agents.example"
	r := deskOf(t)
	begun := func(from stanza.JID) string {
		c := &call{agent: anna, from: from, thread: r.threads[1], order: r.declared("tag")}
		return r.askForm(c, "alice.1@desk.example", "", nil, "").Attr("sessionid")
	}
	sent := func(from, to stanza.JID, node, id string) string {
		c := &call{agent: anna, from: from, thread: r.threads[1], order: r.declared(node)}
		q := stanza.New(nsCommands, "command", "node", node, "sessionid", id)
		if e := r.fault(c, to, q, nil); e != nil {
			return e.App.Local
		}
		return ""
	}
	id := begun(anna + "/x")
	for _, c := range []struct {
		from, to   stanza.JID
		node, want string
	}{
		{anna + "/x", "alice.1@desk.example", "tag", ""},
		{anna + "/y", "alice.1@desk.example", "tag", "bad-sessionid"},
		{anna, "alice.1@desk.example", "tag", "bad-sessionid"},
		{anna + "/x", "alice.1@desk.example/desk", "tag", "bad-sessionid"},
		{anna + "/x", "desk@desk.example", "tag", "bad-sessionid"},
		{anna + "/x", "alice.1@desk.example", "untag", "bad-sessionid"},
	} {
		if got := sent(c.from, c.to, c.node, id); got != c.want {
			t.Errorf("%s from %s to %s: %q instead of %q", c.node, c.from, c.to, got, c.want)
		}
	}
	for i := range maxForms {
		if got := sent(anna+"/x", "alice.1@desk.example", "tag", id); got != "" {
			t.Fatalf("the first form is forgotten after %d more: %s", i, got)
		}
		begun(stanza.JID(fmt.Sprintf("%s/%d", anna, i)))
	}
	if got := sent(anna+"/x", "alice.1@desk.example", "tag", id); got != "bad-sessionid" || len(r.forms[anna]) != maxForms {
		t.Errorf("there are %d forms, and the first is answered %q", len(r.forms[anna]), got)
	}
	id = begun(anna + "/x")
	if r.now = r.now.Add(formExpires); sent(anna+"/x", "alice.1@desk.example", "tag", id) != "" {
		t.Errorf("a form of %s is not taken", formExpires)
	}
	if r.now = r.now.Add(time.Second); sent(anna+"/x", "alice.1@desk.example", "tag", id) != "session-expired" {
		t.Errorf("a form of over %s is taken", formExpires)
	}
}

// TestEcho: a form that is asked for again fits into a stanza, whatever came back in it.
func TestEcho(t *testing.T) {
	t.Parallel()
	r := deskOf(t)
	c := &call{agent: "anna@agents.example", thread: r.threads[1], order: r.declared("write")}
	given := map[string]string{}
	for _, p := range c.order.params {
		given[p.name] = strings.Repeat("&\n", maxField/2)
	}
	again := r.askForm(c, "desk.example", "", given, "Nothing was done.").String()
	given["text"] = strings.Repeat("&\n", maxEcho/2)
	if kept := r.askForm(c, "desk.example", "", given, "Nothing was done.").String(); len(again) > 4<<10 || len(kept) > 256<<10 || !strings.Contains(kept, "&amp;") {
		t.Errorf("forms of %d and %d bytes", len(again), len(kept))
	}
}
