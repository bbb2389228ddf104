package compute

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/perennial-ml/perennial/compute/internal/bind"
	"github.com/perennial-ml/perennial/compute/internal/kernel"
	"github.com/perennial-ml/perennial/compute/internal/stock"
)

// Compile makes a Plan for the part of g that roots depend on; capacity is the number of
// rows that g was built for. Ops of compute/op, and of Gorgonia where they are on float32
// and in compute/internal/stock, get kernels; the others are run by their own UsePreallocDo
// or Do. It returns ErrGraph, naming node, op and shape, if an input has no value bound to
// it or the graph contradicts itself.
func Compile(g *gorgonia.ExprGraph, roots gorgonia.Nodes, capacity int, with ...Option) (*Plan, error) {
	if err := checkGraph(roots, capacity); err != nil {
		return nil, err
	}
	var o options
	for _, set := range with {
		set(&o)
	}
	p := &Plan{capacity: capacity, timed: o.timed, set: kernel.Best()}
	if o.kernels != "" {
		set, err := kernel.Named(o.kernels)
		if err != nil {
			return nil, fmt.Errorf("compile plan: %w", err)
		}
		p.set = set
	}
	if o.team == nil {
		o.team = NewTeam(1)
	}
	p.crew.init(o.team)
	c := compiler{Plan: p, graph: g, seen: make(map[int64]*node), batch: make(map[int64]bool)}
	for _, n := range o.batch {
		if s := n.Shape(); s.Dims() < 1 || s[0] != capacity {
			return nil, fmt.Errorf("%w: batch input %s has shape %v, must have %d rows", ErrGraph, n.Name(), s, capacity)
		}
		c.batch[n.ID()] = true
	}
	for _, n := range roots {
		root, err := c.visit(n)
		if err != nil {
			return nil, err
		}
		p.roots = append(p.roots, root)
	}
	if len(p.tasks) == 0 {
		return nil, fmt.Errorf("%w: no root depends on an input", ErrGraph)
	}
	if err := p.direct(&o); err != nil {
		return nil, err
	}
	p.trackRows(len(o.batch) > 0)
	for _, n := range o.finite {
		if in := c.seen[n.ID()]; in != nil && in.fixed && in.buf != nil {
			in.buf.Finite = true
		}
	}
	p.layOut()
	room := 0
	for _, n := range p.tasks {
		p.bind(n)
		room = max(room, n.task.Room)
	}
	p.crew.furnish(room)
	p.alone()
	return p, nil
}

// direct gives roots the memory that the caller has for them.
func (p *Plan) direct(o *options) error {
	for _, n := range p.roots {
		if to := o.sparse[n.node.ID()]; to != nil {
			if _, able := n.bind.(bind.SparseOp); !able || n.fixed || p.read(n) {
				return fmt.Errorf("%w: %s cannot be written as a sparse result", ErrGraph, n.describe())
			}
			n.inArena, n.sparse = false, to
			continue
		}
		if to := o.products[n.node.ID()]; to != nil {
			if op, able := n.bind.(bind.ProductOp); able && op.Defers() && !n.fixed && !p.read(n) {
				n.inArena, n.product = false, to
				continue
			}
		}
		memory, ok := o.results[n.node.ID()]
		if !ok {
			continue
		}
		if n.fixed || n.buf == nil || n.buf.Shape.IsScalar() || n.buf.Shape.TotalSize() != len(memory) {
			return fmt.Errorf("%w: %s cannot be written to memory of %d values", ErrGraph, n.describe(), len(memory))
		}
		n.inArena, n.buf.Data = false, memory
	}
	return nil
}

// read says whether a task reads n.
func (p *Plan) read(n *node) bool {
	return slices.ContainsFunc(p.tasks, func(t *node) bool { return slices.Contains(t.uses, n) })
}

// compiler is the state of one Compile.
type compiler struct {
	*Plan
	graph *gorgonia.ExprGraph
	seen  map[int64]*node
	batch map[int64]bool
}

