package dispatch_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	. "frontdesk/dispatch"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// spans reads "9:00-12:30 13:00-17:00".
func spans(text string) []Span {
	var all []Span
	for _, word := range strings.Fields(text) {
		var h1, m1, h2, m2 int
		fmt.Sscanf(word, "%d:%d-%d:%d", &h1, &m1, &h2, &m2)
		all = append(all, Span{h1*60 + m1, h2*60 + m2})
	}
	return all
}

// TestHours: when a queue opens and closes next, seen from an instant, all in UTC but the hours.
func TestHours(t *testing.T) {
	t.Parallel()
	const stamp = "2006-01-02 15:04"
	for _, c := range []struct {
		name, zone string
		day        time.Weekday
		hours      string
		holiday    string // a date, and its hours
		from       string
		want       []string // the changes from then on, the first being an opening
	}{
		{"a day in winter", "Europe/Berlin", time.Monday, "9:00-12:30 13:00-17:00", "", "2026-01-05 00:00",
			[]string{"2026-01-05 08:00", "2026-01-05 11:30", "2026-01-05 12:00", "2026-01-05 16:00", "2026-01-12 08:00"}},
		{"the hour that is skipped: open until it", "Europe/Berlin", time.Sunday, "1:00-2:30", "", "2026-03-28 12:00",
			[]string{"2026-03-29 00:00", "2026-03-29 01:00", "2026-04-04 23:00"}},
		{"open from it", "Europe/Berlin", time.Sunday, "2:30-4:00", "", "2026-03-28 12:00",
			[]string{"2026-03-29 01:00", "2026-03-29 02:00", "2026-04-05 00:30"}},
		{"open within it alone: not on that day", "Europe/Berlin", time.Sunday, "2:00-3:00", "", "2026-03-28 12:00",
			[]string{"2026-04-05 00:00", "2026-04-05 01:00"}},
		{"the hour that comes twice: open twice", "Europe/Berlin", time.Sunday, "2:15-2:45", "", "2026-10-24 12:00",
			[]string{"2026-10-25 00:15", "2026-10-25 00:45", "2026-10-25 01:15", "2026-10-25 01:45", "2026-11-01 01:15"}},
		{"open through it", "Europe/Berlin", time.Sunday, "1:30-3:30", "", "2026-10-24 12:00",
			[]string{"2026-10-24 23:30", "2026-10-25 02:30", "2026-11-01 00:30"}},
		{"a midnight that is skipped", "Africa/Cairo", time.Friday, "0:00-2:00", "", "2026-04-23 12:00",
			[]string{"2026-04-23 22:00", "2026-04-23 23:00", "2026-04-30 21:00"}},
		{"half an hour is skipped", "Australia/Lord_Howe", time.Sunday, "2:00-2:45", "", "2026-10-03 00:00",
			[]string{"2026-10-03 15:30", "2026-10-03 15:45", "2026-10-10 15:00"}},
		{"until midnight", "Asia/Tokyo", time.Friday, "20:00-24:00", "", "2026-01-05 00:00",
			[]string{"2026-01-09 11:00", "2026-01-09 15:00", "2026-01-16 11:00"}},
		{"a holiday", "Europe/Berlin", time.Friday, "9:00-17:00", "2026-12-25", "2026-12-18 20:00",
			[]string{"2027-01-01 08:00", "2027-01-01 16:00"}},
		{"a holiday with hours of its own", "Europe/Berlin", time.Thursday, "9:00-17:00", "2026-12-24 9:00-12:00", "2026-12-18 20:00",
			[]string{"2026-12-24 08:00", "2026-12-24 11:00", "2026-12-31 08:00"}},
		{"a holiday that is no working day is open", "Europe/Berlin", time.Monday, "9:00-17:00", "2026-12-27 10:00-11:00", "2026-12-22 20:00",
			[]string{"2026-12-27 09:00", "2026-12-27 10:00", "2026-12-28 08:00"}},
		{"the date is that of the zone", "Pacific/Kiritimati", time.Tuesday, "1:00-2:00", "2026-01-06", "2026-01-05 00:00",
			[]string{"2026-01-12 11:00"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &Hours{Zone: zone(t, c.zone)}
			h.Week[c.day] = spans(c.hours)
			if date, hours, _ := strings.Cut(c.holiday, " "); date != "" {
				d, err := time.Parse("2006-01-02", date)
				if err != nil {
					t.Fatal(err)
				}
				h.Holidays = map[Day][]Span{{d.Year(), d.Month(), d.Day()}: spans(hours)}
			}
			at, err := time.Parse(stamp, c.from)
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range c.want {
				before := h.Open(at)
				if before != (i%2 == 1) {
					t.Fatalf("open at %s: %v", at.Format(stamp), before)
				}
				if at = h.Next(at).UTC(); at.Format(stamp) != want || at.Second() != 0 {
					t.Fatalf("change %d is at %s, want %s", i+1, at, want)
				}
			}
		})
	}
	var always *Hours
	if !always.Open(opening) || !always.Next(opening).IsZero() {
		t.Error("no hours are not always open")
	}
	never := &Hours{}
	if never.Open(opening) || !never.Next(opening).IsZero() {
		t.Error("hours without a day open")
	}
	through := &Hours{Zone: zone(t, "Europe/Berlin")}
	for day := range through.Week {
		through.Week[day] = []Span{{0, 1440}}
	}
	if at := through.Next(opening); !at.IsZero() {
		t.Errorf("what is always open changes at %v", at)
	}
}

