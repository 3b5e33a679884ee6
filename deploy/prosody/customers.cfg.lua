-- frontdesk, the customers' side, for Prosody 0.12 or later. A file of its own,
-- included by prosody.cfg.lua; mod_frontdesk_confine.lua lies in a plugin_paths.

-- Prosody offers no login on a WebSocket without TLS, unless told that only this
-- machine or a proxy with TLS gets there. Port 5280 is on loopback by default.
consider_websocket_secure = true

-- Customers on the web log in here without an account (SASL ANONYMOUS).
VirtualHost "customers.example"
	authentication = "anonymous"
	allow_anonymous_s2s = false
	-- They reach the front and nothing else: no agents' accounts, no rooms, not each other.
	modules_enabled = { "websocket", "frontdesk_confine" }
	frontdesk_confine_to = { "help.customers.example" }
	-- Nobody on another server reaches them; and as their sessions cannot be
	-- resumed, what they did not get bounces to the desk after 2 seconds, not never.
	modules_disabled = { "s2s", "offline" }
	smacks_hibernation_time = 2
	-- Nothing is kept about them here.
	storage = "memory"

-- What customers write to: frontdesk itself.
Component "help.customers.example"
	component_secret = "secret-of-the-front"
	-- A restarted frontdesk takes over from its old connection.
	component_conflict_resolve = "kick_old"
	modules_disabled = { "s2s" } -- leave this line out if customers of other servers may write too
