package optim

import (
	"github.com/perennial-ml/perennial/compute"
	"github.com/perennial-ml/perennial/models"
)

// An outer is a main that can take the step for a gradient x yᵀ, which the weights of a
// layer have from a batch of one row, without having it multiplied out. It returns ok false,
// and has done nothing, where it can not.
type outer interface {
	descendOuter(u *compute.Updater, i int, theta *models.Param, x, y []float32, h *compute.Hyper) (finite, ok bool)
}

// A multiplier is a main that can take the step for some rows of a gradient while it multiplies
// them out, so that they never exist. It returns ok false, and has done nothing, where it can not.
type multiplier interface {
	descendRows(u *compute.Updater, g product, theta *models.Param, from, to, member int, h *compute.Hyper) (finite, ok bool)
}

// A product is a gradient, or what of one is not alike.
type product interface {
	Descend(u *compute.Updater, theta []float32, from, to, member int, h *compute.Hyper) (finite, ok bool)
}

// An idler is a main that may have nothing to do for a gradient of +0: it then leaves parameter
// and state as they are.
type idler interface{ idle() bool }

// descendOuter takes the step of tensor i if the optimizer can do that from the factors.
func (f *fusion) descendOuter(u *compute.Updater, i int, g *compute.Product, theta *models.Param, h *compute.Hyper) (finite, done bool) {
	if f.outer == nil {
		return false, false
	}
	x, y, one := g.Outer()
	if !one {
		return false, false
	}
	return f.outer.descendOuter(u, i, theta, x, y, h)
}
