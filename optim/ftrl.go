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
	f := &ftrl{FTRL: c.WithDefaults(), z: newSlot("z", params), n: newSlot("n", params)}
	f.mem.slots = []*slot{f.z, f.n}
	c = f.FTRL
	weight := c.Beta/c.Alpha + c.L2
	for i, t := range params {
		z := f.z.cur[i].Data
		for j, v := range t.Data {
			if v != 0 {
				z[j] = float32(-float64(float64(v)*weight) - math.Copysign(c.L1, float64(v)))
			}
		}
	}
	return single("ftrl", f, params), nil
}

type ftrl struct {
	FTRL
	z, n  *slot
	theta picked
	mem   memory
}

func (f *ftrl) memory() *memory { return &f.mem }

// constants are the settings in float32, with 1/Alpha.
type ftrlConstants struct{ perAlpha, beta, l1, l2 float32 }

func (f *ftrl) constants() ftrlConstants {
	return ftrlConstants{float32(1 / f.Alpha), float32(f.Beta), float32(f.L1), float32(f.L2)}
}

// next returns θ', z and n after a gradient g. Each product and sum is rounded by itself.
func (c ftrlConstants) next(theta, g, z, n float32) (theta2, z2, n2 float32) {
	n2 = n + float32(g*g)
	root := sqrt(n2)
	sigma := float32((root - sqrt(n)) * c.perAlpha)
	z2 = z + g - float32(sigma*theta)
	short := z2 - c.l1
	if z2 < 0 {
		short = z2 + c.l1
	}
	if z2 <= c.l1 && z2 >= -c.l1 {
		return 0, z2, n2
	}
	return -short / (float32((c.beta+root)*c.perAlpha) + c.l2), z2, n2
}

func (f *ftrl) propose(grad, params models.Params) {
	c := f.constants()
	for i, t := range grad {
		theta := f.theta.of(&params[i], &t)
		zOld, zNew := f.z.pair(i, &t)
		nOld, nNew := f.n.pair(i, &t)
		for j, g := range t.Data {
			var to float32
			to, zNew[j], nNew[j] = c.next(theta[j], g, zOld[j], nOld[j])
			t.Data[j] = theta[j] - to
		}
	}
}

// Steps stay finite since the factors of z that σ θ makes multiply to no more than
// (Beta + sqrt(n)) / Beta over time.
func (f *ftrl) tame(k compute.Arithmetic, params models.Params) bool {
	return f.Alpha >= 1e-6 && f.L1 <= largest && f.L2 <= largest && within(k, params, tameMean) &&
		within(k, f.z.cur, tameMean) && within(k, f.n.cur, tameSquares)
}

func (f *ftrl) settings() compute.Hyper { return compute.Hyper{} }

func (f *ftrl) descend(_ *compute.Updater, i int, theta, grad *models.Param, h *compute.Hyper) bool {
	c, scale := f.constants(), h.Scale
	z, n := f.z.cur[i].Data, f.n.cur[i].Data
	if !theta.Sparse {
		return c.descend(theta.Data, grad.Data, z, n, scale)
	}
	w := theta.Width()
	if w == 1 {
		return c.descendAt(theta.Data, grad.Data, z, n, grad.Rows, scale)
	}
	ok := true
	for k, r := range grad.Rows {
		from, to := int(r)*w, (int(r)+1)*w
		ok = c.descend(theta.Data[from:to], grad.Data[k*w:(k+1)*w], z[from:to], n[from:to], scale) && ok
	}
	return ok
}

// descend takes the step for adjacent values.
func (c ftrlConstants) descend(theta, grad, z, n []float32, scale float32) bool {
	theta, z, n = theta[:len(grad)], z[:len(grad)], n[:len(grad)]
	left := float32(0) // NaN as soon as something is not finite
	for j, g := range grad {
		to, z2, n2 := c.next(theta[j], float32(scale*g), z[j], n[j])
		theta[j] -= theta[j] - to
		z[j], n[j] = z2, n2
		left += (theta[j] - theta[j]) + (z2 - z2) + (n2 - n2)
	}
	return left == 0
}

// descendAt takes the step for the values at some places.
func (c ftrlConstants) descendAt(theta, grad, z, n []float32, at []int32, scale float32) bool {
	grad = grad[:len(at)]
	left := float32(0)
	for k, j := range at {
		to, z2, n2 := c.next(theta[j], float32(scale*grad[k]), z[j], n[j])
		v := theta[j] - (theta[j] - to)
		theta[j], z[j], n[j] = v, z2, n2
		left += (v - v) + (z2 - z2) + (n2 - n2)
	}
	return left == 0
}