// TestHoursByMinute holds Next against the clock on the wall, read minute by minute around the nights when it is changed.
func TestHoursByMinute(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "America/Santiago", "Asia/Kathmandu"} {
		h := &Hours{Zone: zone(t, name), Holidays: map[Day][]Span{{2026, 4, 25}: {{60, 120}}, {2026, 10, 31}: nil}}
		for day := range h.Week {
			h.Week[day] = spans("0:00-0:40 1:10-2:05 2:20-2:50 12:00-13:00 23:30-24:00")
		}
		for _, from := range []string{"2026-03-07", "2026-03-28", "2026-04-03", "2026-04-23", "2026-09-05", "2026-10-03", "2026-10-24", "2026-10-30"} {
			begin, err := time.Parse("2006-01-02", from)
			if err != nil {
				t.Fatal(err)
			}
			open := func(at time.Time) bool {
				local := at.In(h.Zone)
				clock := 100*local.Hour() + local.Minute()
				switch 100*int(local.Month()) + local.Day() {
				case 425:
					return clock >= 100 && clock < 200
				case 1031:
					return false
				}
				for _, s := range [][2]int{{0, 40}, {110, 205}, {220, 250}, {1200, 1300}, {2330, 2400}} {
					if clock >= s[0] && clock < s[1] {
						return true
					}
				}
				return false
			}
			const minutes = 3 * 24 * 60
			next := begin.Add(minutes * time.Minute) // no further
			later := open(next)
			for i := minutes - 1; i >= 0; i-- {
				at := begin.Add(time.Duration(i) * time.Minute)
				now := open(at)
				if h.Open(at) != now {
					t.Fatalf("%s, %v: open %v", name, at.In(h.Zone), h.Open(at))
				}
				if later != now {
					next, later = at.Add(time.Minute), now
				}
				if got := h.Next(at); next.Before(begin.Add(minutes*time.Minute)) && !got.Equal(next) {
					t.Fatalf("%s: after %v it changes at %v, want %v", name, at.In(h.Zone), got.In(h.Zone), next.In(h.Zone))
				}
			}
		}
	}
}

// TestHoursAtNoon: the hours are changed at noon, while a customer waits and another one is served.
func TestHoursAtNoon(t *testing.T) {
	t.Parallel()
	berlin := zone(t, "Europe/Berlin")
	cfg := func(hours string) Config {
		h := &Hours{Zone: berlin}
		for day := range h.Week {
			h.Week[day] = spans(hours)
		}
		if hours == "" {
			h = nil
		}
		return Config{Agents: []Agent{{ID: "a", Capacity: 1}}, Queues: []Queue{{Name: "q", Agents: []string{"a"}, Hours: h}}, AnswerWithin: 20 * time.Hour}
	}
	r := newRun(cfg("9:00-17:00"))
	r.w.thorough = true
	noon := time.Date(2026, 3, 2, 12, 0, 0, 0, berlin)
	step := func(at time.Time, in Input) []Fact {
		t.Helper()
		facts, err := r.step(t, at, nth(0), in)
		if err != nil {
			t.Fatal(err)
		}
		return facts
	}
	change := func(hours string, wantShut, wantOpen bool, deadline time.Time) {
		t.Helper()
		var shut, open bool
		for _, f := range r.reconfigure(t, nth(0), cfg(hours)) {
			shut, open = shut || f.Kind == HoursSet && f.Shut, open || f.Kind == HoursSet && !f.Shut
		}
		if shut != wantShut || open != wantOpen || !r.d.Deadline().Equal(deadline) {
			t.Errorf("%q: closes %v, opens %v, next at %v; want %v, %v, %v", hours, shut, open, r.d.Deadline(), wantShut, wantOpen, deadline)
		}
	}
	at := func(hour, minute int) time.Time { return time.Date(2026, 3, 2, hour, minute, 0, 0, berlin) }
	step(at(10, 0), DeskUp{})
	step(at(10, 0), Sessions{Agent: "a", Sessions: []Session{{Room: Online}}})
	served := step(at(11, 0), CustomerSaid{Queue: "q"})[0].Thread
	step(at(11, 0), AgentSaid{Agent: "a", Thread: served})
	waits := step(at(11, 30), CustomerSaid{Queue: "q"})[0].Thread
	step(noon, Tick{})
	change("9:00-12:30", false, false, at(12, 30))
	change("9:00-11:00", true, false, at(9, 0).AddDate(0, 0, 1))
	step(noon, Close{Thread: served, By: "a"})
	if th, _ := r.d.Thread(waits); th.Owner != "" {
		t.Error("who waits in a queue that is closed was given to somebody")
	}
	if opens := r.d.Opens("q"); !opens.Equal(at(9, 0).AddDate(0, 0, 1)) {
		t.Errorf("opens at %v", opens)
	}
	step(at(13, 0), Tick{})
	change("", false, true, at(9, 0).Add(24*time.Hour)) // his time-out, 20 hours from now
	if th, _ := r.d.Thread(waits); th.Owner != "a" {
		t.Error("who waits was given to nobody when the queue was opened")
	}
}
