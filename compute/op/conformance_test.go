package op_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/perennial-ml/perennial/compute"
	"github.com/perennial-ml/perennial/compute/op"
)

// An operand of a case has a row for each of the batch's, or a shape of its own.
type operand struct {
	width int   // of a row; 0 for none
	shape []int // without rows
	// exact operands are not differentiated, and hold these values.
	exact []float32
}

// A subject is an op, or several, whose result is a matrix with a row for each of the batch's.
type subject struct {
	name     string
	rows     int
	operands []operand
	build    func(in gorgonia.Nodes) (*gorgonia.Node, error)
}

// A trial is a subject with memory, and a loss of its result.
type trial struct {
	g       *gorgonia.ExprGraph
	values  [][]float32
	y       *gorgonia.Node
	roots   gorgonia.Nodes // y, the loss, then the gradients
	batch   gorgonia.Nodes
	at      []int // operand of each gradient
	targets []float32
	weights []float32
}

// draw returns values that tell every mistake apart: no two are close, so that maxima have
// no ties within a step of finite differences.
func draw(n int, r *rand.Rand) []float32 {
	x := make([]float32, n)
	for i, p := range r.Perm(n) {
		x[i] = (float32(p)+0.5)/float32(n)*3 - 1.5
	}
	return x
}

func (s subject) trial(t *testing.T, rows int) *trial {
	t.Helper()
	r := rand.New(rand.NewPCG(3, 4))
	c := &trial{g: gorgonia.NewGraph()}
	var in, wrt gorgonia.Nodes
	for i, o := range s.operands {
		// The values of the first rows do not depend on how many there are.
		values, shape := draw(s.rows*o.width, r)[:rows*o.width], []int{rows, o.width}
		if o.width == 0 {
			shape = o.shape
			n := 1
			for _, d := range shape {
				n *= d
			}
			values = draw(n, r)
		}
		if o.exact != nil {
			values = o.exact
		}
		node := input(c.g, string(rune('a'+i)), values, shape...)
		if o.width > 0 {
			c.batch = append(c.batch, node)
		}
		in, c.values = append(in, node), append(c.values, values)
		if o.exact == nil {
			wrt, c.at = append(wrt, node), append(c.at, i)
		}
	}
	var err error
	c.y, err = s.build(in)
	require.NoError(t, err)
	n := c.y.Shape()[1]
	require.Equal(t, rows, c.y.Shape()[0])
	c.targets, c.weights = draw(s.rows*n, r)[:rows*n], make([]float32, rows)
	for i := range c.weights {
		c.weights[i] = float32(1+i%3) / 4
	}
	targets, weights := input(c.g, "targets", c.targets, rows, n), input(c.g, "weights", c.weights, rows)
	loss, err := op.SquaredError(c.y, targets, weights)
	require.NoError(t, err)
	seed := c.g.AddNode(gorgonia.NewConstant(1.0, gorgonia.WithName("seed")))
	grads, err := gorgonia.Backpropagate(gorgonia.Nodes{loss}, gorgonia.Nodes{seed}, wrt)
	require.NoError(t, err)
	c.roots = append(gorgonia.Nodes{c.y, loss}, grads...)
	c.batch = append(c.batch, targets, weights)
	return c
}

func (c *trial) plan(t *testing.T, with ...compute.Option) *compute.Plan {
	t.Helper()
	p, err := compute.Compile(c.g, c.roots, len(c.weights), append(with, compute.WithBatch(c.batch...))...)
	require.NoError(t, err)
	require.NotContains(t, p.String(), "Do of", "an op without a kernel")
	ok, why := p.Partial()
	require.True(t, ok, why)
	return p
}

// results copies what a runner gives for so many rows: result and gradients, those with
// rows cut to them.
func (c *trial) results(t *testing.T, p compute.Runner, rows int) [][]float32 {
	t.Helper()
	require.NoError(t, p.Run(rows))
	out := [][]float32{{float32(p.Output(1).Data().(float64))}}
	for i := range c.roots {
		if i == 1 {
			continue
		}
		v := p.Output(i).Data().([]float32)
		if i == 0 || c.isBatch(c.at[i-2]) {
			v = v[:len(v)/len(c.weights)*rows]
		}
		out = append(out, append([]float32(nil), v...))
	}
	return out
}

