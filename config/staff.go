package config

import (
	"errors"
	"slices"

	"golang.org/x/text/secure/precis"
)

// Clone returns a copy whose lists of agents, queues and creators are its own.
func (c *Config) Clone() *Config {
	d := *c
	d.Agents = slices.Clone(c.Agents)
	d.Queues = slices.Clone(c.Queues)
	d.CreateRooms = slices.Clone(c.CreateRooms)
	return &d
}

// Staffed returns a copy with other agents and other agents of its queues, as an admin changes them while the desk runs:
// the people are checked as those of a file are, and who is in no list of people is left out of the queues. A queue that
// queues does not hold keeps those of its agents who are still there.
func (c *Config) Staffed(people []Person, queues map[string][]string) (*Config, error) {
	d := c.Clone()
	d.Agents = slices.Clone(people)
	k := checker{reader: newReader(""), config: d}
	for i := range d.Agents {
		k.given[join(item("agent", i), "capacity")] = d.Agents[i].Capacity != 0
		k.given[join(item("agent", i), "role")] = d.Agents[i].Role != ""
	}
	if k.agents(); len(k.faults) > 0 {
		return nil, errors.New(k.faults.sorted()[0].Text)
	}
	if d.AgentsCreate {
		d.CreateRooms = nil
		for _, a := range d.Agents {
			d.CreateRooms = append(d.CreateRooms, a.JID)
		}
	}
	for i := range d.Queues {
		q := &d.Queues[i]
		list, given := queues[q.Name]
		if !given {
			list = q.Agents
		}
		q.Agents = nil
		for _, a := range d.Agents {
			if slices.Contains(list, a.JID) {
				q.Agents = append(q.Agents, a.JID)
			}
		}
	}
	return d, nil
}

// Account normalises the address of an account (RFC 7622), or says what to write instead.
func Account(s string) (string, error) {
	local, host, problem := account(s)
	if problem != "" {
		return "", errors.New(problem)
	}
	return local + "@" + host, nil
}

// SameName reports whether two names are one at the desk (RFC 8266).
func SameName(a, b string) bool {
	x, err1 := precis.Nickname.CompareKey(a)
	y, err2 := precis.Nickname.CompareKey(b)
	return err1 == nil && err2 == nil && x == y
}

// Like returns the word of a list that somebody who wrote s may have meant, "" for none.
func Like(s string, words []string) string { return nearest(s, words) }
