package dispatch

import (
	"slices"
	"time"
)

// Hours are when a queue is open: by the week, in a time zone, but for holidays. They are pure: the same instant gives the
// same answer. A nil *Hours is always open.
type Hours struct {
	Zone     *time.Location // nil is UTC
	Week     [7][]Span      // by time.Weekday; ordered, not overlapping
	Holidays map[Day][]Span // days that are not as the week says: nil is closed all day
}

// Span is a part of a day, in minutes since its midnight by the clock on the wall: From inclusive, To exclusive; 0 to 1440.
type Span struct{ From, To int }

// Day is a date.
type Day struct {
	Year  int
	Month time.Month
	Day   int
}

func dayOf(t time.Time) Day {
	y, m, d := t.Date()
	return Day{y, m, d}
}

func (h *Hours) zone() *time.Location {
	if h.Zone == nil {
		return time.UTC
	}
	return h.Zone
}

// spans of a date.
func (h *Hours) spans(d Day) []Span {
	if s, ok := h.Holidays[d]; ok {
		return s
	}
	return h.Week[time.Date(d.Year, d.Month, d.Day, 12, 0, 0, 0, time.UTC).Weekday()]
}

// Open reports whether the queue is open at an instant. The hour that the clock shows twice in autumn counts both times;
// the one that it skips in spring never comes.
func (h *Hours) Open(at time.Time) bool {
	if h == nil {
		return true
	}
	local := at.In(h.zone())
	minute := local.Hour()*60 + local.Minute()
	return slices.ContainsFunc(h.spans(dayOf(local)), func(s Span) bool { return s.From <= minute && minute < s.To })
}

// maxAhead bounds how far ahead a change is looked for.
const maxAhead = 400 // days

// Next is when Open next changes, after at; zero if it does not within 400 days.
func (h *Hours) Next(at time.Time) time.Time {
	if h == nil {
		return time.Time{}
	}
	now := h.Open(at)
	day := at.In(h.zone())
	for i := range maxAhead {
		d := time.Date(day.Year(), day.Month(), day.Day()+i, 12, 0, 0, 0, h.zone())
		for _, edge := range h.edges(dayOf(d)) {
			if edge.After(at) && h.Open(edge) != now {
				return edge
			}
		}
	}
	return time.Time{}
}

// edges are the instants of a date at which Open may change: its beginning, those of spans and their ends, and where the
// clock is put on or back.
func (h *Hours) edges(d Day) []time.Time {
	clock := func(day, minute int) time.Time {
		return time.Date(d.Year, d.Month, d.Day+day, 0, minute, 0, 0, h.zone())
	}
	noon := clock(0, 12*60)
	_, before := clock(-1, 12*60).Zone()
	_, after := clock(1, 12*60).Zone()
	shift := time.Duration(after-before) * time.Second
	all := []time.Time{clock(0, 0)}
	for _, s := range h.spans(d) {
		for _, m := range []int{s.From, s.To} {
			at := clock(0, m)
			if all = append(all, at); shift != 0 { // the clock may show it twice, and this is one of the two
				all = append(all, at.Add(shift), at.Add(-shift))
			}
		}
	}
	if shift != 0 { // midnight itself may be skipped: look at every quarter of an hour
		for at := noon.Add(-14 * time.Hour); at.Before(noon.Add(14 * time.Hour)); at = at.Add(15 * time.Minute) {
			all = append(all, at)
		}
	}
	all = slices.DeleteFunc(all, func(at time.Time) bool { return dayOf(at) != d }) // the end of a day is the next one's beginning
	slices.SortFunc(all, time.Time.Compare)
	return all
}
