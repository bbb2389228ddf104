package engine

import (
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/replay"
)

// batch lays examples out as a models.Batch. Its arrays are allocated once.
type batch struct {
	spec   models.Spec
	b      models.Batch
	unpack *replay.Unpacker
}

// newBatch returns a batch for what an objective reads.
func newBatch(spec models.Spec, objective models.Objective, capacity int) *batch {
	b := &batch{spec: spec, unpack: replay.NewUnpacker(), b: models.Batch{
		Dense:      make([]float32, 0, capacity*spec.Dense),
		Categories: make([]int32, 0, capacity*len(spec.Categories)),
		Targets:    make([]float32, 0, capacity*spec.Outputs()),
		Weights:    make([]float32, 0, capacity),
	}}
	if objective.Masked {
		b.b.Mask = make([]float32, 0, capacity*spec.Outputs())
	}
	if objective.Distill != models.DistillNone {
		b.b.Distill = make([]float32, 0, capacity*spec.Outputs())
		b.b.Groups = make([]float32, 0, capacity*spec.Outputs())
		b.b.DistillWeights = make([]float32, 0, capacity)
	}
	return b
}

func (b *batch) reset() {
	b.b.Rows = 0
	b.b.Dense = b.b.Dense[:0]
	b.b.Categories = b.b.Categories[:0]
	b.b.Targets = b.b.Targets[:0]
	b.b.Weights = b.b.Weights[:0]
	b.b.Mask = b.b.Mask[:0]
	b.b.Distill = b.b.Distill[:0]
	b.b.Groups = b.b.Groups[:0]
	b.b.DistillWeights = b.b.DistillWeights[:0]
}

// view returns the rows added since reset; valid until the next reset.
func (b *batch) view() *models.Batch { return &b.b }

func (b *batch) add(ex *replay.Example) {
	b.b.Rows++
	b.b.Dense = b.unpack.Append(b.b.Dense, ex)
	b.b.Categories = append(b.b.Categories, ex.Categories...)
	b.b.Targets = appendTarget(b.b.Targets, b.spec, ex)
	b.b.Weights = append(b.b.Weights, ex.Weight)
}

// teach gives the last example that was added the logits that were stored with it. Outputs
// that it has no logits for take no part.
func (b *batch) teach(ex *replay.Example) {
	weight := ex.Weight
	if len(ex.Logits) == 0 {
		weight = 0
	}
	for i := range b.spec.Outputs() {
		logit, group := float32(0), float32(0)
		if i < len(ex.Logits) {
			logit, group = ex.Logits[i], 1
		}
		b.b.Distill, b.b.Groups = append(b.b.Distill, logit), append(b.b.Groups, group)
	}
	b.b.DistillWeights = append(b.b.DistillWeights, weight)
}

// scale turns the weights of a portion, which is the rows from first on, into coefficients:
// a term's sum over the portion becomes the portion's factor.
func (b *batch) scale(first int, p portion) {
	normalize(b.b.Weights[first:], p.label)
	if b.b.DistillWeights != nil {
		normalize(b.b.DistillWeights[first:], p.taught)
	}
}

// normalize makes weights add up to sum, if there are any above 0.
func normalize(weights []float32, sum float64) {
	total := 0.0
	for _, w := range weights {
		total += float64(w)
	}
	for i, w := range weights {
		if total > 0 {
			weights[i] = float32(float64(sum*float64(w)) / total)
		}
	}
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
