-- Written at each start for one private Prosody; changes are lost.
{{if .Root}}run_as_root = true -- else Prosody refuses, and stays{{end}}
data_path = {{lua (print .Dir "/data")}}
pidfile = {{lua (print .Dir "/data/prosody.pid")}}
plugin_paths = { {{lua (print .Dir "/modules")}} }
log = { { levels = { min = "info" }, to = "stdout" } }
admins = {{lua .Admins}}

interfaces = { "127.0.0.1" }
c2s_ports = { {{.C2S}} }
c2s_direct_tls_ports = {}
s2s_ports = {}
s2s_direct_tls_ports = {}
component_ports = { {{with .Component}}{{.}}{{end}} }
component_interfaces = { "127.0.0.1" }
http_ports = { {{.HTTP}} }
http_interfaces = { "127.0.0.1" }
https_ports = {}
http_default_host = {{if .Customers}}{{lua .Customers}}{{else}}{{lua (index .Accounts 0)}}{{end}}
consider_websocket_secure = true -- only loopback and a proxy get here

ssl = { certificate = {{lua .Cert}}, key = {{lua .Cert}} }
c2s_require_encryption = false -- only loopback
allow_unencrypted_plain_auth = {{.PlainAuth}}

-- Generational collection gives 1.4 to 3 times the throughput (Lua 5.4).
gc = { mode = "generational" }
storage = "internal"
statistics_interval = "manual"

modules_enabled = {
	"posix", "disco", "saslauth", "tls", "roster", "ping", "time", "version", "smacks", "http",
	-- in the global list, so that it answers for every Host header
	"websocket",
}
modules_disabled = { "s2s" }

-- A restarted frontdesk takes over from its old, half-open connection.
component_conflict_resolve = "kick_old"
{{- with .Privileged}}

privileged_entities = {
{{- range .}}
	[{{lua .}}] = { roster = "both" },
{{- end}}
}
{{- end}}

{{- with .Customers}}

VirtualHost {{lua .}}
	authentication = "anonymous"
	allow_anonymous_s2s = false
	storage = "memory"
	modules_enabled = { "frontdesk_confine" }
	frontdesk_confine_to = {{lua $.Confine}}
	-- An anonymous session cannot be resumed: what is not acknowledged bounces soon.
	modules_disabled = { "s2s", "offline" }
	smacks_hibernation_time = 2
{{- end}}
{{- range .Accounts}}

VirtualHost {{lua .}}
	authentication = "internal_hashed"
	allow_registration = false
	modules_enabled = {
		{{if $.Privileged}}"privilege", {{end}}"mam", "carbons", "csi_simple", "blocklist", "private", "pep", "bookmarks", "vcard4", "vcard_legacy", "offline",
	}
{{- end}}
{{- with .Rooms}}

Component {{lua .}} "muc"
	modules_enabled = { "muc_mam" }
	muc_log_by_default = true
{{- end}}
{{- with .Upload}}

Component {{lua .}} "http_file_share"
	http_host = {{lua $.PublicHost}}
	http_external_url = {{lua (print $.Public "/")}}
	http_file_share_access = { {{lua $.Customers}} }
	http_file_share_size_limit = 10*1024*1024
	http_file_share_expires_after = 7*24*60*60
{{- end}}
{{- range .Components}}

Component {{lua .Domain}}
	component_secret = {{lua .Secret}}
	{{- if .Rosters}}
	modules_enabled = { "privilege" }
	{{- end}}
{{- end}}
