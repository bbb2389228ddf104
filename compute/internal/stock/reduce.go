package stock

import (
	"strings"

	"gorgonia.org/tensor"

	"github.com/perennial-ml/perennial/compute/internal/bind"
	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

// sum adds along axes that follow one another: all of them, the first, or the last.
type sum struct{ outer, n, inner int }

func matchSum(text string, out, in tensor.Shape) bind.Op {
	axes := strings.Fields(strings.Trim(strings.TrimPrefix(text, "Σ"), "[]"))
	if len(axes) == in.Dims() && out.TotalSize() == 1 {
		return sum{1, in.TotalSize(), 1}
	}
	if len(axes) != 1 || in.Dims() < 2 {
		return nil
	}
	axis := number(axes[0], "", "")
	if axis < 0 || axis >= in.Dims() {
		return nil
	}
	outer, inner := around(in, axis)
	if outer*inner != out.TotalSize() || outer > 1 && inner > 1 {
		return nil
	}
	return sum{outer, in[axis], inner}
}

func (s sum) Rows(in []bool) (out, ok bool) { return s.outer > 1, s.outer > 1 || s.n > 1 }
func (s sum) InPlace() []int                { return nil }

func (s sum) Bind(set *kernel.Set, dst *bind.Buffer, in []*bind.Buffer) bind.Task {
	x := in[0]
	t := bind.Task{Kernel: "sum", Cost: cost(x, 1)}
	switch {
	case s.inner > 1:
		t.Do = func(r bind.Run) { set.ColSum(dst.Data, x.Data, x.Count(r.Rows)/s.inner, s.inner, s.inner, false) }
	case s.outer > 1:
		t.Do = func(r bind.Run) {
			for i := range dst.Live(r.Rows) {
				dst.Data[i] = set.Sum(x.Data[i*s.n : (i+1)*s.n])
			}
		}
	default:
		t.Do = func(r bind.Run) { dst.Data[0] = set.Sum(x.Live(r.Rows)) }
	}
	return t
}
