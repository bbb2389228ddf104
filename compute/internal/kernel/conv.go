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

// seen is the number of elements of an image from its first one to the last that is seen.
func (w Window) seen() int {
	return ((w.Rows-1)*w.Step+w.Size-1)*w.Pitch + (w.Columns-1)*w.Step*w.Depth + w.stretch()
}

// A Correlation is a Window and a number of filters, with what kernels look up for them. It
// does not change: any number of goroutines may use it.
type Correlation struct {
	Window
	Filters int
	// Distances in bytes: of what the filter sees first at each position from the beginning of
	// the image, and of each term from the first.
	places, terms []int
}

// NewCorrelation returns the Correlation of n filters.
func NewCorrelation(w Window, n int) *Correlation {
	c := &Correlation{Window: w, Filters: n}
	for i := range w.Rows {
		for j := range w.Columns {
			c.places = append(c.places, size*w.Step*(i*w.Pitch+j*w.Depth))
		}
	}
	for top := range w.Size {
		for p := range w.stretch() {
			c.terms = append(c.terms, size*(top*w.Pitch+p))
		}
	}
	return c
}

// Panels is the number of elements that PackFilters writes.
func (c *Correlation) Panels() int {
	return c.Terms() * ((c.Filters + widest - 1) / widest * widest)
}

// widest is the number of columns of the widest panel of any family.
const widest = 32

// PackFilters copies filters, Terms×Filters, to panels for Correlate, in the order in which
// this family reads them.
func (s *Set) PackFilters(panels, filters []float32, c *Correlation) {
	fits(filters, c.Terms(), c.Filters, c.Filters)
	if s.tiled == nil {
		copy(panels, filters[:c.Terms()*c.Filters])
		return
	}
	s.tiled.panelsOf(panels[:c.Panels()], filters, c.Terms(), c.Filters, c.Filters)
}

// Correlate computes rows from to to of the positions of an image x under filters:
//
//	dst[position, j] = Σ_p x[position, p] filters[p, j]
//
// where p runs over the filter's rows, its columns and the channels, in this order; dst is
// Rows·Columns×Filters, and the filters Terms×Filters, written to panels by PackFilters. Each
// element is one chain of fused multiply-adds that begins at bias, or 0 if that is nil; with
// relu it is at least 0.
func (s *Set) Correlate(dst, x, panels, bias []float32, c *Correlation, from, to int, relu bool, ws []float32) {
	if from >= to {
		return
	}
	n, k := c.Filters, c.stretch()
	_, _ = dst[to*c.Columns*n-1], x[c.seen()-1]
	if s.tiled != nil {
		s.tiled.correlate(dst, x, panels, bias, c, from*c.Columns, to*c.Columns, relu, ws)
		return
	}
	for i := from; i < to; i++ {
		for top := range c.Size {
			in := start{row: bias}
			if top > 0 {
				in = start{acc: true}
			}
			seen, last := x[(i*c.Step+top)*c.Pitch:], top == c.Size-1
			s.product(formNN, dst[i*c.Columns*n:], seen, panels[top*k*n:], c.Columns, n, k, n, c.Step*c.Depth, n, in, relu && last, ws)
		}
	}
}

// CorrelateTN adds to columns from to to of dst, Terms×Filters, what these filters get from an
// image:
//
//	dst[p, j] += Σ_position x[position, p] dz[position, j]
//
// in the order of the positions; dz is Rows·Columns×Filters.
func (s *Set) CorrelateTN(dst, x, dz []float32, c *Correlation, from, to int, ws []float32) {
	if from >= to {
		return
	}
	n, k := c.Filters, c.stretch()
	_, _, _ = dst[c.Terms()*n-1], x[c.seen()-1], dz[c.Rows*c.Columns*n-1]
	if s.tiled != nil {
		s.tiled.correlateTN(dst, x, dz, c, from, to, ws)
		return
	}
	for i := range c.Rows {
		row := dz[i*c.Columns*n+from:]
		for top := range c.Size {
			seen := x[(i*c.Step+top)*c.Pitch:]
			s.product(formTN, dst[top*k*n+from:], seen, row, k, to-from, c.Columns, n, c.Step*c.Depth, n, start{acc: true}, false, ws)
		}
	}
}
