package engine

import (
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/replay"
)

// batch lays examples out as a models.Batch. Its arrays are allocated once.
type batch struct {
	spec models.Spec
	b    models.Batch
}

func newBatch(spec models.Spec, capacity int) *batch {
	return &batch{spec: spec, b: models.Batch{
		Dense:      make([]float32, 0, capacity*spec.Dense),
		Categories: make([]int32, 0, capacity*len(spec.Categories)),
		Targets:    make([]float32, 0, capacity*spec.Outputs()),
		Weights:    make([]float32, 0, capacity),
	}}
}

func (b *batch) reset() {
	b.b.Rows = 0
	b.b.Dense = b.b.Dense[:0]
	b.b.Categories = b.b.Categories[:0]
	b.b.Targets = b.b.Targets[:0]
	b.b.Weights = b.b.Weights[:0]
}

// view returns the rows added since reset; valid until the next reset.
func (b *batch) view() *models.Batch { return &b.b }

func (b *batch) add(ex *replay.Example) {
	b.b.Rows++
	b.b.Dense = append(b.b.Dense, ex.Dense...)
	b.b.Categories = append(b.b.Categories, ex.Categories...)
	b.b.Targets = appendTarget(b.b.Targets, b.spec, ex)
	b.b.Weights = append(b.b.Weights, ex.Weight)
}

// appendTarget writes an example's target as the model takes it. A complementary
// label ("not this class") becomes the uniform distribution over the other classes,
// the least that it says.
func appendTarget(dst []float32, spec models.Spec, ex *replay.Example) []float32 {
	if spec.Task != models.Multiclass {
		return append(dst, ex.Target)
	}
	hit, miss := float32(1), float32(0)
	if ex.Negative {
		hit, miss = 0, 1/float32(spec.Classes-1)
	}
	for c := range spec.Classes {
		if c == int(ex.Target) {
			dst = append(dst, hit)
		} else {
			dst = append(dst, miss)
		}
	}
	return dst
}
