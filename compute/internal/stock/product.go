package stock

import (
	"gorgonia.org/tensor"

	"github.com/perennial-ml/perennial/compute/internal/bind"
	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

// product is a matrix product of which at most one operand is transposed. Vectors are
// matrices of one column, but for the first operand of an outer product.
type product struct {
	m, n, k  int
	ta, tb   bool
	vertical bool // a has m elements in one column: its leading axis is that of the result
}

func matchProduct(text string, out tensor.Shape, in []tensor.Shape) bind.Op {
	a, b := in[0], in[1]
	p := product{m: 1, n: 1}
	switch text {
	case "A × B", "A × b":
		p.m, p.k = first(a), last(a)
	case "Aᵀ × B", "Aᵀ × b":
		p.m, p.k, p.ta = last(a), first(a), true
	case "A × Bᵀ":
		p.m, p.k, p.tb = first(a), last(a), true
	case "a ⋅ b":
		p.k = a.TotalSize()
		if a.Dims() != 1 || b.Dims() != 1 {
			return nil
		}
		p.ta = true
	case "a ⊗ b":
		p.m, p.k, p.n, p.tb = a.TotalSize(), 1, b.TotalSize(), true
		if a.Dims() != 1 || b.Dims() != 1 {
			return nil
		}
		p.tb = false
		return fit(p, out, a, b)
	default:
		return nil
	}
	if a.Dims() > 2 || b.Dims() > 2 || a.Dims() == 1 && text != "a ⋅ b" {
		return nil
	}
	if b.Dims() == 2 {
		p.n = b[1]
		if p.tb {
			p.n = b[0]
		}
	}
	return fit(p, out, a, b)
}

func fit(p product, out, a, b tensor.Shape) bind.Op {
	if p.m*p.n != out.TotalSize() || p.m*p.k != a.TotalSize() || p.k*p.n != b.TotalSize() {
		return nil
	}
	return p
}

func first(s tensor.Shape) int { return s[0] }
func last(s tensor.Shape) int  { return s[len(s)-1] }

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
