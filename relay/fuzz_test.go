package relay

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"frontdesk/component/stanza"
	"frontdesk/config"
	"frontdesk/store"
)

// FuzzStanza: whatever anybody sends to any address, the desk goes on, what leaves could be sent and says nothing of the inside to the
// customers' side (the hall looks at both), and a request has one answer at most.
func FuzzStanza(f *testing.F) {
	all := actions()
	for i, a := range all {
		p := &places[i%len(places)]
		f.Add(a.xml(p), uint8(i), uint8(i*7))
	}
	f.Add(`<message type='chat' id='&#x9;'><body>&#xA;!</body></message>`, uint8(9), uint8(4))
	f.Add(`<iq type='set'><command xmlns='http://jabber.org/protocol/commands' node='max' xml:lang='de'><x xmlns='jabber:x:data' type='submit'><field var='number'><value>-1</value></field></x></command></iq>`, uint8(9), uint8(4))
	f.Add(`<iq type='set'><query xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'><max>-1</max><after/></set></query></iq>`, uint8(2), uint8(0))
	cfg := office(f)
	g := newHall(f, cfg)
	furnish(f, g)
	g.close()
	again := copied(f, cfg.Data)
	was, first := "", g.clock.now
	f.Fuzz(func(t *testing.T, text string, by, at uint8) {
		el, err := stanza.Parse(text)
		if err != nil || el.Space != "" || el.Local != "message" && el.Local != "presence" && el.Local != "iq" {
			return
		}
		if g.t = t; was == "" || g.memory() != was { // what was done to it is undone
			if was != "" {
				g.drop()
			}
			if err := again(cfg.Data); err != nil {
				t.Fatal(err)
			}
			g.clock.now = first
			g.open()
			was = g.memory()
		}
		who, p := &roles[int(by)%len(roles)], &places[int(at)%len(places)]
		g.clock.now = g.clock.now.Add(2 * time.Second)
		el.Set("from", string(who.jid)).Set("to", string(p.to))
		g.send(p.front, el)
		typ, answers := el.Type(), 0
		for _, l := range g.take() {
			if t := l.el.Type(); l.el.Local == "iq" && l.el.To() == who.jid && l.el.ID() == el.ID() && (t == "result" || t == "error") {
				answers++
			}
			if n := len(l.el.String()); n > 256<<10 {
				t.Fatalf("%d bytes leave for %.300s", n, text)
			}
		}
		request := el.Local == "iq" && (typ == "get" || typ == "set")
		if el.ID() != "" && (answers > 1 || answers > 0 && !request && typ != "" && (typ == "result" || typ == "error")) {
			t.Fatalf("%d answers to %s", answers, el)
		}
	})
}

// FuzzOrder: whatever is written behind a command is understood or refused in words, and then nothing is left over.
func FuzzOrder(f *testing.F) {
	for _, o := range orders() {
		text := ""
		for i := range o.params {
			written, _ := sample(&o.params[i])
			text += " " + written
		}
		f.Add(o.name, text)
	}
	f.Add("transfer", " #99999999999999999999 @bob, because\n!close")
	f.Add("ask", " 17\u2028Sales and more:\u00a0?")
	f.Add("max", " -0 \u0661\u0662")
	file := stopped(f).store // in which no thread is
	f.Fuzz(func(t *testing.T, name, text string) {
		r, c := clerk()
		r.store = file
		c.from = "anna@agents.example/x"
		r.staff = map[string]*config.Person{"anna@agents.example": {JID: "anna@agents.example", Role: config.Admin}}
		word, _ := cutWord(name)
		if c.order = r.declared(strings.ToLower(name)); c.order == nil {
			if text := r.unknown(c, word); len(text) > 200 {
				t.Fatalf("%d bytes about %q", len(text), name)
			}
			return
		}
		if err := r.parse(c, text); err != nil {
			if words := c.sorry(err); words == "" || len(words) > 1000 {
				t.Fatalf("%q is refused with %d bytes", text, len(words))
			}
			return
		}
		for i := range c.order.params {
			p := &c.order.params[i]
			if v := c.args[p.name]; !p.optional && p.kind != aThread && v == "" || len(v) > len(text)+len(c.agent) {
				t.Fatalf("%s of %q is %q", p.name, text, v)
			}
			if p.kind == aNumber && c.args[p.name] != "" && (c.count < p.least || c.count > p.most) {
				t.Fatalf("%q is %d", text, c.count)
			}
		}
	})
}

