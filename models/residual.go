package models

import (
	"math"

	"github.com/perennial-ml/perennial/compute/real"
)

// Residual writes the derivative of one row's loss by its logits to dst, and returns the
// loss: that of Gradients for a plain objective, without a weight. For logits z and targets t
// that is
//
//	softplus(z) - t z,  σ(z) - t                    (binary)
//	Σ_c t_c (logsumexp(z) - z_c),  softmax(z) Σ t - t   (multiclass)
//	(z - t)²,  2 (z - t)                            (regression)
//
// dst may be logits itself.
func Residual(dst []float32, task Task, logits, target []float32) float64 {
	switch task {
	case Binary:
		z, t := float64(logits[0]), float64(target[0])
		dst[0] = float32(real.Sigmoid(z) - t)
		return real.Softplus(z) - float64(t*z)
	case Multiclass:
		top := math.Inf(-1)
		for _, z := range logits {
			top = max(top, float64(z))
		}
		sum, mass := 0.0, 0.0
		for c, z := range logits {
			sum += real.Exp(float64(z) - top)
			mass += float64(target[c])
		}
		whole, loss := real.Log(sum), 0.0
		for c, z := range logits {
			z, t := float64(z)-top, float64(target[c])
			loss += float64(t * (whole - z))
			dst[c] = float32(float64(mass*real.Exp(z))/sum - t)
		}
		return max(loss, 0)
	default:
		d := float64(logits[0]) - float64(target[0])
		dst[0] = float32(2 * d)
		return float64(d * d)
	}
}

// FeatureWidth returns the number of features that Represent gives for a row.
func (p *Predictor) FeatureWidth() (int, error) {
	m, err := p.probe(1)
	if err != nil {
		return 0, err
	}
	return m.width, nil
}
