package replay_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/internal/rng"
	"github.com/perennial-ml/perennial/replay"
)

// shown is an example that a memory showed, and what it was then.
type shown struct{ now, then *replay.Example }

func show(list []*replay.Example) []shown {
	var all []shown
	for _, ex := range list {
		then := *ex
		then.Dense, then.Packed = slices.Clone(ex.Dense), slices.Clone(ex.Packed)
		all = append(all, shown{ex, &then})
	}
	return all
}

func requireSame(t *testing.T, list []shown) {
	t.Helper()
	for _, s := range list {
		require.Equal(t, *s.then, *s.now)
	}
}

// packedConfigs are all configurations, with dense features as bytes.
func packedConfigs() map[string]replay.Config {
	list := configs()
	for name, cfg := range list {
		cfg.Store = replay.Uint8
		list[name] = cfg
	}
	return list
}

// A memory that writes over rows must not write over one that somebody may hold: a draw until it
// is returned, the examples that a match saw, and the states of any time.
func TestWhatWasShownNeverChanges(t *testing.T) {
	for name, cfg := range packedConfigs() {
		t.Run(name, func(t *testing.T) {
			m := newMemory(t, cfg)
			ops := rng.New(11, "ops", 0)
			var drawn, forever []shown
			var states []replay.State
			var encoded [][]byte
			for at := range uint64(6000) {
				step(m, ops, at)
				switch k := ops.IntN(100); {
				case k < 20:
					drawn = append(drawn, show(m.Draw(nil, ops.IntN(6), ops))...)
				case k < 22:
					retriever, err := replay.NewRetriever(replay.Retrieve{Kind: replay.Balanced}, m, nil)
					if err == nil {
						drawn = append(drawn, show(retriever.Retrieve(nil, 5, nil, ops))...)
					}
				case k < 32:
					requireSame(t, drawn)
					drawn = nil
					replay.Returned(m)
				case k == 32:
					m.Remove(func(ex *replay.Example) bool {
						forever = append(forever, show([]*replay.Example{ex})...)
						return false
					})
				case k == 33:
					states = append(states, m.Snapshot())
					encoded = append(encoded, encode(t, states[len(states)-1]))
				case k == 34 && len(states) > 0:
					require.NoError(t, m.Restore(states[ops.IntN(len(states))]))
				case k < 45: // bytes that are the caller's
					ex := *example(ops.IntN(400))
					ex.Dense, ex.Packed = nil, []uint8{uint8(at), 1}
					forever = append(forever, show([]*replay.Example{&ex})...)
					m.Add(&ex, ops)
				case k < 65:
					ex := *example(2 * ops.IntN(200))
					if len(drawn) > 0 {
						ex.ID = drawn[ops.IntN(len(drawn))].then.ID
					}
					m.Replace(&ex)
				}
			}
			requireSame(t, drawn)
			requireSame(t, forever)
			for i, s := range states {
				require.Equal(t, encoded[i], encode(t, s))
			}
			require.Greater(t, len(states), 10)
		})
	}
}

// Whether draws are returned is nobody's business but the heap's.
func TestAMemoryThatReusesRowsDoesWhatOneDoesThatCannot(t *testing.T) {
	for name, cfg := range packedConfigs() {
		t.Run(name, func(t *testing.T) {
			reuses, keeps := newMemory(t, cfg), newMemory(t, cfg)
			a, b := rng.New(12, "ops", 0), rng.New(12, "ops", 0)
			for at := range uint64(3000) {
				require.Equal(t, step(reuses, a, at), step(keeps, b, at))
				replay.Returned(reuses)
				require.Equal(t, keeps.Bytes(), reuses.Bytes())
				all(keeps) // all rows are out for ever
			}
			require.Equal(t, encode(t, keeps.Snapshot()), encode(t, reuses.Snapshot()))
		})
	}
}

// A memory that is full takes an arrival without allocating, where draws are returned.
func TestAFullMemoryTakesRowsWithoutAllocating(t *testing.T) {
	for _, kind := range []replay.Kind{replay.Reservoir, replay.ClassBalanced, replay.RingBuffer, replay.RecencyMixed} {
		t.Run(string(kind), func(t *testing.T) {
			m := newMemory(t, replay.Config{Kind: kind, Capacity: 100, Store: replay.Uint8})
			r := rng.New(1, "add", 0)
			var list []*replay.Example
			for i := range 2000 {
				list = append(list, sized(i, 784, 0))
			}
			replay.Offer(m, list[:1000], r)
			next := 1000
			var dst []*replay.Example
			take := func() {
				for range 100 { // of which the reservoir behind a ring keeps some
					replay.Returned(m)
					dst = m.Draw(dst[:0], 10, r)
					replay.Returned(m)
					m.Add(list[next], r)
					next++
				}
			}
			require.Zero(t, testing.AllocsPerRun(9, take))
		})
	}
}

// What a memory is lent is written over, as the logits of a step are: it holds copies.
func TestWhatIsLentIsCopied(t *testing.T) {
	for _, held := range []replay.Storage{replay.Float32, replay.Uint8} {
		for name, cfg := range configs() {
			cfg.Store = held
			t.Run(string(held)+" "+name, func(t *testing.T) {
				given, lent := newMemory(t, cfg), newMemory(t, cfg)
				ops, a, b := rng.New(13, "ops", 0), rng.New(14, "keep", 0), rng.New(14, "keep", 0)
				var scratch [5]replay.Example
				var logits [5][2]float32
				for range 400 {
					var list, loan []*replay.Example
					for i := range scratch {
						ex := *example(ops.IntN(400))
						ex.Logits = []float32{ops.Float32(), ops.Float32()}
						if ops.IntN(3) == 0 {
							ex.Logits = nil // may take those of the one that it replaces
						}
						list = append(list, &ex)
						scratch[i] = ex
						if ex.Logits != nil {
							scratch[i].Logits = append(logits[i][:0], ex.Logits...)
						}
						loan = append(loan, &scratch[i])
					}
					replay.Offer(given, list, a)
					replay.Offering{List: loan, Lent: true}.To(lent, b)
					for i := range scratch {
						scratch[i], logits[i] = replay.Example{ID: "written over"}, [2]float32{-1, -1}
					}
					ex := *example(ops.IntN(400)) // and what is not lent is held as it is
					given.Add(&ex, a)
					lent.Add(&ex, b)
				}
				require.Equal(t, encode(t, given.Snapshot()), encode(t, lent.Snapshot()))
			})
		}
	}
}

// A Memory that somebody else wrote knows of no loans.
func TestAForeignMemoryIsLentNothing(t *testing.T) {
	m := struct{ replay.Memory }{newMemory(t, replay.Config{Kind: replay.Reservoir, Capacity: 5})}
	ex := *example(1)
	ex.Logits = []float32{1, 2}
	replay.Offering{List: []*replay.Example{&ex}, Lent: true}.To(m, rng.New(1, "keep", 0))
	id := ex.ID
	ex.ID, ex.Logits[0] = "written over", 7
	held := all(m)
	require.Len(t, held, 1)
	require.Equal(t, id, held[0].ID)
	require.Equal(t, []float32{1, 2}, held[0].Logits)
}
