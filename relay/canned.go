package relay

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"frontdesk/dispatch"
	"frontdesk/store"
)

// Canned replies: an agent's own, and those of a queue, which all of its agents have. His own come first.

const (
	maxReplies = 200     // of one agent or queue
	maxKey     = 32      // bytes of a key
	maxReply   = 8 << 10 // bytes of a reply
)

// reply is a row of tableCanned. The JSON names are in files for ever.
type reply struct {
	Text string    `json:"text"`
	By   string    `json:"by"`
	At   time.Time `json:"at"`
}

// cannedChange is the content of a record of kind kindCanned.
type cannedChange struct {
	Owner string `json:"owner"`
	Key   string `json:"key"`
	Text  string `json:"text,omitempty"`
}

// replies are those of one owner, by key.
type replies map[string]reply

// ofQueue is the owner of a queue's replies; an agent's are under his account.
func ofQueue(name string) string { return "queue " + name }

func (r *Relay) restoreCanned() error {
	r.canned = map[string]replies{}
	return r.store.Rows(tableCanned, func(k string, value []byte) error {
		owner, key, _ := strings.Cut(k, "\x00")
		var w reply
		if err := json.Unmarshal(value, &w); err != nil {
			return fmt.Errorf("row %s/%s: %w", tableCanned, k, err)
		}
		r.cannedOf(owner)[key] = w
		return nil
	})
}

func (r *Relay) cannedOf(owner string) replies {
	if r.canned[owner] == nil {
		r.canned[owner] = replies{}
	}
	return r.canned[owner]
}

// keepReply puts an owner's reply in its place, or with an empty text takes it away.
func (r *Relay) keepReply(c *call, owner, key, text string) {
	w := reply{Text: text, By: c.agent, At: r.now}
	if text == "" {
		delete(r.canned[owner], key)
		r.put(tableCanned, owner+"\x00"+key, nil)
	} else {
		r.cannedOf(owner)[key] = w
		r.put(tableCanned, owner+"\x00"+key, w)
	}
	r.note(store.Agents, "", &entry{kind: kindCanned, own: own{By: c.agent, Off: text == ""}, words: &words{Body: string(mustJSON(cannedChange{owner, key, text}))}})
}

// cannedAdd, cannedEdit and cannedRemove change what is somebody's own.
func (r *Relay) cannedAdd(c *call) (string, error) {
	key := strings.ToLower(c.text("key"))
	if _, is := r.canned[c.agent][key]; is {
		return "", refuse("you have a reply %s already: !canned edit changes it.", key)
	}
	return r.putReply(c, c.agent, key, c.text("text"), "You have")
}

func (r *Relay) cannedEdit(c *call) (string, error) {
	key := c.text("key")
	if _, is := r.canned[c.agent][key]; !is {
		return "", refuse("you have no reply %s of your own: !canned add makes one.", key)
	}
	return r.putReply(c, c.agent, key, c.text("text"), "You have")
}

func (r *Relay) cannedRemove(c *call) (string, error) {
	key := c.text("key")
	if _, is := r.canned[c.agent][key]; !is {
		return "", refuse("you have no reply %s of your own.", key)
	}
	r.keepReply(c, c.agent, key, "")
	return "Your reply " + key + " is gone.", nil
}

// cannedShare gives a copy of somebody's own reply to a queue; cannedUnshare takes one away.
func (r *Relay) cannedShare(c *call) (string, error) {
	key := c.text("key")
	own, is := r.canned[c.agent][key]
	if !is {
		return "", refuse("you have no reply %s of your own: !canned add makes one.", key)
	}
	return r.putReply(c, ofQueue(c.line.name), key, own.Text, "The agents of "+c.line.title+" have")
}

func (r *Relay) cannedUnshare(c *call) (string, error) {
	key, owner := c.text("key"), ofQueue(c.line.name)
	if _, is := r.canned[owner][key]; !is {
		return "", refuse("%s has no reply %s.", c.line.title, key)
	}
	r.keepReply(c, owner, key, "")
	return fmt.Sprintf("The reply %s of %s is gone.", key, c.line.title), nil
}

// putReply checks a reply and keeps it.
func (r *Relay) putReply(c *call, owner, key, text, whose string) (string, error) {
	_, is := r.canned[owner][key]
	switch {
	case len(key) > maxKey || strings.ContainsFunc(key, invisible):
		return "", misused("a key is one word of at most %d bytes.", maxKey)
	case len(text) > maxReply:
		return "", refuse("a reply has at most %d bytes.", maxReply)
	case !innocent(text):
		return "", refuse("no line of a reply can start with \"!\".")
	case !is && len(r.canned[owner]) >= maxReplies:
		return "", refuse("there are %d replies, which is all there can be.", maxReplies)
	}
	for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
		if n, err := strconv.Atoi(m[1]); err == nil && n > 0 || slices.Contains(placeholders, m[1]) {
			continue
		}
		return "", refuse("there is no placeholder %s. There are {%s} and, for single words, {1}, {2} and so on.", m[0], strings.Join(placeholders, "}, {"))
	}
	r.keepReply(c, owner, key, text)
	return fmt.Sprintf("%s the reply %s now: !c %s sends it.", whose, key, key), nil
}

