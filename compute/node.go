package compute

import (
	"fmt"
	"time"
	"unsafe"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/perennial-ml/perennial/compute/internal/bind"
)

// A node is a node of the graph as a Plan sees it. Either it is there before any run (an
// input or a constant), or it has a task, or a fallback.
type node struct {
	node *gorgonia.Node
	op   gorgonia.Op // nil for an input

	value gorgonia.Value
	buf   *bind.Buffer // nil if the value is not of float32, nor a float64 scalar
	fixed bool         // there before any run
	batch bool         // an input whose leading axis counts rows

	uses     []*node // what a run reads
	bind     bind.Op // nil for a fallback
	task     bind.Task
	fallback *fallback

	at      int           // place among the tasks
	last    int           // the last task that reads it; len(tasks) for a root
	offset  int           // in the arena
	inArena bool          // it has memory there
	sparse  *bind.Sparse  // where its value goes instead, a root's; else nil
	product *bind.Product // what stands for its value, a root's; else nil
	over    *node         // it lies over this one, whose last reader it is

	spent time.Duration
}

// dtype returns the type of a node's elements.
func dtype(n *gorgonia.Node) (tensor.Dtype, bool) {
	switch t := hm.Type(n.Type()).(type) {
	case tensor.Dtype:
		return t, true
	case gorgonia.TensorType:
		d, ok := t.Of.(tensor.Dtype)
		return d, ok
	}
	return tensor.Dtype{}, false
}

// bufferOf wraps a value that exists, if kernels can read it.
func bufferOf(v gorgonia.Value) *bind.Buffer {
	b := bind.NewBuffer(v.Shape().Clone())
	switch v := v.(type) {
	case *gorgonia.F32:
		b.Data = unsafe.Slice((*float32)(v), 1)
	case *gorgonia.F64:
		b.F64 = (*float64)(v)
	case *tensor.Dense:
		switch {
		case v.Dims() == 0 || v.DataOrder().IsColMajor() || v.RequiresIterator():
			return nil
		case v.Dtype() == tensor.Int32:
			b.I32 = v.Int32s()
		case v.Dtype() == tensor.Float32:
			b.Data = v.Float32s()
		default:
			return nil
		}
	default:
		return nil
	}
	return b
}

// plan makes the buffer of a node that a run computes; a float32 tensor gets its memory
// from the arena, later.
func (n *node) plan() {
	d, ok := dtype(n.node)
	shape := n.node.Shape()
	switch {
	case !ok:
	case shape.IsScalar() && d == tensor.Float32:
		n.value = gorgonia.NewF32(0)
		n.buf = bufferOf(n.value)
	case shape.IsScalar() && d == tensor.Float64:
		n.value = gorgonia.NewF64(0)
		n.buf = bufferOf(n.value)
	case !shape.IsScalar() && d == tensor.Float32:
		n.buf = bind.NewBuffer(shape.Clone())
		n.inArena = true
	}
}

// A fallback runs a node by its op's own Do.
type fallback struct {
	args []gorgonia.Value // used again on each run
	room gorgonia.UsePreallocDoer
}

func (c *fallback) run(n *node) error {
	for i, u := range n.uses {
		c.args[i] = u.value
	}
	var v gorgonia.Value
	var err error
	if c.room != nil && n.buf != nil && !n.buf.Shape.IsScalar() {
		v, err = c.room.UsePreallocDo(n.value, c.args...)
	} else {
		v, err = n.op.Do(c.args...)
	}
	if err != nil {
		return fmt.Errorf("run %s: %w", n.describe(), err)
	}
	if n.buf == nil {
		n.value = v
		return nil
	}
	if err := keep(n.buf, v); err != nil {
		return fmt.Errorf("run %s: %w", n.describe(), err)
	}
	return nil
}

// keep copies what an op returned to where the plan expects it.
func keep(to *bind.Buffer, v gorgonia.Value) error {
	switch v := v.(type) {
	case *gorgonia.F32:
		if len(to.Data) == 1 {
			to.Data[0] = float32(*v)
			return nil
		}
	case *gorgonia.F64:
		if to.F64 != nil {
			*to.F64 = float64(*v)
			return nil
		}
	case *tensor.Dense:
		switch {
		case v.Dtype() == tensor.Float32 && v.Dims() == 0 && len(to.Data) == 1:
			to.Data[0] = v.ScalarValue().(float32)
			return nil
		case v.Dtype() == tensor.Float64 && v.Dims() == 0 && to.F64 != nil:
			*to.F64 = v.ScalarValue().(float64)
			return nil
		case v.Dtype() == tensor.Float32 && v.Size() == len(to.Data):
			if v.DataOrder().IsColMajor() || v.RequiresIterator() {
				return inOrder(to.Data, v)
			}
			if data := v.Float32s(); &data[0] != &to.Data[0] {
				copy(to.Data, data)
			}
			return nil
		}
	}
	return fmt.Errorf("%w: the op returned %T of shape %v", ErrGraph, v, v.Shape())
}

// inOrder copies a tensor whose elements do not lie in row-major order.
func inOrder(dst []float32, v *tensor.Dense) error {
	data, it := v.Float32s(), v.Iterator()
	for i := range dst {
		at, err := it.Next()
		if err != nil {
			return err
		}
		dst[i] = data[at]
	}
	return nil
}
