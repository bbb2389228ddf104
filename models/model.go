package models

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gorgonia.org/gorgonia"

	"github.com/perennial-ml/perennial/compute"
	"github.com/perennial-ml/perennial/compute/op"
)

// A Model predicts and computes gradients. It is not safe for concurrent use.
type Model struct {
	*Predictor
	grads    Params
	trainers map[int]*trainer // by rows
}

func newModel(p *Predictor) *Model { return &Model{Predictor: p, grads: p.params.Zeros()} }

// Init writes initial values to the parameters, drawn from r.
func (m *Model) Init(r *rand.Rand) { m.arch.Init(m.spec, m.params, r) }

// Grads returns live views of the gradients, in the order of Params. They hold the
// gradient of the last successful Gradients until the next call of it; the caller may
// overwrite them.
func (m *Model) Grads() Params { return m.grads }

// Gradients computes the weighted mean loss of the batch,
//
//	Σ w_i loss_i / Σ w_i
//
// and writes its gradients to Grads. If all weights are zero, the loss and the gradients
// are 0. It returns ErrBatch if the batch breaks a rule, and ErrNonFinite if an input, the
// loss or a gradient is not finite; Grads are then undefined, and Params as before.
func (m *Model) Gradients(b *Batch) (float64, error) {
	if err := b.checkFeatures(&m.spec, m.capacity); err != nil {
		return 0, err
	}
	if err := b.checkLabels(&m.spec); err != nil {
		return 0, err
	}
	t, err := m.trainer(b.Rows)
	if err != nil {
		return 0, err
	}
	t.fill(&m.spec, b)
	clear(t.targets[copy(t.targets, b.Targets):])
	clear(t.weights[copy(t.weights, b.Weights):])
	if err := t.runner.Run(b.Rows); err != nil {
		return 0, fmt.Errorf("gradients: %w", err)
	}
	loss := t.cost.Value().Data().(float64)
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return 0, fmt.Errorf("%w: loss is %v", ErrNonFinite, loss)
	}
	for i, n := range t.grads {
		src := n.Value().Data().([]float32)
		if !finite(src) {
			return 0, fmt.Errorf("%w: gradient of %s", ErrNonFinite, m.params[i].Name)
		}
		copy(m.grads[i].Data, src)
	}
	return loss, nil
}

// A trainer is a machine with a loss and its gradients.
type trainer struct {
	*machine
	targets, weights []float32
	cost             *gorgonia.Node
	grads            gorgonia.Nodes
}

func (m *Model) trainer(rows int) (*trainer, error) {
	size := m.size(rows)
	if t, ok := m.trainers[size]; ok {
		return t, nil
	}
	g, forward, err := m.build(size)
	if err != nil {
		return nil, err
	}
	k := m.spec.Outputs()
	t := &trainer{machine: forward, targets: make([]float32, size*k), weights: make([]float32, size)}
	targets := input(g, "targets", t.targets, size, k)
	weights := input(g, "weights", t.weights, size)
	loss := op.SquaredError
	switch m.spec.Task {
	case Binary:
		loss = op.SigmoidCrossEntropy
	case Multiclass:
		loss = op.SoftmaxCrossEntropy
	}
	if t.cost, err = loss(t.logits, targets, weights); err != nil {
		return nil, fmt.Errorf("build loss of %s: %w", m.spec.Kind, err)
	}
	if t.grads, err = gorgonia.Grad(t.cost, t.nodes...); err != nil {
		return nil, fmt.Errorf("differentiate %s: %w", m.spec.Kind, err)
	}
	roots := append(gorgonia.Nodes{t.cost}, t.grads...)
	if t.runner, err = compute.NewTape(g, roots, size); err != nil {
		return nil, err
	}
	if m.trainers == nil {
		m.trainers = make(map[int]*trainer)
	}
	m.trainers[size] = t
	return t, nil
}
