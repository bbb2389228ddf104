package models

import (
	"math/rand/v2"
	"slices"
	"strings"

	"gorgonia.org/gorgonia"
)

// Inputs are the nodes of a graph that hold a batch's features.
type Inputs struct {
	// Dense is rows × Spec.Inputs(): the dense features, followed by their splines and by the
	// categorical ones, one-hot. An Embedding has no one-hot ones, and where there are no
	// dense features either it is nil.
	Dense *gorgonia.Node
	// IDs is rows × len(Spec.Categories), for an Embedding alone: the row of the tables
	// that each category is, as int32, or absent (see op.Bags) below the batch and in bags.
	IDs *gorgonia.Node
	// Shares is what each of IDs counts, as op.Bags takes it; nil for 1 each.
	Shares *gorgonia.Node
	// Noise is what the masks of a dropout are a function of (see op.Dropout); nil in a
	// graph that predicts, where nothing is left out.
	Noise *gorgonia.Node
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

// An Embedding is an Architecture that looks categories up in tables, so that a batch
// touches only the rows of its categories. How many rows tables have is Spec.Rows.
type Embedding interface {
	Architecture
	// Tables names the parameters that are tables, of shape Spec.Rows() × something. Their
	// gradients list rows, so Logits reads each by one op.Bags over Inputs.IDs.
	Tables() []string
}

// A Layout lists the names and shapes of parameters.
type Layout []struct {
	Name  string
	Shape []int
}

// check returns ErrSpec if the layout holds more than MaxValues values.
func (l Layout) check(s Spec, a Architecture) error {
	left := MaxValues
	for _, t := range l {
		n := 1
		for _, d := range t.Shape {
			if d < 1 || n > left/d {
				field := "hidden"
				if strings.HasPrefix(t.Name, "conv.") {
					field = "conv"
				}
				if e, ok := a.(Embedding); ok && slices.Contains(e.Tables(), t.Name) {
					if field = "categories"; s.Table > 0 {
						field = "table"
					}
				}
				return specError(field, "makes %s too large: a model holds at most %d values", t.Name, MaxValues)
			}
			n *= d
		}
		left -= n
	}
	return nil
}

// zeros makes the parameters of an architecture.
func (l Layout) zeros(a Architecture) Params {
	e, _ := a.(Embedding)
	p := make(Params, len(l))
	for i, t := range l {
		p[i] = Param{Name: t.Name, Shape: t.Shape}
		if e != nil && slices.Contains(e.Tables(), t.Name) {
			p[i].Sparse, p[i].Data = true, newTable(p[i].Size())
		} else {
			p[i].Data = make([]float32, p[i].Size())
		}
	}
	return p
}
