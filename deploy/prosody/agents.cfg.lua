-- frontdesk, the agents' side, for Prosody 0.12 or later. A file of its own,
-- included by prosody.cfg.lua. The host with the agents' accounts stays as it is;
-- docs/prosody.md tells how to let frontdesk put customers into its contact lists.

-- The lobby, the rooms and the customers' contacts: frontdesk itself.
Component "desk.agents.example"
	component_secret = "secret-of-the-desk"
	-- A restarted frontdesk takes over from its old connection.
	component_conflict_resolve = "kick_old"
	modules_disabled = { "s2s" } -- leave this line out if agents of other servers work here too
