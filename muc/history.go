package muc

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"frontdesk/component/stanza"
)

// history is the end of the discussion, oldest first: at most limit messages of
// together at most "most" bytes, as XML, so that the bound is exact.
type history struct {
	limit int
	most  int // bytes
	bytes int
	said  []remark
}

type remark struct {
	id  string // stanza-id
	at  time.Time
	xml string
}

// histories: who enters gets the end of the discussion (§7.2.13, §7.2.14).
func histories() feature {
	return feature{form: []setting{
		number("maxhistoryfetch", "Messages that who enters gets", "", maxHistory, []string{"0", "10", "20", "50", "100"},
			func(s *Settings) *int { return &s.History }),
	}, info: func(r *room) []field {
		return []field{{"muc#maxhistoryfetch", strconv.Itoa(r.past.limit)}}
	}}
}

func (h *history) add(f Fact) {
	x := remark{strings.Clone(f.ID), f.At, f.Words.String()}
	h.said = append(h.said, x)
	h.bytes += len(x.xml)
	h.trim()
}

func (h *history) trim() {
	drop := 0
	for len(h.said)-drop > h.limit || h.bytes > h.most {
		h.bytes -= len(h.said[drop].xml)
		h.said[drop] = remark{}
		drop++
	}
	h.said = h.said[drop:]
}

// wish is what a client wants to get at most; -1 is no bound.
type wish struct {
	chars, stanzas int
	since          time.Time
}

// wishOf reads <history/>; what cannot be read is not said.
func wishOf(x *stanza.Element, now time.Time) wish {
	w := wish{chars: -1, stanzas: -1}
	h := x.Child(nsMUC, "history")
	if h == nil {
		return w
	}
	if n, ok := atoi(h.Attr("maxchars")); ok && n >= 0 {
		w.chars = n
	}
	if n, ok := atoi(h.Attr("maxstanzas")); ok && n >= 0 {
		w.stanzas = n
	}
	if n, ok := atoi(h.Attr("seconds")); ok && n >= 0 && n < 1<<31 {
		w.since = now.Add(-time.Duration(n) * time.Second)
	}
	if t, err := time.Parse(time.RFC3339Nano, h.Attr("since")); err == nil && t.After(w.since) {
		w.since = t
	}
	return w
}

// sendHistory sends the newest messages that all of the client's wishes allow.
func (st *step) sendHistory(sess *session) {
	r, w := st.room, wishOf(st.in.Child(nsMUC, "x"), st.now)
	if w.chars == 0 || w.stanzas == 0 {
		return
	}
	var late []*stanza.Element // newest first
	for i := len(r.past.said) - 1; i >= 0; i-- {
		x := r.past.said[i]
		if w.stanzas >= 0 && len(late) >= w.stanzas || x.at.Before(w.since) {
			break
		}
		m, err := stanza.Parse(x.xml)
		if err != nil {
			continue // cannot be: it is what our writer wrote
		}
		m.Add(delay(r, x.at)).Set("to", string(sess.jid))
		if w.chars >= 0 {
			if w.chars -= utf8.RuneCount(m.AppendXML(nil)); w.chars < 0 {
				break
			}
		}
		late = append(late, m)
	}
	for i := len(late) - 1; i >= 0; i-- {
		st.send(sess.jid, late[i])
	}
}

// delay says when the room got something (XEP-0203).
func delay(r *room, at time.Time) *stanza.Element {
	return stanza.New(stanza.NSDelay, "delay", "from", string(r.jid), "stamp", stamp(at))
}

// stamp is XEP-0082.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// atoi reads a decimal number that fits.
func atoi(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil
}

func itoa(n int) string { return strconv.Itoa(n) }