func (c *trial) isBatch(operand int) bool {
	for _, n := range c.batch {
		if &n.Value().Data().([]float32)[0] == &c.values[operand][0] {
			return true
		}
	}
	return false
}

func conform(t *testing.T, subjects ...subject) {
	for _, s := range subjects {
		t.Run(s.name, func(t *testing.T) {
			t.Run("plan equals tape", s.equalsTape)
			t.Run("gradients equal finite differences", s.differences)
			t.Run("a row is its own", s.independence)
			t.Run("neither kernels nor threads matter", s.families)
			t.Run("a run allocates nothing", s.allocations)
		})
	}
}

func (s subject) equalsTape(t *testing.T) {
	a, b := s.trial(t, s.rows), s.trial(t, s.rows)
	tape, err := compute.NewTape(a.g, a.roots, s.rows)
	require.NoError(t, err)
	want, got := a.results(t, tape, s.rows), b.results(t, b.plan(t), s.rows)
	for i := range want {
		size := 1.0
		for _, w := range want[i] {
			size = max(size, math.Abs(float64(w)))
		}
		require.InDeltaSlice(t, want[i], got[i], 4e-6*size, "result %d", i)
	}
}

func (s subject) differences(t *testing.T) {
	c := s.trial(t, s.rows)
	p := c.plan(t)
	grads := c.results(t, p, s.rows)[2:]
	at := func() float64 {
		require.NoError(t, p.Run(s.rows))
		return p.Output(1).Data().(float64)
	}
	r := rand.New(rand.NewPCG(5, 6))
	for i, grad := range grads {
		values, off, moved := c.values[c.at[i]], 0, false
		tried := r.Perm(len(values))
		tried = tried[:min(len(tried), 60)]
		for _, j := range tried {
			difference := func(h float32) float64 {
				old := values[j]
				up, down := old+h, old-h
				values[j] = up
				high := at()
				values[j] = down
				low := at()
				values[j] = old
				return (high - low) / (float64(up) - float64(down))
			}
			wide, narrow := difference(1.0/256), difference(1.0/1024)
			scale := 1 + math.Abs(narrow)
			if math.Abs(wide-narrow) > 1e-3*scale { // a kink lies between
				off++
				continue
			}
			moved = moved || grad[j] != 0
			require.InDelta(t, narrow, float64(grad[j]), 2e-3*scale, "operand %d, value %d", c.at[i], j)
		}
		require.True(t, moved, "every gradient of operand %d is zero", c.at[i])
		require.Less(t, off*4, len(tried)+4, "too many values near a kink")
	}
}

// independence runs leading rows on a plan for all, and on plans that are just as large.
func (s subject) independence(t *testing.T) {
	all := s.trial(t, s.rows)
	p := all.plan(t)
	whole := all.results(t, p, s.rows)
	for _, rows := range []int{1, s.rows - 1} {
		few := s.trial(t, rows)
		want, got := few.results(t, few.plan(t), rows), all.results(t, p, rows)
		require.Equal(t, want, got, "%d of %d rows", rows, s.rows)
		require.Equal(t, whole[1][:len(want[1])], want[1], "result of %d rows", rows)
	}
	// What lies below the rows of a run is not read.
	for i := range all.values {
		if all.isBatch(i) {
			width := len(all.values[i]) / s.rows
			for j := width; j < len(all.values[i]); j++ {
				all.values[i][j] = float32(math.NaN())
			}
		}
	}
	few := s.trial(t, 1)
	require.Equal(t, few.results(t, few.plan(t), 1), all.results(t, p, 1))
}

func (s subject) families(t *testing.T) {
	c := s.trial(t, s.rows)
	want := c.results(t, c.plan(t, compute.WithKernels("portable")), s.rows)
	for _, with := range [][]compute.Option{nil, {compute.WithThreads(2)}, {compute.WithThreads(3)}} {
		c := s.trial(t, s.rows)
		require.Equal(t, want, c.results(t, c.plan(t, with...), s.rows))
	}
}

func (s subject) allocations(t *testing.T) {
	p := s.trial(t, s.rows).plan(t)
	require.Zero(t, testing.AllocsPerRun(5, func() {
		if err := p.Run(s.rows); err != nil {
			t.Error(err)
		}
	}))
}
