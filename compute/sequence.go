package compute

import (
	"fmt"

	"gorgonia.org/gorgonia"
)

// A Sequence runs the ops of a graph one after the other, in the calling goroutine. It
// allocates nothing itself; what an op allocates in its Do is the op's matter, and the
// ops of compute/op allocate on their first run only.
type Sequence struct {
	capacity int
	values   []gorgonia.Value // by slot; inputs are there from the start
	calls    []call
	outputs  []int // slot of each root
}

// A call evaluates one node from the slots of its children.
type call struct {
	node *gorgonia.Node
	op   gorgonia.Op
	from []int
	args []gorgonia.Value // as long as from, used again on each run
	to   int
}

var _ Runner = (*Sequence)(nil)

// NewSequence orders the part of a graph that roots depend on. Conditions and errors are
// those of NewTape.
func NewSequence(g *gorgonia.ExprGraph, roots gorgonia.Nodes, capacity int) (*Sequence, error) {
	if err := checkGraph(roots, capacity); err != nil {
		return nil, err
	}
	s := &Sequence{capacity: capacity}
	slots := make(map[int64]int)
	for _, n := range roots {
		slot, err := s.visit(g, n, slots)
		if err != nil {
			return nil, err
		}
		s.outputs = append(s.outputs, slot)
	}
	if len(s.calls) == 0 {
		return nil, fmt.Errorf("%w: no root depends on an input", ErrGraph)
	}
	return s, nil
}

// visit gives n a slot, after those of its children.
func (s *Sequence) visit(g *gorgonia.ExprGraph, n *gorgonia.Node, slots map[int64]int) (int, error) {
	if slot, ok := slots[n.ID()]; ok {
		return slot, nil
	}
	c := call{node: n, op: n.Op()}
	if c.op == nil && n.Value() == nil {
		return 0, fmt.Errorf("%w: input %s has no value bound to it", ErrGraph, n.Name())
	}
	if c.op != nil {
		for it := g.From(n.ID()); it.Next(); {
			from, err := s.visit(g, it.Node().(*gorgonia.Node), slots)
			if err != nil {
				return 0, err
			}
			c.from = append(c.from, from)
		}
	}
	c.to = len(s.values)
	slots[n.ID()] = c.to
	s.values = append(s.values, n.Value())
	if c.op != nil {
		c.args = make([]gorgonia.Value, len(c.from))
		s.calls = append(s.calls, c)
	}
	return c.to, nil
}

// Run implements Runner. An error names the node, its op and its shape.
func (s *Sequence) Run(rows int) error {
	if err := checkRows(rows, s.capacity); err != nil {
		return err
	}
	for i := range s.calls {
		c := &s.calls[i]
		for j, from := range c.from {
			c.args[j] = s.values[from]
		}
		v, err := c.op.Do(c.args...)
		if err != nil {
			return fmt.Errorf("run node %s (%v, shape %v): %w", c.node.Name(), c.op, c.node.Shape(), err)
		}
		s.values[c.to] = v
	}
	return nil
}

// Output implements Runner.
func (s *Sequence) Output(i int) gorgonia.Value { return s.values[s.outputs[i]] }
