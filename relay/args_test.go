package relay

import (
	"maps"
	"strconv"
	"strings"
	"testing"

	"frontdesk/component/stanza"
	"frontdesk/config"
)

// clerk is a relay that knows names, and a command given in a contact's chat.
func clerk() (*Relay, *call) {
	r := &Relay{cfg: &config.Config{}, orders: orders()}
	r.cfg.Agents = []config.Person{{JID: "anna@agents.example", Name: "Anna Lee"}, {JID: "bob@agents.example", Name: "Bob"}}
	r.order = []*queue{{name: "sales", title: "Sales and more"}}
	return r, &call{agent: "anna@agents.example", thread: &thread{N: 17}}
}

// sample is a value for an argument, as it is written and as a form gives it.
func sample(p *param) (written, field string) {
	switch p.kind {
	case aThread:
		return "", ""
	case anAgent, aColleague:
		return "anna lee", "anna@agents.example"
	case aQueue:
		return "sales and more", "sales"
	case aNumber:
		return strconv.Itoa(max(p.least, 1)), strconv.Itoa(max(p.least, 1))
	case aChoice:
		return strings.ToUpper(p.options[0]), p.options[0]
	case anAccount:
		return "Carol@Agents.example", "carol@agents.example"
	case aText:
		return "some words\nof text", "some words\nof text"
	case aLine:
		return "some words", "some words"
	}
	return "word", "word"
}

// TestWays: what is written and what comes in a form mean the same, for every command there is.
func TestWays(t *testing.T) {
	all := orders()
	for i := range all {
		o := &all[i]
		for _, full := range []bool{true, false} {
			text := ""
			form := stanza.New(nsForm, "x", "type", "submit")
			for j := range o.params {
				p := &o.params[j]
				if p.optional && !full {
					continue
				}
				written, value := sample(p)
				text += " " + written
				f := stanza.New(nsForm, "field", "var", p.name)
				for line := range strings.SplitSeq(value, "\n") {
					f.Add(stanza.Text(nsForm, "value", line))
				}
				form.Add(f)
			}
			r, a := clerk()
			a.order = o
			if err := r.parse(a, strings.TrimSpace(text)); err != nil {
				t.Errorf("!%s%s: %v", o.name, text, err)
				continue
			}
			_, b := clerk()
			b.order = o
			if err := r.understood(b, submitted(o, form)); err != nil {
				t.Errorf("the form of %s: %v", o.name, err)
				continue
			}
			for _, p := range o.params {
				if p.kind == anAgent || p.kind == aColleague || p.kind == aQueue { // both are kept as they were given
					delete(a.args, p.name)
					delete(b.args, p.name)
				}
			}
			if !maps.Equal(a.args, b.args) || a.mate != b.mate || a.line != b.line || a.count != b.count || (a.about == nil) != (b.about == nil) {
				t.Errorf("!%s%s means\n%+v\nits form means\n%+v", o.name, text, a, b)
			}
		}
	}
}

// FuzzForm: whatever comes back in a form is understood or refused in words, and no more is kept than was asked for.
func FuzzForm(f *testing.F) {
	f.Add("transfer", "<x xmlns='jabber:x:data' type='submit'><field var='agent|queue'><value>bob</value></field><field var='why'><value>a</value><value>b</value></field></x>")
	f.Add("max", "<x xmlns='jabber:x:data' type='submit'><field var='number'><value>9999999999999999999999</value></field><field/></x>")
	f.Add("note", "<x xmlns='jabber:x:data'><field var='text'><value/><value> </value></field><field var='number'><value>-1</value></field></x>")
	f.Fuzz(func(t *testing.T, name, text string) {
		form, err := stanza.Parse(text)
		if err != nil {
			return // no XML is never handed on
		}
		all := orders()
		for i := range all {
			o := &all[i]
			if o.name != name {
				continue
			}
			r, c := clerk()
			c.order = o
			given := submitted(o, form)
			if len(given) > len(o.params) {
				t.Fatalf("%d values for %d arguments", len(given), len(o.params))
			}
			if err := r.understood(c, given); err != nil {
				if c.sorry(err) == "" {
					t.Fatal("refused without a word")
				}
				continue
			}
			for j := range o.params {
				if p := &o.params[j]; !p.optional && p.kind != aThread && c.args[p.name] == "" {
					t.Fatalf("%s is missing and was not asked for", p.name)
				}
			}
		}
	})
}

// TestSorry: a refusal is a sentence, whatever it begins with.
func TestSorry(t *testing.T) {
	t.Parallel()
	for why, want := range map[string]string{
		"that is none.": "That is none.", "élodie has this conversation.": "Élodie has this conversation.",
		"Ömer is no agent.": "Ömer is no agent.", "安娜 has joined already.": "安娜 has joined already.", "3 is none.": "3 is none.",
	} {
		c := &call{}
		if got := c.sorry(refuse("%s", why)); got != "Nothing was done. "+want {
			t.Errorf("%q is refused with %q", why, got)
		}
	}
}
