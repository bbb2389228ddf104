package models

import (
	"fmt"
	"math"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/perennial-ml/perennial/compute"
)

// MaxCapacity bounds the rows of a batch.
const MaxCapacity = 1 << 16

// core is what a Model and a Predictor share: the parameters, and the means to build
// graphs over them.
type core struct {
	spec     Spec
	arch     Architecture
	params   Params
	capacity int
	run      compiler
	kernels  compute.Arithmetic
	// offsets says which row of the tables is a categorical feature's first; nil if
	// categories are one-hot.
	offsets []int32
	// tops is the last category of each feature; nil unless each row has one of each, which
	// are then checked as they are looked up.
	tops []int32
	// optional says which categories a row may leave out; nil if none.
	optional []bool
	// whole says that a graph was found to compute its full capacity on each run, so that
	// there is one for each power of two.
	whole bool
}

// A program is what a compiler gets: roots of a graph, the inputs that have a row for each of
// a batch's, and memory that the values of some roots are to be written to if it can be.
type program struct {
	graph   *gorgonia.ExprGraph
	roots   gorgonia.Nodes
	rows    int
	batch   gorgonia.Nodes
	finite  gorgonia.Nodes // inputs that hold neither NaN nor infinity
	results map[*gorgonia.Node][]float32
	// sparse are roots that are wanted as the rows that differ from zero. A compiler that
	// cannot do that gives their values as outputs.
	sparse map[*gorgonia.Node]*compute.Sparse
	// products are roots that need not be multiplied out. A compiler may ignore them.
	products map[*gorgonia.Node]*compute.Product
}

// A compiler makes a Runner. It is the seam where another way to run graphs takes its
// place; tests put compute.NewTape there.
type compiler func(program) (compute.Runner, error)

func newCore(s Spec, a Architecture, p Params, capacity int) core {
	c := core{spec: s, arch: a, params: p, capacity: capacity, run: plan(), kernels: compute.Best()}
	if _, ok := a.(Embedding); ok {
		c.offsets, c.optional = s.offsets(), s.Absent()
		if c.optional == nil {
			c.tops = make([]int32, len(s.Categories))
			for j, n := range s.Categories {
				c.tops[j] = int32(n) - 1
			}
		}
	}
	return c
}

// plan compiles static plans.
func plan(with ...compute.Option) compiler {
	return func(p program) (compute.Runner, error) {
		options := append([]compute.Option{compute.WithBatch(p.batch...), compute.WithFinite(p.finite...)}, with...)
		for root, memory := range p.results {
			options = append(options, compute.WithResult(root, memory))
		}
		for root, to := range p.sparse {
			options = append(options, compute.WithSparseResult(root, to))
		}
		for root, to := range p.products {
			options = append(options, compute.WithProduct(root, to))
		}
		return compute.Compile(p.graph, p.roots, p.rows, options...)
	}
}

// size returns the number of rows of the graph that runs a batch of rows: the capacity, or
// where graphs compute all rows the next power of two.
func (c *core) size(rows int) int {
	if !c.whole {
		return c.capacity
	}
	n := 1
	for n < rows {
		n *= 2
	}
	return min(n, c.capacity)
}

// assemble runs the compiler. It returns false if the runner computes all rows always and
// a smaller one would do for a batch of rows.
func (c *core) assemble(m *machine, p program, rows int) (ok bool, err error) {
	if m.runner, err = c.run(p); err != nil {
		return false, err
	}
	if r, known := m.runner.(interface{ Partial() (bool, string) }); known {
		m.partial, _ = r.Partial()
	}
	if _, plan := m.runner.(*compute.Plan); plan {
		m.known = make([]output, len(p.roots))
	}
	c.whole = c.whole || !m.partial
	return c.size(rows) == p.rows, nil
}

