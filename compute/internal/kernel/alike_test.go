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
				dst, list := make([]float32, rows*int(count)+kernel.GatherRoom), make([]int32, cols+kernel.GatherRoom)
				s.Gather(dst, list, a, places, rows, cols)
				requireBits(t, some, dst[:rows*int(count)], "gathered columns")
				for j, other := range others {
					if other {
						require.EqualValues(t, j, list[places[j]])
					}
				}
			}
		}
		a := values(r, 90*100)
		require.False(t, s.Alike(make([]int32, 101), a, 90, 100, a[0]), "all columns differ")
	}
}

// BenchmarkGather is a batch of images, of which about half of the columns differ.
func BenchmarkGather(b *testing.B) {
	const rows, cols = 20, 784
	s, r := kernel.Best(), rand.New(rand.NewPCG(1, 2))
	a, places := values(r, rows*cols), make([]int32, cols+1)
	for j := range cols {
		places[j+1] = places[j]
		if j > 100 && j%28 > 4 && j%28 < 24 && r.IntN(8) > 0 {
			places[j+1]++
		}
	}
	dst, list := make([]float32, rows*cols+kernel.GatherRoom), make([]int32, cols+kernel.GatherRoom)
	b.ReportAllocs()
	for b.Loop() {
		s.Gather(dst, list, a, places, rows, cols)
	}
}
