package replay_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/internal/rng"
	"github.com/perennial-ml/perennial/replay"
)

// chiSquared returns the statistic of counts that should be equal.
func chiSquared(counts []int) float64 {
	total := 0
	for _, n := range counts {
		total += n
	}
	want := float64(total) / float64(len(counts))
	sum := 0.0
	for _, n := range counts {
		d := float64(n) - want
		sum += d * d / want
	}
	return sum
}

// unlikely is what chi-squared exceeds about once in a thousand (Wilson and Hilferty,
// 1931).
func unlikely(freedom int) float64 {
	k := float64(freedom)
	return k * math.Pow(1-2/(9*k)+3.09*math.Sqrt(2/(9*k)), 3)
}

// kept counts how often each of n arrivals is held at the end of many runs.
func kept(t *testing.T, cfg replay.Config, n, runs int, run func(m replay.Memory, seed uint64)) []int {
	counts := make([]int, n)
	for seed := range uint64(runs) {
		m := newMemory(t, cfg)
		run(m, seed)
		for _, ex := range all(m) {
			counts[ex.Position-1]++
		}
	}
	return counts
}

func TestReservoirKeepsAllArrivalsAlike(t *testing.T) {
	counts := kept(t, replay.Config{Capacity: 10}, 50, 6_000, func(m replay.Memory, seed uint64) {
		for i := range 50 {
			m.Add(example(i), rng.New(seed, "add", uint64(i)))
		}
	})
	// Counts of a sample without replacement vary less than independent ones.
	require.Less(t, chiSquared(counts), unlikely(49))
}

func TestReservoirStaysUniformAfterRemovals(t *testing.T) {
	// Every third arrival is taken back, whether it was kept or not; others follow.
	counts := kept(t, replay.Config{Capacity: 12}, 120, 6_000, func(m replay.Memory, seed uint64) {
		for i := range 120 {
			m.Add(example(i), rng.New(seed, "add", uint64(i)))
			if i == 59 {
				m.Remove(func(ex *replay.Example) bool { return (ex.Position-1)%3 == 0 })
			}
		}
	})
	early, late := 0.0, 0.0
	for i, n := range counts {
		switch {
		case i < 60 && i%3 == 0:
			require.Zero(t, n, "arrival %d was taken back", i)
		case i < 60:
			early += float64(n) / 40
		default:
			late += float64(n) / 60
		}
	}
	// The number of removals is an estimate; the means may differ by a few per cent.
	require.InEpsilon(t, early, late, 0.05)
}

func TestDrawTakesAllAlike(t *testing.T) {
	for name, cfg := range configs() {
		t.Run(name, func(t *testing.T) {
			m := newMemory(t, cfg)
			for i := range 100 {
				m.Add(example(i), rng.New(1, "add", uint64(i)))
			}
			place := map[string]int{}
			for i, ex := range all(m) {
				place[ex.ID] = i
			}
			if len(place) < 2 {
				return
			}
			counts := make([]int, len(place))
			for at := range uint64(3000) {
				for _, ex := range m.Draw(nil, (len(place)+1)/2, rng.New(2, "draw", at)) {
					counts[place[ex.ID]]++
				}
			}
			require.Less(t, chiSquared(counts), unlikely(len(place)-1))
		})
	}
}

func heldBy[K comparable](m replay.Memory, by func(*replay.Example) K) map[K]int {
	counts := map[K]int{}
	for _, ex := range all(m) {
		counts[by(ex)]++
	}
	return counts
}

func TestClassBalancedKeepsRareClasses(t *testing.T) {
	m := newMemory(t, replay.Config{Kind: replay.ClassBalanced, Capacity: 100})
	r := rng.New(1, "classes", 0)
	seen := map[float32]int{}
	for i := range 20_000 {
		ex := example(i)
		ex.Negative = false
		switch p := r.Float64(); {
		case p < 0.001:
			ex.Target = 3
		case p < 0.05:
			ex.Target = 2
		case p < 0.2:
			ex.Target = 1
		default:
			ex.Target = 0
		}
		seen[ex.Target]++
		m.Add(ex, r)
	}
	held := heldBy(m, func(ex *replay.Example) float32 { return ex.Target })
	require.Equal(t, min(seen[3], 25), held[3], "all of the rarest, or an equal share")
	for _, c := range []float32{0, 1, 2} {
		require.InDelta(t, float64(100-held[3])/3, held[c], 1, "class %v", c)
	}
}

func TestClassBalancedIsUniformWithinAClass(t *testing.T) {
	// 100 arrivals of class 0, among which 20 of class 1 from the 30th on.
	counts := kept(t, replay.Config{Kind: replay.ClassBalanced, Capacity: 20}, 100, 6_000, func(m replay.Memory, seed uint64) {
		for i := range 100 {
			ex := example(i)
			ex.Negative, ex.Target = false, 0
			if i >= 30 && i%4 == 0 {
				ex.Target = 1
			}
			m.Add(ex, rng.New(seed, "add", uint64(i)))
		}
	})
	var common []int
	for i, n := range counts {
		if i < 30 || i%4 != 0 {
			common = append(common, n)
		}
	}
	require.Less(t, chiSquared(common), unlikely(len(common)-1))
}

