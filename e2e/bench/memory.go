package main

import (
	"fmt"
	"runtime"
	"time"

	"frontdesk/component/stanza"
	"frontdesk/muc"
)

const (
	idleRooms   = 10
	idleInEach  = 1000 // what a room takes
	idleSession = "<presence from='a%[1]d@agents.localhost/Gajim.%08[1]x' to='r%[2]d@desk.agents.localhost/Agent %[1]d' id='%032[1]x'>" +
		"<x xmlns='http://jabber.org/protocol/muc'/><show>away</show><status>At lunch, back soon</status><priority>5</priority>" +
		"<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='https://gajim.org' ver='jFZ8hbUPvcWRY8n8xzJDzTyCQ5g='/></presence>"
)

// memory prints what an occupant who does nothing costs: 10,000 enter rooms without a desk or a server.
func memory() error {
	cfg := muc.Config{Domain: deskDomain, Name: "Desk"}
	for n := range idleRooms {
		cfg.Rooms = append(cfg.Rooms, muc.RoomConfig{Local: fmt.Sprintf("r%d", n), Affiliations: map[string]muc.Affiliation{"agents.localhost": muc.Member}})
	}
	s := muc.New(cfg, make([]byte, 16))
	before := heap()
	now := time.Now()
	for n := range idleRooms * idleInEach {
		p, err := stanza.Parse(fmt.Sprintf(idleSession, n, n/idleInEach))
		if err != nil {
			return err
		}
		s.Step(now, p, "0123456789abcdef")
	}
	after := heap()
	for n := range idleRooms {
		if got := len(s.Sessions(fmt.Sprintf("r%d", n), stanza.JID(fmt.Sprintf("a%d@agents.localhost", n*idleInEach)))); got != 1 {
			return fmt.Errorf("memory: occupant %d is not in his room", n)
		}
	}
	each := float64(after-before) / (idleRooms * idleInEach)
	fmt.Printf("memory: %.0f bytes of heap per idle occupant (%d rooms of %d; took %s)\n", each, idleRooms, idleInEach, time.Since(now).Round(time.Millisecond))
	return nil
}

// heap is what is in use after collections.
func heap() uint64 {
	var m runtime.MemStats
	for range 2 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
