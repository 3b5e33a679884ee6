package config

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"
)

// checker fills in what a file leaves out and notes what cannot work.
type checker struct {
	*reader
	config *Config
	dir    string
	env    func(string) (string, bool)
	mode   fs.FileMode

	zone     *time.Location // of the queues that name none
	holidays map[Date][]Span
}

func (k *checker) check() {
	c := k.config
	if c.Data == "" {
		k.fault("data", `write the name of the file that keeps everything, as data = "frontdesk.db"`)
	}
	c.Data = k.path(c.Data)
	k.oneOf("log", c.Log, "debug", "info", "warn", "error")
	k.keep("keep.customers", &k.config.Keep.Customers, 0)
	k.keep("keep.agents", &k.config.Keep.Agents, 0)
	k.links()
	k.web()
	k.agents()
	k.zones()
	k.config.Language = k.language("language", k.config.Language)
	k.texts("texts", k.config.Texts)
	k.queues()
	k.looks()
	k.members()
	k.creators()
	k.times()
}

// keep checks a number of days; def is what it is where the file does not say.
func (k *checker) keep(path string, days *int, def int) {
	if !k.given[path] {
		*days = def
	} else if *days < 0 || *days > maxKeep {
		k.fault(path, "write a number of days from 1 to %d, or 0 for ever", maxKeep)
	}
}

func (k *checker) links() {
	front, desk := &k.config.Front, &k.config.Desk
	k.link("front", front, "help.customers.example")
	k.link("desk", desk, "desk.agents.example")
	if front.Domain != "" && front.Domain == desk.Domain {
		k.fault("desk.domain", "front and desk are two components: give the desk a domain of its own, as \"desk.agents.example\", not %q again", desk.Domain)
	}
	for i, host := range front.Customers {
		front.Customers[i] = k.domain("front.customers", host, "customers.example")
		if own := front.Customers[i]; own != "" && (own == front.Domain || own == desk.Domain) {
			k.fault("front.customers", "write the hosts where customers have their accounts; %q is the component itself", own)
		}
	}
	for i, host := range front.WriteTo {
		front.WriteTo[i] = k.domain("front.write_to", host, "customers.example")
	}
	if n := front.Messages; n < 0 || n > 100_000 {
		k.fault("front.messages", "write how many messages a customer may send a minute, 1 to 100000, or 0 for as many as he likes")
	}
	for _, key := range []string{"customers", "write_to", "messages"} {
		if k.given[join("desk", key)] {
			k.fault(join("desk", key), "only [front] has customers: move it there")
		}
	}
}

// link checks what front and desk have in common; the table's name is its path.
func (k *checker) link(path string, l *Link, example string) {
	if l.Domain == "" {
		k.fault(join(path, "domain"), "missing: write the component's address on its server, as domain = %q", example)
	} else {
		l.Domain = k.domain(join(path, "domain"), l.Domain, example)
	}
	if l.Server == "" {
		k.fault(join(path, "server"), `missing: write the server's component port, as server = "127.0.0.1:5347"`)
	} else if problem := hostPort(l.Server, true, 1); problem != "" {
		k.fault(join(path, "server"), `%s: write the server's component port, as "127.0.0.1:5347"`, problem)
	}
	k.text(join(path, "name"), l.Name)
	k.secret(path, l)
	if l.TLSCA == "" {
		return
	}
	l.TLSCA = k.path(l.TLSCA)
	if !l.TLS {
		k.fault(join(path, "tls_ca"), "has no effect without tls = true beside it: write that, or leave tls_ca out")
	}
	if pem, _, err := readFile(l.TLSCA, maxFile); err != nil {
		k.fault(join(path, "tls_ca"), "%v", err)
	} else if !x509.NewCertPool().AppendCertsFromPEM([]byte(pem)) {
		k.fault(join(path, "tls_ca"), "%s holds no certificate in PEM", l.TLSCA)
	}
}

