package stanza

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// readAll returns a line for all that a reader returns, up to the error that ends
// the stream.
func readAll(r *Reader) []string {
	var lines []string
	for {
		e, err := r.Next()
		line := fmt.Sprintf("%d %s", r.Size(), dump(e))
		if err != nil {
			line += ": " + err.Error()
		}
		lines = append(lines, line)
		if err != nil && !errors.Is(err, ErrInvalid) {
			return lines
		}
	}
}

var streams = []struct {
	name, in string
	want     []string
}{
	{"closed", " <a/>\n<b>x</b> </stream:stream>more", []string{"4 a", `8 b("x")`, "0 nil: EOF"}},
	{"closed with a blank", "</stream:stream\n>", []string{"0 nil: EOF"}},
	{"cut", "<a/> ", []string{"4 a", "0 nil: unexpected EOF"}},
	{"cut in a stanza", "<a/><b", []string{"4 a", "0 nil: unexpected EOF"}},
	{"closed by another tag", "</stream:streams>", []string{"0 nil: stanza: not well-formed"}},
	{"stream error", `<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>`,
		[]string{"84 {http://etherx.jabber.org/streams}error({urn:ietf:params:xml:ns:xmpp-streams}conflict)", "0 nil: EOF"}},
	{"text between stanzas", "<a/>x<b/>", []string{"4 a", "0 nil: stanza: text outside of a stanza"}},
	{"comment", "<a/><!-- --><b/>", []string{"4 a", "0 nil: stanza: comment, processing instruction or DTD"}},
	{"instruction", "<a><?b?></a>", []string{"0 nil: stanza: comment, processing instruction or DTD"}},
	{"entity", "<a>&b;</a><c/>", []string{"0 nil: stanza: reference that is not defined at byte 6"}},
	{"wrong end", "<a><b></a></b><c/>", []string{"0 nil: stanza: not well-formed at byte 9"}},
	{"invalid", "<m id='1'><x:a/>x</m><m id='2'>\x01<a/></m><x:m/><m id='\xff'/><b/></stream:stream>", []string{
		`21 m[id="1"]: stanza: invalid: prefix that is not bound at byte 16`,
		`19 m[id="2"]: stanza: invalid: character that is not legal at byte 11`,
		`6 nil: stanza: invalid: prefix that is not bound at byte 6`,
		`11 nil: stanza: invalid: character that is not legal at byte 0`,
		`4 b`, `0 nil: EOF`}},
	{"invalid and no stanza", "<m>\x01</a></m><b/>", []string{"0 nil: stanza: not well-formed at byte 7"}},
	{"too deep", "<m id='1'>" + nest(64) + "</m><b/></stream:stream>", []string{
		`462 m[id="1"]: stanza: invalid: over a bound: more than 64 levels at byte 200`, `4 b`, `0 nil: EOF`}},
	{"too many attributes", "<m id='1'><a" + repeat(65, " a%d=''") + "/></m><b/></stream:stream>", []string{
		`463 m[id="1"]: stanza: invalid: over a bound: more than 64 attributes at byte 457`, `4 b`, `0 nil: EOF`}},
	{"as long as may be", "<m>" + strings.Repeat("x", 993) + "</m></stream:stream>", []string{"1000 m(\"" + strings.Repeat("x", 993) + "\")", "0 nil: EOF"}},
	{"too long", "<m id='1'>" + strings.Repeat("<a>é</a>", 200) + "</m><b/></stream:stream>", []string{
		`1814 m[id="1"]: stanza: invalid: over a bound: 1814 bytes of 1000`, `4 b`, `0 nil: EOF`}},
	{"too long a tag", "<m id='" + strings.Repeat("é>", 1000) + "'><!--", []string{`0 nil: stanza: comment, processing instruction or DTD`}},
	{"too long without an end", "<m>" + strings.Repeat("<a>", 1000), []string{`0 nil: unexpected EOF`}},
	{"too long, empty", "<m id='" + strings.Repeat("é>", 1000) + "'/><b/></stream:stream>", []string{
		`3010 nil: stanza: invalid: over a bound: 3010 bytes of 1000`, `4 b`, `0 nil: EOF`}},
	{"keep-alive", strings.Repeat(" \n", 5000) + "<a/></stream:stream>", []string{"4 a", "0 nil: EOF"}},
}

func TestReader(t *testing.T) {
	t.Parallel()
	for _, c := range streams {
		for name, in := range map[string]io.Reader{
			"whole": strings.NewReader(c.in), "by bytes": iotest.OneByteReader(strings.NewReader(c.in)),
		} {
			r := NewReader(bufio.NewReader(in), 1000)
			got := readAll(r)
			if !slices.Equal(got, c.want) {
				t.Errorf("%s, %s:\n got %s\nwant %s", c.name, name, strings.Join(got, "\n     "), strings.Join(c.want, "\n     "))
			}
			last := got[len(got)-1]
			if _, err := r.Next(); err == nil || !strings.HasSuffix(last, err.Error()) {
				t.Errorf("%s: after %s: %v", c.name, last, err)
			}
		}
	}
}

// pieces hands out its text in pieces of the lengths given, over and over.
type pieces struct {
	text    string
	lengths []byte
	n       int
}

func (p *pieces) Read(b []byte) (int, error) {
	if p.text == "" {
		return 0, io.EOF
	}
	n := 1
	if len(p.lengths) > 0 {
		n += int(p.lengths[p.n%len(p.lengths)])
		p.n++
	}
	n = copy(b, p.text[:min(n, len(p.text))])
	p.text = p.text[n:]
	return n, nil
}

// FuzzReader reads the same whatever pieces a stream comes in, and of each stanza
// what Parse makes of it.
func FuzzReader(f *testing.F) {
	for _, c := range streams {
		f.Add(c.in, []byte{0}, uint16(1000))
		f.Add(c.in, []byte{5, 0, 17}, uint16(20))
	}
	for _, c := range bad {
		f.Add(message+c.in+"<x/>", []byte{2, 3, 100}, uint16(600))
	}
	for _, c := range good {
		f.Add(message+c.in+"<x/>", []byte{7}, uint16(600))
	}
	f.Fuzz(func(t *testing.T, in string, lengths []byte, limit uint16) {
		want := readAll(NewReader(bufio.NewReaderSize(strings.NewReader(in), len(in)), int(limit)))
		got := readAll(NewReader(bufio.NewReaderSize(&pieces{text: in, lengths: lengths}, 16), int(limit)))
		if !slices.Equal(got, want) {
			t.Fatalf("%q\nin pieces %s\nas a whole %s", in, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
		}
		rest := in
		r := NewReader(bufio.NewReader(strings.NewReader(in)), int(limit))
		for {
			e, err := r.Next()
			if r.Size() == 0 {
				return
			}
			rest = strings.TrimLeft(rest, " \t\r\n")
			alone, aloneErr := Parse(rest[:r.Size()])
			rest = rest[r.Size():]
			switch {
			case err == nil && (aloneErr != nil || dump(alone) != dump(e)):
				t.Fatalf("%q: %s in the stream, %s, %v alone", in, dump(e), dump(alone), aloneErr)
			case err != nil && r.Size() <= int(limit) && !errors.Is(aloneErr, ErrInvalid):
				t.Fatalf("%q: %v in the stream, %v alone", in, err, aloneErr)
			}
		}
	})
}
