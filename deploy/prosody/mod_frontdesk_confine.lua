-- Users of this host may write only to the domains in frontdesk_confine_to, to
-- their own account and to the host's own address. Everything else is answered
-- with an error, or dropped if nothing may answer it. What others write to these
-- users is not touched. For Prosody 0.12 and later, on the customers' host:
--
--     VirtualHost "customers.example"
--         modules_enabled = { "frontdesk_confine" }
--         frontdesk_confine_to = { "help.customers.example" }

local jid = require "util.jid";
local st = require "util.stanza";

local allowed = module:get_option_set("frontdesk_confine_to", {});

local function may_reach(origin, to)
	if to == nil then return true; end -- to the own account: session, roster, presence
	local user, host = jid.split(to);
	if allowed:contains(host) then return true; end
	return host == module.host and (user == nil or user == origin.username);
end

local function confine(event)
	local origin, stanza = event.origin, event.stanza;
	if may_reach(origin, stanza.attr.to) then return; end
	module:log("debug", "Stopped a %s to %s", stanza.name, jid.host(stanza.attr.to));
	local kind = stanza.attr.type;
	local answerable = stanza.name == "message" or stanza.name == "iq" and (kind == "get" or kind == "set");
	if answerable and kind ~= "error" then
		origin.send(st.error_reply(stanza, "cancel", "not-allowed", "Only the help desk can be reached from here"));
	end
	return true;
end

-- "pre-" events are stanzas of this host's own users, before routing; 1000 is
-- before every module that would keep or copy them (carbons, archive).
for _, name in ipairs { "message", "presence", "iq" } do
	for _, kind in ipairs { "bare", "full", "host" } do
		module:hook("pre-" .. name .. "/" .. kind, confine, 1000);
	end
end
