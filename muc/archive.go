package muc

import (
	"slices"
	"strings"
	"time"

	"frontdesk/component/stanza"
)

const (
	nsValidate = "http://jabber.org/protocol/xdata-validate" // XEP-0122

	maxPage   = 50  // messages of one page of an archive
	maxWanted = 100 // ids in one query
)

// archives (XEP-0313): what was said in a room, page by page, for who may enter it at that moment: strangers
// do not come as far as the handlers. Private messages and what is no message are never in it. The pages are
// the caller's: see Ask.
func archives() feature {
	return feature{
		room: always(stanza.NSMAM, stanza.NSMAM+"#extended"),
		iq: []handler{
			{atRoom, "get", stanza.NSMAM, "query", (*step).archiveForm},
			{atRoom, "set", stanza.NSMAM, "query", (*step).askArchive},
			{atRoom, "get", stanza.NSMAM, "metadata", (*step).askMetadata},
		},
	}
}

// Ask is a question for a room's archive, which only the log can answer. The caller collects the room's facts
// which are Wanted, once the facts of this and all earlier Outs are in the log, and gives them to Answer.
// All bounds hold together.
type Ask struct {
	Room       string
	Query      *stanza.Element // the IQ, for who cannot be answered
	Ends       bool            // the first and the last item are wanted (XEP-0313 §5), and nothing below but Start is set
	IDs        []string        // these facts only
	After      []string        // ids, exclusive
	Before     []string        // ids, exclusive
	Start, End time.Time       // of Fact.At in whole milliseconds, inclusive; zero is none
	Limit      int             // 0 to maxPage
	Last       bool            // the newest of the range instead of the oldest

	with stanza.JID // who spoke: an occupant's address, or a person's where addresses may be seen; "" is anybody
	sees bool       // the asker sees addresses
}

// Item is a fact found for an Ask, with its Words.
type Item struct {
	Fact       Fact
	Retraction *Fact // what took it back, with its Words, or nil
}

// Archived reports whether a fact of that kind is an item of its room's archive.
func (k Kind) Archived() bool { return k == Message || k == Subject || k == Retracted }

// Wants reports whether a fact of the room, whose Words are not needed, is in the range of ids and times asked for.
func (a *Ask) Wants(f *Fact) bool {
	switch {
	case !f.Kind.Archived():
		return false
	case a.with == "", a.with == stanza.JID(a.Query.Attr("to")).Bare():
		return true
	case a.with.Bare() == a.Query.To().Bare():
		return fold(f.Nick) == fold(a.with.Resource())
	}
	return a.sees && f.From != "" && f.From == string(a.with.Bare())
}

// Narrow reports whether few of the room's facts may be wanted.
func (a *Ask) Narrow() bool { return a.with != "" }

func (st *step) ask(a *Ask) error {
	if st.s.standing(st.room, st.from.Bare()) < Member && !st.inside() {
		return errForbidden // who could enter, but has not
	}
	if since := st.room.since; a.Start.Before(since) {
		a.Start = since // a room of the same name that is gone is another one
	}
	a.Room, a.Query = st.room.local, st.in
	a.sees = st.seesAddresses()
	st.out.Asks = append(st.out.Asks, a)
	return nil
}

// inside reports whether a client of the sender is in the room.
func (st *step) inside() bool {
	bare := st.from.Bare()
	return slices.ContainsFunc(st.room.occupants, func(o *occupant) bool { return o.bare == bare && len(o.sessions) > 0 })
}

// seesAddresses reports whether the sender may know who the occupants are.
func (st *step) seesAddresses() bool {
	if sess := st.session(); sess != nil {
		return sess.occ.role == moderator
	}
	return st.room.usualRole(st.s.standing(st.room, st.from.Bare())) == moderator
}

func (st *step) askMetadata() error { return st.ask(&Ask{Ends: true}) }

func (st *step) askArchive() error {
	q := st.in.First()
	a := &Ask{}
	if err := a.filter(q.Child(nsForm, "x")); err != nil {
		return err
	}
	p := stanza.PagingOf(q)
	if a.Limit = maxPage; p.Max >= 0 {
		a.Limit = min(p.Max, maxPage)
	}
	if p.After != "" {
		a.After = append(a.After, p.After)
	}
	if p.Before != "" {
		a.Before = append(a.Before, p.Before)
	}
	a.Last = p.Last
	return st.ask(a)
}

// filter reads the form of a query (XEP-0313 §4.1).
func (a *Ask) filter(form *stanza.Element) error {
	for f := range form.Elements() {
		if !f.Is(nsForm, "field") {
			continue
		}
		var values []string
		for v := range f.Elements() {
			if x := strings.TrimSpace(v.Text()); v.Is(nsForm, "value") && x != "" {
				values = append(values, x)
			}
		}
		if err := a.field(f.Attr("var"), values); err != nil {
			return err
		}
	}
	return nil
}

