package optim

import (
	"github.com/perennial-ml/perennial/compute"
	"github.com/perennial-ml/perennial/models"
)

// A share is the step for a gradient that is a product, as threads divide it among them: each
// computes some of its rows and takes the step for these.
type share struct {
	kernels compute.Arithmetic
	desks   []desk
	work    func(member, from, to int)

	main        main // of the step in progress
	hyper       *compute.Hyper
	product     *compute.Product
	folded      *compute.Folded // the product, if many of its rows are alike; else nil
	alike       []float32       // what these are; nil if nothing is to be done for them
	room        []float32       // for alike
	tensor      int
	theta, grad *models.Param
}

// A desk is what one member has to itself.
type desk struct {
	updater     *compute.Updater
	theta, grad models.Param
	damaged     bool // something written is not finite
}

// descend takes the step for tensor i, and returns whether what it wrote is finite.
func (s *share) descend(product *compute.Product, i int, theta, grad *models.Param) bool {
	for len(s.desks) < product.Members() {
		s.desks = append(s.desks, desk{updater: s.kernels.NewUpdater()})
	}
	if s.work == nil {
		s.work = s.rows
	}
	for d := range s.desks {
		s.desks[d].damaged = false
	}
	s.product, s.tensor, s.theta, s.grad = product, i, theta, grad
	s.fold()
	product.Share(s.work)
	for d := range s.desks {
		if s.desks[d].damaged {
			return false
		}
	}
	return true
}

// fold finds out whether many rows of the product are alike.
func (s *share) fold() {
	s.alike = nil
	idle, ok := s.main.(idler)
	ok = ok && idle.idle()
	_, width, terms := s.product.Shape()
	if terms == 1 && !ok {
		s.folded = nil
		return
	}
	if s.folded = s.product.Fold(); s.folded == nil || ok && s.folded.Zero {
		return
	}
	if len(s.room) < width {
		s.room = make([]float32, width)
	}
	s.alike = s.room[:width]
	s.folded.Alike(s.alike)
}

// rows is a member's part.
func (s *share) rows(member, from, to int) {
	d := &s.desks[member]
	_, width, terms := s.product.Shape()
	step, room := partRows(to-from, width, terms), s.grad.Data[from*width:]
	d.theta, d.grad = *s.theta, *s.grad
	done := d.multiply(s, from, to, member)
	if done && s.alike == nil {
		return
	}
	for ; from < to; from += step {
		n := min(step, to-from)
		// The gradient's own memory is the room for its parts: always the same one.
		if s.folded != nil {
			s.foldedRows(d, member, from, from+n, room, done)
			continue
		}
		d.theta.Data, d.grad.Data = s.theta.Data[from*width:(from+n)*width], room[:n*width]
		s.product.Rows(d.grad.Data, from, from+n, member)
		d.take(s, from*width)
	}
}

// foldedRows takes the step for rows in [from, to): of those that are not alike, what is
// adjacent at once, unless that is done; of the others one by one, all with the same gradient.
func (s *share) foldedRows(d *desk, member, from, to int, room []float32, done bool) {
	_, width, _ := s.product.Shape()
	places := s.folded.Places
	first := int(places[from])
	if !done {
		s.folded.Rows(room, first, int(places[to]), member)
	}
	for i := from; i < to; {
		end := i + 1
		if places[end] == places[i] {
			d.grad.Data = s.alike
			if s.alike == nil {
				i = end
				continue
			}
		} else {
			for end < to && places[end+1] > places[end] {
				end++
			}
			if done {
				i = end
				continue
			}
			d.grad.Data = room[(int(places[i])-first)*width:][:(end-i)*width]
		}
		d.theta.Data = s.theta.Data[i*width : end*width]
		d.take(s, i*width)
		i = end
	}
}

// multiply takes the step for rows in [from, to), but for those that are alike, if the optimizer
// can do that while they are multiplied out.
func (d *desk) multiply(s *share, from, to, member int) (done bool) {
	m, ok := s.main.(multiplier)
	if !ok {
		return false
	}
	g := product(s.product)
	if s.folded != nil {
		g, from, to = s.folded, int(s.folded.Places[from]), int(s.folded.Places[to])
	}
	finite, done := m.descendRows(d.updater, g, s.theta, from, to, member, s.hyper)
	d.damaged = d.damaged || done && !finite
	return done
}

// take is the step for what lies on the desk, which begins with element at of the tensor.
func (d *desk) take(s *share, at int) {
	if !s.main.descend(d.updater, s.tensor, at, &d.theta, &d.grad, s.hyper) {
		d.damaged = true
	}
}
