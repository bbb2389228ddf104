package kernel

import "unsafe"

// Repeats are what a Collector found in its last list of many ids, which those of other tables
// often are, too.
type repeats struct {
	ids  []int32 // the list, if every id of it was collected; else empty
	list []repeat
}

// A repeat is a place in a list whose id is at one before, and the row that it has from there.
type repeat struct{ at, row int32 }

func newRepeats(n int) repeats { return repeats{make([]int32, 0, n), make([]repeat, 0, n)} }

func (r *repeats) forget() { r.ids, r.list = r.ids[:0], r.list[:0] }

func (r *repeats) add(at, row int) { r.list = append(r.list, repeat{int32(at), int32(row)}) }

// keep remembers the list whose repeats were added, all of whose ids were collected.
func (r *repeats) keep(ids []int32) {
	if len(ids) > fewIDs {
		r.ids = append(r.ids, ids...)
	}
}

// of says that ids are the list.
func (r *repeats) of(ids []int32) bool {
	return len(ids) > fewIDs && len(ids) == len(r.ids) && text(ids) == text(r.ids)
}

// text shows ids to what compares strings, which is faster than a loop.
func text(ids []int32) string { return unsafe.String((*byte)(unsafe.Pointer(&ids[0])), size*len(ids)) }

// index writes the list without its repeats, and returns how many ids these are.
func (r *repeats) index(index []int32) int {
	n, from := 0, int32(0)
	for _, p := range r.list {
		n += copy(index[n:], r.ids[from:p.at])
		from = p.at + 1
	}
	return n + copy(index[n:], r.ids[from:])
}

// scalars is Collector.scalars for the list. No element of src is 0.
func (r *repeats) scalars(values, src []float32, per int) {
	n, list := 0, r.list
	for bag, g := range src {
		from, end := bag*per, (bag+1)*per
		for ; len(list) > 0 && int(list[0].at) < end; list = list[1:] {
			run := int(list[0].at) - from
			Fill(values[n:n+run], g)
			n, from = n+run, from+run+1
			values[list[0].row] += g
		}
		Fill(values[n:n+end-from], g)
		n += end - from
	}
}

// vectors is Collector.vectors for the list. No row of src is 0.
func (r *repeats) vectors(s *Set, values, src []float32, dim int) {
	n, from := 0, 0
	for _, p := range r.list {
		at, row := int(p.at), int(p.row)
		n = moveRows(values, src, n, from, at, dim)
		from = at + 1
		to := values[row*dim : (row+1)*dim]
		s.Add(to, to, src[at*dim:from*dim])
	}
	moveRows(values, src, n, from, len(src)/dim, dim)
}

// moveRows copies rows of src, in [from, to), to dst's row n and those behind it, where they may be
// already, and returns which row comes after them.
func moveRows(dst, src []float32, n, from, to, dim int) int {
	rows := src[from*dim : to*dim]
	if len(rows) > 0 && &dst[n*dim] != &rows[0] {
		copy(dst[n*dim:], rows)
	}
	return n + to - from
}
