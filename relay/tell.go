package relay

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"

	"frontdesk/component/stanza"
	"frontdesk/dispatch"
	"frontdesk/store"
)

// What the desk tells agents without being asked, each where their clients notify for it. Whoever finds one of these a
// nuisance switches it off with !quiet. The names are in files for ever.
const (
	quietNew     = "new"     // who a new customer is and how long he waited
	quietWaiting = "waiting" // who waits too long (lobby)
	quietLeft    = "left"    // a customer left the page
	quietAsked   = "asked"   // colleagues' questions that go to a whole queue
)

var quietKinds = []string{quietNew, quietWaiting, quietLeft, quietAsked}

func (r *Relay) quiet(agent, kind string) bool { return slices.Contains(r.agentRow(agent).Quiet, kind) }

// tellAgent sends a text of the desk's own into a contact's chat, as a record.
func (r *Relay) tellAgent(t *thread, agent, text string) {
	if agent != "" {
		r.note(store.Agents, t.archive, &entry{kind: kindTold, own: own{Thread: t.N, To: agent}, words: &words{Body: text}})
	}
}

// chat sends a text from the desk's own contact; it is not kept.
func (r *Relay) chat(agent, text string) {
	m := stanza.New("", "message", "type", "chat", "id", rand.Text()).Add(stanza.Text("", "body", text))
	r.send(r.back, address(m, r.deskJID().WithResource(resource), stanza.JID(agent)))
}

// lobbySays is heard by all who are in the lobby, and kept.
func (r *Relay) lobbySays(text string) {
	r.rooming(r.rooms.Say(r.now, lobby, text, r.ids.of(r.next)))
}

// tellTeam tells everybody who has a part in a conversation, but one.
func (r *Relay) tellTeam(t *thread, but, text string) {
	d, open := r.desk.Thread(t.N)
	if !open {
		return
	}
	for _, a := range append([]string{d.Owner}, r.desk.Team(t.N)...) {
		if a != but {
			r.tellAgent(t, a, text)
		}
	}
}

// lingered tells the lobby of a customer who waits too long, and calls those by name who could do something about it.
func (r *Relay) lingered(f *dispatch.Fact, t *thread) {
	if r.desk.Mood(f.Queue) == dispatch.Shut {
		return // which everybody knows
	}
	var names []string
	for _, a := range r.desk.Agents() {
		able := !a.Bot && (r.serves(a.ID, f.Queue) || r.supervises(a.ID))
		if able && a.Avail != dispatch.Offline && !r.quiet(a.ID, quietWaiting) && len(names) < maxConsulted {
			names = append(names, r.nameOf(a.ID))
		}
	}
	text := fmt.Sprintf("%s has waited %s. !take %d makes the conversation yours.", t.label(), howLong(f.At.Sub(f.Since)), t.N)
	if len(names) > 0 {
		text = strings.Join(names, ", ") + ": " + text
	}
	r.lobbySays(text)
}

// turned tells the lobby that a queue closed or opened by its hours.
func (r *Relay) turned(f *dispatch.Fact) {
	q := r.queues[f.Queue]
	if q == nil {
		return
	}
	text := fmt.Sprintf("The queue %s is open.", q.title)
	if n := r.desk.Waiting(q.name); f.Shut {
		text = fmt.Sprintf("The queue %s is closed by its hours%s.", q.title, r.until(q))
	} else if n > 0 {
		text += fmt.Sprintf(" %d %s.", n, plural(n, "waits", "wait"))
	}
	r.lobbySays(text)
}

// until is " until …" for a queue that its hours open again, else "".
func (r *Relay) until(q *queue) string {
	if at := r.opening(q); at != "" {
		return " until " + strings.TrimPrefix(at, "at ")
	}
	return ""
}

// refused tells an agent why a conversation is not offered to him any more.
func (r *Relay) refused(f *dispatch.Fact, t *thread, later []dispatch.Fact) {
	text, ok := textRefused[f.Reason]
	if f.Reason == dispatch.Withdrawn {
		for i := range later {
			if g := &later[i]; g.Thread == f.Thread && g.Kind == dispatch.Assigned {
				text = r.nameOf(g.Agent) + " has this conversation now."
				break
			}
		}
	}
	if ok {
		r.tellAgent(t, f.Agent, text)
	}
}

