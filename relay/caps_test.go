package relay

import (
	"crypto/sha1"
	"encoding/xml"
	"testing"

	"mellium.im/xmpp/disco"
)

// TestCaps: the example of XEP-0115 §5.2, a name that could be taken for more than one, and that another node is none.
func TestCaps(t *testing.T) {
	t.Parallel()
	f := face{"client", "pc", "Exodus 0.9.1", []string{
		"http://jabber.org/protocol/caps", "http://jabber.org/protocol/disco#info", "http://jabber.org/protocol/disco#items", "http://jabber.org/protocol/muc"}}
	if got := f.ver(); got != "QgayPKawpkPSDYmwT/WM94uAlu0=" {
		t.Errorf("the verification string is %s", got)
	}
	if f.info(capsNode+"#other") != nil {
		t.Error("another node is answered")
	}
	one, two := face{"client", "pc", "a<b", []string{"c"}}, face{"client", "pc", "a", []string{"b", "c"}}
	if one.ver() == two.ver() {
		t.Error("a name passes for features")
	}
}

// TestFaces: what each kind of address answers is what its presence announced, by the algorithm of another implementation; it
// says that it does so (§8), and offers what a chat with it can do.
func TestFaces(t *testing.T) {
	t.Parallel()
	q := &queue{title: "Support & <Söhne>"}
	chat := []string{nsCaps, "http://jabber.org/protocol/chatstates", "urn:xmpp:receipts", "urn:xmpp:chat-markers:0", "urn:xmpp:message-correct:0"}
	for name, f := range map[string]*face{"contact": &customerFace, "queue": q.face(), "desk": {"client", "bot", "Desk", deskFeatures}} {
		c := f.caps()
		answer := f.info(c.Attr("node") + "#" + c.Attr("ver"))
		var got disco.Info
		if err := xml.Unmarshal([]byte(answer.String()), &got); err != nil {
			t.Fatal(err)
		}
		if v := got.Hash(sha1.New()); c.Attr("hash") != "sha-1" || v != c.Attr("ver") || answer.Attr("node") == "" {
			t.Errorf("%s: announced %s, answered %s", name, c, answer)
		}
		has := map[string]bool{}
		for _, v := range got.Features {
			if has[v.Var] {
				t.Errorf("%s: %s twice", name, v.Var)
			}
			has[v.Var] = true
		}
		for _, want := range chat {
			if !has[want] {
				t.Errorf("%s does not offer %s", name, want)
			}
		}
	}
}
