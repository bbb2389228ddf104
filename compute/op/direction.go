package op

import (
	"fmt"
	"math"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Directions returns the columns of w with their direction and of one length: length w_j/|w_j|
// (Salimans and Kingma, "Weight normalization", 2016, with a gain that is not learned). A
// column of zeros, or of values so small that their squares vanish in float32, has no
// direction: it and its gradient are 0.
func Directions(w *gorgonia.Node, length float64) (*gorgonia.Node, error) {
	if !(length > 0 && length <= math.MaxFloat32) {
		return nil, fmt.Errorf("op: directions of length %v, must be above 0 and finite", length)
	}
	o := &directions{
		base:   base{name: fmt.Sprintf("directions of length %v", length), arity: 1, typ: hm.NewFnType(matrix, matrix)},
		length: length,
	}
	return gorgonia.ApplyOp(o, w)
}

type directions struct {
	base
	out    output
	length float64
}

func (o *directions) InferShape(in ...gorgonia.DimSizer) (tensor.Shape, error) {
	s, err := shapes(o.name, in, 2)
	if err != nil {
		return nil, err
	}
	return s[0].Clone(), nil
}

// column returns the squared length of a column, and Σ dy w along it where there is a dy.
func column(w, dy []float32, j, n int) (square, along float64) {
	for i := j; i < len(w); i += n {
		square += float64(float64(w[i]) * float64(w[i]))
		if dy != nil {
			along += float64(float64(dy[i]) * float64(w[i]))
		}
	}
	return square, along
}

func (o *directions) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	w, s, err := dense(o.name, in[0], 2)
	if err != nil {
		return nil, err
	}
	n := s[1]
	dst := o.out.matrix(s[0], n)
	for j := range n {
		square, _ := column(w, nil, j, n)
		inv := 0.0
		if float32(square) > 0 {
			inv = o.length / math.Sqrt(square)
		}
		for i := j; i < len(w); i += n {
			dst[i] = float32(float64(w[i]) * inv)
		}
	}
	return o.out.value, nil
}

// DiffWRT implements gorgonia.SDOp.
func (o *directions) DiffWRT(int) []bool { return []bool{true} }

// SymDiff implements gorgonia.SDOp. For each column:
//
//	dw = length/|w| (dy - w (dy·w)/|w|²)
func (o *directions) SymDiff(in gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
	dw, err := gorgonia.ApplyOp(&across{
		base:   base{name: "gradient of " + o.name, arity: 2, typ: hm.NewFnType(matrix, matrix, matrix)},
		length: o.length,
	}, dy, in[0])
	return gorgonia.Nodes{dw}, err
}

// across is the gradient of Directions by w, from that of its result and w: what is left of dy
// across each column, since along it nothing changes.
type across struct {
	base
	out    output
	length float64
}

func (o *across) InferShape(in ...gorgonia.DimSizer) (tensor.Shape, error) {
	s, err := shapes(o.name, in, 2, 2)
	if err != nil {
		return nil, err
	}
	return s[1].Clone(), o.fit(s[0], s[1])
}

func (o *across) fit(dy, w tensor.Shape) error {
	if !dy.Eq(w) {
		return fmt.Errorf("%w: %s: result is %v, gradient %v", ErrShape, o.name, w, dy)
	}
	return nil
}

func (o *across) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	dy, ys, err := dense(o.name, in[0], 2)
	if err != nil {
		return nil, err
	}
	w, ws, err := dense(o.name, in[1], 2)
	if err != nil {
		return nil, err
	}
	if err := o.fit(ys, ws); err != nil {
		return nil, err
	}
	n := ws[1]
	dst := o.out.matrix(ws[0], n)
	for j := range n {
		square, along := column(w, dy, j, n)
		inv := 0.0
		if float32(square) > 0 {
			inv, along = o.length/math.Sqrt(square), along/square
		}
		for i := j; i < len(w); i += n {
			dst[i] = float32(inv * (float64(dy[i]) - float64(float64(w[i])*along)))
		}
	}
	return o.out.value, nil
}
