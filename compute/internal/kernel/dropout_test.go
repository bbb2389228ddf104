package kernel_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/compute/internal/kernel"
	"github.com/perennial-ml/perennial/internal/rng"
)

// dropped is the definition of Dropout, element by element.
func dropped(x []float32, row uint32, d kernel.Dropout) []float32 {
	y := make([]float32, len(x))
	for j, v := range x {
		words := rng.Philox([4]uint32{uint32(j / 8), row, d.Layer, 0}, [2]uint32{uint32(d.Key), uint32(d.Key >> 32)})
		word := words[j%8/2]
		if j%2 == 1 {
			word >>= 16
		}
		keep := d.Scale
		if word&0xffff < d.Below {
			keep = 0
		}
		y[j] = v * keep
	}
	return y
}

// everyFamily runs a test with the Go code as well.
func everyFamily(t *testing.T, test func(t *testing.T, s *kernel.Set)) {
	for _, name := range kernel.Names() {
		t.Run(name, func(t *testing.T) { test(t, named(t, name)) })
	}
}

func TestDropoutHasTheBitsOfItsDefinition(t *testing.T) {
	everyFamily(t, func(t *testing.T, s *kernel.Set) {
		r := rand.New(rand.NewPCG(1, 2))
		const margin = 20
		pool := arguments(r, 2000)
		for n := range 201 {
			for _, below := range []uint32{0, 1, 0x4000, 0x7fff, 0x8000, 0x8001, 0xfffe, 0xffff, r.Uint32N(1 << 16)} {
				d := kernel.Dropout{Key: r.Uint64(), Layer: r.Uint32(), Below: below, Scale: float32(0x1p16 / float64(1<<16-below))}
				row, x := r.Uint32(), fresh(pool[r.IntN(2000):][:n+margin])
				want := append(dropped(x[:n], row, d), x[n:]...)
				what := fmt.Sprintf("%d elements, row %d, %+v", n, row, d)

				got := append(make([]float32, n), x[n:]...)
				s.Dropout(got[:n], x[:n], row, d)
				requireBits(t, want, got, what) // beyond n, too
				s.Dropout(x[:n], x[:n], row, d)
				requireBits(t, want, x, "in place: "+what)
			}
		}
	})
}

// A counter that lost its upper bits would show in a long row alone.
func TestDropoutCountsThroughALongRow(t *testing.T) {
	x := values(rand.New(rand.NewPCG(1, 2)), 1<<20+5)
	d := kernel.Dropout{Key: 1 << 40, Layer: 2, Below: 1 << 15, Scale: 2}
	want := dropped(x, 3, d)
	everyFamily(t, func(t *testing.T, s *kernel.Set) {
		got := make([]float32, len(x))
		s.Dropout(got, x, 3, d)
		requireBits(t, want, got, "long row")
	})
}

func TestDropoutKeepsWhatIsNotFinite(t *testing.T) {
	everyFamily(t, func(t *testing.T, s *kernel.Set) {
		x := make([]float32, 80)
		for i := range x {
			x[i] = []float32{inf, -inf, nan, -1}[i%4]
		}
		s.Dropout(x, x, 0, kernel.Dropout{Below: 0xffff, Scale: 0x1p16})
		for i, v := range x {
			if i%4 < 3 {
				require.True(t, v != v || v == inf || v == -inf, "element %d is %v", i, v)
				continue
			}
			require.True(t, v == -0x1p16 || v == 0 && 1/v == -inf, "what is dropped keeps its sign: element %d is %v", i, v)
		}
	})
}

func BenchmarkDropout(b *testing.B) {
	x := values(rand.New(rand.NewPCG(1, 2)), 512)
	dst := make([]float32, len(x))
	d := kernel.Dropout{Key: 7, Layer: 1, Below: 1 << 15, Scale: 2}
	for _, name := range kernel.Names() {
		s := named(b, name)
		for _, n := range []int{10, 100, 512} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				run := func() { s.Dropout(dst[:n], x[:n], 3, d) }
				b.ReportAllocs()
				for b.Loop() {
					run()
				}
				report(b, s, 0, 8*n, run)
			})
		}
	}
}
