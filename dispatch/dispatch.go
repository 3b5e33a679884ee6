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
// values mean the defaults. It may change between runs and by Reconfigure, and state that no longer fits is
// mended by the next Step: an owner who is no agent of the queue any more loses its
// conversations to the line; one whose capacity shrank keeps what he has. Who is no agent any more has no sessions:
// when he is one again, Sessions must be told of him.
type Config struct {
	Queues       []Queue
	Agents       []Agent
	Grace        time.Duration // after an agent's last session is lost; default 60 s
	AnswerWithin time.Duration // answer time-out; default 60 s
	CoolDown     time.Duration // who passed or missed a conversation is not given it again; default 5 min
	HandOver     time.Duration // how long a transfer waits to be accepted; default 2 min
	LongWait     time.Duration // who waits that long is told of (Lingered); default 0: never
	WrapUp       time.Duration // after a conversation an agent is given none for so long; default 0
	Gap          time.Duration // and so long after the machine gave him one; default 0
	BotTurns     int           // how often a bot says something in a conversation before it goes to people; default 30
	IdleIsAway   bool          // show=away with <idle/> counts as away
}

// What a zero in Config means.
const (
	DefaultGrace        = 60 * time.Second
	DefaultAnswerWithin = 60 * time.Second
	DefaultCoolDown     = 5 * time.Minute
	DefaultHandOver     = 2 * time.Minute
	DefaultCapacity     = 5
	DefaultLevelWait    = 2 * time.Minute
	DefaultSkillWait    = 2 * time.Minute
	DefaultBotTurns     = 30
	MaxCapacity         = 1000
)

// Queue is what customers write to.
type Queue struct {
	Name     string
	Agents   []string
	Strategy Strategy      // default ByLot
	Mode     Mode          // default Push
	Sticky   time.Duration // who had the thread last is given it again if that ended so recently; 0 is always, negative never

	Levels    map[string]int // by agent: 0 (first line) to MaxLevel, each given what has waited that many times LevelWait
	LevelWait time.Duration  // default 2 min
	SkillWait time.Duration  // after it a customer is given to agents without the skills that he wants; default 2 min

	Priority int           // who serves several queues is given the customers of the highest first
	Overflow string        // the queue that serves what has waited OverflowAfter here, or what comes while this one is closed
	After    time.Duration // default 0: only while it is closed
	Hours    *Hours        // nil: always open

	Idle time.Duration // an answered conversation of which nothing was heard for so long is told of (Idled), and closed after as long again; 0: never
	Gone time.Duration // one whose customer has left for so long is closed; 0: never
}

// Agent is somebody who serves customers.
type Agent struct {
	ID       string
	Capacity int      // conversations at once; default 5
	Skills   []string // without blanks
	Bot      bool     // a program: it is given conversations first, and is no person
}

// Mode is how a customer comes to an agent.
type Mode uint8

const (
	Push     Mode = iota // given to one, who must answer in time
	OfferOne             // shown to one, who accepts by answering; then to the next
	OfferAll             // shown to all who could, and the first answer wins
)

// MaxLevel bounds the levels of agents.
const MaxLevel = 9

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

