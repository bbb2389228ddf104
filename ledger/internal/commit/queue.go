package commit

import (
	"fmt"
	"slices"
	"sync"
)

// A queue holds the requests that wait for commit, first come first served, bounded in
// bytes. An item counts until it is settled, so that what is in flight counts too.
type queue struct {
	mu      sync.Mutex
	limit   int
	bytes   int
	waiting []*request
	items   int // in waiting
	closed  bool
	wake    chan struct{} // holds a token while there may be something waiting
}

func (q *queue) init(limit int) {
	q.limit = limit
	q.wake = make(chan struct{}, 1)
}

// push adds a request, or returns ErrBusy, ErrTooLarge or ErrClosed.
func (q *queue) push(r *request) error {
	if r.bytes > q.limit {
		return fmt.Errorf("one call may take %d bytes in the queue, and this takes %d: split it: %w",
			q.limit, r.bytes, ErrTooLarge)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return ErrClosed
	}
	if q.bytes+r.bytes > q.limit {
		return fmt.Errorf("%d of %d bytes are waiting for commit: %w", q.bytes, q.limit, ErrBusy)
	}
	q.bytes += r.bytes
	r.open = len(r.items)
	q.waiting = append(q.waiting, r)
	q.items += len(r.items)
	q.signal()
	return nil
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// withdraw takes a request out again and reports whether it could: not once the
// committer has taken any of its items.
func (q *queue) withdraw(r *request) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.waiting, r)
	if i < 0 || r.taken {
		return false
	}
	q.waiting = slices.Delete(q.waiting, i, i+1)
	q.bytes -= r.bytes
	q.items -= len(r.items)
	return true
}

// take appends to dst the oldest items: at most n, and after the first only while they
// stay within maxBytes.
func (q *queue) take(dst []item, n, maxBytes int) []item {
	q.mu.Lock()
	defer q.mu.Unlock()
	bytes := 0
	for len(q.waiting) > 0 {
		r := q.waiting[0]
		for len(r.items) > 0 {
			it := r.items[0]
			if len(dst) == n || len(dst) > 0 && bytes+it.size > maxBytes {
				q.signal()
				return dst
			}
			bytes += it.size
			dst = append(dst, it)
			q.items--
			r.items[0], r.taken = item{}, true
			r.items = r.items[1:]
		}
		q.waiting[0] = nil
		q.waiting = q.waiting[1:]
	}
	q.waiting = nil
	return dst
}

// full reports whether n items wait that may be sent before those taken earlier are
// settled: not where the oldest request is taken in part, since its order would break if
// the first part were refused and tried again.
func (q *queue) full(n int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.items >= n && len(q.waiting[0].items) == q.waiting[0].open
}

// settle gives an item its outcome. Committer only. An err concerns the item's whole
// call; a refusal of one event goes into the receipt.
func (q *queue) settle(it item, rec Receipt, err error) {
	r := it.req
	r.receipts[it.index] = rec
	if err != nil && r.err == nil {
		r.err = err
	}
	q.mu.Lock()
	q.bytes -= it.size
	r.open--
	last := r.open == 0
	q.mu.Unlock()
	if last {
		close(r.done)
	}
}

// close refuses what comes and returns what waits.
func (q *queue) close() []item {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	var left []item
	for _, r := range q.waiting {
		left = append(left, r.items...)
	}
	q.waiting, q.items = nil, 0
	return left
}
