// Package prosody holds the Prosody modules that an admin copies, for the
// private servers of the trial run and the tests.
package prosody

import _ "embed"

// Confine is mod_frontdesk_confine.lua: it lets the users of a host reach
// only the domains in frontdesk_confine_to.
//
//go:embed mod_frontdesk_confine.lua
var Confine []byte
