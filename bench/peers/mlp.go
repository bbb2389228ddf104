package main

import (
	"fmt"
	"math/rand/v2"

	"github.com/perennial-ml/perennial/compute"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/optim"
)

// perceptron is the spec of an MLP that classifies.
func perceptron(widths []int) models.Spec {
	last := len(widths) - 1
	return models.Spec{Kind: "mlp", Task: models.Multiclass, Classes: widths[last], Dense: widths[0], Hidden: widths[1:last]}
}

// optimizers are the peers' settings in our terms.
func optimizers(name string) ([]optim.Config, error) {
	switch name {
	case "sgd":
		return []optim.Config{{SGD: &optim.SGD{LearningRate: 0.01}}}, nil
	case "adam":
		return []optim.Config{{AdamW: &optim.AdamW{LearningRate: 0.001}}}, nil
	case "adagrad":
		return []optim.Config{{Adagrad: &optim.Adagrad{LearningRate: 0.01}}}, nil
	case "ftrl":
		return []optim.Config{{FTRL: &optim.FTRL{}}}, nil
	}
	return nil, fmt.Errorf("unknown optimizer %q", name)
}

// trains returns a step as the engine takes it: for the gradients of a batch, by an optimizer.
func trains(s models.Spec, threads int, w spec, batches *examples) (func() error, error) {
	m, err := models.New(s, w.Batch)
	if err != nil {
		return nil, err
	}
	if err := m.Use(compute.Settings{Threads: threads}); err != nil {
		return nil, err
	}
	m.Init(rand.New(rand.NewPCG(3, 4)))
	list, err := optimizers(w.Optimizer)
	if err != nil {
		return nil, err
	}
	step, err := optim.New(list, m.Params())
	if err != nil {
		return nil, err
	}
	return func() error {
		_, err := step.Learn(m, batches.take())
		return err
	}, nil
}

func trainMLP(threads int) func(spec) (func() error, error) {
	return func(w spec) (func() error, error) {
		s := perceptron(w.Widths)
		return trains(s, threads, w, newExamples(s, w, rand.New(rand.NewPCG(1, 2))))
	}
}

func predictMLP(w spec) (func() error, error) {
	s := perceptron(w.Widths)
	m, err := models.New(s, w.Batch)
	if err != nil {
		return nil, err
	}
	m.Init(rand.New(rand.NewPCG(3, 4)))
	p, err := models.NewPredictor(s, w.Batch)
	if err != nil {
		return nil, err
	}
	if err := p.Load(m.Params()); err != nil {
		return nil, err
	}
	batches := newExamples(s, w, rand.New(rand.NewPCG(1, 2)))
	dst := make([]float32, w.Batch*s.Outputs())
	return func() error { return p.Predict(dst, batches.take()) }, nil
}

// Bytes of a parameter that each step moves: it is read on the way forward, and read and
// written by the update, in which the way back may be folded; Adam has two moments.
var updateBytes = map[string]float64{"sgd": 12, "adam": 28, "adagrad": 20}

// mlpCost counts an MLP's products, and the passes over its parameters.
func mlpCost(widths []int, batch int, optimizer string) cost {
	var params, forward, back float64
	for i := range len(widths) - 1 {
		in, out := float64(widths[i]), float64(widths[i+1])
		params += in*out + out
		forward += 2 * in * out
		back += 2 * in * out
		if i > 0 {
			back += 2 * in * out // the gradient of what the layer reads
		}
	}
	b := float64(batch)
	inputs := 4 * b * float64(widths[0])
	if optimizer == "" {
		return cost{FLOP: b * forward, Bytes: 4*params + inputs, Footprint: 4 * params}
	}
	each := updateBytes[optimizer]
	return cost{FLOP: b * (forward + back), Bytes: each*params + inputs, Footprint: (each - 4) / 2 * params}
}
