package pixel_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/internal/pixel"
)

// sizes are around the steps of the kernels.
var sizes = []int{0, 1, 2, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 95, 96, 100, 784, 3072}

func codecs(t testing.TB, f func(t *testing.T, c *pixel.Codec)) {
	for _, name := range []string{pixel.Portable, pixel.AVX2, pixel.AVX512} {
		c := pixel.Named(name)
		if c == nil {
			continue
		}
		t.(*testing.T).Run(name, func(t *testing.T) { f(t, c) })
	}
}

func TestEachLevelComesBackBitForBit(t *testing.T) {
	var numbers []float32
	for k := range 256 {
		numbers = append(numbers, float32(k)/255)
	}
	codecs(t, func(t *testing.T, c *pixel.Codec) {
		levels, back := make([]uint8, 256), make([]float32, 256)
		require.True(t, c.Pack(levels, numbers))
		for k := range levels {
			require.EqualValues(t, k, levels[k])
		}
		c.Unpack(back, levels)
		for k := range back {
			require.Equal(t, math.Float32bits(numbers[k]), math.Float32bits(back[k]), "level %d", k)
		}
	})
}

// TestEachNumberIsJudgedAsDefined goes through the neighbourhood of each level, where the
// tolerance ends, and through what is no number in [0, 1].
func TestEachNumberIsJudgedAsDefined(t *testing.T) {
	odd := []float32{
		float32(math.Copysign(0, -1)), -1e-7, -1, 1.0000001, 1.0000011, 1.1, 2, 257.0 / 255, 1e9, 1e30, -1e30,
		float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32,
		8421504.5, 16843009, 2147483648. / 255,
	}
	for k := range 257 {
		at := float32(k) / 255
		for _, off := range []float32{0, 0.7e-6, 2e-4 / 255, 0.85e-6, 1e-6, 2e-6, 0.5 / 255} {
			for _, v := range []float32{at - off, at + off} {
				odd = append(odd, v, math.Nextafter32(v, 2), math.Nextafter32(v, -1))
			}
		}
	}
	portable := pixel.Named(pixel.Portable)
	codecs(t, func(t *testing.T, c *pixel.Codec) {
		for i, v := range odd {
			row := make([]float32, 100)
			row[i%len(row)] = v // in each place of a step, and of the tail
			want, got := make([]uint8, len(row)), make([]uint8, len(row))
			packs := portable.Pack(want, row)
			require.Equal(t, packs, c.Pack(got, row), "%v (%#x)", v, math.Float32bits(v))
			if packs {
				require.Equal(t, want, got, "%v", v)
			}
		}
	})
}

func TestCodecsAgreeOnEverySizeAndTouchNothingElse(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	portable := pixel.Named(pixel.Portable)
	codecs(t, func(t *testing.T, c *pixel.Codec) {
		for _, n := range sizes {
			for shift := range 5 {
				row := make([]float32, n+shift)[shift:]
				for i := range row {
					row[i] = float32(r.IntN(256)) / 255
				}
				const canary = 0xa5
				want, room := make([]uint8, n), make([]uint8, n+shift+64)
				for i := range room {
					room[i] = canary
				}
				got := room[shift : shift+n]
				require.True(t, portable.Pack(want, row))
				require.True(t, c.Pack(got, row))
				require.Equal(t, want, got)

				numbers := make([]float32, n+shift+64)
				for i := range numbers {
					numbers[i] = -canary
				}
				c.Unpack(numbers[shift:shift+n], got)
				require.Equal(t, row, numbers[shift:shift+n])
				for i := range room {
					if i < shift || i >= shift+n {
						require.EqualValues(t, canary, room[i])
						require.EqualValues(t, -canary, numbers[i])
					}
				}
				pixel.Prefetch(&room[0], len(room))
				if n > 0 {
					row[r.IntN(n)] = 0.3
					require.False(t, c.Pack(got, row), "size %d", n)
				}
			}
		}
	})
}

func TestATooShortDestinationPanics(t *testing.T) {
	codecs(t, func(t *testing.T, c *pixel.Codec) {
		require.Panics(t, func() { c.Pack(make([]uint8, 63), make([]float32, 64)) })
		require.Panics(t, func() { c.Unpack(make([]float32, 63), make([]uint8, 64)) })
	})
}

func TestNothingIsAllocated(t *testing.T) {
	codecs(t, func(t *testing.T, c *pixel.Codec) {
		levels, numbers := make([]uint8, 784), make([]float32, 784)
		require.Zero(t, testing.AllocsPerRun(10, func() {
			c.Pack(levels, numbers)
			c.Unpack(numbers, levels)
			pixel.Prefetch(&numbers[0], len(numbers))
		}))
	})
}

func BenchmarkRow784(b *testing.B) {
	numbers, levels := make([]float32, 784), make([]uint8, 784)
	for i := range numbers {
		numbers[i] = float32(i%256) / 255
	}
	for _, name := range []string{pixel.Portable, pixel.AVX2, pixel.AVX512} {
		c := pixel.Named(name)
		if c == nil {
			continue
		}
		b.Run("pack/"+name, func(b *testing.B) {
			b.SetBytes(4 * 784)
			for b.Loop() {
				c.Pack(levels, numbers)
			}
		})
		b.Run("unpack/"+name, func(b *testing.B) {
			b.SetBytes(4 * 784)
			for b.Loop() {
				c.Unpack(numbers, levels)
			}
		})
	}
}
