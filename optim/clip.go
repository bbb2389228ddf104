package optim

import (
	"math"

	"github.com/perennial-ml/perennial/models"
)

// Clip bounds the Euclidean norm of the gradient over all tensors (Pascanu et al., "On
// the difficulty of training recurrent neural networks", 2013):
//
//	g <- g min(1, Norm/‖g‖)
type Clip struct {
	Norm float64 `yaml:"norm" json:"norm"` // above 0; default 1
}

// WithDefaults fills in what is zero.
func (c Clip) WithDefaults() Clip {
	setDefault(&c.Norm, 1)
	return c
}

// Validate names the field that breaks a rule.
func (c Clip) Validate() error { return positive("clip.norm", c.WithDefaults().Norm) }

// Build returns the Transform for these parameters.
func (c Clip) Build(params models.Params) (*Pipeline, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return single("clip", &clip{norm: c.WithDefaults().Norm}, params), nil
}

type clip struct {
	norm float64
	mem  memory
}

func (c *clip) memory() *memory { return &c.mem }

func (c *clip) propose(grad, _ models.Params) {
	sum := 0.0 // a product of two float32 is exact in float64
	for _, t := range grad {
		for _, v := range t.Data {
			sum += float64(v) * float64(v)
		}
	}
	norm := math.Sqrt(sum)
	if norm <= c.norm {
		return
	}
	scale := c.norm / norm
	for _, t := range grad {
		for j, v := range t.Data {
			t.Data[j] = float32(scale * float64(v))
		}
	}
}
