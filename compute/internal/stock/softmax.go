package stock

import (
	"fmt"

	"gorgonia.org/tensor"

	"github.com/perennial-ml/perennial/compute/internal/bind"
	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

// softmax is of each row of a matrix, or its logarithm. Slope is, from its result y and the
// gradient g by it, y (g - Σ g y), or g - exp(y) Σ g of the logarithm.
type softmax struct {
	columns    int
	slope, log bool
}

func matchSoftmax(text string, in tensor.Shape, slope bool) bind.Op {
	name := "Softmax"
	if slope {
		name = "SoftmaxDiff"
	}
	if in.Dims() != 2 || in[1] < 2 {
		return nil
	}
	for _, log := range []bool{false, true} {
		for _, axis := range []int{-1, 1} {
			if text == fmt.Sprintf("%s{%d, %v}()", name, axis, log) {
				return softmax{in[1], slope, log}
			}
		}
	}
	return nil
}

func (s softmax) Rows(in []bool) (out, ok bool) {
	for _, b := range in {
		ok = ok || b
	}
	return ok, true
}
func (s softmax) InPlace() []int { return nil }

func (s softmax) Bind(set *kernel.Set, dst *bind.Buffer, in []*bind.Buffer) bind.Task {
	x, n := in[0].Data, s.columns
	t := bind.Task{Kernel: "softmax", Cost: cost(dst, 12)}
	var row func(d, x, g []float32)
	norm := make([]float32, 1)
	g := x
	switch {
	case s.slope:
		g = in[1].Data
		t.Kernel, t.Cost = "slope of softmax", cost(dst, 4)
		row = func(d, y, g []float32) {
			set.AddScalar(d, g, -set.Dot(g, y))
			set.Mul(d, d, y)
		}
		if s.log {
			t.Kernel, t.Cost = "slope of log softmax", cost(dst, 12)
			row = func(d, y, g []float32) {
				set.Exp(d, y)
				set.Scale(d, d, set.Sum(g))
				set.Sub(d, g, d)
			}
		}
	case s.log:
		t.Kernel = "log softmax"
		row = func(d, x, _ []float32) {
			top := set.Max(x)
			norm[0] = set.ExpSum(d, x, top)
			set.Log(norm, norm)
			set.AddScalar(d, x, -top)
			set.AddScalar(d, d, -norm[0])
		}
	default:
		t.Do = func(r bind.Run) { set.Softmax(dst.Data, x, dst.Count(r.Rows)/n, n, n, n) }
		return t
	}
	t.Do = func(r bind.Run) {
		for from := 0; from < dst.Count(r.Rows); from += n {
			to := from + n
			row(dst.Data[from:to], x[from:to], g[from:to])
		}
	}
	return t
}
