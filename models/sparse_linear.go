package models

import (
	"math/rand/v2"

	"gorgonia.org/gorgonia"

	"github.com/perennial-ml/perennial/compute/op"
)

// SparseLinear is a linear model of hashed features, of which each example has a few: with
// c_f the row of field f and x the numeric features
//
//	z = Σ_f w_{c_f} + x W + b
//
// It is what Linear computes over one-hot categories, without the columns. Everything
// starts at 0. With ftrl and its l1 the weights of features that say little stay exactly 0.
type SparseLinear struct{}

// Layout implements Architecture.
func (SparseLinear) Layout(s Spec) (Layout, error) {
	if err := s.noLayers(); err != nil {
		return nil, err
	}
	if s.Embedding != 0 {
		return nil, specError("embedding", "is %d, must be absent for kind sparse_linear", s.Embedding)
	}
	if s.Init != "" && s.Init != Zero {
		return nil, specError("init", "is %s, must be absent or zero for kind sparse_linear: a category that nobody has seen says nothing", s.Init)
	}
	l := Layout{{wideTable, []int{s.Rows(), s.Outputs()}}}
	if s.Dense > 0 {
		l = append(l, Layout{{numericWeight, []int{s.numbers(), s.Outputs()}}}...)
	}
	return append(l, Layout{{"output.bias", []int{s.Outputs()}}}...), nil
}

// Tables implements Embedding.
func (SparseLinear) Tables() []string { return []string{wideTable} }

// Init implements Architecture.
func (SparseLinear) Init(_ Spec, p Params, _ *rand.Rand) {
	for _, t := range p {
		clear(t.Data)
	}
}

// Logits implements Architecture.
func (SparseLinear) Logits(s Spec, in Inputs, p gorgonia.Nodes) (*gorgonia.Node, error) {
	z, err := op.Bags(p[0], in.IDs, in.Shares, len(s.Categories))
	if err != nil {
		return nil, err
	}
	if s.Dense == 0 {
		return op.Shift(z, p[1])
	}
	linear, err := op.Affine(in.Dense, p[1], p[2], op.Identity)
	if err != nil {
		return nil, err
	}
	return gorgonia.Add(z, linear)
}
