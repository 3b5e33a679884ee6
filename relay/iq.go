package relay

import (
	"frontdesk/component/stanza"
)

// personIQ answers an IQ to an address that stands for a person or a service: discovery, ping, vCard,
// version. name is who it is. Everything else is refused; nil for what needs no answer.
func personIQ(s *stanza.Element, f *face, name string) *stanza.Element {
	if t := s.Type(); t != "get" && t != "set" {
		return nil
	}
	q := s.First()
	switch {
	case q == nil:
		return stanza.Error{Type: "modify", Condition: "bad-request"}.Reply(s)
	case s.Type() == "get" && q.Is(stanza.NSDiscoInfo, "query"):
		info := f.info(q.Attr("node"))
		if info == nil {
			return stanza.Error{Type: "cancel", Condition: "item-not-found"}.Reply(s)
		}
		return stanza.Result(s).Add(info)
	case s.Type() == "get" && q.Is(stanza.NSDiscoItems, "query"):
		return stanza.Result(s).Add(stanza.New(stanza.NSDiscoItems, "query", "node", q.Attr("node")))
	case s.Type() == "get" && q.Is(stanza.NSPing, "ping"):
		return stanza.Result(s)
	case s.Type() == "get" && q.Is("vcard-temp", "vCard"):
		return stanza.Result(s).Add(stanza.New("vcard-temp", "vCard").Add(stanza.Text("vcard-temp", "FN", name), stanza.Text("vcard-temp", "NICKNAME", name)))
	case s.Type() == "get" && q.Is("jabber:iq:version", "query"):
		return stanza.Result(s).Add(stanza.New("jabber:iq:version", "query").Add(
			stanza.Text("jabber:iq:version", "name", "frontdesk"), stanza.Text("jabber:iq:version", "version", "1")))
	case q.Is(nsPubSub, "pubsub"):
		return stanza.Error{Type: "cancel", Condition: "item-not-found"}.Reply(s)
	}
	return stanza.Error{Type: "cancel", Condition: "service-unavailable"}.Reply(s)
}

// queueFeatures are what a customer's client may use with a queue.
var queueFeatures = append([]string{nsClaim}, contactFeatures...)

func (q *queue) face() *face { return &face{"account", "registered", q.title, queueFeatures} }

var frontFeatures = []string{stanza.NSDiscoInfo, stanza.NSDiscoItems, stanza.NSPing, "jabber:iq:version", "vcard-temp"}

// queueIQ answers for a queue: the key of a page, the customer's own archive, and what every address answers.
func (r *Relay) queueIQ(q *queue, s *stanza.Element) {
	p := s.First()
	switch {
	case s.Type() == "set" && p.Is(nsClaim, "claim"):
		r.claim(q, s, p)
	case s.Type() == "set" && p.Is(nsClaim, "release"):
		r.revoke(s, p)
	case s.Type() == "set" && p.Is(stanza.NSMAM, "query"):
		r.customerArchive(q, s, p)
	default:
		reply := personIQ(s, q.face(), q.title)
		if card := reply.Child("vcard-temp", "vCard"); card != nil && q.photo.Type != "" {
			card.Add(photoOf(q.photo))
		}
		r.send(r.front, reply)
	}
}

// frontIQ answers for the front's domain: its name and its queues.
func (r *Relay) frontIQ(s *stanza.Element) {
	if s.To().Local() != "" {
		if t := s.Type(); t == "get" || t == "set" {
			r.send(r.front, stanza.Error{Type: "cancel", Condition: "item-not-found"}.Reply(s))
		}
		return
	}
	if q := s.First(); s.Type() == "get" && q.Is(stanza.NSDiscoItems, "query") && q.Attr("node") == "" {
		items := stanza.New(stanza.NSDiscoItems, "query")
		for _, w := range r.order {
			items.Add(stanza.New(stanza.NSDiscoItems, "item", "jid", string(r.queueJID(w.name)), "name", w.title))
		}
		r.send(r.front, stanza.Result(s).Add(items))
		return
	}
	r.send(r.front, personIQ(s, &face{"component", "generic", r.cfg.Front.Name, frontFeatures}, r.cfg.Front.Name))
}
