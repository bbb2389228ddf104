package op

import (
	"fmt"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Shift returns x + b, with b added to each row of x.
func Shift(x, b *gorgonia.Node) (*gorgonia.Node, error) {
	o := &shift{base: base{name: "shift", arity: 2, typ: hm.NewFnType(matrix, vector, matrix)}}
	return gorgonia.ApplyOp(o, x, b)
}

type shift struct {
	base
	out output
}

func (o *shift) InferShape(in ...gorgonia.DimSizer) (tensor.Shape, error) {
	s, err := shapes(o.name, in, 2, 1)
	if err != nil {
		return nil, err
	}
	if s[0][1] != s[1][0] {
		return nil, fmt.Errorf("%w: %s of %v by %v", ErrShape, o.name, s[0], s[1])
	}
	return s[0].Clone(), nil
}

func (o *shift) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	x, s, err := dense(o.name, in[0], 2)
	if err != nil {
		return nil, err
	}
	b, _, err := dense(o.name, in[1], 1)
	if err != nil {
		return nil, err
	}
	dst := o.out.matrix(s[0], s[1])
	for i, v := range x {
		dst[i] = v + b[i%s[1]]
	}
	return o.out.value, nil
}

// DiffWRT implements gorgonia.SDOp.
func (o *shift) DiffWRT(int) []bool { return []bool{true, true} }

// SymDiff implements gorgonia.SDOp: dx = dy, db = column sums of dy.
func (o *shift) SymDiff(_ gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
	db, err := gorgonia.ApplyOp(newColumnSum(), dy)
	return gorgonia.Nodes{dy, db}, err
}
