package main

import (
	"fmt"
	"math/rand/v2"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/perennial-ml/perennial/compute"
	"github.com/perennial-ml/perennial/compute/op"
)

// A graph is an MLP's loss and gradients, with the inputs that have a row for each example.
type graph struct {
	*gorgonia.ExprGraph
	roots, batch gorgonia.Nodes
}

// plan runs a graph on kernels, and tape on Gorgonia's machine.

func plan(build func(spec) (*graph, error)) func(spec) (func() error, error) {
	return func(w spec) (func() error, error) {
		g, err := build(w)
		if err != nil {
			return nil, err
		}
		r, err := compute.Compile(g.ExprGraph, g.roots, w.Batch, compute.WithBatch(g.batch...))
		if err != nil {
			return nil, err
		}
		return func() error { return r.Run(w.Batch) }, nil
	}
}

func tape(build func(spec) (*graph, error)) func(spec) (func() error, error) {
	return func(w spec) (func() error, error) {
		g, err := build(w)
		if err != nil {
			return nil, err
		}
		r, err := compute.NewTape(g.ExprGraph, g.roots, w.Batch)
		if err != nil {
			return nil, err
		}
		return func() error { return r.Run(w.Batch) }, nil
	}
}

// values is an input of random values of a size.
func values(g *gorgonia.ExprGraph, r *rand.Rand, name string, scale float32, shape ...int) *gorgonia.Node {
	v := tensor.New(tensor.WithShape(shape...), tensor.Of(tensor.Float32))
	data := v.Float32s()
	for i := range data {
		data[i] = scale * float32(r.NormFloat64())
	}
	return gorgonia.NewTensor(g, gorgonia.Float32, len(shape), gorgonia.WithShape(shape...), gorgonia.WithName(name), gorgonia.WithValue(v))
}

// labels is an input with a 1 in each row.
func labels(g *gorgonia.ExprGraph, r *rand.Rand, rows, classes int) *gorgonia.Node {
	v := tensor.New(tensor.WithShape(rows, classes), tensor.Of(tensor.Float32))
	for i := range rows {
		v.Float32s()[i*classes+r.IntN(classes)] = 1
	}
	return gorgonia.NewTensor(g, gorgonia.Float32, 2, gorgonia.WithShape(rows, classes), gorgonia.WithName("targets"), gorgonia.WithValue(v))
}

// ownOps is an MLP of the ops of compute/op, as models builds it.
func ownOps(w spec) (*graph, error) {
	r := rand.New(rand.NewPCG(5, 6))
	g := gorgonia.NewGraph()
	last := len(w.Widths) - 1
	x := values(g, r, "x", 1, w.Batch, w.Widths[0])
	targets := labels(g, r, w.Batch, w.Widths[last])
	weights := gorgonia.NewTensor(g, gorgonia.Float32, 1, gorgonia.WithShape(w.Batch), gorgonia.WithName("weights"),
		gorgonia.WithValue(tensor.Ones(tensor.Float32, w.Batch)))
	out := &graph{ExprGraph: g, batch: gorgonia.Nodes{x, targets, weights}}
	var params gorgonia.Nodes
	var err error
	for i := range last {
		weight, bias := values(g, r, fmt.Sprint("w", i), 0.05, w.Widths[i], w.Widths[i+1]), values(g, r, fmt.Sprint("b", i), 0.05, w.Widths[i+1])
		params = append(params, weight, bias)
		act := op.ReLU
		if i == last-1 {
			act = op.Identity
		}
		if x, err = op.Affine(x, weight, bias, act); err != nil {
			return nil, err
		}
	}
	loss, err := op.SoftmaxCrossEntropy(x, targets, weights)
	if err != nil {
		return nil, err
	}
	seed := g.AddNode(gorgonia.NewConstant(1.0, gorgonia.WithName("seed")))
	grads, err := gorgonia.Backpropagate(gorgonia.Nodes{loss}, gorgonia.Nodes{seed}, params)
	out.roots = append(gorgonia.Nodes{loss}, grads...)
	return out, err
}

// stockOps is the MLP that a user of Gorgonia writes, of Gorgonia's ops alone.
func stockOps(w spec) (*graph, error) {
	r := rand.New(rand.NewPCG(5, 6))
	g := gorgonia.NewGraph()
	last := len(w.Widths) - 1
	x := values(g, r, "x", 1, w.Batch, w.Widths[0])
	targets := labels(g, r, w.Batch, w.Widths[last])
	out := &graph{ExprGraph: g, batch: gorgonia.Nodes{x, targets}}
	var params gorgonia.Nodes
	var err error
	for i := range last {
		weight, bias := values(g, r, fmt.Sprint("w", i), 0.05, w.Widths[i], w.Widths[i+1]), values(g, r, fmt.Sprint("b", i), 0.05, 1, w.Widths[i+1])
		params = append(params, weight, bias)
		if x, err = gorgonia.Mul(x, weight); err != nil {
			return nil, err
		}
		if x, err = gorgonia.BroadcastAdd(x, bias, nil, []byte{0}); err != nil {
			return nil, err
		}
		if i < last-1 {
			if x, err = gorgonia.Rectify(x); err != nil {
				return nil, err
			}
		}
	}
	if x, err = gorgonia.SoftMax(x); err != nil {
		return nil, err
	}
	if x, err = gorgonia.Log(x); err != nil {
		return nil, err
	}
	if x, err = gorgonia.HadamardProd(x, targets); err != nil {
		return nil, err
	}
	if x, err = gorgonia.Mean(x); err != nil {
		return nil, err
	}
	loss, err := gorgonia.Neg(x)
	if err != nil {
		return nil, err
	}
	grads, err := gorgonia.Grad(loss, params...)
	out.roots = append(gorgonia.Nodes{loss}, grads...)
	return out, err
}