func TestClassOfATarget(t *testing.T) {
	m := newMemory(t, replay.Config{Kind: replay.ClassBalanced, Capacity: 4})
	for i := range 400 {
		ex := example(i)
		ex.Negative = false
		ex.Target = 0.9 + float32(i%10)/100 // soft, all of class 1
		if i%100 == 0 {
			ex.Target = 0.4
		}
		m.Add(ex, rng.New(1, "add", uint64(i)))
	}
	held := heldBy(m, func(ex *replay.Example) bool { return ex.Target >= 0.5 })
	require.Equal(t, map[bool]int{true: 2, false: 2}, held)
}

func TestStratifiedGivesSegmentsEqualShares(t *testing.T) {
	for _, segments := range []int{1, 2, 3, 7, 20} {
		t.Run(fmt.Sprint(segments), func(t *testing.T) {
			m := newMemory(t, replay.Config{Kind: replay.Stratified, Capacity: 60})
			for i := range 30_000 {
				ex := example(i)
				// Segments appear one after the other, each rarer than the last.
				ex.Segment = "s=0"
				for s := 1; s < segments; s++ {
					if i > 500*s && i%(5+3*s) == 0 {
						ex.Segment = fmt.Sprint("s=", s)
					}
				}
				m.Add(ex, rng.New(1, "add", uint64(i)))
			}
			held := heldBy(m, func(ex *replay.Example) string { return ex.Segment })
			require.Len(t, held, segments)
			for s, n := range held {
				require.InDelta(t, 60/float64(segments), n, 1, "segment %s", s)
			}
			require.Equal(t, 60, m.Len())
		})
	}
}

func TestStratifiedPoolsSegmentsBeyondItsBound(t *testing.T) {
	m := newMemory(t, replay.Config{Kind: replay.Stratified, Capacity: 90, MaxGroups: 2})
	for i := range 3000 {
		ex := example(i)
		ex.Segment = fmt.Sprint("s=", i%10)
		m.Add(ex, rng.New(1, "add", uint64(i)))
	}
	held := heldBy(m, func(ex *replay.Example) bool { return ex.Segment == "s=0" || ex.Segment == "s=1" })
	require.Equal(t, map[bool]int{true: 60, false: 30}, held)
}

func TestRecencyKeepsTheLatestAndSamplesTheRest(t *testing.T) {
	cfg := replay.Config{Kind: replay.RecencyMixed, Capacity: 20, Recent: 0.3}
	counts := kept(t, cfg, 80, 4_000, func(m replay.Memory, seed uint64) {
		for i := range 80 {
			m.Add(example(i), rng.New(seed, "add", uint64(i)))
		}
	})
	for i := 74; i < 80; i++ {
		require.Equal(t, 4_000, counts[i], "arrival %d is one of the latest 6", i)
	}
	require.Less(t, chiSquared(counts[:74]), unlikely(73))
}

func TestRecencyTakesOutOfTheMiddle(t *testing.T) {
	m := newMemory(t, replay.Config{Kind: replay.RecencyMixed, Capacity: 10, Recent: 0.9})
	add := func(i int) { m.Add(example(i), rng.New(1, "add", uint64(i))) }
	for i := range 9 {
		add(i)
	}
	for _, i := range []int{4, 0, 8} { // the middle, the oldest, the newest
		require.True(t, m.RemoveID(example(i).ID))
	}
	for i := 9; i < 14; i++ { // three fill the gaps; two push out 1 and 2
		add(i)
	}
	held := heldBy(m, func(ex *replay.Example) uint64 { return ex.Position - 1 })
	for _, i := range []uint64{3, 5, 6, 7, 9, 10, 11, 12, 13} {
		require.Equal(t, 1, held[i], "arrival %d is one of the latest 9", i)
	}
	require.Equal(t, 1, held[1]+held[2], "the reservoir has one place")
	require.Equal(t, 10, m.Len())
}

func TestAGroupThatWasRemovedComesBack(t *testing.T) {
	for _, kind := range []replay.Kind{replay.ClassBalanced, replay.Stratified} {
		t.Run(string(kind), func(t *testing.T) {
			m := newMemory(t, replay.Config{Kind: kind, Capacity: 20})
			add := func(i, group int) {
				ex := example(i)
				ex.Negative, ex.Target, ex.Segment = false, float32(group), fmt.Sprint("s=", group)
				m.Add(ex, rng.New(1, "add", uint64(i)))
			}
			for i := range 1000 {
				add(i, i%2)
			}
			m.Remove(func(ex *replay.Example) bool { return ex.Target == 1 })
			for i := 1000; i < 1100; i++ {
				add(i, 0) // takes all the room
			}
			require.Equal(t, 20, m.Len())
			for i := 1100; i < 1200; i++ {
				add(i, 1)
			}
			held := heldBy(m, func(ex *replay.Example) float32 { return ex.Target })
			require.InDelta(t, 10, held[1], 1)
		})
	}
}
