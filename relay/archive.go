package relay

import (
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"frontdesk/component/stanza"
	"frontdesk/muc"
	"frontdesk/store"
)

const (
	maxSifted      = 4096    // records read for one page
	maxSiftedBatch = 1 << 14 // and for all pages of one batch; what then comes is asked to come again
)

// errWide refuses a search that would take too long.
var errWide = stanza.Error{Type: "wait", Condition: "resource-constraint", Text: "There is too much to search. Ask for a shorter time."}

// asideArchive names what belongs to a room and is nobody's to page through: private messages, affiliations.
func asideArchive(room string) string { return "aside:" + room }

func (r *Relay) archiveOf(f *muc.Fact) string {
	if f.Kind.Archived() {
		return r.roomArchive(f.Room)
	}
	return asideArchive(f.Room)
}

// crowded counts an archive query, and reports whether there are too many in this batch.
func (r *Relay) crowded(who stanza.JID) bool {
	who = who.Bare()
	if r.sifted > maxSiftedBatch {
		return true
	}
	if _, known := r.asked[who]; !known && len(r.asked) >= maxAskers {
		return true
	}
	r.asked[who]++
	return r.asked[who] > maxAsked
}

var errCrowded = stanza.Error{Type: "wait", Condition: "resource-constraint", Text: "Too many questions at once. Ask again in a moment."}

// asking puts questions for rooms' archives behind what the batch has so far. They are answered once it is durable, with
// what was said before them.
func (r *Relay) asking(asks []*muc.Ask) {
	for _, a := range asks {
		if r.crowded(a.Query.From()) {
			r.sendings(muc.Refuse(a, errCrowded).Send)
			continue
		}
		r.items = append(r.items, item{side: r.back, ask: a, before: r.next})
	}
}

func (r *Relay) sendings(all []muc.Sending) {
	for _, s := range all {
		r.items = append(r.items, item{side: r.back, el: s.Stanza, to: s.To})
	}
}

// answerRoom answers a question for a room's archive out of the records before a number.
func (r *Relay) answerRoom(a *muc.Ask, before uint64) muc.Out {
	if r.sifted > maxSiftedBatch {
		return muc.Refuse(a, errCrowded)
	}
	var recs []store.Record
	more, found := false, true
	var err error
	switch {
	case a.Ends:
		recs, err = r.ends(a, before)
	default:
		var ask store.Query
		if ask, found, err = r.bounds(a, before); err == nil && found {
			if len(a.IDs) > 0 {
				recs, more, found, err = r.picked(a, ask)
			} else {
				recs, more, err = r.roomRecords(a.Room, ask, r.wanted(a))
			}
		}
	}
	switch {
	case err != nil:
		r.fail(err)
		return muc.Out{}
	case !found:
		return muc.Refuse(a, stanza.Error{Type: "cancel", Condition: "item-not-found"})
	case more && len(recs) == 0 && a.Limit > 0:
		return muc.Refuse(a, errWide)
	}
	return r.rooms.Answer(a, r.itemsOf(recs), more)
}

// roomRecords pages through what a room's archive holds; a case room's is two in one.
func (r *Relay) roomRecords(room string, ask store.Query, want func(*store.Record) bool) ([]store.Record, bool, error) {
	if t := r.caseThread(room); t != nil {
		return r.caseRecords(t, ask, maxSifted, want)
	}
	return r.sift(r.roomArchive(room), ask, maxSifted, want)
}

// wanted is what an Ask asks for, as records.
func (r *Relay) wanted(a *muc.Ask) func(*store.Record) bool {
	t := r.caseThread(a.Room)
	return func(rec *store.Record) bool {
		own := t != nil && rec.Archive == t.archive
		if !a.Narrow() {
			return own || a.Wants(&muc.Fact{Kind: muc.Kind(rec.Kind)})
		}
		if own {
			e, err := decode(*rec)
			if err != nil {
				return false
			}
			f := r.caseFact(t, e)
			return a.Wants(&f)
		}
		f, err := decodeMuc(store.Record{Kind: rec.Kind, Numbers: rec.Numbers})
		return err == nil && a.Wants(&f)
	}
}

