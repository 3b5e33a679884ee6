package relay

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"frontdesk/component/stanza"
	"frontdesk/muc"
)

// extensionOf names the extension of each protocol that discovery announces; "" is one of our own, or none of its own.
var extensionOf = map[string]string{
	stanza.NSDiscoInfo: "0030", stanza.NSDiscoItems: "0030", stanza.NSPing: "0199", stanza.NSMAM: "0313",
	nsStates: "0085", nsReceipts: "0184", nsMarkers: "0333", nsCorrect: "0308", nsReactions: "0444", nsReply: "0461", nsFallback: "0428",
	nsRetract: "0424", nsOOB: "0066", nsCommands: "0050", nsCaps: "0115", nsForm: "0004", nsClaim: "",
	"vcard-temp": "0054", "jabber:iq:version": "0092", "jabber:iq:register": "0077",
	"http://jabber.org/protocol/muc": "0045", "http://jabber.org/protocol/rsm": "0059",
	"urn:xmpp:mam:2#extended": "0313", "urn:xmpp:message-moderate:0": "0425", "urn:xmpp:message-moderate:1": "0425",
	"urn:xmpp:message-retract:0": "0424", "urn:xmpp:message-retract:1#tombstone": "0424", "urn:xmpp:sid:0": "0359", "urn:xmpp:occupant-id:0": "0421", "urn:xmpp:hats:0": "0317",
	"http://jabber.org/protocol/muc#self-ping-optimization": "0410", "jabber:x:conference": "0249", "jabber:iq:search": "",
}

// TestExtensions holds docs/xeps.md against what is announced, and against the tests that it names.
func TestExtensions(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/xeps.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]bool{}
	for line := range strings.SplitSeq(string(text), "\n") {
		cells := strings.Split(line, " | ")
		m := regexp.MustCompile(`^\| \[(\d{4})\]\(https://xmpp.org/extensions/xep-(\d{4}).html\)`).FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if len(cells) != 4 || m[1] != m[2] || rows[m[1]] {
			t.Errorf("this row has not four cells, or two numbers, or stands twice: %s", line)
			continue
		}
		rows[m[1]] = true
		named(t, m[1], cells[3])
	}
	for _, f := range announced(t) {
		switch xep, known := extensionOf[f]; {
		case !known && !strings.HasPrefix(f, "muc_") && !strings.HasPrefix(f, "http://jabber.org/protocol/muc#"):
			t.Errorf("%s is announced: which extension is it, and has docs/xeps.md a row for it?", f)
		case xep != "" && !rows[xep]:
			t.Errorf("%s is announced, and docs/xeps.md has no row for %s", f, xep)
		}
	}
}

// named checks that a row names tests, and only those that exist: between semicolons, those of a folder.
func named(t *testing.T, xep, cell string) {
	if !strings.Contains(cell, "`") {
		t.Errorf("%s names no test", xep)
	}
	for part := range strings.SplitSeq(cell, ";") {
		rooms := strings.HasPrefix(strings.TrimSpace(part), "muc ")
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(part, -1) {
			path := filepath.Join("../e2e/testdata", m[1]+".txt")
			if rooms {
				path = filepath.Join("../muc/testdata", m[1]+".txt")
			}
			if strings.Contains(m[1], "/") {
				path = filepath.Join("..", m[1])
			}
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s names a test that does not exist: %v", xep, err)
			}
		}
	}
}

// announced is every feature of the addresses of both sides.
func announced(t *testing.T) []string {
	all := append(append([]string{}, deskFeatures...), queueFeatures...)
	rooms := muc.New(muc.Config{Domain: "desk.example", Features: []string{nsCommands},
		Rooms: []muc.RoomConfig{{Local: lobby, Affiliations: map[string]muc.Affiliation{"anna@agents.example": muc.Owner}}}}, make([]byte, 16))
	for _, to := range []string{"desk.example", "lobby@desk.example"} {
		ask := stanza.New("", "iq", "type", "get", "id", "1", "from", "anna@agents.example/client", "to", to).Add(stanza.New(stanza.NSDiscoInfo, "query"))
		out := rooms.Step(time.Unix(0, 0), ask, "1")
		if len(out.Send) != 1 {
			t.Fatalf("%s answered %d stanzas", to, len(out.Send))
		}
		before := len(all)
		for f := range out.Send[0].Stanza.First().Elements() {
			if f.Local == "feature" {
				all = append(all, f.Attr("var"))
			}
		}
		if len(all) == before {
			t.Fatalf("%s announces nothing", to)
		}
	}
	return all
}
