package relay

import (
	"crypto/rand"
	"regexp"
	"strconv"
	"strings"
	"time"

	"frontdesk/component/stanza"
	"frontdesk/config"
	"frontdesk/dispatch"
	"frontdesk/muc"
	"frontdesk/store"
)

const (
	lobby         = "lobby"
	deskLocal     = "desk" // the desk's own contact at the agents' domain
	serviceNick   = "desk" // and its nick in rooms
	historyLength = 50
)

// roomArchive names the archive of a room. No name can be taken for a thread's, which is a number; and a room that
// somebody makes has one of its own, so that what was said in a former room of that name stays there.
func (r *Relay) roomArchive(room string) string {
	var made uint64
	if r.row(tableRoom, room, &made) {
		return "room:" + room + ":" + strconv.FormatUint(made, 10)
	}
	return "room:" + room
}

func (r *Relay) roomsConfig() muc.Config {
	room := muc.RoomConfig{
		Local: lobby, Name: "Lobby", Description: "Where the desk meets. Say !help for the commands.",
		Affiliations: map[string]muc.Affiliation{}, Nicks: map[string]string{},
		Service: serviceNick, History: historyLength,
	}
	for _, d := range r.cfg.Members {
		room.Affiliations[d] = muc.Member
	}
	room.Yields = func(jid string) bool { return r.staff[jid] != nil && !r.fixed(jid) }
	for _, a := range r.cfg.Agents {
		switch a.Role {
		case config.Admin:
			room.Affiliations[a.JID] = muc.Owner
		case config.Supervisor:
			room.Affiliations[a.JID] = muc.Admin
		default:
			room.Affiliations[a.JID] = muc.Member
		}
		room.Nicks[a.JID] = a.Name
	}
	return muc.Config{
		Domain: r.cfg.Desk.Domain, Name: r.cfg.Desk.Name,
		Denied:   append([]string{r.cfg.Front.Domain}, r.cfg.Front.Customers...),
		Rooms:    []muc.RoomConfig{room},
		Features: []string{nsCommands}, Creators: r.cfg.CreateRooms, Reserved: reserved, Nicks: room.Nicks, Past: r.past,
	}
}

// reserved reports whether an address at the desk is no room's that somebody may create.
func reserved(local string) bool {
	return local == lobby || local == deskLocal || local == "case" || contactLike.MatchString(local)
}

// contactLike matches what contacts are named, now or ever.
var contactLike = regexp.MustCompile(`^[^.]+\.\d+$`)

// fromRoom hands a stanza to muc, a command typed into the lobby to the desk.
func (r *Relay) fromRoom(s *stanza.Element) {
	local := s.To().Local()
	if s.Local == "iq" && r.roomAdhoc(s) {
		return
	}
	r.visit(s)
	id := r.ids.of(r.next)
	if s.Local == "message" && s.Type() == "groupchat" && deskSits(local) && s.To().Resource() == "" {
		m := read(s)
		if v, text := judge(m.Body); v != plain {
			if out, ok := r.rooms.Echo(r.now, s, id); ok {
				r.rooming(out)
				r.roomCommand(local, s.From(), m, v, text)
				return
			}
		}
	}
	r.rooming(r.rooms.Step(r.now, s, id))
}

// deskSits reports whether a room is one in which the desk's occupant is, and takes commands.
func deskSits(local string) bool {
	k := kindOf(local)
	return k == theLobby || k == aCaseRoom
}

// roomAdhoc answers what somebody of the desk asks a room, the desk's occupant in it, or the domain about commands.
func (r *Relay) roomAdhoc(s *stanza.Element) bool {
	p, local := r.staff[string(s.From().Bare())], s.To().Local()
	if nick := s.To().Resource(); p == nil || nick != "" && (nick != serviceNick || !deskSits(local)) {
		return false
	}
	t := r.caseThread(local)
	if caseOf(local) != 0 && (t == nil || !r.maySee(p.JID, t)) {
		return false
	}
	return r.adhoc(p.JID, t, s)
}

