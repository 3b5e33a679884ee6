package stanza

import (
	"strconv"
	"strings"
	"time"
)

// What every archive needs of XEP-0313 and XEP-0059.
const (
	NSMAM = "urn:xmpp:mam:2"
	NSRSM = "http://jabber.org/protocol/rsm"
)

// Paging is which part of a result is asked for (XEP-0059 §2).
type Paging struct {
	Max           int    // at most so many items; -1 where that is not said
	After, Before string // ids of items, exclusive; "" is no bound
	Last          bool   // the newest of the range instead of the oldest
}

// PagingOf reads the <set/> of a query. What cannot be read is not said.
func PagingOf(query *Element) Paging {
	set := query.Child(NSRSM, "set")
	p := Paging{
		Max:    -1,
		After:  strings.TrimSpace(set.ChildText(NSRSM, "after")),
		Before: strings.TrimSpace(set.ChildText(NSRSM, "before")),
		Last:   set.Has(NSRSM, "before"),
	}
	if n, err := strconv.Atoi(strings.TrimSpace(set.ChildText(NSRSM, "max"))); err == nil && n >= 0 {
		p.Max = n
	}
	return p
}

// Archived is one result of an archive query (XEP-0313 §4.2): the message m, or nil for one that is not there any more.
// It changes m, which is spelled out as a client's.
func Archived(queryID, id string, at time.Time, m *Element) *Element {
	return New(NSMAM, "result", "queryid", queryID, "id", id).Add(Forwarded(at, m))
}

// Forwarded is a message as it was at a time (XEP-0297), or the time alone where m is nil. It changes m, which is spelled out as a client's.
func Forwarded(at time.Time, m *Element) *Element {
	inClient(m)
	delay := New(NSDelay, "delay", "stamp", at.UTC().Format("2006-01-02T15:04:05.000Z"))
	return New(NSForward, "forwarded").Add(delay, m)
}

// Fin ends a page (XEP-0313 §4.3); first and last are the ids of its ends, "" for an empty one.
func Fin(first, last string, complete bool) *Element {
	fin, set := New(NSMAM, "fin"), New(NSRSM, "set")
	if complete {
		fin.Set("complete", "true")
	}
	if first != "" {
		set.Add(Text(NSRSM, "first", first), Text(NSRSM, "last", last))
	}
	return fin.Add(set)
}

// inClient spells a stanza's content namespace out, as a forwarded message needs it.
func inClient(e *Element) {
	if e == nil {
		return
	}
	if e.Space == "" {
		e.Space = NSClient
	}
	for c := range e.Elements() {
		inClient(c)
	}
}
