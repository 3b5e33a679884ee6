package e2e

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"frontdesk/component/stanza"
	"frontdesk/store"
)

// flooder is a customer who sends as fast as he can, and again what he was asked to.
type flooder struct {
	name string
	c    *client
	to   stanza.JID
	body string

	mu       sync.Mutex
	confirms []int // numbers of messages, in the order of their receipts
	putOff   map[int]bool
	more     chan struct{} // capacity 1
}

func newFlooder(p *program, name string, size int) *flooder {
	f := &flooder{name: name, to: queueJID, body: strings.Repeat("flood ", size/6), putOff: map[int]bool{}, more: make(chan struct{}, 1)}
	f.c = newClient(stanza.MakeJID(name, customersHost, "client"))
	s := p.fake.Client(f.c.jid, f.hear)
	f.c.write = func(e *stanza.Element) error { s.Send(e); return nil }
	return f
}

func (f *flooder) say(n int) {
	f.c.send(stanza.New("", "message", "to", string(f.to), "type", "chat", "id", strconv.Itoa(n)).Add(
		stanza.Text("", "body", fmt.Sprintf("%s %d %s", f.name, n, f.body)), stanza.New(nsReceipts, "request")))
}

func (f *flooder) types() {
	f.c.send(stanza.New("", "message", "to", string(f.to), "type", "chat").Add(stanza.New("http://jabber.org/protocol/chatstates", "composing")))
}

func (f *flooder) hear(s *stanza.Element) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r := s.Child(nsReceipts, "received"); r != nil {
		n, _ := strconv.Atoi(r.Attr("id"))
		f.confirms = append(f.confirms, n)
	} else if e, ok := stanza.ErrorOf(s); ok && e.Type == "wait" && e.Condition == "resource-constraint" {
		n, _ := strconv.Atoi(s.ID())
		f.putOff[n] = true
	} else {
		return
	}
	select {
	case f.more <- struct{}{}:
	default:
	}
}

// unsure are those of n messages that have no receipt.
func (f *flooder) unsure(n int) []int {
	f.mu.Lock()
	defer f.mu.Unlock()
	sure := map[int]bool{}
	for _, c := range f.confirms {
		sure[c] = true
	}
	var left []int
	for i := 1; i <= n; i++ {
		if !sure[i] {
			left = append(left, i)
		}
	}
	return left
}

// floodWindow is how many messages a server and its connections let a client have under way, more or less.
const floodWindow = 20_000

// heard is how many answers he has.
func (f *flooder) heard() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.confirms) + len(f.putOff)
}

// flood keeps the window full until it is told to stop, and returns how many were sent. What has no answer after a second never gets one.
func (f *flooder) flood(stop <-chan struct{}) int {
	for n, lost := 1, 0; ; n++ {
		for n-lost-f.heard() > floodWindow {
			silence := time.NewTimer(time.Second)
			select {
			case <-stop:
				silence.Stop()
				return n - 1
			case <-f.more:
			case <-silence.C:
				lost = n - f.heard()
			}
			silence.Stop()
		}
		f.say(n)
	}
}

// finish sends again, in order, what has no receipt, until all has: a few at a time.
func (f *flooder) finish(t *testing.T, n int) {
	for end := time.Now().Add(6 * patience); ; {
		left := f.unsure(n)
		if len(left) == 0 {
			return
		}
		for _, i := range left[:min(len(left), 100)] {
			f.say(i)
		}
		must(t, f.c.fenceBy(string(f.to), f.more, end))
	}
}

// fenceBy waits for something to be heard.
func (c *client) fenceBy(to string, heard <-chan struct{}, end time.Time) error {
	late := time.NewTimer(time.Until(end))
	defer late.Stop()
	select {
	case <-heard:
		return nil
	case <-late.C:
		return fmt.Errorf("%s heard nothing more from %s", c.jid, to)
	}
}

const (
	flooders     = 24
	floodEach    = 600  // messages
	floodSize    = 8000 // bytes of each: all together are more than may wait
	floodPeak    = 512  // MiB of memory at most
	floodedFsync = "fdatasync:delay_enter=1s"
)