// bounds turns ids and times into numbers; found is false for an id that is not in the archive.
func (r *Relay) bounds(a *muc.Ask, before uint64) (ask store.Query, found bool, err error) {
	ask = store.Query{Before: before, Limit: a.Limit, Last: a.Last}
	for _, id := range a.After {
		seq, ok := r.archivedAt(a.Room, id, before)
		if !ok {
			return ask, false, nil
		}
		ask.After = max(ask.After, seq)
	}
	for _, id := range a.Before {
		seq, ok := r.archivedAt(a.Room, id, before)
		if !ok {
			return ask, false, nil
		}
		ask.Before = min(ask.Before, seq)
	}
	if !a.Start.IsZero() {
		seq, err := r.since(ceil(a.Start))
		if err != nil {
			return ask, false, err
		}
		ask.After = max(ask.After, seq-1)
	}
	if !a.End.IsZero() {
		seq, err := r.since(a.End.Truncate(time.Millisecond).Add(time.Millisecond))
		if err != nil {
			return ask, false, err
		}
		ask.Before = min(ask.Before, seq)
	}
	return ask, true, nil
}

// ceil rounds up to the milliseconds that clients are shown.
func ceil(t time.Time) time.Time {
	return t.Add(time.Millisecond - 1).Truncate(time.Millisecond)
}

// since returns the number of the first record that is not older: time never runs backwards in the log.
func (r *Relay) since(t time.Time) (uint64, error) { return since(r.store, t) }

func since(s *store.Store, t time.Time) (uint64, error) {
	var err error
	n := sort.Search(int(s.Next()-1), func(i int) bool {
		if err != nil {
			return true
		}
		var recs []store.Record
		if recs, err = s.Scan(uint64(i)+1, 1); err != nil || len(recs) == 0 {
			return true
		}
		return !recs[0].Time.Before(t)
	})
	return uint64(n) + 1, err
}

// archivedAt returns the number of an id that is in the room's archive, before a number.
func (r *Relay) archivedAt(room, id string, before uint64) (uint64, bool) {
	seq, ok := r.ids.seq(id)
	if !ok || seq >= before {
		return 0, false
	}
	rec, ok := r.record(seq)
	if t := r.caseThread(room); ok && t != nil && rec.Archive == t.archive {
		return seq, mirrored(&rec)
	}
	return seq, ok && rec.Archive == r.roomArchive(room) && muc.Kind(rec.Kind).Archived()
}

// record returns a record of the log, or of the batch.
func (r *Relay) record(seq uint64) (store.Record, bool) {
	if first := r.next - uint64(len(r.records)); seq >= first && seq < r.next {
		return r.records[seq-first], true
	}
	recs, err := r.store.Scan(seq, 1)
	if err != nil {
		r.fail(err)
	}
	if err != nil || len(recs) == 0 || recs[0].Seq != seq {
		return store.Record{}, false
	}
	return recs[0], true
}

// past is muc.Config.Past.
func (r *Relay) past(room, id string) (muc.Fact, bool) {
	seq, ok := r.archivedAt(room, id, r.next)
	if !ok {
		return muc.Fact{}, false
	}
	rec, _ := r.record(seq)
	f, err := decodeMuc(store.Record{Time: rec.Time, Kind: rec.Kind, Numbers: rec.Numbers})
	return f, err == nil
}

// picked returns the records of a.IDs that are in the range; found is false where one of them is not in the archive.
func (r *Relay) picked(a *muc.Ask, ask store.Query) (page []store.Record, more, found bool, err error) {
	var seqs []uint64
	for _, id := range a.IDs {
		seq, ok := r.archivedAt(a.Room, id, r.next)
		if !ok {
			return nil, false, false, nil
		}
		if seq > ask.After && seq < ask.Before {
			seqs = append(seqs, seq)
		}
	}
	slices.Sort(seqs)
	seqs = slices.Compact(seqs)
	if ask.Last {
		slices.Reverse(seqs)
	}
	want, size := r.wanted(a), 0
	for _, seq := range seqs {
		rec, _ := r.record(seq)
		if !want(&rec) {
			continue
		}
		if size += len(rec.Content); len(page) == ask.Limit || len(page) > 0 && size > maxPageBytes {
			more = true
			break
		}
		page = append(page, rec)
	}
	if ask.Last {
		slices.Reverse(page)
	}
	return page, more, true, nil
}

