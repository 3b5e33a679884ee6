package dispatch

import "iter"

// line holds threads in the order in which their conversations began: those that wait in
// a queue, or those of an owner. A thread is in exactly one line, so the links are in the
// thread itself. It is a treap: who comes back to the line goes to his old place, and a place is counted, in O(log n).
type line struct{ root *thread }

// place is a thread's part in the line that it is in.
type place struct {
	left, right *thread
	size        int // threads from here down
}

func (l *line) len() int { return l.root.count() }

func (t *thread) count() int {
	if t == nil {
		return 0
	}
	return t.size
}

// before tells which of two threads comes first in a line.
func (t *thread) before(u *thread) bool {
	if c := t.Since.Compare(u.Since); c != 0 {
		return c < 0
	}
	return t.N < u.N
}

// weight spreads thread numbers over 64 bits (the finisher of splitmix64), which is
// what keeps the tree flat. Nobody chooses his number.
func (t *thread) weight() uint64 {
	x := t.N * 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (l *line) insert(t *thread) {
	at, w := &l.root, t.weight()
	for *at != nil && (*at).weight() >= w {
		(*at).size++
		if t.before(*at) {
			at = &(*at).left
		} else {
			at = &(*at).right
		}
	}
	t.left, t.right = split(*at, t)
	t.size = 1 + t.left.count() + t.right.count()
	*at = t
}

func (l *line) remove(t *thread) {
	at := &l.root
	for *at != t {
		if *at == nil {
			panic("dispatch: a thread is not in the line where it should be")
		}
		(*at).size--
		if t.before(*at) {
			at = &(*at).left
		} else {
			at = &(*at).right
		}
	}
	*at = merge(t.left, t.right)
	t.place = place{}
}

// split parts a tree into what comes before t and the rest.
func split(n, t *thread) (less, more *thread) {
	if n == nil {
		return nil, nil
	}
	if t.before(n) {
		less, n.left = split(n.left, t)
		more = n
	} else {
		n.right, more = split(n.right, t)
		less = n
	}
	n.size = 1 + n.left.count() + n.right.count()
	return less, more
}

// merge joins two trees, all of a before all of b.
func merge(a, b *thread) *thread {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case a.weight() >= b.weight():
		a.right = merge(a.right, b)
		a.size = 1 + a.left.count() + a.right.count()
		return a
	}
	b.left = merge(a, b.left)
	b.size = 1 + b.left.count() + b.right.count()
	return b
}

// first returns the head of the line, or nil.
func (l *line) first() *thread {
	n := l.root
	for n != nil && n.left != nil {
		n = n.left
	}
	return n
}

// after returns who comes next behind t, or nil. t need not be in the line.
func (l *line) after(t *thread) *thread {
	var found *thread
	for n := l.root; n != nil; {
		if t.before(n) {
			found, n = n, n.left
		} else {
			n = n.right
		}
	}
	return found
}

// rank returns the place of a thread that is in the line, from 1.
func (l *line) rank(t *thread) int {
	ahead := 0
	for n := l.root; n != nil; {
		if t.before(n) {
			n = n.left
		} else {
			ahead += 1 + n.left.count()
			n = n.right
		}
	}
	return ahead
}

// all yields the line in order; it must not change meanwhile.
func (l *line) all() iter.Seq[*thread] {
	return func(yield func(*thread) bool) { l.root.walk(yield) }
}

func (t *thread) walk(yield func(*thread) bool) bool {
	return t == nil || t.left.walk(yield) && yield(t) && t.right.walk(yield)
}

// page copies up to limit threads from the head of the line.
func (l *line) page(limit int) []Thread {
	if limit <= 0 {
		return nil
	}
	page := make([]Thread, 0, min(limit, l.len()))
	for t := range l.all() {
		if len(page) == limit {
			break
		}
		page = append(page, t.Thread)
	}
	return page
}
