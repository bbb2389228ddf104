package replay_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/internal/rng"
	"github.com/perennial-ml/perennial/replay"
)

// Features that lie in rows as well are those of the examples: rows of bytes, of what no byte stands for,
// that have none, and that came as bytes.
func TestWhereFeaturesLieMakesNoDifference(t *testing.T) {
	for _, held := range []replay.Storage{replay.Float32, replay.Uint8} {
		for name, cfg := range configs() {
			cfg.Store = held
			t.Run(string(held)+" "+name, func(t *testing.T) {
				apart, laid := newMemory(t, cfg), newMemory(t, cfg)
				ops, a, b := rng.New(15, "ops", 0), rng.New(16, "keep", 0), rng.New(16, "keep", 0)
				unpack, rows := replay.NewUnpacker(), []float32(nil)
				for range 300 {
					var list []*replay.Example
					rows = rows[:0]
					for range ops.IntN(6) {
						ex := *example(ops.IntN(400))
						ex.Dense = make([]float32, 40)
						for i := range ex.Dense {
							ex.Dense[i] = float32(ops.IntN(256)) / 255
						}
						switch ops.IntN(8) {
						case 0:
							ex.Dense[ops.IntN(40)] = 0.3
						case 1:
							ex.Dense = nil
						case 2:
							ex.Dense, ex.Packed = nil, []uint8{uint8(ops.IntN(256)), 7, 0}
						}
						list = append(list, &ex)
						rows = unpack.Append(rows, &ex)
					}
					lent := ops.IntN(2) == 0
					replay.Offering{List: list, Lent: lent}.To(apart, a)
					replay.Offering{List: list, Lent: lent, Rows: rows}.To(laid, b)
					clear(rows)
					ex := *example(ops.IntN(400)) // and what comes by itself lies in itself
					apart.Add(&ex, a)
					laid.Add(&ex, b)
				}
				require.True(t, bytes.Equal(encode(t, apart.Snapshot()), encode(t, laid.Snapshot())))
			})
		}
	}
}

// The rows are what is read: there is nothing else in the examples that a full memory packs over others.
func TestPackedFeaturesAreReadWhereTheyLie(t *testing.T) {
	m := newMemory(t, replay.Config{Kind: replay.RingBuffer, Capacity: 2, Store: replay.Uint8})
	for at := range 3 {
		var list []*replay.Example
		var rows []float32
		for i := range 2 {
			ex := &replay.Example{ID: fmt.Sprint(at, ".", i), Dense: []float32{0, 0, 0}, Weight: 1}
			list = append(list, ex)
			rows = append(rows, 1, float32(i), float32(at)/255)
		}
		replay.Offering{List: list, Rows: rows}.To(m, rng.New(1, "keep", 0))
	}
	held := map[string][]uint8{}
	for _, ex := range all(m) {
		held[ex.ID] = ex.Packed
	}
	require.Equal(t, map[string][]uint8{"2.0": {255, 0, 2}, "2.1": {255, 255, 2}}, held)
}
