package kernel

import (
	"math/bits"
	"slices"
)

// AdagradOuter is Adagrad, in place, for the gradient x yᵀ of a matrix of len(x) rows, the
// product that Ger writes: with the same bits, but that product is never written. Where an
// element of x or of y is 0, so is the gradient, and Adagrad leaves the parameter as it is:
// of these no root is taken and nothing is divided by it, but for those that share a register
// with others. No element of sum has a sign.
//
// It returns ok false, and does nothing, where it has nothing to offer: the family has no
// such kernel, or the shape or the settings are others than those it is made for.
func (u *Updater) AdagradOuter(theta, sum, x, y []float32, h *Hyper) (finite, ok bool) {
	m, n := len(x), len(y)
	if u.set.f.adagradOuter == nil || m == 0 || n < octet || h.Scale != 1 {
		return false, false
	}
	_, _ = theta[m*n-1], sum[m*n-1]
	o := &u.o
	o.y, o.stride, o.factor = &y[0], size*n, h.Factor
	Fill(o.rate[:], h.Rate)
	Fill(o.epsilon[:], h.Epsilon)
	if n%octet != 0 || m < fewRows || o.count(u.set.tiled, y) > n/4*3 {
		o.theta, o.sum, o.x, o.rows = &theta[0], &sum[0], &x[0], m
		o.whole, o.rest = size*(n&^(octet-1)), n%octet
		return u.set.f.adagradLines(o) == 0, true
	}
	return o.columns(u.set, theta, sum, x), true
}

// fewRows is the number of rows below which what is done for each column shows.
const fewRows = 64

// nearValues is how many parameters, with their sums, stay near: in a quarter of a second-level
// cache.
const nearValues = 16384

// octet is the number of elements of a group.
const octet = 8

// outer is what the assembly reads; its offsets are those of the generator.
type outer struct {
	theta, sum, x, y *float32
	firstPair        *lanePair
	paired           int
	firstAlone       *int
	lonely           int
	rows, stride     int // the stride is in bytes
	whole, rest      int // of a row: bytes in groups, and elements beside them
	rate, epsilon    [octet]float32
	factor           float32

	pairs []lanePair
	alone []int // as in a lanePair
	// How many columns of each group are live, and the groups that have some, by that number.
	live   []uint8
	sorted []int32
	word   uint64
}

// columns takes the step by groups of columns that are live, after count.
func (o *outer) columns(s *Set, theta, sum, x []float32) (finite bool) {
	o.pairUp()
	if len(o.pairs)+len(o.alone) == 0 {
		return true
	}
	if o.paired = len(o.pairs); o.paired > 0 {
		o.firstPair = &o.pairs[0]
	}
	if o.lonely = len(o.alone); o.lonely > 0 {
		o.firstAlone = &o.alone[0]
	}
	finite = true
	// The groups of a row are worked on one after the other, and a cache line holds two.
	n := octet * len(o.live)
	for step := max(octet, nearValues/n); len(x) > 0; {
		o.rows = min(step, len(x))
		o.theta, o.sum, o.x = &theta[0], &sum[0], &x[0]
		finite = s.f.adagradOuter(o) == 0 && finite
		theta, sum, x = theta[o.rows*n:], sum[o.rows*n:], x[o.rows:]
	}
	return finite
}

// A lanePair is where two groups of the columns of a matrix begin, in bytes. No more than octet
// of their columns together are live: have a y that is not 0. One register holds them all.
type lanePair struct{ a, b int }

// pairUp lists the pairs, and the groups that are alone: those with live columns for which
// no other has room.
func (o *outer) pairUp() {
	o.sort()
	o.pairs, o.alone = o.pairs[:0], o.alone[:0]
	// The fullest takes the emptiest, if that fits; else it takes none.
	small, large := 0, len(o.sorted)-1
	for ; small < large; large-- {
		a, b := o.sorted[large], o.sorted[small]
		if o.live[a]+o.live[b] <= octet {
			o.pairs = append(o.pairs, lanePair{size * octet * int(a), size * octet * int(b)})
			small++
		} else {
			o.alone = append(o.alone, size*octet*int(a))
		}
	}
	if small == large {
		o.alone = append(o.alone, size*octet*int(o.sorted[small]))
	}
}

// sort lists the groups that have live columns, those with the fewest first.
func (o *outer) sort() {
	var next [octet + 2]int32 // by live columns, plus one: at first how many groups
	for _, live := range o.live {
		next[live+1]++
	}
	dead := next[1]
	next[1] = 0
	for i := 2; i < len(next); i++ {
		next[i] += next[i-1]
	}
	n := len(o.live) - int(dead)
	o.sorted = slices.Grow(o.sorted[:0], n)[:n]
	for g, live := range o.live {
		if live > 0 {
			o.sorted[next[live]] = int32(g)
			next[live]++
		}
	}
}

// count tells how many columns of each group, and of all, are live.
func (o *outer) count(t *blocked, y []float32) (all int) {
	o.live = o.live[:0]
	for len(y) > 0 {
		part := y[:min(wordBits, len(y))]
		y = y[len(part):]
		t.nonzero(&o.word, &part[0], 1, 0, len(part))
		all += bits.OnesCount64(o.word)
		for range len(part) / octet {
			o.live = append(o.live, uint8(bits.OnesCount8(uint8(o.word))))
			o.word >>= octet
		}
	}
	return all
}
