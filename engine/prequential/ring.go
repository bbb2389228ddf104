package prequential

// A ring holds the latest entries, up to a limit. It grows as they come.
type ring[T any] struct {
	limit int
	items []T
	start int // of the oldest, once the ring is full
}

func (r *ring[T]) add(v T) {
	if len(r.items) < r.limit {
		r.items = append(r.items, v)
		return
	}
	r.items[r.start] = v
	r.start++
	if r.start == r.limit {
		r.start = 0
	}
}

// halves returns the entries from the oldest to the newest, in two runs.
func (r *ring[T]) halves() [2][]T {
	return [2][]T{r.items[r.start:], r.items[:r.start]}
}

func (r *ring[T]) reset() { r.items, r.start = r.items[:0], 0 }