// secret resolves one of the three ways to write a secret into l.Secret.
func (k *checker) secret(path string, l *Link) {
	var ways []string
	for _, key := range []string{"secret", "secret_file", "secret_env"} {
		if k.given[join(path, key)] {
			ways = append(ways, key)
		}
	}
	if len(ways) != 1 {
		say := "missing: write one of secret, secret_file, secret_env"
		if len(ways) > 1 {
			say = "write only one of " + strings.Join(ways, ", ")
		}
		k.fault(join(path, "secret"), "%s (the same value stands in the server's configuration)", say)
		return
	}
	at := join(path, ways[0])
	switch ways[0] {
	case "secret":
		if k.mode&0o077 != 0 {
			k.fault(at, "others may read this file (its mode is %04o) and a secret stands in it: run chmod 600 on it, or use secret_file or secret_env", k.mode)
		}
	case "secret_file":
		l.SecretFile = k.path(l.SecretFile)
		text, mode, err := readFile(l.SecretFile, 4096)
		if err != nil {
			k.fault(at, "%v", err)
			return
		}
		if mode&0o007 != 0 {
			k.fault(at, "everybody may read %s (its mode is %04o): run chmod o= on it", l.SecretFile, mode)
		}
		l.Secret = strings.TrimRight(text, "\r\n")
	case "secret_env":
		text, ok := k.env(l.SecretEnv)
		if !ok {
			k.fault(at, "the environment has no variable %q: set it to the secret, or use secret_file", l.SecretEnv)
			return
		}
		l.Secret = text
	}
	if l.Secret == "" {
		k.fault(at, "the secret is empty: write what stands in the server's configuration")
	}
}

func (k *checker) agents() {
	c := k.config
	if len(c.Agents) == 0 && !k.given["agent"] {
		k.fault("agent", "nobody is at the desk: write at least one\n    [[agent]]\n    jid = \"anna@agents.example\"")
	}
	if len(c.Agents) > maxAgents {
		k.fault("agent", "these are %d; at most %d are possible", len(c.Agents), maxAgents)
		return
	}
	jids, names := map[string]bool{}, map[string]string{}
	for i := range c.Agents {
		k.agent(item("agent", i), &c.Agents[i], jids, names)
	}
}

// agent checks one [[agent]] against those before: their JIDs, and whose names are taken.
func (k *checker) agent(path string, a *Person, jids map[string]bool, names map[string]string) {
	if !k.given[join(path, "capacity")] {
		a.Capacity = 5
	} else if a.Capacity < 1 || a.Capacity > 1000 {
		k.fault(join(path, "capacity"), "write how many conversations at once, from 1 to 1000; whoever is to get none is left out of the queues' agents")
	}
	if !k.given[join(path, "role")] {
		a.Role = Agent
	}
	k.oneOf(join(path, "role"), string(a.Role), string(Agent), string(Supervisor), string(Admin))
	k.skills(join(path, "skills"), a.Skills)

	at := join(path, "jid")
	if a.JID == "" {
		k.fault(at, `missing: write the account's address, as jid = "anna@agents.example"`)
		return
	}
	local, host, problem := account(a.JID)
	if problem != "" {
		k.fault(at, "%s", problem)
		jids[a.JID] = true // so that a queue that names it is not blamed too
		return
	}
	a.JID = local + "@" + host
	switch {
	case jids[a.JID]:
		k.fault(at, "%q is there twice: leave one [[agent]] out", a.JID)
		return
	case slices.Contains(k.config.Front.Customers, host):
		k.fault(at, "%q is a customers' host (front.customers, web.host), and nobody from there gets into the desk: use an account on another host", host)
	case host == k.config.Front.Domain || host == k.config.Desk.Domain:
		k.fault(at, "%q is frontdesk itself: write an account of the agents' server", host)
	}
	jids[a.JID] = true
	if a.Name == "" {
		a.Name = local
	}
	k.nick(path, a, names)
	if k.given[at] { // what an admin says while the desk runs brings this along
		k.shown(path, a)
	}
}

