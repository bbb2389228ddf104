package op

import (
	"errors"
	"fmt"
	"hash"
	"hash/fnv"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// ErrShape is wrapped by every op that was given inputs of the wrong shape.
var ErrShape = errors.New("op: shapes do not fit")

// The types of an op's inputs: float32 tensors, and a scalar of any kind. Gorgonia
// does not unify the type of a scalar node with a tensor type of no dimensions,
// hence the variable.
var (
	matrix = gorgonia.TensorType{Dims: 2, Of: tensor.Float32}
	vector = gorgonia.TensorType{Dims: 1, Of: tensor.Float32}
	scalar = hm.TypeVariable('s')
)

// base carries what Gorgonia asks of an op beside its arithmetic. An op that embeds
// it owns the memory of its output.
type base struct {
	name  string
	arity int
	typ   hm.Type
}

func (b base) Arity() int            { return b.arity }
func (b base) Type() hm.Type         { return b.typ }
func (b base) ReturnsPtr() bool      { return true }
func (b base) CallsExtern() bool     { return false }
func (b base) OverwritesInput() int  { return -1 }
func (b base) WriteHash(h hash.Hash) { _, _ = h.Write([]byte(b.name)) }
func (b base) String() string        { return b.name }
func (b base) Hashcode() uint32 {
	h := fnv.New32a()
	b.WriteHash(h)
	return h.Sum32()
}

// output is a float32 tensor that an op writes its result to, made on the first Do
// and used again by each one after it.
type output struct {
	value *tensor.Dense
	data  []float32
}

// matrix returns memory for rows×cols values.
func (o *output) matrix(rows, cols int) []float32 {
	if o.value == nil || o.value.Shape()[0] != rows || o.value.Shape()[1] != cols {
		o.make(rows, cols)
	}
	return o.data
}

// vector returns memory for n values.
func (o *output) vector(n int) []float32 {
	if o.value == nil || o.value.Shape()[0] != n {
		o.make(n)
	}
	return o.data
}

func (o *output) make(shape ...int) {
	o.data = make([]float32, tensor.Shape(shape).TotalSize())
	o.value = tensor.New(tensor.WithShape(shape...), tensor.WithBacking(o.data))
}

// dense returns the memory and shape of an input, which must be a float32 tensor of
// the given number of dimensions in row-major order.
func dense(op string, v gorgonia.Value, dims int) ([]float32, tensor.Shape, error) {
	d, ok := v.(*tensor.Dense)
	if !ok || d.Dtype() != tensor.Float32 || d.Dims() != dims || d.DataOrder().IsColMajor() {
		return nil, nil, fmt.Errorf("%w: %s: input is %T, must be a row-major float32 tensor of %d dimensions",
			ErrShape, op, v, dims)
	}
	return d.Float32s(), d.Shape(), nil
}

// shapes turns what InferShape is given into shapes.
func shapes(op string, in []gorgonia.DimSizer, want ...int) ([]tensor.Shape, error) {
	if len(in) != len(want) {
		return nil, fmt.Errorf("%w: %s: %d inputs, must be %d", ErrShape, op, len(in), len(want))
	}
	out, err := gorgonia.DimSizersToShapes(in)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrShape, op, err)
	}
	for i, s := range out {
		if want[i] >= 0 && s.Dims() != want[i] {
			return nil, fmt.Errorf("%w: %s: input %d has shape %v, must have %d dimensions", ErrShape, op, i, s, want[i])
		}
	}
	return out, nil
}
