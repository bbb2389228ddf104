package compute

import (
	"errors"
	"fmt"

	// Gorgonia compares the Go release with this module's list when a process
	// starts and panics if it is newer than the list; the import keeps the version
	// that go.mod asks for from being dropped. See docs/adr/0002.
	_ "go4.org/unsafe/assume-no-moving-gc"

	"gorgonia.org/gorgonia"
)

// Errors that NewTape and Run wrap.
var (
	ErrGraph = errors.New("compute: graph cannot be run")
	ErrRows  = errors.New("compute: rows out of range")
)

// A Tape runs a graph on Gorgonia's TapeMachine.
type Tape struct {
	vm       gorgonia.VM
	capacity int
}

var _ Runner = (*Tape)(nil)

// NewTape compiles the part of g that roots depend on. Every input of that part must
// have a value bound to it (gorgonia.Let) which stays bound; capacity is the number
// of rows that g was built for.
//
// It returns ErrGraph, naming the node, if an input has no value or the graph does
// not compile.
func NewTape(g *gorgonia.ExprGraph, roots gorgonia.Nodes, capacity int) (*Tape, error) {
	if capacity < 1 {
		return nil, fmt.Errorf("%w: capacity is %d, must be at least 1", ErrGraph, capacity)
	}
	if len(roots) == 0 {
		return nil, fmt.Errorf("%w: it has no roots", ErrGraph)
	}
	needed := g.ExactSubgraphRoots(roots...)
	inputs := needed.Inputs()
	if len(inputs) == 0 {
		return nil, fmt.Errorf("%w: no root depends on an input", ErrGraph)
	}
	for _, in := range inputs {
		if in.Value() == nil {
			return nil, fmt.Errorf("%w: input %s has no value bound to it", ErrGraph, in.Name())
		}
	}
	prog, locations, err := gorgonia.CompileFunction(g, inputs, roots)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrGraph, err)
	}
	vm := gorgonia.NewTapeMachine(g, gorgonia.WithPrecompiled(prog, locations))
	return &Tape{vm: vm, capacity: capacity}, nil
}

// Run evaluates the full capacity whatever rows says; see Runner.
func (t *Tape) Run(rows int) error {
	if rows < 1 || rows > t.capacity {
		return fmt.Errorf("%w: %d, must be between 1 and %d", ErrRows, rows, t.capacity)
	}
	defer t.vm.Reset()
	if err := t.vm.RunAll(); err != nil {
		return fmt.Errorf("run graph: %w", err)
	}
	return nil
}

// Capacity returns the number of rows that the graph was built for.
func (t *Tape) Capacity() int { return t.capacity }

// Close releases the machine.
func (t *Tape) Close() error { return t.vm.Close() }
