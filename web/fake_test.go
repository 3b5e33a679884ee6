package web

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// fakeDesk is an XMPP server's WebSocket endpoint with a desk behind it, as far
// as the page can tell: anonymous login, claim, presence, archive, receipts.
// One goroutine owns its state; tests reach it by do and await.
type fakeDesk struct {
	url   string
	acts  chan func(*deskState)
	waits chan deskWait
	done  chan struct{}
}

type deskWait struct {
	holds func(*deskState) bool
	done  chan struct{}
}

type deskState struct {
	threads []*fakeThread
	clients int
	site    string // where files are put and got
}

// fakeThread is one customer's; the flags are what goes wrong.
type fakeThread struct {
	key     string
	client  *fakeClient   // nil: not connected
	others  []*fakeClient // of who is signed in at the site, on other devices
	archive []fakeMessage
	heard   map[string]int // id → how often it came
	signals []string       // "composing", "displayed ID", "received ID" …
	claims  int            // how often it was claimed, on as many connections

	lang string // of the last message

	deaf   bool // messages are lost on their way
	silent bool // messages are kept, but no receipt is given
	down   bool // the server says that the desk is not there
	gone   bool // the desk does not know the key any more
	hasty  bool // what was said last comes before the page of the archive that it is on
}

type fakeMessage struct {
	mine  bool
	id    string
	inner string
	at    time.Time
}

type fakeClient struct {
	jid  string
	desk string // the queue that it has claimed a thread of
	conn *websocket.Conn
	out  chan string // closed by nobody; the writer ends with its context
	dead bool        // nothing gets through any more, in neither direction, and nobody says so
}

type fakeStanza struct {
	XMLName xml.Name
	ID      string    `xml:"id,attr"`
	To      string    `xml:"to,attr"`
	Type    string    `xml:"type,attr"`
	Lang    string    `xml:"http://www.w3.org/XML/1998/namespace lang,attr"`
	Inner   string    `xml:",innerxml"`
	Text    *string   `xml:"jabber:client body"`
	Nick    string    `xml:"http://jabber.org/protocol/nick nick"`
	Bind    *struct{} `xml:"urn:ietf:params:xml:ns:xmpp-bind bind"`
	Ping    *struct{} `xml:"urn:xmpp:ping ping"`
	Claim   *struct {
		Key   string `xml:"key,attr"`
		Token string `xml:"token,attr"`
	} `xml:"urn:frontdesk:0 claim"`
	Query *struct {
		QueryID string `xml:"queryid,attr"`
		Set     struct {
			Max    int     `xml:"max"`
			Before *string `xml:"before"`
			After  *string `xml:"after"`
		} `xml:"http://jabber.org/protocol/rsm set"`
	} `xml:"urn:xmpp:mam:2 query"`
	Upload *struct {
		Name string `xml:"filename,attr"`
		Size int    `xml:"size,attr"`
	} `xml:"urn:xmpp:http:upload:0 request"`
	Release *struct {
		Key string `xml:"key,attr"`
	} `xml:"urn:frontdesk:0 release"`
	Reactions *fakeRef  `xml:"urn:xmpp:reactions:0 reactions"`
	Retract   *fakeRef  `xml:"urn:xmpp:message-retract:1 retract"`
	Gone      *struct{} `xml:"http://jabber.org/protocol/chatstates gone"`
	Composing *struct{} `xml:"http://jabber.org/protocol/chatstates composing"`
	Paused    *struct{} `xml:"http://jabber.org/protocol/chatstates paused"`
	Received  *fakeRef  `xml:"urn:xmpp:receipts received"`
	Displayed *fakeRef  `xml:"urn:xmpp:chat-markers:0 displayed"`
}

type fakeRef struct {
	ID string `xml:"id,attr"`
}

func newFakeDesk(t *testing.T) *fakeDesk {
	t.Helper()
	d := &fakeDesk{acts: make(chan func(*deskState)), waits: make(chan deskWait), done: make(chan struct{})}
	go d.run()
	server := httptest.NewServer(http.HandlerFunc(d.serve))
	d.url = "ws" + strings.TrimPrefix(server.URL, "http") + "/xmpp-websocket"
	t.Cleanup(func() {
		server.Close()
		close(d.done)
	})
	return d
}

