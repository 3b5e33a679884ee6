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
	var names []string
	for _, a := range r.desk.Agents() {
		able := r.serves(a.ID, f.Queue) || r.supervises(a.ID)
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

// followed is what relay does about a fact of a transfer or a team.
func (r *Relay) followed(f *dispatch.Fact, t *thread) {
	switch f.Kind {
	case dispatch.Refused:
		r.refusedBy = f.Agent
		if text, ok := textRefused[f.Reason]; ok {
			r.tellAgent(t, f.Agent, text)
		}
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
