// Package muc is a group-chat service (XEP-0045) as a pure machine: stanzas
// in; stanzas, facts and events out. It does no I/O, reads no clock, draws no
// chance and knows no desk; relay calls it from one goroutine.
//
// One feature of the standard is one file. It says in one place what it
// shows in discovery, which IQs and messages it answers, what it asks of those who
// enter and which elements nobody may forge; feature.go lists them all. What
// the whole service tells a stranger is in stranger.go and nowhere else.
package muc

import (
	"time"

	"frontdesk/component/stanza"
)

// Affiliation (XEP-0045 §5.2), worst first.
type Affiliation uint8

const (
	Outcast Affiliation = iota
	None
	Member
	Admin
	Owner
)

// Config of the service. Rooms named here exist for ever; the affiliations named here are the floor:
// what is added at runtime lasts, and cannot take away from it.
type Config struct {
	Domain string   // of the component
	Name   string   // shown in discovery
	Denied []string // domains whose users may do nothing here, whatever else says: the customers' hosts
	Rooms  []RoomConfig

	// Past returns what was decided under an id (Fact.ID) in a room so far, applied facts included, Words not
	// needed; false where that is nothing. It is asked when somebody takes a message back; nil knows nothing.
	Past func(room, id string) (Fact, bool)

	// Who may create rooms by entering them (§10.1): bare JIDs and whole domains. They may know which rooms there are.
	Creators []string
	// Reserved reports whether no room that somebody creates may have this name; nil: all are free.
	Reserved func(local string) bool
	Nicks    map[string]string // by bare JID: forced in rooms that somebody created, too

	Features  []string // that the service and its rooms list besides their own: what the caller answers for them
	Version   string   // of the program, for jabber:iq:version; "" is "unknown"
	MaxStanza int      // bytes that may leave in one stanza; default 256 KiB
	// Who is no member of any room learns nothing: identical answers for rooms that exist and that do not.
}

// RoomConfig is a room: members only, semi-anonymous, hidden, persistent, unmoderated.
type RoomConfig struct {
	Local        string // "lobby"
	Name         string // shown
	Description  string
	Affiliations map[string]Affiliation // by bare JID or by whole domain; the JID wins
	Nicks        map[string]string      // by bare JID: the nick that this person gets, whatever he asks for (status 210)
	Service      string                 // nick of the service's own occupant ("desk"), "" for none
	History      int                    // messages kept for those who enter; default 50

	// By jid: whom the people of the room may lower or raise, although Affiliations name them; the caller hears of it by a
	// fact, and changes the config (Reconfigure).
	Yields func(jid string) bool

	// Of hosted rooms only.
	Mute    bool // nobody may speak
	Subject string
	Guests  []Guest
}

// Kind of a fact. The numbers are in files for ever: add, never change. 100 to 199 are muc's.
type Kind uint16

const (
	Message    Kind = 100 // group message: Room, From, Nick, ID; words are the stanza
	Private    Kind = 101 // private message: as Message, with ToNick and ToJID
	Subject    Kind = 102 // Room, From, Nick; words are the stanza
	Affiliated Kind = 103 // Room, JID, Affiliation, From who did it
	Retracted  Kind = 110 // as Message, and the message Target is taken back: by its author, or by a moderator (words are from the room)
	Created    Kind = 104 // Room, From its owner; locked until Configured
	Configured Kind = 105 // Room, From, Settings
	Destroyed  Kind = 106 // Room, Reason, JID of the room to go to; From, "" for one that ended by itself and may be made anew
	Registered Kind = 107 // Room, JID, Nick that is his, "" for none any more
	Portrayed  Kind = 108 // Room, From; words are the room's vCard, none where it has none any more
)

// State reports whether the state follows from the Words of such a fact: Apply wants them, whenever it was decided.
func (k Kind) State() bool { return k == Subject || k == Portrayed }

