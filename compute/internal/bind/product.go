package bind

import (
	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

// A Product is a matrix aᵀ b, the sum of an outer product for each row of a batch, that a
// run leaves to who wants it: until the next run any of its rows can be computed, and with
// the bits that the whole has. The zero value is none.
type Product struct {
	set  *kernel.Set
	a, b []float32 // terms×m and terms×n
	m, n int
	k    int     // terms of the last run
	rows int     // of the last run
	norm float64 // of a in the last run, if it is known; else below 0

	every  []int32 // the numbers of all rows of the matrix
	folded Folded

	crew  Crew
	task  Task // of who shares the product
	each  func(member, from, to int)
	dst   []float32
	write func(member, from, to int) // to dst
}

// A Crew is what runs the tasks of a plan.
type Crew interface {
	// Do runs a task for rows rows, in parts if it is worth it.
	Do(task *Task, rows int)
	// Size returns the number of goroutines that may share a task.
	Size() int
	// Work returns the workspace of one of them.
	Work(member int) []float32
}

// Given says whether there is a product: that a run computes nothing of it.
func (p *Product) Given() bool { return p.n > 0 }

// Shape returns the numbers of rows and columns, and of the terms of each sum.
func (p *Product) Shape() (rows, columns, terms int) { return p.m, p.n, p.k }

// Bound returns the norm of a times that of b, but for rounding: neither the norm of the
// matrix, nor a sum on the way to one of its elements, is larger.
func (p *Product) Bound() float64 {
	if p.norm < 0 {
		p.norm = p.set.Norm(p.a[:p.k*p.m])
	}
	return p.norm * p.set.Norm(p.b[:p.k*p.n])
}

// Know tells the norm of an input of the last run, which saves to compute it if that is a.
func (p *Product) Know(x []float32, norm float64) {
	if &x[0] == &p.a[0] {
		p.norm = norm
	}
}

// Members returns how many goroutines Share may call from.
func (p *Product) Members() int { return p.crew.Size() }

// Share calls work for ranges of rows that make up the matrix, from as many goroutines as the
// plan has threads, if it is worth it, and returns when all calls have. Calls at the same time
// are for different members, below Members.
func (p *Product) Share(work func(member, from, to int)) {
	p.each = work
	p.crew.Do(&p.task, p.rows)
}

// Write computes the whole, shared likewise, and writes it to dst.
func (p *Product) Write(dst []float32) {
	p.dst = dst
	p.Share(p.write)
}

// Rows computes the rows in [from, to) and writes them to dst: for a member, from the call of
// Share that it is in, or for member 0 outside of any.
func (p *Product) Rows(dst []float32, from, to, member int) {
	p.rowsOf(dst, p.a[from:], to-from, p.m, member)
}

// rowsOf computes a product with leading columns of a, whose rows are lda apart.
func (p *Product) rowsOf(dst, a []float32, rows, lda, member int) {
	if rows == 0 {
		return
	}
	if p.k == 1 {
		p.set.Ger(dst, a[:rows], p.b, rows, p.n, p.n, false)
		return
	}
	p.set.GemmTN(dst, a, p.b, rows, p.n, p.k, p.n, lda, p.n, false, p.crew.Work(member))
}

// Descend takes the step of SGD for the rows in [from, to) of theta, which is as large as the
// matrix, where that is possible without writing these to anywhere: see Updater.DescendTN.
// Otherwise as Rows.
func (p *Product) Descend(u *kernel.Updater, theta []float32, from, to, member int, h *kernel.Hyper) (finite, ok bool) {
	return p.descend(u, theta, p.every[from:to], p.a[from:], p.m, member, h)
}

// descend takes the step for rows that leading columns of a stand for.
func (p *Product) descend(u *kernel.Updater, theta []float32, rows []int32, a []float32, lda, member int, h *kernel.Hyper) (finite, ok bool) {
	return u.DescendTN(theta, rows, a, p.b, p.n, p.k, lda, h, p.crew.Work(member))
}

// Outer returns the factors of a product of one term, the outer product x yᵀ; ok says that
// it is one.
func (p *Product) Outer() (x, y []float32, ok bool) {
	return p.a[:p.m], p.b[:p.n], p.k == 1
}

// shareBlock is what parts are multiples of: rows that a register tile covers.
const shareBlock = 12

// Bind makes p the product of two matrices, and returns the task that keeps its terms.
func (p *Product) Bind(set *kernel.Set, name string, cost Cost, a, b *Buffer, crew Crew) Task {
	*p = Product{set: set, m: a.Shape[1], n: b.Shape[1], a: a.Data, b: b.Data, crew: crew}
	p.every = make([]int32, p.m)
	for i := range p.every {
		p.every[i] = int32(i)
	}
	p.task = Task{
		Cost:  cost,
		Split: true,
		Do: func(r Run) {
			if from, to := r.Cut(p.m, shareBlock); from < to {
				p.each(r.Member, from, to)
			}
		},
	}
	p.write = func(member, from, to int) { p.Rows(p.dst[from*p.n:to*p.n], from, to, member) }
	return Task{
		Kernel: name + ", by rows on demand",
		Cost:   cost,
		Do:     func(r Run) { p.rows, p.k, p.norm = r.Rows, a.Count(r.Rows)/p.m, -1 },
	}
}

// A ProductOp is an Op whose result may be a Product.
type ProductOp interface {
	Op
	// Defers says that it is one.
	Defers() bool
	// BindProduct returns the task that sets dst.
	BindProduct(set *kernel.Set, dst *Product, in []*Buffer, crew Crew) Task
}
