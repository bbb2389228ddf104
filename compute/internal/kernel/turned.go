package kernel

import (
	"math/bits"
	"unsafe"
)

// What of a gradient's factor b is 0, as behind a ReLU and dropout, need not be multiplied either.
// Zeros of b are a unit's own, so that its sums have to lie next to each other: those of some units
// and many rows of θ are computed as rows, by unit, and turned when the step is taken.

// A turnedFunc takes the step of SGD for 16 columns of n rows of θ, stride bytes apart, from a
// gradient that lies transposed, turnedWidth elements from row to row. It stops before rows of which
// some of the gradient is -0, in the lanes that signs has, and returns how many are left; and 0, or a
// NaN if not all that it wrote is finite.
type turnedFunc func(theta, grad *float32, rows *int32, n, stride int, signs uint32, rate, factor float32) (left int, bad float32)

const (
	turnedUnits = 16
	turnedWidth = 136 // of which a family uses as much as its sparse rows have
	allSigns    = 1<<8 - 1
	// turnedSample is how many units are looked at first.
	turnedSample = 64
)

// A turned is a gradient that is computed by unit.
type turned struct {
	panel []float32 // rows of a, as far as they are worked on at a time
	grad  []float32 // of some units and as many rows of θ, transposed
	words []uint64  // which terms of a unit are not 0
	every []uint64  // all terms, for some units
	width int       // rows of θ that are worked on at a time
}

// turn prepares to compute a gradient by unit, and returns ok false where it is faster to multiply
// everything out.
func (t *blocked) turn(j *job, ws []float32) (g turned, ok bool) {
	panel, left := panelRoom(ws)
	words := (j.n + turnedUnits - 1) / turnedUnits * turnedUnits
	if j.k > wordBits || 2*(words+turnedUnits) > len(left) || !t.worthTurning(0, 1, j.k) {
		return g, false
	}
	all := unsafe.Slice((*uint64)(unsafe.Pointer(&left[0])), words+turnedUnits)
	g.words, g.every = all[:j.n], all[words:]
	// The first units may have more live terms than all on average.
	first := min(turnedSample, j.n)
	t.nonzeroColumns(&g.words[0], j.b.at(0, 0), j.k, j.b.i, first)
	if !t.worthTurning(count(g.words[:first])*3/4, first, j.k) {
		return g, false
	}
	t.nonzeroColumns(&g.words[0], j.b.at(0, 0), j.k, j.b.i, j.n)
	if !t.worthTurning(count(g.words), j.n, j.k) {
		return g, false
	}
	for i := range g.every {
		g.every[i] = 1<<j.k - 1
	}
	g.width = t.sparseWidth(j.m)
	room := wordBits * g.width
	g.panel, g.grad = panel[:room], panel[room:][:turnedUnits*turnedWidth]
	return g, true
}

// count returns how many bits are set.
func count(words []uint64) int {
	n := 0
	for _, w := range words {
		n += bits.OnesCount64(w)
	}
	return n
}

// worthTurning follows measurements (BenchmarkTurned), in twentieths of a cycle for a unit and 8 rows
// of θ: a term of a tile takes half a multiply-add, one that is live its load and a share of its row.
func (t *blocked) worthTurning(live, units, terms int) bool {
	part := func(cycles int) int { return cycles * 8 / t.lanes } // of a wider register
	return units*(68+part(122))+part(14*live) < units*part(112+11*terms)
}

// pack copies n columns of k rows of a, and fills them up to a width with 0.
func (g *turned) pack(a factor, k, n, width int) factor {
	for p := range k {
		row := g.panel[p*width:][:width]
		clear(row[copy(row, unsafe.Slice(a.at(0, p), n)):])
	}
	return factor{unsafe.Pointer(&g.panel[0]), size * width, size}
}

// descendTurned is descendPanels from the terms of which b is not 0. It begins with the last rows: the
// forward pass had them last, and some are still near.
func (s *Set) descendTurned(j *job, rows []int32, h *Hyper, g *turned) bool {
	t, bad := s.tiled, float32(0)
	for i := (j.m - 1) / g.width * g.width; i >= 0; i -= g.width {
		n := min(g.width, j.m-i)
		vecs := (n + t.lanes - 1) / t.lanes
		x := g.pack(j.a.from(i, 0), j.k, n, vecs*t.lanes)
		finite := s.Finite(g.panel[:j.k*vecs*t.lanes])
		for at := 0; at < j.n; at += turnedUnits {
			words, signs := g.words[at:], uint32(allSigns)
			if !finite {
				words, signs = g.every, 0
			}
			for left := n; left > 0; words, signs = g.every, 0 {
				t.sparse[vecs](&g.grad[0], j.b.at(0, at), x.at(0, 0), nil, &words[0], turnedUnits,
					size*turnedWidth, j.b.j, j.b.i, x.i, 0, size*(vecs-1)*t.lanes, 0)
				done, nan := n-left, float32(0)
				left, nan = t.turned(j.c.at(0, at), &g.grad[done], &rows[i+done], left, j.c.i, signs, h.Rate, h.Factor)
				bad += nan
			}
		}
	}
	return bad == 0
}
