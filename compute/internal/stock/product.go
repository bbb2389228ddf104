package stock

import (
	"gorgonia.org/tensor"

	"github.com/perennial-ml/perennial/compute/internal/bind"
	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

// product is a product m×k by k×n, of which at most one operand is transposed. A vector is
// one column, but for the second operand of an outer product.
type product struct {
	m, n, k int
	ta, tb  bool
}

func matchProduct(text string, out tensor.Shape, in []tensor.Shape) bind.Op {
	a, b := in[0], in[1]
	switch text {
	case "a ⋅ b":
		if a.Dims() == 1 && b.Dims() == 1 {
			return fit(product{m: 1, n: 1, k: a[0], ta: true}, out, a, b)
		}
		return nil
	case "a ⊗ b":
		if a.Dims() == 1 && b.Dims() == 1 {
			return fit(product{m: a[0], n: b[0], k: 1}, out, a, b)
		}
		return nil
	}
	if a.Dims() != 2 || b.Dims() < 1 || b.Dims() > 2 {
		return nil
	}
	p := product{m: a[0], n: 1, k: a[1]}
	if b.Dims() == 2 {
		p.n = b[1]
	}
	switch text {
	case "A × B", "A × b":
	case "Aᵀ × B", "Aᵀ × b":
		p.m, p.k, p.ta = a[1], a[0], true
	case "A × Bᵀ":
		p.n, p.tb = b[0], true
	default:
		return nil
	}
	return fit(p, out, a, b)
}

// fit returns nothing if the sizes contradict each other.
func fit(p product, out, a, b tensor.Shape) bind.Op {
	if p.m*p.n != out.TotalSize() || p.m*p.k != a.TotalSize() || p.k*p.n != b.TotalSize() {
		return nil
	}
	return p
}

func (p product) Rows(in []bool) (out, ok bool) {
	if p.ta {
		return false, in[0] == in[1]
	}
	return in[0], !in[1]
}

func (p product) InPlace() []int { return nil }

func (p product) Bind(set *kernel.Set, dst *bind.Buffer, in []*bind.Buffer) bind.Task {
	a, b := in[0], in[1]
	t := bind.Task{Kernel: "gemm nn", Cost: bind.Cost{Fixed: 2 * p.m * p.n * p.k}, Split: true}
	switch {
	case p.ta:
		t.Kernel = "gemm tn"
		if a.Rows {
			t.Cost = bind.Cost{Row: 2 * p.m * p.n}
		}
	case a.Rows:
		t.Cost = bind.Cost{Row: 2 * p.n * p.k}
	}
	if p.tb {
		t.Kernel = "gemm nt"
	}
	t.Do = func(r bind.Run) {
		m, k := p.m, p.k
		if a.Rows && p.ta {
			k = r.Rows
		} else if a.Rows {
			m = r.Rows
		}
		i0, i1 := r.Cut(m, 24)
		if i0 >= i1 {
			return
		}
		switch d := dst.Data[i0*p.n:]; {
		case p.ta:
			set.GemmTN(d, a.Data[i0:], b.Data, i1-i0, p.n, k, p.n, p.m, p.n, false, r.Work)
		case p.tb:
			set.GemmNT(d, a.Data[i0*k:], b.Data, i1-i0, p.n, k, p.n, k, k, false, r.Work)
		default:
			set.GemmNN(d, a.Data[i0*k:], b.Data, i1-i0, p.n, k, p.n, k, p.n, false, r.Work)
		}
	}
	return t
}
