package op_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/perennial-ml/perennial/compute"
	"github.com/perennial-ml/perennial/compute/op"
)

func input(g *gorgonia.ExprGraph, name string, data []float32, shape ...int) *gorgonia.Node {
	return gorgonia.NewTensor(g, gorgonia.Float32, len(shape), gorgonia.WithShape(shape...),
		gorgonia.WithName(name), gorgonia.WithValue(tensor.New(tensor.WithShape(shape...), tensor.WithBacking(data))))
}

func random(n int, r *rand.Rand) []float32 {
	s := make([]float32, n)
	for i := range s {
		s[i] = float32(r.NormFloat64())
	}
	return s
}

func run(t *testing.T, g *gorgonia.ExprGraph, roots ...*gorgonia.Node) compute.Runner {
	t.Helper()
	s, err := compute.NewSequence(g, roots, 1)
	require.NoError(t, err)
	require.NoError(t, s.Run(1))
	return s
}

// reference multiplies in float64, as the definition says.
func reference(x, w, b []float32, m, k, n int) []float64 {
	out := make([]float64, m*n)
	for i := range m {
		for j := range n {
			sum := float64(b[j])
			for l := range k {
				sum += float64(x[i*k+l]) * float64(w[l*n+j])
			}
			out[i*n+j] = sum
		}
	}
	return out
}

func TestAffineEqualsItsDefinition(t *testing.T) {
	for _, act := range []op.Activation{op.Identity, op.ReLU, op.GELU, op.Tanh, op.Sigmoid} {
		for _, d := range [][3]int{{1, 1, 1}, {3, 5, 1}, {2, 1, 4}, {65, 33, 130}} {
			r := rand.New(rand.NewPCG(1, 2))
			m, k, n := d[0], d[1], d[2]
			x, w, b := random(m*k, r), random(k*n, r), random(n, r)
			g := gorgonia.NewGraph()
			y, err := op.Affine(input(g, "x", x, m, k), input(g, "w", w, k, n), input(g, "b", b, n), act)
			require.NoError(t, err)
			got := run(t, g, y).Output(0).Data().([]float32)
			for i, z := range reference(x, w, b, m, k, n) {
				switch act {
				case op.ReLU:
					z = math.Max(z, 0)
				case op.Tanh:
					z = math.Tanh(z)
				case op.GELU:
					z = z / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(z+0.044715*z*z*z)))
				case op.Sigmoid:
					z = 1 / (1 + math.Exp(-z))
				}
				require.InDelta(t, z, float64(got[i]), 1e-4, "%s %v at %d", act, d, i)
			}
		}
	}
}

func TestLossesEqualTheirDefinitions(t *testing.T) {
	z := []float32{2, -1, 0.5, 3, 0, -2}
	w := []float32{0.5, 2, 0}
	sigma := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	for _, tc := range []struct {
		name    string
		loss    func(z, t, w *gorgonia.Node) (*gorgonia.Node, error)
		columns int
		targets []float32
		want    float64
	}{
		{"sigmoid", op.SigmoidCrossEntropy, 1, []float32{1, 0.25, 1},
			(0.5*-math.Log(sigma(2)) + 2*(-0.25*math.Log(sigma(-1))-0.75*math.Log(1-sigma(-1)))) / 2.5},
		{"softmax", op.SoftmaxCrossEntropy, 2, []float32{1, 0, 0.5, 0.5, 0, 1},
			(0.5*math.Log(1+math.Exp(-3)) + 2*(math.Log(math.Exp(0.5)+math.Exp(3))-1.75)) / 2.5},
		{"squared", op.SquaredError, 1, []float32{0, 1, 7}, (0.5*4 + 2*4) / 2.5},
		{"huber", huber, 1, []float32{0, -1.5, 7}, (0.5*(2-0.5) + 2*0.125) / 2.5},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := gorgonia.NewGraph()
			l, err := tc.loss(input(g, "z", z[:3*tc.columns], 3, tc.columns),
				input(g, "t", tc.targets, 3, tc.columns), input(g, "w", w, 3))
			require.NoError(t, err)
			require.InEpsilon(t, tc.want, run(t, g, l).Output(0).Data().(float64), 1e-12)
		})
	}
}

func huber(z, t, w *gorgonia.Node) (*gorgonia.Node, error) { return op.HuberError(z, t, w, 1) }

func TestHuberErrorRefusesADeltaWithoutSense(t *testing.T) {
	g := gorgonia.NewGraph()
	z, w := input(g, "z", make([]float32, 2), 2, 1), input(g, "w", make([]float32, 2), 2)
	for _, delta := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		_, err := op.HuberError(z, z, w, delta)
		require.ErrorContains(t, err, "must be above 0")
	}
}

func TestLossesStayFiniteAtExtremeLogits(t *testing.T) {
	z := []float32{1e30, -1e30}
	g := gorgonia.NewGraph()
	zn, w := input(g, "z", z, 2, 1), input(g, "w", []float32{1, 1}, 2)
	l, err := op.SigmoidCrossEntropy(zn, input(g, "t", []float32{1, 0}, 2, 1), w)
	require.NoError(t, err)
	require.Equal(t, 0.0, run(t, g, l).Output(0).Data())

	g = gorgonia.NewGraph()
	zn = input(g, "z", z, 1, 2)
	l, err = op.SoftmaxCrossEntropy(zn, input(g, "t", []float32{0, 1}, 1, 2), input(g, "w", []float32{1}, 1))
	require.NoError(t, err)
	grads, err := gorgonia.Grad(l, zn)
	require.NoError(t, err)
	out := run(t, g, l, grads[0])
	require.InEpsilon(t, 2e30, out.Output(0).Data(), 1e-6)
	require.Equal(t, []float32{1, -1}, out.Output(1).Data())
}

func TestOpsRefuseShapesThatDoNotFit(t *testing.T) {
	g := gorgonia.NewGraph()
	x, w, b := input(g, "x", make([]float32, 6), 2, 3), input(g, "w", make([]float32, 8), 4, 2), input(g, "b", make([]float32, 2), 2)
	_, err := op.Affine(x, w, b, op.ReLU)
	require.ErrorContains(t, err, op.ErrShape.Error())
	_, err = op.Affine(x, w, b, "swish")
	require.ErrorContains(t, err, "must be one of identity, relu, gelu, tanh, sigmoid")
	_, err = op.SquaredError(x, w, b)
	require.ErrorContains(t, err, op.ErrShape.Error())
}
