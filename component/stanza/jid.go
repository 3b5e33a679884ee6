package stanza

import "strings"

// JID is an address in the spelling of the server that delivered it. It is
// opaque: it is compared as a string and split, never normalised, because the
// servers' stringprep and PRECIS differ at the edges. The first slash begins the
// resource, which may have more of them and an @; before it the first @ ends the
// localpart, for neither it nor a domain may have one (RFC 7622 §3.1).
type JID string

// MakeJID joins the parts; local and resource may be empty.
func MakeJID(local, domain, resource string) JID {
	s := domain
	if local != "" {
		s = local + "@" + s
	}
	if resource != "" {
		s += "/" + resource
	}
	return JID(s)
}

// Split returns the parts; those that are not there are "".
func (j JID) Split() (local, domain, resource string) {
	bare, resource, _ := strings.Cut(string(j), "/")
	local, domain, ok := strings.Cut(bare, "@")
	if !ok {
		local, domain = "", bare
	}
	return local, domain, resource
}

// Bare returns the address without its resource.
func (j JID) Bare() JID {
	if i := strings.IndexByte(string(j), '/'); i >= 0 {
		return j[:i]
	}
	return j
}

// Local returns what precedes the @ of the bare address, "" where there is none.
func (j JID) Local() string {
	local, _, _ := j.Split()
	return local
}

// Domain returns the domain.
func (j JID) Domain() string {
	_, domain, _ := j.Split()
	return domain
}

// Resource returns what follows the first slash.
func (j JID) Resource() string {
	_, _, resource := j.Split()
	return resource
}

// WithResource returns the bare address with that resource.
func (j JID) WithResource(r string) JID {
	if r == "" {
		return j.Bare()
	}
	return j.Bare() + "/" + JID(r)
}
