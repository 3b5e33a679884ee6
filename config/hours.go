package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // many small systems have no time zones of their own
)

// Week is when a queue is open: by the week in a time zone, but for holidays.
type Week struct {
	Zone     *time.Location
	Days     [7][]Span       // by time.Weekday; in order, not overlapping
	Holidays map[Date][]Span // days that are not as the week says; nil is closed all day
}

// Span is a part of a day in minutes since midnight by the clock on the wall: From inclusive, To exclusive, up to 1440.
type Span struct{ From, To int }

// Date is a day.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// Bounds of hours.
const (
	maxHours    = 100  // entries
	maxHolidays = 1000 // entries
)

const minutes = 24 * 60

// week makes of a queue's three keys, and of those at the top, when it is open.
func (k *checker) week(path string, q *Queue) {
	at := join(path, "hours")
	if !k.given[at] {
		for _, key := range []string{"time_zone", "holidays"} {
			if k.given[join(path, key)] {
				k.fault(join(path, key), `has no effect without hours: write when the queue is open, as hours = ["mon-fri 9:00-17:00"]`)
			}
		}
		return
	}
	w := &Week{Zone: k.zone}
	if zone := join(path, "time_zone"); k.given[zone] {
		w.Zone = k.timeZone(zone, q.TimeZone)
	} else {
		q.TimeZone = k.config.TimeZone
	}
	if w.Holidays = k.holidays; k.given[join(path, "holidays")] {
		w.Holidays = k.dates(join(path, "holidays"), q.Holidays)
	} else {
		q.Holidays = k.config.Holidays
	}
	switch {
	case len(q.Hours) == 0:
		k.fault(at, "the queue would never be open: leave the key out for always, or write hours as \"mon-fri 9:00-17:00\"")
	case len(q.Hours) > maxHours:
		k.fault(at, "these are %d; at most %d are possible", len(q.Hours), maxHours)
		return
	}
	for _, entry := range q.Hours {
		if problem := w.add(entry); problem != "" {
			k.fault(at, "%q: %s; write days and times as \"mon-fri 9:00-12:30 13:00-17:00\"", entry, problem)
		}
	}
	for day, spans := range w.Days {
		if overlap(spans) {
			k.fault(at, "two times of %s overlap: write one of them", time.Weekday(day))
		}
	}
	q.Week = w
}

// zones checks the keys at the top.
func (k *checker) zones() {
	k.zone = k.timeZone("time_zone", k.config.TimeZone)
	k.holidays = k.dates("holidays", k.config.Holidays)
}

func (k *checker) timeZone(at, name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" || name == "" {
		k.fault(at, "%q is no time zone: write one as \"Europe/Berlin\" or \"UTC\"", name)
		return time.UTC
	}
	return zone
}

// dates reads holidays: "2026-12-25", or "2026-12-24 9:00-12:00" for one with hours of its own.
func (k *checker) dates(at string, list []string) map[Date][]Span {
	if len(list) > maxHolidays {
		k.fault(at, "these are %d; at most %d are possible", len(list), maxHolidays)
		return nil
	}
	days := make(map[Date][]Span, len(list))
	for _, entry := range list {
		words := strings.Fields(entry)
		if len(words) == 0 {
			words = []string{""}
		}
		day, err := time.Parse("2006-01-02", words[0])
		if err != nil {
			k.fault(at, "%q begins with no date: write holidays as \"2026-12-25\", or with hours as \"2026-12-24 9:00-12:00\"", entry)
			continue
		}
		var spans []Span
		for _, word := range words[1:] {
			s, problem := span(word)
			if problem == "" && s.To > minutes {
				problem = "that is past midnight"
			}
			if problem != "" {
				k.fault(at, "%q: %s; write holidays as \"2026-12-25\", or with hours as \"2026-12-24 9:00-12:00\"", entry, problem)
				break
			}
			spans = append(spans, s)
		}
		if overlap(spans) {
			k.fault(at, "%q: two of its times overlap", entry)
		}
		date := Date{day.Year(), day.Month(), day.Day()}
		if _, twice := days[date]; twice {
			k.fault(at, "%s is there twice: leave one out", words[0])
		}
		days[date] = spans
	}
	return days
}

// add takes one entry, as "mon-fri 9:00-17:00" or "sat,sun 10:00-12:00 14:00-16:00", and returns what is wrong with it.
func (w *Week) add(entry string) string {
	words := strings.Fields(strings.ToLower(entry))
	if len(words) < 2 {
		return "days or times are missing"
	}
	days, problem := weekdays(words[0])
	if problem != "" {
		return problem
	}
	for _, word := range words[1:] {
		s, problem := span(word)
		if problem != "" {
			return problem
		}
		for _, day := range days {
			w.open(day, Span{s.From, min(s.To, minutes)})
			if s.To > minutes { // into the next day
				w.open((day+1)%7, Span{0, s.To - minutes})
			}
		}
	}
	return ""
}

func (w *Week) open(day int, s Span) {
	if s.To > s.From {
		w.Days[day] = append(w.Days[day], s)
	}
}

var dayNames = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// weekdays reads "mon", "mon-fri", "fri-mon" or "mon,wed-fri".
func weekdays(text string) (days []int, problem string) {
	for _, part := range strings.Split(text, ",") {
		from, to, ranged := strings.Cut(part, "-")
		if !ranged {
			to = from
		}
		first, last := slices.Index(dayNames, from), slices.Index(dayNames, to)
		if first < 0 || last < 0 {
			return nil, fmt.Sprintf("%q is no day of %s", part, strings.Join(dayNames, ", "))
		}
		for day := first; ; day = (day + 1) % 7 {
			if slices.Contains(days, day) {
				return nil, fmt.Sprintf("%s is there twice", dayNames[day])
			}
			days = append(days, day)
			if day == last {
				break
			}
		}
	}
	return days, ""
}

// span reads "9:00-17:30"; the end of one that goes past midnight, as "22:00-6:00", is counted on.
func span(text string) (s Span, problem string) {
	from, to, ok := strings.Cut(text, "-")
	s.From, s.To = clock(from), clock(to)
	switch {
	case !ok || s.From < 0 || s.To < 0 || s.From == minutes:
		return s, fmt.Sprintf("%q is no time from 0:00 to 24:00", text)
	case s.From == s.To:
		return s, fmt.Sprintf("%q is no time at all", text)
	case s.To < s.From:
		s.To += minutes
	}
	return s, ""
}

// clock reads "9:00" as minutes since midnight, -1 for what is none.
func clock(text string) int {
	h, m, ok := strings.Cut(text, ":")
	hour, err1 := strconv.Atoi(h)
	minute, err2 := strconv.Atoi(m)
	if !ok || err1 != nil || err2 != nil || len(m) != 2 || len(h) > 2 || hour < 0 || minute < 0 || minute > 59 || hour*60+minute > minutes {
		return -1
	}
	return hour*60 + minute
}

// overlap puts the spans of a day in order and tells whether two of them overlap.
func overlap(spans []Span) bool {
	slices.SortFunc(spans, func(a, b Span) int { return a.From - b.From })
	for i := 1; i < len(spans); i++ {
		if spans[i].From < spans[i-1].To {
			return true
		}
	}
	return false
}
