package relay

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"encoding/hex"
)

// ids turns the sequence number of a record into the id that its message has on
// the wire, and back. An id is a UUID of version 8 (RFC 9562 §5.8) whose 122 free bits are
// the number under a four-round Feistel network keyed by the file's secret: strangers can
// neither guess one nor count messages, and a repeat of a record has the same id.
type ids struct{ block cipher.Block }

const half = 1<<61 - 1

func newIDs(key []byte) (ids, error) {
	b, err := aes.NewCipher(key)
	return ids{b}, err
}

func (c ids) round(i byte, x uint64) uint64 {
	var in, out [16]byte
	in[0] = i
	binary.BigEndian.PutUint64(in[8:], x)
	c.block.Encrypt(out[:], in[:])
	return binary.BigEndian.Uint64(out[:]) & half
}

// of returns the id of a record.
func (c ids) of(seq uint64) string {
	l, r := seq&half, uint64(0)
	for i := range byte(4) {
		l, r = r, l^c.round(i, r)
	}
	// 122 bits: l and r, spread around version (4 bits) and variant (2 bits).
	var u [16]byte
	hi := l>>13<<16 | 8<<12 | l>>1&0xfff
	lo := uint64(2)<<62 | (l&1)<<61 | r
	binary.BigEndian.PutUint64(u[:], hi)
	binary.BigEndian.PutUint64(u[8:], lo)
	var s [36]byte
	hex.Encode(s[0:8], u[0:4])
	hex.Encode(s[9:13], u[4:6])
	hex.Encode(s[14:18], u[6:8])
	hex.Encode(s[19:23], u[8:10])
	hex.Encode(s[24:], u[10:])
	s[8], s[13], s[18], s[23] = '-', '-', '-', '-'
	return string(s[:])
}

// seq returns the record of an id, and false for an id that is none of ours.
func (c ids) seq(id string) (uint64, bool) {
	if len(id) != 36 || id[8] != '-' || id[13] != '-' || id[18] != '-' || id[23] != '-' {
		return 0, false
	}
	var u [16]byte
	b, err := hex.DecodeString(id[0:8] + id[9:13] + id[14:18] + id[19:23] + id[24:])
	if err != nil || copy(u[:], b) != 16 {
		return 0, false
	}
	hi, lo := binary.BigEndian.Uint64(u[:]), binary.BigEndian.Uint64(u[8:])
	if hi>>12&0xf != 8 || lo>>62 != 2 {
		return 0, false
	}
	l := hi>>16<<13 | hi&0xfff<<1 | lo>>61&1
	r := lo & half
	for i := 3; i >= 0; i-- {
		l, r = r^c.round(byte(i), l), l
	}
	return l, r == 0 && c.of(l) == id
}
