package relay

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"frontdesk/dispatch"
	"frontdesk/texts"
)

// What a customer is asked at the beginning of a conversation: in one form, or one question after the other. What he writes is
// part of the conversation as any other words are; what of it answers a question is kept beside.

// asking is what a customer has not answered yet. The JSON names are in files for ever.
type asking struct {
	Fields []string `json:"f"`              // the first is the one that was asked last
	Held   bool     `json:"held,omitempty"` // the conversation is given to nobody meanwhile
}

// toAsk lists what the customer of a conversation that begins is to be asked, and whether he is given to nobody meanwhile.
func (r *Relay) toAsk(q *queue, c *customer) (fields []string, held bool) {
	shut := r.desk.Mood(q.name) == dispatch.Shut
	list := q.ask
	if shut {
		list = q.askClosed
	}
	for _, f := range list {
		switch {
		case f == "name" && c.Name != "", f == "email" && c.Email != "":
		case f == "email" && shut && c.Bare.Domain() != r.cfg.Web.Host: // his account is where he reads the answer
		default:
			fields = append(fields, f)
		}
	}
	return fields, len(fields) > 0 && !shut && q.askFor > 0
}

// still is what can be asked of it now, nil for nothing: the configuration may have changed since. q may be nil.
func (q *queue) still(a *asking) *asking {
	fields := slices.DeleteFunc(slices.Clone(a.Fields), func(f string) bool { return q == nil || !q.texts.Has("ask_"+f) })
	if len(fields) == 0 {
		return nil
	}
	return &asking{fields, a.Held}
}

// question puts the next question into a text, and what is offered as its answer: with first, all of them as a form.
func (r *Relay) question(t *thread, q *queue, v texts.Voice, w *words, first bool) string {
	asked := t.Asking.Fields[0]
	text := v.Say("ask_" + asked)
	if asked == "topic" {
		for i, topic := range q.topics {
			label := v.Or("topic_"+topic, topic)
			text += "\n" + strconv.Itoa(i+1) + ". " + label
			w.Replies = append(w.Replies, choice{label, label})
		}
	}
	skip := v.Say("asking_skip")
	w.Replies = append(w.Replies, choice{skip, skip})
	if !first {
		return text
	}
	w.Blank = &blank{Type: nsClaim + ":ask", Title: v.Say("asking_title"), Words: "\n" + text}
	for _, f := range t.Asking.Fields {
		in := field{Name: f, Label: v.Say("ask_" + f)}
		if f == "topic" {
			for _, topic := range q.topics {
				in.Options = append(in.Options, choice{topic, v.Or("topic_"+topic, topic)})
			}
		}
		w.Blank.Fields = append(w.Blank.Fields, in)
	}
	intro := "asking"
	if r.desk.Mood(t.Queue) == dispatch.Shut {
		intro = "asking_closed"
	}
	return v.Say(intro, "word", skip) + "\n" + text
}

// replied takes what a customer wrote while he was asked, and goes on.
func (r *Relay) replied(t *thread, m *intake) {
	q := r.queues[t.Queue]
	a := t.Asking
	if q == nil || a == nil {
		return
	}
	v := r.voice(t)
	t.Asking = nil
	if len(m.form) > 0 {
		for _, f := range a.Fields {
			r.learn(t, q, v, f, m.form[f])
		}
	} else {
		r.learn(t, q, v, a.Fields[0], m.Body)
		t.Asking = q.still(&asking{a.Fields[1:], a.Held})
	}
	r.saveThread(t)
	if t.Asking != nil {
		w := &words{}
		w.Body = r.question(t, q, v, w, false)
		r.tellWith(t, v, w)
		return
	}
	r.fresh = append(r.fresh, fresh{thread: t.N, thanks: true})
	if d, open := r.desk.Thread(t.N); open {
		wants := d.Wants
		if topic := t.Given["topic"]; q.skills[topic] && !slices.Contains(strings.Fields(wants), topic) {
			wants = strings.TrimSpace(wants + " " + topic)
		}
		r.decide(dispatch.Brief{Thread: t.N, Wants: wants}, nil)
	}
}

// mailAddress is what may be one.
var mailAddress = regexp.MustCompile(`^[^\s@<>]+@[^\s@<>]+\.[^\s@<>]+$`)

// maxLearnt bounds one answer, in bytes.
const maxLearnt = 254

// learn keeps the answer to a question, if it is one.
func (r *Relay) learn(t *thread, q *queue, v texts.Voice, field, text string) {
	text = strings.TrimSpace(text)
	if text == "" || len(text) > maxLearnt || strings.ContainsFunc(text, lineBreak) || strings.EqualFold(text, v.Say("asking_skip")) || text == "-" {
		return
	}
	c := t.customer
	switch field {
	case "name":
		if name := r.nameFor(text); name != "" && !c.Named {
			c.Name = name
			r.saveCustomer(c)
		}
		return
	case "email":
		if mailAddress.MatchString(text) {
			c.Email = strings.Clone(text)
			r.saveCustomer(c)
		}
		return
	case "topic":
		if len(q.topics) > 0 {
			text = q.topicOf(text, v)
		}
	}
	if text != "" {
		given := map[string]string{field: strings.Clone(text)}
		for k, x := range t.Given {
			if k != field {
				given[k] = x
			}
		}
		t.Given = given
	}
}

// topicOf finds the topic that a number, a name or a label means; "" for none.
func (q *queue) topicOf(text string, v texts.Voice) string {
	if n, err := strconv.Atoi(strings.TrimRight(text, ". ")); err == nil && n >= 1 && n <= len(q.topics) {
		return q.topics[n-1]
	}
	for _, topic := range q.topics {
		if strings.EqualFold(text, topic) || strings.EqualFold(text, v.Or("topic_"+topic, topic)) {
			return topic
		}
	}
	return ""
}

// learnt is what a customer answered, a line each, for agents.
func (r *Relay) learnt(t *thread) string {
	text := ""
	if t.customer.Email != "" {
		text = "\nEmail: " + t.customer.Email
	}
	if t.customer.User != "" {
		text += "\nSigned in as: " + cleanName(t.customer.User)
	}
	for _, f := range sortedKeys(t.Given) {
		text += "\n" + capital(f) + ": " + t.Given[f]
	}
	return text
}

// filled turns a form that came back from a customer into what would be written instead of it.
func (r *Relay) filled(q *queue, c *customer, m *intake) {
	if len(m.form) == 0 {
		return
	}
	if n := m.form["rating"]; n != "" {
		m.Body = strings.TrimSuffix(n+", "+m.form["words"], ", ")
		return
	}
	var lines []string
	v := q.texts.In(m.Lang)
	if c != nil && m.Lang == "" {
		v = q.texts.In(c.Lang)
	}
	for _, name := range sortedKeys(m.form) {
		lines = append(lines, v.Or("ask_"+name, name+":")+" "+m.form[name])
	}
	m.Body = strings.Join(lines, "\n")
}
