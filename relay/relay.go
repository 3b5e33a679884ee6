package relay

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"frontdesk/component"
	"frontdesk/component/stanza"
	"frontdesk/config"
	"frontdesk/dispatch"
	"frontdesk/muc"
	"frontdesk/store"
	"frontdesk/texts"
)

// Bounds and periods of the loop.
const (
	verifyWithin  = 10 * time.Second // after the desk's link is up: nobody is assigned before the sessions answered, or that passed
	expireAfter   = 60 * time.Second // then sessions that still have not answered are removed
	presenceEvery = 5 * time.Second  // a queue's presence changes at most that often
	cursorEvery   = 2 * time.Second  // a moved cursor is put into the file at most that late
	snapshotEvery = 100_000          // records between snapshots
	noSpaceRetry  = 10 * time.Second
	publishEvery  = time.Second
	startRoom     = 192 << 10 // bytes that must fit into the file at the start
	maxArena      = 8 << 20   // bytes kept for the next batch
)

// Options for what tests replace.
type Options struct {
	Log    *slog.Logger
	Clock  Clock                          // nil: the wall clock
	Chance dispatch.Chance                // nil: the system's random source
	Load   func() (*config.Config, error) // reads the configuration again, for Reload; nil: there is none to read
	// Backoff bounds the first and the longest wait of a redial; zero: component's defaults.
	MinWait, MaxWait time.Duration
}

// Relay is the daemon.
type Relay struct {
	file   *config.Config // as it was read last
	cfg    *config.Config // in force: with what admins said since
	log    *slog.Logger
	clock  Clock
	chance dispatch.Chance

	store *store.Store
	disk  *disk
	shed  seldom // the log says that something is
	desk  *dispatch.Desk
	rooms *muc.Service
	ids   ids
	key   []byte // signs the keys of web pages
	inbox *inbox
	seed  maphash.Seed // of idKey

	load    func() (*config.Config, error)
	reading bool     // of the file is under way
	readers []string // who want another one behind it, each once

	front, back   *side
	queues        map[string]*queue // of the configuration
	former        map[string]*queue // that were in it since the process began
	order         []*queue          // as configured
	staff         map[string]*config.Person
	orders        []order
	texts         *texts.Set // of what belongs to no queue
	visitors      visitors
	doors         map[stanza.JID]*doorway // who was asked which queue he means
	rates         rates
	expected      map[string][]livePage          // key → pages of who is signed in and has not written yet, at most maxExpected
	retireAt      time.Time                      // when customers who cannot come back are looked for next
	keepAt        time.Time                      // when a piece of the log is gone through for old words next
	kept          *kept                          // nil: its row has not been read
	scrubbing     bool                           // beside the loop
	visited       []uint64                       // threads whose case room may be empty
	leavers       []leaver                       // in order of time
	restless      []restless                     // in order of time
	refusedBy     string                         // who was asked in a transfer and declined, in this step
	canned        map[string]replies             // by agent or queue, see ofQueue
	searches      int                            // under way
	beside        sync.WaitGroup                 // of what runs beside the loop
	life          context.Context                // ends with Run
	ended         chan struct{}                  // closed when Run has ended
	rosters       map[uint64]map[string]*listing // by thread and agent
	grants        map[string]bool                // servers that let us set rosters; true: and have done it
	refusing      map[string]bool                // servers that said so and then refused
	saidUngranted bool
	users         *users                                     // who says who visitors are; nil: nobody
	forms         map[string][]formSession                   // of commands, by agent, oldest first
	accounts      map[string]map[stanza.JID]dispatch.Session // presences of agents' accounts, by bare and full JID

	threads      map[uint64]*thread
	customers    map[uint64]*customer
	byJID        map[stanza.JID]uint64
	lastCustomer uint64
	evictAt      int // size of a map at which the idle ones are forgotten

	// The batch.
	now     time.Time
	next    uint64 // sequence number of the next record
	records []store.Record
	arena   []byte // the records' numbers and content
	rows    []store.Row
	pending map[rowKey][]byte
	items   []item
	outs    []item             // of one record
	asked   map[stanza.JID]int // archive queries in this batch, by who asks
	sifted  int                // records read for archive queries in this batch
	broken  error              // what ends the process

	verifyBy, expireAt   time.Time               // zero: not waiting
	before               map[string][]stanza.JID // clients that agents had when the desk's link was lost, and that may live on
	doubtFrom, doubtTill time.Time               // what they were sent from then on may not have reached them; looked at until
	paused               bool                    // dispatch has been told that the desk is down
	cursorAt             time.Time
	snapshotAt           uint64 // sequence number at which the next one is due
	publishedAt          time.Time
	publishedUp          int
	stale                bool    // something changed that may change a queue's presence
	fresh                []fresh // in this step
	met                  bool    // who began a conversation in another run and was told nothing has been looked for
	ready                chan struct{}
	wasReady             bool
	saidReady            bool
	public               atomic.Pointer[config.Config] // cfg, for others
	view                 atomic.Pointer[metrics]
	shelf                atomic.Pointer[shelf] // of copies
	counts               counts
}

