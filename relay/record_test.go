package relay

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"frontdesk/dispatch"
	"frontdesk/store"
)

// TestByHand: what is written by hand is read as what it was, whichever field is set.
func TestByHand(t *testing.T) {
	t.Parallel()
	said := dispatch.Fact{Thread: 17, Conversation: 2, By: "anna@agents.example", Agent: "anna@agents.example", Team: []string{"bob@agents.example"}}
	for i := range reflect.TypeFor[dispatch.Fact]().NumField() {
		f := said
		reflect.ValueOf(&f).Elem().Field(i).SetZero()
		var back dispatch.Fact
		if err := json.Unmarshal(appendSaid(nil, &f), &back); err != nil || !reflect.DeepEqual(back, f) {
			t.Errorf("of a Said: %s is %+v, %v", appendSaid(nil, &f), back, err)
		}
	}
	for i := range reflect.TypeFor[words]().NumField() {
		w := words{}
		switch v := reflect.ValueOf(&w).Elem().Field(i); v.Kind() {
		case reflect.String:
			v.SetString("é\"<")
		case reflect.Bool:
			v.SetBool(true)
		case reflect.Uint64:
			v.SetUint(3)
		case reflect.Slice:
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		case reflect.Pointer:
			v.Set(reflect.New(v.Type().Elem()))
		default:
			t.Fatalf("of what kind is %s?", reflect.TypeFor[words]().Field(i).Name)
		}
		var back words
		if err := json.Unmarshal(w.appendJSON(nil), &back); err != nil || !reflect.DeepEqual(back, w) {
			t.Errorf("of words: %s is %+v, %v", w.appendJSON(nil), back, err)
		}
	}
}

// TestTeamOutlastsKill: the log of a conversation that somebody joined can be replayed, one that was written without naming
// him, too.
func TestTeamOutlastsKill(t *testing.T) {
	t.Parallel()
	for _, named := range []bool{true, false} {
		r := stopped(t)
		at := time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)
		said := dispatch.Fact{Kind: dispatch.Said, Thread: 1, Conversation: 1, Agent: "anna@agents.localhost"}
		if named {
			said.Team = []string{"bob@agents.localhost"}
		}
		for i, f := range []dispatch.Fact{
			{Kind: dispatch.Opened, Thread: 1, Conversation: 1, Queue: "support", Customer: 1},
			{Kind: dispatch.Assigned, Thread: 1, Conversation: 1, Agent: "anna@agents.localhost", Reason: dispatch.ByHand},
			{Kind: dispatch.Joined, Thread: 1, Conversation: 1, Agent: "bob@agents.localhost", By: "bob@agents.localhost"}, said,
		} {
			e := &entry{kind: uint16(f.Kind), fact: f}
			rec := store.Record{Seq: uint64(i + 1), Time: at.Add(time.Duration(i) * time.Second), Kind: e.kind}
			rec.Numbers, _, _ = e.encode(nil)
			if err := r.replay(rec); err != nil {
				t.Error(err)
			}
			if back, err := decode(rec); err != nil || named && f.Kind == dispatch.Said && len(back.receivers()) != 2 {
				t.Errorf("%+v, %v", back, err)
			}
		}
	}
}
