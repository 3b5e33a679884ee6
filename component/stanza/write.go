package stanza

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// AppendXML appends e as XML that a server accepts whatever e holds, to stand
// in a stream whose default namespace is jabber:component:accept.
//
// Namespaces are written as xmlns where they change, without prefixes; an
// attribute of another namespace gets a declaration of its own. At a stanza and
// its children the content namespaces are not written, being the stream's. Inside
// an element of another namespace the Space "" is written as jabber:client,
// for that is what a stanza inside <forwarded/> has to be (XEP-0297 §3.1).
//
// What XML cannot say is left out: characters that are not legal; a second
// attribute of the same name; elements and attributes whose name is not an ASCII
// one, or whose Space has such characters or cannot be declared. Bytes that
// are not UTF-8 become U+FFFD. What was parsed from n bytes takes at most some
// 6*(2n+16 KiB) bytes.
func (e *Element) AppendXML(dst []byte) []byte { return e.write(dst, "", true, "") }

// AppendXMLTo is AppendXML with the to attribute replaced, or added. An empty to
// leaves it as it is.
func (e *Element) AppendXMLTo(dst []byte, to JID) []byte { return e.write(dst, "", true, string(to)) }

// write appends e; outer is the default namespace around it, "" the stream's,
// and content tells that all elements around it are in content namespaces.
func (e *Element) write(dst []byte, outer string, content bool, to string) []byte {
	if !isASCIIName(e.Local) {
		return dst
	}
	space, name := e.Space, len(dst)+1
	switch {
	case content && (space == "" || isContent(space)):
		space = ""
	case space == "":
		space, content = NSClient, false
	default:
		content = false
	}
	dst = append(dst, '<')
	switch {
	case space == nsXML: // bound to its prefix alone
		dst = append(append(dst, "xml:"...), e.Local...)
		space = outer
	case space == outer:
		dst = append(dst, e.Local...)
	case space == NSNone:
		dst = append(append(dst, e.Local...), " xmlns=''"...)
	case !canDeclare(space):
		return dst[:name-1]
	default:
		dst = append(append(dst, e.Local...), " xmlns='"...)
		dst = append(appendEscaped(dst, space, outValue), '\'')
	}
	end := name + len(e.Local)
	if e.Space == nsXML {
		end += len("xml:")
	}
	dst = e.writeAttrs(dst, to)
	dst = append(dst, '>')
	inside := len(dst)
	for i := range e.Nodes {
		if n := &e.Nodes[i]; n.Element != nil {
			dst = n.Element.write(dst, space, content, "")
		} else {
			dst = appendEscaped(dst, n.Text, outText)
		}
	}
	if len(dst) == inside {
		return append(dst[:inside-1], "/>"...)
	}
	dst = append(dst, "</"...)
	dst = append(dst, dst[name:end]...)
	return append(dst, '>')
}

func (e *Element) writeAttrs(dst []byte, to string) []byte {
	written := 0
	for i := range e.Attrs {
		a := &e.Attrs[i]
		if !isASCIIName(a.Local) || twice(e.Attrs[:i], a) {
			continue
		}
		value := a.Value
		switch a.Space {
		case "":
			if a.Local == "xmlns" {
				continue
			}
			if a.Local == "to" && to != "" {
				value, to = to, ""
			}
			dst = append(dst, ' ')
		case nsXML:
			dst = append(dst, " xml:"...)
		default:
			if !canDeclare(a.Space) {
				continue
			}
			prefix := len(dst) + len(" xmlns:")
			dst = strconv.AppendInt(append(dst, " xmlns:n"...), int64(written), 10)
			end := len(dst)
			dst = append(appendEscaped(append(dst, "='"...), a.Space, outValue), "' "...)
			dst = append(append(dst, dst[prefix:end]...), ':')
		}
		dst = append(append(dst, a.Local...), "='"...)
		dst = append(appendEscaped(dst, value, outValue), '\'')
		written++
	}
	if to != "" {
		dst = append(appendEscaped(append(dst, " to='"...), to, outValue), '\'')
	}
	return dst
}

// canDeclare reports whether an element or attribute can be in that namespace.
func canDeclare(space string) bool {
	for i := 0; i < len(space); i++ {
		if c := space[i]; c < ' ' || c >= utf8.RuneSelf && !utf8.ValidString(space) || c == 0xEF && plain(space[i:], outValue) == 0 {
			return false
		}
	}
	return space != nsXMLNS
}

// appendEscaped appends s as text or as a value.
func appendEscaped(dst []byte, s string, bit uint16) []byte {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	for {
		n := plain(s, bit)
		dst = append(dst, s[:n]...)
		if n == len(s) {
			return dst
		}
		switch c := s[n]; c {
		case '&':
			dst = append(dst, "&amp;"...)
		case '<':
			dst = append(dst, "&lt;"...)
		case '>':
			dst = append(dst, "&gt;"...)
		case '\'':
			dst = append(dst, "&apos;"...)
		case '\t', '\n', '\r': // as they are they would be read as something else
			dst = strconv.AppendInt(append(dst, "&#"...), int64(c), 10)
			dst = append(dst, ';')
		case 0xEF: // U+FFFE and U+FFFF
			n += 2
		}
		s = s[n+1:]
	}
}
