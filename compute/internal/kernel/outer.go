package kernel

import "slices"

// fewRows is the number of rows below which what AdagradOuter does for each product shows.
const fewRows = 16

// AdagradOuter is Adagrad, in place, for the gradient x yᵀ of a matrix of len(x) rows, the
// product that Ger writes: with the same bits, but that product is never written. Where an
// element of x or of y is 0, so is the gradient, and Adagrad leaves the parameter as it is:
// of these no root is taken and nothing is divided by it. No element of sum has a sign.
//
// It returns ok false, and does nothing, where it has nothing to offer: the family has no
// such kernel, or the shape or the settings are others than those it is made for.
func (u *Updater) AdagradOuter(theta, sum, x, y []float32, h *Hyper) (finite, ok bool) {
	do := u.set.f.adagradOuter
	n := len(y)
	if do == nil || len(x) < fewRows || n == 0 || n%octet != 0 || h.Scale != 1 {
		return false, false
	}
	o := &u.o
	o.pairUp(y)
	if len(o.list) == 0 {
		return true, true
	}
	o.pairs, o.alone, o.stride = &o.list[0], len(o.list)-o.paired, 4*n
	o.rate, o.epsilon, o.factor = h.Rate, h.Epsilon, h.Factor
	finite = true
	// The groups of a row are worked on one after the other, and a cache line holds two.
	for step := max(octet, nearValues/n); len(x) > 0; {
		o.rows = min(step, len(x))
		o.theta, o.sum, o.x = first(theta, o.rows*n), first(sum, o.rows*n), &x[0]
		finite = do(o) == 0 && finite
		theta, sum, x = theta[o.rows*n:], sum[o.rows*n:], x[o.rows:]
	}
	return finite, true
}

// nearValues is how many parameters, with their sums, a first-level cache holds.
const nearValues = 4096

// octet is the number of elements of a group.
const octet = 8

// outer is what the assembly reads; its offsets are those of the generator.
type outer struct {
	theta, sum, x         *float32
	pairs                 *lanePair
	paired, alone         int // leading elements of pairs, and those after them
	rows, stride          int // the stride is in bytes
	rate, epsilon, factor float32

	list   []lanePair
	groups []liveGroup
}

// A lanePair is two groups of the columns of a matrix, A and B, of which no more than octet
// columns together are live: have a y that is not 0. One register holds them all, those of A
// where they are. Masks have all bits set or none. A group for which no other has room is the
// A of a lanePair of its own.
type lanePair struct {
	ya, yb, y    [octet]float32
	from         [octet]int32 // where the register's lane is in B
	to           [octet]int32 // where the lane of B is in the register
	liveA, liveB [octet]int32
	ofB          [octet]int32 // lanes of the register that are of B
	a, b         int          // where the groups begin, in bytes
	_            [6]int       // to whole cache lines
}

type liveGroup struct{ column, live int }

// pairUp lists the pairs for y, and after them the groups that are alone.
func (o *outer) pairUp(y []float32) {
	o.groups = o.groups[:0]
	for at := 0; at < len(y); at += octet {
		live := 0
		for _, v := range y[at : at+octet] {
			if v != 0 {
				live++
			}
		}
		if live > 0 {
			o.groups = append(o.groups, liveGroup{at, live})
		}
	}
	slices.SortFunc(o.groups, func(a, b liveGroup) int { return a.live - b.live })
	o.list = slices.Grow(o.list[:0], len(o.groups))
	// The fullest takes the emptiest, if that fits; else it takes none.
	small, large := 0, len(o.groups)-1
	for ; small < large; large-- {
		a, b := &o.groups[large], &o.groups[small]
		if a.live+b.live <= octet {
			o.next().join(y, a.column, b.column)
			a.live, b.live = 0, 0
			small++
		}
	}
	o.paired = len(o.list)
	for _, g := range o.groups {
		if g.live > 0 {
			p := o.next()
			p.a, p.ya = 4*g.column, [octet]float32(y[g.column:])
		}
	}
}

// next returns another element of the list, which has room for it.
func (o *outer) next() *lanePair {
	o.list = o.list[:len(o.list)+1]
	return &o.list[len(o.list)-1]
}

// join makes p the pair of the groups that begin at columns a and b.
func (p *lanePair) join(y []float32, a, b int) {
	*p = lanePair{a: 4 * a, b: 4 * b, ya: [octet]float32(y[a:]), yb: [octet]float32(y[b:])}
	p.y = p.ya
	for i, v := range &p.ya {
		if v != 0 {
			p.liveA[i] = -1
		}
	}
	free := 0
	for i, v := range &p.yb {
		if v == 0 {
			continue
		}
		for p.liveA[free] != 0 {
			free++
		}
		p.y[free], p.from[free], p.to[i] = v, int32(i), int32(free)
		p.liveB[i], p.ofB[free] = -1, -1
		free++
	}
}
