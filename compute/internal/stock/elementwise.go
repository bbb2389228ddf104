package stock

import (
	"strings"

	"gorgonia.org/tensor"

	"github.com/perennial-ml/perennial/compute/internal/bind"
	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

// binary is a b for tensors of one size, or of which one is a scalar.
type binary struct {
	op         string
	aOne, bOne bool // it is a scalar
}

func matchBinary(text string, out tensor.Shape, in []tensor.Shape) bind.Op {
	op, same, _ := strings.Cut(text, " ")
	b := binary{op: op, aOne: in[0].IsScalar() && !out.IsScalar(), bOne: in[1].IsScalar() && !out.IsScalar()}
	size := out.TotalSize()
	if b.aOne && b.bOne || !b.aOne && in[0].TotalSize() != size || !b.bOne && in[1].TotalSize() != size {
		return nil
	}
	switch op {
	case "+", "-", "⊙", "÷":
		return b
	case "<", ">", "<=", ">=", "==", "!=":
		if same == "true" {
			return b
		}
	}
	return nil
}

func (b binary) Rows(in []bool) (out, ok bool) { return in[0] || in[1], true }

func (b binary) InPlace() []int {
	switch {
	case b.aOne:
		return []int{1}
	case b.bOne:
		return []int{0}
	}
	return []int{0, 1}
}

func (b binary) Bind(set *kernel.Set, dst *bind.Buffer, in []*bind.Buffer) bind.Task {
	x, y := in[0], in[1]
	f := b.tensors(set)
	switch {
	case b.aOne:
		g := b.scalarFirst(set)
		f = func(dst, _, y []float32) { g(dst, x.Data[0], y) }
	case b.bOne:
		g := b.scalarLast(set)
		f = func(dst, x, _ []float32) { g(dst, x, y.Data[0]) }
	}
	return bind.Task{
		Kernel: "x " + b.op + " y",
		Cost:   cost(dst, 1),
		Split:  true,
		Do: func(r bind.Run) {
			from, to := r.Cut(dst.Count(r.Rows), 64)
			a, c := x.Data, y.Data
			if !b.aOne {
				a = a[from:to]
			}
			if !b.bOne {
				c = c[from:to]
			}
			f(dst.Data[from:to], a, c)
		},
	}
}

func (b binary) tensors(set *kernel.Set) func(dst, x, y []float32) {
	switch b.op {
	case "+":
		return set.Add
	case "-":
		return set.Sub
	case "⊙":
		return set.Mul
	case "÷":
		return set.Div
	}
	holds := comparison(b.op)
	return func(dst, x, y []float32) {
		for i := range dst {
			dst[i] = holds(x[i], y[i])
		}
	}
}

func (b binary) scalarFirst(set *kernel.Set) func(dst []float32, x float32, y []float32) {
	switch b.op {
	case "+":
		return func(dst []float32, x float32, y []float32) { set.AddScalar(dst, y, x) }
	case "⊙":
		return func(dst []float32, x float32, y []float32) { set.Scale(dst, y, x) }
	case "-":
		return func(dst []float32, x float32, y []float32) {
			for i, v := range y {
				dst[i] = x - v
			}
		}
	case "÷":
		return func(dst []float32, x float32, y []float32) {
			for i, v := range y {
				dst[i] = x / v
			}
		}
	}
	holds := comparison(b.op)
	return func(dst []float32, x float32, y []float32) {
		for i, v := range y {
			dst[i] = holds(x, v)
		}
	}
}

func (b binary) scalarLast(set *kernel.Set) func(dst, x []float32, y float32) {
	switch b.op {
	case "+":
		return set.AddScalar
	case "-":
		return func(dst, x []float32, y float32) { set.AddScalar(dst, x, -y) }
	case "⊙":
		return set.Scale
	case "÷":
		return func(dst, x []float32, y float32) {
			for i, v := range x {
				dst[i] = v / y
			}
		}
	}
	holds := comparison(b.op)
	return func(dst, x []float32, y float32) {
		for i, v := range x {
			dst[i] = holds(v, y)
		}
	}
}

// comparison returns 1 where it holds, else 0.
func comparison(op string) func(x, y float32) float32 {
	one := func(b bool) float32 {
		if b {
			return 1
		}
		return 0
	}
	switch op {
	case "<":
		return func(x, y float32) float32 { return one(x < y) }
	case ">":
		return func(x, y float32) float32 { return one(x > y) }
	case "<=":
		return func(x, y float32) float32 { return one(x <= y) }
	case ">=":
		return func(x, y float32) float32 { return one(x >= y) }
	case "==":
		return func(x, y float32) float32 { return one(x == y) }
	}
	return func(x, y float32) float32 { return one(x != y) }
}

// unary is a function of each element.
type unary string

func matchUnary(text string) bind.Op {
	switch text {
	case "exp", "ln", "sqrt", "abs", "softplus", "tanh", "sigmoid", "neg", "square", "cube", "inv":
		return unary(text)
	}
	return nil
}

func (u unary) Rows(in []bool) (out, ok bool) { return in[0], true }
func (u unary) InPlace() []int                { return []int{0} }

func (u unary) Bind(set *kernel.Set, dst *bind.Buffer, in []*bind.Buffer) bind.Task {
	x, f := in[0], u.function(set)
	return bind.Task{
		Kernel: string(u),
		Cost:   cost(dst, 10),
		Split:  true,
		Do: func(r bind.Run) {
			from, to := r.Cut(dst.Count(r.Rows), 64)
			f(dst.Data[from:to], x.Data[from:to])
		},
	}
}

func (u unary) function(set *kernel.Set) func(dst, x []float32) {
	switch u {
	case "exp":
		return set.Exp
	case "ln":
		return set.Log
	case "sqrt":
		return set.Sqrt
	case "abs":
		return set.Abs
	case "softplus":
		return set.Softplus
	case "tanh":
		return func(dst, x []float32) { set.Apply(dst, x, kernel.Tanh) }
	case "sigmoid":
		return func(dst, x []float32) { set.Apply(dst, x, kernel.Sigmoid) }
	case "neg":
		return func(dst, x []float32) { set.Scale(dst, x, -1) }
	case "square":
		return func(dst, x []float32) { set.Mul(dst, x, x) }
	case "cube":
		return func(dst, x []float32) {
			for i, v := range x {
				dst[i] = float32(v*v) * v
			}
		}
	}
	return func(dst, x []float32) {
		for i, v := range x {
			dst[i] = 1 / v
		}
	}
}
