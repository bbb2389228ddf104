package models

import (
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