// visit takes n into the plan, after what it reads.
func (c *compiler) visit(gn *gorgonia.Node) (*node, error) {
	if n, ok := c.seen[gn.ID()]; ok {
		return n, nil
	}
	n := &node{node: gn, op: gn.Op(), batch: c.batch[gn.ID()]}
	var err error
	children := c.children(gn)
	switch {
	case n.op == nil:
		if n.value = gn.Value(); n.value == nil {
			return nil, fmt.Errorf("%w: input %s of shape %v has no value bound to it", ErrGraph, gn.Name(), gn.Shape())
		}
		n.fixed = true
	case len(children) == 0:
		if n.value, err = n.op.Do(); err != nil {
			return nil, fmt.Errorf("%w: constant %s: %w", ErrGraph, n.describe(), err)
		}
		n.fixed = true
	default:
		err = c.task(n, children)
	}
	if err != nil {
		return nil, err
	}
	if n.fixed {
		if n.buf = bufferOf(n.value); n.buf != nil {
			n.buf.Rows = n.batch
		}
	} else {
		n.at = len(c.tasks)
		c.tasks = append(c.tasks, n)
	}
	c.nodes = append(c.nodes, n)
	c.seen[gn.ID()] = n
	return n, nil
}

func (c *compiler) children(n *gorgonia.Node) gorgonia.Nodes {
	var out gorgonia.Nodes
	for it := c.graph.From(n.ID()); it.Next(); {
		out = append(out, it.Node().(*gorgonia.Node))
	}
	return out
}

// task decides how n is computed, and visits what that reads.
func (c *compiler) task(n *node, children gorgonia.Nodes) error {
	n.plan()
	b, reads := match(n, children)
	if b != nil {
		for _, i := range reads {
			u, err := c.visit(children[i])
			if err != nil {
				return err
			}
			n.uses = append(n.uses, u)
		}
		if fits(n) {
			n.bind = b
			return nil
		}
		n.uses = nil
	}
	for _, child := range children {
		u, err := c.visit(child)
		if err != nil {
			return err
		}
		n.uses = append(n.uses, u)
	}
	n.fallback = &fallback{args: make([]gorgonia.Value, len(n.uses))}
	n.fallback.room, _ = n.op.(gorgonia.UsePreallocDoer)
	return nil
}

// match finds the kernels for a node, and the children that they read.
func match(n *node, children gorgonia.Nodes) (b bind.Op, reads []int) {
	if n.buf == nil {
		return nil, nil
	}
	if own, ok := n.op.(bind.Op); ok {
		for i := range children {
			reads = append(reads, i)
		}
		return own, reads
	}
	shapes := make([]tensor.Shape, len(children))
	for i, child := range children {
		if d, ok := dtype(child); !ok || d != tensor.Float32 {
			if i == 0 {
				return nil, nil
			}
		}
		shapes[i] = child.Shape()
	}
	if n.buf.F64 != nil {
		return nil, nil
	}
	return stock.Match(n.op, n.buf.Shape, shapes)
}

// fits says whether kernels can read what n reads.
func fits(n *node) bool {
	_, own := n.op.(bind.Op)
	for _, u := range n.uses {
		if u.buf == nil || !own && (u.buf.F64 != nil || u.buf.I32 != nil) {
			return false
		}
	}
	return true
}

// trackRows derives which values have rows, or finds the op that forbids it.
func (p *Plan) trackRows(batch bool) {
	if !batch {
		p.whole = "no input is a batch"
		return
	}
	for _, n := range p.tasks {
		in, any := make([]bool, len(n.uses)), false
		for i, u := range n.uses {
			in[i] = u.buf != nil && u.buf.Rows
			any = any || in[i]
		}
		if !any {
			continue
		}
		out, ok := false, false
		if n.bind != nil {
			out, ok = n.bind.Rows(in)
		}
		if !ok {
			p.whole = "no rule for the rows of " + n.describe()
			break
		}
		n.buf.Rows = out
	}
	if p.whole != "" {
		for _, n := range p.nodes {
			if n.buf != nil {
				n.buf.Rows = false
			}
		}
	}
}

// bind gives a node its value and its task; memory is laid out.
func (p *Plan) bind(n *node) {
	if n.buf != nil && !n.buf.Shape.IsScalar() && n.sparse == nil && n.product == nil {
		n.value = tensor.New(tensor.WithShape(n.buf.Shape...), tensor.WithBacking(n.buf.Data))
	}
	if n.bind == nil {
		return
	}
	in := make([]*bind.Buffer, len(n.uses))
	for i, u := range n.uses {
		in[i] = u.buf
	}
	if n.sparse != nil {
		n.task = n.bind.(bind.SparseOp).BindSparse(p.set, n.sparse, in, n.over != nil)
		return
	}
	if n.product != nil {
		n.task = n.bind.(bind.ProductOp).BindProduct(p.set, n.product, in, &p.crew)
		return
	}
	n.task = n.bind.Bind(p.set, n.buf, in)
}
