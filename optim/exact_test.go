package optim

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestExactFunctionsAgreeWithTheStandardLibrary(t *testing.T) {
	for i := range 2001 {
		u := float64(i) / 2000
		require.InDelta(t, math.Cos(math.Pi*u), cosPi(u), 1e-15, "cos of %v pi", u)
		require.InEpsilon(t, math.Pow(0.999, float64(i*7)), pow(0.999, uint64(i*7)), 1e-12)
	}
}
