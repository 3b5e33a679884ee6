package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	bolt "go.etcd.io/bbolt"
)

// bbolt's own check of a file dies of pages that make no sense, in a goroutine where nobody can catch it. This one reads the pages as
// bytes, and believes none of them.

// A page begins with its number (8 bytes), flags (2), count of elements (2) and of pages behind it that belong to it (4), all in
// the machine's byte order. An element of a branch is the distance to its key (4), the key's length (4) and a page (8); of a leaf flags
// (4), distance (4), the key's length (4) and the value's (4). The distance counts from the element's first byte. A bucket is a value: its
// first page (8) and a counter (8), and where there is no such page, a leaf without a number.
const (
	pageHead    = 16
	elementSize = 16
	branchPage  = 1
	leafPage    = 2
	bucketLeaf  = 1
	bucketHead  = 16

	maxDepth = 64 // of a tree; 2^64 pages need less
)

// pageCheck is a walk over all pages that a transaction sees.
type pageCheck struct {
	tx   *bolt.Tx
	file io.ReaderAt
	high uint64 // pages before it exist
	seen []bool // by page
}

// checkPages reports the first fault in the structure of a file: a page that is used twice or not at all, or makes no
// sense, or keys out of order. The free list has to be loaded.
func checkPages(tx *bolt.Tx, file io.ReaderAt) error {
	high := uint64(tx.Size() / int64(tx.DB().Info().PageSize))
	c := pageCheck{tx: tx, file: file, high: high, seen: make([]bool, high)}
	if err := c.walk(uint64(tx.Cursor().Bucket().Root()), nil, nil, 0); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	lists := 0
	for id := uint64(2); id < high; id++ {
		info, err := tx.Page(int(id))
		switch {
		case err != nil:
			return err
		case info.Type == "free" && c.seen[id]:
			return fmt.Errorf("%w: page %d is in use and on the list of free ones", ErrDamaged, id)
		case info.Type == "free" || c.seen[id]:
		case info.Type == "freelist" && lists == 0:
			lists++
			id += uint64(info.OverflowCount)
		default:
			return fmt.Errorf("%w: page %d belongs to nothing", ErrDamaged, id)
		}
	}
	return nil
}

// walk checks a page and all below it, whose keys are at least from and before till (nil: no bound).
func (c *pageCheck) walk(id uint64, from, till []byte, depth int) error {
	page, err := c.read(id)
	if err != nil {
		return err
	}
	if depth > maxDepth {
		return fmt.Errorf("page %d is too deep", id)
	}
	if binary.NativeEndian.Uint64(page) != id {
		return fmt.Errorf("page %d says that it is another", id)
	}
	elements, err := elementsOf(page)
	if err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	last := from
	for i, e := range elements {
		if last != nil && (bytes.Compare(e.key, last) < 0 || i > 0 && bytes.Equal(e.key, last)) || till != nil && bytes.Compare(e.key, till) >= 0 {
			return fmt.Errorf("page %d: key %d is out of order", id, i)
		}
		last = e.key
		switch {
		case e.page != 0:
			end := till
			if i+1 < len(elements) {
				end = elements[i+1].key
			}
			err = c.walk(e.page, e.key, end, depth+1)
		case e.bucket:
			err = c.bucket(e.value, depth)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *pageCheck) bucket(value []byte, depth int) error {
	if len(value) < bucketHead {
		return errors.New("a bucket is too short")
	}
	if root := binary.NativeEndian.Uint64(value); root != 0 {
		return c.walk(root, nil, nil, depth+1)
	}
	elements, err := elementsOf(value[bucketHead:])
	for i := 1; err == nil && i < len(elements); i++ {
		if bytes.Compare(elements[i-1].key, elements[i].key) >= 0 {
			err = errors.New("its keys are out of order")
		}
	}
	if err != nil {
		return fmt.Errorf("a bucket of few: %w", err)
	}
	return nil
}

// read returns the bytes of a page and of those that belong to it, and notes that they are in use.
func (c *pageCheck) read(id uint64) ([]byte, error) {
	if id < 2 || id >= c.high {
		return nil, fmt.Errorf("there is no page %d", id)
	}
	size := int64(c.tx.DB().Info().PageSize)
	head := make([]byte, pageHead)
	if _, err := c.file.ReadAt(head, int64(id)*size); err != nil {
		return nil, err
	}
	more := uint64(binary.NativeEndian.Uint32(head[12:]))
	if more >= c.high-id {
		return nil, fmt.Errorf("page %d has more pages than there are", id)
	}
	for i := id; i <= id+more; i++ {
		if c.seen[i] {
			return nil, fmt.Errorf("page %d is used twice", i)
		}
		c.seen[i] = true
	}
	page := make([]byte, int64(more+1)*size)
	_, err := c.file.ReadAt(page, int64(id)*size)
	return page, err
}

// element is one of a page: of a branch with a page, of a leaf with a value, which may be a bucket.
type element struct {
	key, value []byte
	page       uint64
	bucket     bool
}

func elementsOf(page []byte) ([]element, error) {
	if len(page) < pageHead {
		return nil, errors.New("it is too short")
	}
	flags, count := binary.NativeEndian.Uint16(page[8:]), int(binary.NativeEndian.Uint16(page[10:]))
	if flags != branchPage && flags != leafPage || pageHead+count*elementSize > len(page) || flags == branchPage && count == 0 {
		return nil, errors.New("it makes no sense")
	}
	all := make([]element, count)
	for i := range all {
		at := pageHead + i*elementSize
		b, e := page[at:], &all[i]
		word := func(n int) int { return int(binary.NativeEndian.Uint32(b[n:])) }
		var pos, key, value int
		if flags == branchPage {
			pos, key, e.page = word(0), word(4), binary.NativeEndian.Uint64(b[8:])
		} else {
			pos, key, value, e.bucket = word(4), word(8), word(12), word(0) == bucketLeaf
		}
		switch {
		case flags == leafPage && word(0) > bucketLeaf, flags == branchPage && e.page == 0,
			pos < (count-i)*elementSize, pos > len(b), key > len(b)-pos, value > len(b)-pos-key:
			return nil, fmt.Errorf("element %d makes no sense", i)
		}
		e.key, e.value = b[pos:pos+key], b[pos+key:pos+key+value]
	}
	return all, nil
}
