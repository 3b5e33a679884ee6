package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"frontdesk/component/stanza"
	"frontdesk/relay"
	"frontdesk/store"
)

// TestEraseStopped erases in the file of a desk that does not run: one thread, then the customer, with and without what only has his name.
func TestEraseStopped(t *testing.T) {
	t.Parallel()
	d := &dialogue{w: newFake(t), t: t, names: map[string]string{}, who: map[string]*client{}}
	d.run("part-opened.txt")
	d.login("bela")
	d.writes("bela", "", "Is there a PUMA?")
	d.writes("alice", "sales", "I want a PANTHER")
	d.writes("anna", "lobby", "Alice is the one with the COUGAR")
	d.writes("anna", "lobby", "Malice is the one with the JAGUAR")
	d.writes("anna", "lobby", "Who told BELA of the LYNX?")
	d.settle()
	d.w.stop()
	d.w.stop = func() {}
	erase := func(who relay.Whom) *relay.Erasure {
		t.Helper()
		proof, err := relay.EraseFile(t.Context(), d.w.cfg, slog.New(slog.DiscardHandler), who)
		must(t, err)
		if _, err := store.Verify(d.w.cfg.Data); err != nil {
			t.Error(err)
		}
		return proof
	}
	has := func(want string) {
		t.Helper()
		content, err := os.ReadFile(d.w.cfg.Data)
		must(t, err)
		var got []string
		for _, word := range strings.Fields(`"Hello" PUMA PANTHER COUGAR JAGUAR LYNX "Alice" alice@customers "Bela"`) {
			if strings.Contains(string(content), word) {
				got = append(got, word)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("the file has %s, want %s", got, want)
		}
	}
	has(`"Hello" PUMA PANTHER COUGAR JAGUAR LYNX "Alice" alice@customers "Bela"`)
	if _, err := relay.EraseFile(t.Context(), d.w.cfg, slog.New(slog.DiscardHandler), relay.Whom{Thread: 99}); !errors.Is(err, relay.ErrNobody) {
		t.Errorf("a thread that is not there: %v", err)
	}
	if proof := erase(relay.Whom{Thread: 1}); proof.Erased != 1 || len(proof.Closed) != 1 || proof.Customer != 0 || len(proof.Left) != 1 {
		t.Errorf("%+v", proof)
	}
	has(`PUMA PANTHER COUGAR JAGUAR LYNX "Alice" alice@customers "Bela"`)
	who := relay.Whom{Address: d.names["alice-bare"]}
	if proof := erase(who); proof.Erased != 2 || len(proof.Threads) != 2 || len(proof.Left) != 1 || proof.Found != 0 {
		t.Errorf("%+v", proof)
	}
	has(`PUMA COUGAR JAGUAR LYNX "Bela"`)
	if _, err := relay.EraseFile(t.Context(), d.w.cfg, slog.New(slog.DiscardHandler), who); !errors.Is(err, relay.ErrNobody) {
		t.Errorf("a customer who is not there any more: %v", err)
	}
	who = relay.Whom{Address: d.names["bela-bare"], Names: true}
	if proof := erase(who); proof.Erased != 2 || proof.Archives["room:lobby"] != 1 || proof.Found != 0 {
		t.Errorf("%+v", proof)
	}
	has(`COUGAR JAGUAR`)
	d.w.start()
	d.w.stop()
}

// TestEraseMeanwhile erases one customer again and again, who comes back each time, while another one writes: of the first nothing is left, of the
// other everything.
func TestEraseMeanwhile(t *testing.T) {
	t.Parallel()
	const words, rounds = 3000, 12
	d := &dialogue{w: newFake(t), t: t, names: map[string]string{}, who: map[string]*client{}}
	d.run("part-opened.txt")
	d.login("bela")
	bela := d.client("bela")
	say := func(c *client, queue, text string) {
		must(t, c.send(stanza.New("", "message", "to", queue+"@"+frontDomain, "type", "chat", "id", text).Add(stanza.Text("", "body", text))))
	}
	erased := 0
	for round := range rounds {
		for i := range words / rounds {
			say(bela, "sales", fmt.Sprintf("BELA %d", round*words+i))
		}
		say(d.client("alice"), "support", fmt.Sprintf("ALICE %d", round))
		must(t, d.client("alice").fence("support@"+frontDomain))
		proof, err := d.w.relay.Erase(t.Context(), relay.Whom{Address: d.names["alice-bare"]})
		must(t, err)
		if proof.Found != 0 || proof.Erased == 0 || proof.Customer == 0 {
			t.Errorf("%+v", proof)
		}
		erased += proof.Erased
	}
	d.settle()
	var b bytes.Buffer
	_, err := d.w.relay.Export(t.Context(), &b, relay.Extract{Format: relay.FormatText, Rooms: true})
	must(t, err)
	if n := strings.Count(b.String(), ": BELA "); n != words {
		t.Errorf("%d of %d words of bela's are there", n, words)
	}
	d.w.stop()
	content, err := os.ReadFile(d.w.cfg.Data)
	must(t, err)
	if bytes.Contains(content, []byte("ALICE")) || bytes.Contains(content, []byte("alice@")) || bytes.Contains(content, []byte(`"Hello"`)) {
		t.Error("something of alice is left")
	}
	t.Logf("%d words were erased in %d rounds", erased, rounds)
	if rep, err := store.Verify(d.w.cfg.Data); err != nil || rep.Erased != uint64(erased) {
		t.Errorf("%+v, %v; %d words were erased in %d rounds", rep, err, erased, rounds)
	}
}

// TestEraseForgotten: who has no address any more is erased by a thread of his.
func TestEraseForgotten(t *testing.T) {
	t.Parallel()
	d := &dialogue{w: newFake(t), t: t, names: map[string]string{}, who: map[string]*client{}}
	d.run("part-opened.txt")
	d.writes("alice", "", "I want a PANTHER")
	d.settle()
	d.writes("anna", d.filled("alice.{n}"), "!close")
	d.settle()
	d.w.clock.advance(721 * time.Hour)
	d.settle()
	d.w.clock.advance(time.Hour)
	d.settle()
	if proof, err := d.w.relay.Erase(t.Context(), relay.Whom{Address: d.names["alice-bare"]}); !errors.Is(err, relay.ErrNobody) {
		t.Fatalf("she has her address still: %+v, %v", proof, err)
	}
	proof, err := d.w.relay.Erase(t.Context(), relay.Whom{Thread: 1})
	must(t, err)
	if proof.Customer == 0 || len(proof.Threads) != 1 || proof.Found != 0 {
		t.Errorf("%+v", proof)
	}
	d.holds("PANTHER\n\"Alice\"\nalice@customers", false)
}
