package relay

import (
	"testing"

	"frontdesk/component/stanza"
)

// TestCaps: the example of XEP-0115 §5.2, and that a node's answer is what was hashed.
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
	info := f.info(capsNode + "#" + f.caps().Attr("ver"))
	if info == nil || info.Attr("node") == "" || info.Child(stanza.NSDiscoInfo, "identity").Attr("name") != "Exodus 0.9.1" {
		t.Errorf("its own node is answered %v", info)
	}
}