func (d *fakeDesk) run() {
	state := &deskState{}
	var waiting []deskWait
	for {
		select {
		case act := <-d.acts:
			act(state)
		case w := <-d.waits:
			waiting = append(waiting, w)
		case <-d.done:
			return
		}
		waiting = slices.DeleteFunc(waiting, func(w deskWait) bool {
			if !w.holds(state) {
				return false
			}
			close(w.done)
			return true
		})
	}
}

func (d *fakeDesk) do(act func(*deskState)) {
	done := make(chan struct{})
	select {
	case d.acts <- func(s *deskState) { act(s); close(done) }:
		<-done
	case <-d.done:
	}
}

// await waits until the state is as wanted.
func (d *fakeDesk) await(t *testing.T, what string, holds func(*deskState) bool) {
	t.Helper()
	w := deskWait{holds, make(chan struct{})}
	d.waits <- w
	select {
	case <-w.done:
	case <-time.After(20 * time.Second):
		t.Fatalf("the desk never saw: %s", what)
	}
}

func (d *fakeDesk) serve(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"xmpp"}})
	if err != nil {
		return
	}
	defer conn.CloseNow()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c := &fakeClient{conn: conn, out: make(chan string, 1000)}
	go func() {
		for {
			select {
			case text := <-c.out:
				if conn.Write(ctx, websocket.MessageText, []byte(text)) != nil {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	for {
		_, raw, err := conn.Read(ctx)
		if err != nil {
			break
		}
		var s fakeStanza
		if err := xml.Unmarshal(raw, &s); err != nil {
			break
		}
		d.do(func(state *deskState) { d.take(state, c, &s) })
	}
	d.do(func(state *deskState) {
		for _, th := range state.threads {
			if th.client == c {
				th.client = nil
			}
			th.others = slices.DeleteFunc(th.others, func(o *fakeClient) bool { return o == c })
		}
	})
}

func (c *fakeClient) send(format string, args ...any) {
	if !c.dead {
		c.out <- fmt.Sprintf(format, args...)
	}
}

func (d *fakeDesk) take(state *deskState, c *fakeClient, s *fakeStanza) {
	if c.dead {
		return
	}
	host := "customers.example"
	switch s.XMLName.Local {
	case "open":
		c.send(`<open xmlns='%s' from='%s' id='s' version='1.0'/>`, nsFraming, host)
		features := `<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>ANONYMOUS</mechanism></mechanisms>`
		if c.jid != "" {
			features = `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>`
		}
		c.send(`<stream:features xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>%s</stream:features>`, features)
	case "auth":
		state.clients++
		c.jid = fmt.Sprintf("guest%d@%s/web", state.clients, host)
		c.send(`<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>`)
	case "close":
		c.send(`<close xmlns='%s'/>`, nsFraming)
	case "iq":
		d.takeIQ(state, c, s)
	case "presence":
		if s.To == c.desk {
			c.send(`<presence xmlns='jabber:client' from='%s/desk' to='%s'><status xml:lang='de'>Anna ist da</status><status xml:lang='en'>Anna is here</status></presence>`, c.desk, c.jid)
		}
	case "message":
		d.takeMessage(state, c, s)
	}
}

func (d *fakeDesk) takeIQ(state *deskState, c *fakeClient, s *fakeStanza) {
	head := fmt.Sprintf(`xmlns='jabber:client' id='%s' from='%s' to='%s'`, s.ID, s.To, c.jid)
	refuse := func(kind, condition string) {
		c.send(`<iq %s type='error'><error type='%s'><%s xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`, head, kind, condition)
	}
	switch {
	case s.Bind != nil:
		c.send(`<iq xmlns='jabber:client' id='%s' type='result'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>%s</jid></bind></iq>`, s.ID, c.jid)
	case s.Ping != nil:
		c.send(`<iq %s type='result'/>`, head)
	case s.Claim != nil:
		c.desk = s.To
		key := s.Claim.Key
		if s.Claim.Token != "" {
			key = "user-" + s.Claim.Token
		}
		th := state.find(func(th *fakeThread) bool { return th.key == key })
		switch was := state.of(c); {
		case was != nil && was.key != key:
			refuse("cancel", "conflict")
			return
		case s.Claim.Token != "" && th == nil:
			th = &fakeThread{key: key, heard: make(map[string]int)}
			state.threads = append(state.threads, th)
		case key == "":
			th = &fakeThread{key: fmt.Sprintf("key-%d", len(state.threads)), heard: make(map[string]int)}
			state.threads = append(state.threads, th)
		case th == nil || th.gone:
			refuse("cancel", "item-not-found")
			return
		case th.down:
			refuse("wait", "remote-server-timeout")
			return
		}
		switch was := th.client; {
		case was == nil || was == c:
		case strings.HasPrefix(key, "user-"):
			th.others = append(th.others, was)
		default:
			th.client.send(`<message xmlns='jabber:client' from='%s/desk' type='headline'><released xmlns='urn:frontdesk:0'/></message>`, c.desk)
		}
		th.client = c
		th.claims++
		c.send(`<iq %s type='result'><claim xmlns='urn:frontdesk:0' key='%s'/></iq>`, head, th.key)
	case s.Upload != nil && s.Upload.Name == "huge.bin":
		c.send(`<iq %s type='error'><error type='modify'><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>`+
			`<file-too-large xmlns='urn:xmpp:http:upload:0'><max-file-size>5242880</max-file-size></file-too-large></error></iq>`, head)
	case s.Upload != nil:
		address := fmt.Sprintf("%s/file_share/%s/%s", state.site, s.ID, url.PathEscape(s.Upload.Name))
		c.send(`<iq %s type='result'><slot xmlns='urn:xmpp:http:upload:0'><put url='%s'><header name='Authorization'>Bearer slot</header><header name='X-Evil'>1</header></put>`+
			`<get url='%s'/></slot></iq>`, head, address, address)
	case s.Release != nil:
		if th := state.find(func(th *fakeThread) bool { return th.key == s.Release.Key }); th != nil {
			th.gone = true
		}
		c.send(`<iq %s type='result'/>`, head)
	case s.Query != nil:
		if th := state.of(c); th != nil {
			d.page(th, c, s, head)
		}
	default:
		refuse("cancel", "service-unavailable")
	}
}

// page answers one archive query.
func (d *fakeDesk) page(th *fakeThread, c *fakeClient, s *fakeStanza, head string) {
	from, to := 0, len(th.archive)
	number := func(id string) (n int) { fmt.Sscanf(id, "a%d", &n); return n }
	if after := s.Query.Set.After; after != nil {
		from = number(*after) + 1
	}
	if before := s.Query.Set.Before; before != nil && *before != "" {
		to = number(*before)
	}
	complete := "true"
	if to-from > s.Query.Set.Max {
		complete = "false"
		if s.Query.Set.Before != nil {
			from = to - s.Query.Set.Max
		} else {
			to = from + s.Query.Set.Max
		}
	}
	if th.hasty && to > from && !th.archive[to-1].mine {
		m := th.archive[to-1]
		c.send(`<message xmlns='jabber:client' from='%s/desk' to='%s' type='chat' id='%s'>%s</message>`, c.desk, c.jid, m.id, m.inner)
	}
	for i := from; i < to; i++ {
		m := th.archive[i]
		who := c.desk
		if m.mine {
			who = c.jid
		}
		c.send(`<message xmlns='jabber:client' from='%s' to='%s'><result xmlns='urn:xmpp:mam:2' queryid='%s' id='a%d'><forwarded xmlns='urn:xmpp:forward:0'>`+
			`<delay xmlns='urn:xmpp:delay' stamp='%s'/><message xmlns='jabber:client' from='%s' id='%s' type='chat'>%s</message></forwarded></result></message>`,
			c.desk, c.jid, s.Query.QueryID, i, m.at.UTC().Format("2006-01-02T15:04:05.000Z"), who, m.id, m.inner)
	}
	set := ""
	if to > from {
		set = fmt.Sprintf(`<first index='%d'>a%d</first><last>a%d</last>`, from, from, to-1)
	}
	c.send(`<iq %s type='result'><fin xmlns='urn:xmpp:mam:2' complete='%s'><set xmlns='http://jabber.org/protocol/rsm'>%s<count>%d</count></set></fin></iq>`,
		head, complete, set, len(th.archive))
}

func (d *fakeDesk) takeMessage(state *deskState, c *fakeClient, s *fakeStanza) {
	th := state.of(c)
	if th == nil || s.To != c.desk {
		return
	}
	switch {
	case s.Text != nil, s.Reactions != nil, s.Retract != nil:
		th.heard[s.ID]++
		th.lang = s.Lang
		switch {
		case th.down:
			c.send(`<message xmlns='jabber:client' type='error' id='%s' from='%s'><error type='wait'><remote-server-timeout xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`, s.ID, c.desk)
			return
		case th.deaf:
			return
		}
		if !slices.ContainsFunc(th.archive, func(m fakeMessage) bool { return m.mine && m.id == s.ID }) {
			th.archive = append(th.archive, fakeMessage{true, s.ID, s.Inner, time.Now()})
		}
		if len(th.others) > 0 {
			for _, o := range th.everywhere() {
				o.send(`<message xmlns='jabber:client' from='%s/desk' to='%s' type='chat'><said xmlns='urn:frontdesk:0'><forwarded xmlns='urn:xmpp:forward:0'>`+
					`<delay xmlns='urn:xmpp:delay' stamp='%s'/><message xmlns='jabber:client' from='%s' id='%s' type='chat'>%s</message></forwarded></said></message>`,
					o.desk, o.jid, time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), c.jid, s.ID, s.Inner)
			}
		}
		if !th.silent {
			c.send(`<message xmlns='jabber:client' from='%s/desk' to='%s' type='chat'><received xmlns='urn:xmpp:receipts' id='%s'/></message>`, c.desk, c.jid, s.ID)
		}
	case s.Composing != nil:
		th.signals = append(th.signals, "composing")
	case s.Gone != nil:
		th.signals = append(th.signals, "gone")
	case s.Paused != nil:
		th.signals = append(th.signals, "paused")
	case s.Received != nil:
		th.signals = append(th.signals, "received "+s.Received.ID)
	case s.Displayed != nil:
		th.signals = append(th.signals, "displayed "+s.Displayed.ID)
		for _, o := range th.everywhere() {
			o.send(`<message xmlns='jabber:client' from='%s/desk' type='chat'><said xmlns='urn:frontdesk:0'><forwarded xmlns='urn:xmpp:forward:0'>`+
				`<message xmlns='jabber:client' from='%s' type='chat'>%s</message></forwarded></said></message>`, o.desk, c.jid, s.Inner)
		}
	}
}

func (s *deskState) find(is func(*fakeThread) bool) *fakeThread {
	if i := slices.IndexFunc(s.threads, is); i >= 0 {
		return s.threads[i]
	}
	return nil
}

func (s *deskState) of(c *fakeClient) *fakeThread {
	return s.find(func(th *fakeThread) bool { return th.client == c || slices.Contains(th.others, c) })
}

// say is the desk's word to a customer: kept if it has an id and a body, and sent if he is there.
func (d *fakeDesk) say(th *fakeThread, id, inner string) {
	d.do(func(*deskState) {
		if strings.Contains(inner, "<body>") || strings.Contains(inner, "<reactions") || strings.Contains(inner, "<x xmlns='jabber:x:data'") {
			th.archive = append(th.archive, fakeMessage{false, id, inner, time.Now()})
		}
		for _, c := range th.everywhere() {
			c.send(`<message xmlns='jabber:client' from='%s/desk' to='%s' type='chat' id='%s'>%s</message>`, c.desk, c.jid, id, inner)
		}
	})
}

// everywhere are the clients of a thread's customer.
func (th *fakeThread) everywhere() []*fakeClient {
	if th.client == nil {
		return th.others
	}
	return append(slices.Clone(th.others), th.client)
}

// cut ends a customer's connections without a word.
func (d *fakeDesk) cut(th *fakeThread) {
	d.do(func(*deskState) {
		for _, c := range th.everywhere() {
			go c.conn.CloseNow()
		}
		th.client, th.others = nil, nil
	})
}
