// Package dispatch is the desk as a pure machine: inputs in, facts out. It
// decides who serves whom. It does no I/O, reads no clock, draws no chance of its own
// and imports the standard library only. relay calls it, from one goroutine.
package dispatch

import (
	"errors"
	"time"
)

// Chance is the source of every draw. IntN returns a number in [0, n), n > 0.
type Chance interface{ IntN(n int) int }

// Config is what the desk is given. Agents are keyed by their bare JID; zero
// values mean the defaults. It may change between runs, and state that no longer fits is mended by the
// first Step: an owner who is no agent of the queue any more loses its
// conversations to the line; one whose capacity shrank keeps what he has.
type Config struct {
	Queues       []Queue
	Agents       []Agent
	Grace        time.Duration // after an agent's last session is lost; default 60 s
	AnswerWithin time.Duration // answer time-out; default 60 s
	CoolDown     time.Duration // who passed or missed a conversation is not given it again; default 5 min
	IdleIsAway   bool          // show=away with <idle/> counts as away
}

// What a zero in Config means.
const (
	DefaultGrace        = 60 * time.Second
	DefaultAnswerWithin = 60 * time.Second
	DefaultCoolDown     = 5 * time.Minute
	DefaultCapacity     = 5
)

type Queue struct {
	Name   string
	Agents []string
}

type Agent struct {
	ID       string
	Capacity int // conversations at once; default 5
}

// Availability of an agent, worst first.
type Availability uint8

const (
	Offline Availability = iota
	Away
	Available
)

// Duty is what an agent told the desk.
type Duty uint8

const (
	On      Duty = iota // follow the sessions
	AwayNow             // !away until !back
	Off                 // !off until !on
)

// Session is one of an agent's clients, as far as the desk knows it.
type Session struct {
	Room    Show // what its presence in the lobby says; Unknown is taken for away
	Account Show // what its account's presence says; Unknown does not count
	Idle    bool // the away is automatic (XEP-0319)
}

// Show is a client's <show/>.
type Show uint8

const (
	Unknown  Show = iota
	Online        // none, chat
	ShowAway      // away, xa
	Busy          // dnd
)

// Input is what happens to the desk. Those that an agent causes himself (AgentSaid, Told,
// Take, Pass, Close) imply Active, even where they are refused; an agent ID that is not in the config is ErrNotAgent.
type Input interface{ input() }

type (
	// CustomerSaid: a customer wrote. Thread is 0 for the first words to a queue;
	// the new thread's number is then in the facts. A closed thread
	// that is not in memory needs Saved, else ErrUnknownThread.
	CustomerSaid struct {
		Thread   uint64
		Queue    string
		Customer uint64
		Self     string // the customer's own agent ID where he is one: never assigned to himself
		Saved    *Thread
	}
	// AgentSaid: an agent wrote to a contact. Refused with an error unless he owns the conversation.
	// A conversation that waits becomes his if he is of the queue; a closed one opens anew as his.
	AgentSaid struct {
		Thread uint64
		Agent  string
		Saved  *Thread
	}
	// Sessions: the whole set of an agent's sessions in the lobby, after any change.
	Sessions struct {
		Agent    string
		Sessions []Session
	}
	// Told: the agent set his duty (!off, !away; !on and !back are On).
	Told struct {
		Agent string
		Duty  Duty
	}
	// Active: the agent wrote anything anywhere, or commanded; ends the away of a missed answer.
	Active struct{ Agent string }
	// Take: an agent of the queue claims a conversation from the line, or, with Force (a supervisor), from its owner.
	Take struct {
		Thread uint64
		Agent  string
		Force  bool
	}
	// Pass: the owner gives his conversation back to the line and is in cool-down for it.
	Pass struct {
		Thread uint64
		Agent  string
	}
	// Close: By is an agent (the owner, or Force for a supervisor, of whatever queue), or "" for the desk itself.
	// Reason is by default ByAgent or ByDesk.
	Close struct {
		Thread uint64
		By     string
		Force  bool
		Reason Reason
	}
	// Unreachable: the agent's server bounced what was sent to him. Nothing follows unless he is the owner.
	Unreachable struct {
		Thread uint64
		Agent  string
	}
	// DeskDown and DeskUp: the desk's link. While it is down nobody is assigned and
	// grace periods, answer time-outs and cool-downs stand still. A new or restored desk, and one that
	// facts were replayed into, starts as down since its last fact: before DeskUp, Sessions must
	// be told of every agent, those without any too.
	DeskDown struct{}
	DeskUp   struct{}
	// Tick: the clock reached Deadline.
	Tick struct{}
)

