package config

import "slices"

// Creators are who may create rooms: in the file a word or a list of domains.
type Creators []string

// The words.
const (
	everyAgent = "agents"
	nobody     = "nobody"
)

// creators turns the words into whom they mean.
func (k *checker) creators() {
	c := k.config
	if len(c.CreateRooms) == 1 {
		switch c.CreateRooms[0] {
		case nobody:
			c.CreateRooms = nil
			return
		case everyAgent:
			c.CreateRooms, c.AgentsCreate = nil, true
			for _, a := range c.Agents {
				c.CreateRooms = append(c.CreateRooms, a.JID)
			}
			return
		}
	}
	for i, host := range c.CreateRooms {
		c.CreateRooms[i] = k.domain("create_rooms", host, "agents.example")
		if got := c.CreateRooms[i]; got != "" && slices.Contains(c.Front.Customers, got) {
			k.fault("create_rooms", "%q is a customers' host (front.customers, web.host), and nobody from there gets into the desk: leave it out", got)
		}
	}
}