// roomCommand answers a command that came by a room, privately.
func (r *Relay) roomCommand(room string, from stanza.JID, m *intake, v verdict, text string) {
	var reply string
	agent := string(from.Bare())
	if p := r.staff[agent]; p != nil {
		agent = p.JID
	}
	switch {
	case r.staff[agent] == nil:
		reply = "Only agents of the desk can give commands."
	case v == refused:
		reply = textLater
	case m.replace != "":
		reply = textCorrected
	default:
		r.decide(dispatch.Active{Agent: agent}, nil)
		reply = r.carryOut(&call{agent: agent, from: from, thread: r.caseThread(room)}, text)
	}
	if reply != "" {
		r.tellSession(room, from, reply)
	}
}

// tellSession sends a private message of the desk's occupant to one session in a room.
func (r *Relay) tellSession(room string, to stanza.JID, text string) {
	r.rooming(r.rooms.Tell(room, to, text, rand.Text()))
}

// rooming turns what muc gives into records, rows, stanzas and inputs.
func (r *Relay) rooming(o muc.Out) {
	for i := range o.Facts {
		f := &o.Facts[i]
		if f.Kind == muc.Created {
			r.put(tableRoom, f.Room, r.next)
		}
		rec := store.Record{Time: r.now, Side: store.Agents, Archive: r.archiveOf(f), Kind: uint16(f.Kind), Numbers: mustJSON(f)}
		if f.Words != nil {
			rec.Content = f.Words.AppendXML(nil)
		}
		if f.Kind == muc.Retracted {
			r.retracted(f, r.next)
		}
		r.next++
		r.records = append(r.records, rec)
	}
	for _, row := range o.Rows {
		r.rows = append(r.rows, store.Row{Table: tableSession, Key: row.Key, Value: row.Value})
	}
	r.sendings(o.Send)
	r.asking(o.Asks)
	for i := range o.Events {
		r.roomEvent(&o.Events[i])
	}
	for i := range o.Facts {
		if o.Facts[i].Kind == muc.Affiliated {
			r.affiliated(&o.Facts[i])
		}
	}
}

// roomEvent tells dispatch what it must know of the lobby.
func (r *Relay) roomEvent(e *muc.Event) {
	agent := string(e.JID.Bare())
	n := caseOf(e.Room)
	if e.Kind == muc.Left && n != 0 {
		r.visited = append(r.visited, n)
	}
	if e.Room != lobby && n == 0 {
		return
	}
	if e.Kind == muc.Whispered {
		r.whispered(e)
	}
	if r.staff[agent] == nil {
		return
	}
	if e.Kind == muc.Spoke {
		r.decide(dispatch.Active{Agent: agent}, nil)
	}
	if n != 0 {
		return
	}
	switch e.Kind {
	case muc.Entered:
		r.reborn(agent, e.JID)
		r.sessions(agent)
		r.settleDoubt(agent)
		if _, known := r.accounts[agent][e.JID]; !known {
			r.showAll(agent, e.JID)
		}
		r.greet(agent, e.JID)
	case muc.Left, muc.Changed, muc.Confirmed:
		r.sessions(agent)
	}
}

// whispered takes a private message to the desk's occupant.
func (r *Relay) whispered(e *muc.Event) {
	m := read(e.Stanza)
	v, text := judge(m.Body)
	switch {
	case v != plain, m.Body != "" && r.staff[string(e.JID.Bare())] == nil:
		r.roomCommand(e.Room, e.JID, m, v, text)
	case m.Body != "":
		r.tellSession(e.Room, e.JID, textHowTo)
	}
}

// sessions reports an agent's clients to dispatch: those in the lobby that are really there, each with what
// its account's presence says. Nothing is reported before the link's sessions have been verified.
func (r *Relay) sessions(agent string) {
	if r.paused {
		return
	}
	var all []dispatch.Session
	for _, s := range r.rooms.Sessions(lobby, stanza.JID(agent)) {
		if !s.Confirmed {
			continue
		}
		d := dispatch.Session{}
		d.Room, d.Idle = showOf(s.Presence)
		if p, ok := r.accounts[agent][s.JID]; ok {
			d.Account, d.Idle = p.Account, d.Idle || p.Idle
		}
		all = append(all, d)
	}
	r.decide(dispatch.Sessions{Agent: agent, Sessions: all}, nil)
	if len(all) > 0 {
		r.returned(agent)
	}
}

// showOf reads a presence; one that is missing is unknown.
func showOf(p *stanza.Element) (dispatch.Show, bool) {
	if p == nil {
		return dispatch.Unknown, false
	}
	idle := p.Has(stanza.NSIdle, "idle")
	switch p.ChildText("", "show") {
	case "away", "xa":
		return dispatch.ShowAway, idle
	case "dnd":
		return dispatch.Busy, idle
	}
	return dispatch.Online, idle
}

