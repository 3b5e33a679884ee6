package stanza

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Reader reads the stanzas of an open XMPP stream, whose start tag has been read
// already. It holds at most limit bytes of a stanza and the tree made of them,
// which is at most some 30 times as large (for a stanza of nothing but <a/>).
type Reader struct {
	br    *bufio.Reader
	limit int
	size  int
	buf   []byte // of a stanza that came in more than one piece
	parse parser
	err   error // that ended the stream
}

// NewReader returns a reader of what follows in br: the content of a stream whose
// default namespace is jabber:component:accept and whose prefix "stream" is
// bound to NSStream. A stanza may have limit bytes.
func NewReader(br *bufio.Reader, limit int) *Reader { return &Reader{br: br, limit: limit} }

// Next returns the next stanza, or another top-level element such as a stream
// error, which is <error/> in NSStream. White space between stanzas is passed over.
//
// A stanza over a bound is ErrTooLong; one with content that is not legal, but
// which ends where it seems to, is ErrInvalid (ErrTooLong is one, too). Such a
// stanza has been read to its end and the stream goes on: call Next again. The
// element returned with the error, if any, has its name and attributes and no
// children, so that it can be answered.
//
// Every other error ends the stream and is returned by all later calls: io.EOF
// after </stream:stream>, io.ErrUnexpectedEOF where the bytes end without it, the
// error of the connection, or one for what is not well-formed or restricted in
// XMPP (RFC 6120 §11.1: comments, processing instructions, DTDs, entities but
// the predefined ones).
func (r *Reader) Next() (*Element, error) {
	if r.err != nil {
		return nil, r.err
	}
	r.size = 0
	e, err := r.next()
	if err != nil && !errors.Is(err, ErrInvalid) {
		e, r.size, r.err = nil, 0, err
	}
	return e, err
}

// Size returns the size in bytes of the stanza that Next returned last, or could
// not use; 0 after the stream's end.
func (r *Reader) Size() int { return r.size }

func (r *Reader) next() (*Element, error) {
	if err := r.skipSpace(); err != nil {
		return nil, err
	}
	var split splitter
	r.buf = r.buf[:0]
	for {
		chunk, err := r.chunk()
		if err != nil {
			return nil, err
		}
		n, done, err := split.scan(chunk)
		if err != nil {
			return nil, err
		}
		whole := done && r.size == 0
		r.size += n
		var text string
		switch {
		case whole && n <= r.limit:
			text = string(chunk[:n])
		default:
			r.buf = append(r.buf, chunk[:min(n, max(r.limit-len(r.buf), 0))]...)
			if done {
				text = string(r.buf)
			}
		}
		if _, err := r.br.Discard(n); err != nil {
			return nil, err
		}
		if done {
			return r.tree(text, &split)
		}
	}
}

func (r *Reader) tree(text string, split *splitter) (*Element, error) {
	switch {
	case split.closing:
		if name, ok := strings.CutPrefix(text, "</stream:stream"); ok && isSpace(strings.TrimSuffix(name, ">")) {
			return nil, io.EOF
		}
		return nil, errSyntax
	case r.size > r.limit:
		return r.parse.head(text), fmt.Errorf("%w: %d bytes of %d", ErrTooLong, r.size, r.limit)
	}
	return r.parse.element(text, split)
}

// skipSpace passes over the white space that keeps a stream alive.
func (r *Reader) skipSpace() error {
	for {
		chunk, err := r.chunk()
		if err != nil {
			return err
		}
		n := 0
		for n < len(chunk) && class[chunk[n]]&white != 0 {
			n++
		}
		if _, err := r.br.Discard(n); err != nil || n < len(chunk) {
			return err
		}
	}
}

// chunk returns what is buffered, having waited for at least one byte.
func (r *Reader) chunk() ([]byte, error) {
	if _, err := r.br.Peek(1); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return r.br.Peek(r.br.Buffered())
}

func isSpace(s string) bool { return strings.Trim(s, " \t\r\n") == "" }
