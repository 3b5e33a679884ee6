package relay

import (
	"slices"
	"time"

	"frontdesk/component/stanza"
	"frontdesk/muc"
)

// A server that dies takes with it what it had read and not delivered, though it said that it had read it. An agent none of whose
// clients lived through the loss of the desk's link is therefore given again what customers said to him shortly before, under the same ids.

// doubtFor is how long before the loss something must have gone out to be taken for delivered.
const doubtFor = 30 * time.Second

// suspect notes, when the link is lost or the process has begun, which clients agents have.
func (r *Relay) suspect() {
	r.before, r.doubtFrom = map[string][]stanza.JID{}, r.now.Add(-doubtFor)
	for _, p := range r.cfg.Agents {
		for _, s := range r.rooms.Sessions(lobby, stanza.JID(p.JID)) {
			r.before[p.JID] = append(r.before[p.JID], s.JID)
		}
	}
}

// reborn: a client entered that was there, by its name. It is another one.
func (r *Relay) reborn(agent string, client stanza.JID) {
	if was, ok := r.before[agent]; ok {
		r.before[agent] = slices.DeleteFunc(was, func(j stanza.JID) bool { return j == client })
	}
}

// settleDoubt looks, once the sessions are verified, whether one of an agent's clients has lived on. If none has, what he may not have got is
// kept for him until he is there, or whoever is given the conversation then.
func (r *Relay) settleDoubt(agent string) {
	was, ok := r.before[agent]
	if !ok || r.paused || r.now.After(r.doubtTill) {
		return
	}
	there := r.rooms.Sessions(lobby, stanza.JID(agent))
	if slices.ContainsFunc(there, func(s muc.Session) bool { return s.Confirmed && slices.Contains(was, s.JID) }) {
		return
	}
	delete(r.before, agent)
	for _, d := range r.desk.Of(agent) {
		t := r.thread(d.N)
		if t == nil {
			continue
		}
		r.fill(t)
		first := uint64(0)
		for side := range t.recent {
			l := &t.recent[side]
			for i := range l.ring {
				s := l.at(i)
				if s.at < r.doubtFrom.UnixNano() {
					break
				}
				if s.by != agent && (first == 0 || s.seq < first) {
					first = s.seq
				}
			}
		}
		if first != 0 && (t.Missed == 0 || t.MissedBy != agent || first < t.Missed) {
			t.Missed, t.MissedBy, t.MissedTill = first, agent, 0
			r.saveThread(t)
		}
	}
	if slices.ContainsFunc(there, func(s muc.Session) bool { return s.Confirmed }) {
		r.returned(agent)
	}
}
