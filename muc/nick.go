package muc

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/secure/precis"

	"frontdesk/component/stanza"
)

const nodeNick = "x-roomuser-item" // §7.12

// nicks: who is named in the config has the nick that stands there, the others
// have what they ask for, made plain (§7.2.8, §7.6, §7.12).
func nicks() feature {
	return feature{entry: func(st *step, e *entry) (err error) {
		e.nick, err = st.room.nickFor(e.bare, e.asked)
		return err
	}}
}

// nickFor returns the nick that bare gets who asks for one.
func (r *room) nickFor(bare stanza.JID, asked string) (string, error) {
	if asked == "" {
		return "", errMalformed
	}
	if forced, ok := r.nicks[string(bare)]; ok {
		return r.vacant(bare, forced), nil
	}
	nick, ok := plainNick(asked)
	if !ok {
		return "", errMalformed
	}
	if err := r.mayHave(nick); err != nil {
		return "", err
	}
	if r.anothers(bare, nick) {
		return "", errConflict
	}
	if o := r.byNick[fold(nick)]; o != nil {
		nick = o.nick // his own, perhaps in other letters
	}
	return nick, nil
}

// mayHave refuses a nick that is an agent's or the desk's, or looks like one. For such a one there is no conflict, to which clients
// append signs and try again: however many they append, it would look the same.
func (r *room) mayHave(nick string) error {
	switch kept, is := r.reserved[Look(nick)]; {
	case !is:
		return nil
	case kept == fold(nick):
		return errConflict
	}
	return errAcceptable
}

// anothers reports whether the nick, or one that looks like it, is somebody else's: registered, or in the room.
func (r *room) anothers(bare stanza.JID, nick string) bool {
	look := outline(nick)
	owner, kept := r.chosenBy[look]
	return kept && owner != string(bare) || slices.ContainsFunc(r.occupants, func(o *occupant) bool { return o.bare != bare && o.look == look })
}

// taken reports whether exactly the nick is somebody else's now.
func (r *room) taken(bare stanza.JID, nick string) bool {
	o := r.byNick[fold(nick)]
	return o != nil && o.bare != bare
}

// vacant returns a forced nick, numbered where two people are configured to have the
// same: a conflict must never meet the owner of a nick, whose client would try for ever.
func (r *room) vacant(bare stanza.JID, nick string) string {
	name := nick
	for i := 2; r.taken(bare, name); i++ {
		name = nick + " " + itoa(i)
	}
	return name
}

// renamed returns the nick that a session in the room gets by presence to want.
func (st *step) renamed(sess *session, want string) (string, error) {
	r, o := st.room, sess.occ
	if want == "" || want == o.nick {
		return o.nick, nil
	}
	if _, forced := r.nicks[string(o.bare)]; forced {
		// A client that never noticed its nick goes on with the one that it asked for.
		if plain, ok := plainNick(want); sess.knows(want) || ok && fold(plain) == fold(o.nick) {
			return o.nick, nil
		}
		return "", errAcceptable
	}
	nick, err := r.nickFor(o.bare, want)
	if err != nil {
		return "", err
	}
	if plain, _ := plainNick(want); nick == o.nick && len(o.sessions) == 1 {
		nick = plain // the same in other letters
	}
	return nick, nil
}

// rename moves one session to another nick (§7.6). Other sessions of the person stay
// where they are; the new nick may be one that he has already.
func (st *step) rename(sess *session, nick string, codes ...int) {
	r, old := st.room, sess.occ
	last := r.detach(sess)
	o := r.byNick[fold(nick)]
	first := o == nil
	if first {
		o = r.settle(st.s, &occupant{nick: nick, bare: old.bare, affiliation: old.affiliation, role: old.role})
	}
	r.attach(sess, o)

	gone := notice{occ: old, jid: sess.jid, gone: true, rename: nick, codes: []int{303}}
	st.self(r, gone, sess, "")
	switch {
	case last && first:
		st.others(r, gone, sess)
	case last:
		st.others(r, notice{occ: old, jid: sess.jid, gone: true}, sess)
	default:
		st.view(r, old, sess) // which the session has just seen go
		st.refresh(r, old, nil)
	}
	st.self(r, here(o), sess, st.in.ID(), codes...)
	st.refresh(r, o, sess)
	sess.addressed(nick)
	st.event(Changed, r, sess)
	st.keep(r, sess)
}

// plainNick enforces the Nickname profile of PRECIS (RFC 8266 §2.3): it trims a nick, makes runs of blanks one, and normalises
// (NFKC). False where it is empty, too long, or holds what cannot be seen or turns the text around it: such nicks
// were used to pass for somebody else.
func plainNick(s string) (string, bool) {
	// Variation selectors, as emoji have them, change nothing that anybody could tell apart by, and end streams to some servers.
	nick := strings.Join(strings.Fields(strings.NewReplacer("\ufe0e", "", "\ufe0f", "").Replace(s)), " ")
	if nick == "" || len(nick) > maxNick {
		return "", false
	}
	visible := false
	for _, r := range nick {
		switch {
		case unicode.In(r, unicode.C, unicode.Zl, unicode.Zp, unicode.Bidi_Control, unicode.Noncharacter_Code_Point), r == unicode.ReplacementChar:
			return "", false
		case r == 0x034F, r == 0x115F, r == 0x1160, r == 0x17B4, r == 0x17B5, r == 0x2800, r == 0x3164, r == 0xFFA0:
			return "", false // letters that are blank
		case r != ' ' && !unicode.In(r, unicode.M):
			visible = true
		}
	}
	nick, err := precis.Nickname.String(nick)
	return nick, err == nil && visible && len(nick) <= maxNick
}

// fold makes nicks equal that differ in case only: every rune becomes the
// smallest of those that it folds with.
func fold(nick string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return least
	}, nick)
}

// reservedNick answers disco#info for x-roomuser-item.
func (st *step) reservedNick() error {
	q := stanza.New(stanza.NSDiscoInfo, "query", "node", nodeNick)
	if nick := st.room.registeredNick(st.from.Bare()); nick != "" {
		q.Add(identity("conference", "text", nick))
	}
	return st.result(q)
}