// TestOverload: on a slow disk, more comes in than can be taken. The daemon stays up in bounded memory, passes typing over first, then asks
// customers to wait, and says so; agents go on. What is taken comes out in order; once the disk is fast again, all that was
// put off comes in, each once.
func TestOverload(t *testing.T) {
	t.Parallel()
	p := newProgram(t, build(t))
	k := newTalk(p)
	k.acknowledged(k.write())
	mend := p.inject(floodedFsync)
	var all []*flooder
	var sending sync.WaitGroup
	for i := range flooders {
		f := newFlooder(p, fmt.Sprintf("flood%d", i), floodSize)
		all = append(all, f)
		sending.Go(func() {
			for n := 1; n <= floodEach; n++ {
				p.fake.Room(frontDomain, 16<<20)
				f.say(n)
				f.types()
			}
		})
	}
	sending.Wait()
	must(t, k.anna.fence("desk@"+deskDomain)) // behind it, and answered
	contact := p.contact(k)
	must(t, k.anna.send(stanza.New("", "message", "to", string(contact), "type", "chat", "id", "word").Add(stanza.Text("", "body", "I go on"))))
	if k.alice.await(func(s *stanza.Element) bool { return s.ChildText("", "body") == "I go on" }) == nil {
		t.Errorf("what an agent says does not come through%s", p.desk.Tail())
	}
	mend()
	asked := 0
	for _, f := range all {
		f.mu.Lock()
		if !slices.IsSorted(f.confirms) {
			t.Errorf("%s: the receipts came in another order than what was sent: %v", f.name, f.confirms)
		}
		asked += len(f.putOff)
		f.mu.Unlock()
	}
	for _, f := range all {
		f.finish(t, floodEach)
	}
	k.acknowledged(k.write())
	peak := p.peak()
	passed, refused := p.metric("inbox_passed_over_total"), p.metric("inbox_refused_total")
	t.Logf("%d messages of %d MB; %v refused, %d of them told, typing passed over %v times; at most %d MiB of memory", flooders*floodEach,
		flooders*floodEach*floodSize>>20, refused, asked, passed, peak)
	if asked == 0 || passed == 0 || peak > floodPeak {
		t.Errorf("nobody was asked to wait, no typing was passed over, or more than %d MiB were taken", floodPeak)
	}
	if n := strings.Count(p.logged(), "more comes in than can be taken"); n < 1 || n > 1+int(time.Since(p.began)/time.Minute) {
		t.Errorf("it was said %d times:\n%s", n, p.logged())
	}
	if n := p.metric("link_connects_front") + p.metric("link_connects_desk"); n != 2 {
		t.Errorf("the links came up %v times:\n%s", n, p.logged())
	}
	must(t, p.desk.Stop(patience))
	checkFlood(t, p.path("desk.db"))
}

// contact is alice's, as anna knows it.
func (p *program) contact(k *talk) stanza.JID {
	id := k.write()
	m := k.anna.await(func(s *stanza.Element) bool { return s.ChildText("", "body") == id })
	if m == nil {
		p.t.Fatalf("%s did not reach anna%s", id, p.desk.Tail())
	}
	return m.From().Bare()
}

// peak is the most memory that the program has had, in MiB.
func (p *program) peak() int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.desk.Pid()))
	must(p.t, err)
	at := regexp.MustCompile(`VmHWM:\s*(\d+) kB`).FindSubmatch(text)
	n, err := strconv.Atoi(string(at[1]))
	must(p.t, err)
	return n >> 10
}

// checkFlood: every message is in the log once.
func checkFlood(t *testing.T, file string) {
	s, err := store.Open(file)
	must(t, err)
	defer s.Close()
	said := regexp.MustCompile(`"b":"(flood\d+ \d+) flood`)
	times := map[string]int{}
	for from := uint64(1); from < s.Next(); {
		records, err := s.Scan(from, 1000)
		must(t, err)
		for _, r := range records {
			from = r.Seq + 1
			if m := said.FindSubmatch(r.Content); m != nil {
				times[string(m[1])]++
			}
		}
	}
	for i := range flooders {
		for n := 1; n <= floodEach; n++ {
			if name := fmt.Sprintf("flood%d %d", i, n); times[name] != 1 {
				t.Errorf("%q is in the log %d times", name, times[name])
			}
		}
	}
}

// TestQuietBesideFlood: one customer sends as fast as he can; what another says meanwhile is acknowledged in a moment.
func TestQuietBesideFlood(t *testing.T) {
	t.Parallel()
	p := newProgram(t, build(t))
	k := newTalk(p)
	k.acknowledged(k.write())
	measure := func() []time.Duration {
		var took []time.Duration
		for range 50 {
			began := time.Now()
			id := k.write()
			if k.alice.await(receiptFor(id)) == nil {
				t.Fatalf("no receipt for %s%s", id, p.desk.Tail())
			}
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		return took
	}
	alone := measure()
	f := newFlooder(p, "flood", 100)
	stop, stopped := make(chan struct{}), make(chan int)
	go func() { stopped <- f.flood(stop) }()
	for f.heard() < floodWindow {
		<-f.more
	}
	beside := measure()
	close(stop)
	n := <-stopped
	refused := p.metric("inbox_refused_total")
	t.Logf("alone p50 %v and at most %v, beside the flood of %d p50 %v and at most %v, %v put off", alone[25], alone[49], n, beside[25], beside[49], refused)
	if refused == 0 || beside[49] > 10*time.Second {
		t.Errorf("p99 is %v, and %v were put off", beside[98], refused)
	}
	must(t, p.desk.Stop(patience))
}
