package dispatch

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// snapshotVersion is what Snapshot writes and Restore reads. Fields are added, never re-meant.
const snapshotVersion = 1

// snapshot is the state as the facts made it; times marked so are desk time, which is wall time less Stood.
type snapshot struct {
	Version  int             `json:"v"`
	Next     uint64          `json:"next"`
	Last     time.Time       `json:"last,omitzero"`
	Paused   bool            `json:"paused,omitempty"`
	PausedAt time.Time       `json:"paused_at,omitzero"`
	Stood    time.Duration   `json:"stood,omitempty"`
	Opened   uint64          `json:"opened,omitempty"`
	Assigned uint64          `json:"assigned,omitempty"`
	Released uint64          `json:"released,omitempty"`
	Closed   uint64          `json:"closed,omitempty"`
	Agents   []agentSnapshot `json:"agents"`            // by ID, those of whom a fact spoke
	Threads  []openSnapshot  `json:"threads"`           // by number
	Shut     []string        `json:"shut,omitempty"`    // queues, sorted
	Off      []string        `json:"off,omitempty"`     // queues closed by their hours, sorted
	Turn     []turnSnapshot  `json:"turn,omitempty"`    // who was given the last of a queue, by queue
	Seeking  []uint64        `json:"seeking,omitempty"` // threads whose transfer waits for somebody to be free, in order
}

type turnSnapshot struct {
	Queue string `json:"q"`
	Agent string `json:"a"`
}

type agentSnapshot struct {
	ID       string       `json:"id"`
	Sessions Availability `json:"sessions,omitempty"`
	Duty     Duty         `json:"duty,omitempty"`
	Missed   bool         `json:"missed,omitempty"`
	Since    time.Time    `json:"since,omitzero"`
	Grace    time.Time    `json:"grace,omitzero"` // desk time
	Back     time.Time    `json:"back,omitzero"`  // desk time
	Limit    int          `json:"limit,omitempty"`
	Rest     time.Time    `json:"rest,omitzero"` // desk time
	Given    time.Time    `json:"given,omitzero"`
}

type openSnapshot struct {
	Thread
	Until time.Time `json:"until,omitzero"` // desk time
	Cool  []cooling `json:"cool,omitempty"` // desk time

	Told   bool          `json:"told,omitempty"`
	Queued time.Time     `json:"queued,omitzero"` // desk time
	Held   time.Time     `json:"held,omitzero"`   // desk time
	Team   []string      `json:"team,omitempty"`
	Seek   *seekSnapshot `json:"seek,omitempty"`
	Asked  []askSnapshot `json:"asked,omitempty"`
	Botted bool          `json:"botted,omitempty"`
	Turns  int           `json:"turns,omitempty"`
	Quiet  time.Time     `json:"quiet,omitzero"` // desk time, as are the next
	Theirs bool          `json:"theirs,omitempty"`
	Idled  time.Time     `json:"idled,omitzero"`
	Left   time.Time     `json:"left,omitzero"`
}

type seekSnapshot struct {
	By    string    `json:"by"`
	To    string    `json:"to,omitempty"`
	Queue string    `json:"q"`
	Until time.Time `json:"until"` // desk time
}

type askSnapshot struct {
	Agent string    `json:"a"`
	Until time.Time `json:"until"` // desk time
}

// Snapshot returns the whole state for Restore; the same state gives the same bytes.
// It costs O(n log n) in the open threads.
func (d *Desk) Snapshot() ([]byte, error) {
	s := snapshot{
		Version: snapshotVersion, Next: d.next, Last: d.last,
		Paused: d.paused, PausedAt: d.pausedAt, Stood: d.stood,
		Opened: d.counts.Opened, Assigned: d.counts.Assigned, Released: d.counts.Released, Closed: d.counts.Closed,
		Agents:  []agentSnapshot{},
		Threads: make([]openSnapshot, 0, len(d.threads)),
	}
	for _, id := range slices.Sorted(maps.Keys(d.agents)) {
		a := d.agents[id]
		as := agentSnapshot{ID: id, Sessions: a.sessions, Duty: a.duty, Missed: a.missed, Since: a.since, Limit: a.limit, Given: a.given, Rest: a.tired}
		if a.grace.pos > 0 {
			as.Grace = a.grace.at
		}
		if a.back.pos > 0 {
			as.Back = a.back.at
		}
		if as != (agentSnapshot{ID: id}) {
			s.Agents = append(s.Agents, as)
		}
	}
	for _, n := range slices.Sorted(maps.Keys(d.threads)) {
		t := d.threads[n]
		ts := openSnapshot{Thread: t.Thread, Until: t.until, Cool: t.cool, Told: t.told, Queued: t.queued, Held: t.held, Team: t.team,
			Botted: t.botted, Turns: t.turns, Quiet: t.quiet, Theirs: t.theirs, Idled: t.idled, Left: t.parted}
		if k := t.seek; k != nil {
			ts.Seek = &seekSnapshot{k.by, k.to, k.queue, k.until}
		}
		for _, a := range t.asked {
			ts.Asked = append(ts.Asked, askSnapshot{a.agent, a.until})
		}
		s.Threads = append(s.Threads, ts)
	}
	for _, name := range slices.Sorted(maps.Keys(d.queues)) {
		q := d.queues[name]
		if q.shut {
			s.Shut = append(s.Shut, name)
		}
		if q.off {
			s.Off = append(s.Off, name)
		}
		if q.last != "" {
			s.Turn = append(s.Turn, turnSnapshot{name, q.last})
		}
	}
	for _, t := range d.seeking {
		s.Seeking = append(s.Seeking, t.N)
	}
	data, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("dispatch: snapshot: %w", err)
	}
	return data, nil
}

