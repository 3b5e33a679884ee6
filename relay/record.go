package relay

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"frontdesk/component/stanza"
	"frontdesk/dispatch"
	"frontdesk/muc"
	"frontdesk/store"
)

// Kinds of records that are neither dispatch's (1–99) nor muc's (100–199). The
// numbers are in files for ever.
const (
	kindAmended uint16 = 200 // a correction of old words, a reaction, a retraction: what changes no state of the desk
	kindTold    uint16 = 201 // one of the desk's own texts
	kindAgain   uint16 = 202 // what the customer, or the agent To, missed goes out again, from record From on

	kindNoted     uint16 = 203 // an agent's note about a thread
	kindNamed     uint16 = 204 // an agent named the customer
	kindTagged    uint16 = 205 // a tag was put on a thread, or taken Off
	kindBlocked   uint16 = 206 // a customer is kept out Until then; zero ends that
	kindCanned    uint16 = 207 // a canned reply was changed; the words are its row
	kindStaffed   uint16 = 208 // an admin changed what somebody is at the desk; the words are a changed
	kindAnnounced uint16 = 209 // said to all agents
	kindRated     uint16 = 210 // a customer's Rating, 1 to 5, of the conversation that began with record From, in his words
	kindCopied    uint16 = 211 // a customer wanted a copy of what was said in records From to Till, in his words
	lastKind             = kindCopied
)

// own is the numbers of relay's kinds.
type own struct {
	Thread uint64 `json:"t"`
	By     string `json:"by,omitempty"` // the agent who wrote; "" the customer
	To     string `json:"to,omitempty"` // the agent it goes to; "" the customer
	From   uint64 `json:"from,omitempty"`
	Till   uint64 `json:"till,omitempty"` // 0: until this record

	Team  []string  `json:"team,omitempty"` // agents it goes to beside To
	Off   bool      `json:"off,omitempty"`
	Until time.Time `json:"until,omitzero"`

	Rating int `json:"rating,omitempty"`
}

// uttered tells that a kind of record holds somebody's words: a customer's, or an agent's to him.
func uttered(kind uint16) bool {
	return kind == uint16(dispatch.Said) || kind == kindAmended || kind == kindRated || kind == kindCopied
}

// entry is a record as the loop sees it: decoded, in order, possibly not yet committed.
type entry struct {
	seq   uint64
	at    time.Time
	kind  uint16
	fact  dispatch.Fact // kinds 1–99
	own   own           // kinds 200 and up
	words *words
}

// said reports whether the entry holds somebody's words in a thread, and whose: an agent's
// bare JID or "" for the customer.
func (e *entry) said() (by string, ok bool) {
	switch {
	case e.kind == uint16(dispatch.Said):
		return e.fact.By, e.words != nil
	case uttered(e.kind):
		return e.own.By, e.words != nil
	}
	return "", false
}

// decode reads a record back; muc's and unknown kinds are not for it.
func decode(rec store.Record) (*entry, error) {
	e := &entry{seq: rec.Seq, at: rec.Time, kind: rec.Kind}
	var err error
	switch {
	case rec.Kind < 100:
		e.fact, err = decodeFact(rec)
	case rec.Kind >= 200:
		err = json.Unmarshal(rec.Numbers, &e.own)
	}
	if err == nil && rec.Content != nil && (rec.Kind < 100 || rec.Kind >= 200) {
		e.words = &words{}
		err = json.Unmarshal(rec.Content, e.words)
	}
	if err != nil {
		return nil, fmt.Errorf("record %d: %w", rec.Seq, err)
	}
	return e, nil
}

func decodeFact(rec store.Record) (dispatch.Fact, error) {
	var f dispatch.Fact
	err := json.Unmarshal(rec.Numbers, &f)
	f.Kind, f.At = dispatch.Kind(rec.Kind), rec.Time
	return f, err
}

func decodeMuc(rec store.Record) (muc.Fact, error) {
	var f muc.Fact
	err := json.Unmarshal(rec.Numbers, &f)
	f.Kind, f.At = muc.Kind(rec.Kind), rec.Time
	if err == nil && rec.Content != nil {
		f.Words, err = stanza.Parse(string(rec.Content))
	}
	return f, err
}

// encode gives the record's numbers and content. What most records are, words, is written by hand: it
// costs a fifth of what reflection costs.
// They are appended to buf.
func (e *entry) encode(buf []byte) (numbers, content, rest []byte) {
	start := len(buf)
	switch {
	case e.kind == uint16(dispatch.Said):
		buf = appendSaid(buf, &e.fact)
	case e.kind < 100:
		buf = append(buf, mustJSON(&e.fact)...)
	default:
		buf = append(buf, mustJSON(&e.own)...)
	}
	mid := len(buf)
	if e.words != nil {
		buf = e.words.appendJSON(buf)
		content = buf[mid:len(buf):len(buf)]
	}
	return buf[start:mid:mid], content, buf
}

// appendSaid is json.Marshal for a fact of kind Said.
func appendSaid(b []byte, f *dispatch.Fact) []byte {
	if len(f.Team) > 0 {
		return append(b, mustJSON(f)...)
	}
	b = append(b, '{')
	b = appendNumber(b, "t", f.Thread)
	b = appendNumber(b, "c", f.Conversation)
	b = appendString(b, "by", f.By)
	b = appendString(b, "a", f.Agent)
	return append(b, '}')
}

// appendJSON is json.Marshal for words.
func (w *words) appendJSON(b []byte) []byte {
	if w.React != 0 || w.Emoji != nil || w.Name != "" || w.Replies != nil || w.Blank != nil {
		return append(b, mustJSON(w)...)
	}
	b = append(b, '{')
	b = appendString(b, "id", w.ID)
	b = appendString(b, "b", w.Body)
	b = appendString(b, "l", w.Lang)
	b = appendString(b, "u", w.URL)
	b = appendTrue(b, "rc", w.Receipt)
	b = appendTrue(b, "mk", w.Markable)
	b = appendTrue(b, "ac", w.Active)
	b = appendNumber(b, "rp", w.Replace)
	b = appendNumber(b, "re", w.Reply)
	b = appendNumber(b, "rt", w.Retract)
	return append(b, '}')
}

func appendName(b []byte, name string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	b = append(append(b, '"'), name...)
	return append(b, '"', ':')
}

func appendNumber(b []byte, name string, v uint64) []byte {
	if v == 0 {
		return b
	}
	return strconv.AppendUint(appendName(b, name), v, 10)
}

func appendTrue(b []byte, name string, v bool) []byte {
	if !v {
		return b
	}
	return append(appendName(b, name), "true"...)
}

func appendString(b []byte, name, s string) []byte {
	if s == "" {
		return b
	}
	b = appendName(b, name)
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= 0x7f {
			return append(b, mustJSON(s)...)
		}
	}
	b = append(append(b, '"'), s...)
	return append(b, '"')
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("relay: " + err.Error())
	}
	return b
}
