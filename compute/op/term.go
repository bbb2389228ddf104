package op

import (
	"fmt"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// A rowTerm is what one row adds to a loss, where some of its columns may take no part:
// from its logits z, what they are held against t, and the group of each column.
type rowTerm interface {
	name() string
	loss(z, t, group []float32) float64
	// slope writes scale times the derivative by z to dz, which holds zeros.
	slope(dz, z, t, group []float32, scale float64)
	termKernel
}

// A Reduction says how the rows of a loss are added up.
type Reduction int

const (
	// Mean divides by the sum of the weights, and is 0 if that is 0.
	Mean Reduction = iota
	// Sum takes each weight as the row's coefficient.
	Sum
)

// divisor is what the weighted sum is divided by.
func (r Reduction) divisor(total float64) float64 {
	if r == Sum || total == 0 {
		return 1
	}
	return total
}

// applyTerm makes a loss of a term: logits, targets and groups are rows×columns, weights
// of rows elements.
func applyTerm(r rowTerm, by Reduction, logits, targets, groups, weights *gorgonia.Node) (*gorgonia.Node, error) {
	o := &termLoss{
		out:  gorgonia.NewF64(0),
		base: base{name: r.name(), arity: 4, typ: hm.NewFnType(matrix, matrix, matrix, vector, tensor.Float64)},
		row:  r,
		by:   by,
	}
	if by == Sum {
		o.name += " in sum"
	}
	return gorgonia.ApplyOp(o, logits, targets, groups, weights)
}

type termLoss struct {
	base
	out *gorgonia.F64
	row rowTerm
	by  Reduction
}

func (o *termLoss) InferShape(in ...gorgonia.DimSizer) (tensor.Shape, error) {
	s, err := shapes(o.name, in, 2, 2, 2, 1)
	if err != nil {
		return nil, err
	}
	return tensor.ScalarShape(), fitTerm(o.name, s[0], s[1], s[2], s[3])
}

func fitTerm(name string, z, t, g, w tensor.Shape) error {
	if !z.Eq(t) || !z.Eq(g) || z[0] != w[0] {
		return fmt.Errorf("%w: %s of logits %v, targets %v, groups %v and weights %v", ErrShape, name, z, t, g, w)
	}
	return nil
}

// readTerm reads the four inputs that a term and its gradient share.
func readTerm(name string, in []gorgonia.Value) (l lossInputs, groups []float32, err error) {
	groups, gs, err := dense(name, in[2], 2)
	if err != nil {
		return l, nil, err
	}
	l, err = readLoss(name, []gorgonia.Value{in[0], in[1], in[3]})
	if err == nil && (gs[0] != len(l.w) || gs[1] != l.columns) {
		err = fmt.Errorf("%w: %s of groups %v for %d rows of %d", ErrShape, name, gs, len(l.w), l.columns)
	}
	return l, groups, err
}

func (o *termLoss) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	l, groups, err := readTerm(o.name, in)
	if err != nil {
		return nil, err
	}
	sum := 0.0
	for i, w := range l.w {
		if w != 0 {
			sum += float64(float64(w) * o.row.loss(l.row(l.z, i), l.row(l.t, i), l.row(groups, i)))
		}
	}
	*o.out = gorgonia.F64(sum / o.by.divisor(l.total))
	return o.out, nil
}

// DiffWRT implements gorgonia.SDOp: a loss is differentiated by its logits alone.
func (o *termLoss) DiffWRT(int) []bool { return []bool{true, false, false, false} }

// SymDiff implements gorgonia.SDOp.
func (o *termLoss) SymDiff(in gorgonia.Nodes, _, grad *gorgonia.Node) (gorgonia.Nodes, error) {
	d := &termSlope{
		base: base{
			name:  "slope of " + o.name,
			arity: 5,
			typ:   hm.NewFnType(matrix, matrix, matrix, vector, scalar, matrix),
		},
		row: o.row,
		by:  o.by,
	}
	dz, err := gorgonia.ApplyOp(d, in[0], in[1], in[2], in[3], grad)
	if err != nil {
		return nil, err
	}
	return gorgonia.Nodes{dz, nil, nil, nil}, nil
}

// termSlope is the gradient of a termLoss by its logits, times the gradient of what the
// loss goes into. Rows of weight zero, and columns of group zero, have a gradient of zero.
type termSlope struct {
	base
	out output
	row rowTerm
	by  Reduction
}

func (o *termSlope) InferShape(in ...gorgonia.DimSizer) (tensor.Shape, error) {
	s, err := shapes(o.name, in, 2, 2, 2, 1, 0)
	if err != nil {
		return nil, err
	}
	return s[0].Clone(), fitTerm(o.name, s[0], s[1], s[2], s[3])
}

func (o *termSlope) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	l, groups, err := readTerm(o.name, in)
	if err != nil {
		return nil, err
	}
	up, ok := in[4].(*gorgonia.F64)
	if !ok {
		return nil, fmt.Errorf("%w: %s: gradient is %T, must be a float64 scalar", ErrShape, o.name, in[4])
	}
	dst := o.out.matrix(len(l.w), l.columns)
	clear(dst)
	for i, w := range l.w {
		if w != 0 {
			scale := float64(float64(*up)*float64(w)) / o.by.divisor(l.total)
			o.row.slope(l.row(dst, i), l.row(l.z, i), l.row(l.t, i), l.row(groups, i), scale)
		}
	}
	return o.out.value, nil
}

// Together returns the sum of two losses.
func Together(a, b *gorgonia.Node) (*gorgonia.Node, error) {
	o := &together{
		out:  gorgonia.NewF64(0),
		base: base{name: "sum of losses", arity: 2, typ: hm.NewFnType(scalar, scalar, tensor.Float64)},
	}
	return gorgonia.ApplyOp(o, a, b)
}

type together struct {
	base
	out *gorgonia.F64
}

func (o *together) InferShape(in ...gorgonia.DimSizer) (tensor.Shape, error) {
	_, err := shapes(o.name, in, 0, 0)
	return tensor.ScalarShape(), err
}

func (o *together) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	a, aOK := in[0].(*gorgonia.F64)
	b, bOK := in[1].(*gorgonia.F64)
	if !aOK || !bOK {
		return nil, fmt.Errorf("%w: %s of %T and %T, must be float64 scalars", ErrShape, o.name, in[0], in[1])
	}
	*o.out = *a + *b
	return o.out, nil
}

// DiffWRT implements gorgonia.SDOp.
func (o *together) DiffWRT(int) []bool { return []bool{true, true} }

// SymDiff implements gorgonia.SDOp: both losses get what their sum gets.
func (o *together) SymDiff(_ gorgonia.Nodes, _, grad *gorgonia.Node) (gorgonia.Nodes, error) {
	return gorgonia.Nodes{grad, grad}, nil
}
