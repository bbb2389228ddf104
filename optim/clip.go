package optim

import (
	"math"

	"github.com/perennial-ml/perennial/compute"
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
	return single("clip", &clip{norm: c.WithDefaults().Norm, kernels: compute.Best()}, params), nil
}

type clip struct {
	norm    float64
	kernels compute.Arithmetic
	mem     memory
}

func (c *clip) memory() *memory { return &c.mem }

// scale is what a gradient of that norm is multiplied by.
func (c *clip) scale(norm float64) float32 {
	if norm <= c.norm {
		return 1
	}
	return float32(c.norm / norm)
}

func (c *clip) propose(grad, _ models.Params) {
	scale := c.scale(math.Sqrt(squares(c.kernels, grad)))
	if scale == 1 {
		return
	}
	for _, t := range grad {
		for j, v := range t.Data {
			t.Data[j] = scale * v
		}
	}
}

// squares adds up the squares of all values, in float64, where the square of a float32 is
// exact: each tensor by itself, in the order that compute fixes, and then the tensors.
func squares(k compute.Arithmetic, p models.Params) float64 {
	sum := 0.0
	for _, t := range p {
		sum += k.SumSquares(t.Data)
	}
	return sum
}
