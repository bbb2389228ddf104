package prequential

import (
	"math"

	"github.com/perennial-ml/perennial/models"
)

// An outcome is what is kept of one scored example.
type outcome struct {
	loss   float64 // of models.Loss
	score  float32 // p(1) (binary), the top probability (multiclass), the absolute error (regression)
	weight float32 // above 0
	flags  flags
}

type flags uint8

const (
	right    flags = 1 << iota // the class was right
	positive                   // binary: the target is class 1; multiclass: as right
)

// judge scores one prediction; false if it cannot be scored. one is scratch.
func judge(task models.Task, pred []float32, target, weight float32, one *[1]float32) (outcome, bool) {
	if len(pred) == 0 || !finite(target) || !finite(weight) || weight <= 0 {
		return outcome{}, false
	}
	for _, p := range pred {
		if !finite(p) {
			return outcome{}, false
		}
	}
	o := outcome{weight: weight}
	switch task {
	case models.Binary:
		if len(pred) != 1 || !probability(pred[0]) || !probability(target) {
			return outcome{}, false
		}
		one[0] = target
		o.score = pred[0]
		if target >= 0.5 {
			o.flags |= positive
		}
		if (pred[0] >= 0.5) == (target >= 0.5) {
			o.flags |= right
		}
	case models.Multiclass:
		if target < 0 || target >= float32(len(pred)) {
			return outcome{}, false
		}
		class, top := int(target), 0
		for c, p := range pred {
			if !probability(p) {
				return outcome{}, false
			}
			if p > pred[top] {
				top = c
			}
		}
		o.score = pred[top]
		if top == class {
			o.flags |= right | positive
		}
		// The loss of a distribution that is one at a class is that of the class.
		pred, one[0] = pred[class:class+1], 1
	default:
		if len(pred) != 1 {
			return outcome{}, false
		}
		one[0] = target
		o.score = float32(math.Min(math.Abs(float64(pred[0])-float64(target)), math.MaxFloat32))
	}
	o.loss = models.Loss(task, pred, one[:])
	return o, true
}

func finite(v float32) bool { return v-v == 0 }

func probability(p float32) bool { return p >= 0 && p <= 1 }
