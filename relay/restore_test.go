package relay

import (
	"strings"
	"testing"
	"time"

	"frontdesk/component/stanza"
	"frontdesk/store"
)

// TestRoomsFromTheLog: after a crash the log alone gives the rooms' state, with those words that belong to it.
func TestRoomsFromTheLog(t *testing.T) {
	t.Parallel()
	r := stopped(t)
	r.now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, xml := range []string{
		`<presence to='studio@%/Anna'><x xmlns='http://jabber.org/protocol/muc'/></presence>`,
		`<iq type='set' to='studio@%'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'><field var='muc#roomconfig_persistentroom'><value>1</value></field></x></query></iq>`,
		`<message type='groupchat' to='studio@%'><subject>Ours</subject></message>`,
		`<iq type='set' to='studio@%'><vCard xmlns='vcard-temp'><PHOTO><BINVAL>cGljdHVyZQ==</BINVAL></PHOTO></vCard></iq>`,
	} {
		in, err := stanza.Parse(strings.ReplaceAll(xml, "%", r.cfg.Desk.Domain))
		if err != nil {
			t.Fatal(err)
		}
		r.rooming(r.rooms.Step(r.now, in.Set("from", asker), r.ids.of(r.next)))
	}
	if err := r.store.Append(r.store.Next(), store.Batch{Records: r.records, Rows: r.rows}); err != nil {
		t.Fatal(err)
	}
	want, err := r.rooms.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.restore(); err != nil {
		t.Fatal(err)
	}
	if got, err := r.rooms.Snapshot(); err != nil || string(got) != string(want) {
		t.Errorf("%v\n%s, not\n%s", err, got, want)
	}
}
