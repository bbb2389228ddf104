package prequential

import (
	"math"

	"github.com/perennial-ml/perennial/models"
)

// fading holds weighted sums in which every example counts by a factor less with each
// later one. With a factor below 1 its rounding errors fade, too.
type fading struct {
	n        uint64
	weight   float64 // sum of the weights w
	mean     float64 // of the loss
	spread   float64 // sum of w * (loss - mean)^2
	hits     float64 // sum of w where the class was right
	absolute float64 // sum of w * absolute error
	bins     bins
}

// add fades what was before, and adds an outcome. Mean and spread go by West's update
// ("Updating mean and variance estimates", 1979), which does not cancel.
func (f *fading) add(task models.Task, o *outcome, factor float64) {
	w := float64(o.weight)
	f.n++
	f.weight = float64(f.weight*factor) + w
	d := o.loss - f.mean
	f.mean += float64(d * (w / f.weight))
	// The product of the two differences is negative by rounding alone.
	f.spread = float64(f.spread*factor) + float64(w*max(0, float64(d*(o.loss-f.mean))))
	if task == models.Regression {
		f.absolute = float64(f.absolute*factor) + float64(w*float64(o.score))
		return
	}
	f.hits *= factor
	if o.flags&right != 0 {
		f.hits += w
	}
	f.bins.fade(factor)
	f.bins.add(o)
}

func (f *fading) scores(task models.Task) Scores {
	s := Scores{N: f.n, Weight: f.weight}
	if f.n == 0 {
		return s
	}
	s.Loss = defined(f.mean)
	if f.n > 1 {
		s.LossSD = defined(math.Sqrt(f.spread / f.weight))
	}
	if task == models.Regression {
		s.MAE = defined(f.absolute / f.weight)
		return s
	}
	s.Accuracy = defined(f.hits / f.weight)
	s.ECE = defined(f.bins.error(f.weight))
	return s
}
