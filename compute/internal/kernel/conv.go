package kernel

// A Window says how a square filter moves over an image that was padded beforehand. The
// image lies row by row, its channels side by side, so that one row of what the filter sees
// is one stretch of memory of Size·Depth elements.
type Window struct {
	Rows, Columns int // positions of the filter
	Step          int // pixels from one position to the next, down and across
	Size          int // height and width of the filter, in pixels
	Depth         int // channels
	Pitch         int // elements from one row of the image to the next
}

// Terms is the number of elements that the filter sees at a position.
func (w Window) Terms() int { return w.Size * w.Size * w.Depth }

// stretch is the number of adjacent elements that it sees.
func (w Window) stretch() int { return w.Size * w.Depth }

// Below this stretch a product would do more work around its sums than on them, and what
// the filter sees is copied to planes first.
const planesBelow = 16

// planesAtOnce is about how many elements are copied to planes before they are worked on:
// they stay in a first-level cache.
const planesAtOnce = 7168

// lines is the number of rows of positions that are worked on at once.
func (w Window) lines() int {
	return min(max(1, planesAtOnce/(w.Terms()*w.Columns)), w.Rows)
}

// Planes is the number of elements of the room that Correlate and CorrelateTN need.
func (w Window) Planes() int {
	if w.stretch() >= planesBelow {
		return 0
	}
	return w.Terms() * w.Columns * w.lines()
}

// Correlate computes rows from to to of the positions of an image x under n filters:
//
//	dst[position, j] = Σ_p x[position, p] filters[p, j]
//
// where p runs over the filter's rows, its columns and the channels, in this order; dst is
// Rows·Columns×n and filters Terms×n. Each element is one chain of fused multiply-adds that
// begins at bias, or 0 if that is nil.
func (s *Set) Correlate(dst, x, filters, bias []float32, n int, w Window, from, to int, room, ws []float32) {
	k := w.stretch()
	in := start{row: bias}
	if k < planesBelow {
		for i := from; i < to; i += w.lines() {
			at := min(w.lines(), to-i) * w.Columns
			w.planes(room, x, i, at)
			s.product(formTN, dst[i*w.Columns*n:], room, filters, at, n, w.Terms(), n, at, n, in, false, ws)
		}
		return
	}
	for i := from; i < to; i++ {
		row := dst[i*w.Columns*n:]
		for top := range w.Size {
			seen := x[(i*w.Step+top)*w.Pitch:]
			at := start{acc: true}
			if top == 0 {
				at = in
			}
			s.product(formNN, row, seen, filters[top*k*n:], w.Columns, n, k, n, w.Step*w.Depth, n, at, false, ws)
		}
	}
}

// CorrelateTN adds to dst, Terms×n, what its filters get from an image:
//
//	dst[p, j] += Σ_position x[position, p] dz[position, j]
//
// in the order of the positions, for columns of dst and dz that are ldd and ldz elements
// apart from row to row.
func (s *Set) CorrelateTN(dst, x, dz []float32, n int, w Window, ldd, ldz int, room, ws []float32) {
	k := w.stretch()
	if k < planesBelow {
		for i := 0; i < w.Rows; i += w.lines() {
			at := min(w.lines(), w.Rows-i) * w.Columns
			w.planes(room, x, i, at)
			s.product(formNN, dst, room, dz[i*w.Columns*ldz:], w.Terms(), n, at, ldd, at, ldz, start{acc: true}, false, ws)
		}
		return
	}
	for i := range w.Rows {
		row := dz[i*w.Columns*ldz:]
		for top := range w.Size {
			seen := x[(i*w.Step+top)*w.Pitch:]
			s.product(formTN, dst[top*k*ldd:], seen, row, k, n, w.Columns, ldd, w.Step*w.Depth, ldz, start{acc: true}, false, ws)
		}
	}
}

// planes copies what the filter sees at so many positions, from row i on, to room: for each
// of its elements the values at all positions, adjacent.
func (w Window) planes(room, x []float32, i, positions int) {
	step := w.Step * w.Depth
	for top := range w.Size {
		for p := range w.stretch() {
			plane := room[(top*w.stretch()+p)*positions:][:positions]
			for at := (i*w.Step+top)*w.Pitch + p; len(plane) > 0; at += w.Step * w.Pitch {
				seen := x[at:]
				if step == 1 {
					copy(plane[:w.Columns], seen)
				} else {
					for j := range plane[:w.Columns] {
						plane[j] = seen[j*step]
					}
				}
				plane = plane[w.Columns:]
			}
		}
	}
}