// nick holds names apart as group chats do (RFC 8266: case and width do not count).
func (k *checker) nick(path string, a *Person, names map[string]string) {
	at := join(path, "name")
	if problem := NameProblem(a.Name); k.given[at] && problem != "" { // what admins said while the desk ran was checked then
		k.fault(at, "%q cannot be a name at the desk: %s: write another", a.Name, problem)
		return
	}
	key, err := precis.Nickname.CompareKey(a.Name)
	if err != nil || strings.TrimSpace(a.Name) != a.Name || utf8.RuneCountInString(a.Name) > maxNames {
		k.fault(at, "%q cannot be a name at the desk: write 1 to %d letters, digits, signs and single blanks", a.Name, maxNames)
		return
	}
	if key == "desk" {
		k.fault(at, "%q is the desk's own name there: write another", a.Name)
	}
	if other := names[key]; other != "" {
		k.fault(at, "%s is called %q too: write another name = \"…\" for %s", other, a.Name, a.JID)
		return
	}
	names[key] = a.JID
}

func (k *checker) queues() {
	c := k.config
	if len(c.Queues) == 0 && !k.given["queue"] {
		k.fault("queue", "customers have nothing to write to: write at least one\n    [[queue]]\n    name = \"support\"")
	}
	if len(c.Queues) > maxQueues {
		k.fault("queue", "these are %d; at most %d are possible", len(c.Queues), maxQueues)
		return
	}
	var all []string
	for _, q := range c.Queues {
		all = append(all, q.Name)
	}
	names := map[string]bool{}
	for i := range c.Queues {
		path, q := item("queue", i), &c.Queues[i]
		k.queueName(join(path, "name"), q.Name)
		if q.Name != "" && names[q.Name] {
			k.fault(join(path, "name"), "%q is there twice: give one of the two another name", q.Name)
		}
		names[q.Name] = true
		if q.Title == "" {
			q.Title = q.Name
		}
		k.text(join(path, "title"), q.Title)
		k.queueAgents(path, q)
		k.serving(path, q, all)
	}
	k.webQueue(names)
}

// queueName wants a localpart (RFC 7622 §3.3) that is already as servers will spell it.
func (k *checker) queueName(path, name string) {
	if name == "" {
		k.fault(path, `missing: write what stands before the @ of the queue's address, as name = "support"`)
		return
	}
	switch local := localpart(name); {
	case local == "" || len(local) > maxNames:
		k.fault(path, "%q cannot stand before the @ of an address: write at most %d letters, digits, dots and hyphens, as \"support\"", name, maxNames)
	case local != name:
		k.fault(path, "an address is spelt in lower case: write %q", local)
	}
}

func (k *checker) members() {
	c := k.config
	for i, host := range c.Members {
		if local, at, problem := account(host); problem == "" {
			k.fault("members", "members are whole domains, as %q; for %s@%s alone write an [[agent]], and name the queues' agents", at, local, at)
			continue
		}
		c.Members[i] = k.domain("members", host, "agents.example")
		switch host := c.Members[i]; {
		case host == "":
		case slices.Contains(c.Front.Customers, host):
			k.fault("members", "%q is a customers' host (front.customers, web.host), and nobody from there gets into the desk: leave it out", host)
		case slices.Contains(c.Members[:i], host):
			k.fault("members", "%q is there twice: leave one out", host)
		}
	}
}

func (k *checker) times() {
	t := k.config.Times
	for _, at := range []struct {
		path  string
		time  time.Duration
		least time.Duration
	}{
		{"times.grace", t.Grace, time.Second}, {"times.answer", t.Answer, time.Second}, {"times.cool_down", t.CoolDown, time.Second},
		{"times.hand_over", t.HandOver, time.Second}, {"times.long_wait", t.LongWait, time.Second}, {"times.wrap_up", t.WrapUp, 0}, {"times.gap", t.Gap, 0},
	} {
		k.time(at.path, at.time, at.least, 24*time.Hour)
	}
	k.time("times.retire", t.Retire, time.Hour, 87600*time.Hour)
	k.time("times.key", t.Key, time.Hour, 87600*time.Hour)
	if n := k.config.BotTurns; n < 1 || n > 1000 {
		k.fault("bot_turns", "write a number from 1 to 1000")
	}
	if g := k.config.RosterGroup; len(g) > 64 || strings.ContainsFunc(g, unicode.IsControl) || strings.TrimSpace(g) != g {
		k.fault("roster_group", "write a name of at most 64 bytes, as \"Customers\", or \"\" for none")
	}
}

