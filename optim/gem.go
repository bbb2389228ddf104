package optim

import (
	"math"

	"github.com/perennial-ml/perennial/models"
)

// GEM projects a gradient so that no past task's loss rises (Lopez-Paz and Ranzato, "Gradient
// episodic memory for continual learning", 2017). With the gradients G of the past tasks as
// rows it solves the dual quadratic programme
//
//	min_v ½ vᵀ G Gᵀ v + gᵀ Gᵀ v    subject to v >= Margin
//
// and takes g <- g + Gᵀ v, if any of them has an inner product below 0 with g. A margin of 0
// gives the nearest gradient that raises none.
type GEM struct {
	margin  float64
	gram    []float64 // tasks × tasks: G Gᵀ
	along   []float64 // G g
	weights []float64 // v
}

// NewGEM returns a GEM with a margin of at least 0.
func NewGEM(margin float64) *GEM { return &GEM{margin: margin} }

// maxSweeps bounds the coordinate descent; a handful of tasks needs a few dozen.
const maxSweeps = 10_000

// Project changes g, and reports whether it did. All list the same dense tensors.
func (q *GEM) Project(g models.Params, past []models.Params) bool {
	n := len(past)
	q.along, q.gram, q.weights = q.along[:0], q.gram[:0], q.weights[:0]
	violated := false
	for _, r := range past {
		d := dot(g, r)
		violated = violated || d < 0
		q.along, q.weights = append(q.along, d), append(q.weights, q.margin)
	}
	if !violated {
		return false
	}
	for i := range past {
		for j := range past {
			if j < i {
				q.gram = append(q.gram, q.gram[j*n+i])
			} else {
				q.gram = append(q.gram, dot(past[i], past[j]))
			}
		}
	}
	q.solve(n)
	for i, r := range past {
		if q.weights[i] != 0 {
			add(g, r, q.weights[i])
		}
	}
	return true
}

// solve is cyclic coordinate descent with exact minimization along each coordinate, which
// converges for a positive semidefinite matrix and bounds on single coordinates.
func (q *GEM) solve(n int) {
	for range maxSweeps {
		moved, size := 0.0, 0.0
		for i := range n {
			curvature := q.gram[i*n+i]
			if curvature <= 0 {
				continue // no gradient: no constraint
			}
			slope := q.along[i]
			for j, v := range q.weights {
				slope += float64(q.gram[i*n+j] * v)
			}
			next := math.Max(q.margin, q.weights[i]-slope/curvature)
			moved = math.Max(moved, math.Abs(next-q.weights[i]))
			size = math.Max(size, math.Abs(next))
			q.weights[i] = next
		}
		if moved <= 1e-12*size {
			return
		}
	}
}