// Restore is New with a state that Snapshot returned. Data that can't be a state is an error.
func Restore(cfg Config, data []byte) (*Desk, error) {
	d := New(cfg)
	var s snapshot
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("dispatch: restore: %w", err)
	}
	if s.Version != snapshotVersion {
		return nil, fmt.Errorf("dispatch: restore: version %d, this program reads %d", s.Version, snapshotVersion)
	}
	d.next, d.last = s.Next, s.Last
	d.paused, d.pausedAt, d.stood = s.Paused, s.PausedAt, s.Stood
	d.counts = Counts{Opened: s.Opened, Assigned: s.Assigned, Released: s.Released, Closed: s.Closed}
	for i, as := range s.Agents {
		if i > 0 && s.Agents[i-1].ID >= as.ID {
			return nil, fmt.Errorf("dispatch: restore: agent %q: %w", as.ID, errOrder)
		}
		if err := d.restoreAgent(as); err != nil {
			return nil, fmt.Errorf("dispatch: restore: agent %q: %w", as.ID, err)
		}
	}
	for i, ts := range s.Threads {
		if i > 0 && s.Threads[i-1].N >= ts.N {
			return nil, fmt.Errorf("dispatch: restore: thread %d: %w", ts.N, errOrder)
		}
		if err := d.restoreThread(ts); err != nil {
			return nil, fmt.Errorf("dispatch: restore: thread %d: %w", ts.N, err)
		}
	}
	for _, name := range s.Shut {
		d.queue(name).shut = true
	}
	for _, name := range s.Off {
		d.queue(name).off = true
	}
	for _, x := range s.Turn {
		d.queue(x.Queue).last = x.Agent
	}
	for _, n := range s.Seeking {
		t := d.threads[n]
		if t == nil || t.seek == nil || t.seek.to != "" || len(t.asked) > 0 {
			return nil, fmt.Errorf("dispatch: restore: thread %d: %w", n, errSought)
		}
		d.seeking = append(d.seeking, t)
	}
	return d, nil
}

func (d *Desk) restoreAgent(s agentSnapshot) error {
	switch {
	case s.ID == "":
		return errNobody
	case s.Sessions > Available || s.Duty > Off || s.Limit < 0 || s.Limit > MaxCapacity:
		return errValue
	}
	a := d.agent(s.ID)
	a.sessions, a.duty, a.missed, a.limit, a.given = s.Sessions, s.Duty, s.Missed, s.Limit, s.Given
	d.timers.set(&a.grace, s.Grace)
	d.timers.set(&a.back, s.Back)
	a.tired = s.Rest
	d.timers.set(&a.rest, s.Rest)
	d.refresh(a, s.Since)
	a.since = s.Since
	return nil
}

func (d *Desk) restoreThread(s openSnapshot) error {
	switch {
	case s.N == 0 || s.N >= d.next || s.Conversation == 0:
		return errNumber
	case !s.Open:
		return errNotOpen
	case s.Owner != "" && (s.Owner != s.Last || s.Owner == s.Self):
		return errOwner
	}
	t := &thread{Thread: s.Thread, until: s.Until, cool: s.Cool,
		botted: s.Botted, turns: s.Turns, quiet: s.Quiet, theirs: s.Theirs, idled: s.Idled, parted: s.Left}
	d.keep(t)
	if err := d.restoreTeam(t, s); err != nil {
		return err
	}
	if t.Owner == "" {
		d.enter(t, d.last)
	} else {
		a := d.agent(t.Owner)
		a.owned.insert(t)
		d.refresh(a, a.since)
	}
	t.told, t.held = s.Told, s.Held
	if t.Owner != "" || !s.Queued.IsZero() { // else it was written before this was kept: as if he had just come
		t.queued = s.Queued
	}
	d.retime(t, d.deskTime(d.last))
	return nil
}

// restoreTeam puts back who joined, and the transfer that is under way.
func (d *Desk) restoreTeam(t *thread, s openSnapshot) error {
	for _, id := range s.Team {
		if err := d.applyTeam(t, &Fact{Kind: Joined, Agent: id}); err != nil {
			return err
		}
	}
	if k := s.Seek; k != nil {
		if t.Owner == "" || k.Queue == "" || k.Until.IsZero() {
			return errSought
		}
		d.queue(k.Queue)
		t.seek = &seek{by: k.By, to: k.To, queue: k.Queue, until: k.Until}
	}
	for _, k := range s.Asked {
		if k.Agent == "" || t.asks(k.Agent) || k.Agent == t.Owner || k.Agent == t.Self || t.Owner != "" && t.seek == nil {
			return errAsked
		}
		t.asked = append(t.asked, ask{k.Agent, k.Until})
		a := d.agent(k.Agent)
		d.askedFor(k.Agent, 1, a.since)
	}
	return nil
}

var errOrder = errors.New("it is there twice or out of order")
