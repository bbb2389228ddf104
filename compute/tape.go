package compute

import (
	"fmt"

	// Gorgonia v0.9.18 asks for a version of this module that panics at start on
	// every Go release after 1.17; the import keeps in force the newer version
	// that go.mod names. See docs/adr/0002.
	_ "go4.org/unsafe/assume-no-moving-gc"

	"gorgonia.org/gorgonia"
)

// A Tape runs a graph on Gorgonia's TapeMachine.
type Tape struct {
	vm       gorgonia.VM
	roots    gorgonia.Nodes
	capacity int
}

var _ Runner = (*Tape)(nil)

// NewTape compiles the part of g that roots depend on. Every input of that part must have
// a value bound to it; capacity is the number of rows that g was built for. It returns
// ErrGraph, naming the node, if an input has no value or the graph does not compile.
func NewTape(g *gorgonia.ExprGraph, roots gorgonia.Nodes, capacity int) (*Tape, error) {
	if err := checkGraph(roots, capacity); err != nil {
		return nil, err
	}
	inputs := g.ExactSubgraphRoots(roots...).Inputs()
	if len(inputs) == 0 {
		return nil, fmt.Errorf("%w: no root depends on an input", ErrGraph)
	}
	for _, in := range inputs {
		if in.Value() == nil {
			return nil, fmt.Errorf("%w: input %s has no value bound to it", ErrGraph, in.Name())
		}
	}
	program, locations, err := gorgonia.CompileFunction(g, inputs, roots)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrGraph, err)
	}
	vm := gorgonia.NewTapeMachine(g, gorgonia.WithPrecompiled(program, locations))
	return &Tape{vm: vm, roots: roots, capacity: capacity}, nil
}

// Run implements Runner.
func (t *Tape) Run(rows int) error {
	if err := checkRows(rows, t.capacity); err != nil {
		return err
	}
	defer t.vm.Reset()
	if err := t.vm.RunAll(); err != nil {
		return fmt.Errorf("run graph: %w", err)
	}
	return nil
}

// Output implements Runner.
func (t *Tape) Output(i int) gorgonia.Value { return t.roots[i].Value() }

func checkGraph(roots gorgonia.Nodes, capacity int) error {
	if capacity < 1 {
		return fmt.Errorf("%w: capacity is %d, must be at least 1", ErrGraph, capacity)
	}
	if len(roots) == 0 {
		return fmt.Errorf("%w: it has no roots", ErrGraph)
	}
	return nil
}

func checkRows(rows, capacity int) error {
	if rows < 1 || rows > capacity {
		return fmt.Errorf("%w: %d, must be between 1 and %d", ErrRows, rows, capacity)
	}
	return nil
}
