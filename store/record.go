package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// A value of the log bucket, format 1:
//
//	flags    1 byte   bit 0: has content; the others are zero
//	side     1 byte
//	time     8 bytes  big-endian, nanoseconds since 1970, signed
//	kind     uvarint
//	archive  uvarint length, bytes
//	numbers  uvarint length, bytes
//
// A later version of the same format may put more behind it, which a reader passes over; what
// must not be passed over needs another format number.
const hasContent = 1

// fixedHeader bounds what surrounds archive and numbers.
const fixedHeader = 1 + 1 + 8 + 3*binary.MaxVarintLen32

var errHeader = errors.New("its header makes no sense")

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

func (r *Record) appendHeader(b []byte) []byte {
	var flags byte
	if r.Content != nil {
		flags |= hasContent
	}
	b = append(b, flags, byte(r.Side))
	b = binary.BigEndian.AppendUint64(b, uint64(r.Time.UnixNano()))
	b = binary.AppendUvarint(b, uint64(r.Kind))
	b = binary.AppendUvarint(b, uint64(len(r.Archive)))
	b = append(b, r.Archive...)
	b = binary.AppendUvarint(b, uint64(len(r.Numbers)))
	return append(b, r.Numbers...)
}

// decodeHeader copies what it returns, and tells whether the record has, or had, content.
func decodeHeader(b []byte) (r Record, has bool, err error) {
	if len(b) < 10 {
		return Record{}, false, errHeader
	}
	has = b[0]&hasContent != 0
	r.Side = Side(b[1])
	r.Time = time.Unix(0, int64(binary.BigEndian.Uint64(b[2:]))).UTC()
	b = b[10:]
	kind, n := binary.Uvarint(b)
	if n <= 0 || kind > math.MaxUint16 {
		return Record{}, false, errHeader
	}
	r.Kind = uint16(kind)
	archive, b, ok := cutBytes(b[n:])
	if !ok {
		return Record{}, false, errHeader
	}
	numbers, _, ok := cutBytes(b)
	if !ok {
		return Record{}, false, errHeader
	}
	r.Archive = string(archive)
	if len(numbers) > 0 {
		r.Numbers = bytes.Clone(numbers)
	}
	return r, has, nil
}

// cutBytes takes a length and so many bytes off b.
func cutBytes(b []byte) (value, rest []byte, ok bool) {
	size, n := binary.Uvarint(b)
	if n <= 0 || size > uint64(len(b)-n) {
		return nil, nil, false
	}
	return b[n : n+int(size)], b[n+int(size):], true
}
