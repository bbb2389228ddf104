package op

import (
	"fmt"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/perennial-ml/perennial/compute/internal/bind"
	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

// Concat returns matrices side by side: the columns of the first, then of the second, and
// so on. All have as many rows.
func Concat(list ...*gorgonia.Node) (*gorgonia.Node, error) {
	if len(list) == 0 {
		return nil, fmt.Errorf("%w: concat of nothing", ErrShape)
	}
	types := make([]hm.Type, len(list)+1)
	for i := range types {
		types[i] = matrix
	}
	o := &concat{base: base{name: "concat", arity: len(list), typ: hm.NewFnType(types...)}}
	return gorgonia.ApplyOp(o, list...)
}

type concat struct {
	base
	out output
}

func (o *concat) InferShape(in ...gorgonia.DimSizer) (tensor.Shape, error) {
	want := make([]int, o.arity)
	for i := range want {
		want[i] = 2
	}
	s, err := shapes(o.name, in, want...)
	if err != nil {
		return nil, err
	}
	return o.fit(s)
}

func (o *concat) fit(s []tensor.Shape) (tensor.Shape, error) {
	out := tensor.Shape{s[0][0], 0}
	for _, m := range s {
		if m[0] != out[0] {
			return nil, fmt.Errorf("%w: %s of %v", ErrShape, o.name, s)
		}
		out[1] += m[1]
	}
	return out, nil
}

func (o *concat) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	data, s := make([][]float32, len(in)), make([]tensor.Shape, len(in))
	for i := range in {
		var err error
		if data[i], s[i], err = dense(o.name, in[i], 2); err != nil {
			return nil, err
		}
	}
	out, err := o.fit(s)
	if err != nil {
		return nil, err
	}
	dst := o.out.matrix(out[0], out[1])
	for at, i := 0, 0; i < len(data); i++ {
		n := s[i][1]
		for row := range out[0] {
			copy(dst[row*out[1]+at:][:n], data[i][row*n:])
		}
		at += n
	}
	return o.out.value, nil
}

// DiffWRT implements gorgonia.SDOp.
func (o *concat) DiffWRT(n int) []bool {
	all := make([]bool, n)
	for i := range all {
		all[i] = true
	}
	return all
}

// SymDiff implements gorgonia.SDOp: each input gets the columns that came from it.
func (o *concat) SymDiff(in gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
	out := make(gorgonia.Nodes, len(in))
	at := 0
	for i, n := range in {
		var err error
		if out[i], err = Columns(dy, at, at+n.Shape()[1]); err != nil {
			return nil, err
		}
		at += n.Shape()[1]
	}
	return out, nil
}

func (o *concat) Rows(in []bool) (out, ok bool) {
	for _, rows := range in {
		if rows != in[0] {
			return false, false
		}
	}
	return in[0], true
}

func (o *concat) InPlace() []int { return nil }

func (o *concat) Bind(_ *kernel.Set, dst *bind.Buffer, in []*bind.Buffer) bind.Task {
	width := dst.Width()
	return bind.Task{
		Kernel: o.name,
		Do: func(r bind.Run) {
			at := 0
			for _, src := range in {
				n := src.Width()
				for row := range dst.Count(r.Rows) / width {
					copy(dst.Data[row*width+at:][:n], src.Data[row*n:])
				}
				at += n
			}
		},
	}
}
