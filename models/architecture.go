package models

import (
	"math/rand/v2"

	"gorgonia.org/gorgonia"
)

// Inputs are the nodes of a graph that hold a batch's features.
type Inputs struct {
	// Dense is rows × Spec.Inputs(): the dense features, followed by the categorical
	// ones, one-hot.
	Dense *gorgonia.Node
}

// An Architecture turns a spec into parameters and into a graph. It holds no state:
// one value serves every model of its kind.
type Architecture interface {
	// Layout returns the name and shape of each parameter. It returns ErrSpec, naming
	// field and rule, if the spec breaks a rule of this kind; rules common to all
	// kinds were checked before.
	Layout(Spec) (Layout, error)
	// Init writes initial values to p, which has the layout's shapes.
	Init(s Spec, p Params, r *rand.Rand)
	// Logits extends the graph that in and p belong to, and returns a node of
	// rows × Spec.Outputs(): logits, or values for a regression.
	Logits(s Spec, in Inputs, p gorgonia.Nodes) (*gorgonia.Node, error)
}

// A Layout lists the names and shapes of parameters.
type Layout []struct {
	Name  string
	Shape []int
}

// check returns ErrSpec if the layout holds more than MaxValues values.
func (l Layout) check() error {
	left := MaxValues
	for _, t := range l {
		n := 1
		for _, d := range t.Shape {
			if d < 1 || n > left/d {
				return specError("hidden", "makes %s too large: a model holds at most %d values", t.Name, MaxValues)
			}
			n *= d
		}
		left -= n
	}
	return nil
}

func (l Layout) zeros() Params {
	p := make(Params, len(l))
	for i, t := range l {
		p[i] = NewParam(t.Name, t.Shape...)
	}
	return p
}
