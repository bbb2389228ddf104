package op

import (
	"fmt"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// ints is the type of a matrix of ids.
var ints = gorgonia.TensorType{Dims: 2, Of: tensor.Int32}

// Bags looks ids up in a table of vectors and adds up those of one bag: an embedding of
// categorical features. ids is an int32 input of rows×n, whose rows are divided into bags of
// per ids each; table is size×dim; weights, rows×n or nil for 1 each, multiplies what an id
// stands for. The result is rows×(n/per dim):
//
//	y[row, bag] = Σ weights[row, i] table[ids[row, i]]    over the i of the bag
//
// An id below 0 is absent, which fills up bags of fewer ids. One that the table does not
// have is an error of Do, and a panic of a plan: the caller has checked.
//
// Differentiated by its table it is a matrix of the table's shape, of which most rows are
// zero: compute.WithSparseResult takes only those of ids that are in a bag whose derivative
// is not 0 throughout, in the order of ids. A graph reads a table by one Bags, or the
// derivative is a sum, which has no such form.
func Bags(table, ids, weights *gorgonia.Node, per int) (*gorgonia.Node, error) {
	if per < 1 {
		return nil, fmt.Errorf("op: bags of %d ids, must be at least 1", per)
	}
	o := &bags{per: per, base: base{
		name: fmt.Sprintf("bags of %d", per), arity: 2, typ: hm.NewFnType(matrix, ints, matrix),
	}}
	if weights == nil {
		return gorgonia.ApplyOp(o, table, ids)
	}
	o.name = fmt.Sprintf("weighted bags of %d", per)
	o.arity, o.typ = 3, hm.NewFnType(matrix, ints, matrix, matrix)
	return gorgonia.ApplyOp(o, table, ids, weights)
}

type bags struct {
	base
	out output
	per int
}

func (o *bags) weighted() bool { return o.arity == 3 }

func (o *bags) InferShape(in ...gorgonia.DimSizer) (tensor.Shape, error) {
	want := []int{2, 2, 2}[:o.arity]
	s, err := shapes(o.name, in, want...)
	if err != nil {
		return nil, err
	}
	if s[1][1]%o.per != 0 || o.weighted() && !s[1].Eq(s[2]) {
		return nil, fmt.Errorf("%w: %s of %v", ErrShape, o.name, s)
	}
	return tensor.Shape{s[1][0], s[1][1] / o.per * s[0][1]}, nil
}

func (o *bags) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	table, ts, err := dense(o.name, in[0], 2)
	if err != nil {
		return nil, err
	}
	l, err := readIDs(o.name, in[1:], o.per, ts[0])
	if err != nil {
		return nil, err
	}
	dim := ts[1]
	dst := o.out.matrix(l.rows, l.columns/o.per*dim)
	clear(dst)
	for i, id := range l.ids {
		if id < 0 {
			continue
		}
		to, from := dst[i/o.per*dim:][:dim], table[int(id)*dim:][:dim]
		for j, v := range from {
			to[j] += float32(l.weight(i) * v)
		}
	}
	return o.out.value, nil
}

// DiffWRT implements gorgonia.SDOp: bags are differentiated by their table alone.
func (o *bags) DiffWRT(int) []bool { return []bool{true, false, false}[:o.arity] }

// SymDiff implements gorgonia.SDOp.
func (o *bags) SymDiff(in gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
	s := in[0].Shape()
	d := &bagsSlope{per: o.per, size: s[0], dim: s[1], base: base{
		name: fmt.Sprintf("slope of %s by %v", o.name, s), arity: 2, typ: hm.NewFnType(matrix, ints, matrix),
	}}
	out := make(gorgonia.Nodes, o.arity)
	var err error
	if o.weighted() {
		d.arity, d.typ = 3, hm.NewFnType(matrix, ints, matrix, matrix)
		out[0], err = gorgonia.ApplyOp(d, dy, in[1], in[2])
	} else {
		out[0], err = gorgonia.ApplyOp(d, dy, in[1])
	}
	return out, err
}

// bagsSlope is the derivative of bags by their table.
type bagsSlope struct {
	base
	out            output
	per, size, dim int
}

func (o *bagsSlope) weighted() bool { return o.arity == 3 }

func (o *bagsSlope) InferShape(in ...gorgonia.DimSizer) (tensor.Shape, error) {
	want := []int{2, 2, 2}[:o.arity]
	s, err := shapes(o.name, in, want...)
	if err != nil {
		return nil, err
	}
	if s[0][0] != s[1][0] || s[0][1] != s[1][1]/o.per*o.dim || o.weighted() && !s[1].Eq(s[2]) {
		return nil, fmt.Errorf("%w: %s of %v", ErrShape, o.name, s)
	}
	return tensor.Shape{o.size, o.dim}, nil
}

func (o *bagsSlope) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	dy, _, err := dense(o.name, in[0], 2)
	if err != nil {
		return nil, err
	}
	l, err := readIDs(o.name, in[1:], o.per, o.size)
	if err != nil {
		return nil, err
	}
	if len(dy) != len(l.ids)/o.per*o.dim {
		return nil, fmt.Errorf("%w: %s: %d values for %d ids", ErrShape, o.name, len(dy), len(l.ids))
	}
	dst := o.out.matrix(o.size, o.dim)
	clear(dst)
	for i, id := range l.ids {
		if id < 0 {
			continue
		}
		to, from := dst[int(id)*o.dim:][:o.dim], dy[i/o.per*o.dim:][:o.dim]
		for j, v := range from {
			to[j] += float32(l.weight(i) * v)
		}
	}
	return o.out.value, nil
}

// idList is ids and, unless nil, their weights.
type idList struct {
	ids           []int32
	weights       []float32
	rows, columns int
}

func (l *idList) weight(i int) float32 {
	if l.weights == nil {
		return 1
	}
	return l.weights[i]
}

// readIDs reads ids below size, and weights if there are any.
func readIDs(op string, in []gorgonia.Value, per, size int) (l idList, err error) {
	d, ok := in[0].(*tensor.Dense)
	if !ok || d.Dtype() != tensor.Int32 || d.Dims() != 2 || d.DataOrder().IsColMajor() {
		return l, fmt.Errorf("%w: %s: ids are %T, must be a row-major int32 matrix", ErrShape, op, in[0])
	}
	l.ids, l.rows, l.columns = d.Int32s(), d.Shape()[0], d.Shape()[1]
	for i, id := range l.ids {
		if int(id) >= size {
			return l, fmt.Errorf("%w: %s: id %d at %d, the table has %d rows", ErrShape, op, id, i, size)
		}
	}
	if l.columns%per != 0 {
		return l, fmt.Errorf("%w: %s: %d ids a row", ErrShape, op, l.columns)
	}
	if len(in) > 1 {
		if l.weights, _, err = dense(op, in[1], 2); err == nil && len(l.weights) != len(l.ids) {
			err = fmt.Errorf("%w: %s: %d weights for %d ids", ErrShape, op, len(l.weights), len(l.ids))
		}
	}
	return l, err
}