// New opens the file and rebuilds the state; the links are down until Run.
func New(cfg *config.Config, o Options) (*Relay, error) {
	r := &Relay{
		file: cfg, log: o.Log, clock: o.Clock, chance: o.Chance, load: o.Load,
		inbox: newInbox(), seed: maphash.MakeSeed(), queues: map[string]*queue{}, former: map[string]*queue{},
		accounts: map[string]map[stanza.JID]dispatch.Session{}, forms: map[string][]formSession{}, grants: map[string]bool{}, refusing: map[string]bool{},
		threads: map[uint64]*thread{}, customers: map[uint64]*customer{}, byJID: map[stanza.JID]uint64{},
		pending: map[rowKey][]byte{}, asked: map[stanza.JID]int{}, doors: map[stanza.JID]*doorway{}, expected: map[string][]livePage{}, evictAt: 2 * maxCached, paused: true, ready: make(chan struct{}), ended: make(chan struct{}),
	}
	r.orders = orders()
	r.users = newUsers(cfg, func() time.Time { return r.now })
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	r.disk = &disk{log: r.log, file: cfg.Data, epoch: time.Now()}
	if r.chance == nil {
		r.chance = fairChance{}
	}
	var err error
	if r.store, err = store.Open(cfg.Data); err != nil {
		return nil, err
	}
	inForce, err := r.people()
	if err == nil {
		r.employ(inForce)
		err = r.restore()
	}
	if err != nil {
		r.store.Close()
		return nil, fmt.Errorf("rebuilding the desk from %s: %w", cfg.Data, err)
	}
	r.suspect()
	if r.clock == nil {
		r.clock = newWallClock(r.now)
	}
	for _, l := range []struct {
		s    **side
		name string
		cfg  *config.Link
	}{{&r.front, "front", &cfg.Front}, {&r.back, "desk", &cfg.Desk}} {
		if *l.s, err = r.newSide(l.name, l.cfg, o); err != nil {
			r.store.Close()
			return nil, err
		}
	}
	r.publish()
	return r, nil
}

func (r *Relay) newSide(name string, cfg *config.Link, o Options) (*side, error) {
	s := &side{name: name, domain: cfg.Domain, customers: name == "front"}
	var cursor uint64
	r.row(tableMeta, "cursor/"+name, &cursor)
	s.acked, s.saved, s.sent = cursor, cursor, cursor
	lc := component.Config{Name: name, Address: cfg.Server, Domain: cfg.Domain, Secret: cfg.Secret,
		Log: r.log, MinWait: o.MinWait, MaxWait: o.MaxWait}
	if cfg.TLS {
		var err error
		if lc.TLS, err = TLSConfig(cfg); err != nil {
			return nil, err
		}
	}
	var err error
	s.link, err = component.New(lc, func(e component.Event) {
		r.came(s, e)
	})
	return s, err
}

