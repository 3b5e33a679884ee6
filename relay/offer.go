package relay

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"frontdesk/component/stanza"
)

// What a text to a customer offers beside its words: answers that a client can show as buttons (XEP-0439), and a form (XEP-0004).
// Who has neither writes the same as text. The JSON names are in files for ever.

const nsQuick = "urn:xmpp:tmp:quick-response" // XEP-0439

// choice is an answer that is offered.
type choice struct {
	Value string `json:"v"` // what is then sent
	Label string `json:"l"`
}

// blank is a form to be filled in.
type blank struct {
	Type   string  `json:"t"` // FORM_TYPE (XEP-0068)
	Title  string  `json:"n"`
	Words  string  `json:"w,omitempty"` // what of the text says the same, for who sees no form
	Fields []field `json:"f"`
}

// field of a form.
type field struct {
	Name    string   `json:"v"`
	Label   string   `json:"l"`
	Long    bool     `json:"long,omitempty"` // of several lines
	Must    bool     `json:"must,omitempty"` // not to be left out
	Options []choice `json:"o,omitempty"`    // one of these
}

// offer adds what a text offers.
func (w *words) offer(m *stanza.Element) {
	for _, r := range w.Replies {
		m.Add(stanza.New(nsQuick, "response", "value", r.Value, "label", r.Label))
	}
	if w.Blank == nil {
		return
	}
	form := stanza.New(nsForm, "x", "type", "form").Add(stanza.Text(nsForm, "title", w.Blank.Title),
		stanza.New(nsForm, "field", "var", "FORM_TYPE", "type", "hidden").Add(stanza.Text(nsForm, "value", w.Blank.Type)))
	for _, f := range w.Blank.Fields {
		typ := "text-single"
		if len(f.Options) > 0 {
			typ = "list-single"
		} else if f.Long {
			typ = "text-multi"
		}
		el := stanza.New(nsForm, "field", "var", f.Name, "type", typ, "label", f.Label)
		if f.Must {
			el.Add(stanza.New(nsForm, "required"))
		}
		for _, o := range f.Options {
			el.Add(stanza.New(nsForm, "option", "label", o.Label).Add(stanza.Text(nsForm, "value", o.Value)))
		}
		form.Add(el)
	}
	m.Add(form)
	if before, after, ok := strings.Cut(w.Body, w.Blank.Words); ok && w.Blank.Words != "" { // XEP-0428 counts characters
		start := utf8.RuneCountInString(before)
		end := start + utf8.RuneCountInString(w.Blank.Words)
		if strings.HasPrefix(after, " ") {
			end++
		}
		m.Add(stanza.New(nsFallback, "fallback", "for", nsForm).Add(stanza.New(nsFallback, "body", "start", strconv.Itoa(start), "end", strconv.Itoa(end))))
	}
}

// maxAnswers bounds the fields of a form that a customer sends; maxAnswer, the bytes of one.
const (
	maxAnswers = 20
	maxAnswer  = 4 << 10
)

// answers reads a form that came back from a customer, by name of the field. What is beyond the bounds is passed over.
func answers(form *stanza.Element) map[string]string {
	given := map[string]string{}
	for name, value := range filledIn(form) {
		if name != "" && name != "FORM_TYPE" && value != "" && len(value) <= maxAnswer && len(given) < maxAnswers {
			given[strings.Clone(name)] = strings.Clone(value)
		}
	}
	return given
}
