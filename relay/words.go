package relay

import (
	"hash/maphash"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"frontdesk/component/stanza"
)

// Namespaces of what may pass between the sides. Everything else is dropped.
const (
	nsReceipts  = "urn:xmpp:receipts"                     // XEP-0184
	nsMarkers   = "urn:xmpp:chat-markers:0"               // XEP-0333
	nsStates    = "http://jabber.org/protocol/chatstates" // XEP-0085
	nsCorrect   = "urn:xmpp:message-correct:0"            // XEP-0308
	nsReactions = "urn:xmpp:reactions:0"                  // XEP-0444
	nsReply     = "urn:xmpp:reply:0"                      // XEP-0461
	nsFallback  = "urn:xmpp:fallback:0"                   // XEP-0428
	nsRetract   = "urn:xmpp:message-retract:1"            // XEP-0424
	nsRetract0  = "urn:xmpp:message-retract:0"            // its earlier version
	nsFasten    = "urn:xmpp:fasten:0"                     // XEP-0422, which that one needed
	nsOOB       = "jabber:x:oob"                          // XEP-0066
	nsHints     = "urn:xmpp:hints"                        // XEP-0334
	nsEME       = "urn:xmpp:eme:0"                        // XEP-0380
)

// Bounds of one message.
const (
	maxID    = 256       // bytes of a peer's id; a longer one cannot be referred to
	maxBody  = 128 << 10 // bytes, as XML; longer text is refused: it has to fit into a stanza on either side
	maxURL   = 4 << 10   // bytes of a link beside the text; a longer one is text only
	maxLang  = 64        // bytes of xml:lang
	maxName  = 80        // bytes of a name that a customer gives himself
	maxEmoji = 20        // reactions of one message
)

// words is the content of a record: what somebody said, without who he is. The
// JSON names are in files for ever.
type words struct {
	ID       string   `json:"id,omitempty"` // the sender's own id of the message
	Body     string   `json:"b,omitempty"`
	Lang     string   `json:"l,omitempty"`
	URL      string   `json:"u,omitempty"`  // XEP-0066
	Receipt  bool     `json:"rc,omitempty"` // a receipt was asked for
	Markable bool     `json:"mk,omitempty"`
	Active   bool     `json:"ac,omitempty"` // the sender's client knows chat states
	Replace  uint64   `json:"rp,omitempty"` // the record it corrects
	Reply    uint64   `json:"re,omitempty"` // the record it answers
	React    uint64   `json:"rx,omitempty"` // the record it reacts to
	Emoji    []string `json:"em,omitempty"`
	Retract  uint64   `json:"rt,omitempty"` // the record it takes back
	Replies  []choice `json:"qr,omitempty"` // what is offered as an answer
	Blank    *blank   `json:"fm,omitempty"` // a form to be filled in
	Name     string   `json:"n,omitempty"`  // a colleague whose words these are, where the receiver has another's chat
}

// intake is a message as it came, its references not resolved yet.
type intake struct {
	words
	replace, reply, react, retract string // ids as the sender knows them
	state                          string // chat state, "" for none
	received, displayed            string
	encrypted                      bool
	nick                           string
	subject, link                  string
	quoted                         *stanza.Element   // what of the body only repeats what it answers
	fallback                       bool              // the body is for clients that do not know the rest
	form                           map[string]string // that was filled in, by field; nil for none
}

// tooLong reports whether the text would not fit into a stanza that we send. Only as XML does it
// have its real length: a quotation mark is six bytes there.
func (m *intake) tooLong() bool {
	return len(m.Body) > maxBody/8 && len(stanza.Text("", "body", m.Body).AppendXML(nil)) > maxBody
}

// hasWords reports whether there is anything to keep.
func (m *intake) hasWords() bool {
	return m.Body != "" || m.react != "" || m.retract != ""
}

var chatStates = map[string]bool{"active": true, "composing": true, "paused": true, "inactive": true, "gone": true}

// encryptedBy names the elements that make a message unreadable here.
var encryptedBy = map[string]bool{
	"eu.siacs.conversations.axolotl": true, "urn:xmpp:omemo:1": true, "urn:xmpp:omemo:2": true,
	"jabber:x:encrypted": true, "urn:xmpp:openpgp:0": true, "urn:ietf:params:xml:ns:xmpp-e2e": true,
}

