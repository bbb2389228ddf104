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
	product.Share(s.work)
	for d := range s.desks {
		if s.desks[d].damaged {
			return false
		}
	}
	return true
}

// rows is a member's part.
func (s *share) rows(member, from, to int) {
	d := &s.desks[member]
	_, width, terms := s.product.Shape()
	step, room := partRows(to-from, width, terms), s.grad.Data[from*width:]
	d.theta, d.grad = *s.theta, *s.grad
	for ; from < to; from += step {
		n := min(step, to-from)
		// The gradient's own memory is the room for its parts: always the same one.
		d.theta.Data, d.grad.Data = s.theta.Data[from*width:(from+n)*width], room[:n*width]
		s.product.Rows(d.grad.Data, from, from+n, member)
		if !s.main.descend(d.updater, s.tensor, from*width, &d.theta, &d.grad, s.hyper) {
			d.damaged = true
		}
	}
}
