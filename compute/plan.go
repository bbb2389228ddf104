package compute

import (
	"fmt"
	"time"

	"gorgonia.org/gorgonia"

	"github.com/perennial-ml/perennial/compute/internal/bind"
	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

// A Plan runs a graph that was compiled once: each node is bound to a kernel, which reads
// and writes memory laid out beforehand. A run allocates nothing, unless a node has no
// kernel and its op allocates. A Plan is for one goroutine at a time.
type Plan struct {
	capacity int
	set      *kernel.Set
	nodes    []*node // inputs, constants and tasks, each after what it depends on
	tasks    []*node
	roots    []*node
	arena    []float32
	shared   int    // values that would be needed without sharing, of 4 bytes each
	whole    string // why a run computes the full capacity; empty if it does not

	crew   crew
	solo   []func(bind.Run) // all tasks, where one goroutine runs kernels alone; else nil
	timed  bool
	runs   int
	onRows int // rows of all timed runs
}

var _ Runner = (*Plan)(nil)

// An Option changes how Compile makes a Plan.
type Option func(*options)

type options struct {
	batch    gorgonia.Nodes
	finite   gorgonia.Nodes
	results  map[int64][]float32
	sparse   map[int64]*Sparse
	products map[int64]*Product
	team     *Team
	kernels  string
	timed    bool
}

// WithBatch names the inputs whose leading axis counts rows; it must be as long as the
// capacity. From them Compile derives, op by op, which values have one row for each of
// these. A run for fewer rows then computes only so many. Without this option, or if one op
// stands in the way (see Plan.Partial), every run computes the full capacity.
func WithBatch(inputs ...*gorgonia.Node) Option {
	return func(o *options) { o.batch = append(o.batch, inputs...) }
}

// WithFinite names inputs, or constants, that hold neither NaN nor infinity in any run, as the
// parameters of a model. An affine map whose weights are one passes over elements of the other
// factor that are 0, where there are many: such terms change no bit of a sum. If it is not finite
// after all, the result depends on the family of kernels.
func WithFinite(inputs ...*gorgonia.Node) Option {
	return func(o *options) { o.finite = append(o.finite, inputs...) }
}

// WithThreads is WithTeam of a Team of its own, of n members.
func WithThreads(n int) Option { return WithTeam(NewTeam(n)) }

// WithTeam lets the Team share a node that is worth it. Its members divide the node's result
// among them, and never a sum: the bits are those of one thread. The default is a Team of 1.
func WithTeam(t *Team) Option { return func(o *options) { o.team = t } }

// WithKernels chooses the family of kernels by name: avx512, avx2, portable or approx.
// The default is the best that this machine has. All but approx give equal bits.
func WithKernels(family string) Option { return func(o *options) { o.kernels = family } }

// WithResult makes each run write the value of a root, a float32 tensor, to memory of the
// caller's, who may do with it what they like between runs.
func WithResult(root *gorgonia.Node, memory []float32) Option {
	return func(o *options) {
		if o.results == nil {
			o.results = make(map[int64][]float32)
		}
		o.results[root.ID()] = memory
	}
}

// Sparse is a matrix of which few rows differ from zero: row i of Values is its row
// Index[i], and no index occurs twice.
type Sparse = bind.Sparse

// WithSparseResult makes each run write the value of a root, a matrix whose op has such a
// kernel (see op.Bags), to the Sparse alone: Output is nil for it, and no memory of the
// matrix's size is made. The slices are the Plan's and hold until the next run.
func WithSparseResult(root *gorgonia.Node, to *Sparse) Option {
	return func(o *options) {
		if o.sparse == nil {
			o.sparse = make(map[int64]*Sparse)
		}
		o.sparse[root.ID()] = to
	}
}

// Product is a matrix that a run leaves to who wants it, see its methods. It is not copied.
type Product = bind.Product

// Folded is a Product of which many rows are alike, see its methods.
type Folded = bind.Folded

// WithProduct makes each run leave a root that sums over the rows of the batch, as the
// gradient of an affine map's weights does, to the Product: Output is nil for it, and no
// memory of the matrix's size is made. If the root is no such product, or other nodes read
// it, the Product stays the zero value and the run computes the root.
func WithProduct(root *gorgonia.Node, to *Product) Option {
	return func(o *options) {
		if o.products == nil {
			o.products = make(map[int64]*Product)
		}
		o.products[root.ID()] = to
	}
}

// WithTiming makes each run measure its nodes, for String. It costs some 50 ns a node.
func WithTiming() Option { return func(o *options) { o.timed = true } }

// Capacity returns the largest number of rows of a run.
func (p *Plan) Capacity() int { return p.capacity }

// Partial reports whether a run for fewer rows than the capacity computes only those, and
// otherwise why it does not.
func (p *Plan) Partial() (ok bool, why string) { return p.whole == "", p.whole }

// Kernels returns the name of the family of kernels.
func (p *Plan) Kernels() string { return p.set.Name }

// Run implements Runner. After a run for fewer rows than the capacity, an output whose
// leading axis counts rows holds them, and after them anything. An error names the node, its
// op and its shape; nodes with a kernel do not fail.
func (p *Plan) Run(rows int) error {
	if err := checkRows(rows, p.capacity); err != nil {
		return err
	}
	if p.solo != nil {
		r := p.crew.alone(rows)
		for _, do := range p.solo {
			do(r)
		}
		return nil
	}
	if p.timed {
		return p.runTimed(rows)
	}
	for _, n := range p.tasks {
		if n.fallback != nil {
			if err := n.fallback.run(n); err != nil {
				return err
			}
			continue
		}
		p.crew.Do(&n.task, rows)
	}
	return nil
}

// alone lists the tasks for a run without choices, if there are none to be made: in a small
// graph they cost as much as the arithmetic.
func (p *Plan) alone() {
	if p.timed {
		return
	}
	var list []func(bind.Run)
	for _, n := range p.tasks {
		if n.fallback != nil || p.crew.mayShare(&n.task, p.capacity) {
			return
		}
		list = append(list, n.task.Do)
	}
	p.solo = list
}

func (p *Plan) runTimed(rows int) error {
	p.runs++
	p.onRows += rows
	from := time.Now()
	for _, n := range p.tasks {
		if n.fallback == nil {
			p.crew.Do(&n.task, rows)
		} else if err := n.fallback.run(n); err != nil {
			return err
		}
		now := time.Now()
		n.spent += now.Sub(from)
		from = now
	}
	return nil
}

// Output implements Runner. A tensor that it returns has the same memory as long as it lives.
func (p *Plan) Output(i int) gorgonia.Value { return p.roots[i].value }

// describe says which node: its name, op and shape.
func (n *node) describe() string {
	return fmt.Sprintf("node %s (%v, shape %v)", n.node.Name(), n.op, n.node.Shape())
}
