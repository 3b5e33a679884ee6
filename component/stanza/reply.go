package stanza

// Error is a stanza error (RFC 6120 §8.3). It is also a Go error: a refusal
// that knows its reply.
type Error struct {
	Type      string // cancel, continue, modify, auth, wait
	Condition string // a defined condition, such as "item-not-found"
	Text      string
	Lang      string   // xml:lang of Text
	By        JID      // who refuses, where that is not the address written to
	App       *Element // application-specific condition, or nil
	URI       string   // of gone and redirect
}

func (e Error) Error() string {
	if e.Text != "" {
		return e.Type + "/" + e.Condition + ": " + e.Text
	}
	return e.Type + "/" + e.Condition
}

// Element returns the <error/> child.
func (e Error) Element() *Element {
	el := New("", "error", "type", e.Type, "by", string(e.By)).Add(New(NSStanzas, e.Condition).AddText(e.URI))
	if e.Text != "" {
		el.Add(Text(NSStanzas, "text", e.Text).SetLang(e.Lang))
	}
	return el.Add(e.App)
}

// Reply answers s with the error; nil where s must not be answered, being an
// error, or an IQ that is itself an answer (RFC 6120 §8.2.3, §8.3.1).
func (e Error) Reply(s *Element) *Element {
	if t := s.Type(); t == "error" || s.Local == "iq" && t == "result" {
		return nil
	}
	r := answer(s, "error")
	return r.Add(e.Element())
}

// Result answers an IQ with an empty result, to be filled with Add.
func Result(iq *Element) *Element { return answer(iq, "result") }

func answer(s *Element, typ string) *Element {
	return New("", s.Local, "type", typ, "from", s.Attr("to"), "to", s.Attr("from"), "id", s.ID())
}

// ErrorOf returns the error that a stanza of type error carries. One that
// carries none that can be read counts as undefined-condition.
func ErrorOf(s *Element) (Error, bool) {
	if s.Type() != "error" {
		return Error{}, false
	}
	el := s.Child("", "error")
	if el == nil {
		return Error{Type: "cancel", Condition: "undefined-condition"}, true
	}
	e := Error{Type: el.Attr("type"), Condition: "undefined-condition", By: JID(el.Attr("by"))}
	for c := range el.Elements() {
		switch {
		case c.Space == NSStanzas && c.Local == "text":
			e.Text, e.Lang = c.Text(), c.Lang()
		case c.Space == NSStanzas:
			e.Condition, e.URI = c.Local, c.Text()
		default:
			e.App = c
		}
	}
	return e, true
}
