package muc

// logging: whether occupants are told that what they say is logged (§7.2.12).
func logging() feature {
	return feature{form: []setting{
		choice("enablelogging", "Logged", func(s *Settings) *bool { return &s.Logging }),
	}}
}