// vanished tells who has a conversation that its customer left, once until he is back. That something could not be
// delivered he is told where it bounced.
func (r *Relay) vanished(t *thread) {
	d, _ := r.desk.Thread(t.N)
	if t.Lost != 0 || d.Owner == "" || r.quiet(d.Owner, quietLeft) {
		return
	}
	text := t.called() + " has left the page. What you write is kept, and shown when the page is open again."
	if q := r.queues[d.Served()]; q != nil && q.gone > 0 {
		text += " Once everything is answered, the conversation is closed after " + howLong(q.gone) + "."
	}
	r.tellAgent(t, d.Owner, text)
}

// followed is what agents are told of a fact that gives no conversation to anybody; later are those of the same step that
// follow.
func (r *Relay) followed(f *dispatch.Fact, t *thread, later []dispatch.Fact) {
	switch f.Kind {
	case dispatch.Idled:
		v := r.voice(t)
		r.tellCustomer(t, v, v.Say("idle", "time", v.Left(f.Until.Sub(f.At))))
		if !r.quiet(f.Agent, quietLeft) {
			r.tellAgent(t, f.Agent, "Nothing more was said: this conversation is closed in "+howLong(f.Until.Sub(f.At))+", unless somebody writes.")
		}
	case dispatch.Briefed:
		if t.Asking != nil && t.Asking.Held {
			t.Asking = &asking{Fields: t.Asking.Fields}
			r.saveThread(t)
		}
		r.fresh = append(r.fresh, fresh{thread: t.N})
	case dispatch.Vanished:
		r.vanished(t)
	case dispatch.Appeared:
		if d, _ := r.desk.Thread(t.N); d.Owner != "" && !r.quiet(d.Owner, quietLeft) {
			r.tellAgent(t, d.Owner, t.called()+" is here again.")
		}
	case dispatch.Refused:
		r.refusedBy = f.Agent
		r.refused(f, t, later)
	case dispatch.Stayed:
		r.stayed(f, t)
	case dispatch.Joined:
		by := ""
		if f.By != f.Agent {
			by = " (" + r.nameOf(f.By) + " wanted it)"
		}
		r.tellTeam(t, f.Agent, r.nameOf(f.Agent)+" has joined"+by+" and may write to the customer, too.")
	case dispatch.Parted:
		switch f.Reason {
		case dispatch.Bounced:
			r.tellTeam(t, f.Agent, r.nameOf(f.Agent)+" could not be reached, and has left this conversation.")
		case dispatch.Left, dispatch.Removed:
			r.tellTeam(t, f.Agent, r.nameOf(f.Agent)+" has left this conversation.")
		}
	case dispatch.Lingered:
		r.lingered(f, t)
	}
}

// stayed tells the owner how a transfer of his ended that nobody accepted.
func (r *Relay) stayed(f *dispatch.Fact, t *thread) {
	switch f.Reason {
	case dispatch.Passed:
		r.tellAgent(t, f.Agent, r.nameOf(r.refusedBy)+" declined: the conversation stays with you.")
	case dispatch.Missed:
		r.tellAgent(t, f.Agent, "Nobody took over in time: the conversation stays with you.")
	case dispatch.Bounced:
		r.tellAgent(t, f.Agent, r.nameOf(r.refusedBy)+" could not be reached: the conversation stays with you.")
	case dispatch.Removed:
		r.tellAgent(t, f.Agent, "The staff changed: the conversation stays with you.")
	}
}

// textRefused says to an agent who was asked why he is not any more.
var textRefused = map[dispatch.Reason]string{
	dispatch.Missed:    "No answer in time: this conversation is not offered to you any more.",
	dispatch.Withdrawn: "This conversation is not offered to you any more.",
	dispatch.Removed:   "This conversation is not offered to you any more.",
}

// textClosed says to an agent why the desk itself closed his conversation.
var textClosed = map[dispatch.Reason]string{
	dispatch.Silent:   "Nothing more was said: this conversation is closed. The next message opens it again.",
	dispatch.Departed: "The customer stayed away: this conversation is closed. His next message opens it again.",
}
