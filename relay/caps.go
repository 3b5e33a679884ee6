package relay

import (
	"crypto/sha1"
	"encoding/base64"
	"slices"
	"strings"

	"frontdesk/component/stanza"
)

const (
	nsCaps   = "http://jabber.org/protocol/caps"
	capsNode = "urn:frontdesk:caps"
)

// face is what an address says of itself in discovery (XEP-0030 §3) and in its presence (XEP-0115).
type face struct {
	category, typ, name string
	features            []string
}

// called is the name without the character that ends it in what is hashed: implementations differ in how they escape it.
func (f *face) called() string { return strings.ReplaceAll(f.name, "<", "‹") }

// info answers a question for a node, "" for none; nil where that is none of the address.
func (f *face) info(node string) *stanza.Element {
	q := stanza.New(stanza.NSDiscoInfo, "query")
	if node != "" {
		if node != capsNode+"#"+f.ver() {
			return nil
		}
		q.Set("node", node)
	}
	q.Add(stanza.New(stanza.NSDiscoInfo, "identity", "category", f.category, "type", f.typ, "name", f.called()))
	for _, v := range f.features {
		q.Add(stanza.New(stanza.NSDiscoInfo, "feature", "var", v))
	}
	return q
}

// caps says in a presence what the address can do, so that clients need not ask it of each (XEP-0115 §4).
func (f *face) caps() *stanza.Element {
	return stanza.New(nsCaps, "c", "hash", "sha-1", "node", capsNode, "ver", f.ver())
}

// ver is the verification string (XEP-0115 §5.1).
func (f *face) ver() string {
	features := slices.Clone(f.features)
	slices.Sort(features)
	sum := sha1.Sum([]byte(f.category + "/" + f.typ + "//" + f.called() + "<" + strings.Join(slices.Compact(features), "<") + "<"))
	return base64.StdEncoding.EncodeToString(sum[:])
}