// hats shows in the lobby who supervises and who is on duty, which is more than a client's own presence
// tells: it is what the desk believes of him.
func (r *Relay) hats() {
	if !r.stale {
		return
	}
	for _, a := range r.desk.Agents() {
		var worn []muc.Hat
		if role := r.staff[a.ID].Role; role != config.Agent {
			worn = append(worn, muc.Hat{URI: hatURI + string(role), Title: capital(string(role))})
		}
		if a.Avail == dispatch.Available {
			worn = append(worn, muc.Hat{URI: hatURI + "duty", Title: "On duty"})
		}
		r.rooming(r.rooms.SetHats(r.now, lobby, stanza.JID(a.ID), worn))
	}
}

// hatURI begins the names of the desk's hats.
const hatURI = "urn:frontdesk:hat:"

// greet explains the desk to who enters for the first time, and reminds who is off or away of it.
func (r *Relay) greet(agent string, session stanza.JID) {
	st := r.agentRow(agent)
	if !st.Welcomed {
		st.Welcomed = true
		r.put(tableAgent, agent, st)
		r.tellSession(lobby, session, textWelcome)
	}
	if a, ok := r.desk.Agent(agent); ok && a.Duty != dispatch.On {
		r.tellSession(lobby, session, "You told me that you are "+dutyName(a.Duty)+": you get nothing new. Say !on to change that.")
	}
}

// agentRow is what was done for an agent once. The JSON names are in files for ever.
type agentRow struct {
	Welcomed bool `json:"welcomed,omitempty"`
	Invited  bool `json:"invited,omitempty"`
	Shows    bool `json:"shows,omitempty"` // his account's presence: he accepted our subscription

	Quiet []string `json:"quiet,omitempty"` // what he does not want to be told unasked
	Why   string   `json:"why,omitempty"`   // he is away or off
}

func (r *Relay) agentRow(agent string) agentRow {
	var st agentRow
	r.row(tableAgent, agent, &st)
	return st
}

// deskUp: the desk's link is up. Every session is asked whether it is still there; agents who were never
// invited are, and accounts are asked for their presence.
func (r *Relay) deskUp() {
	r.paused = true
	r.verifyBy, r.expireAt = r.now.Add(verifyWithin), r.now.Add(expireAfter)
	r.doubtTill = r.expireAt
	r.rooming(r.rooms.Verify(r.now))
	for _, p := range r.cfg.Agents {
		r.recruited(p.JID)
		ask := "subscribe" // again, too: a probe would make Prosody withdraw a request that is not answered yet
		if r.agentRow(p.JID).Shows {
			ask = "probe"
		}
		r.send(r.back, stanza.New("", "presence", "type", ask, "from", string(r.deskJID()), "to", p.JID))
	}
}

// recruited invites an agent who was never invited.
func (r *Relay) recruited(agent string) {
	if st := r.agentRow(agent); !st.Invited {
		st.Invited = true
		r.put(tableAgent, agent, st)
		r.rooming(r.rooms.Invite(lobby, stanza.JID(agent), r.deskJID(), "Welcome to the desk."))
		if !r.paused { // else the link's coming up asks everybody
			r.send(r.back, stanza.New("", "presence", "type", "subscribe", "from", string(r.deskJID()), "to", agent))
		}
	}
}

// verifying ends the wait for sessions: all have answered, or time is up.
func (r *Relay) verifying() {
	if !r.verifyBy.IsZero() && r.back.up && (r.rooms.Unconfirmed() == 0 || !r.verifyBy.After(r.now)) {
		r.verifyBy = time.Time{}
		r.paused = false
		for _, p := range r.cfg.Agents {
			r.sessions(p.JID)
		}
		r.meet()
		r.decide(dispatch.DeskUp{}, nil)
		for _, p := range r.cfg.Agents {
			r.settleDoubt(p.JID)
		}
		r.ungranted()
		r.reshowEvery()
		r.watchLines()
	}
	if !r.expireAt.IsZero() && (r.rooms.Unconfirmed() == 0 || !r.expireAt.After(r.now)) {
		r.expireAt = time.Time{}
		r.rooming(r.rooms.Expire(r.now))
	}
	if !r.wasReady && !r.paused && r.front.up && r.back.up {
		r.wasReady = true
	}
}

