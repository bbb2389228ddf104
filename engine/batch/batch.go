package batch

import (
	"slices"

	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/replay"
)

// A Batch lays examples out as a models.Batch. Its arrays are allocated once.
type Batch struct {
	spec   models.Spec
	b      models.Batch
	unpack *replay.Unpacker
}

// New returns a batch of up to capacity rows for what an objective reads.
func New(spec models.Spec, objective models.Objective, capacity int) *Batch {
	b := &Batch{spec: spec, unpack: replay.NewUnpacker(), b: models.Batch{
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

// Reset takes all rows out.
func (b *Batch) Reset() {
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

// Spec returns the spec that the rows are laid out for.
func (b *Batch) Spec() models.Spec { return b.spec }

// View returns the rows added since Reset; valid until the next Reset. What an objective
// reads beside features, targets and weights is the owner's to append.
func (b *Batch) View() *models.Batch { return &b.b }

// Add appends an example's features, target and weight as one row.
func (b *Batch) Add(ex *replay.Example) {
	b.b.Rows++
	b.b.Dense = b.unpack.Append(b.b.Dense, ex)
	b.b.Categories = append(b.b.Categories, ex.Categories...)
	b.b.Targets = AppendTarget(b.b.Targets, b.spec, ex)
	b.b.Weights = append(b.b.Weights, ex.Weight)
}

// Teach gives the last example that was added the logits that were stored with it. Outputs
// that it has no logits for take no part.
func (b *Batch) Teach(ex *replay.Example) {
	weight := ex.Weight
	if len(ex.Logits) == 0 {
		weight = 0
	}
	k := b.spec.Outputs()
	taught := min(k, len(ex.Logits))
	row := extend(&b.b.Distill, k)
	clear(row[copy(row, ex.Logits[:taught]):])
	row = extend(&b.b.Groups, k)
	for i := range row[:taught] {
		row[i] = 1
	}
	clear(row[taught:])
	b.b.DistillWeights = append(b.b.DistillWeights, weight)
}

// extend makes room for n more values, and returns it.
func extend(list *[]float32, n int) []float32 {
	at := len(*list)
	*list = slices.Grow(*list, n)[:at+n]
	return (*list)[at:]
}

// Scale turns the weights of the rows from first on into coefficients: those of the labels'
// loss add up to label, and those of the distance from logits to taught.
func (b *Batch) Scale(first int, label, taught float64) {
	normalize(b.b.Weights[first:], label)
	if b.b.DistillWeights != nil {
		normalize(b.b.DistillWeights[first:], taught)
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

// AppendTarget writes an example's target as the model takes it. A complementary
// label ("not this class") becomes the uniform distribution over the other classes,
// the least that it says.
func AppendTarget(dst []float32, spec models.Spec, ex *replay.Example) []float32 {
	if spec.Task != models.Multiclass {
		return append(dst, ex.Target)
	}
	hit, miss := float32(1), float32(0)
	if ex.Negative {
		hit, miss = 0, 1/float32(spec.Classes-1)
	}
	row := extend(&dst, spec.Classes)
	for c := range row {
		row[c] = miss
	}
	if c := int(ex.Target); c >= 0 && c < len(row) {
		row[c] = hit
	}
	return dst
}
