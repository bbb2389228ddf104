package op

import (
	"fmt"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Affine returns act(x w + b): x is rows×in, w in×out, b out; the result is rows×out.
// A row of the result depends on that row of x alone, bit for bit.
func Affine(x, w, b *gorgonia.Node, act Activation) (*gorgonia.Node, error) {
	if err := act.check(); err != nil {
		return nil, err
	}
	if !act.ofResult() {
		z, err := Affine(x, w, b, Identity)
		if err != nil {
			return nil, err
		}
		return Activate(z, act)
	}
	o := &affine{
		base: base{name: "affine " + string(act), arity: 3, typ: hm.NewFnType(matrix, matrix, vector, matrix)},
		act:  act,
	}
	return gorgonia.ApplyOp(o, x, w, b)
}

type affine struct {
	base
	out output
	act Activation
}

func (o *affine) InferShape(in ...gorgonia.DimSizer) (tensor.Shape, error) {
	s, err := shapes(o.name, in, 2, 2, 1)
	if err != nil {
		return nil, err
	}
	return tensor.Shape{s[0][0], s[1][1]}, o.fit(s[0], s[1], s[2])
}

func (o *affine) fit(x, w, b tensor.Shape) error {
	if x[1] != w[0] || w[1] != b[0] {
		return fmt.Errorf("%w: %s of x %v, w %v and b %v", ErrShape, o.name, x, w, b)
	}
	return nil
}

func (o *affine) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	x, xs, err := dense(o.name, in[0], 2)
	if err != nil {
		return nil, err
	}
	w, ws, err := dense(o.name, in[1], 2)
	if err != nil {
		return nil, err
	}
	b, bs, err := dense(o.name, in[2], 1)
	if err != nil {
		return nil, err
	}
	if err := o.fit(xs, ws, bs); err != nil {
		return nil, err
	}
	m, n := xs[0], ws[1]
	dst := o.out.matrix(m, n)
	for row := dst; len(row) >= n; row = row[n:] {
		copy(row, b)
	}
	mulNN(dst, x, w, m, n, xs[1], true)
	activate(dst, o.act)
	return o.out.value, nil
}

// DiffWRT implements gorgonia.SDOp.
func (o *affine) DiffWRT(int) []bool { return []bool{true, true, true} }

// SymDiff implements gorgonia.SDOp. With dz = dy act'(z):
//
//	dx = dz wᵀ    dw = xᵀ dz    db = column sums of dz
func (o *affine) SymDiff(in gorgonia.Nodes, y, dy *gorgonia.Node) (gorgonia.Nodes, error) {
	x, w := in[0], in[1]
	dz := dy
	var err error
	if o.act != Identity {
		if dz, err = gorgonia.ApplyOp(newSlope(o.act), y, dy); err != nil {
			return nil, err
		}
	}
	dx, err := gorgonia.ApplyOp(newTimes(true), dz, w)
	if err != nil {
		return nil, err
	}
	dw, err := gorgonia.ApplyOp(newTimes(false), x, dz)
	if err != nil {
		return nil, err
	}
	db, err := gorgonia.ApplyOp(newColumnSum(), dz)
	if err != nil {
		return nil, err
	}
	return gorgonia.Nodes{dx, dw, db}, nil
}
