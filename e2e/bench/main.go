// Command bench measures the desk in three parts, each beside something else in the same run: the
// ratios hold on any machine, the figures alone are of this one.
//
//	relay   a fake XMPP server in the process on one end of real sockets, the whole daemon with fsync on at
//	        the other; beside an echo component that parses and writes but keeps nothing
//	rooms   a message to a room through real Prosody and ejabberd; beside a component that only writes
//	        prepared stanzas, and beside the server's own rooms with archive
//	memory  what an idle occupant costs
//	soak    not among what runs by itself: the program beside real Prosody, for an hour at half of what they
//	        can take; fails where its heap or goroutines grow, or anything is lost
package main

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	frontDomain = "help.customers.localhost"
	deskDomain  = "desk.agents.localhost"
)

func main() {
	parts := flag.String("parts", "relay,rooms,memory", "what to measure")
	customers := flag.Int("customers", 200, "relay: customers, each with a conversation")
	agents := flag.Int("agents", 40, "relay: agents")
	window := flag.Int("window", 32, "relay: messages of one customer under way at once")
	roomWindow := flag.Int("room-window", 256, "rooms: messages under way at once, enough for the time that a disk takes")
	kinds := flag.String("servers", "prosody,ejabberd", "rooms: servers")
	sessions := flag.String("sessions", "10,50", "rooms: sessions in the room")
	runFor := flag.Duration("for", 5*time.Second, "relay: length of each measurement")
	roomFor := flag.Duration("room-for", 2*time.Second, "rooms: length of each measurement")
	soakFor := flag.Duration("soak", time.Hour, "soak: how long")
	rounds := flag.Int("rounds", 3, "interleaved rounds; medians are printed")
	receipts := flag.Bool("receipts", true, "relay: customers ask for receipts")
	profile := flag.String("cpuprofile", "", "write CPU profiles to this file (relay: the saturated rounds), and to it with .prosody and .ejabberd (rooms: one more round of the desk's, with the most sessions)")
	flag.Parse()
	for part := range strings.SplitSeq(*parts, ",") {
		var err error
		switch part {
		case "relay":
			b := &bench{customers: *customers, agents: *agents, window: *window, length: *runFor, receipts: *receipts}
			err = b.run(*rounds, *profile)
		case "rooms":
			var sizes []int
			if sizes, err = numbers(*sessions); err == nil {
				err = rooms(*kinds, sizes, *roomWindow, *rounds, *roomFor, *profile)
			}
		case "soak":
			b := &bench{customers: *customers, agents: *agents, window: *window, length: *runFor, receipts: *receipts}
			err = b.soak(*soakFor)
		case "memory":
			err = memory()
		default:
			err = fmt.Errorf("there is no part %q", part)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
	}
}

// numbers reads a list like 10,50; each is at least 1.
func numbers(list string) ([]int, error) {
	var out []int
	for s := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is no number of sessions", s)
		}
		out = append(out, n)
	}
	return out, nil
}
