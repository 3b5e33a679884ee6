package relay

import (
	"time"

	"frontdesk/config"
	"frontdesk/dispatch"
)

// deskConfig is what the configuration in force says to dispatch.
func (r *Relay) deskConfig() dispatch.Config {
	t := &r.cfg.Times
	c := dispatch.Config{Grace: t.Grace, AnswerWithin: t.Answer, CoolDown: t.CoolDown, HandOver: t.HandOver, LongWait: t.LongWait,
		WrapUp: t.WrapUp, Gap: t.Gap, BotTurns: r.cfg.BotTurns, IdleIsAway: r.cfg.IdleIsAway}
	for _, a := range r.cfg.Agents {
		c.Agents = append(c.Agents, dispatch.Agent{ID: a.JID, Capacity: a.Capacity, Skills: a.Skills, Bot: a.Bot})
	}
	for i := range r.cfg.Queues {
		c.Queues = append(c.Queues, r.queueConfig(&r.cfg.Queues[i]))
	}
	return c
}

// modes are those of dispatch by the words of the configuration; strategies have the same words.
var modes = map[string]dispatch.Mode{"push": dispatch.Push, "offer": dispatch.OfferOne, "all": dispatch.OfferAll}

func (r *Relay) queueConfig(q *config.Queue) dispatch.Queue {
	c := dispatch.Queue{Name: q.Name, Agents: q.Agents, Strategy: dispatch.Strategy(q.Strategy), Mode: modes[q.Mode],
		Sticky: time.Duration(q.SameAgent), LevelWait: q.LevelWait, SkillWait: q.SkillWait, Priority: q.Priority,
		Overflow: q.Overflow, After: q.OverflowAfter, Hours: hoursOf(q.Week), Idle: q.Idle, Gone: q.Gone}
	for _, a := range q.Agents {
		if line := q.Line(r.staff[a]); line > config.First {
			if c.Levels == nil {
				c.Levels = map[string]int{}
			}
			c.Levels[a] = line
		}
	}
	return c
}

// hoursOf puts hours as they are read into the words of dispatch.
func hoursOf(w *config.Week) *dispatch.Hours {
	if w == nil {
		return nil
	}
	spans := func(all []config.Span) []dispatch.Span {
		var out []dispatch.Span
		for _, s := range all {
			out = append(out, dispatch.Span(s))
		}
		return out
	}
	h := &dispatch.Hours{Zone: w.Zone, Holidays: make(map[dispatch.Day][]dispatch.Span, len(w.Holidays))}
	for day, all := range w.Days {
		h.Week[day] = spans(all)
	}
	for date, all := range w.Holidays {
		h.Holidays[dispatch.Day(date)] = spans(all)
	}
	return h
}

// opening says when a queue that is closed by its hours opens, by the clock where it is: "on Monday at 9:00"; "" where
// nobody knows.
func (r *Relay) opening(q *queue) string {
	at := r.opens(q)
	if at.IsZero() {
		return ""
	}
	now := r.now.In(at.Location())
	midnight := func(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC) }
	switch days := int(midnight(at).Sub(midnight(now)).Hours() / 24); {
	case days == 0:
		return at.Format("at 15:04")
	case days == 1:
		return at.Format("tomorrow at 15:04")
	case days < 7:
		return at.Format("on Monday at 15:04")
	}
	return at.Format("on Monday, 2 January, at 15:04")
}
