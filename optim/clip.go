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
	norm := math.Sqrt(squares(grad))
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

// squares adds up the squares of all values, in float64, where the square of a float32 is
// exact: value i of a tensor goes to sum i mod 4, and the sums are added in the end.
func squares(p models.Params) float64 {
	var a, b, c, d float64
	for _, t := range p {
		s := t.Data
		for ; len(s) >= 4; s = s[4:] {
			a += float64(s[0]) * float64(s[0])
			b += float64(s[1]) * float64(s[1])
			c += float64(s[2]) * float64(s[2])
			d += float64(s[3]) * float64(s[3])
		}
		for _, v := range s {
			a += float64(v) * float64(v)
		}
	}
	return (a + b) + (c + d)
}
