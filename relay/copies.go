package relay

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"time"

	"frontdesk/store"
	"frontdesk/texts"
)

// The pages of copies: an address holds what it shows and until when, signed, so that nothing has to be kept for it and
// nobody can guess one.

// shelf is what others than the loop may read: the file, and what a page of a copy is made of beside it.
type shelf struct {
	store  *store.Store
	queues map[string]copyNames // voice is the queue's own
	sets   map[string]*texts.Set
	clock  Clock
}

// copyToken is the last part of a copy's address: 32 bytes, the language, and our signature over both.
func (r *Relay) copyToken(thread, from, till uint64, until time.Time, lang string) string {
	b := make([]byte, 0, 64)
	for _, n := range []uint64{thread, from, till, uint64(until.Unix())} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	b = append(b, lang...)
	return base64.RawURLEncoding.EncodeToString(append(b, r.signCopy(b)...))
}

// signCopy is not what sign gives for a key of a page, which has 16 bytes.
func (r *Relay) signCopy(b []byte) []byte { return r.sign(append([]byte("copy\x00"), b...)) }

// Copy returns the text of a conversation by the last part of its page's address, and the language that it is in; false for what is
// no such address, or expired. Its work is bounded. Safe for concurrent use.
func (r *Relay) Copy(token string) (text, lang string, ok bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	s := r.shelf.Load()
	if err != nil || s == nil || len(b) < 48 || len(b) > 48+maxLang {
		return "", "", false
	}
	b, mac := b[:len(b)-16], b[len(b)-16:]
	if !hmac.Equal(mac, r.signCopy(b)) {
		return "", "", false
	}
	var n [4]uint64
	for i := range n {
		n[i] = binary.BigEndian.Uint64(b[8*i:])
	}
	if s.clock.Now().Unix() > int64(n[3]) {
		return "", "", false
	}
	first, err := s.store.Scan(n[1], 1) // it names the queue
	if err != nil || len(first) == 0 {
		return "", "", false
	}
	f, err := decodeFact(first[0])
	names, known := s.queues[f.Queue]
	if err != nil || !known {
		return "", "", false
	}
	names.voice = s.sets[f.Queue].In(string(b[32:]))
	c, err := copyOf(s.store, n[0], n[1], n[2], names)
	if err != nil {
		return "", "", false
	}
	return c.text(names.voice.Say("copy_rest")), names.voice.Lang, true
}

// shelve publishes what copies are made of, after it changed.
func (r *Relay) shelve() {
	s := &shelf{store: r.store, clock: r.clock, queues: map[string]copyNames{}, sets: map[string]*texts.Set{}}
	agents := r.shownNames()
	for _, q := range r.order {
		s.queues[q.name], s.sets[q.name] = q.copyNames(agents), q.texts
	}
	r.shelf.Store(s)
}