func (a *Ask) field(name string, values []string) error {
	var err error
	switch name {
	case "FORM_TYPE":
		if !slices.Equal(values, []string{stanza.NSMAM}) {
			return errBadRequest
		}
		return nil
	case "ids":
		if a.IDs = append(a.IDs, values...); len(a.IDs) > maxWanted {
			return errBadRequest
		}
		return nil
	case "with", "start", "end", "before-id", "after-id":
	default:
		return errUnsupported
	}
	switch {
	case len(values) == 0: // a field left empty
		return nil
	case len(values) > 1:
		return errBadRequest
	}
	switch v := values[0]; name {
	case "with":
		local, domain, resource := stanza.JID(v).Split()
		a.with = stanza.MakeJID(strings.ToLower(local), strings.ToLower(domain), resource)
	case "start":
		a.Start, err = readTime(v)
	case "end":
		a.End, err = readTime(v)
	case "before-id":
		a.Before = append(a.Before, v)
	case "after-id":
		a.After = append(a.After, v)
	}
	return err
}

func readTime(v string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, v)
	if err != nil {
		return t, errBadRequest
	}
	return t, nil
}

// archiveForm tells which fields a query may have (XEP-0313 §4.1.5).
func (st *step) archiveForm() error {
	form := stanza.New(nsForm, "x", "type", "form").Add(formField("FORM_TYPE", "hidden", stanza.NSMAM))
	for _, f := range []struct{ name, typ string }{
		{"with", "jid-single"}, {"start", "text-single"}, {"end", "text-single"},
		{"before-id", "text-single"}, {"after-id", "text-single"}, {"ids", "list-multi"},
	} {
		x := stanza.New(nsForm, "field", "var", f.name, "type", f.typ)
		if f.name == "ids" {
			x.Add(stanza.New(nsValidate, "validate", "datatype", "xs:string").Add(stanza.New(nsValidate, "open")))
		}
		form.Add(x)
	}
	return st.result(stanza.New(stanza.NSMAM, "query").Add(form))
}

// Answer gives what the asker gets: items, oldest first, and whether there are more in the direction of the page.
func (s *Service) Answer(a *Ask, items []Item, more bool) Out {
	var out Out
	r, to := s.rooms[a.Room], a.Query.From()
	if r == nil {
		return Refuse(a, errNotFound)
	}
	if a.Ends {
		m := stanza.New(stanza.NSMAM, "metadata")
		if n := len(items); n > 0 {
			m.Add(end("start", &items[0].Fact), end("end", &items[n-1].Fact))
		}
		out.send(stanza.Result(a.Query).Add(m), to)
		return out
	}
	q := a.Query.First()
	out.Send = make([]Sending, 0, len(items)+1)
	for i := range items {
		f := &items[i].Fact
		res := stanza.Archived(q.Attr("queryid"), f.ID, f.At, s.forwarded(r, &items[i], a.sees))
		out.send(stanza.New("", "message", "from", string(r.jid)).Add(res), to)
	}
	if q.Has(stanza.NSMAM, "flip-page") {
		slices.Reverse(out.Send)
	}
	fin := stanza.Fin("", "", !more)
	if n := len(items); n > 0 {
		fin = stanza.Fin(items[0].Fact.ID, items[n-1].Fact.ID, !more)
	}
	out.send(stanza.Result(a.Query).Add(fin), to)
	return out
}

// Refuse is the answer to a question that has none.
func Refuse(a *Ask, e stanza.Error) Out {
	var out Out
	if e.By == "" {
		e.By = a.Query.To().Bare()
	}
	out.send(e.Reply(a.Query), a.Query.From())
	return out
}

func end(name string, f *Fact) *stanza.Element {
	return stanza.New(stanza.NSMAM, name, "id", f.ID, "timestamp", stamp(f.At))
}

// forwarded is a message as its room's archive shows it (XEP-0313 §6.1.2): without a to, and with the speaker's address
// for who may see it. Without a body Converse.js 14 would take that for a change of affiliation, and write what is meant
// for the speaker alone to the room.
func (s *Service) forwarded(r *room, it *Item, sees bool) *stanza.Element {
	f, m := &it.Fact, it.Fact.Words
	switch {
	case m == nil:
		m = stanza.New("", "message", "type", "groupchat", "from", string(r.address(f.Nick)), "id", f.ID).Add(Erased(f.At),
			stanza.New(stanza.NSSID, "stanza-id", "by", string(r.jid), "id", f.ID))
	case it.Retraction != nil:
		m = tombstone(m, it.Retraction)
	}
	if bare := stanza.JID(f.From); sees && bare != "" && m.From().Resource() != "" && m.Has("", "body") {
		as := s.standing(r, bare)
		m.Add(stanza.New(nsUser, "x").Add(stanza.New(nsUser, "item", "affiliation", as.String(),
			"role", r.usualRole(as).String(), "jid", string(bare))))
	}
	return m
}
