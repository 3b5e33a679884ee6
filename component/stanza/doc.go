// Package stanza is the stanza tree that frontdesk reads, builds and writes:
// elements, attributes, addresses and errors of RFC 6120, with a parser and a
// writer made for stanzas.
//
// It does no I/O beyond the reader that it is handed, holds no state and knows
// neither links nor desk. An Element belongs to one goroutine at a time.
//
// All strings of an element that was parsed share one copy of its stanza's text:
// whoever keeps a piece of it for long takes strings.Clone, else the piece
// keeps the whole stanza in memory.
package stanza

// Namespaces that more than one package needs.
const (
	NSComponent  = "jabber:component:accept"
	NSClient     = "jabber:client"
	NSStanzas    = "urn:ietf:params:xml:ns:xmpp-stanzas" // RFC 6120 §8.3
	NSDiscoInfo  = "http://jabber.org/protocol/disco#info"
	NSDiscoItems = "http://jabber.org/protocol/disco#items"
	NSPing       = "urn:xmpp:ping"  // XEP-0199
	NSDelay      = "urn:xmpp:delay" // XEP-0203
	NSSID        = "urn:xmpp:sid:0" // XEP-0359
	NSIdle       = "urn:xmpp:idle:1"
	NSForward    = "urn:xmpp:forward:0" // XEP-0297
	NSNick       = "http://jabber.org/protocol/nick"
	NSStream     = "http://etherx.jabber.org/streams" // RFC 6120 §4.8.1: of a stream error

	// NSNone is what an element in no namespace at all (xmlns='') has, for ""
	// is taken by the content namespace. No XML can spell it.
	NSNone = "\x00"

	nsServer = "jabber:server"
	nsXML    = "http://www.w3.org/XML/1998/namespace"
	nsXMLNS  = "http://www.w3.org/2000/xmlns/" // cannot be declared
)