// trackable reports whether the author wants to know how far the words come: receipts say that they are kept, markers the rest.
func (w *words) trackable() bool { return w.Receipt && w.Markable }

// keysOnly reports whether an OMEMO element carries keys and no text (XEP-0384 §5.8): nothing to answer.
func keysOnly(c *stanza.Element) bool {
	return c.Local == "encrypted" && c.Has(c.Space, "header") && !c.Has(c.Space, "payload")
}

// read takes from a message what may pass; the rest is forgotten.
func read(s *stanza.Element) *intake {
	m := &intake{}
	m.Lang = s.Lang()
	for c := range s.Elements() {
		m.readChild(c)
	}
	if id := s.ID(); len(id) <= maxID {
		m.ID = id
	}
	if len(m.Lang) > maxLang {
		m.Lang = ""
	}
	m.Body = withoutRange(m.Body, m.quoted)
	if m.retract != "" || m.react != "" && m.fallback {
		m.Body = ""
	}
	switch {
	case m.Body == "" && m.link != "":
		m.Body = m.link
	case m.subject != "" && m.Body == "":
		m.Body = m.subject
	case m.subject != "":
		m.Body = m.subject + "\n" + m.Body
	}
	m.encrypted = m.encrypted || strings.HasPrefix(m.Body, "?OTR")
	return m
}

func (m *intake) readChild(c *stanza.Element) {
	switch c.Space {
	case "":
		m.readText(c)
	case nsStates:
		if chatStates[c.Local] {
			m.state, m.Active = c.Local, true
		}
	case nsReceipts, nsMarkers:
		m.readSignal(c)
	case nsCorrect:
		m.replace = c.Attr("id")
	case nsReactions:
		m.readReactions(c)
	case nsReply:
		m.reply = c.Attr("id")
	case nsFallback:
		if to := c.Attr("for"); to == nsReply {
			m.quoted = c
		} else if to == nsRetract || to == nsRetract0 || to == nsReactions {
			m.fallback = true
		}
	case nsRetract:
		m.retract = c.Attr("id")
	case nsFasten:
		if c.Has(nsRetract0, "retract") {
			m.retract = c.Attr("id")
		}
	case nsOOB:
		m.link = c.ChildText(nsOOB, "url")
		m.URL = webURL(m.link)
	case nsForm:
		if c.Local == "x" && c.Attr("type") == "submit" {
			m.form = answers(c)
		}
	case stanza.NSNick:
		m.nick = c.Text()
	default:
		m.encrypted = m.encrypted || encryptedBy[c.Space] && !keysOnly(c)
	}
}

func (m *intake) readText(c *stanza.Element) {
	switch {
	case c.Local == "body" && m.Body == "":
		m.Body = c.Text()
		if l := c.Lang(); l != "" {
			m.Lang = l
		}
	case c.Local == "subject":
		m.subject = c.Text()
	}
}

func (m *intake) readSignal(c *stanza.Element) {
	switch c.Local {
	case "request":
		m.Receipt = true
	case "markable":
		m.Markable = true
	case "received":
		m.received = c.Attr("id")
	case "displayed", "acknowledged":
		m.displayed = c.Attr("id")
	}
}

func (m *intake) readReactions(c *stanza.Element) {
	m.react = c.Attr("id")
	for r := range c.Elements() {
		if t := strings.TrimSpace(r.Text()); r.Is(nsReactions, "reaction") && t != "" && len(t) <= 64 && len(m.Emoji) < maxEmoji {
			m.Emoji = append(m.Emoji, t)
		}
	}
}

// webURL returns u if a browser may be sent there, else "".
func webURL(u string) string {
	p, err := url.Parse(u)
	if err != nil || len(u) > maxURL || p.Scheme != "http" && p.Scheme != "https" || p.Host == "" {
		return ""
	}
	return u
}

// withoutRange cuts the characters that a XEP-0428 fallback element marks out of a body. The
// quoted lines could hold what a colleague said, so they never pass from one side to the other.
func withoutRange(body string, fallback *stanza.Element) string {
	r := fallback.Child(nsFallback, "body")
	if r == nil {
		return body
	}
	start, err1 := strconv.Atoi(r.Attr("start"))
	end, err2 := strconv.Atoi(r.Attr("end"))
	n := utf8.RuneCountInString(body)
	if r.Attr("start") == "" && r.Attr("end") == "" {
		return ""
	}
	if err1 != nil || err2 != nil || start < 0 || end < start || end > n {
		return unquoted(body) // a client that counts otherwise
	}
	runes := []rune(body)
	return string(runes[:start]) + string(runes[end:])
}

