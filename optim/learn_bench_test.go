package optim_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/optim"
)

// A linear model learns from single examples of 40 features: over tables that stay in the
// second-level cache, whose steps are instructions, and over large ones.
func BenchmarkLearnSparseLinear(b *testing.B) {
	const fields, examples = 40, 1 << 14
	for _, optimizer := range []struct {
		name string
		list []optim.Config
	}{
		{"sgd", []optim.Config{{SGD: &optim.SGD{}}}},
		{"adagrad", []optim.Config{{Adagrad: &optim.Adagrad{}}}},
		{"ftrl", []optim.Config{{FTRL: &optim.FTRL{}}}},
	} {
		for _, rows := range []int{1 << 12, 1 << 20} {
			b.Run(fmt.Sprintf("%s/rows=%d", optimizer.name, rows), func(b *testing.B) {
				s := models.Spec{Kind: "sparse_linear", Task: models.Binary, Table: rows}
				for range fields {
					s.Categories = append(s.Categories, rows)
				}
				p, r := newPupil(b, s, optimizer.list, 1), rand.New(rand.NewPCG(1, 2))
				ids := make([]int32, fields*examples)
				for i := range ids {
					ids[i] = r.Int32N(int32(rows))
				}
				batch := models.Batch{Rows: 1, Targets: []float32{0}, Weights: []float32{1}}
				at := 0
				runtime.GC() // one that goes on would make stores of pointers slow
				b.ReportAllocs()
				for b.Loop() {
					batch.Categories, batch.Targets[0] = ids[at:at+fields], float32(at/fields%2)
					if at += fields; at == len(ids) {
						at = 0
					}
					if _, err := p.Learn(p.Model, &batch); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// A DeepFM of 26 fields of 16 elements in a table of 2²⁰ rows, as bench/peers has it.
func BenchmarkLearnDeepFM(b *testing.B) {
	const fields, examples, rows = 26, 1 << 16, 1 << 20
	s := models.Spec{Kind: "deepfm", Task: models.Binary, Hidden: []int{64, 32}, Embedding: 16, Table: rows}
	for range fields {
		s.Categories = append(s.Categories, rows)
	}
	r := rand.New(rand.NewPCG(1, 2))
	ids, targets, weights := make([]int32, fields*examples), make([]float32, examples), make([]float32, examples)
	for i := range ids {
		ids[i] = r.Int32N(rows)
	}
	for i := range targets {
		targets[i], weights[i] = float32(r.IntN(2)), 1
	}
	for _, optimizer := range []struct {
		name string
		list []optim.Config
	}{
		{"sgd", []optim.Config{{SGD: &optim.SGD{}}}},
		{"adagrad", []optim.Config{{Adagrad: &optim.Adagrad{}}}},
	} {
		for _, n := range []int{1, 256} {
			b.Run(fmt.Sprintf("%s/batch=%d", optimizer.name, n), func(b *testing.B) {
				p := newPupil(b, s, optimizer.list, 1)
				batch, at := models.Batch{Rows: n, Weights: weights[:n]}, 0
				learn := func() {
					batch.Categories, batch.Targets = ids[at*fields:(at+n)*fields], targets[at:at+n]
					at = (at + n) % examples
					if _, err := p.Learn(p.Model, &batch); err != nil {
						b.Fatal(err)
					}
				}
				for range 2000 / n { // the plan is compiled, and caches are warm
					learn()
				}
				b.ReportAllocs()
				for b.Loop() {
					learn()
				}
			})
		}
	}
}
