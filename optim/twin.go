package optim

import (
	"github.com/perennial-ml/perennial/compute"
	"github.com/perennial-ml/perennial/models"
)

// A twin is the memory of two slots for tables of single values: what both have of a row lies
// side by side, so that a step for it, anywhere in the table, touches one cache line instead of
// two. From outside each slot has tensors of its own.
type twin struct {
	tables models.Params // by tensor: rows×2; without Data where the slots have their own memory
}

// newTwins returns two slots that are twins, for a stage of which every step writes both.
func newTwins(first, second string, params models.Params) (a, b *slot) {
	t := &twin{tables: make(models.Params, len(params))}
	a, b = emptySlot(first, params), emptySlot(second, params)
	for i, p := range params {
		if p.Sparse && p.Width() == 1 {
			t.tables[i] = models.Params{{Name: p.Name, Shape: []int{p.Shape[0], 2}, Sparse: true}}.Zeros()[0]
			continue
		}
		for _, s := range []*slot{a, b} {
			s.cur[i] = s.cur[i : i+1].Zeros()[0]
		}
	}
	a.twin, b.twin, b.side = t, t, 1
	b.dirty = a.dirty
	return a, b
}

// beside returns the values of tensor i with the twin's, nil if s has them in cur.
func (s *slot) beside(i int) []float32 {
	if s.twin == nil {
		return nil
	}
	return s.twin.tables[i].Data
}

// get copies values of tensor i from element at on to dst.
func (s *slot) get(dst []float32, i, at int) {
	pairs := s.beside(i)
	if pairs == nil {
		copy(dst, s.cur[i].Data[at:])
		return
	}
	pairs = pairs[2*at : 2*(at+len(dst))]
	for j := range dst {
		dst[j] = pairs[2*j+s.side]
	}
}

// put overwrites the values of tensor i.
func (s *slot) put(i int, src []float32) {
	pairs := s.beside(i)
	if pairs == nil {
		copy(s.cur[i].Data, src)
		return
	}
	for j, v := range src {
		pairs[2*j+s.side] = v
	}
}

// set overwrites element j of tensor i.
func (s *slot) set(i, j int, v float32) {
	if pairs := s.beside(i); pairs != nil {
		pairs[2*j+s.side] = v
		return
	}
	s.cur[i].Data[j] = v
}

// clear makes all values 0.
func (s *slot) clear() {
	for i := range s.cur {
		clear(s.cur[i].Data)
		for j, pairs := s.side, s.beside(i); j < len(pairs); j += 2 {
			pairs[j] = 0
		}
	}
}

// rows returns the values of tensor i that a gradient of it is about, in the gradient's order.
func (s *slot) rows(i int, grad *models.Param) []float32 {
	pairs := s.beside(i)
	if pairs == nil {
		return s.old[i].of(&s.cur[i], grad)
	}
	to := &s.old[i]
	to.data = resize(to.data, len(grad.Rows))
	for k, row := range grad.Rows {
		to.data[k] = pairs[2*int(row)+s.side]
	}
	return to.data
}

// scatter writes rows of tensor i, listed as in a gradient, to their places.
func (s *slot) scatter(i int, list *models.Param) {
	pairs := s.beside(i)
	if pairs == nil {
		scatter(&s.cur[i], list)
		return
	}
	for k, row := range list.Rows {
		pairs[2*int(row)+s.side] = list.Data[k]
	}
}

// within says that each tensor's norm is no more than bound.
func (s *slot) within(k compute.Arithmetic, bound float64) bool {
	if !within(k, s.cur, bound) {
		return false
	}
	var part [1024]float32
	for i := range s.cur {
		sum := 0.0
		for at, n := 0, len(s.beside(i))/2; at < n; at += len(part) {
			some := part[:min(len(part), n-at)]
			s.get(some, i, at)
			sum += k.SumSquares(some)
		}
		if !(sum <= bound*bound) {
			return false
		}
	}
	return true
}
