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
	return newAffine(x, w, b, act, false)
}

// Linear returns act(x wᵀ + b): Affine, with the same bits, of weights that are out×in. The
// weights of a unit then are adjacent, so that a step for one row passes over those of units whose
// slope is 0; for a prediction of one row they lie less well.
func Linear(x, w, b *gorgonia.Node, act Activation) (*gorgonia.Node, error) {
	return newAffine(x, w, b, act, true)
}

func newAffine(x, w, b *gorgonia.Node, act Activation, byUnit bool) (*gorgonia.Node, error) {
	if err := act.check(); err != nil {
		return nil, err
	}
	if !act.ofResult() {
		z, err := newAffine(x, w, b, Identity, byUnit)
		if err != nil {
			return nil, err
		}
		return Activate(z, act)
	}
	name := "affine "
	if byUnit {
		name = "linear "
	}
	o := &affine{
		base:   base{name: name + string(act), arity: 3, typ: hm.NewFnType(matrix, matrix, vector, matrix)},
		act:    act,
		byUnit: byUnit,
	}
	return gorgonia.ApplyOp(o, x, w, b)
}

type affine struct {
	base
	out     output
	scratch []float32
	act     Activation
	byUnit  bool // w is out×in
}

func (o *affine) InferShape(in ...gorgonia.DimSizer) (tensor.Shape, error) {
	s, err := shapes(o.name, in, 2, 2, 1)
	if err != nil {
		return nil, err
	}
	_, n := o.sizes(s[1])
	return tensor.Shape{s[0][0], n}, o.fit(s[0], s[1], s[2])
}

// sizes returns the numbers of inputs and units of weights.
func (o *affine) sizes(w tensor.Shape) (in, out int) {
	if o.byUnit {
		return w[1], w[0]
	}
	return w[0], w[1]
}

func (o *affine) fit(x, w, b tensor.Shape) error {
	if in, out := o.sizes(w); x[1] != in || out != b[0] {
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
	m := xs[0]
	k, n := o.sizes(ws)
	dst := o.out.matrix(m, n)
	for row := dst; len(row) >= n; row = row[n:] {
		copy(row, b)
	}
	if o.byUnit {
		o.scratch = mulNT(dst, x, w, o.scratch, m, k, n, true)
	} else {
		mulNN(dst, x, w, m, n, k, true)
	}
	activate(dst, o.act)
	return o.out.value, nil
}

// DiffWRT implements gorgonia.SDOp.
func (o *affine) DiffWRT(int) []bool { return []bool{true, true, true} }

// SymDiff implements gorgonia.SDOp. With dz = dy act'(z):
//
//	dx = dz wᵀ    dw = xᵀ dz    db = column sums of dz
//
// and for weights by unit dx = dz w and dw = dzᵀ x.
func (o *affine) SymDiff(in gorgonia.Nodes, y, dy *gorgonia.Node) (gorgonia.Nodes, error) {
	x, w := in[0], in[1]
	dz := dy
	var err error
	if o.act != Identity {
		if dz, err = gorgonia.ApplyOp(newSlope(o.act), y, dy); err != nil {
			return nil, err
		}
	}
	form, a, b := formNT, x, dz
	if o.byUnit {
		form, a, b = formNN, dz, x
	}
	dx, err := gorgonia.ApplyOp(newTimes(form), dz, w)
	if err != nil {
		return nil, err
	}
	dw, err := gorgonia.ApplyOp(newTimes(formTN), a, b)
	if err != nil {
		return nil, err
	}
	db, err := gorgonia.ApplyOp(newColumnSum(), dz)
	if err != nil {
		return nil, err
	}
	return gorgonia.Nodes{dx, dw, db}, nil
}