// unquoted cuts the quoted lines that a body begins with.
func unquoted(body string) string {
	for strings.HasPrefix(body, ">") {
		_, rest, _ := strings.Cut(body, "\n")
		body = rest
	}
	return body
}

// build makes the message of a record for one receiver: from the allow-list of
// words and nothing else. ref gives the id by which the receiver knows a record, "" if he
// never got it; instead is what clients show for a retraction that they do not know.
func (w *words) build(id string, ref func(seq uint64) string, instead string) *stanza.Element {
	m := &stanza.Element{Local: "message", Attrs: make([]stanza.Attr, 0, 6), Nodes: make([]stanza.Node, 0, 8)}
	m.Set("type", "chat").Set("id", id)
	body := w.Body
	if w.Name != "" {
		body = w.Name + ": " + body
	}
	switch {
	case w.React != 0:
		return m.Add(w.reactions(ref(w.React)), stanza.New(nsHints, "store"))
	case w.Retract != 0:
		return w.retraction(m, ref(w.Retract), instead)
	case w.Replace != 0:
		if target := ref(w.Replace); target != "" {
			m.Add(stanza.New(nsCorrect, "replace", "id", target))
		}
	case w.Reply != 0:
		if target := ref(w.Reply); target != "" {
			m.Add(stanza.New(nsReply, "reply", "id", target))
		}
	}
	m.Add(stanza.Text("", "body", body))
	m.SetLang(w.Lang)
	w.offer(m)
	if w.Active {
		m.Add(stanza.New(nsStates, "active"))
	}
	if w.URL != "" {
		m.Add(stanza.New(nsOOB, "x").Add(stanza.Text(nsOOB, "url", w.URL)))
	}
	if w.Receipt {
		m.Add(stanza.New(nsReceipts, "request"))
	}
	if w.Markable {
		m.Add(stanza.New(nsMarkers, "markable"))
	}
	return m.Add(stanza.New(stanza.NSSID, "origin-id", "id", id))
}

// reactions are an element where the receiver has the message, else text.
func (w *words) reactions(target string) *stanza.Element {
	if target == "" {
		if len(w.Emoji) == 0 {
			return nil
		}
		return stanza.Text("", "body", strings.Join(w.Emoji, " "))
	}
	r := stanza.New(nsReactions, "reactions", "id", target)
	for _, e := range w.Emoji {
		r.Add(stanza.Text(nsReactions, "reaction", e))
	}
	return r
}

func (w *words) retraction(m *stanza.Element, target, instead string) *stanza.Element {
	if target == "" {
		return nil // the receiver never had it
	}
	return m.Add(stanza.New(nsRetract, "retract", "id", target),
		stanza.New(nsFallback, "fallback", "for", nsRetract),
		stanza.Text("", "body", instead), stanza.New(nsHints, "store"))
}

// delayed marks a message that is sent late (XEP-0203).
func delayed(m *stanza.Element, from string, at, now time.Time) *stanza.Element {
	if m != nil && now.Sub(at) > 10*time.Second {
		m.Add(stanza.New(stanza.NSDelay, "delay", "from", from, "stamp", at.UTC().Format("2006-01-02T15:04:05.000Z")))
	}
	return m
}

// signal is a message that carries one element and is not kept.
func signal(typ string, el *stanza.Element) *stanza.Element {
	m := stanza.New("", "message", "type", typ).Add(el)
	if el.Space == nsStates {
		m.Add(stanza.New(nsHints, "no-store"))
	}
	return m
}

// sum recognises the same words again in this process; the id is compared beside it.
func (w *words) sum(seed maphash.Seed) uint64 {
	h := maphash.String(seed, w.Body)
	if w.URL != "" {
		h ^= maphash.String(seed, w.URL) + 1
	}
	for i, e := range w.Emoji {
		h ^= maphash.String(seed, e) + uint64(i) + 2
	}
	for i, ref := range [...]uint64{w.Replace, w.Reply, w.React, w.Retract} {
		h ^= ref * (0x9e3779b97f4a7c15 + 2*uint64(i))
	}
	return h
}
