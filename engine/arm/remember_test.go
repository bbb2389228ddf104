package arm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/replay"
)

// What an arm remembers as bytes are the features of the examples that it learned, whichever way its
// step goes: they may be read from the step's batch.
func TestAnArmRemembersWhatItLearned(t *testing.T) {
	for name, cfg := range stepped() {
		for _, kind := range replay.Kinds() {
			for _, retrieve := range replay.Retrievals() {
				cfg := cfg
				cfg.Replay = replay.Config{Kind: kind, Capacity: 30, Store: replay.Uint8, Retrieve: replay.Retrieve{Kind: retrieve}}
				if whole := cfg.WithDefaults(front(3).Spec.Task); whole.Validate(front(3).Spec, "", false) != nil {
					continue // some do not go together
				}
				t.Run(fmt.Sprint(name, "/", kind, "/", retrieve), func(t *testing.T) {
					a := newArm(t, front(3), cfg)
					r := rand.New(rand.NewPCG(5, 6))
					features := map[string][]float32{}
					for at := range uint64(40) {
						var fresh []*replay.Example
						for i := range 4 {
							ex := &replay.Example{ID: fmt.Sprint(at, ".", i), Position: at + 1, Weight: 1, Target: float32(r.IntN(3))}
							for range 4 {
								ex.Dense = append(ex.Dense, float32(r.IntN(256))/255)
							}
							if at%7 == 3 && i < 2 {
								ex.Dense[i] = float32(math.Inf(1)) // leaves the step
							}
							features[ex.ID] = slices.Clone(ex.Dense)
							fresh = append(fresh, ex)
						}
						require.NoError(t, a.Learn(fresh, at+1, a.Streams(at+1)))
						if at%5 == 4 {
							require.NoError(t, a.Consolidate(at+1))
						}
						replay.Returned(a.memory)
						unpack := replay.NewUnpacker()
						for _, ex := range a.memory.Draw(nil, 30, r) {
							require.Equal(t, features[ex.ID], unpack.Append(nil, ex), "%s at %d", ex.ID, at)
						}
					}
					require.Positive(t, a.memory.Len())
					require.Zero(t, a.memory.Whole())
				})
			}
		}
	}
}
