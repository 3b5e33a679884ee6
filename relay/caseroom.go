package relay

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"frontdesk/component/stanza"
	"frontdesk/config"
	"frontdesk/muc"
	"frontdesk/store"
)

// The case room of a thread, case.N: where colleagues see it as it goes on and talk about it. It is opened when somebody
// who may see the thread comes or is called, and closed when everybody has left, or with the conversation. It shows two
// archives as one: the thread's own, mirrored, and what was said in the room.

func caseLocal(n uint64) string { return "case." + strconv.FormatUint(n, 10) }

func (r *Relay) caseJID(t *thread) stanza.JID {
	return stanza.MakeJID(caseLocal(t.N), r.cfg.Desk.Domain, "")
}

// caseOf returns the number of the thread whose case room an address names, or 0.
func caseOf(local string) uint64 {
	num, ok := strings.CutPrefix(local, "case.")
	n, err := strconv.ParseUint(num, 10, 64)
	if !ok || err != nil || strconv.FormatUint(n, 10) != num {
		return 0
	}
	return n
}

// caseThread returns the thread of a case room, nil for any other room.
func (r *Relay) caseThread(local string) *thread {
	if n := caseOf(local); n != 0 {
		return r.thread(n)
	}
	return nil
}

// visit opens the case room that a stanza is for, if its sender may see the thread.
func (r *Relay) visit(s *stanza.Element) {
	n := caseOf(s.To().Local())
	if n == 0 {
		return
	}
	p := r.staff[string(s.From().Bare())]
	if p == nil {
		return
	}
	if t := r.thread(n); t != nil && r.maySee(p.JID, t) {
		r.host(t)
	}
}

// host opens a thread's case room, if it is not open.
func (r *Relay) host(t *thread) {
	r.visited = append(r.visited, t.N)
	local := caseLocal(t.N)
	if r.rooms.Hosted(local) {
		return
	}
	r.rooming(r.rooms.Host(r.now, r.caseConfig(t)))
	t.hosted = true
	r.flush()
	page, _, err := r.caseRecords(t, store.Query{Limit: historyLength, Last: true}, maxSifted, func(*store.Record) bool { return true })
	if err != nil {
		r.fail(err)
		return
	}
	var said []muc.Fact
	for _, it := range r.itemsOf(page) {
		said = append(said, it.Fact)
	}
	r.rooms.Recall(local, said)
}

// rehost has an open case room follow what changed about its thread; rehostAll, about the staff.
func (r *Relay) rehost(t *thread) {
	if t.hosted {
		r.rooming(r.rooms.Host(r.now, r.caseConfig(t)))
	}
}

func (r *Relay) rehostAll() {
	for _, local := range r.rooms.Rooms() {
		if t := r.caseThread(local); t != nil {
			r.rehost(t)
		}
	}
}

// tidy closes case rooms that nobody is in. After the commit: an answer may have waited for it.
func (r *Relay) tidy() {
	for _, n := range r.visited {
		if t := r.threads[n]; r.rooms.Empty(caseLocal(n)) && t != nil {
			t.hosted = false
		}
	}
	r.visited = r.visited[:0]
}

func (r *Relay) caseConfig(t *thread) muc.RoomConfig {
	d, open := r.desk.Thread(t.N)
	rc := muc.RoomConfig{
		Local: caseLocal(t.N), Name: t.label(), Description: "What is said here stays among colleagues.",
		Affiliations: r.visitorsOf(t), Nicks: r.nicks(), Service: serviceNick, History: historyLength,
		Mute: !open, Subject: t.label(), Guests: []muc.Guest{t.guest("", "")},
	}
	switch {
	case !open:
		rc.Subject += ", closed"
	case d.Owner == "":
		rc.Subject += ", waiting"
	default:
		rc.Subject += ", with " + r.nameOf(d.Owner)
		for _, a := range append([]string{d.Owner}, r.desk.Team(t.N)...) {
			rc.Guests = append(rc.Guests, t.guest(a, r.nameOf(a)))
		}
	}
	return rc
}

// guest is who speaks to or for the customer in the case room: by is an agent or "" for the customer. No nick of theirs
// can be a colleague's, who says something else there; servers let all of them pass.
func (t *thread) guest(by, name string) muc.Guest {
	if by != "" {
		nick := cmp.Or(muc.Passing(name), muc.Passing(stanza.JID(by).Local()), "Colleague")
		return muc.Guest{Key: by, Nick: nick + " (to the customer)"}
	}
	if name = muc.Passing(t.customer.Name); name == "" {
		return muc.Guest{Key: "customer", Nick: "Customer #" + strconv.FormatUint(t.N, 10)}
	}
	return muc.Guest{Key: "customer", Nick: name + " (customer)"}
}

// nicks are those of all agents, as one table.
func (r *Relay) nicks() map[string]string { return r.visitors.nicks }

// visitors is what case rooms share, until the staff changes.
type visitors struct {
	nicks   map[string]string
	looks   map[string]bool                       // of nicks
	byQueue map[string]map[string]muc.Affiliation // of queues, joined by NUL
}

