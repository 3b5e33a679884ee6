// Package ejabberd holds the ejabberd modules that an admin copies, for the
// private servers of the trial run and the tests.
package ejabberd

import _ "embed"

// Confine is mod_frontdesk_confine.erl: it lets the users of a host reach only
// the domains in its option "to".
//
//go:embed mod_frontdesk_confine.erl
var Confine []byte