// time checks the bounds of one.
func (k *checker) time(path string, d, least, most time.Duration) {
	if d < least || d > most {
		k.fault(path, "%v cannot be: write a time from %q to \"%dh\"", d, least, int(most.Hours()))
	}
}

func (k *checker) web() {
	w, front := &k.config.Web, &k.config.Front
	if w.Listen == "" {
		for _, key := range []string{"websocket", "host", "origins", "queue", "address", "upload", "files", "images", "users_secret_file", "users_key_file", "look", "demo", "agent_client"} {
			if path := join("web", key); k.given[path] && !k.given["web.listen"] {
				k.fault(path, `has no effect without listen: write listen = "127.0.0.1:8080" beside it, or listen = "" for no page`)
			}
		}
	} else if problem := hostPort(w.Listen, false, 0); problem != "" {
		k.fault("web.listen", `%s: write where the page listens, as "127.0.0.1:8080"`, problem)
	}
	k.webSocket(w)
	if w.Host != "" {
		w.Host = k.domain("web.host", w.Host, "customers.example")
		if w.Host != "" && (w.Host == front.Domain || w.Host == k.config.Desk.Domain) {
			k.fault("web.host", "%q is the component itself: write the host where customers log in anonymously", w.Host)
		} else if w.Host != "" && !slices.Contains(front.Customers, w.Host) {
			front.Customers = append(front.Customers, w.Host)
		}
	} else if w.Listen != "" {
		k.fault("web.host", `missing: write the host where customers log in anonymously, as host = "customers.example"`)
	}
	k.origins("web.origins", w.Origins)
	k.origins("web.images", w.Images)
	k.upload(w)
	k.users(w)
	if w.Address != "" {
		if u, err := url.Parse(w.Address); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			k.fault("web.address", `%q is no address of a page: write where customers reach it, as "https://chat.example.org"`, w.Address)
		}
	}
	k.agentClient(w)
}

func (k *checker) origins(path string, list []string) {
	for _, o := range list {
		if want := origin(o); want != o || o == "" {
			k.fault(path, "%q is no origin: write scheme and host alone, as %q", o, cmp.Or(want, "https://www.example.org"))
		}
	}
}

const minUsersSecret = 32 // bytes (RFC 7518 §3.2)

// users reads what a site's tokens are verified with.
func (k *checker) users(w *Web) {
	if w.UsersSecretFile != "" && w.UsersKeyFile != "" {
		k.fault("web.users_key_file", "write only one of users_secret_file, users_key_file")
		return
	}
	if w.UsersSecretFile != "" {
		w.UsersSecretFile = k.path(w.UsersSecretFile)
		text, mode, err := readFile(w.UsersSecretFile, 4096)
		w.UsersSecret = []byte(strings.TrimRight(text, "\r\n"))
		switch {
		case err != nil:
			k.fault("web.users_secret_file", "%v", err)
		case mode&0o007 != 0:
			k.fault("web.users_secret_file", "everybody may read %s (its mode is %04o): run chmod o= on it", w.UsersSecretFile, mode)
		case len(w.UsersSecret) < minUsersSecret:
			k.fault("web.users_secret_file", "the secret is too short to sign with: write at least %d characters", minUsersSecret)
		}
	}
	if w.UsersKeyFile == "" {
		return
	}
	w.UsersKeyFile = k.path(w.UsersKeyFile)
	text, _, err := readFile(w.UsersKeyFile, 64<<10)
	if err != nil {
		k.fault("web.users_key_file", "%v", err)
		return
	}
	block, _ := pem.Decode([]byte(text))
	if block != nil {
		if key, err := x509.ParsePKIXPublicKey(block.Bytes); err == nil {
			w.UsersKey, _ = key.(*ecdsa.PublicKey)
		}
	}
	if w.UsersKey == nil || w.UsersKey.Curve != elliptic.P256() {
		w.UsersKey = nil
		k.fault("web.users_key_file", "%s is no public key for ES256: make one with openssl ec -in key.pem -pubout", w.UsersKeyFile)
	}
}

// ours are the paths that the page has itself.
var ours = []string{"", "chat", "copy", "face", "logo", "shop", "agent", "health", "metrics", "widget.js", "icon.svg", "xmpp-websocket"}

