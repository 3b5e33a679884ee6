package muc

import (
	"strings"
	"time"

	"frontdesk/component/stanza"
)

// Service is the state. It belongs to one goroutine.
type Service struct {
	domain   string
	name     string
	version  string
	limit    int // bytes of a stanza
	denied   map[string]bool
	extra    []string // features that the caller answers
	folded   map[string]string
	past     func(room, id string) (Fact, bool)
	salt     []byte
	features []feature
	handlers map[handlerKey]func(*step) error
	rooms    map[string]*room
	order    []*room // of the config, then those of which only facts tell
	relayed  relayed
	orphans  []orphan
	creators map[string]bool
	reserved func(string) bool
	nicks    map[string]string
	tombs    tombs

	strangers, domains, presences Rates
}

// people takes over who may do what in the service as a whole.
func (s *Service) people(cfg Config) {
	clear(s.creators)
	clear(s.nicks)
	clear(s.denied)
	s.folded = nil
	for _, c := range cfg.Creators {
		s.creators[strings.ToLower(c)] = true
	}
	for jid, nick := range cfg.Nicks {
		s.nicks[strings.ToLower(jid)] = nick
	}
	for _, d := range cfg.Denied {
		s.denied[strings.ToLower(d)] = true
	}
}

type handlerKey struct {
	at                place
	typ, space, local string
}

// New returns a service with the rooms of the config, nobody in them. salt (at least 16 bytes,
// secret, the same for ever) keys occupant ids (XEP-0421).
func New(cfg Config, salt []byte) *Service {
	if len(salt) < 16 {
		panic("muc: a salt of less than 16 bytes")
	}
	s := &Service{
		domain:   strings.ToLower(cfg.Domain),
		name:     cfg.Name,
		version:  cfg.Version,
		limit:    cfg.MaxStanza,
		denied:   map[string]bool{},
		past:     cfg.Past,
		extra:    cfg.Features,
		salt:     salt,
		features: features(),
		handlers: map[handlerKey]func(*step) error{},
		rooms:    map[string]*room{},
		relayed:  relayed{byID: map[string]*question{}, asking: map[stanza.JID]int{}},
		creators: map[string]bool{},
		reserved: cfg.Reserved,
		nicks:    map[string]string{},
		tombs:    tombs{byName: map[string]tomb{}},

		strangers: NewRates(strangerBurst, strangerEvery),
		domains:   NewRates(domainBurst, domainEvery),
		presences: NewRates(presenceBurst, presenceEvery),
	}
	s.people(cfg)
	if s.limit == 0 {
		s.limit = defaultMaxStanza
	}
	for _, f := range s.features {
		for _, h := range f.iq {
			key := handlerKey{h.at, h.typ, h.space, h.local}
			if s.handlers[key] != nil {
				panic("muc: two handlers of " + h.typ + " " + h.space)
			}
			s.handlers[key] = h.do
		}
	}
	for _, rc := range cfg.Rooms {
		r := s.newRoom(strings.ToLower(rc.Local))
		r.configure(s, rc)
	}
	return s
}

// step is one stanza on its way through the service.
type step struct {
	s        *Service
	now      time.Time
	in       *stanza.Element
	id       string
	from, to stanza.JID
	room     *room // that to names, nil where there is none, or one that the sender may not know of yet
	created  bool  // by this step
	left     []*room
	out      Out
}

// Step takes a stanza whose to is the service's domain, a room or an occupant. id is an unused, unpredictable
// id for the message, should one come of it. Every IQ of type get or set is answered. The stanza
// is the service's from now on: the caller does not change it any more.
func (s *Service) Step(now time.Time, in *stanza.Element, id string) Out {
	st := s.begin(now, in, id)
	if st.from == "" || st.to.Domain() != s.domain {
		return Out{} // nobody to answer, or nobody to answer as
	}
	st.expireRelayed()
	if !st.heard() {
		return st.out
	}
	if err := st.route(); err != nil {
		st.refuse(err)
	}
	st.sweep()
	return st.out
}

func (s *Service) begin(now time.Time, in *stanza.Element, id string) *step {
	st := &step{s: s, now: now, in: in, id: id, from: in.From(), to: in.To()}
	if r := s.rooms[st.to.Local()]; r != nil && r.open && (!r.locked || s.standing(r, st.from.Bare()) == Owner) &&
		(!r.hosted || s.admits(r, st.from.Bare())) {
		st.room = r
	}
	return st
}

func (st *step) route() error {
	switch st.in.Local {
	case "iq":
		return st.routeIQ()
	case "presence":
		return st.routePresence()
	case "message":
		return st.routeMessage()
	}
	return nil
}

