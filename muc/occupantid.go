package muc

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"

	"frontdesk/component/stanza"
)

const nsOccupant = "urn:xmpp:occupant-id:0" // XEP-0421

// occupantIDs: everybody has an id that stays the same in a room, differs from room to
// room, and does not tell who he is.
func occupantIDs() feature {
	return feature{
		service: []string{nsOccupant}, // all rooms have it
		room:    always(nsOccupant),
		forged:  named(nsOccupant),
	}
}

func (s *Service) occupantID(r *room, bare stanza.JID) string {
	return s.keyed("occupant", string(r.jid), string(bare))
}

func occupantID(o *occupant) *stanza.Element {
	return stanza.New(nsOccupant, "occupant-id", "id", o.id)
}

// keyed is a name of 43 characters for the parts (none of which holds a NUL), that nobody can
// guess without the salt.
func (s *Service) keyed(parts ...string) string {
	h := hmac.New(sha256.New, s.salt)
	h.Write([]byte(strings.Join(parts, "\x00")))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}
