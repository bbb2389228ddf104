package models

import (
	"fmt"

	"gorgonia.org/gorgonia"
)

// A probe is a machine whose roots are the logits and the features below them.
type probe struct {
	*machine
	features *gorgonia.Node // size × width; the input or the logits if nothing lies between
	width    int
}

// Represent returns what the network makes of a batch: its features, b.Rows × width, and
// its logits, b.Rows × Outputs. The features are what the last layer reads: the activations
// of the last hidden layer, or the inputs where there is none; a network that does not end
// in an affine layer is represented by its logits. Both are views that the next call
// overwrites. The error is as Predict's, but for what the network computes, which may hold
// NaNs and infinities.
func (p *Predictor) Represent(b *Batch) (features, logits []float32, err error) {
	if err := b.checkFeatures(&p.core); err != nil {
		return nil, nil, err
	}
	m, err := p.probe(b.Rows)
	if err != nil {
		return nil, nil, err
	}
	if err := m.fill(&p.core, b); err != nil {
		return nil, nil, err
	}
	if err := m.runner.Run(b.Rows); err != nil {
		return nil, nil, fmt.Errorf("represent: %w", err)
	}
	if logits, err = m.values(0); err != nil {
		return nil, nil, err
	}
	logits = logits[:b.Rows*p.spec.Outputs()]
	switch m.features {
	case m.logits:
		return logits, logits, nil
	case m.input:
		return m.x[:b.Rows*m.width], logits, nil
	}
	if features, err = m.values(1); err != nil {
		return nil, nil, err
	}
	return features[:b.Rows*m.width], logits, nil
}

// FeatureWidth returns the number of features that Represent gives for a row.
func (p *Predictor) FeatureWidth() (int, error) {
	m, err := p.probe(1)
	if err != nil {
		return 0, err
	}
	return m.width, nil
}

// Respond turns logits, as Represent and Trained give them, into what Predict answers. dst is
// as long as logits, and may be the same.
func (p *Predictor) Respond(dst, logits []float32) { p.respond(dst, logits, p.spec.Outputs()) }

// probe returns the graph that represents a batch of rows, and builds it if it is not there.
func (p *Predictor) probe(rows int) (*probe, error) {
	size := p.size(rows)
	if m, ok := p.probes[size]; ok {
		return m, nil
	}
	g, forward, err := p.build(size, false)
	if err != nil {
		return nil, err
	}
	m := &probe{machine: forward, features: penultimate(g, forward.logits, size)}
	m.width = m.features.Shape()[1]
	roots := gorgonia.Nodes{m.logits}
	if m.features != m.logits && m.features != m.input {
		roots = append(roots, m.features)
	}
	ok, err := p.assemble(m.machine, program{
		graph: g, roots: roots, rows: size, batch: m.batch, finite: m.nodes,
	}, rows)
	if err != nil {
		return nil, err
	}
	if !ok {
		return p.probe(rows)
	}
	if p.probes == nil {
		p.probes = make(map[int]*probe)
	}
	p.probes[size] = m
	return m, nil
}

// penultimate returns what an affine layer that gives the logits reads: the first of its
// three inputs. Any other network's logits stand for themselves.
func penultimate(g *gorgonia.ExprGraph, logits *gorgonia.Node, rows int) *gorgonia.Node {
	inputs := g.From(logits.ID())
	if inputs == nil || inputs.Len() != 3 || !inputs.Next() {
		return logits
	}
	if n, ok := inputs.Node().(*gorgonia.Node); ok && n.Dims() == 2 && n.Shape()[0] == rows {
		return n
	}
	return logits
}
