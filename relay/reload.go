package relay

import (
	"fmt"
	"slices"
	"strings"

	"frontdesk/component/stanza"
	"frontdesk/config"
)

// Reload has the configuration read again (Options.Load) and put in force while the desk runs: what only a restart can change
// stays as it is, and a file with a fault changes nothing; the log says what came of it. It does not wait. Safe for
// concurrent use.
func (r *Relay) Reload() { r.inbox.put(event{then: func() { r.readFile("") }}) }

// reload is an admin's Reload, answered when it is done.
func (r *Relay) reload(c *call) (string, error) {
	if r.load == nil {
		return "", refuse("I was not told where the configuration is.")
	}
	r.readFile(c.agent)
	return "I read the configuration, and tell you what came of it.", nil
}

// readFile reads the file beside the loop: the disk may be slow. What waits for it meanwhile is one more reading, as the
// file may have changed again.
func (r *Relay) readFile(by string) {
	switch {
	case r.load == nil:
	case r.reading && slices.Contains(r.readers, by):
	case r.reading:
		r.readers = append(r.readers, by)
	default:
		r.reading = true
		r.beside.Go(func() {
			cfg, err := r.load()
			r.inbox.put(event{then: func() { r.readAgain(by, cfg, err) }})
		})
	}
}

// readAgain puts what was read in force, all of it or nothing. by is who wanted it: an admin, or "" for a signal.
func (r *Relay) readAgain(by string, cfg *config.Config, err error) {
	r.reading = false
	text := ""
	if err == nil {
		text, err = r.renew(cfg)
	}
	if err != nil {
		r.log.Error("the configuration has a fault: nothing was changed", "by", by, "err", err)
		text = "Nothing was changed: the configuration has a fault.\n" + err.Error()
	}
	if by != "" && r.staff[by] != nil {
		r.chat(by, text)
	}
	if len(r.readers) > 0 {
		by := r.readers[0]
		r.readers = slices.Delete(r.readers, 0, 1)
		r.readFile(by)
	}
}

// renew takes over a configuration, and says what that changed.
func (r *Relay) renew(next *config.Config) (string, error) {
	file, changed, later := r.file.Renew(next)
	old := r.file
	inForce, err := r.inForce(func() { r.file = file })
	if err != nil { // what admins said while the desk ran does not go with it
		r.file = old
		return "", err
	}
	var b strings.Builder
	if len(changed) > 0 {
		was := r.order
		r.restaff(inForce)
		r.log.Info("the configuration was read again", "changed", changed)
		b.WriteString("The configuration was read again. Changed: " + strings.Join(changed, "; ") + ".")
		r.reopen(&b, was)
	} else {
		b.WriteString("The configuration was read again: nothing changed.")
	}
	if len(later) > 0 {
		r.log.Warn("the configuration has changes that need a restart", "keys", later)
		b.WriteString("\nOnly a restart changes: " + strings.Join(later, ", ") + ".")
	}
	return b.String(), nil
}

// reopen tells the watchers of queues that are gone, and of those that are new or back.
func (r *Relay) reopen(b *strings.Builder, was []*queue) {
	for _, q := range was {
		if r.queues[q.name] != nil {
			continue
		}
		if to := sortedKeys(q.watchers); len(to) > 0 {
			p := stanza.New("", "presence", "type", "unavailable", "from", string(r.queueJID(q.name))+"/"+resource)
			r.items = append(r.items, item{side: r.front, el: p, to: to})
		}
		if n := r.desk.Waiting(q.name); n > 0 {
			fmt.Fprintf(b, "\n%d %s in the queue %s, which nobody serves until it is back; a supervisor's !close ends %s.",
				n, plural(n, "conversation is open", "conversations are open"), q.title, plural(n, "it", "them"))
		}
	}
	for _, q := range r.order {
		if !slices.Contains(was, q) {
			r.broadcast(q, r.moodOf(q))
		}
	}
}