func (CustomerSaid) input() {}
func (AgentSaid) input()    {}
func (Sessions) input()     {}
func (Told) input()         {}
func (Active) input()       {}
func (Take) input()         {}
func (Pass) input()         {}
func (Close) input()        {}
func (Unreachable) input()  {}
func (DeskDown) input()     {}
func (DeskUp) input()       {}
func (Tick) input()         {}

// Kind of a fact. The numbers are in files for ever: add, never change. 1 to 99 are dispatch's.
type Kind uint16

const (
	Opened    Kind = 1  // a conversation began: Thread, Queue, Customer, Self, Conversation, Saved where the thread came back, By an agent or "" for the customer
	Said      Kind = 2  // words: Thread, Conversation, By ("" the customer), Agent the owner then ("" waits)
	Assigned  Kind = 3  // Thread, Conversation, Agent, From the last one who had it, Reason, Candidates, Draw, Until the answer time-out (none if by hand)
	Released  Kind = 4  // back to the line: Thread, Conversation, Agent, Reason, Until the end of his cool-down
	Closed    Kind = 5  // Thread, Conversation, By, Reason, Saved the thread as it leaves memory
	DutySet   Kind = 6  // Agent, Duty
	Presence  Kind = 7  // Agent, Avail by his sessions alone; Until the end of grace where the last one was lost
	GraceOver Kind = 8  // Agent
	Returned  Kind = 9  // Agent: wrote again after a missed answer
	Paused    Kind = 10 // the desk's link is down; Since when, where that is before the fact (a restart)
	Resumed   Kind = 11 // and up again: what stood still is shifted
)

// Reason says why. The strings are in files for ever.
type Reason string

const (
	Random    Reason = "random"  // drawn among the eligible
	SameAgent Reason = "same"    // had the thread last and was eligible
	ByHand    Reason = "hand"    // !take, or wrote to it
	Passed    Reason = "passed"  // !pass
	Missed    Reason = "missed"  // answer time-out: also makes him away until he writes
	Gone      Reason = "gone"    // grace over
	Taken     Reason = "taken"   // a supervisor took it
	Bounced   Reason = "bounced" // his server refused it
	Removed   Reason = "removed" // no agent of the queue any more
	ByAgent   Reason = "agent"   // closed by an agent
	ByDesk    Reason = "desk"    // closed by the desk
)

// Fact is what was decided. One flat struct for all kinds; fields that a kind
// does not name are zero. At is kept beside the fact by the log.
type Fact struct {
	Kind         Kind         `json:"-"`
	At           time.Time    `json:"-"`
	Thread       uint64       `json:"t,omitempty"`
	Conversation uint64       `json:"c,omitempty"` // counts the thread's conversations from 1
	Queue        string       `json:"q,omitempty"`
	Customer     uint64       `json:"cu,omitempty"`
	Self         string       `json:"self,omitempty"`
	Agent        string       `json:"a,omitempty"`
	By           string       `json:"by,omitempty"`
	From         string       `json:"from,omitempty"`
	Reason       Reason       `json:"r,omitempty"`
	Candidates   []string     `json:"cand,omitempty"` // sorted; with Random only
	Draw         int          `json:"draw,omitempty"` // index into Candidates
	Until        time.Time    `json:"until,omitzero"`
	Since        time.Time    `json:"since,omitzero"`
	Duty         Duty         `json:"duty,omitempty"`
	Avail        Availability `json:"av,omitempty"`
	Saved        *Thread      `json:"saved,omitempty"`
}

// Thread is what is kept of a closed thread, and what others may read of an open one.
type Thread struct {
	N            uint64    `json:"n"`
	Queue        string    `json:"q"`
	Customer     uint64    `json:"cu"`
	Self         string    `json:"self,omitempty"`
	Conversation uint64    `json:"c"`              // the last one's number
	Last         string    `json:"last,omitempty"` // who served last
	Open         bool      `json:"open,omitempty"`
	Owner        string    `json:"owner,omitempty"`
	Since        time.Time `json:"since,omitzero"`     // the conversation's first message
	Answered     bool      `json:"answered,omitempty"` // by the present owner
}

var (
	ErrUnknownThread = errors.New("dispatch: unknown thread")
	ErrUnknownQueue  = errors.New("dispatch: unknown queue")
	ErrNotAgent      = errors.New("dispatch: not an agent of that queue")
	ErrNotYours      = errors.New("dispatch: another agent has that conversation")
	ErrNotOpen       = errors.New("dispatch: the conversation is closed")
	ErrWaiting       = errors.New("dispatch: the conversation waits in the line")
	ErrYours         = errors.New("dispatch: that conversation is yours already")
	ErrSelf          = errors.New("dispatch: you are the customer of that thread")
)
