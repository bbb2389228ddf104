package models

import (
	"fmt"

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
	results map[*gorgonia.Node][]float32
}

// A compiler makes a Runner. It is the seam where another way to run graphs takes its
// place; tests put compute.NewTape there.
type compiler func(program) (compute.Runner, error)

func newCore(s Spec, a Architecture, p Params, capacity int) core {
	return core{spec: s, arch: a, params: p, capacity: capacity, run: plan(), kernels: compute.Best()}
}

// plan compiles static plans.
func plan(with ...compute.Option) compiler {
	return func(p program) (compute.Runner, error) {
		options := append([]compute.Option{compute.WithBatch(p.batch...)}, with...)
		for root, memory := range p.results {
			options = append(options, compute.WithResult(root, memory))
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
	c.whole = c.whole || !m.partial
	return c.size(rows) == p.rows, nil
}

// A machine is one graph for one number of rows, with its input memory.
type machine struct {
	runner  compute.Runner
	partial bool // it reads no more rows than it is run for
	input   *gorgonia.Node
	x       []float32      // size × Inputs
	filled  int            // leading rows of x that may differ from zero
	logits  *gorgonia.Node // size × Outputs
	nodes   gorgonia.Nodes // the parameters, as inputs of the graph
}

// build makes the graph for size rows up to the logits, over the parameters' own memory.
func (c *core) build(size int) (*gorgonia.ExprGraph, *machine, error) {
	g := gorgonia.NewGraph()
	m := &machine{x: make([]float32, size*c.spec.Inputs())}
	m.input = input(g, "x", m.x, size, c.spec.Inputs())
	for _, p := range c.params {
		m.nodes = append(m.nodes, input(g, p.Name, p.Data, p.Shape...))
	}
	var err error
	if m.logits, err = c.arch.Logits(c.spec, Inputs{Dense: m.input}, m.nodes); err != nil {
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

// fill writes a batch's features, one-hot where categorical, and zeros below them if they
// are read.
func (m *machine) fill(s *Spec, b *Batch) {
	width := s.Inputs()
	if len(s.Categories) == 0 {
		copy(m.x, b.Dense)
		if b.Rows < m.filled && !m.partial {
			clear(m.x[b.Rows*width : m.filled*width])
		}
		m.filled = b.Rows
		return
	}
	clear(m.x[:m.filled*width])
	m.filled = b.Rows
	for i := range b.Rows {
		row := m.x[i*width : (i+1)*width]
		copy(row, b.Dense[i*s.Dense:(i+1)*s.Dense])
		at := s.Dense
		for j, n := range s.Categories {
			row[at+int(b.Categories[i*len(s.Categories)+j])] = 1
			at += n
		}
	}
}

// values returns the memory of the runner's i-th output, a float32 tensor.
func (m *machine) values(i int) ([]float32, error) {
	v, ok := m.runner.Output(i).(*tensor.Dense)
	if !ok || v.Dtype() != tensor.Float32 {
		return nil, fmt.Errorf("models: output %d of the graph is %T, must be a float32 tensor", i, m.runner.Output(i))
	}
	return v.Float32s(), nil
}
