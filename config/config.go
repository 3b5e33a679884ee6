// Package config reads frontdesk's one TOML file: it fills in defaults and
// refuses what cannot work with an error that names the key and says what to
// write. Of ours it imports texts alone, whose defaults those of the customers' texts are.
package config

import (
	"crypto/ecdsa"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/BurntSushi/toml"

	"frontdesk/texts"
)

// Role at the desk.
type Role string

const (
	Agent      Role = "agent"
	Supervisor Role = "supervisor"
	Admin      Role = "admin"
)

// Config is the whole file, validated. JIDs and domains are normalised (RFC
// 7622: lower case), paths are absolute if the folder given to Parse is.
type Config struct {
	Data    string   `toml:"data"` // path of the bbolt file, relative to the TOML file's folder; default frontdesk.db
	Front   Link     `toml:"front"`
	Desk    Link     `toml:"desk"`
	Queues  []Queue  `toml:"queue"`   // 1 to 1000
	Agents  []Person `toml:"agent"`   // 1 to 10000
	Members []string `toml:"members"` // domains whose accounts may enter the lobby as members (not agents of a queue)
	// Who may create rooms at the desk: "nobody", "agents" (all of [[agent]], the default) or a list of domains. After
	// Load these are bare JIDs and domains.
	CreateRooms Creators `toml:"create_rooms"`
	Times       Times    `toml:"times"`
	Keep        Keep     `toml:"keep"`
	Web         Web      `toml:"web"`
	Log         string   `toml:"log"`          // debug, info, warn, error; default info
	IdleIsAway  bool     `toml:"idle_is_away"` // a client that says away by itself (XEP-0319) counts as away; default false

	TimeZone string   `toml:"time_zone"` // of the queues that name none; default UTC
	Holidays []string `toml:"holidays"`  // of the queues that name none
	BotTurns int      `toml:"bot_turns"` // how often a bot says something before people take over, 1 to 1000; default 30

	RosterGroup string      `toml:"roster_group"` // where agents' servers let us: the group of the customers in their rosters, at most 64 bytes; "" never; default "Customers"
	Language    string      `toml:"language"`     // of the queues that name none; default en
	Texts       texts.Table `toml:"texts"`        // what customers are told otherwise than as shipped; languages in lower case

	AgentsCreate bool `toml:"-"` // create_rooms is "agents"
}

// Link is [front] or [desk].
type Link struct {
	Domain     string `toml:"domain"`
	Server     string `toml:"server"` // host:port of the component port
	Secret     string `toml:"secret"` // exactly one of the three; after Load the secret itself, wherever it came from
	SecretFile string `toml:"secret_file"`
	SecretEnv  string `toml:"secret_env"`
	TLS        bool   `toml:"tls"`
	TLSCA      string `toml:"tls_ca"` // PEM file; "" is the system's
	Name       string `toml:"name"`   // shown in discovery; default "Help desk", "Desk"
	// Front only: the hosts where customers have their accounts; they never get into the desk. After Load
	// they include Web.Host.
	Customers []string `toml:"customers"`
	// Front only: domains to whose accounts agents may write first. To others only after they have written.
	WriteTo []string `toml:"write_to"`
	// Front only: how many messages a customer may send a minute, 1 to 100000; 0 is as many as he likes. Default 60.
	Messages int `toml:"messages"`
}

// Person is one [[agent]].
type Person struct {
	JID      string   `toml:"jid"`
	Name     string   `toml:"name"`                     // nick in the lobby; default: localpart
	Role     Role     `toml:"role"`                     // default agent
	Capacity int      `toml:"capacity"`                 // conversations at once, 1 to 1000; default 5
	Skills   []string `toml:"skills" json:",omitempty"` // languages and topics, a word each; after Load in lower case
	Bot      bool     `toml:"bot" json:"Bot,omitempty"` // a program

	PublicName string `toml:"public_name" json:"-"` // at most 64 characters; default: Name, if that is given
	Picture    string `toml:"picture" json:"-"`     // path of a PNG or JPEG file of at most 64 KiB and 256 × 256 pixels

	Shown string `toml:"-" json:"-"` // what customers are shown where a queue says so; "" nothing
	Face  Image  `toml:"-" json:"-"` // the pixels of Picture; only with Shown
}

// filed is an agent as the file has him.
func (p *Person) filed() any {
	as := *p
	if p.Face.Type != "" {
		as.Picture += " " + p.Face.Sum
	}
	return as
}

// Times are written as "60s", "5m"; each is from 1 s to 24 h, where nothing else is said.
type Times struct {
	Grace    time.Duration `toml:"grace"`     // default 60 s
	Answer   time.Duration `toml:"answer"`    // default 60 s
	CoolDown time.Duration `toml:"cool_down"` // default 5 min
	HandOver time.Duration `toml:"hand_over"` // default 2 min
	LongWait time.Duration `toml:"long_wait"` // default 5 min
	WrapUp   time.Duration `toml:"wrap_up"`   // from 0; default 0
	Gap      time.Duration `toml:"gap"`       // from 0; default 0
	Retire   time.Duration `toml:"retire"`    // 1 h to 87600 h; default 720 h
	Key      time.Duration `toml:"key"`       // of a page that is not used: 1 h to 87600 h; default 2160 h
}

