package stanza

import (
	"iter"
	"slices"
	"strings"
)

// Element is one XML element. Space is its namespace; the empty Space is the
// stream's content namespace: jabber:component:accept, jabber:client and
// jabber:server are all read as "" at a stanza and at its children, so that
// a stanza looks the same whichever server it came through. Below an element of
// another namespace names stay as they are: a message inside <forwarded/> is
// in "jabber:client".
type Element struct {
	Space, Local string
	Attrs        []Attr
	Nodes        []Node
}

// Attr is an attribute. Space is "" for one without a prefix.
type Attr struct{ Space, Local, Value string }

// Node is a child: an element, or text where Element is nil.
type Node struct {
	Element *Element
	Text    string
}

// New returns an element with the given attributes, name and value in turn.
// A pair with an empty value is left out.
func New(space, local string, attrs ...string) *Element {
	e := &Element{Space: space, Local: local}
	for i := 0; i+1 < len(attrs); i += 2 {
		if attrs[i+1] != "" {
			if e.Attrs == nil {
				e.Attrs = make([]Attr, 0, (len(attrs)-i)/2)
			}
			e.Attrs = append(e.Attrs, Attr{Local: attrs[i], Value: attrs[i+1]})
		}
	}
	return e
}

// Text returns an element that holds nothing but text.
func Text(space, local, text string) *Element { return New(space, local).AddText(text) }

// Add appends children, passing over nil ones, and returns e.
func (e *Element) Add(children ...*Element) *Element {
	for _, c := range children {
		if c != nil {
			e.Nodes = append(e.Nodes, Node{Element: c})
		}
	}
	return e
}

// AddText appends text and returns e.
func (e *Element) AddText(text string) *Element {
	if text != "" {
		e.Nodes = append(e.Nodes, Node{Text: text})
	}
	return e
}

// Attr returns the value of the attribute without a prefix, "" when absent.
func (e *Element) Attr(local string) string {
	for i := range e.Attrs {
		if e.Attrs[i].Local == local && e.Attrs[i].Space == "" {
			return e.Attrs[i].Value
		}
	}
	return ""
}

// Set sets an attribute without a prefix, or removes it where value is empty.
func (e *Element) Set(local, value string) *Element { return e.set("", local, value) }

// Lang returns xml:lang, "" when absent.
func (e *Element) Lang() string {
	for i := range e.Attrs {
		if e.Attrs[i].Local == "lang" && e.Attrs[i].Space == nsXML {
			return e.Attrs[i].Value
		}
	}
	return ""
}

// SetLang sets xml:lang, or removes it where lang is empty.
func (e *Element) SetLang(lang string) *Element { return e.set(nsXML, "lang", lang) }

func (e *Element) set(space, local, value string) *Element {
	i := slices.IndexFunc(e.Attrs, func(a Attr) bool { return a.Local == local && a.Space == space })
	switch {
	case i >= 0 && value == "":
		e.Attrs = slices.Delete(e.Attrs, i, i+1)
	case i >= 0:
		e.Attrs[i].Value = value
	case value != "":
		e.Attrs = append(e.Attrs, Attr{space, local, value})
	}
	return e
}

// From, To, ID and Type are the common attributes (RFC 6120 §8.1).
func (e *Element) From() JID    { return JID(e.Attr("from")) }
func (e *Element) To() JID      { return JID(e.Attr("to")) }
func (e *Element) ID() string   { return e.Attr("id") }
func (e *Element) Type() string { return e.Attr("type") }

// Is reports whether e has that name.
func (e *Element) Is(space, local string) bool {
	return e != nil && e.Local == local && e.Space == space
}

// Child returns the first child element of that name, or nil.
func (e *Element) Child(space, local string) *Element {
	if e == nil {
		return nil
	}
	for i := range e.Nodes {
		if c := e.Nodes[i].Element; c.Is(space, local) {
			return c
		}
	}
	return nil
}

// Has reports whether there is a child element of that name.
func (e *Element) Has(space, local string) bool { return e.Child(space, local) != nil }

// ChildText returns the text of the first child element of that name.
func (e *Element) ChildText(space, local string) string { return e.Child(space, local).Text() }

// First returns the first child element, or nil.
func (e *Element) First() *Element {
	for c := range e.Elements() {
		return c
	}
	return nil
}

// Elements yields the child elements in document order.
func (e *Element) Elements() iter.Seq[*Element] {
	return func(yield func(*Element) bool) {
		if e == nil {
			return
		}
		for i := range e.Nodes {
			if c := e.Nodes[i].Element; c != nil && !yield(c) {
				return
			}
		}
	}
}

// Text returns the text directly inside e, "" for a nil element.
func (e *Element) Text() string {
	if e == nil {
		return ""
	}
	isText := func(n Node) bool { return n.Text != "" }
	first := slices.IndexFunc(e.Nodes, isText)
	if first < 0 {
		return ""
	}
	rest := e.Nodes[first+1:]
	if !slices.ContainsFunc(rest, isText) {
		return e.Nodes[first].Text
	}
	var b strings.Builder
	b.WriteString(e.Nodes[first].Text)
	for i := range rest {
		b.WriteString(rest[i].Text)
	}
	return b.String()
}

// Remove deletes the child elements for which drop holds.
func (e *Element) Remove(drop func(*Element) bool) {
	e.Nodes = slices.DeleteFunc(e.Nodes, func(n Node) bool { return n.Element != nil && drop(n.Element) })
}

// Clone returns a deep copy.
func (e *Element) Clone() *Element {
	if e == nil {
		return nil
	}
	c := &Element{Space: e.Space, Local: e.Local, Attrs: slices.Clone(e.Attrs), Nodes: slices.Clone(e.Nodes)}
	for i := range c.Nodes {
		c.Nodes[i].Element = c.Nodes[i].Element.Clone()
	}
	return c
}

// String returns the XML of e, for tests and errors.
func (e *Element) String() string {
	if e == nil {
		return ""
	}
	return string(e.AppendXML(nil))
}
