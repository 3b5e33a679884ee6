package muc

import "testing"

// FuzzRestore: what stands in a snapshot or in a session's row, however it came there, is taken or refused; what was taken can be saved and
// taken again, and the service goes on.
func FuzzRestore(f *testing.F) {
	g := busyStage(f)
	saved, err := g.s.Snapshot()
	if err != nil {
		f.Fatal(err)
	}
	for key, row := range g.rows {
		f.Add(saved, key, row)
	}
	f.Add([]byte(`{"rooms":[{"room":"","made":{}},{"room":"lobby","subject":{"xml":"<message/>"}}]}`), "lobby\x00a@b/c", []byte(`{"nick":"desk","presence":"<presence/>"}`))
	f.Add([]byte(`{"rooms":[{"room":"x","settings":{},"nicks":[{"jid":"a","nick":""}]}],"tombs":[{}]}`), "x\x00a@agents.example/c", []byte(`{"nick":"","presence":"<x/>"}`))
	f.Fuzz(func(t *testing.T, data []byte, key string, row []byte) {
		g := newStage(t)
		if g.s.Restore(data) != nil {
			return
		}
		_ = g.s.RestoreSession(key, row)
		g.s.Verify(g.now)
		first, err := g.s.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		again := newStage(t)
		if err := again.s.Restore(first); err != nil {
			t.Fatalf("%v in what was saved: %s", err, first)
		}
		if second, err := again.s.Snapshot(); err != nil || string(first) != string(second) {
			t.Fatalf("%v: saved as %s, and again as %s", err, first, second)
		}
		g.s.Step(g.now, join("Anna").Set("from", string(anna)), "id")
		g.s.Expire(g.now)
	})
}
