package scenario

import (
	"encoding/binary"

	"github.com/perennial-ml/perennial/bench/data"
	"github.com/perennial-ml/perennial/feedback/feature"
	"github.com/perennial-ml/perennial/internal/pixel"
)

// Examples are rows of a data set as a task shows them.
type Examples struct {
	set  *data.Set
	rows []int32
	// gather says which pixel each input shows, -1 for none, and levels what a pixel's
	// value stands for; images alone.
	gather []int32
	levels *[256]float32
	// spread says which input shows each pixel, -1 for none; nil if one shows in several. blank is
	// a row of which all pixels are 0, nil for zeros.
	spread []int32
	blank  []float32
	// mean and scale standardise the numbers of a table.
	mean, scale []float32
	// classes is what each class of the set is called here; nil for the same.
	classes []int32
}

// Len returns the number of rows.
func (e *Examples) Len() int { return len(e.rows) }

// Inputs returns the number of dense inputs.
func (e *Examples) Inputs() int {
	if e.set.Image() {
		return len(e.gather)
	}
	return e.set.Numbers()
}

// Target returns the class of row i, or its value.
func (e *Examples) Target(i int) float32 {
	t := e.set.Targets[e.rows[i]]
	if e.classes == nil {
		return t
	}
	return float32(e.classes[int(t)])
}

// Categories returns the categories of row i, in the set's own memory.
func (e *Examples) Categories(i int) []int32 {
	k := len(e.set.Buckets)
	return e.set.Categories[int(e.rows[i])*k : int(e.rows[i]+1)*k]
}

// Dense writes the dense inputs of row i to dst, which has room for them.
func (e *Examples) Dense(dst []float32, i int) {
	n := e.set.Numbers()
	if !e.set.Image() {
		for j, v := range e.set.Dense[int(e.rows[i])*n : int(e.rows[i]+1)*n] {
			dst[j] = (v - e.mean[j]) / e.scale[j]
		}
		return
	}
	pixels := e.pixels(i)
	if e.spread != nil {
		dst = dst[:len(e.gather)]
		if e.blank == nil {
			clear(dst)
		} else {
			copy(dst, e.blank)
		}
		e.draw(dst, pixels)
		return
	}
	for j, from := range e.gather {
		if from < 0 {
			dst[j] = e.levels[0]
		} else {
			dst[j] = e.levels[pixels[from]]
		}
	}
}

// pixels returns those of row i.
func (e *Examples) pixels(i int) []byte {
	n := e.set.Numbers()
	return e.set.Pixels[int(e.rows[i])*n:][:n]
}

// Prefetch asks for the memory of row i, and does not wait for it: in an order that was drawn, each
// row lies far from the last.
func (e *Examples) Prefetch(i int) {
	if e.set.Image() {
		p := e.pixels(i)
		pixel.Prefetch(&p[0], len(p))
		pixel.Prefetch(&e.set.Targets[e.rows[i]], 1)
	}
}

// draw writes the pixels of which some among eight are not 0, as few of an image are, over a blank
// row.
func (e *Examples) draw(dst []float32, pixels []byte) {
	levels, spread := e.levels, e.spread[:len(pixels)]
	from := 0
	for ; from+8 <= len(pixels); from += 8 {
		word := binary.LittleEndian.Uint64(pixels[from:])
		if word == 0 {
			continue
		}
		for _, j := range (*[8]int32)(spread[from:]) {
			if uint(j) < uint(len(dst)) { // -1 is not
				dst[j] = levels[byte(word)]
			}
			word >>= 8
		}
	}
	for ; from < len(pixels); from++ {
		if j := spread[from]; j >= 0 {
			dst[j] = levels[pixels[from]]
		}
	}
}

// Row returns row i in memory of its own, as events carry it.
func (e *Examples) Row(i int) feature.Row {
	x := e.clean()
	if e.spread != nil {
		e.draw(x, e.pixels(i))
	} else {
		e.Dense(x, i)
	}
	return feature.Row{Dense: x, Categories: e.Categories(i)}
}

// clean returns memory for a row, blank if there are rows to be drawn over it.
func (e *Examples) clean() []float32 {
	if e.blank != nil {
		return append([]float32(nil), e.blank...)
	}
	return make([]float32, e.Inputs())
}

// pick returns the examples at those places.
func (e *Examples) pick(places []int32) *Examples {
	out := *e
	out.rows = make([]int32, len(places))
	for i, p := range places {
		out.rows[i] = e.rows[p]
	}
	return &out
}

// Slice returns the examples from..to-1.
func (e *Examples) Slice(from, to int) *Examples {
	out := *e
	out.rows = e.rows[from:to]
	return &out
}

// Head returns the first n examples.
func (e *Examples) Head(n int) *Examples { return e.Slice(0, min(n, len(e.rows))) }