// FuzzToken: no word of a site and no key is believed that is not signed, and nothing in one breaks what reads it.
func FuzzToken(f *testing.F) {
	now := time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)
	secret := []byte("a secret of thirty-two bytes, at least")
	cfg := &config.Config{Front: config.Link{Domain: "help.example"}, Web: config.Web{UsersSecret: secret}}
	u := newUsers(cfg, func() time.Time { return now })
	sign := func(claims jwt.MapClaims) string {
		token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(secret)
		if err != nil {
			f.Fatal(err)
		}
		return token
	}
	good := sign(jwt.MapClaims{"sub": "a", "name": "Alice", "exp": now.Add(time.Hour).Unix()})
	f.Add(good)
	f.Add(sign(jwt.MapClaims{"sub": strings.Repeat("a", 300), "exp": now.Add(time.Hour).Unix()}))
	f.Add(sign(jwt.MapClaims{"sub": "a", "aud": []string{"x"}, "exp": 1e300}))
	f.Add("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.")
	f.Add("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Add("..")
	r := &Relay{key: []byte("0123456789abcdef")}
	f.Add(r.newKey())
	known := map[string]bool{good: true}
	f.Fuzz(func(t *testing.T, token string) {
		if who, err := u.read(token, now); err == nil {
			if parsed, perr := jwt.Parse(token, func(*jwt.Token) (any, error) { return secret, nil }, jwt.WithoutClaimsValidation()); perr != nil || parsed.Method != jwt.SigningMethodHS256 || who.Subject == "" || len(who.Subject) > maxSub {
				t.Fatalf("%q is believed: %+v", token, who)
			}
			known[token] = true
		}
		if _, _, ok := r.Copy(token); ok {
			t.Fatalf("%q is a copy's", token)
		}
		if r.signed(token) && len(token) != 43 {
			t.Fatalf("%q is a key", token)
		}
	})
}

// FuzzDecode: what stands in a record, however it came there, is read or refused; and what was read can be written and read again.
func FuzzDecode(f *testing.F) {
	f.Add(uint16(10), []byte(`{"thread":1,"conversation":2}`), []byte(`{"b":"Hello","em":["x"]}`))
	f.Add(uint16(100), []byte(`{"room":"lobby","settings":{}}`), []byte(`<message><body>x</body></message>`))
	f.Add(uint16(201), []byte(`{"thread":1,"to":"a"}`), []byte(`{"rp":18446744073709551615}`))
	f.Add(uint16(3), []byte(`{"saved":{},"candidates":[{}]}`), []byte(nil))
	f.Add(uint16(65535), []byte(`[]`), []byte(`"`))
	f.Fuzz(func(t *testing.T, kind uint16, numbers, content []byte) {
		rec := store.Record{Seq: 1, Time: time.Unix(1e9, 0).UTC(), Kind: kind, Numbers: numbers, Content: content}
		if kind >= 100 && kind < 200 {
			if fact, err := decodeMuc(rec); err == nil {
				fact.Corrects()
				mustJSON(&fact)
			}
			return
		}
		e, err := decode(rec)
		if err != nil {
			return
		}
		e.said()
		e.receivers()
		again, words, _ := e.encode(nil)
		b, err := decode(store.Record{Seq: 1, Time: rec.Time, Kind: kind, Numbers: again, Content: words})
		if err != nil {
			t.Fatalf("%s %s is written as %s %s: %v", numbers, content, again, words, err)
		}
		if one, two := string(mustJSON(e.words)), string(mustJSON(b.words)); one != two && json.Valid(content) {
			t.Fatalf("%s is read again as %s", one, two)
		}
	})
}
