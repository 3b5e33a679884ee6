package relay

import (
	"fmt"
	"testing"
	"testing/synctest"

	"frontdesk/component"
	"frontdesk/component/stanza"
)

func parsed(t *testing.T, xml string) *stanza.Element {
	t.Helper()
	el, err := stanza.Parse(xml)
	if err != nil {
		t.Fatal(err)
	}
	return el
}

const (
	wordsXML    = `<message from='%s' to='support@help' type='chat' id='1'><body>x</body><active xmlns='http://jabber.org/protocol/chatstates'/></message>`
	typingXML   = `<message from='%s' to='support@help' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/><thread>t</thread><no-store xmlns='urn:xmpp:hints'/></message>`
	receiptXML  = `<message from='%s' to='support@help' type='chat'><received xmlns='urn:xmpp:receipts' id='1'/><active xmlns='http://jabber.org/protocol/chatstates'/></message>`
	goneXML     = `<presence from='%s' to='support@help' type='unavailable'/>`
	pingXML     = `<iq from='%s' to='support@help' type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>`
	resultXML   = `<iq from='%s' to='support@help' type='result' id='1'/>`
	bounceXML   = `<message from='%s' to='support@help' type='error' id='1'><body>x</body></message>`
	reactionXML = `<message from='%s' to='support@help' type='chat'><reactions xmlns='urn:xmpp:reactions:0' id='1'/></message>`
)

func TestClassOf(t *testing.T) {
	t.Parallel()
	for xml, want := range map[string]class{wordsXML: askedFor, typingXML: typing, receiptXML: needed, goneXML: needed, pingXML: askedFor,
		resultXML: needed, bounceXML: needed, reactionXML: needed, `<message from='%s'/>`: needed} {
		if got := classOf(parsed(t, fmt.Sprintf(xml, "a@b/c"))); got != want {
			t.Errorf("%s is %d, want %d", xml, got, want)
		}
	}
}

// inboxTest puts stanzas of a size and looks what becomes of them.
type inboxTest struct {
	*inbox
	t           *testing.T
	front, back *side
}

func newInboxTest(t *testing.T) *inboxTest {
	return &inboxTest{newInbox(), t, &side{customers: true}, &side{}}
}

func (x *inboxTest) want(want fate, s *side, from, xml string, size int) {
	x.t.Helper()
	e := event{side: s, Event: component.Event{Kind: component.Stanza, Stanza: parsed(x.t, fmt.Sprintf(xml, from)), Size: size}}
	if got := x.put(e); got != want {
		x.t.Fatalf("%s: %d, want %d; %d bytes wait", e.Stanza, got, want, x.size)
	}
}

// TestInboxOfOneSender: who sends too much is asked to wait until half of it is taken, and nobody else is; his typing goes, and what others
// must know of him does not, for a long while.
func TestInboxOfOneSender(t *testing.T) {
	t.Parallel()
	x := newInboxTest(t)
	for i := range maxFrom {
		x.want(letIn, x.back, fmt.Sprintf("bot@agents/%d", i%3), wordsXML, 100)
	}
	for _, c := range []struct {
		from, xml string
		want      fate
	}{{"bot@agents/1", wordsXML, putOff}, {"bot@agents/9", pingXML, putOff}, {"bot@agents/1", typingXML, passedOver}, {"bot@agents/1", goneXML, letIn},
		{"bot@agents/1", receiptXML, letIn}, {"anna@agents/1", wordsXML, letIn}, {"anna@agents/1", typingXML, letIn}, {"agents", resultXML, letIn}} {
		x.want(c.want, x.back, c.from, c.xml, 100)
	}
	for range 4*maxFrom - maxFrom - 2 {
		x.want(letIn, x.back, "bot@agents/1", bounceXML, 100)
	}
	x.want(passedOver, x.back, "bot@agents/1", bounceXML, 100)
	x.take(nil)
	x.want(letIn, x.back, "bot@agents/1", wordsXML, 100)
	for range maxFromBytes/1_000_000 + 1 {
		x.want(letIn, x.front, "long@c/1", wordsXML, 1_000_000)
	}
	x.want(putOff, x.front, "long@c/1", wordsXML, 100)
	for len(x.queue) > 0 {
		x.take(nil)
	}
	if len(x.from) != 0 || x.size != 0 {
		t.Errorf("%d shares and %d bytes are left of nothing", len(x.from), x.size)
	}
	if _, _, dropped, refused := x.figures(); dropped != 2 || refused != 3 {
		t.Errorf("%d dropped, %d refused", dropped, refused)
	}
}

// TestInboxCrowded: where all together send too much, typing goes first, then customers are asked to wait until it is calm again, and at last
// the readers wait. Agents go on.
func TestInboxCrowded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, inboxCrowded)
}

func inboxCrowded(t *testing.T) {
	x := newInboxTest(t)
	const each = maxFromBytes / 2
	n := 0
	fill := func(till int) {
		for ; x.size <= till; n++ {
			x.want(letIn, x.back, fmt.Sprintf("c%d@c/x", n), wordsXML, each)
		}
	}
	fill(calm)
	x.want(passedOver, x.back, "anna@agents/1", typingXML, 100)
	x.want(letIn, x.front, "alice@c/1", wordsXML, 100)
	fill(crowded)
	x.want(putOff, x.front, "alice@c/1", wordsXML, 100)
	x.want(putOff, x.front, "alice@c/1", pingXML, 100)
	x.want(letIn, x.front, "alice@c/1", goneXML, 100)
	x.want(letIn, x.back, "anna@agents/1", wordsXML, 100)
	fill(maxInbox)
	waited := make(chan struct{})
	go func() {
		x.put(event{side: x.back, Event: component.Event{Kind: component.Up}})
		close(waited)
	}()
	synctest.Wait()
	select {
	case <-waited:
		t.Error("beyond the bound nobody waits")
	default:
	}
	x.take(nil)
	<-waited
	x.take(nil)
	x.want(letIn, x.front, "alice@c/1", wordsXML, 100)
	x.want(letIn, x.front, "alice@c/1", typingXML, 100)
}