func (k *checker) upload(w *Web) {
	const example = "http://127.0.0.1:5280/file_share"
	if (w.Upload == "") != (w.Files == "") {
		k.fault("web.upload", "upload and files go together: write upload = \"upload.customers.example\" and files = %q, or neither", example)
		return
	}
	if w.Upload == "" {
		return
	}
	w.Upload = k.domain("web.upload", w.Upload, "upload.customers.example")
	u, err := url.Parse(w.Files)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		k.fault("web.files", "%q is no web address: write where the server has its files, as %q", w.Files, example)
		return
	}
	if first, _, _ := strings.Cut(strings.Trim(u.Path, "/"), "/"); slices.Contains(ours, first) || strings.ContainsAny(u.Path, "{}") {
		k.fault("web.files", "%q: the page has this path itself: have the server use another, as %q", w.Files, example)
	}
}

func (k *checker) webSocket(w *Web) {
	const prosody = "ws://127.0.0.1:5280/xmpp-websocket"
	if w.WebSocket == "" {
		if w.Listen != "" {
			k.fault("web.websocket", "missing: write the server's WebSocket endpoint, as websocket = %q", prosody)
		}
		return
	}
	u, err := url.Parse(w.WebSocket)
	if err != nil || u.Scheme != "ws" && u.Scheme != "wss" || u.Host == "" || u.User != nil || u.Fragment != "" {
		k.fault("web.websocket", "%q is no WebSocket address: write one as %q", w.WebSocket, prosody)
	}
}

func (k *checker) webQueue(names map[string]bool) {
	w := &k.config.Web
	if w.Queue == "" && len(k.config.Queues) > 0 {
		w.Queue = k.config.Queues[0].Name
	}
	if w.Queue != "" && !names[w.Queue] {
		var known []string
		for _, q := range k.config.Queues {
			known = append(known, q.Name)
		}
		k.fault("web.queue", "%q is no [[queue]]%s", w.Queue, meant(w.Queue, known))
	}
}

// agentClient is for one machine only: a client that runs where customers are
// served would be given away with the page.
func (k *checker) agentClient(w *Web) {
	if w.AgentClient == "" {
		return
	}
	w.AgentClient = k.path(w.AgentClient)
	if info, err := os.Stat(w.AgentClient); err != nil {
		k.fault("web.agent_client", "%v", err)
	} else if !info.IsDir() {
		k.fault("web.agent_client", "%s is no folder: write the one with the client's files", w.AgentClient)
	}
	host, _, err := net.SplitHostPort(w.Listen)
	if ip := net.ParseIP(host); w.Listen != "" && err == nil && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		k.fault("web.agent_client", `is for this machine alone: write listen = "127.0.0.1:8080" above, or leave agent_client out`)
	}
}

// path is where a path of the file points to.
func (k *checker) path(p string) string {
	if filepath.IsAbs(p) {
		return filepath.Clean(p)
	}
	return filepath.Join(k.dir, p)
}

func (k *checker) oneOf(path, got string, words ...string) {
	if !slices.Contains(words, got) {
		k.fault(path, "%q is not known%s: write one of %s", got, meant(got, words), strings.Join(words, ", "))
	}
}

// text checks what people are shown.
func (k *checker) text(path, s string) {
	if n := utf8.RuneCountInString(s); n > maxNames || strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) >= 0 {
		k.fault(path, "write one line of at most %d characters", maxNames)
	}
}

// domain returns s normalised, or "" after a fault.
func (k *checker) domain(path, s, example string) string {
	d := domainpart(s)
	if d == "" {
		k.fault(path, "%q is no domain: write one as %q", s, example)
	}
	return d
}

// hostPort returns what is wrong with a network address, or "".
func hostPort(s string, needHost bool, least int) string {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return fmt.Sprintf("%q is no host:port", s)
	}
	if needHost && host == "" {
		return fmt.Sprintf("%q has no host", s)
	}
	if n, err := strconv.Atoi(port); err != nil || n < least || n > 65535 {
		return fmt.Sprintf("%q has no port from %d to 65535", s, least)
	}
	return ""
}

// origin is how a browser spells the origin of an address (RFC 6454 §6.2), or "".
func origin(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + strings.ToLower(u.Host)
}
