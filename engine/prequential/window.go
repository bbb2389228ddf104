package prequential

import (
	"math"

	"github.com/perennial-ml/perennial/models"
)

// A window is the latest outcomes.
type window struct{ ring[outcome] }

func newWindow(limit int) window { return window{ring[outcome]{limit: limit}} }

// scores adds the window up. rank is scratch.
func (w *window) scores(task models.Task, rank *ranking) Scores {
	s := Scores{N: uint64(len(w.items))}
	if s.N == 0 {
		return s
	}
	var loss, hits, absolute float64
	var b bins
	for _, half := range w.halves() {
		for i := range half {
			o := &half[i]
			weight := float64(o.weight)
			s.Weight += weight
			loss += float64(weight * o.loss)
			if task == models.Regression {
				absolute += float64(weight * float64(o.score))
				continue
			}
			if o.flags&right != 0 {
				hits += weight
			}
			b.add(o)
		}
	}
	mean := loss / s.Weight
	s.Loss = defined(mean)
	if s.N > 1 {
		s.LossSD = defined(w.deviation(mean, s.Weight))
	}
	if task == models.Regression {
		s.MAE = defined(absolute / s.Weight)
		return s
	}
	s.Accuracy = defined(hits / s.Weight)
	s.ECE = defined(b.error(s.Weight))
	if task == models.Binary {
		s.AUC = w.auc(rank)
	}
	return s
}

func (w *window) deviation(mean, weight float64) float64 {
	sum := 0.0
	for _, half := range w.halves() {
		for i := range half {
			d := half[i].loss - mean
			sum += float64(float64(half[i].weight) * float64(d*d))
		}
	}
	return math.Sqrt(sum / weight)
}

// auc returns the exact area under the ROC curve, ties counted half: the probability
// that a positive example is ranked above a negative one (Hanley and McNeil, 1982), each
// drawn by weight. It is nil unless there are both.
func (w *window) auc(rank *ranking) *float64 {
	order := rank.sort(w.items)
	var below, above, area float64 // weight of negatives, of positives, of ordered pairs
	for i := 0; i < len(order); {
		var neg, pos float64 // of this probability
		for p := order[i] >> 32; i < len(order) && order[i]>>32 == p; i++ {
			o := &w.items[uint32(order[i])]
			if o.flags&positive != 0 {
				pos += float64(o.weight)
			} else {
				neg += float64(o.weight)
			}
		}
		area += float64(pos * (below + neg/2))
		below += neg
		above += pos
	}
	if below == 0 || above == 0 {
		return nil
	}
	return defined(area / above / below)
}

// defined returns a pointer to a score, nil if it is not finite.
func defined(v float64) *float64 {
	if v-v != 0 {
		return nil
	}
	return &v
}
