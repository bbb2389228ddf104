package optim

import (
	"math"

	"github.com/perennial-ml/perennial/compute"
	"github.com/perennial-ml/perennial/models"
)

// FTRL is follow the regularised leader, in its proximal form with a rate for each
// coordinate (McMahan et al., "Ad click prediction: a view from the trenches", 2013,
// algorithm 1). It holds
//
//	σ = (sqrt(n + g²) - sqrt(n)) / Alpha
//	z <- z + g - σ θ
//	n <- n + g²
//
// and the parameters are a function of that:
//
//	θ' = 0                                                         where |z| <= L1
//	θ' = -(z - sign(z) L1) / ((Beta + sqrt(n))/Alpha + L2)         elsewhere
//
// The step is θ - θ'. A parameter that L1 keeps at 0 is exactly 0. n begins at 0, and z
// where θ' is the parameter that learning starts from.
type FTRL struct {
	Alpha float64 `yaml:"alpha" json:"alpha"`     // in (0, 1000]; default 0.1
	Beta  float64 `yaml:"beta" json:"beta"`       // at least 0.000001; default 1
	L1    float64 `yaml:"l1" json:"l1,omitempty"` // at least 0; default 0
	L2    float64 `yaml:"l2" json:"l2,omitempty"` // at least 0; default 0
}

// WithDefaults fills in what is zero.
func (c FTRL) WithDefaults() FTRL {
	setDefault(&c.Alpha, 0.1)
	setDefault(&c.Beta, 1)
	return c
}

// Validate names the field that breaks a rule.
func (c FTRL) Validate() error {
	c = c.WithDefaults()
	switch {
	case !(c.Alpha > 0 && c.Alpha <= 1000):
		return configError("ftrl.alpha", "is %v, must be in (0, 1000]", c.Alpha)
	case !(c.Beta >= 1e-6 && c.Beta <= math.MaxFloat32):
		return configError("ftrl.beta", "is %v, must be at least 0.000001 and finite", c.Beta)
	}
	return firstError(notNegative("ftrl.l1", c.L1), notNegative("ftrl.l2", c.L2))
}

// Build returns the Transform for these parameters.
func (c FTRL) Build(params models.Params) (*Pipeline, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	f := &ftrl{FTRL: c.WithDefaults()}
	f.z, f.n = newTwins("z", "n", params)
	f.mem.slots = []*slot{f.z, f.n}
	f.start(params)
	return single("ftrl", f, params), nil
}

type ftrl struct {
	FTRL
	z, n  *slot
	theta picked
	mem   memory
}

func (f *ftrl) memory() *memory { return &f.mem }

// start makes z what gives params.
func (f *ftrl) start(params models.Params) {
	weight := f.Beta/f.Alpha + f.L2
	for i, t := range params {
		for j, v := range t.Data {
			if v != 0 {
				f.z.set(i, j, float32(-float64(float64(v)*weight)-math.Copysign(f.L1, float64(v))))
			}
		}
	}
}

func (f *ftrl) propose(grad, params models.Params) {
	var h compute.Hyper
	f.settings(&h)
	for i, t := range grad {
		theta := f.theta.of(&params[i], &t)
		zOld, zNew := f.z.pair(i, &t)
		nOld, nNew := f.n.pair(i, &t)
		for j, g := range t.Data {
			var to float32
			to, zNew[j], nNew[j] = compute.FTRLNext(theta[j], g, zOld[j], nOld[j], &h)
			t.Data[j] = theta[j] - to
		}
	}
}

// Steps stay finite since the factors of z that σ θ makes multiply to no more than
// (Beta + sqrt(n)) / Beta over time.
func (f *ftrl) tame(k compute.Arithmetic, params models.Params) bool {
	return f.Alpha >= 1e-6 && f.L1 <= largest && f.L2 <= largest && within(k, params, tameMean) &&
		f.z.within(k, tameMean) && f.n.within(k, tameSquares)
}

func (f *ftrl) settings(h *compute.Hyper) {
	*h = compute.Hyper{
		PerAlpha: float32(1 / f.Alpha), Beta1: float32(f.Beta), Strength: float32(f.L1), Decay: float32(f.L2),
	}
}

func (f *ftrl) descend(u *compute.Updater, i, at int, theta, grad *models.Param, h *compute.Hyper) bool {
	if pairs := f.z.beside(i); pairs != nil {
		return u.FTRLPairs(theta.Data, grad.Data, pairs, grad.Rows, h)
	}
	z, n := f.z.cur[i].Data[at:], f.n.cur[i].Data[at:]
	if theta.Sparse {
		return u.FTRLRows(theta.Data, grad.Data, z, n, grad.Rows, theta.Width(), h)
	}
	return u.FTRL(theta.Data, grad.Data, z, n, h)
}
