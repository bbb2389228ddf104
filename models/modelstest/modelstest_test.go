package modelstest_test

import (
	"hash"
	"hash/fnv"
	"os"
	"os/exec"
	"testing"

	"github.com/chewxy/hm"
	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/models/modelstest"
)

// flawed is an op on a matrix that is wrong in one way:
//
//	gradient  doubles its input, and says that its derivative is 1
//	mixing    subtracts the first row from each, so that rows see one another
//	memory    adds to each result how often it was called
type flawed struct {
	flaw  string
	calls *int
}

func (f flawed) Arity() int            { return 1 }
func (f flawed) ReturnsPtr() bool      { return false }
func (f flawed) CallsExtern() bool     { return false }
func (f flawed) OverwritesInput() int  { return -1 }
func (f flawed) String() string        { return f.flaw }
func (f flawed) WriteHash(h hash.Hash) { _, _ = h.Write([]byte(f.flaw)) }
func (f flawed) DiffWRT(int) []bool    { return []bool{true} }

func (f flawed) Hashcode() uint32 {
	h := fnv.New32a()
	f.WriteHash(h)
	return h.Sum32()
}

func (f flawed) Type() hm.Type {
	m := gorgonia.TensorType{Dims: 2, Of: tensor.Float32}
	return hm.NewFnType(m, m)
}

func (f flawed) InferShape(in ...gorgonia.DimSizer) (tensor.Shape, error) {
	return in[0].(tensor.Shape).Clone(), nil
}

func (f flawed) SymDiff(_ gorgonia.Nodes, _, grad *gorgonia.Node) (gorgonia.Nodes, error) {
	return gorgonia.Nodes{grad}, nil
}

func (f flawed) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	out := in[0].(*tensor.Dense).Clone().(*tensor.Dense)
	data, cols := out.Float32s(), out.Shape()[1]
	first := append([]float32(nil), data[:cols]...)
	*f.calls++
	for i := range data {
		switch f.flaw {
		case "gradient":
			data[i] *= 2
		case "mixing":
			data[i] -= first[i%cols]
		case "memory":
			data[i] += 1e-3 * float32(*f.calls)
		}
	}
	return out, nil
}

type wrong struct {
	models.Linear
	flaw  string
	calls *int
}

func (w wrong) Logits(s models.Spec, in models.Inputs, p gorgonia.Nodes) (*gorgonia.Node, error) {
	z, err := w.Linear.Logits(s, in, p)
	if err != nil || w.flaw == "none" {
		return z, err
	}
	return gorgonia.ApplyOp(flawed{w.flaw, w.calls}, z)
}

const flawVariable = "MODELSTEST_FLAW"

// TestFlawed runs the suite on an architecture with the flaw that the environment names.
// TestSuiteCatches starts it in a process of its own, where it must fail.
func TestFlawed(t *testing.T) {
	flaw := os.Getenv(flawVariable)
	if flaw == "" {
		t.Skip("started by TestSuiteCatches")
	}
	calls := 0
	modelstest.Run(t, func() *models.Registry {
		r := models.Default()
		require.NoError(t, r.Register("wrong", wrong{flaw: flaw, calls: &calls}))
		return r
	}, models.Spec{Kind: "wrong", Task: models.Regression, Dense: 3})
}

func TestSuiteCatches(t *testing.T) {
	for _, tc := range []struct{ flaw, complaint string }{
		{"gradient", "gradients_equal_finite_differences"},
		{"mixing", "a_row's_prediction_is_its_own"},
		{"memory", "equal_seeds_give_equal_bits"},
	} {
		t.Run(tc.flaw, func(t *testing.T) {
			out, err := runFlawed(tc.flaw)
			require.Error(t, err, "the suite passed:\n%s", out)
			require.Contains(t, out, tc.complaint)
		})
	}
	out, err := runFlawed("none")
	require.NoError(t, err, "the suite fails without a flaw:\n%s", out)
}

func runFlawed(flaw string) (string, error) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestFlawed$")
	cmd.Env = append(os.Environ(), flawVariable+"="+flaw)
	out, err := cmd.CombinedOutput()
	return string(out), err
}
