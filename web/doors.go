package web

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// doors counts open sockets, in all and per client address. The state belongs
// to whoever has taken it out of the channel. Safe for concurrent use.
type doors struct {
	total, perAddress int // most at a time
	state             chan doorState
}

type doorState struct {
	open    map[string]int // never longer than total
	all     int
	refused int // since the start
}

func newDoors(total, perAddress int) *doors {
	d := &doors{total: total, perAddress: perAddress, state: make(chan doorState, 1)}
	d.state <- doorState{open: make(map[string]int)}
	return d
}

// enter reports 0 if one more socket of this address may open, which leave must
// then give back; else the HTTP status that says why not.
func (d *doors) enter(address string) int {
	s := <-d.state
	defer func() { d.state <- s }()
	if s.all >= d.total {
		s.refused++
		return http.StatusServiceUnavailable
	}
	if s.open[address] >= d.perAddress {
		s.refused++
		return http.StatusTooManyRequests
	}
	s.all++
	s.open[address]++
	return 0
}

func (d *doors) leave(address string) {
	s := <-d.state
	s.all--
	if s.open[address]--; s.open[address] == 0 {
		delete(s.open, address)
	}
	d.state <- s
}

func (d *doors) figures() (open, refused int) {
	s := <-d.state
	d.state <- s
	return s.all, s.refused
}

// clientAddress is whom a request counts for. X-Forwarded-For is believed only
// from loopback, where our own reverse proxy is, and only its last entry, which
// that proxy wrote. An IPv6 customer counts by its /64: that is what one line has.
func clientAddress(r *http.Request) string {
	peer := peerAddress(r)
	if peer.IsLoopback() {
		list := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		if a, err := netip.ParseAddr(strings.TrimSpace(list[len(list)-1])); err == nil {
			peer = a.Unmap().WithZone("")
		}
	}
	if peer.Is6() {
		if p, err := peer.Prefix(64); err == nil {
			return p.Addr().String()
		}
	}
	return peer.String()
}

// peerAddress is the other end of the TCP connection; the zero Addr if there is none.
func peerAddress(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}
