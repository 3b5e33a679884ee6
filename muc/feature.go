package muc

import "frontdesk/component/stanza"

// Namespaces that several features share.
const (
	nsMUC   = "http://jabber.org/protocol/muc"
	nsUser  = "http://jabber.org/protocol/muc#user"
	nsAdmin = "http://jabber.org/protocol/muc#admin"
)

// feature is one part of the standard. Every field may be empty.
type feature struct {
	service []string                   // what the service's address lists in disco#info
	room    func(*room) []string       // what a room lists; members and strangers see the same
	info    func(*room) []field        // fields of a room's muc#roominfo form, for members
	form    []setting                  // fields of the form that configures a room
	iq      []handler                  // IQs to the service or to a room, from who may know of it
	message []claim                    // messages to a room that are no group messages
	entry   func(*step, *entry) error  // asked of who enters, in the order of the table
	forged  func(*stanza.Element) bool // children of presence and messages that only a room may write
}

// features is the table: adding a feature is a file and a line here.
func features() []feature {
	return []feature{
		roomKind(),
		membership(),
		passwords(),
		capacity(),
		nicks(),
		presences(),
		groupMessages(),
		subjects(),
		histories(),
		privateMessages(),
		stanzaIDs(),
		archives(),
		retractions(),
		occupantIDs(),
		hats(),
		invitations(),
		administration(),
		configuration(),
		registration(),
		voices(),
		logging(),
		discovery(),
		selfPing(),
		pings(),
		versions(),
		vcards(),
	}
}

// place is what an IQ is addressed to.
type place uint8

const (
	atService place = iota
	atRoom
)

// handler answers an IQ by the name of its payload.
type handler struct {
	at                place
	typ, space, local string
	do                func(*step) error // sends a result, or returns the refusal
}

// claim takes a message to a room by what it holds. Claims do not overlap.
type claim struct {
	holds func(*stanza.Element) bool
	do    func(*step, *session) error // from a session in the room
	// outside is for senders who are members, but not in the room; nil refuses them.
	outside func(*step) error
}

// always is the room function of a feature that does not depend on the room.
func always(vars ...string) func(*room) []string {
	return func(*room) []string { return vars }
}

// named is the forged function for elements of these namespaces, whatever their name.
func named(spaces ...string) func(*stanza.Element) bool {
	return func(c *stanza.Element) bool {
		for _, s := range spaces {
			if c.Space == s {
				return true
			}
		}
		return false
	}
}

// Refusals (RFC 6120 §8.3.3).
var (
	errBadRequest   = stanza.Error{Type: "modify", Condition: "bad-request"}
	errMalformed    = stanza.Error{Type: "modify", Condition: "jid-malformed"}
	errTooLong      = stanza.Error{Type: "modify", Condition: "policy-violation", Text: "The message is too long."}
	errForbidden    = stanza.Error{Type: "auth", Condition: "forbidden"}
	errRegistration = stanza.Error{Type: "auth", Condition: "registration-required"}
	errConflict     = stanza.Error{Type: "cancel", Condition: "conflict"}
	errNotAllowed   = stanza.Error{Type: "cancel", Condition: "not-allowed"}
	errAcceptable   = stanza.Error{Type: "cancel", Condition: "not-acceptable"}
	errNotFound     = stanza.Error{Type: "cancel", Condition: "item-not-found"}
	errUnavailable  = stanza.Error{Type: "cancel", Condition: "service-unavailable"}
	errUnsupported  = stanza.Error{Type: "cancel", Condition: "feature-not-implemented"}
	errFull         = stanza.Error{Type: "wait", Condition: "service-unavailable", Text: "The room is full."}
	errBusy         = stanza.Error{Type: "wait", Condition: "resource-constraint"}
	errTimeout      = stanza.Error{Type: "wait", Condition: "remote-server-timeout"}
)
