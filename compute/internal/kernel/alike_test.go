package kernel_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

func TestColumnsOfOneValueAreToldApart(t *testing.T) {
	for _, name := range kernel.Names() {
		s := named(t, name)
		r := rand.New(rand.NewPCG(3, 4))
		for cols := 64; cols < 260; cols += 1 + r.IntN(9) {
			for _, rows := range []int{1, 2, 7, 40} {
				a := values(r, rows*cols)
				value := []float32{0, float32(math.Copysign(0, -1)), -0.5, float32(math.NaN())}[r.IntN(4)]
				others := make([]bool, cols)
				for j := range others {
					others[j] = r.IntN(3) == 0
					one := r.IntN(rows)
					for i := range rows {
						if !others[j] || i != one {
							a[i*cols+j] = value
						}
					}
				}
				places := make([]int32, cols+1)
				require.True(t, s.Alike(places, a, rows, cols, value), "%s, %d×%d", name, rows, cols)
				if rows > 1 {
					require.Equal(t, math.Float32bits(value), math.Float32bits(kernel.Frequent(a[cols:2*cols])))
				}
				count, some := int32(0), []float32{}
				for j, other := range others {
					require.Equal(t, count, places[j])
					if other {
						count++
					}
				}
				require.Equal(t, count, places[cols])
				for i := range rows {
					for j, other := range others {
						if other {
							some = append(some, a[i*cols+j])
						}
					}
				}
				dst := make([]float32, rows*int(count))
				kernel.Gather(dst, a, places, rows, cols)
				requireBits(t, some, dst, "gathered columns")
			}
		}
		a := values(r, 90*100)
		require.False(t, s.Alike(make([]int32, 101), a, 90, 100, a[0]), "all columns differ")
	}
}
