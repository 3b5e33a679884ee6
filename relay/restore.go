package relay

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"frontdesk/dispatch"
	"frontdesk/muc"
	"frontdesk/store"
)

// image is a snapshot of both machines. The JSON names are in files for ever.
type image struct {
	Desk  json.RawMessage `json:"desk"`
	Rooms json.RawMessage `json:"rooms"`
	Time  time.Time       `json:"time"`
}

// restore rebuilds the state: the last snapshot, the log's tail, then the rows.
func (r *Relay) restore() error {
	r.next = r.store.Next()
	var err error
	if r.ids, err = newIDs(r.secret("id-key")); err != nil {
		return err
	}
	r.key = r.secret("page-key")
	r.rooms = muc.New(r.roomsConfig(), r.secret("room-salt"))
	dc := r.deskConfig()
	seq, data, err := r.store.LastSnapshot()
	if err != nil {
		return err
	}
	if data == nil {
		r.desk = dispatch.New(dc)
	} else {
		var im image
		if err := json.Unmarshal(data, &im); err != nil {
			return fmt.Errorf("snapshot at record %d: %w", seq, err)
		}
		if r.desk, err = dispatch.Restore(dc, im.Desk); err != nil {
			return fmt.Errorf("snapshot at record %d: %w", seq, err)
		}
		if err := r.rooms.Restore(im.Rooms); err != nil {
			return fmt.Errorf("snapshot at record %d: %w", seq, err)
		}
		r.now = im.Time
	}
	if err := r.store.Replay(seq+1, r.replay); err != nil {
		return err
	}
	r.snapshotAt = r.next + snapshotEvery
	r.row(tableMeta, "customers", &r.lastCustomer)
	if err := r.restoreCanned(); err != nil {
		return err
	}
	if err := r.restoreRosters(); err != nil {
		return err
	}
	if err := r.restoreRooms(); err != nil {
		return err
	}
	if err := r.restoreWatchers(); err != nil {
		return err
	}
	return r.broken
}

// replay applies one record of the log's tail.
func (r *Relay) replay(rec store.Record) error {
	if rec.Time.After(r.now) {
		r.now = rec.Time
	}
	var err error
	switch {
	case rec.Kind < 100:
		var f dispatch.Fact
		if f, err = decodeFact(rec); err == nil {
			err = r.desk.Apply(f)
		}
	case rec.Kind < 200:
		if muc.Kind(rec.Kind).State() { // replay leaves words out
			rec.Content, _, err = r.store.Content(rec.Seq)
		}
		var f muc.Fact
		if err == nil {
			f, err = decodeMuc(rec)
		}
		if err == nil {
			err = r.rooms.Apply(f)
		}
	case rec.Kind > lastKind:
		err = fmt.Errorf("kind %d is unknown: a newer frontdesk wrote it", rec.Kind)
	}
	if err != nil {
		return fmt.Errorf("record %d: %w", rec.Seq, err)
	}
	return nil
}

// restoreRooms puts sessions back, and the newest messages into the rooms' histories.
func (r *Relay) restoreRooms() error {
	for _, room := range r.rooms.Rooms() {
		if err := r.restoreHistory(room); err != nil {
			return err
		}
	}
	return r.store.Rows(tableSession, func(key string, value []byte) error {
		local, _, _ := strings.Cut(key, "\x00")
		if t := r.caseThread(local); t != nil {
			r.host(t)
		}
		if err := r.rooms.RestoreSession(key, value); err != nil {
			r.log.Warn("a session is not restored: its client has to enter again", "err", err)
		}
		return nil
	})
}

func (r *Relay) restoreHistory(room string) error {
	page, _, err := r.store.Page(r.roomArchive(room), store.Query{Limit: 4 * historyLength, Last: true})
	if err != nil {
		return err
	}
	for _, rec := range page {
		f, err := decodeMuc(rec)
		if err == nil && (f.Kind == muc.Message || f.Kind == muc.Retracted) {
			err = r.rooms.Apply(f)
		}
		if err != nil { // a message that somebody sent must not keep the desk from starting
			r.log.Warn("a message is left out of a room's history", "record", rec.Seq, "err", err)
		}
	}
	return nil
}

// snapshot keeps the state of both machines as it is after the last committed record.
func (r *Relay) snapshot() {
	desk, err := r.desk.Snapshot()
	if err != nil {
		r.fail(err)
		return
	}
	rooms, err := r.rooms.Snapshot()
	if err != nil {
		r.fail(err)
		return
	}
	if err := r.store.Snapshot(r.next-1, mustJSON(image{desk, rooms, r.now})); err != nil {
		r.fail(fmt.Errorf("keeping a snapshot: %w", err))
	}
	r.snapshotAt = r.next + snapshotEvery
}

// finish writes what a quick start wants: cursors and a snapshot.
func (r *Relay) finish() error {
	r.saveCursors()
	r.commit()
	if r.broken == nil && r.next > 1 {
		r.snapshot()
	}
	return r.broken
}
