package op

import (
	"fmt"
	"math"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/perennial-ml/perennial/compute/internal/bind"
	"github.com/perennial-ml/perennial/compute/internal/kernel"
	"github.com/perennial-ml/perennial/internal/rng"
)

// Dropout sets each element of x, a matrix, to 0 with probability rate, and divides the
// others by 1-rate (Srivastava et al., "Dropout: a simple way to prevent neural networks from
// overfitting", 2014). The rate is rounded to a multiple of 1/65536.
//
// Which elements is a function of noise, layer, row and column alone: Philox4x32-10 with
// noise, 1×2 of int32 with the lower half first, as its key, and (column/8, row, layer, 0) as
// its counter; 16 bits for each column. The gradient meets the same mask.
func Dropout(x, noise *gorgonia.Node, rate float64, layer uint32) (*gorgonia.Node, error) {
	if !(rate >= 0 && rate < 1) {
		return nil, fmt.Errorf("op: rate of a dropout is %v, must be at least 0 and below 1", rate)
	}
	o := &dropout{
		base:  base{name: fmt.Sprintf("dropout %d of %v", layer, rate), arity: 2, typ: hm.NewFnType(matrix, ints, matrix)},
		below: min(uint32(math.Round(rate*dropoutUnit)), dropoutUnit-1), layer: layer,
	}
	o.scale = float32(dropoutUnit / float64(dropoutUnit-o.below))
	return gorgonia.ApplyOp(o, x, noise)
}

const dropoutUnit = 1 << 16

type dropout struct {
	base
	out   output
	below uint32 // words of 16 bits below it drop an element
	layer uint32
	scale float32
}

func (o *dropout) InferShape(in ...gorgonia.DimSizer) (tensor.Shape, error) {
	s, err := shapes(o.name, in, 2, 2)
	if err != nil {
		return nil, err
	}
	return s[0].Clone(), o.fit(s[1])
}

func (o *dropout) fit(noise tensor.Shape) error {
	if noise.TotalSize() != 2 {
		return fmt.Errorf("%w: %s by noise %v, must have 2 elements", ErrShape, o.name, noise)
	}
	return nil
}

func (o *dropout) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	x, s, err := dense(o.name, in[0], 2)
	if err != nil {
		return nil, err
	}
	noise, ok := in[1].(*tensor.Dense)
	if !ok || noise.Dtype() != tensor.Int32 {
		return nil, fmt.Errorf("%w: %s by noise of %T, must be an int32 tensor", ErrShape, o.name, in[1])
	}
	if err := o.fit(noise.Shape()); err != nil {
		return nil, err
	}
	dst, n := o.out.matrix(s[0], s[1]), s[1]
	for i := range s[0] {
		o.row(dst[i*n:(i+1)*n], x[i*n:(i+1)*n], noise.Int32s(), i)
	}
	return o.out.value, nil
}

// row masks the i-th row. An element that is dropped is multiplied by 0, so that what is
// not finite stays so.
func (o *dropout) row(dst, x []float32, noise []int32, i int) {
	key := [2]uint32{uint32(noise[0]), uint32(noise[1])}
	for j := 0; j < len(dst); j += 8 {
		words := rng.Philox([4]uint32{uint32(j / 8), uint32(i), o.layer, 0}, key)
		for l := range min(8, len(dst)-j) {
			keep := o.scale
			if words[l/2]>>(l%2*16)&(dropoutUnit-1) < o.below {
				keep = 0
			}
			dst[j+l] = x[j+l] * keep
		}
	}
}

// DiffWRT implements gorgonia.SDOp.
func (o *dropout) DiffWRT(int) []bool { return []bool{true, false} }

// SymDiff implements gorgonia.SDOp.
func (o *dropout) SymDiff(in gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
	dx, err := gorgonia.ApplyOp(&dropout{
		base:  base{name: "slope of " + o.name, arity: 2, typ: hm.NewFnType(matrix, ints, matrix)},
		below: o.below, layer: o.layer, scale: o.scale,
	}, dy, in[1])
	return gorgonia.Nodes{dx, nil}, err
}

var _ bind.Op = (*dropout)(nil)

func (o *dropout) Rows(in []bool) (out, ok bool) { return in[0], !in[1] }
func (o *dropout) InPlace() []int                { return []int{0} }

func (o *dropout) Bind(set *kernel.Set, dst *bind.Buffer, in []*bind.Buffer) bind.Task {
	x, noise, n := in[0], in[1], dst.Width()
	return bind.Task{
		Kernel: o.name,
		Cost:   product(x, 10*n),
		Split:  true,
		Do: func(r bind.Run) {
			mask := kernel.Dropout{
				Key:   uint64(uint32(noise.I32[1]))<<32 | uint64(uint32(noise.I32[0])),
				Layer: o.layer, Below: o.below, Scale: o.scale,
			}
			from, to := r.Cut(x.Count(r.Rows)/n, 1)
			for i := from; i < to; i++ {
				set.Dropout(dst.Data[i*n:(i+1)*n], x.Data[i*n:(i+1)*n], uint32(i), mask)
			}
		},
	}
}
