package relay

import (
	"strconv"
	"strings"
	"unicode"

	"frontdesk/config"
	"frontdesk/dispatch"
)

// cutWord cuts the first word off a text.
func cutWord(s string) (word, rest string) {
	s = strings.TrimLeftFunc(s, unicode.IsSpace)
	i := strings.IndexFunc(s, unicode.IsSpace)
	if i < 0 {
		return s, ""
	}
	return s[:i], strings.TrimLeftFunc(s[i:], unicode.IsSpace)
}

// parse reads a command's arguments out of what follows its name.
func (r *Relay) parse(c *call, rest string) error {
	c.args, c.count = map[string]string{}, -1
	for i := range c.order.params {
		p := &c.order.params[i]
		var given string
		switch p.kind {
		case aThread:
			given, rest = cutThread(c, i, rest)
		case anAgent, aColleague, aQueue:
			name, after := r.cutName(p.kind, rest)
			if p.optional && i < len(c.order.params)-1 && !r.lookFor(&call{}, p.kind, name) {
				break // the next one takes it
			}
			given, rest = name, after
		case aText, aLine:
			given, rest = strings.TrimSpace(rest), ""
		case aNumber, aChoice:
			word, after := cutWord(rest)
			if p.optional && !fits(p, word) && i < len(c.order.params)-1 {
				break // the next one takes it
			}
			given, rest = word, after
		default:
			given, rest = cutWord(rest)
		}
		if err := r.understand(c, p, given); err != nil {
			return err
		}
	}
	if rest = strings.TrimSpace(rest); rest != "" {
		return misused("%q is too much.", shorten(rest, 40))
	}
	return nil
}

// fits reports whether a word can be a number or choice.
func fits(p *param, word string) bool {
	if p.kind == aNumber {
		_, err := strconv.Atoi(word)
		return err == nil
	}
	for _, o := range p.options {
		if strings.EqualFold(o, word) {
			return true
		}
	}
	return false
}

// cutThread cuts a thread's number off. Where a contact's chat says already which thread is meant, a number without
// its # is one only if nothing else can be.
func cutThread(c *call, at int, rest string) (given, after string) {
	word, after := cutWord(rest)
	digits := strings.TrimPrefix(word, "#")
	if _, err := strconv.ParseUint(digits, 10, 64); err != nil {
		if c.thread == nil && word != "" && c.order.params[at].kind == aThread && len(c.order.params) == at+1 {
			return word, after // to be refused by name
		}
		return "", rest
	}
	if c.thread != nil && digits == word {
		for _, p := range c.order.params[at+1:] {
			if p.kind == aText || p.kind == aLine || p.kind == aNumber || p.kind == aWord || p.kind == aTag {
				return "", rest
			}
		}
	}
	return word, after
}

// cutName cuts the name of an agent or a queue off, which may be of several words: the longest that is known, else a word.
func (r *Relay) cutName(kind paramKind, rest string) (given, after string) {
	best := 0
	try := func(name string) {
		if n := len(name); n > best && len(rest) >= n && strings.EqualFold(rest[:n], name) && (len(rest) == n || strings.ContainsRune(" \t\r\n,:", rune(rest[n]))) {
			best = n
		}
	}
	if kind != aQueue {
		for _, p := range r.cfg.Agents {
			try(p.Name)
			try("@" + p.Name)
		}
	}
	if kind != anAgent {
		for _, q := range r.order {
			try(q.title)
		}
	}
	if best == 0 {
		word, after := cutWord(rest)
		return strings.TrimRight(word, ",:"), after
	}
	return rest[:best], strings.TrimLeft(rest[best:], " \t\r\n,:")
}

// understand takes one argument, "" for one that was left out.
func (r *Relay) understand(c *call, p *param, given string) error {
	if given == "" && p.kind != aThread {
		if !p.optional {
			return misused("%s is missing.", p.name)
		}
		return nil
	}
	if given != "" {
		c.args[p.name] = given
	}
	switch p.kind {
	case aThread:
		return r.understandThread(c, p, given)
	case anAgent, aQueue, aColleague:
		return r.understandName(c, p, given)
	case aNumber:
		n, err := strconv.Atoi(given)
		if err != nil || n < p.least || n > p.most {
			return misused("%s is a number from %d to %d, not %q.", p.name, p.least, p.most, shorten(given, 20))
		}
		c.count = n
	case aChoice:
		if !fits(p, given) {
			return misused("%q is none of %s.", shorten(given, 20), strings.Join(p.options, ", "))
		}
		c.args[p.name] = strings.ToLower(given)
	case aKey:
		c.args[p.name] = strings.ToLower(given)
	case anAccount:
		jid, err := config.Account(given)
		if err != nil {
			return misused("%v.", err)
		}
		c.args[p.name] = jid
	}
	return nil
}

// understandThread finds the thread that is meant: the number given, else the contact's. For who may not see it, it does
// not exist.
func (r *Relay) understandThread(c *call, p *param, given string) error {
	c.about = c.thread
	if given != "" {
		n, err := strconv.ParseUint(strings.TrimPrefix(given, "#"), 10, 64)
		if err != nil {
			return misused("%q is no number.", shorten(given, 20))
		}
		if c.about = r.thread(n); c.about == nil || !r.maySee(c.agent, c.about) {
			return refuse("there is no thread #%d.", n)
		}
	}
	if c.about == nil && !p.optional {
		return misused("which one? Add its number; !queue shows who waits and what is yours.")
	}
	return nil
}

func (r *Relay) understandName(c *call, p *param, given string) error {
	name := strings.TrimPrefix(given, "@")
	if r.lookFor(c, p.kind, name) {
		return nil
	}
	what := map[paramKind]string{anAgent: "agent", aQueue: "queue", aColleague: "agent or queue"}[p.kind]
	hint := ""
	if like := config.Like(strings.ToLower(name), r.known(p.kind)); like != "" {
		hint = " Did you mean " + like + "?"
	}
	return misused("there is no %s called %q.%s", what, shorten(name, 40), hint)
}

// lookFor looks a name up; an agent comes before a queue of the same name.
func (r *Relay) lookFor(c *call, kind paramKind, name string) bool {
	name = strings.TrimPrefix(name, "@")
	if kind != aQueue && name != "" {
		for i := range r.cfg.Agents {
			if a := &r.cfg.Agents[i]; config.SameName(a.Name, name) || strings.EqualFold(a.JID, name) {
				c.mate = a.JID
				return true
			}
		}
	}
	if kind != anAgent {
		for _, q := range r.order {
			if strings.EqualFold(q.name, name) || strings.EqualFold(q.title, name) {
				c.line = q
				return true
			}
		}
	}
	return false
}

// known are the names that an argument can be.
func (r *Relay) known(kind paramKind) []string {
	var all []string
	if kind != aQueue {
		for _, a := range r.cfg.Agents {
			all = append(all, strings.ToLower(a.Name))
		}
	}
	if kind != anAgent {
		for _, q := range r.order {
			all = append(all, q.name)
		}
	}
	return all
}

// why says an error of dispatch in the words of the desk, as the end of "Nothing was done: ".
func (r *Relay) why(err error, c *call) error {
	if err == nil {
		return nil
	}
	if err == dispatch.ErrNotAgent && c.mate != "" && c.mate != c.agent {
		return refuse("%s is no agent of that queue.", r.nameOf(c.mate))
	}
	return refuse("%s", r.explain(err, c.about))
}