var (
	placeholder  = regexp.MustCompile(`\{(\w+)\}`)
	placeholders = []string{"name", "agent", "queue", "words"}
)

// cannedList lists what somebody may send.
func (r *Relay) cannedList(c *call) (string, error) {
	var b strings.Builder
	list := func(title, owner string) {
		if len(r.canned[owner]) == 0 {
			return
		}
		b.WriteString("\n" + title + ":")
		for _, k := range sortedKeys(r.canned[owner]) {
			w := r.canned[owner][k]
			fmt.Fprintf(&b, "\n%s: %s", k, oneLine(w.Text, 200))
			if w.By != c.agent {
				fmt.Fprintf(&b, " (%s, %s)", r.nameOf(w.By), w.At.Format("02 Jan 2006"))
			}
		}
	}
	list("Yours", c.agent)
	for _, q := range r.order {
		if r.supervises(c.agent) || r.serves(c.agent, q.name) {
			list(q.title, ofQueue(q.name))
		}
	}
	if b.Len() == 0 {
		return "There are no replies: !canned add makes one.", nil
	}
	return b.String()[1:], nil
}

// keys are those of all replies that somebody may send in a thread, or anywhere.
func (r *Relay) keys(agent string, t *thread) []string {
	all := sortedKeys(r.canned[agent])
	for _, q := range r.order {
		if t != nil && t.Queue == q.name || t == nil && r.serves(agent, q.name) {
			all = append(all, sortedKeys(r.canned[ofQueue(q.name)])...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// sendReply sends a canned reply to the customer, and shows the agent what was sent.
func (r *Relay) sendReply(c *call) (string, error) {
	t, key := c.about, c.text("key")
	w, is := r.canned[c.agent][key]
	if !is {
		w, is = r.canned[ofQueue(t.Queue)][key]
	}
	if !is {
		return "", refuse("there is no reply %s. !canned lists them.", shorten(key, 40))
	}
	text, err := r.expand(c, w.Text)
	if err != nil {
		return "", err
	}
	switch {
	case !innocent(text):
		return "", refuse("a line of it would start with \"!\".")
	case t.customer.retired():
		return "", refuse(textRetired)
	}
	in := dispatch.AgentSaid{Thread: t.N, Agent: c.agent, Saved: t.Saved}
	if err := r.decide(in, &utterance{thread: t, customer: t.customer, words: &words{Body: text}}); err != nil {
		return "", r.why(err, c)
	}
	return "Sent: " + text, nil
}

// expand fills the placeholders of a reply, up to maxReply bytes. What is not known is named; so are words that it has no
// place for.
func (r *Relay) expand(c *call, text string) (string, error) {
	said := strings.Fields(c.text("words"))
	used := map[string]bool{}
	var missing []string
	size := 0 // of what was filled in: a short reply can ask for long words a thousand times
	out := placeholder.ReplaceAllStringFunc(text, func(p string) string {
		value, name := "", p[1:len(p)-1]
		used[name] = true
		switch n, err := strconv.Atoi(name); {
		case err == nil && n > 0:
			used["words"] = true
			if n <= len(said) {
				value = said[n-1]
			}
		case name == "name":
			value = c.about.customer.Name
		case name == "agent":
			value = r.nameOf(c.agent)
		case name == "queue":
			if q := r.queues[c.about.Queue]; q != nil { // else the configuration has it no more
				value = q.title
			}
		case name == "words":
			value = c.text("words")
		}
		if value == "" && !slices.Contains(missing, p) {
			missing = append(missing, p)
		}
		if size += len(value); size > maxReply {
			return ""
		}
		return value
	})
	switch {
	case len(missing) == 1 && missing[0] == "{name}":
		return "", refuse("the customer's {name} is not known: !name says it.")
	case len(missing) > 0:
		return "", misused("the reply has %s, which is missing.", strings.Join(missing, " and "))
	case len(said) > 0 && !used["words"]:
		return "", misused("the reply %s takes no words.", c.text("key"))
	case size > maxReply || len(out) > maxReply:
		return "", refuse("it would have more than %d bytes.", maxReply)
	}
	return out, nil
}