// TLSConfig is what a link with tls = true verifies the server with.
func TLSConfig(cfg *config.Link) (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if cfg.TLSCA == "" {
		return t, nil
	}
	pem, err := os.ReadFile(cfg.TLSCA)
	if err != nil {
		return nil, fmt.Errorf("tls_ca: %w", err)
	}
	t.RootCAs = x509.NewCertPool()
	if !t.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("tls_ca: no certificate in %s: it must be a PEM file", cfg.TLSCA)
	}
	return t, nil
}

// Backup writes the data file as it is after the last batch (store.Backup), while Run runs. Safe for concurrent use; before
// there is room on the disk for the desk to begin, and after Run has ended, it is an error.
func (r *Relay) Backup(w io.Writer) (int64, error) {
	s := r.shelf.Load()
	if s == nil { // begin may open the file anew
		return 0, errors.New("the desk has not begun to work yet")
	}
	return s.store.Backup(w)
}

// Ready is closed once both links have been up and the desk works.
func (r *Relay) Ready() <-chan struct{} { return r.ready }

// Run runs the loop until ctx ends, or until the disk refuses a batch. It returns
// within 5 s of ctx's end: the links are closed and read to their end, all that came is
// committed, cursors and a snapshot are written. A Relay runs once.
func (r *Relay) Run(ctx context.Context) error {
	links, stop := context.WithCancel(ctx)
	defer stop()
	defer close(r.ended)
	r.life = links
	var wg sync.WaitGroup
	for _, s := range []*side{r.front, r.back} {
		wg.Go(func() { s.link.Run(links) })
	}
	closed := make(chan struct{})
	go func() {
		wg.Wait()
		close(closed)
	}()
	err := r.loop(closed)
	stop()
	r.inbox.close()
	<-closed
	r.beside.Wait()
	if err == nil {
		err = r.finish()
	}
	if cerr := r.store.Close(); err == nil {
		err = cerr
	}
	return err
}

// loop runs until both links have ended and nothing waits any more.
func (r *Relay) loop(closed <-chan struct{}) error {
	if err := r.begin(closed); err != nil {
		return err
	}
	var buf []event
	for ended := false; ; {
		var alarm <-chan time.Time
		cancel := func() {}
		if at := r.deadline(); !at.IsZero() {
			alarm, cancel = r.clock.Alarm(at)
		}
		select {
		case <-r.inbox.signal:
		case <-alarm:
		case <-closed:
			ended, closed = true, nil
		}
		cancel()
		buf = r.inbox.take(buf)
		r.step(buf)
		if r.broken != nil {
			return r.broken
		}
		if ended && len(buf) == 0 {
			return nil
		}
		if ended { // what the readers handed over last
			r.inbox.poke()
		}
		clear(buf)
	}
}

