package muc

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"frontdesk/component/stanza"
)

const (
	nsVCard  = "vcard-temp"          // XEP-0054
	nsUpdate = "vcard-temp:x:update" // XEP-0153
)

// vcards of the service and of rooms: their names and what they are for. An owner gives a room its vCard, and with it a
// picture (XEP-0486), of which all who are in the room hear, and who enters.
func vcards() feature {
	return feature{
		service: []string{nsVCard},
		room:    always(nsVCard),
		info: func(r *room) []field {
			if r.picture == "" {
				return nil
			}
			// The second is what was in use before the standard.
			return []field{{"muc#roominfo_avatarhash", r.picture}, {"{http://modules.prosody.im/mod_vcard_muc}avatar#sha1", r.picture}}
		},
		iq: []handler{
			{atService, "get", nsVCard, "vCard", func(st *step) error {
				return st.result(stanza.New(nsVCard, "vCard").Add(stanza.Text(nsVCard, "FN", st.s.name)))
			}},
			{atRoom, "get", nsVCard, "vCard", func(st *step) error { return st.result(st.room.vcard()) }},
			{atRoom, "set", nsVCard, "vCard", (*step).portray},
		},
	}
}

// vcard is the room's: what an owner made it, with the room's name and description where that says none.
func (r *room) vcard() *stanza.Element {
	v := stanza.New(nsVCard, "vCard")
	for _, x := range []struct{ name, value string }{{"FN", r.set.Name}, {"DESC", r.set.Description}} {
		if x.value != "" && !r.card.Has(nsVCard, x.name) {
			v.Add(stanza.Text(nsVCard, x.name, x.value))
		}
	}
	for c := range r.card.Elements() {
		v.Add(c)
	}
	return v
}

// portray takes the vCard that an owner sends; an empty one takes it back.
func (st *step) portray() error {
	r := st.room
	if !st.owns() {
		return errForbidden
	}
	card, err := cardOf(st.in.First())
	if err != nil {
		return err
	}
	all := len(card.String())
	for _, x := range st.s.order {
		if x != r {
			all += x.cardBytes
		}
	}
	switch {
	case card.String() == r.card.String():
		return st.result()
	case all > maxCards:
		return errBusy
	}
	was := r.picture
	st.decide(Fact{Kind: Portrayed, Room: r.local, From: string(st.from.Bare()), Words: card})
	_ = st.result()
	if r.picture != was {
		st.out.send(r.update(), r.everyone()...)
	}
	st.announce(104)
	return nil
}

// cardOf is the vCard that is kept of what somebody sent: what it holds, with one picture at most; nil for an empty one.
func cardOf(in *stanza.Element) (*stanza.Element, error) {
	card, pictured := stanza.New(nsVCard, "vCard"), false
	for c := range in.Elements() {
		if c.Space != nsVCard {
			continue
		}
		if c.Local == "PHOTO" {
			if pictured {
				continue
			}
			if _, ok := pictureOf(c); !ok {
				return nil, errUnwanted
			}
			pictured = true
		}
		card.Add(c)
	}
	xml := card.String()
	switch {
	case len(card.Nodes) == 0:
		return nil, nil
	case len(xml) > maxCard:
		e := errTooLong
		e.Text = "The picture is too large: 64 KiB of vCard are what a room takes."
		return nil, e
	}
	own, err := stanza.Parse(xml) // kept for long: without what surrounded it in the stanza's memory
	if err != nil {
		return nil, errBadRequest
	}
	return own, nil
}

// pictureOf returns the hash of a picture (XEP-0153 §3.1), false where it is none.
func pictureOf(photo *stanza.Element) (hash string, ok bool) {
	if typ := photo.ChildText(nsVCard, "TYPE"); typ != "" && !strings.HasPrefix(strings.TrimSpace(typ), "image/") {
		return "", false
	}
	raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(photo.ChildText(nsVCard, "BINVAL")), ""))
	if err != nil || len(raw) == 0 {
		return "", false
	}
	sum := sha1.Sum(raw)
	return hex.EncodeToString(sum[:]), true
}

// applyPortrayed: a vCard that was erased from the log is none.
func (r *room) applyPortrayed(card *stanza.Element) {
	r.card, r.cardBytes = card, len(card.String())
	r.picture, _ = pictureOf(card.Child(nsVCard, "PHOTO"))
}

// update is the presence by which a room tells of its picture.
func (r *room) update() *stanza.Element {
	return stanza.New("", "presence", "from", string(r.jid)).Add(stanza.New(nsUpdate, "x").Add(stanza.Text(nsUpdate, "photo", r.picture)))
}

// sendPicture tells a newcomer, who has got everything else, of the room's picture, if it has one.
func (st *step) sendPicture(sess *session) {
	if st.room.picture != "" {
		st.send(sess.jid, st.room.update())
	}
}