// deskDown: nobody is assigned, and what runs out stands still.
func (r *Relay) deskDown() {
	r.verifyBy, r.expireAt = time.Time{}, time.Time{}
	clear(r.accounts)
	clear(r.grants)
	r.rooms.Doubt()
	if !r.paused {
		r.suspect()
		r.paused = true
		r.decide(dispatch.DeskDown{}, nil)
	}
}

func (r *Relay) deskJID() stanza.JID { return stanza.MakeJID(deskLocal, r.back.domain, "") }

// fromDeskContact takes what is sent to the desk's own contact: commands, and presences of accounts.
func (r *Relay) fromDeskContact(s *stanza.Element) {
	p := r.staff[string(s.From().Bare())]
	if p == nil {
		r.nobodyHere(s)
		return
	}
	agent := p.JID
	switch s.Local {
	case "iq":
		if !r.adhoc(agent, nil, s) {
			r.send(r.back, personIQ(s, r.deskFace(), r.cfg.Desk.Name))
		}
	case "presence":
		r.accountPresence(agent, s)
	case "message":
		r.deskMessage(agent, s)
	}
}

func (r *Relay) deskMessage(agent string, s *stanza.Element) {
	m := read(s)
	if t := s.Type(); t != "chat" && t != "normal" && t != "" || m.Body == "" && !m.encrypted {
		return
	}
	v, text := judge(m.Body)
	switch {
	case m.encrypted:
		r.answer(s, textEncryptedAgent)
	case v == refused:
		r.answer(s, textLater)
	case v == command && m.replace != "":
		r.answer(s, textCorrected)
	case v == command:
		r.decide(dispatch.Active{Agent: agent}, nil)
		if reply := r.carryOut(&call{agent: agent, from: s.From()}, text); reply != "" {
			r.answer(s, reply)
		}
	default:
		r.decide(dispatch.Active{Agent: agent}, nil)
		r.answer(s, textHowTo)
	}
}

// accountPresence takes what an agent's account says to the desk: its clients' presences and
// subscriptions.
func (r *Relay) accountPresence(agent string, s *stanza.Element) {
	self, to := string(r.deskJID()), agent
	switch s.Type() {
	case "":
		clients := r.accounts[agent]
		if clients == nil {
			clients = map[stanza.JID]dispatch.Session{}
			r.accounts[agent] = clients
		}
		_, known := clients[s.From()]
		if known || len(clients) < maxClients {
			show, idle := showOf(s)
			clients[stanza.JID(strings.Clone(string(s.From())))] = dispatch.Session{Account: show, Idle: idle}
		}
		r.sessions(agent)
		if !known {
			r.showAll(agent, s.From())
		}
	case "unavailable", "error":
		delete(r.accounts[agent], s.From())
		r.sessions(agent)
	case "subscribe":
		r.send(r.back, stanza.New("", "presence", "type", "subscribed", "from", self, "to", to))
		r.send(r.back, stanza.New("", "presence", "type", "subscribe", "from", self, "to", to))
		fallthrough
	case "probe":
		r.send(r.back, r.deskPresence(to))
	case "unsubscribed":
		r.shows(agent, false)
		delete(r.accounts, agent)
		r.sessions(agent)
	case "subscribed":
		r.shows(agent, true)
		r.send(r.back, stanza.New("", "presence", "type", "probe", "from", self, "to", to))
	case "unsubscribe":
		r.send(r.back, stanza.New("", "presence", "type", "unsubscribed", "from", self, "to", to))
	}
}

// shows notes whether an agent lets us see his account's presence.
func (r *Relay) shows(agent string, yes bool) {
	if st := r.agentRow(agent); st.Shows != yes {
		st.Shows = yes
		r.put(tableAgent, agent, st)
	}
}

func (r *Relay) deskPresence(to string) *stanza.Element {
	return stanza.New("", "presence", "from", string(r.deskJID())+"/"+resource, "to", to).Add(
		stanza.Text("", "status", "Commands: !help"), stanza.Text(stanza.NSNick, "nick", r.cfg.Desk.Name), r.deskFace().caps())
}

func (r *Relay) deskFace() *face { return &face{"client", "bot", r.cfg.Desk.Name, deskFeatures} }
