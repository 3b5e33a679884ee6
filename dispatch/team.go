package dispatch

import "slices"

// The team of a conversation: who may write to the contact beside its owner. It stays until the close, whoever the owner is.

func (d *Desk) join(in Join) error {
	by, err := d.speaker(in.By)
	if err != nil {
		return err
	}
	t, err := d.open(in.Thread)
	if err != nil {
		return err
	}
	a := d.agents[in.Agent]
	switch {
	case t.Owner == "":
		return ErrWaiting
	case a == nil || !a.known:
		return ErrNotAgent
	case a.id == t.Self:
		return ErrSelf
	case a.id == t.Owner:
		return ErrOwner
	case slices.Contains(t.team, a.id):
		return ErrJoined
	case len(t.team) >= MaxTeam:
		return ErrTeam
	case in.Force:
	case by == a && !a.of(t.queue) && !a.of(d.queues[t.Queue]):
		return ErrNotAgent
	case by != a && by.id != t.Owner:
		return ErrNotYours
	}
	if by != a && a.gone() {
		return ErrGone
	}
	d.emit(Fact{Kind: Joined, Thread: t.N, Conversation: t.Conversation, Agent: a.id, By: by.id})
	return nil
}

func (d *Desk) leaveTeam(in Leave) error {
	if _, err := d.speaker(in.Agent); err != nil {
		return err
	}
	t, err := d.open(in.Thread)
	if err != nil {
		return err
	}
	if !slices.Contains(t.team, in.Agent) {
		return ErrNotJoined
	}
	d.part(t, in.Agent, Left)
	return nil
}

func (d *Desk) part(t *thread, id string, why Reason) {
	d.emit(Fact{Kind: Parted, Thread: t.N, Conversation: t.Conversation, Agent: id, Reason: why})
}

func (d *Desk) applyTeam(t *thread, f *Fact) error {
	switch in := slices.Contains(t.team, f.Agent); {
	case f.Agent == "":
		return errNobody
	case in != (f.Kind == Parted), !in && (len(t.team) >= MaxTeam || f.Agent == t.Owner || f.Agent == t.Self):
		return errTeam
	case in:
		t.team = slices.DeleteFunc(slices.Clone(t.team), func(id string) bool { return id == f.Agent })
	default:
		t.team = append(slices.Clone(t.team), d.agent(f.Agent).id)
	}
	return nil
}

// Team returns who has joined a conversation, in that order.
func (d *Desk) Team(n uint64) []string {
	if t := d.threads[n]; t != nil {
		return t.team
	}
	return nil
}

// assign is a supervisor's choice of who serves a customer.
func (d *Desk) assign(in Assign) error {
	if _, err := d.speaker(in.By); err != nil {
		return err
	}
	t, err := d.open(in.Thread)
	if err != nil {
		return err
	}
	a := d.agents[in.Agent]
	switch {
	case a == nil || !a.known:
		return ErrNotAgent
	case a.id == t.Owner:
		return ErrOwner
	case a.gone():
		return ErrGone
	}
	if err := d.mayClaim(a, &t.Thread); err != nil {
		return err
	}
	if t.Owner != "" {
		d.release(t, Taken)
	}
	d.give(a, t, Given, in.By)
	return nil
}
