package main

import (
	"fmt"
	"math/rand/v2"

	"github.com/perennial-ml/perennial/models"
)

// hashedRing is how many examples hashed ids come from: so many that a table of a million
// rows is met everywhere.
const hashedRing = 1 << 16

// hashed is a spec of categories that share one table.
func hashed(kind string, w spec) models.Spec {
	s := models.Spec{Kind: kind, Task: models.Binary, Hidden: w.Hidden, Embedding: w.Dim, Table: w.Rows}
	for range w.Fields {
		s.Categories = append(s.Categories, w.Rows)
	}
	return s
}

func trainHashed(kind string) func(spec) (func() error, error) {
	return func(w spec) (func() error, error) {
		s, r := hashed(kind, w), rand.New(rand.NewPCG(1, 2))
		return trains(s, 1, w, newExamples(s, w, r))
	}
}

// tables is the number of tables that a step of an optimizer reads and writes for each one
// of weights.
var tables = map[string]float64{"sgd": 1, "adagrad": 2, "ftrl": 3}

func deepFM(rows int, optimizer string, batch int, aim float64) workload {
	w := spec{Kind: "deepfm", Batch: batch, Optimizer: optimizer, Ring: hashedRing, Rows: rows, Fields: 26, Dim: 16, Hidden: []int{64, 32}}
	c := mlpCost([]int{w.Fields * w.Dim, 64, 32, 1}, batch, optimizer)
	b, fields := float64(batch), float64(w.Fields)
	c.FLOP += b * 2 * fields * float64(w.Dim) * 64 // the gradient of what the first layer reads
	c.Lines = b * fields * 2 * tables[optimizer]   // one of the vectors, and one of the linear weights
	c.LineFootprint = float64(rows*(w.Dim+1)*4) * tables[optimizer]
	return workload{
		group: "train", name: fmt.Sprintf("DeepFM 26×16 in %s rows, 64-32-1, %s, batch %d", short(float64(rows)), optimizer, batch),
		spec: w, threads: 1, aim: aim, cost: c, ours: trainHashed("deepfm"), unit: "steps", perStep: 1,
	}
}

// sparseLinear counts examples; its aim is a rate and not a ratio. PyTorch has no FTRL.
func sparseLinear(optimizer string, rate float64) workload {
	w := spec{Kind: "sparse_linear", Batch: 1, Optimizer: optimizer, Ring: hashedRing, Rows: 1 << 20, Fields: 40}
	return workload{
		group: "sparse", name: fmt.Sprintf("sparse linear, 40 of 2^20 features, %s, batch 1", optimizer),
		spec: w, threads: 1, rate: rate, alone: optimizer == "ftrl", ours: trainHashed("sparse_linear"), unit: "examples", perStep: 1,
		cost: cost{
			FLOP: 40 * 4, Lines: 40 * tables[optimizer], LineFootprint: float64(w.Rows) * 4 * tables[optimizer],
		},
	}
}

func trainCNN(w spec) (func() error, error) {
	s := models.Spec{
		Kind: "cnn", Task: models.Multiclass, Classes: w.Classes, Dense: 28 * 28, Image: &models.Image{Height: 28, Width: 28, Channels: 1},
		Conv: []models.Conv{{Filters: 16}, {Filters: 32}},
	}
	return trains(s, 1, w, newExamples(s, w, rand.New(rand.NewPCG(1, 2))))
}

func cnn(batch int, aim float64) workload {
	const first, second, last = 28 * 28 * 9 * 16, 14 * 14 * 9 * 16 * 32, 7 * 7 * 32 * 10
	const params = 9*16 + 16 + 9*16*32 + 32 + last + 10
	b := float64(batch)
	return workload{
		group: "train", name: fmt.Sprintf("CNN 3×3×16, 3×3×32, fc on 28×28, sgd, batch %d", batch),
		spec:    spec{Kind: "cnn", Batch: batch, Classes: 10, Optimizer: "sgd", Ring: ring},
		threads: 1, aim: aim, ours: trainCNN, unit: "steps", perStep: 1,
		cost: cost{
			FLOP:      b * 2 * (2*first + 3*second + 3*last), // the first layer's input has no gradient
			Bytes:     12*params + 4*b*28*28,
			Footprint: 4 * params,
		},
	}
}
