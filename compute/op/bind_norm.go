package op

import (
	"math"

	"github.com/perennial-ml/perennial/compute/internal/bind"
	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

// The kernels of layer norm work group by group. Sums run in 16 lanes, and the mean is
// taken away before the squares are added up, so that nothing cancels.

var _ = []bind.Op{(*layerNorm)(nil), (*normSlope)(nil), (*normGain)(nil)}

// standardise writes (x - μ)/sqrt(σ² + ε) to dst and returns 1/sqrt(σ² + ε).
func standardise(set *kernel.Set, dst, x []float32) float32 {
	n := float32(len(x))
	set.AddScalar(dst, x, -set.Sum(x)/n)
	inv := float32(1 / math.Sqrt(float64(set.Dot(dst, dst)/n)+NormEpsilon))
	set.Scale(dst, dst, inv)
	return inv
}

// groups calls do for the groups of d elements in the rows that are a part's.
func groups(r bind.Run, b *bind.Buffer, d int, do func(from, to int)) {
	from, to := r.Cut(b.Count(r.Rows)/d, 1)
	for i := from; i < to; i++ {
		do(i*d, (i+1)*d)
	}
}

func (o *layerNorm) Rows(in []bool) (out, ok bool) { return in[0], !in[1] && !in[2] }
func (o *layerNorm) InPlace() []int                { return []int{0} }

func (o *layerNorm) Bind(set *kernel.Set, dst *bind.Buffer, in []*bind.Buffer) bind.Task {
	x, gain, bias := in[0], in[1], in[2]
	return bind.Task{
		Kernel: o.name,
		Cost:   product(x, 8*x.Width()),
		Split:  true,
		Do: func(r bind.Run) {
			groups(r, x, len(gain.Data), func(from, to int) {
				y := dst.Data[from:to]
				standardise(set, y, x.Data[from:to])
				set.Mul(y, y, gain.Data)
				set.Add(y, y, bias.Data)
			})
		},
	}
}

func (o *normSlope) Rows(in []bool) (out, ok bool) { return in[1], in[0] == in[1] && !in[2] }
func (o *normSlope) InPlace() []int                { return []int{0} }

func (o *normSlope) Bind(set *kernel.Set, dst *bind.Buffer, in []*bind.Buffer) bind.Task {
	dy, x, gain := in[0], in[1], in[2]
	d := len(gain.Data)
	return bind.Task{
		Kernel: o.name,
		Cost:   product(x, 14*x.Width()),
		Split:  true,
		Room:   d,
		Do: func(r bind.Run) {
			hat := r.Room[:d]
			groups(r, x, d, func(from, to int) {
				inv := standardise(set, hat, x.Data[from:to])
				dx := dst.Data[from:to]
				set.Mul(dx, dy.Data[from:to], gain.Data)
				along := set.Dot(dx, hat) / float32(d)
				set.AddScalar(dx, dx, -set.Sum(dx)/float32(d))
				set.Axpy(dx, hat, -along)
				set.Scale(dx, dx, inv)
			})
		},
	}
}

func (o *normGain) Rows(in []bool) (out, ok bool) { return false, in[0] == in[1] }
func (o *normGain) InPlace() []int                { return nil }

func (o *normGain) Bind(set *kernel.Set, dst *bind.Buffer, in []*bind.Buffer) bind.Task {
	dy, x := in[0], in[1]
	return bind.Task{
		Kernel: o.name,
		Cost:   product(x, 8*x.Width()),
		Room:   o.d,
		Do: func(r bind.Run) {
			hat := r.Room[:o.d]
			clear(dst.Data)
			groups(r, x, o.d, func(from, to int) {
				standardise(set, hat, x.Data[from:to])
				set.MulAdd(dst.Data, dy.Data[from:to], hat)
			})
		},
	}
}
