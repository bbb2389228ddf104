package op

import (
	"fmt"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/perennial-ml/perennial/compute/internal/bind"
	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

var _ = []bind.Op{(*fold)(nil), (*unfold)(nil)}

// Fold adds up neighbouring blocks of dim columns of a matrix: its first sizes[0] blocks
// become the first of the result, the next sizes[1] the second, and so on. Behind Bags of
// one id each, it makes bags of unequal sizes. A block adds up from left to right.
//
//	y[row, b] = Σ x[row, i]    over the blocks i of b
func Fold(x *gorgonia.Node, sizes []int, dim int) (*gorgonia.Node, error) {
	if dim < 1 {
		return nil, fmt.Errorf("op: blocks of %d columns, must be at least 1", dim)
	}
	blocks := 0
	for i, n := range sizes {
		if n < 1 {
			return nil, fmt.Errorf("op: block %d is folded from %d, must be at least 1", i, n)
		}
		blocks += n
	}
	o := &fold{folding: folding{
		base:  base{name: fmt.Sprintf("fold %v blocks of %d", sizes, dim), arity: 1, typ: hm.NewFnType(matrix, matrix)},
		sizes: sizes, blocks: blocks, dim: dim,
	}}
	return gorgonia.ApplyOp(o, x)
}

// folding is what fold and its derivative have in common.
type folding struct {
	base
	out         output
	sizes       []int
	blocks, dim int
}

func (o *folding) wide() int   { return o.blocks * o.dim }
func (o *folding) narrow() int { return len(o.sizes) * o.dim }

// shape returns the shape of a result so wide, of an input that must be as wide as want.
func (o *folding) shape(in []gorgonia.DimSizer, want, width int) (tensor.Shape, error) {
	s, err := shapes(o.name, in, 2)
	if err != nil {
		return nil, err
	}
	if s[0][1] != want {
		return nil, fmt.Errorf("%w: %s of a matrix %v", ErrShape, o.name, s[0])
	}
	return tensor.Shape{s[0][0], width}, nil
}

// run has write fill the op's output, for a node without a kernel.
func (o *folding) run(v gorgonia.Value, want, width int, write func(dst, x []float32)) (gorgonia.Value, error) {
	x, s, err := dense(o.name, v, 2)
	if err != nil {
		return nil, err
	}
	if s[1] != want {
		return nil, fmt.Errorf("%w: %s of a matrix %v", ErrShape, o.name, s)
	}
	dst := o.out.matrix(s[0], width)
	write(dst, x)
	return o.out.value, nil
}

// bind makes a task of write, whose rows are so wide.
func (o *folding) bind(dst, x *bind.Buffer, width, want int, write func(dst, x []float32)) bind.Task {
	return bind.Task{
		Kernel: o.name,
		Cost:   bind.Cost{Row: o.wide()},
		Split:  true,
		Do: func(r bind.Run) {
			if from, to := r.Cut(x.Count(r.Rows)/want, 8); from < to {
				write(dst.Data[from*width:to*width], x.Data[from*want:to*want])
			}
		},
	}
}

func (o *folding) Rows(in []bool) (out, ok bool) { return in[0], true }
func (o *folding) InPlace() []int                { return nil }

type fold struct{ folding }

func (o *fold) InferShape(in ...gorgonia.DimSizer) (tensor.Shape, error) {
	return o.shape(in, o.wide(), o.narrow())
}

func (o *fold) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	return o.run(in[0], o.wide(), o.narrow(), o.write)
}

// DiffWRT implements gorgonia.SDOp.
func (o *fold) DiffWRT(int) []bool { return []bool{true} }

// SymDiff implements gorgonia.SDOp: a block's derivative is that of what it was folded into.
func (o *fold) SymDiff(_ gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
	u := &unfold{folding: folding{
		base:  base{name: "slope of " + o.name, arity: 1, typ: hm.NewFnType(matrix, matrix)},
		sizes: o.sizes, blocks: o.blocks, dim: o.dim,
	}}
	dx, err := gorgonia.ApplyOp(u, dy)
	return gorgonia.Nodes{dx}, err
}

func (o *fold) Bind(_ *kernel.Set, dst *bind.Buffer, in []*bind.Buffer) bind.Task {
	return o.bind(dst, in[0], o.narrow(), o.wide(), o.write)
}

func (o *fold) write(dst, x []float32) {
	for len(x) > 0 {
		for _, n := range o.sizes {
			to := dst[:o.dim]
			copy(to, x)
			for b := 1; b < n; b++ {
				for j, v := range x[b*o.dim:][:len(to)] {
					to[j] += v
				}
			}
			dst, x = dst[o.dim:], x[n*o.dim:]
		}
	}
}

// unfold writes each block as often as it was folded from.
type unfold struct{ folding }

func (o *unfold) InferShape(in ...gorgonia.DimSizer) (tensor.Shape, error) {
	return o.shape(in, o.narrow(), o.wide())
}

func (o *unfold) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	return o.run(in[0], o.narrow(), o.wide(), o.write)
}

func (o *unfold) Bind(_ *kernel.Set, dst *bind.Buffer, in []*bind.Buffer) bind.Task {
	return o.bind(dst, in[0], o.wide(), o.narrow(), o.write)
}

func (o *unfold) write(dst, x []float32) {
	for len(x) > 0 {
		for _, n := range o.sizes {
			for range n {
				dst = dst[copy(dst, x[:o.dim]):]
			}
			x = x[o.dim:]
		}
	}
}
