package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"strings"
	"time"
)

// A value of the log bucket, formats 1 and 2:
//
//	flags    1 byte   bit 0: has content; bits 1 to 4: has sums, all of them or none; the others are zero
//	side     1 byte
//	time     8 bytes  big-endian, nanoseconds since 1970, signed
//	kind     uvarint
//	archive  uvarint length, bytes
//	numbers  uvarint length, bytes
//	content  4 bytes  big-endian, sum of the content; zero where there is none, or it was erased
//	header   4 bytes  big-endian, sum of all that stands before this
//
// The last two are there if the flags say so: files from before them have records without. Four bits say
// it, because who loses them all by one flipped bit could lose the sums unnoticed. The sum of
// the content goes with the content: it would tell a guess from the truth. A later version of the same format
// may put more behind it, which a reader passes over; what must not be passed over needs another format number.
const (
	hasContent = 1
	hasSums    = 0x1e
)

// fixedHeader bounds what surrounds archive and numbers.
const fixedHeader = 1 + 1 + 8 + 3*binary.MaxVarintLen32 + 4 + 4

var (
	errHeader = errors.New("its header makes no sense")
	errSum    = errors.New("its checksum is wrong")

	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// sum is the CRC-32C of some bytes of a record, begun with the low half of its number: what belongs to another record does not fit.
func sum(seq uint64, b []byte) uint32 { return crc32.Update(uint32(seq), castagnoli, b) }

func (r *Record) check() error {
	switch {
	case len(r.Archive) > MaxKey || strings.IndexByte(r.Archive, 0) >= 0:
		return fmt.Errorf("archive %.64q is too long or has a NUL", r.Archive)
	case len(r.Numbers) > MaxValue:
		return fmt.Errorf("numbers of %d bytes", len(r.Numbers))
	case len(r.Content) > MaxValue:
		return fmt.Errorf("content of %d bytes", len(r.Content))
	case r.Time.Year() < 1678 || r.Time.Year() > 2261:
		return fmt.Errorf("time %v does not fit into nanoseconds", r.Time)
	}
	return nil
}

// maxSize bounds what appendHeader appends.
func (r *Record) maxSize() int { return fixedHeader + len(r.Archive) + len(r.Numbers) }

// appendHeader appends the value of the log bucket; Seq has to be set. Where the record is Erased, it had content.
func (r *Record) appendHeader(b []byte) []byte {
	start := len(b)
	var flags byte = hasSums
	var words uint32
	switch {
	case r.Content != nil:
		flags |= hasContent
		words = sum(r.Seq, r.Content)
	case r.Erased:
		flags |= hasContent
	}
	b = append(b, flags, byte(r.Side))
	b = binary.BigEndian.AppendUint64(b, uint64(r.Time.UnixNano()))
	b = binary.AppendUvarint(b, uint64(r.Kind))
	b = binary.AppendUvarint(b, uint64(len(r.Archive)))
	b = append(b, r.Archive...)
	b = binary.AppendUvarint(b, uint64(len(r.Numbers)))
	b = append(b, r.Numbers...)
	b = binary.BigEndian.AppendUint32(b, words)
	return binary.BigEndian.AppendUint32(b, sum(r.Seq, b[start:]))
}

// header is a value of the log bucket beside the record that it holds.
type header struct {
	has    bool   // the record has, or had, content
	summed bool   // there are sums, and the header's is right
	words  uint32 // the content's
	size   int    // bytes; what is behind them came later
}

// decodeHeader reads the value of a record and holds it against its sum. It copies what it returns.
func decodeHeader(seq uint64, value []byte) (r Record, h header, err error) {
	if len(value) < 10 {
		return Record{}, h, errHeader
	}
	b := value
	h.has = b[0]&hasContent != 0
	r.Side = Side(b[1])
	r.Time = time.Unix(0, int64(binary.BigEndian.Uint64(b[2:]))).UTC()
	b = b[10:]
	kind, n := binary.Uvarint(b)
	if n <= 0 || kind > math.MaxUint16 {
		return Record{}, h, errHeader
	}
	r.Kind = uint16(kind)
	archive, b, ok := cutBytes(b[n:])
	if !ok {
		return Record{}, h, errHeader
	}
	numbers, b, ok := cutBytes(b)
	if !ok {
		return Record{}, h, errHeader
	}
	if h.size = len(value) - len(b); value[0]&^hasContent != 0 {
		if err := h.sums(seq, value); err != nil {
			return Record{}, h, err
		}
	}
	r.Seq, r.Archive = seq, string(archive)
	if len(numbers) > 0 {
		r.Numbers = bytes.Clone(numbers)
	}
	return r, h, nil
}

// sums reads the sums behind the numbers, where h.size is.
func (h *header) sums(seq uint64, value []byte) error {
	if value[0]&^hasContent != hasSums || len(value) < h.size+8 {
		return errHeader
	}
	h.words = binary.BigEndian.Uint32(value[h.size:])
	if h.size += 4; sum(seq, value[:h.size]) != binary.BigEndian.Uint32(value[h.size:]) {
		return errSum
	}
	h.size += 4
	h.summed = true
	return nil
}

// cutBytes takes a length and so many bytes off b.
func cutBytes(b []byte) (value, rest []byte, ok bool) {
	size, n := binary.Uvarint(b)
	if n <= 0 || size > uint64(len(b)-n) {
		return nil, nil, false
	}
	return b[n : n+int(size)], b[n+int(size):], true
}