// Keep is [keep]: how many days words are kept, 0 to 36500; 0 is for ever.
type Keep struct {
	Customers int `toml:"customers"` // what customers said and were told, in queues that say nothing else
	Agents    int `toml:"agents"`    // what colleagues said: in rooms, and about customers of queues that say nothing else
}

// maxKeep is a hundred years.
const maxKeep = 36500

// Web is [web], the customers' page.
type Web struct {
	Listen    string   `toml:"listen"`    // host:port; "" switches the page off
	WebSocket string   `toml:"websocket"` // ws:// or wss:// URL of the server's endpoint
	Host      string   `toml:"host"`      // the anonymous host on that server
	Origins   []string `toml:"origins"`   // allowed besides the page's own
	Queue     string   `toml:"queue"`     // default: the first queue
	Address   string   `toml:"address"`   // where customers reach the page, as https://chat.example.org; "" is not known
	Upload    string   `toml:"upload"`    // the server's upload service (XEP-0363); "" is none
	Files     string   `toml:"files"`     // http:// or https:// URL of its files there; its path is ours, too
	Images    []string `toml:"images"`    // origins besides the page's own from which it shows pictures
	// What a site's server signs its word with for who a visitor is (RFC 7519): a secret (HS256) or a key pair (ES256), of
	// which this is the public half in a PEM file. At most one of them; "" is none.
	UsersSecretFile string `toml:"users_secret_file"`
	UsersKeyFile    string `toml:"users_key_file"`

	UsersSecret []byte           `toml:"-"` // what the files hold, after Load
	UsersKey    *ecdsa.PublicKey `toml:"-"`

	Look Look `toml:"look"` // of the page and the widget

	Demo        bool   `toml:"demo"`         // at / a shop that shows the widget
	AgentClient string `toml:"agent_client"` // folder with Converse.js's dist, served at /agent on loopback only; "" is none
}

// Bounds of a file: what is longer is refused.
const (
	maxFile   = 1 << 20 // bytes
	maxAgents = 10_000
	maxQueues = 1_000
	maxNames  = 64 // characters of a name or title, bytes of a queue's name
)

// Load reads, fills in and checks a file; resolved secrets are in Link.Secret.
// The error lists all faults, a line each; they are a Faults for errors.As.
// Files that the configuration names (secrets, certificates, the agents' client)
// must be there; the file of Data need not.
func Load(path string) (*Config, error) {
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	text, mode, err := readFile(path, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("config: there is no %s: write one with \"frontdesk init\", or name it with --config", path)
	}
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	c, err := parse(text, dir, os.LookupEnv, mode)
	if err != nil {
		return nil, fmt.Errorf("%s:\n%w", path, err)
	}
	return c, nil
}

// Parse is Load from memory; dir is what relative paths start from; env looks up variables.
func Parse(text, dir string, env func(string) (string, bool)) (*Config, error) {
	return parse(text, dir, env, 0)
}

// parse takes the permissions of the file that text came from: who else may
// read it must find no secret in it.
func parse(text, dir string, env func(string) (string, bool), mode fs.FileMode) (*Config, error) {
	var raw map[string]any
	if _, err := toml.Decode(text, &raw); err != nil {
		var at toml.ParseError
		if !errors.As(err, &at) {
			return nil, Faults{{Text: err.Error()}}
		}
		return nil, Faults{{Line: at.Position.Line, Text: "this is no TOML: " + at.Message}}
	}
	c := &Config{
		Data:        "frontdesk.db",
		Front:       Link{Name: "Help desk", Messages: 60},
		Desk:        Link{Name: "Desk"},
		Times:       Times{Grace: time.Minute, Answer: time.Minute, CoolDown: 5 * time.Minute, HandOver: 2 * time.Minute, LongWait: 5 * time.Minute, Retire: 720 * time.Hour, Key: 2160 * time.Hour},
		Log:         "info",
		CreateRooms: Creators{everyAgent},
		TimeZone:    "UTC",
		Language:    texts.English,
		BotTurns:    30,
		RosterGroup: "Customers",
	}
	r := newReader(text)
	r.read(c, raw)
	k := checker{reader: r, config: c, dir: dir, env: env, mode: mode}
	k.check()
	if len(r.faults) > 0 {
		return nil, r.faults.sorted()
	}
	return c, nil
}

// readFile reads at most limit bytes of a regular file and says who may read it.
func readFile(path string, limit int64) (string, fs.FileMode, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", 0, err
	}
	if info.IsDir() {
		return "", 0, fmt.Errorf("%s is a folder", path)
	}
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return "", 0, err
	}
	if int64(len(text)) > limit {
		return "", 0, fmt.Errorf("%s is longer than %d bytes", path, limit)
	}
	return string(text), info.Mode().Perm(), nil
}