// Fact is what was decided. JIDs are bare. Words are as everybody got them: from the occupant, without
// a to, with the stanza-id that ID repeats (a private message has none); of Portrayed they are no stanza.
type Fact struct {
	Kind        Kind            `json:"-"`
	At          time.Time       `json:"-"`
	Words       *stanza.Element `json:"-"` // kept apart as content
	Room        string          `json:"room"`
	ID          string          `json:"id,omitempty"`   // stanza-id (XEP-0359)
	From        string          `json:"from,omitempty"` // who, bare JID; "" the service
	Nick        string          `json:"nick,omitempty"`
	ToNick      string          `json:"tonick,omitempty"`
	JID         string          `json:"jid,omitempty"`
	Affiliation Affiliation     `json:"aff,omitempty"`
	Target      string          `json:"target,omitempty"` // stanza-id of a message
	Settings    *Settings       `json:"settings,omitempty"`
	Reason      string          `json:"reason,omitempty"`
}

// Sending is a stanza for one or more addresses; the stanza's own to is replaced by each. Elements
// in an Out are shared with the state and with each other: they are read, never changed.
type Sending struct {
	To     []stanza.JID
	Stanza *stanza.Element
}

// EventKind of an Event.
type EventKind uint8

const (
	Entered   EventKind = iota + 1 // a session entered (or entered again)
	Left                           // a session is gone, for whatever reason
	Changed                        // a session's presence changed
	Confirmed                      // a restored session answered or said something: it is really there
	Spoke                          // a session sent a group message with a body (Stanza)
	Whispered                      // a session sent a private message to the service's occupant (Stanza): not in the log, not sent to anyone
)

// Event is what happened in a room, for whom it concerns outside.
type Event struct {
	Kind     EventKind
	Room     string
	JID      stanza.JID // full
	Nick     string
	Presence *stanza.Element // as the session last sent it, less what is forged (Entered, Changed, Confirmed)
	Stanza   *stanza.Element // as the occupants got it (Spoke), or would have got it (Whispered)
}

// Row is a session to be kept (or, with a nil Value, forgotten) outside the log, for RestoreSession.
// The key is the room, a NUL and the full JID.
type Row struct {
	Key   string
	Value []byte
}

// Out is what a step gives. Facts have been applied already; they must be durable before Send goes out.
type Out struct {
	Facts  []Fact
	Send   []Sending
	Events []Event
	Rows   []Row
	Asks   []*Ask // of archives: to be answered once Facts are durable, in the place of what Send would hold
}

// Session is one client in a room.
type Session struct {
	JID       stanza.JID
	Nick      string
	Presence  *stanza.Element
	Confirmed bool
}

// Bounds. Who meets one gets an error of type wait (or modify, for what will never fit).
const (
	defaultHistory   = 50        // messages
	maxHistory       = 100       // messages of history that an owner may choose
	historyBytes     = 1 << 20   // of history a room, as XML
	defaultMaxStanza = 256 << 10 // bytes
	headroom         = 4 << 10   // bytes that a reflected stanza may be longer than what came in
	maxPresence      = 8 << 10   // bytes of presence that are passed on whole; more is cut to show, status and caps
	maxStatus        = 1 << 10   // bytes of a status or reason
	maxSubject       = 8 << 10   // bytes of a message that sets the subject
	maxNick          = 64        // bytes of a nick
	maxOccupants     = 1000      // sessions a room; admins and owners get in beyond it
	spareOccupants   = 50        // that many
	maxSessions      = 20        // sessions a person and room
	maxKnownNicks    = 8         // nicks that a session's server may still send its unavailable to
	maxItems         = 100       // items of one muc#admin request, invitations of one message
	maxGranted       = 10_000    // affiliations a room beyond the config's
	madeHistory      = 128 << 10 // bytes of history of a room that somebody created
	maxRooms         = 1000      // that people created
	maxRoomsEach     = 50        // that one of them created
	maxApplicants    = 100       // who wait for an admin to make them members, a room
	maxCard          = 64 << 10  // bytes of a room's vCard
	maxCards         = 16 << 20  // bytes of all of them
	maxTombs         = 10_000    // destroyed rooms that nobody may enter again
	maxRelayed       = 1024      // IQs under way between occupants
	maxRelayedEach   = 32        // of one session
	relayTimeout     = 60 * time.Second
)