// Input is what happens to the desk. Those that an agent causes himself (AgentSaid, Told, Take, Pass, Close,
// Transfer, Join, Leave, Assign, SetCapacity, SetQueue) imply Active, even where they are refused; an agent ID that is not in the config is ErrNotAgent.
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
		Wants    string // skills, parted by single blanks, for a conversation that begins with this
		// Hold: for so long the machine gives a conversation that begins with this to nobody, unless Brief comes before; at
		// most MaxHold.
		Hold time.Duration
	}
	// AgentSaid: an agent wrote to a contact. Refused with an error unless he owns the conversation or has joined
	// it. A conversation that waits becomes his if he is of the queue; so does one that is offered to him, by a
	// transfer; a closed one opens anew as his. Thread is 0 where he begins with a customer who has no thread in the
	// queue: Queue, Customer and Self are as in CustomerSaid, and else not looked at.
	AgentSaid struct {
		Thread   uint64
		Agent    string
		Saved    *Thread
		Queue    string
		Customer uint64
		Self     string
	}
	// Sessions: the whole set of an agent's sessions in the lobby, after any change.
	Sessions struct {
		Agent    string
		Sessions []Session
	}
	// Told: the agent set his duty (!off, !away; !on and !back are On). AwayNow ends by itself after For, if that is
	// not zero.
	Told struct {
		Agent string
		Duty  Duty
		For   time.Duration
	}
	// Active: the agent wrote anything anywhere, or commanded; ends the away of a missed answer.
	Active struct{ Agent string }
	// Take: an agent of the queue claims a conversation from the line, or, with Force (a supervisor), from its owner.
	Take struct {
		Thread uint64
		Agent  string
		Force  bool
	}
	// Pass: the owner gives his conversation back to the line and is in cool-down for it; or an agent declines the
	// transfer that is offered to him.
	Pass struct {
		Thread uint64
		Agent  string
	}
	// Transfer: the owner By, or with Force a supervisor, offers his conversation to another agent, To, or to the agents
	// of a queue, Queue, one after the other. It stays his until one of them accepts (by writing, or Take) within
	// HandOver; who declines or does not answer in time is in cool-down for it. A new wish replaces an old one.
	Transfer struct {
		Thread    uint64
		To, Queue string
		By        string
		Force     bool
	}
	// Join: an agent may write to the contact beside the owner. He does so himself (By is he), if he is of the queue or
	// a supervisor (Force); or the owner or a supervisor adds him, whatever his queues. At most MaxTeam.
	Join struct {
		Thread uint64
		Agent  string
		By     string
		Force  bool
	}
	// Leave: who joined does so no more.
	Leave struct {
		Thread uint64
		Agent  string
	}
	// Assign: a supervisor gives a conversation to an agent of the queue, from the line or from its owner. Capacity,
	// availability and cool-downs do not bind him, but an agent who is offline is refused.
	Assign struct {
		Thread uint64
		Agent  string
		By     string
	}
	// SetCapacity: how many conversations an agent has at most; 0 is what the config says.
	SetCapacity struct {
		Agent string
		Max   int
		By    string
	}
	// SetQueue closes a queue, so that nobody is given its conversations, or opens it again.
	SetQueue struct {
		Queue string
		Shut  bool
		By    string
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
	// Brief: what was to be asked of the customer is known, or will not be: a hold ends, and he wants these skills. Nothing follows
	// where somebody has the conversation.
	Brief struct {
		Thread uint64
		Wants  string
	}
	// CustomerGone: the customer left, or (Back) is there again.
	CustomerGone struct {
		Thread uint64
		Back   bool
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
func (Transfer) input()     {}
func (Join) input()         {}
func (Leave) input()        {}
func (Assign) input()       {}
func (SetCapacity) input()  {}
func (SetQueue) input()     {}
func (Unreachable) input()  {}
func (CustomerGone) input() {}
func (Brief) input()        {}
func (DeskDown) input()     {}
func (DeskUp) input()       {}
func (Tick) input()         {}

// Kind of a fact. The numbers are in files for ever: add, never change. 1 to 99 are dispatch's.
type Kind uint16

const (
	Opened    Kind = 1  // a conversation began: Thread, Queue, Customer, Self, Conversation, Wants, Saved where the thread came back, By an agent or "" for the customer, Until it is held
	Said      Kind = 2  // words: Thread, Conversation, By ("" the customer), Agent the owner then ("" waits), Team who had joined
	Assigned  Kind = 3  // Thread, Conversation, Agent, From the last one who had it, Reason, By the supervisor who gave it, Candidates, Draw, Others, Queue that serves it from now on (where that changes), Until the answer time-out (none if by hand), Rest (none if by hand)
	Released  Kind = 4  // back to the line: Thread, Conversation, Agent, Reason, Until the end of his cool-down
	Closed    Kind = 5  // Thread, Conversation, By, Reason, Saved the thread as it leaves memory, Rest of who had it
	DutySet   Kind = 6  // Agent, Duty, Until it ends by itself
	Presence  Kind = 7  // Agent, Avail by his sessions alone; Until the end of grace where the last one was lost
	GraceOver Kind = 8  // Agent
	Returned  Kind = 9  // Agent: wrote again after a missed answer
	Paused    Kind = 10 // the desk's link is down; Since when, where that is before the fact (a restart)
	Resumed   Kind = 11 // and up again: what stood still is shifted
	Sought    Kind = 12 // a transfer began: Thread, Conversation, Agent the owner, By who wants it, To whom alone ("": whoever is of the queue), Queue that serves it then, Until the end of all asking
	Offered   Kind = 13 // Thread, Conversation, Agent who is asked, From the owner and By as in Sought (none: it waits), Reason, Candidates, Draw, Until his time-out
	Refused   Kind = 14 // what was Offered is not: Thread, Conversation, Agent, Reason, Until the end of his cool-down
	Stayed    Kind = 15 // a transfer is over, the owner still the same: Thread, Conversation, Agent, Reason, Until his answer time-out, where one runs again
	Joined    Kind = 16 // Thread, Conversation, Agent, By
	Parted    Kind = 17 // who had joined does so no more: Thread, Conversation, Agent, Reason
	Capped    Kind = 18 // Agent, Max, By
	QueueSet  Kind = 19 // Queue, Shut, By
	Lingered  Kind = 20 // a customer has waited for LongWait: Thread, Conversation, Queue, Since when
	Idled     Kind = 23 // nothing was heard of the customer for Queue.Idle: Thread, Conversation, Agent, Until it is closed
	Vanished  Kind = 24 // the customer left: Thread, Conversation
	Appeared  Kind = 25 // and is there again, without having said anything: Thread, Conversation
	HoursSet  Kind = 22 // Queue, Shut: it closes or opens by its hours
	Briefed   Kind = 26 // one that waits is held no more: Thread, Conversation, Wants, Reason (Missed: its time came)
	Moved     Kind = 21 // one that waits is served by another queue from now on: Thread, Conversation, Queue, Reason
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

	Transferred Reason = "transfer"  // accepted
	Withdrawn   Reason = "withdrawn" // the wish or the conversation came to another end
	Left        Reason = "left"      // !leave
	Given       Reason = "given"     // by a supervisor
	Accepted    Reason = "accepted"  // it was offered to him out of the line
	ByBot       Reason = "bot"       // to a bot, which comes first
	Turns       Reason = "turns"     // a bot has said too much
	Silent      Reason = "idle"      // nothing was heard of the customer
	Departed    Reason = "departed"  // the customer left
	Overflowed  Reason = "overflow"  // waited too long in one queue, or it is closed
)

// MaxHold bounds how long a conversation is held.
const MaxHold = time.Hour

// MaxTeam bounds who may join one conversation.
const MaxTeam = 10

// maxOthers bounds of how many agents who were not candidates a fact says why.
const maxOthers = 32

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
	To           string       `json:"to,omitempty"`
	Team         []string     `json:"team,omitempty"`   // in the order in which they joined
	Others       []Other      `json:"others,omitempty"` // by ID; with Random and SameAgent
	Max          int          `json:"max,omitempty"`
	Shut         bool         `json:"shut,omitempty"`
	Wants        string       `json:"wants,omitempty"`
	Rest         time.Time    `json:"rest,omitzero"` // until then the agent is given nothing
}

// Other is an agent of the queue who was no candidate, and why.
type Other struct {
	Agent string `json:"a"`
	Why   Bar    `json:"w"`
}

// Bar is why the machine gives an agent nothing. The strings are in files for ever.
type Bar string

const (
	IsOffline Bar = "offline"
	IsAway    Bar = "away"
	IsMissing Bar = "missed" // an answer: away until he writes
	IsFull    Bar = "full"
	IsCooling Bar = "cooling" // passed or missed this conversation
	IsHimself Bar = "himself" // the customer
	IsResting Bar = "resting" // wrap-up, or he was given one a moment ago
	IsHeld    Bar = "held"    // the customer is being asked something first
	IsLater   Bar = "later"   // of a higher level, or without a wanted skill: when the customer has waited longer
	IsNotLast Bar = "notlast" // he could, but another one had the thread last
)

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
	Wants        string    `json:"wants,omitempty"`    // skills
	Ended        time.Time `json:"ended,omitzero"`     // of a closed one
	Serving      string    `json:"serving,omitempty"`  // queue whose agents serve it, where that is not Queue; of an open one only
}

// Served is the queue whose agents serve the thread now.
func (t *Thread) Served() string {
	if t.Serving != "" {
		return t.Serving
	}
	return t.Queue
}

var (
	ErrUnknownThread = errors.New("dispatch: unknown thread")
	ErrUnknownQueue  = errors.New("dispatch: unknown queue")
	ErrNotAgent      = errors.New("dispatch: not an agent of that queue")
	ErrNotYours      = errors.New("dispatch: another agent has that conversation")
	ErrNotOpen       = errors.New("dispatch: the conversation is closed")
	ErrWaiting       = errors.New("dispatch: the conversation waits in the line")
	ErrYours         = errors.New("dispatch: that conversation is yours already")
	ErrSelf          = errors.New("dispatch: the agent is the customer of that thread")
	ErrOwner         = errors.New("dispatch: that agent has the conversation already")
	ErrJoined        = errors.New("dispatch: that agent has joined already")
	ErrNotJoined     = errors.New("dispatch: that agent has not joined")
	ErrTeam          = errors.New("dispatch: too many have joined that conversation")
	ErrGone          = errors.New("dispatch: that agent is not there")
	ErrShut          = errors.New("dispatch: that queue is closed")
	ErrRange         = errors.New("dispatch: a number out of range")
)
