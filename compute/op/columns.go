package op

import (
	"fmt"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/perennial-ml/perennial/compute/internal/bind"
	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

var _ = []bind.Op{(*concat)(nil), (*columns)(nil), (*spread)(nil)}

// Columns returns columns from to to of a matrix; its gradient is 0 in the others.
func Columns(x *gorgonia.Node, from, to int) (*gorgonia.Node, error) {
	o := &columns{
		base: base{name: fmt.Sprintf("columns %d to %d", from, to), arity: 1, typ: hm.NewFnType(matrix, matrix)}, from: from, to: to,
	}
	return gorgonia.ApplyOp(o, x)
}

type columns struct {
	base
	out      output
	from, to int
}

func (o *columns) InferShape(in ...gorgonia.DimSizer) (tensor.Shape, error) {
	s, err := shapes(o.name, in, 2)
	if err != nil {
		return nil, err
	}
	return tensor.Shape{s[0][0], o.to - o.from}, o.fit(s[0])
}

func (o *columns) fit(x tensor.Shape) error {
	if o.from < 0 || o.to <= o.from || x[1] < o.to {
		return fmt.Errorf("%w: %s of a matrix %v", ErrShape, o.name, x)
	}
	return nil
}

func (o *columns) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	x, s, err := dense(o.name, in[0], 2)
	if err != nil {
		return nil, err
	}
	if err := o.fit(s); err != nil {
		return nil, err
	}
	n := o.to - o.from
	dst := o.out.matrix(s[0], n)
	for row := range s[0] {
		copy(dst[row*n:(row+1)*n], x[row*s[1]+o.from:])
	}
	return o.out.value, nil
}

// DiffWRT implements gorgonia.SDOp.
func (o *columns) DiffWRT(int) []bool { return []bool{true} }

// SymDiff implements gorgonia.SDOp.
func (o *columns) SymDiff(in gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
	width := in[0].Shape()[1]
	dx, err := gorgonia.ApplyOp(&spread{
		base: base{name: fmt.Sprintf("%s of %d", o.name, width), arity: 1, typ: hm.NewFnType(matrix, matrix)},
		from: o.from, width: width,
	}, dy)
	return gorgonia.Nodes{dx}, err
}

func (o *columns) Rows(in []bool) (out, ok bool) { return in[0], true }
func (o *columns) InPlace() []int                { return nil }

func (o *columns) Bind(_ *kernel.Set, dst *bind.Buffer, in []*bind.Buffer) bind.Task {
	x, n, width := in[0], dst.Width(), in[0].Width()
	return bind.Task{
		Kernel: o.name,
		Do: func(r bind.Run) {
			for row := range dst.Count(r.Rows) / n {
				copy(dst.Data[row*n:(row+1)*n], x.Data[row*width+o.from:])
			}
		},
	}
}

// spread writes a matrix as columns, from one on, of a wider one that is 0 elsewhere.
type spread struct {
	base
	out         output
	from, width int
}

func (o *spread) InferShape(in ...gorgonia.DimSizer) (tensor.Shape, error) {
	s, err := shapes(o.name, in, 2)
	if err != nil {
		return nil, err
	}
	return tensor.Shape{s[0][0], o.width}, o.fit(s[0])
}

func (o *spread) fit(x tensor.Shape) error {
	if o.from+x[1] > o.width {
		return fmt.Errorf("%w: %s from a matrix %v", ErrShape, o.name, x)
	}
	return nil
}

func (o *spread) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	x, s, err := dense(o.name, in[0], 2)
	if err != nil {
		return nil, err
	}
	if err := o.fit(s); err != nil {
		return nil, err
	}
	dst := o.out.matrix(s[0], o.width)
	o.write(dst, x, s[1])
	return o.out.value, nil
}

// write spreads rows of n elements.
func (o *spread) write(dst, x []float32, n int) {
	clear(dst)
	for ; len(x) > 0; dst, x = dst[o.width:], x[n:] {
		copy(dst[o.from:], x[:n])
	}
}

func (o *spread) Rows(in []bool) (out, ok bool) { return in[0], true }
func (o *spread) InPlace() []int                { return nil }

func (o *spread) Bind(_ *kernel.Set, dst *bind.Buffer, in []*bind.Buffer) bind.Task {
	return bind.Task{
		Kernel: o.name,
		Do:     func(r bind.Run) { o.write(dst.Live(r.Rows), in[0].Live(r.Rows), in[0].Width()) },
	}
}