// A machine is one graph for one number of rows, with its input memory.
type machine struct {
	runner  compute.Runner
	partial bool           // it reads no more rows than it is run for
	input   *gorgonia.Node // x; nil without columns
	batch   gorgonia.Nodes // what has rows of a batch
	width   int            // of x
	x       []float32      // size × width
	ids     []int32        // size × len(Categories), of an Embedding; -1 where absent
	shares  []float32      // what each id counts; nil for 1 each
	noise   []int32        // of a dropout, lower half first; nil without
	known   []output       // of a Plan
	norm    float64        // of x as the last fill left it; below 0 if that is not known
	filled  int            // leading rows that may differ from zero, or from absent
	logits  *gorgonia.Node // size × Outputs
	nodes   gorgonia.Nodes // the parameters, as inputs of the graph
}

// An output is a root's value, and its memory, which it keeps.
type output struct {
	tensor *tensor.Dense
	data   []float32
}

// build makes the graph for size rows up to the logits, over the parameters' own memory. One
// for training has what a dropout needs.
func (c *core) build(size int, training bool) (*gorgonia.ExprGraph, *machine, error) {
	g := gorgonia.NewGraph()
	m := &machine{width: c.spec.Inputs()}
	var in Inputs
	if c.offsets != nil {
		m.width = c.spec.numbers()
		m.ids = make([]int32, size*len(c.offsets))
		absent(m.ids)
		in.IDs = integers(g, "ids", m.ids, size, len(c.offsets))
		m.batch = append(m.batch, in.IDs)
		if c.spec.averages() {
			m.shares = make([]float32, len(m.ids))
			in.Shares = input(g, "shares", m.shares, size, len(c.offsets))
			m.batch = append(m.batch, in.Shares)
		}
	}
	if m.width > 0 {
		m.x = make([]float32, size*m.width)
		m.input = input(g, "x", m.x, size, m.width)
		in.Dense = m.input
		m.batch = append(m.batch, in.Dense)
	}
	if training && c.spec.Dropout > 0 {
		m.noise = make([]int32, 2)
		in.Noise = integers(g, "noise", m.noise, 1, 2)
	}
	for _, p := range c.params {
		m.nodes = append(m.nodes, input(g, p.Name, p.Data, p.Shape...))
	}
	var err error
	if m.logits, err = c.arch.Logits(c.spec, in, m.nodes); err != nil {
		return nil, nil, fmt.Errorf("build %s for %d rows: %w", c.spec.Kind, size, err)
	}
	if s := m.logits.Shape(); s.Dims() != 2 || s[0] != size || s[1] != c.spec.Outputs() {
		return nil, nil, fmt.Errorf("build %s: logits have shape %v, must be (%d, %d)",
			c.spec.Kind, s, size, c.spec.Outputs())
	}
	return g, m, nil
}

// input makes an input node over data, without a copy.
func input(g *gorgonia.ExprGraph, name string, data []float32, shape ...int) *gorgonia.Node {
	v := tensor.New(tensor.WithShape(shape...), tensor.WithBacking(data))
	return gorgonia.NewTensor(g, gorgonia.Float32, len(shape),
		gorgonia.WithShape(shape...), gorgonia.WithName(name), gorgonia.WithValue(v))
}

// integers is input for int32.
func integers(g *gorgonia.ExprGraph, name string, data []int32, shape ...int) *gorgonia.Node {
	v := tensor.New(tensor.WithShape(shape...), tensor.WithBacking(data))
	return gorgonia.NewTensor(g, tensor.Int32, len(shape),
		gorgonia.WithShape(shape...), gorgonia.WithName(name), gorgonia.WithValue(v))
}

// lookUp writes the ids of a batch's categories, and makes those below them absent if they
// are read. It returns ErrBatch if there is no such category.
func (m *machine) lookUp(c *core, b *Batch) error {
	n := len(c.offsets)
	if c.tops != nil {
		if !c.kernels.LookUp(m.ids, b.Categories, c.offsets, c.tops) {
			absent(m.ids)
			return b.checkCategories(c)
		}
	} else {
		m.lookUpBags(c, b)
	}
	if b.Rows < m.filled && !m.partial {
		absent(m.ids[b.Rows*n : m.filled*n])
	}
	return nil
}

