package op

import (
	"fmt"
	"math"

	"gorgonia.org/gorgonia"

	"github.com/perennial-ml/perennial/compute/real"
)

// MaskedCrossEntropy is SoftmaxCrossEntropy over those classes of each row whose mask is
// not 0: the others take no part in the softmax, and have a gradient of exactly 0. Their
// targets must be 0. A row of one class has a loss of 0.
func MaskedCrossEntropy(by Reduction, logits, targets, mask, weights *gorgonia.Node) (*gorgonia.Node, error) {
	return applyTerm(maskedCE{}, by, logits, targets, mask, weights)
}

// MaskedSigmoid is SigmoidCrossEntropy, summed over those columns of each row whose mask
// is not 0.
func MaskedSigmoid(by Reduction, logits, targets, mask, weights *gorgonia.Node) (*gorgonia.Node, error) {
	return applyTerm(maskedSigmoid{}, by, logits, targets, mask, weights)
}

// SquaredLogits holds logits against those of a teacher, in each row the mean over the
// classes whose group is not 0 of
//
//	(z - t)²
//
// (dark experience replay; Buzzega et al., "Dark experience for general continual
// learning: a strong, simple baseline", 2020).
func SquaredLogits(by Reduction, logits, teacher, groups, weights *gorgonia.Node) (*gorgonia.Node, error) {
	return applyTerm(squaredLogits{}, by, logits, teacher, groups, weights)
}

// Distillation holds logits z against those of a teacher, t, in each row the sum over the
// groups of
//
//	T² Σ_c p_c (log p_c - log q_c)   with p = softmax(t/T), q = softmax(z/T)
//
// over the classes of that group (Hinton et al., "Distilling the knowledge in a neural
// network", 2015, with their factor T²). Classes with equal numbers above 0 are a group,
// those of number 0 take no part. T is above 0.
func Distillation(by Reduction, temperature float64, logits, teacher, groups, weights *gorgonia.Node) (*gorgonia.Node, error) {
	if !(temperature > 0) || math.IsInf(temperature, 0) {
		return nil, fmt.Errorf("op: temperature of a distillation is %v, must be above 0 and finite", temperature)
	}
	return applyTerm(divergence{temperature}, by, logits, teacher, groups, weights)
}

type maskedCE struct{}

func (maskedCE) name() string { return "masked cross-entropy" }

// in says that a class is in a group. Number 0 stands for every group: a mask is one.
func in(group, number float32) bool {
	if number == 0 {
		return group != 0
	}
	return group == number
}

// logSum returns the largest z/temperature of a group and log Σ exp(z/temperature - largest).
func logSum(z, group []float32, number float32, temperature float64) (top, rest float64) {
	top = math.Inf(-1)
	for j, v := range z {
		if in(group[j], number) {
			top = max(top, float64(v)/temperature)
		}
	}
	sum := 0.0
	for j, v := range z {
		if in(group[j], number) {
			sum += real.Exp(float64(v)/temperature - top)
		}
	}
	return top, real.Log(sum)
}

func (maskedCE) loss(z, t, mask []float32) float64 {
	top, rest := logSum(z, mask, 0, 1)
	sum := 0.0
	for j, v := range z {
		if mask[j] != 0 && t[j] != 0 {
			sum += float64(float64(t[j]) * (rest - (float64(v) - top)))
		}
	}
	return sum
}

func (maskedCE) slope(dz, z, t, mask []float32, scale float64) {
	top, rest := logSum(z, mask, 0, 1)
	mass := 0.0
	for j, v := range t {
		if mask[j] != 0 {
			mass += float64(v)
		}
	}
	for j, v := range z {
		if mask[j] != 0 {
			p := real.Exp(float64(v) - top - rest)
			dz[j] = float32(scale * (float64(mass*p) - float64(t[j])))
		}
	}
}

type maskedSigmoid struct{}

func (maskedSigmoid) name() string { return "masked sigmoid cross-entropy" }

func (maskedSigmoid) loss(z, t, mask []float32) float64 {
	sum := 0.0
	for j, v := range z {
		if mask[j] != 0 {
			sum += real.Softplus(float64(v)) - float64(float64(t[j])*float64(v))
		}
	}
	return sum
}

func (maskedSigmoid) slope(dz, z, t, mask []float32, scale float64) {
	for j, v := range z {
		if mask[j] != 0 {
			dz[j] = float32(scale * (real.Sigmoid(float64(v)) - float64(t[j])))
		}
	}
}

type squaredLogits struct{}

func (squaredLogits) name() string { return "squared logits" }

// part returns the number of classes that take part.
func part(group []float32) (n int) {
	for _, g := range group {
		if g != 0 {
			n++
		}
	}
	return n
}

func (squaredLogits) loss(z, t, group []float32) float64 {
	sum := 0.0
	for j, v := range z {
		if group[j] != 0 {
			d := float64(v) - float64(t[j])
			sum += float64(d * d)
		}
	}
	return sum / float64(max(part(group), 1))
}

func (squaredLogits) slope(dz, z, t, group []float32, scale float64) {
	scale = 2 * scale / float64(max(part(group), 1))
	for j, v := range z {
		if group[j] != 0 {
			dz[j] = float32(scale * (float64(v) - float64(t[j])))
		}
	}
}

type divergence struct{ temperature float64 }

func (d divergence) name() string {
	return fmt.Sprintf("distillation at temperature %v", d.temperature)
}

// next returns the least group number above last, and false after the largest.
func next(group []float32, last float32) (number float32, ok bool) {
	for _, g := range group {
		if g > last && (!ok || g < number) {
			number, ok = g, true
		}
	}
	return number, ok
}

func (d divergence) loss(z, t, group []float32) float64 {
	sum := 0.0
	for g, ok := next(group, 0); ok; g, ok = next(group, g) {
		zTop, zRest := logSum(z, group, g, d.temperature)
		tTop, tRest := logSum(t, group, g, d.temperature)
		for j := range z {
			if group[j] == g {
				logP := float64(t[j])/d.temperature - tTop - tRest
				logQ := float64(z[j])/d.temperature - zTop - zRest
				sum += float64(real.Exp(logP) * (logP - logQ))
			}
		}
	}
	return float64(d.temperature*d.temperature) * sum
}

// slope is T (q - p).
func (d divergence) slope(dz, z, t, group []float32, scale float64) {
	scale *= d.temperature
	for g, ok := next(group, 0); ok; g, ok = next(group, g) {
		zTop, zRest := logSum(z, group, g, d.temperature)
		tTop, tRest := logSum(t, group, g, d.temperature)
		for j := range z {
			if group[j] == g {
				p := real.Exp(float64(t[j])/d.temperature - tTop - tRest)
				q := real.Exp(float64(z[j])/d.temperature - zTop - zRest)
				dz[j] = float32(scale * (q - p))
			}
		}
	}
}
