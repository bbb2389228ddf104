package op

import (
	"github.com/perennial-ml/perennial/compute/internal/bind"
	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

// The kernels of this package's ops, for plans. Do is the definition that they are held
// against: kernels fuse each multiply and add, and take exponentials in float32.

var _ = []bind.Op{
	(*affine)(nil), (*activation)(nil), (*slope)(nil), (*times)(nil), (*columnSum)(nil), (*meanLoss)(nil), (*lossSlope)(nil),
}

func (a Activation) kernel() kernel.Act {
	switch a {
	case ReLU:
		return kernel.ReLU
	case GELU:
		return kernel.GELU
	case Tanh:
		return kernel.Tanh
	case Sigmoid:
		return kernel.Sigmoid
	}
	return kernel.Identity
}

// Parts of a product are blocks of so many rows, or else columns, of the result: multiples
// of what a register tile covers.
const (
	rowBlock    = 24
	columnBlock = 64
)

// cut returns the rows and columns of an m×n product that are a part's.
func cut(r bind.Run, m, n int) (i0, i1, j0, j1 int) {
	if r.Parts > 1 && m < 2*rowBlock*r.Parts {
		j0, j1 = r.Cut(n, columnBlock)
		return 0, m, j0, j1
	}
	i0, i1 = r.Cut(m, rowBlock)
	return i0, i1, 0, n
}

func (o *affine) Rows(in []bool) (out, ok bool) { return in[0], !in[1] && !in[2] }
func (o *affine) InPlace() []int                { return nil }

func (o *affine) Bind(set *kernel.Set, dst *bind.Buffer, in []*bind.Buffer) bind.Task {
	x, w, b := in[0], in[1], in[2]
	act := o.act.kernel()
	k, n := o.sizes(w.Shape)
	multiply, ldw, unit := set.Affine, n, 1
	switch {
	case o.byUnit:
		multiply, ldw, unit = set.Linear, k, k
	case w.Finite:
		multiply = set.AffineFinite
	}
	return bind.Task{
		Kernel: o.name,
		Cost:   product(x, n*(2*k+1)),
		Split:  true,
		Do: func(r bind.Run) {
			i0, i1, j0, j1 := cut(r, x.Count(r.Rows)/k, n)
			if i0 < i1 && j0 < j1 {
				multiply(dst.Data[i0*n+j0:], x.Data[i0*k:], w.Data[j0*unit:], b.Data[j0:j1], i1-i0, j1-j0, k, n, k, ldw, act, r.Work)
			}
		},
	}
}

// product is the cost of a result whose rows are those of x.
func product(x *bind.Buffer, row int) bind.Cost {
	if x.Rows {
		return bind.Cost{Row: row}
	}
	return bind.Cost{Fixed: row * x.Shape[0]}
}

func (o *activation) Rows(in []bool) (out, ok bool) { return in[0], true }
func (o *activation) InPlace() []int                { return []int{0} }

func (o *activation) Bind(set *kernel.Set, dst *bind.Buffer, in []*bind.Buffer) bind.Task {
	x, act := in[0], o.act.kernel()
	return bind.Task{
		Kernel: o.name,
		Cost:   product(dst, 10*dst.Width()),
		Split:  true,
		Do: func(r bind.Run) {
			from, to := r.Cut(dst.Count(r.Rows), 64)
			set.Apply(dst.Data[from:to], x.Data[from:to], act)
		},
	}
}

func (o *slope) Rows(in []bool) (out, ok bool) { return in[0] || in[1], true }
func (o *slope) InPlace() []int                { return []int{1, 0} }

func (o *slope) Bind(set *kernel.Set, dst *bind.Buffer, in []*bind.Buffer) bind.Task {
	y, dy, act := in[0], in[1], o.act.kernel()
	return bind.Task{
		Kernel: o.name,
		Cost:   product(dst, 3*dst.Width()),
		Split:  true,
		Do: func(r bind.Run) {
			from, to := r.Cut(dst.Count(r.Rows), 64)
			set.Slope(dst.Data[from:to], dy.Data[from:to], y.Data[from:to], act)
		},
	}
}

// Rows of a b and a bᵀ are those of a; in aᵀ b they are summed over, so that both must have them.
func (o *times) Rows(in []bool) (out, ok bool) {
	if o.form == formTN {
		return false, in[0] == in[1]
	}
	return in[0], !in[1]
}

func (o *times) InPlace() []int { return nil }

func (o *times) Bind(set *kernel.Set, dst *bind.Buffer, in []*bind.Buffer) bind.Task {
	a, b := in[0], in[1]
	if o.form != formTN {
		return o.bindRows(set, dst, a, b)
	}
	m, n := a.Shape[1], b.Shape[1]
	return bind.Task{
		Kernel: "gemm tn",
		Cost:   product(a, 2*m*n),
		Split:  true,
		Do: func(r bind.Run) {
			k := a.Count(r.Rows) / m
			i0, i1, j0, j1 := cut(r, m, n)
			switch {
			case i0 >= i1 || j0 >= j1:
			case k == 1:
				set.Ger(dst.Data[i0*n+j0:], a.Data[i0:i1], b.Data[j0:j1], i1-i0, j1-j0, n, false)
			default:
				set.GemmTN(dst.Data[i0*n+j0:], a.Data[i0:], b.Data[j0:], i1-i0, j1-j0, k, n, m, n, false, r.Work)
			}
		},
	}
}

// bindRows is Bind for a product whose rows are those of a.
func (o *times) bindRows(set *kernel.Set, dst, a, b *bind.Buffer) bind.Task {
	k, n := a.Shape[1], dst.Shape[1]
	name, ldb, unit := "gemm nn", n, 1
	multiply := func(dst, a, b []float32, m, n, k, ldd, lda, ldb int, ws []float32) {
		set.GemmNN(dst, a, b, m, n, k, ldd, lda, ldb, false, ws)
	}
	switch {
	case o.form == formNT:
		name, ldb, unit = "gemm nt", k, k
		multiply = func(dst, a, b []float32, m, n, k, ldd, lda, ldb int, ws []float32) {
			set.GemmNT(dst, a, b, m, n, k, ldd, lda, ldb, false, ws)
		}
		if b.Finite {
			multiply = set.GemmNTFinite
		}
	case b.Finite:
		multiply = set.GemmFinite
	}
	return bind.Task{
		Kernel: name,
		Cost:   product(a, 2*k*n),
		Split:  true,
		Do: func(r bind.Run) {
			i0, i1, j0, j1 := cut(r, a.Count(r.Rows)/k, n)
			if i0 < i1 && j0 < j1 {
				multiply(dst.Data[i0*n+j0:], a.Data[i0*k:], b.Data[j0*unit:], i1-i0, j1-j0, k, n, k, ldb, r.Work)
			}
		},
	}
}

// Defers implements bind.ProductOp.
func (o *times) Defers() bool { return o.form == formTN }

// BindProduct implements bind.ProductOp.
func (o *times) BindProduct(set *kernel.Set, dst *bind.Product, in []*bind.Buffer, crew bind.Crew) bind.Task {
	a, b := in[0], in[1]
	return dst.Bind(set, "gemm tn", product(a, 2*a.Shape[1]*b.Shape[1]), a, b, crew)
}

func (o *columnSum) Rows([]bool) (out, ok bool) { return false, true }
func (o *columnSum) InPlace() []int             { return nil }

func (o *columnSum) Bind(set *kernel.Set, dst *bind.Buffer, in []*bind.Buffer) bind.Task {
	a := in[0]
	n := a.Shape[1]
	return bind.Task{
		Kernel: o.name,
		Cost:   product(a, n),
		Do:     func(r bind.Run) { set.ColSum(dst.Data, a.Data, a.Count(r.Rows)/n, n, n, false) },
	}
}
