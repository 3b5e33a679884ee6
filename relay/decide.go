package relay

import (
	"strconv"

	"frontdesk/component/stanza"
	"frontdesk/dispatch"
	"frontdesk/store"
)

// utterance is what was said with an input of dispatch, for the record of it.
type utterance struct {
	thread   *thread // nil: dispatch is about to number a new one
	customer *customer
	words    *words
}

// decide hands an input to dispatch and turns the facts into records. The error is dispatch's
// answer to the asker.
func (r *Relay) decide(in dispatch.Input, u *utterance) error {
	facts, err := r.desk.Step(r.now, r.chance, in)
	for i := range facts {
		r.fact(&facts[i], u, facts[i+1:])
	}
	return err
}

// fact adds one fact's record, and what relay does about it. later are those of the same step that follow.
func (r *Relay) fact(f *dispatch.Fact, u *utterance, later []dispatch.Fact) {
	e := &entry{kind: uint16(f.Kind), fact: *f}
	if f.Kind == dispatch.Said {
		t := u.thread
		if t == nil {
			t = r.threads[f.Thread]
		}
		e.words = u.words
		r.noteWords(t, f.By, e)
		r.counted(f, t)
		if f.By != "" {
			r.answered(t)
		}
		return
	}
	archive := ""
	if f.Thread != 0 {
		archive = strconv.FormatUint(f.Thread, 10)
	}
	switch f.Kind {
	case dispatch.Opened:
		r.opened(f, u, r.note(store.Customers, archive, e))
		return
	case dispatch.Assigned:
		r.giveMissed(f.Thread, f.Agent)
	case dispatch.Sought, dispatch.DutySet:
		if u != nil && u.words != nil && u.words.Body != "" {
			e.words = u.words // why
		}
	}
	t := r.thread(f.Thread)
	if f.Kind == dispatch.Assigned || f.Kind == dispatch.Joined {
		r.reshow(t) // before the words, so that a client knows the name when they come
	}
	r.note(store.Agents, archive, e)
	r.stale = true
	if f.Kind == dispatch.HoursSet {
		r.turned(f)
	}
	if t == nil {
		return
	}
	r.counted(f, t)
	switch f.Kind {
	case dispatch.Assigned:
		r.assigned(f, t)
	case dispatch.Released:
		r.released(f, t, e)
	case dispatch.Closed:
		r.closed(f, t, e)
	default:
		r.followed(f, t, later)
	}
	if f.Kind != dispatch.Closed && f.Kind != dispatch.Lingered {
		r.rehost(t)
		r.reshow(t)
	}
}

// assigned tells the former owner who took over, and the team.
func (r *Relay) assigned(f *dispatch.Fact, t *thread) {
	r.counts.assigned++
	if t.Asking != nil { // an agent asks now
		t.Asking = nil
		r.saveThread(t)
	}
	if f.Reason == dispatch.Transferred {
		r.tellAgent(t, f.From, r.nameOf(f.Agent)+" has taken over. !join "+strconv.FormatUint(t.N, 10)+" lets you write here, too.")
	}
	for _, a := range r.desk.Team(t.N) {
		r.tellAgent(t, a, r.nameOf(f.Agent)+" has this conversation now.")
	}
}

// opened gives a new thread its contact and notes where the conversation begins.
func (r *Relay) opened(f *dispatch.Fact, u *utterance, e *entry) {
	t := r.thread(f.Thread)
	if t == nil {
		t = r.newThread(f.Thread, f.Queue, u.customer)
	}
	t.Opened, t.Saved, t.told, t.stood, t.Consulted = e.seq, nil, nil, nil, nil
	t.Missed, t.MissedBy, t.MissedTill, t.After = 0, "", 0, nil
	t.Asking, t.Given = nil, nil
	t.Unmet = f.By == ""
	r.counted(f, t)
	r.saveThread(t)
	r.fresh = append(r.fresh, fresh{thread: t.N})
	r.stale = true
	r.rehost(t)
}

// released tells the former owner why.
func (r *Relay) released(f *dispatch.Fact, t *thread, e *entry) {
	if text, ok := textReleased[f.Reason]; ok {
		r.tellAgent(t, f.Agent, text)
	}
	if t.Missed != 0 && t.MissedBy == f.Agent {
		t.MissedTill = e.seq
		r.saveThread(t)
	}
	r.fresh = append(r.fresh, fresh{thread: t.N})
}

// returned gives an agent who is back within the grace period what could not be delivered meanwhile.
func (r *Relay) returned(agent string) {
	for _, d := range r.desk.Of(agent) {
		r.giveMissed(d.N, agent)
	}
}

// giveMissed sends an agent what he could not be given before, if he is the one who missed it.
func (r *Relay) giveMissed(n uint64, agent string) {
	t := r.thread(n)
	if t == nil || t.Missed == 0 || t.MissedBy != agent {
		return
	}
	r.noteAgain(t, own{To: agent, From: t.Missed, Till: t.MissedTill})
	t.Missed, t.MissedBy, t.MissedTill = 0, "", 0
	r.saveThread(t)
}

// closed keeps what dispatch forgets, and ends the case room for who is in it.
func (r *Relay) closed(f *dispatch.Fact, t *thread, e *entry) {
	t.Saved, t.Consulted = f.Saved, nil
	r.saveThread(t)
	if text, ok := textClosed[f.Reason]; ok {
		r.tellAgent(t, f.Saved.Last, text)
	}
	if t.hosted {
		t.hosted = false
		r.rooming(r.rooms.Dismiss(r.now, caseLocal(t.N), stanza.MakeJID(lobby, r.back.domain, ""), "The conversation is closed."))
	}
	r.reshow(t)
	r.farewell(f, t, e)
	r.expires(t.customer)
	r.keepFrom(t.Opened)
}
