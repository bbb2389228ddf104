package main

import (
	"math/rand/v2"

	"github.com/perennial-ml/perennial/models"
)

// examples are what a workload goes through, batch by batch, again and again. Their memory
// is in one piece, and one Batch shows the part that is next, as the engine has one that it
// fills again for each step.
type examples struct {
	spec models.Spec
	all  models.Batch
	part models.Batch
	next int // row of all
}

// newExamples draws as many whole batches as the ring of w has room for, of at least four.
func newExamples(s models.Spec, w spec, r *rand.Rand) *examples {
	rows, k := max(4, w.Ring/w.Batch)*w.Batch, s.Outputs()
	e := &examples{spec: s, part: models.Batch{Rows: w.Batch}, all: models.Batch{
		Rows: rows, Dense: make([]float32, rows*s.Dense), Categories: make([]int32, rows*len(s.Categories)),
		Targets: make([]float32, rows*k), Weights: make([]float32, rows),
	}}
	for i := range e.all.Dense {
		e.all.Dense[i] = float32(r.NormFloat64())
	}
	for i := range e.all.Categories {
		e.all.Categories[i] = r.Int32N(int32(s.Categories[i%len(s.Categories)]))
	}
	for i := range rows {
		if s.Task == models.Multiclass {
			e.all.Targets[i*k+r.IntN(k)] = 1
		} else {
			e.all.Targets[i] = float32(r.IntN(2))
		}
		e.all.Weights[i] = 1
	}
	return e
}

// take returns the next batch, which holds until it is called again.
func (e *examples) take() *models.Batch {
	from, to := e.next, e.next+e.part.Rows
	if e.next = to; to == e.all.Rows {
		e.next = 0
	}
	d, c, k := e.spec.Dense, len(e.spec.Categories), len(e.all.Targets)/e.all.Rows
	e.part.Dense, e.part.Categories = e.all.Dense[from*d:to*d], e.all.Categories[from*c:to*c]
	e.part.Targets, e.part.Weights = e.all.Targets[from*k:to*k], e.all.Weights[from:to]
	return &e.part
}
