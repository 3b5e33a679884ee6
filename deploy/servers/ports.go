package servers

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Free ports are drawn from below the kernel's range for outgoing connections
// (net.ipv4.ip_local_port_range starts at 32768), else a client's connection could
// take one while its server is down.
const (
	portFrom = 12000
	portTo   = 32000
	tries    = 200
)

// ports are the chosen ones with what keeps other processes from choosing them.
type ports struct {
	c2s, http, admin int
	component        []int // as Options.Components
	held             []net.Listener
}

// ReservePort returns a free port p of 127.0.0.1 such that p plus each of
// offsets is free too. They are promised to the caller, against other callers in
// this and other processes, until release is called or the process ends.
func ReservePort(offsets ...int) (port int, release func(), err error) {
	port, held, err := holdFree(offsets...)
	if err != nil {
		return 0, nil, fmt.Errorf("servers: %w", err)
	}
	return port, func() { closeAll(held) }, nil
}

func holdFree(offsets ...int) (int, []net.Listener, error) {
	var err error
	for range tries {
		port := portFrom + rand.IntN(portTo-portFrom)
		var held []net.Listener
		if held, err = hold(port, append([]int{0}, offsets...)); err == nil {
			return port, held, nil
		}
	}
	return 0, nil, fmt.Errorf("no free port in %d tries: %w", tries, err)
}

// hold reserves base plus each offset by listening on the same ports of 127.0.0.2,
// which is in nobody's way: the server itself takes them on 127.0.0.1.
func hold(base int, offsets []int) ([]net.Listener, error) {
	var held []net.Listener
	for _, offset := range offsets {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.2", strconv.Itoa(base+offset)))
		if err == nil {
			held = append(held, l)
			err = free(base + offset)
		}
		if err != nil {
			closeAll(held)
			return nil, err
		}
	}
	return held, nil
}

func closeAll(held []net.Listener) {
	for _, l := range held {
		l.Close()
	}
}

// free is nil if the port of 127.0.0.1 can be listened on at this moment.
func free(port int) error {
	l, err := net.Listen("tcp", address(port))
	if err != nil {
		return fmt.Errorf("port %d is taken: %w", port, err)
	}
	return l.Close()
}

// choosePorts takes what o asks for, if it is free, and free ones for the rest. What it
// reserves is given back when the ports are garbage.
func choosePorts(o Options, separate bool) (ports, error) {
	p := ports{component: make([]int, len(o.Components))}
	want := []*int{&p.c2s, &p.http}
	p.c2s, p.http = o.Ports.C2S, o.Ports.HTTP
	if separate {
		p.admin = o.Ports.Admin
		want = append(want, &p.admin)
	}
	for i := range p.component {
		if o.Ports.Component != 0 {
			p.component[i] = o.Ports.Component
			if separate {
				p.component[i] += i
			}
		}
		if separate || i == 0 {
			want = append(want, &p.component[i])
		}
	}
	for _, port := range want {
		if *port != 0 {
			if err := free(*port); err != nil {
				return ports{}, err
			}
			continue
		}
		chosen, held, err := holdFree()
		if err != nil {
			return ports{}, err
		}
		*port = chosen
		p.held = append(p.held, held...)
	}
	if !separate {
		for i := range p.component {
			p.component[i] = p.component[0]
		}
	}
	return p, nil
}