// lookUpBags is lookUp where a row may leave categories out.
func (m *machine) lookUpBags(c *core, b *Batch) {
	n := len(c.offsets)
	for i := range b.Rows {
		ids, categories := m.ids[i*n:(i+1)*n], b.Categories[i*n:(i+1)*n]
		for j, v := range categories {
			ids[j] = c.offsets[j] + v
		}
		for j, optional := range c.optional {
			if optional && categories[j] < 0 {
				ids[j] = -1
			}
		}
		if m.shares != nil {
			c.spec.shares(m.shares[i*n:(i+1)*n], categories)
		}
	}
}

func absent(ids []int32) {
	for i := range ids {
		ids[i] = -1
	}
}

// fill writes a batch's features, one-hot or as ids where categorical, and nothing below
// them if that is read. It returns ErrNonFinite if a dense feature is not finite, and ErrBatch if
// there is no such category.
func (m *machine) fill(c *core, b *Batch) error {
	s, width := &c.spec, m.width
	if c.offsets != nil {
		if err := m.lookUp(c, b); err != nil {
			return err
		}
	}
	oneHot := len(s.Categories) > 0 && c.offsets == nil
	if !oneHot && s.Splines == 0 {
		norm, err := c.take(m.x, b.Dense)
		m.norm = norm
		if b.Rows < m.filled && !m.partial {
			clear(m.x[b.Rows*width : m.filled*width])
		}
		m.filled = b.Rows
		return err
	}
	if err := c.finiteDense(b.Dense); err != nil {
		return err
	}
	clear(m.x[:m.filled*width])
	m.filled, m.norm = b.Rows, -1
	for i := range b.Rows {
		row, dense := m.x[i*width:(i+1)*width], b.Dense[i*s.Dense:(i+1)*s.Dense]
		if s.Splines > 0 {
			s.expand(row[:s.numbers()], dense)
		} else {
			copy(row, dense)
		}
		if !oneHot {
			continue
		}
		at := s.numbers()
		for j, n := range s.Categories {
			row[at+int(b.Categories[i*len(s.Categories)+j])] = 1
			at += n
		}
	}
	return nil
}

// near is the number of values that stay in the first-level cache between two passes.
const near = 4096

// take copies dense features, piece by piece, and returns their norm, or less than 0 if they are
// few; ErrNonFinite if one is not finite.
func (c *core) take(dst, src []float32) (float64, error) {
	if len(src) < near {
		copy(dst, src)
		return -1, c.finiteDense(dst[:len(src)])
	}
	squares, whole := 0.0, dst[:len(src)]
	for len(src) > 0 {
		n := copy(dst, src[:min(near, len(src))])
		norm := c.kernels.Norm(dst[:n])
		squares += norm * norm
		dst, src = dst[n:], src[n:]
	}
	if squares <= math.MaxFloat64 {
		return math.Sqrt(squares), nil
	}
	return -1, c.finiteDense(whole)
}

func (c *core) finiteDense(x []float32) error {
	if !c.kernels.Finite(x) {
		return fmt.Errorf("%w: Dense", ErrNonFinite)
	}
	return nil
}

// values returns the memory of the runner's i-th output, a float32 tensor.
func (m *machine) values(i int) ([]float32, error) {
	v, ok := m.runner.Output(i).(*tensor.Dense)
	if ok && i < len(m.known) && v == m.known[i].tensor {
		return m.known[i].data, nil
	}
	if !ok || v.Dtype() != tensor.Float32 {
		return nil, fmt.Errorf("models: output %d of the graph is %T, must be a float32 tensor", i, m.runner.Output(i))
	}
	data := v.Float32s()
	if m.known != nil {
		m.known[i] = output{v, data}
	}
	return data, nil
}