// ends returns the first and the last item of a room's archive, or none.
func (r *Relay) ends(a *muc.Ask, before uint64) ([]store.Record, error) {
	ask, _, err := r.bounds(a, before)
	if err != nil {
		return nil, err
	}
	first, _, err := r.roomRecords(a.Room, store.Query{After: ask.After, Before: before, Limit: 1}, r.wanted(a))
	if err != nil || len(first) == 0 {
		return nil, err
	}
	last, _, err := r.roomRecords(a.Room, store.Query{After: ask.After, Before: before, Limit: 1, Last: true}, r.wanted(a))
	return append(first, last...), err
}

// itemsOf decodes a page, with what took a message back. What cannot be read is left out, or its words are: a message that
// somebody sent must not end the desk.
func (r *Relay) itemsOf(recs []store.Record) []muc.Item {
	items := make([]muc.Item, 0, len(recs))
	for _, rec := range recs {
		if rec.Kind < 100 || rec.Kind >= 200 { // of a thread, in its case room
			n, _ := strconv.ParseUint(rec.Archive, 10, 64)
			if t := r.thread(n); t != nil {
				if e, err := decode(rec); err == nil {
					items = append(items, muc.Item{Fact: r.caseFact(t, e)})
				}
			}
			continue
		}
		f, err := decodeMuc(rec)
		if err != nil {
			r.log.Warn("a message in a room's archive cannot be read", "record", rec.Seq, "err", err)
			rec.Content = nil
			if f, err = decodeMuc(rec); err != nil {
				continue
			}
		}
		items = append(items, muc.Item{Fact: f, Retraction: r.retraction(&f)})
	}
	return items
}

// retraction returns what took a message back, or what it corrects; or nil.
func (r *Relay) retraction(f *muc.Fact) *muc.Fact {
	var by uint64
	switch id := f.Corrects(); {
	case f.Kind != muc.Message:
		return nil
	case r.row(tableRetracted, f.ID, &by):
	case id == "" || !r.row(tableRetracted, saidAs(f, id), &by):
		return nil
	}
	if rec, ok := r.record(by); ok {
		if taken, err := decodeMuc(rec); err == nil {
			return &taken
		}
	}
	return &muc.Fact{At: f.At} // the words must not come back
}

// saidAs is the key of what somebody said in a room under an id of his own.
func saidAs(f *muc.Fact, id string) string {
	if len(id) > 512 {
		id = id[:512]
	}
	return f.Room + "\x00" + f.From + "\x00" + id
}

// retracted notes in the batch what took a message back: under its id, and for its corrections under the id that its
// author gave it. The first retraction counts.
func (r *Relay) retracted(f *muc.Fact, seq uint64) {
	var by uint64
	if r.row(tableRetracted, f.Target, &by) {
		return
	}
	r.put(tableRetracted, strings.Clone(f.Target), seq)
	target, ok := r.ids.seq(f.Target)
	if !ok {
		return
	}
	rec, _ := r.record(target)
	if t, err := decodeMuc(rec); err == nil && t.Words != nil && t.Words.ID() != "" {
		r.put(tableRetracted, saidAs(&t, t.Words.ID()), seq)
	}
}

// sift pages through an archive, passing over records that are not wanted, and reads at most about budget of them. The
// page has at most ask.Limit of them, and ends at maxPageBytes, too; more tells that it may go on.
func (r *Relay) sift(archive string, ask store.Query, budget int, wanted func(*store.Record) bool) (page []store.Record, more bool, err error) {
	limit, size := ask.Limit, 0
	ask.Limit = min(limit+1, maxPage+1)
	for {
		recs, rest, err := r.store.Page(archive, ask)
		if err != nil {
			return nil, false, err
		}
		if ask.Last {
			slices.Reverse(recs)
		}
		for i := range recs {
			if !wanted(&recs[i]) {
				continue
			}
			if size += len(recs[i].Content); len(page) == limit || len(page) > 0 && size > maxPageBytes {
				rest, more = false, true
				break
			}
			page = append(page, recs[i])
		}
		r.sifted += len(recs)
		if budget -= len(recs); rest && budget <= 0 {
			rest, more = false, true
		}
		if !rest || len(recs) == 0 {
			if ask.Last {
				slices.Reverse(page)
			}
			return page, more, nil
		}
		if ask.Limit = maxPage; ask.Last {
			ask.Before = recs[len(recs)-1].Seq
		} else {
			ask.After = recs[len(recs)-1].Seq
		}
	}
}