func (st *step) routeIQ() error {
	switch st.in.Type() {
	case "result", "error":
		st.answered()
		return nil
	case "get", "set":
	default:
		return errBadRequest
	}
	switch {
	case st.in.First() == nil:
		return errBadRequest
	case st.to.Local() == "" && st.to.Resource() != "":
		return errUnavailable
	case st.to.Local() == "":
		return st.handle(atService)
	case st.to.Resource() != "":
		return st.occupantIQ()
	case st.stranger():
		return st.strangerIQ()
	case st.room == nil:
		return errNotFound
	}
	return st.handle(atRoom)
}

func (st *step) handle(at place) error {
	p := st.in.First()
	if do := st.s.handlers[handlerKey{at, st.in.Type(), p.Space, p.Local}]; do != nil {
		return do(st)
	}
	return errUnavailable
}

func (st *step) routePresence() error {
	typ := st.in.Type()
	if typ == "subscribe" { // to anything here: never granted, nothing told
		st.send(st.from, stanza.New("", "presence", "type", "unsubscribed", "from", string(st.to.Bare()), "id", st.in.ID()))
		return nil
	}
	sess := st.session()
	switch {
	case st.to.Local() == "":
		return nil
	case sess == nil && typ != "" && typ != "probe":
		return nil
	case st.stranger():
		return st.strangerPresence()
	case typ == "" && !st.calm():
		return errSlower
	case st.room == nil && typ == "" && st.in.Has(nsMUC, "x"):
		return st.create()
	case st.room == nil:
		return errNotAllowed
	}
	switch typ {
	case "":
		if st.in.Has(nsMUC, "x") {
			return st.enter()
		}
		return st.changePresence(sess)
	case "unavailable":
		st.leave(sess)
	case "error":
		st.bounced(sess)
	case "probe":
		return st.probe(sess)
	}
	return nil
}

func (st *step) routeMessage() error {
	sess := st.session()
	typ := st.in.Type()
	switch {
	case typ == "error":
		if sess != nil {
			st.bounced(sess)
		}
		return nil
	case st.to.Local() == "" && typ == "headline":
		return nil
	case st.to.Local() == "":
		return errUnavailable
	case st.stranger():
		return errAcceptable
	case st.room == nil:
		return errNotFound
	}
	if sess != nil {
		st.confirm(sess)
	}
	switch {
	case st.to.Resource() != "":
		return st.whisper(sess)
	case typ == "groupchat":
		return st.speak(sess)
	case typ == "headline":
		return nil
	}
	return st.claimed(sess)
}

// claimed hands a message to the room over to the feature that knows it.
func (st *step) claimed(sess *session) error {
	for _, f := range st.s.features {
		for _, c := range f.message {
			switch {
			case !c.holds(st.in):
			case sess != nil:
				return c.do(st, sess)
			case c.outside != nil:
				return c.outside(st)
			default:
				return errAcceptable
			}
		}
	}
	if sess == nil {
		return errAcceptable
	}
	return errBadRequest
}

// session returns the sender's session in the room, or nil.
func (st *step) session() *session {
	if st.room == nil {
		return nil
	}
	return st.room.sessions[st.from]
}

// refuse is the one place where a refusal becomes a stanza.
func (st *step) refuse(err error) {
	e, ok := err.(stanza.Error)
	if !ok {
		panic("muc: a refusal without a reply: " + err.Error())
	}
	if e.By == "" {
		e.By = st.to.Bare()
	}
	r := e.Reply(st.in)
	if r == nil {
		return
	}
	// Clients know a failed join by it, and take a refused nick that has it for one: Profanity then forgets the room.
	if r.Local == "presence" && st.in.Has(nsMUC, "x") {
		r.Nodes = append([]stanza.Node{{Element: stanza.New(nsMUC, "x")}}, r.Nodes...)
	}
	st.send(st.from, r)
}

// send appends a stanza for one address.
func (st *step) send(to stanza.JID, e *stanza.Element) {
	st.out.send(e, to)
}

// result answers an IQ.
func (st *step) result(payload ...*stanza.Element) error {
	st.send(st.from, stanza.Result(st.in).Add(payload...))
	return nil
}

func (o *Out) send(e *stanza.Element, to ...stanza.JID) {
	if len(to) > 0 {
		o.Send = append(o.Send, Sending{To: to, Stanza: e.Set("to", string(to[0]))})
	}
}

// decide applies a fact and records it.
func (st *step) decide(f Fact) {
	f.At = st.now
	if err := st.s.Apply(f); err != nil {
		panic("muc: " + err.Error())
	}
	st.out.Facts = append(st.out.Facts, f)
}

func (st *step) event(kind EventKind, r *room, s *session) {
	e := Event{Kind: kind, Room: r.local, JID: s.jid, Nick: s.occ.nick}
	if kind != Left {
		e.Presence = s.presence
	}
	st.out.Events = append(st.out.Events, e)
}
