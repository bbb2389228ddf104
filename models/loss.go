package models

import (
	"fmt"
	"math"

	"github.com/perennial-ml/perennial/compute/real"
)

// MinProbability is the least probability that Loss reckons with: one confident mistake
// costs at most -log(MinProbability), about 16.1 nats.
const MinProbability = 1e-7

// Loss returns the loss of one prediction, as Predict wrote it, against one row of
// targets: the log-loss in nats (binary, multiclass), or the squared error (regression),
// without a factor of one half. Probabilities are raised to MinProbability, and in the
// binary case also lowered to 1-MinProbability. The training loss is the same but for
// that clamp, which it does not need, as it starts from logits. NaN stays NaN.
func Loss(task Task, pred, target []float32) float64 {
	switch task {
	case Binary:
		p := clamp(float64(pred[0]), 1-MinProbability)
		t := float64(target[0])
		return -float64(t*real.Log(p)) - float64((1-t)*real.Log(1-p))
	case Multiclass:
		sum := 0.0
		for c, t := range target {
			if t != 0 {
				sum -= float64(float64(t) * real.Log(clamp(float64(pred[c]), 1)))
			}
		}
		return sum
	default:
		d := float64(pred[0]) - float64(target[0])
		return d * d
	}
}

func clamp(p, top float64) float64 { return math.Min(math.Max(p, MinProbability), top) }

// respond turns logits into what Predict answers: σ, softmax or the value itself.
func (c *core) respond(dst, logits []float32, k int) {
	switch c.spec.Task {
	case Binary:
		c.kernels.Sigmoid(dst, logits)
	case Multiclass:
		c.kernels.Softmax(dst, logits, len(dst)/k, k)
	default:
		copy(dst, logits)
	}
}

// respondMasked is respond for classes that take part in their row's softmax; the others
// get 0.
func (p *Predictor) respondMasked(dst, logits []float32, b *Batch) error {
	k := p.spec.Outputs()
	if p.spec.Task != Multiclass || len(b.Mask) != len(dst) {
		return fmt.Errorf("%w: Mask has %d values, must be %d rows of %d classes, and nil for task %s", ErrBatch, len(b.Mask), b.Rows, k, p.spec.Task)
	}
	for i := range b.Rows {
		row, mask := dst[i*k:(i+1)*k], b.Mask[i*k:(i+1)*k]
		n := 0
		for c, v := range mask {
			if v != 0 {
				row[n] = logits[i*k+c]
				n++
			}
		}
		if n == 0 {
			return fmt.Errorf("%w: Mask of row %d leaves no class", ErrBatch, i)
		}
		p.kernels.Softmax(row[:n], row[:n], 1, n)
		for c := k - 1; c >= 0; c-- { // from the end, as classes move towards it
			if mask[c] == 0 {
				row[c] = 0
				continue
			}
			n--
			row[c] = row[n]
		}
	}
	return nil
}
