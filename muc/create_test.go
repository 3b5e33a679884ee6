package muc

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"frontdesk/component/stanza"
)

// TestMadeAnew: a room that is made again under its name has nothing of the one before: no words, no ranks,
// no nicks; and nobody makes more than maxRoomsEach.
func TestMadeAnew(t *testing.T) {
	t.Parallel()
	g := newStage(t)
	g.play("testdata/include/team.txt")
	first := g.s.Began("team")
	g.send(anna, parse(t, `<message type='groupchat' id='m' to='team@desk.example'><body>Secret</body></message>`))
	said := g.facts[len(g.facts)-1]
	for who, nick := range map[stanza.JID]string{anna: "Anna", "dave@partner.example/phone": "Dave", "mia@maker.example/phone": "Mia"} {
		g.send(who, stanza.New("", "presence", "type", "unavailable", "to", "team@desk.example/"+nick))
	}
	if rooms := g.s.Rooms(); !slices.Equal(rooms, []string{"lobby", "cabinet"}) || !g.s.Began("team").IsZero() {
		t.Fatalf("there are %v", rooms)
	}
	g.now = g.now.Add(time.Hour)
	clear(g.inbox)
	g.send(bob, join("Mia").Set("to", "team@desk.example/Mia"))
	if err := g.s.Apply(said); err != nil { // the archive under that name still holds it
		t.Fatal(err)
	}
	g.send(bob, join("Mia").Set("to", "team@desk.example/Mia"))
	for _, e := range g.inbox[bob] {
		if e.Has("", "body") {
			t.Errorf("received %s", e)
		}
	}
	if a := g.s.Affiliation("team", "mia@maker.example"); a != None || g.s.Began("team").Sub(first) != time.Hour {
		t.Errorf("the former owner is %v, the room began at %v", a, g.s.Began("team"))
	}
	clear(g.inbox)
	for i := range maxRoomsEach {
		g.send(bob, join("Bob").Set("to", fmt.Sprintf("r%d@desk.example/Bob", i)))
	}
	got := g.inbox[bob]
	if e, _ := stanza.ErrorOf(got[len(got)-1]); e.Type+"/"+e.Condition != "wait/resource-constraint" || len(g.s.Rooms()) != 2+maxRoomsEach {
		t.Errorf("%v, %d rooms", e, len(g.s.Rooms()))
	}
}

// TestNicksFollowTheConfig: in a room that somebody made, who is in the config no more is called what he likes, and
// others may have his nick.
func TestNicksFollowTheConfig(t *testing.T) {
	t.Parallel()
	g := newStage(t)
	cfg := g.config()
	cfg.Nicks = map[string]string{"bob@agents.example": "Bob"}
	g.take(g.s.Reconfigure(g.now, cfg))
	g.send(anna, join("Anna").Set("to", "team@desk.example/Anna"))
	check := func(who stanza.JID, asked, want string) {
		t.Helper()
		if nick, err := g.s.rooms["team"].nickFor(who, asked); nick != want {
			t.Errorf("%s, who asks for %s, is called %q, %v", who, asked, nick, err)
		}
	}
	check("bob@agents.example", "Robert", "Bob")
	check("dave@partner.example", "Bob", "")
	cfg.Nicks = nil
	g.take(g.s.Reconfigure(g.now, cfg))
	check("bob@agents.example", "Robert", "Robert")
	check("dave@partner.example", "Bob", "Bob")
}
