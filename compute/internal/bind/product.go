package bind

import (
	"math"

	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

// A Product is a matrix aᵀ b, the sum of an outer product for each row of a batch, that a
// run leaves to who wants it: until the next run any of its rows can be computed, and with
// the bits that the whole has. The zero value is none.
type Product struct {
	set  *kernel.Set
	a, b []float32 // terms×m and terms×n
	m, n int
	k    int // terms of the last run
	work []float32
}

// Given says whether there is a product: that a run computes nothing of it.
func (p *Product) Given() bool { return p.n > 0 }

// Shape returns the numbers of rows and columns, and of the terms of each sum.
func (p *Product) Shape() (rows, columns, terms int) { return p.m, p.n, p.k }

// Bound returns the norm of a times that of b, but for rounding: neither the norm of the
// matrix, nor a sum on the way to one of its elements, is larger.
func (p *Product) Bound() float64 {
	a, b := p.a[:p.k*p.m], p.b[:p.k*p.n]
	return math.Sqrt(float64(p.set.Dot(a, a))) * math.Sqrt(float64(p.set.Dot(b, b)))
}

// Rows computes the rows in [from, to) and writes them to dst.
func (p *Product) Rows(dst []float32, from, to int) {
	a := p.a[from:]
	if p.k == 1 {
		p.set.Ger(dst, a[:to-from], p.b, to-from, p.n, p.n, false)
		return
	}
	p.set.GemmTN(dst, a, p.b, to-from, p.n, p.k, p.n, p.m, p.n, false, p.work)
}

// Outer returns the factors of a product of one term, the outer product x yᵀ; ok says that
// it is one.
func (p *Product) Outer() (x, y []float32, ok bool) {
	return p.a[:p.m], p.b[:p.n], p.k == 1
}

// Bind makes p the product of two matrices, and returns the task that keeps its terms.
func (p *Product) Bind(set *kernel.Set, name string, cost Cost, a, b *Buffer) Task {
	*p = Product{set: set, m: a.Shape[1], n: b.Shape[1], a: a.Data, b: b.Data}
	return Task{
		Kernel: name + ", by rows on demand",
		Cost:   cost,
		Do:     func(r Run) { p.k, p.work = a.Count(r.Rows)/p.m, r.Work },
	}
}

// A ProductOp is an Op whose result may be a Product.
type ProductOp interface {
	Op
	// Defers says that it is one.
	Defers() bool
	// BindProduct returns the task that sets dst.
	BindProduct(set *kernel.Set, dst *Product, in []*Buffer) Task
}