// begin proves that the disk takes a commit, of a size that leaves room to work with. While it is
// full the links are up and everything is answered with a temporary error; it returns once there is
// room, or the links have ended.
func (r *Relay) begin(closed <-chan struct{}) error {
	r.tickClock()
	r.put(tableMeta, "room", make([]byte, startRoom))
	defer r.inbox.poke()
	var buf, states []event
	for told := false; ; told = true {
		r.commit()
		if !errors.Is(r.broken, syscall.ENOSPC) {
			break
		}
		r.broken = nil
		r.store.Close() // it takes nothing more after a failed write; nothing of this run is in it yet
		if !told {
			r.log.Error("no room on the disk: everything is answered with a temporary error until there is", "file", r.cfg.Data, "retry", noSpaceRetry)
		}
		alarm, cancel := r.clock.Alarm(r.clock.Now().Add(noSpaceRetry))
		for waiting := true; waiting; {
			select {
			case <-alarm:
				waiting = false
			case <-closed:
				cancel()
				return errors.New("stopped while the disk was full")
			case <-r.inbox.signal:
			}
			buf = r.inbox.take(buf)
			for _, e := range buf {
				if e.then != nil || e.Kind != component.Stanza {
					states = append(states, e)
				} else if reply := r.inWords(stanza.Error{Type: "wait", Condition: "resource-constraint"}, r.texts, e.Stanza.Lang(), "full").Reply(e.Stanza); reply != nil {
					e.side.link.Send(reply, 0)
				}
			}
		}
		cancel()
		again, err := store.Open(r.cfg.Data)
		if err != nil {
			return err
		}
		r.store = again
	}
	if r.broken != nil {
		return r.broken
	}
	r.put(tableMeta, "room", nil)
	r.shelve()
	for i := range states {
		r.handle(&states[i])
	}
	return nil
}

// step takes events, then what is due, into one batch and commits it.
func (r *Relay) step(events []event) {
	r.tickClock()
	for i := range events {
		r.handle(&events[i])
		if r.broken != nil {
			return
		}
	}
	r.due()
	r.reassure()
	r.commit()
	r.tidy()
	for _, s := range []*side{r.front, r.back} {
		r.catchUp(s)
	}
	r.evict()
	r.publish()
	if r.wasReady && !r.saidReady { // others may ask now, and are told so
		r.saidReady = true
		r.log.Info("frontdesk: ready", "front", r.front.domain, "desk", r.back.domain)
		close(r.ready)
	}
}

// tickClock moves time on; it never runs backwards.
func (r *Relay) tickClock() {
	if t := r.clock.Now().UTC(); t.After(r.now) {
		r.now = t
	}
}

func (r *Relay) handle(e *event) {
	switch {
	case e.then != nil:
		e.then()
	case e.Kind == component.Up:
		r.up(e.side)
	case e.Kind == component.Down:
		r.down(e.side)
	case e.Kind == component.Acked:
		e.side.confirm(e.Mark)
	case e.Kind == component.Drained: // catchUp goes on; what is no record was lost
		if e.side == r.front {
			r.frontUp()
		} else if !r.paused {
			r.reshowEvery()
		}
	case e.Kind != component.Stanza:
	case e.side == r.front:
		r.fromFront(e.Stanza)
	default:
		r.fromDesk(e.Stanza)
	}
}

// deadline is when the loop wants to wake by itself.
func (r *Relay) deadline() time.Time {
	var at time.Time
	soonest := func(t time.Time) {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	soonest(r.desk.Deadline())
	soonest(r.verifyBy)
	soonest(r.expireAt)
	soonest(r.cursorAt)
	soonest(r.retireAt)
	soonest(r.keepAt)
	if len(r.leavers) > 0 {
		soonest(r.leavers[0].at)
	}
	if len(r.restless) > 0 {
		soonest(r.restless[0].at)
	}
	for _, q := range r.order {
		soonest(q.again)
		if !r.paused {
			soonest(q.retellAt)
		}
	}
	return at
}

// due does what the clock asks for.
func (r *Relay) due() {
	if at := r.desk.Deadline(); !at.IsZero() && !at.After(r.now) {
		r.decide(dispatch.Tick{}, nil)
	}
	r.verifying()
	r.left()
	r.rested()
	r.hats()
	if !r.cursorAt.IsZero() && !r.cursorAt.After(r.now) {
		r.saveCursors()
	}
	r.retell()
	r.retire()
	r.keep()
	r.moods()
}

// secret returns a random secret of the file, making it on the first start.
func (r *Relay) secret(name string) []byte {
	var b []byte
	if !r.row(tableMeta, name, &b) {
		b = make([]byte, 16)
		rand.Read(b)
		r.put(tableMeta, name, b)
	}
	return b
}
