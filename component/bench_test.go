package component

import (
	"strings"
	"testing"

	"frontdesk/component/stanza"
)

// An echo component with a 500-byte message: the server writes it, the link reads, delivers, sends it back,
// the server reads and routes it. What the fake server costs is in it.
func BenchmarkEcho(b *testing.B) {
	server := serve(b)
	up := make(chan bool, 1)
	var l *Link
	var mark uint64
	l, _ = start(b, config(server.Addr()), func(e Event) {
		switch e.Kind {
		case Up:
			up <- true
		case Stanza:
			mark++
			s := e.Stanza
			to := s.Attr("to")
			s.Set("to", s.Attr("from")).Set("from", to)
			if err := e.Link.Send(s, mark); err != nil {
				b.Error(err)
			}
		}
	})
	<-up
	window := make(chan bool, 256)
	client := server.Client(anna, func(*stanza.Element) { <-window })
	m := stanza.New("", "message", "type", "chat", "to", "alice.1@"+domain, "id", "5b9f4a5e-0b1d-4f0c-9a53-0b7e1d0c2a11").
		Add(stanza.Text("", "body", strings.Repeat("Good day, where is my parcel? ", 10))).
		Add(stanza.New("http://jabber.org/protocol/chatstates", "active")).
		Add(stanza.New("urn:xmpp:receipts", "request"))
	b.SetBytes(int64(len(m.AppendXML(nil))))
	b.ReportAllocs()
	for b.Loop() {
		window <- true
		client.Send(m)
	}
	for range cap(window) {
		window <- true // until all are back
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
	if s := l.Stats(); s.Connects != 1 || s.In != uint64(b.N) {
		b.Errorf("stats: %+v", s)
	}
}

// One message to a room of 50, up to the socket.
func BenchmarkSendTo(b *testing.B) {
	server := serve(b)
	rec := newRecorder()
	var to []stanza.JID
	got := make(chan bool, 1<<16)
	for i := range 50 {
		to = append(to, stanza.MakeJID("agent"+string(rune('a'+i%26))+string(rune('a'+i/26)), "agents.example", "phone"))
		server.Client(to[i], func(*stanza.Element) { got <- true })
	}
	l, _ := start(b, config(server.Addr()), func(e Event) {
		if e.Kind == Up {
			rec.events <- e
		}
	})
	<-rec.events
	m := message("m").Set("type", "groupchat").Set("from", "lobby@"+domain+"/Anna")
	b.ReportAllocs()
	for b.Loop() {
		if err := l.SendTo(m, to, 0); err != nil {
			b.Fatal(err)
		}
		for range to {
			<-got
		}
	}
}
