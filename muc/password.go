package muc

import (
	"crypto/subtle"

	"frontdesk/component/stanza"
)

var errPassword = stanza.Error{Type: "auth", Condition: "not-authorized"}

// passwords: who enters a protected room for the first time says it (§7.2.5).
func passwords() feature {
	secret := line("roomsecret", "text-private", "Password", 256, func(s *Settings) *string { return &s.Secret })
	return feature{
		form: []setting{
			choice("passwordprotectedroom", "Needs a password", func(s *Settings) *bool { return &s.Protected }), secret,
		},
		entry: func(st *step, e *entry) error {
			set := &st.room.set
			given := st.in.Child(nsMUC, "x").ChildText(nsMUC, "password")
			if e.session == nil && set.Protected && subtle.ConstantTimeCompare([]byte(given), []byte(set.Secret)) == 0 {
				return errPassword
			}
			return nil
		},
	}
}