// visitorsOf are the agents who may see a thread. All rooms of a queue share one table; who sees the thread for himself
// alone makes a copy.
func (r *Relay) visitorsOf(t *thread) map[string]muc.Affiliation {
	served := t.Queue
	d, open := r.desk.Thread(t.N)
	if open {
		served = d.Served()
	}
	key := t.Queue + "\x00" + served
	all := r.visitors.byQueue[key]
	if all == nil {
		all = map[string]muc.Affiliation{}
		for _, p := range r.cfg.Agents {
			if p.Role != config.Agent || r.serves(p.JID, t.Queue) || r.serves(p.JID, served) {
				all[p.JID] = muc.Member
			}
		}
		r.visitors.byQueue[key] = all
	}
	var own map[string]muc.Affiliation
	for _, a := range slices.Concat([]string{d.Owner}, r.desk.Asked(t.N), r.desk.Team(t.N), t.Consulted) {
		if all[a] == 0 && own[a] == 0 && r.staff[a] != nil {
			if own == nil {
				own = make(map[string]muc.Affiliation, len(all)+1)
				for k, v := range all {
					own[k] = v
				}
			}
			own[a] = muc.Member
		}
	}
	if own != nil {
		return own
	}
	return all
}

// mirror shows a record of a thread in its case room, if that is open.
func (r *Relay) mirror(t *thread, e *entry) {
	if t == nil || !t.hosted {
		return
	}
	if f := r.caseFact(t, e); f.Words != nil {
		r.sendings(r.rooms.Mirror(r.now, f.Room, f.ID, f.Words).Send)
	}
}

// mirrored reports whether a record of a thread is shown in its case room.
func mirrored(rec *store.Record) bool {
	switch {
	case rec.Content == nil && !rec.Erased:
		return false
	case uttered(rec.Kind), rec.Kind == kindNoted:
		return true
	}
	return rec.Kind == kindTold && toCustomer(*rec)
}

// caseFact is a record of a thread (one that is mirrored) as a message of its case room, without Words where they were erased.
func (r *Relay) caseFact(t *thread, e *entry) muc.Fact {
	g := muc.Guest{Key: "desk", Nick: serviceNick}
	by, _ := e.said()
	switch {
	case uttered(e.kind) && by != "":
		g = t.guest(by, r.nameOf(by))
	case uttered(e.kind):
		g = t.guest("", "")
	}
	id, w := r.ids.of(e.seq), e.words
	f := muc.Fact{Kind: muc.Message, At: e.at, Room: caseLocal(t.N), ID: id, Nick: g.Nick}
	if w == nil {
		return f
	}
	show := words{Body: w.Body, Lang: w.Lang, URL: w.URL, Replace: w.Replace, Reply: w.Reply, React: w.React, Emoji: w.Emoji, Retract: w.Retract}
	if e.kind == kindNoted {
		show = words{Body: "Note by " + r.nameOf(e.own.By) + ": " + w.Body}
	} else if !uttered(e.kind) {
		show = words{Body: "(to the customer) " + w.Body}
	}
	if m := show.build(id, r.ids.of, textRetracted); m != nil {
		f.Words = r.rooms.Words(f.Room, g, id, m)
	}
	return f
}

// caseRecords pages through both archives of a case room.
func (r *Relay) caseRecords(t *thread, ask store.Query, budget int, want func(*store.Record) bool) ([]store.Record, bool, error) {
	room, moreRoom, err := r.sift(r.roomArchive(caseLocal(t.N)), ask, budget, func(rec *store.Record) bool {
		return muc.Kind(rec.Kind).Archived() && want(rec)
	})
	if err != nil {
		return nil, false, err
	}
	own, moreOwn, err := r.sift(t.archive, ask, budget, func(rec *store.Record) bool { return mirrored(rec) && want(rec) })
	if err != nil {
		return nil, false, err
	}
	// A page that ended early says nothing of what the other one has beyond its end.
	if ask.Last {
		own, room = beyond(own, room, moreRoom, true), beyond(room, own, moreOwn, true)
	} else {
		own, room = beyond(own, room, moreRoom, false), beyond(room, own, moreOwn, false)
	}
	page := append(slices.Clone(room), own...)
	slices.SortFunc(page, func(a, b store.Record) int {
		if a.Seq < b.Seq {
			return -1
		}
		return 1
	})
	more := moreRoom || moreOwn
	if over := len(page) - ask.Limit; over > 0 {
		more = true
		if ask.Last {
			page = page[over:]
		} else {
			page = page[:ask.Limit]
		}
	}
	return page, more, nil
}

// beyond cuts from a page what lies past the end of another one that is not complete.
func beyond(page, other []store.Record, incomplete, backward bool) []store.Record {
	switch {
	case !incomplete:
		return page
	case len(other) == 0:
		return nil
	}
	return slices.DeleteFunc(slices.Clone(page), func(rec store.Record) bool {
		if backward {
			return rec.Seq < other[0].Seq
		}
		return rec.Seq > other[len(other)-1].Seq
	})
}
