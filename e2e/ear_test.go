package e2e

import (
	"bufio"
	"bytes"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"frontdesk/component/fakeserver"
	"frontdesk/component/stanza"
)

// ear hears every byte that the desk writes to the customers' side, and what agents write. At the end nothing of the inside may be
// among the bytes: no address or client of an agent, no address of the desk, nothing that was said among colleagues.
type ear struct {
	mu      sync.Mutex
	streams []*bytes.Buffer // one for each connection
	inside  []string        // said in rooms, and in notes
	outside []string        // said to customers, or by them: repeating it tells nothing
}

// bureau is the resource of every agent's client in the fake world, as no customer has one.
const bureau = "bureau"

// listen has the ear at a component's connections.
func listen(t *testing.T, srv *fakeserver.Server, domain string) *ear {
	e := &ear{}
	srv.Tap(domain, func() io.Writer {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.streams = append(e.streams, &bytes.Buffer{})
		return &heard{e, len(e.streams) - 1}
	})
	t.Cleanup(func() {
		if len(e.streams) == 0 {
			t.Error("the desk never wrote to the customers' side")
		}
		for _, leak := range e.leaks() {
			t.Errorf("a customer could hear %s", leak)
		}
	})
	return e
}

// heard is the n-th stream of an ear.
type heard struct {
	e *ear
	n int
}

func (h *heard) Write(p []byte) (int, error) {
	h.e.mu.Lock()
	defer h.e.mu.Unlock()
	return h.e.streams[h.n].Write(p)
}

// within are commands whose words are for colleagues.
var within = regexp.MustCompile(`(?s)^!(?:note|ask|announce|transfer|tag|off|away)\b\s*#?\d*\s*(.*)`)

// said takes what a client sends: words in rooms stay among colleagues, words to a contact or of a customer do not.
func (e *ear) said(s *stanza.Element) {
	body, local := s.ChildText("", "body"), s.To().Local()
	if s.Local != "message" || body == "" {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	switch m := within.FindStringSubmatch(body); {
	case s.From().Domain() != agentsHost || s.To().Domain() != deskDomain:
		e.outside = append(e.outside, body)
	case m != nil:
		e.inside = append(e.inside, tail(m[1]))
	case local == "desk":
	case strings.HasPrefix(body, "!"), strings.HasPrefix(body, "！"):
		e.outside = append(e.outside, body) // !c and !write have words for the customer, which a room may have first
	case s.To().Resource() == "" && strings.Contains(local, ".") && !strings.HasPrefix(local, "case."):
		e.outside = append(e.outside, body)
	default:
		e.inside = append(e.inside, tail(body))
	}
}

// tail is the end of what was said: its beginning may be a name, or change when it is passed on.
func tail(text string) string {
	text = strings.TrimSpace(text[strings.LastIndexByte(text, '\n')+1:])
	return strings.ToValidUTF8(text[max(0, len(text)-16):], "")
}

// leaks are what of the inside is in what was written.
func (e *ear) leaks() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	secrets := []string{agentsHost, deskDomain, "/" + bureau}
	for _, words := range e.inside {
		if len(words) >= 8 && !slices.ContainsFunc(e.outside, func(said string) bool { return strings.Contains(said, words) }) {
			secrets = append(secrets, words)
		}
	}
	var leaks []string
	for _, b := range e.streams {
		for _, text := range cut(b.Bytes()) {
			for _, s := range secrets {
				asXML := strings.TrimSuffix(strings.TrimPrefix(stanza.Text("", "x", s).String(), "<x>"), "</x>")
				if strings.Contains(text, asXML) {
					leaks = append(leaks, s+" in\n    "+text)
				}
			}
		}
	}
	return leaks
}

// cut makes stanzas of a stream, and of what is left at its end where that was cut off. An agent who is a customer himself has his own
// address in what he gets.
func cut(stream []byte) []string {
	var out []string
	in := bytes.NewReader(stream)
	r, done := stanza.NewReader(bufio.NewReader(in), 1<<20), 0
	for {
		s, err := r.Next()
		if err != nil {
			break
		}
		done += r.Size()
		to := s.To()
		text := s.Set("to", "").String()
		if to.Domain() == agentsHost {
			text = strings.ReplaceAll(text, string(to.Bare()), "")
		}
		out = append(out, text)
	}
	return append(out, regexp.MustCompile(`\bto='[^']*'`).ReplaceAllString(string(stream[min(done, len(stream)):]), ""))
}

// TestEar: what it is there for, it hears.
func TestEar(t *testing.T) {
	t.Parallel()
	say := func(from, to, body string) *stanza.Element {
		return stanza.New("", "message", "from", from, "to", to).Add(stanza.Text("", "body", body))
	}
	const anna, alice = "anna@" + agentsHost + "/" + bureau, "alice@" + customersHost + "/client"
	const front = "support@" + frontDomain
	for _, c := range []struct {
		name    string
		written string // by the desk
		leaks   int
	}{
		{"words", say(front, alice, "Where is it?").String(), 0},
		{"room", say(front, alice, "[x] she is mad & rude").String(), 1},
		{"note", say(front, alice, "Note: owes us a lot").String(), 1},
		{"repeated", say(front, alice, "it was blue and green").String(), 0},
		{"address", say(front, alice, "ask anna@"+agentsHost).String(), 1},
		{"attribute", "<presence from='" + front + "' to='" + alice + "' id='x/bureau'/>", 1},
		{"desk", say(front, alice, "see lobby@"+deskDomain).String(), 2}, // of the agents' host, too
		{"own", say(front, anna, "you are anna@"+agentsHost).String(), 0},
		{"other", say(front, anna, "he is bob@"+agentsHost).String(), 1},
		{"cut off", "<message from='" + front + "' to='" + anna + "'><body>bob@" + agentsHost, 1},
		{"behind", "<presence from='" + front + "' to='" + alice + "'/><presence from='" + front + "' to='" + alice + "'><status>" + agentsHost + "</status></presence>", 1},
	} {
		e := &ear{streams: []*bytes.Buffer{{}, bytes.NewBufferString(c.written)}}
		for _, s := range []*stanza.Element{
			say(anna, "lobby@"+deskDomain, "I think she is mad & rude"), say(anna, "alice.1@"+deskDomain, "!note 1 owes us a lot"),
			say(anna, "case.1@"+deskDomain+"/Bob", "it was blue and green"), say(alice, front, "I know it was blue and green"),
		} {
			e.said(s)
		}
		if got := e.leaks(); len(got) != c.leaks {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}
