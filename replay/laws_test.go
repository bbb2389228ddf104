package replay_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/internal/rng"
	"github.com/perennial-ml/perennial/replay"
)

// script is a Judge that thinks of each example, by its id, what it is told to think. By
// default a loss is 0, a feature (0, 0) and a residual (0, 0).
type script struct {
	loss, ahead        map[string]float32
	feature, residuals map[string][2]float32
	asked              int
}

func (s *script) Judge(list []*replay.Example) replay.Opinions {
	s.asked++
	o := replay.Opinions{Width: 2, Outputs: 2}
	for _, ex := range list {
		f, d := s.feature[ex.ID], s.residuals[ex.ID]
		o.Losses = append(o.Losses, s.loss[ex.ID])
		o.Features = append(o.Features, f[:]...)
		o.Residuals = append(o.Residuals, d[:]...)
	}
	return o
}

func (s *script) Ahead(list, _ []*replay.Example) []float32 {
	var losses []float32
	for _, ex := range list {
		losses = append(losses, s.ahead[ex.ID])
	}
	return losses
}

// of makes an example of a class.
func of(id string, class int) *replay.Example {
	return &replay.Example{ID: id, Target: float32(class), Dense: []float32{0.5}, Weight: 1}
}

func judged(t testing.TB, cfg replay.Config, judge replay.Judge) replay.Memory {
	t.Helper()
	m, err := replay.NewJudged(cfg, judge)
	require.NoError(t, err)
	return m
}

func ids(list []*replay.Example) []string {
	var out []string
	for _, ex := range list {
		out = append(out, ex.ID)
	}
	slices.Sort(out)
	return out
}

// likely holds counts against expected ones, by a chi-squared test.
func likely(t *testing.T, got map[string]int, want map[string]float64) {
	t.Helper()
	chi := 0.0
	for id, w := range want {
		d := float64(got[id]) - w
		chi += d * d / w
	}
	require.Less(t, chi, unlikely(len(want)-1), "got %v, expected %v", got, want)
	for id := range got {
		require.Contains(t, want, id)
	}
}

func TestAJudgedMemoryNeedsAJudge(t *testing.T) {
	for _, kind := range replay.Kinds() {
		_, err := replay.New(replay.Config{Kind: kind})
		if kind.Judged() {
			require.EqualError(t, err, fmt.Sprintf("replay.kind: %s needs a judge", kind))
		} else {
			require.NoError(t, err)
		}
	}
}

func TestRingKeepsTheLatestOfEachClass(t *testing.T) {
	m := newMemory(t, replay.Config{Kind: replay.RingBuffer, Capacity: 9})
	var want []string
	for i := range 300 {
		class := i % 3
		if i >= 200 {
			class = i % 2 // class 2 comes no more, and stays
		}
		id := fmt.Sprintf("%03d", i)
		m.Add(of(id, class), nil)
	}
	for _, i := range []int{299, 297, 295, 298, 296, 294, 197, 194, 191} {
		want = append(want, fmt.Sprintf("%03d", i))
	}
	slices.Sort(want)
	require.Equal(t, want, ids(all(m)))
}

func TestRingMakesRoomForANewClassFromTheOldestOfTheLargest(t *testing.T) {
	m := newMemory(t, replay.Config{Kind: replay.RingBuffer, Capacity: 6})
	for i := range 10 {
		m.Add(of(fmt.Sprint("a", i), 0), nil)
	}
	require.Equal(t, []string{"a4", "a5", "a6", "a7", "a8", "a9"}, ids(all(m)))
	m.Add(of("b0", 1), nil)
	m.Add(of("b1", 1), nil)
	require.Equal(t, []string{"a6", "a7", "a8", "a9", "b0", "b1"}, ids(all(m)))
	require.True(t, m.RemoveID("a8"), "from the middle")
	m.Add(of("a10", 0), nil)
	m.Add(of("b2", 1), nil)
	require.Equal(t, []string{"a10", "a7", "a9", "b0", "b1", "b2"}, ids(all(m)))
	m.Add(of("a11", 0), nil)
	require.Equal(t, []string{"a10", "a11", "a9", "b0", "b1", "b2"}, ids(all(m)), "the oldest of its own class leaves")
}

func TestGDumbKeepsTheFirstOfEachClassAndEvensOutByChance(t *testing.T) {
	victims := map[string]int{}
	const runs = 3000
	for seed := range uint64(runs) {
		m := newMemory(t, replay.Config{Kind: replay.GDumb, Capacity: 6})
		r := rng.New(seed, "gdumb", 0)
		for i := range 20 {
			m.Add(of(fmt.Sprint("a", i), 0), r)
		}
		require.Equal(t, []string{"a0", "a1", "a2", "a3", "a4", "a5"}, ids(all(m)))
		m.Add(of("b0", 1), r)
		for i := range 6 {
			if id := fmt.Sprint("a", i); !slices.Contains(ids(all(m)), id) {
				victims[id]++
			}
		}
		for i := range 20 {
			m.Add(of(fmt.Sprint("b", 1+i), 1), r)
			m.Add(of(fmt.Sprint("a", 20+i), 0), r)
		}
		held := ids(all(m))
		require.Equal(t, []string{"b0", "b1", "b2"}, held[3:], "three of each, and the first")
		for _, id := range held {
			require.Len(t, id, 2, "later ones of a full class are passed over")
		}
	}
	want := map[string]float64{}
	for i := range 6 {
		want[fmt.Sprint("a", i)] = runs / 6.0
	}
	likely(t, victims, want)
}

func TestGSSExchangesByTheScoresOfThePaper(t *testing.T) {
	// Gradients at 0°, 90° and 45°: the scores are 1 (nothing to compare with), 1 and
	// 1+cos 45°. The newcomer at 225° has the score 1-cos 45°.
	at := func(degrees float64) [2]float32 {
		s, c := math.Sincos(degrees * math.Pi / 180)
		return [2]float32{float32(c), float32(s)}
	}
	judge := &script{residuals: map[string][2]float32{"east": at(0), "north": at(90), "between": at(45), "apart": at(225), "near": at(50)}}
	const runs = 6000
	victims := map[string]int{}
	for seed := range uint64(runs) {
		m := judged(t, replay.Config{Kind: replay.GSS, Capacity: 3}, judge)
		r := rng.New(seed, "gss", 0)
		for _, id := range []string{"east", "north", "between", "near"} {
			m.Add(of(id, 0), r)
		}
		require.Equal(t, []string{"between", "east", "north"}, ids(all(m)), "one that points the same way is passed over")
		m.Add(of("apart", 0), r)
		victims["none"]++
		for _, id := range []string{"east", "north", "between"} {
			if held := ids(all(m)); !slices.Contains(held, id) {
				victims[id]++
				victims["none"]--
				require.Contains(t, held, "apart")
			}
		}
	}
	c, mine := []float64{1, 1, 1 + math.Sqrt2/2}, 1-math.Sqrt2/2
	want, left := map[string]float64{}, float64(runs)
	for i, id := range []string{"east", "north", "between"} {
		want[id] = runs * c[i] / (2 + c[2]) * c[i] / (c[i] + mine)
		left -= want[id]
	}
	want["none"] = left
	likely(t, victims, want)
}

func TestGSSReckonsTheCosineOfWholeLayerGradients(t *testing.T) {
	// Residuals that agree and features that disagree give gradients that are apart only
	// as far as the bias allows: cos = (h·h' + 1) / √((|h|²+1)(|h'|²+1)).
	judge := &script{
		residuals: map[string][2]float32{"a": {1, 0}, "b": {2, 0}},
		feature:   map[string][2]float32{"a": {3, 0}, "b": {-3, 0}},
	}
	// cos = (-9+1)/10, so the score is 0.2 and the exchange has the probability 1/1.2.
	const runs = 6000
	got := map[string]int{}
	for seed := range uint64(runs) {
		m := judged(t, replay.Config{Kind: replay.GSS, Capacity: 1}, judge)
		r := rng.New(seed, "gss", 0)
		m.Add(of("a", 0), r)
		m.Add(of("b", 0), r)
		got[all(m)[0].ID]++
	}
	likely(t, got, map[string]float64{"a": runs * 0.2 / 1.2, "b": runs / 1.2})
}

func TestLossAwareLetsGoOfWhatIsLearnedAndOfWhatThereIsMuchOf(t *testing.T) {
	judge := &script{loss: map[string]float32{"a0": 0.5, "a1": 2, "a2": 0.25, "b0": 1}}
	const runs = 12_000
	victims, entered := map[string]int{}, 0
	for seed := range uint64(runs) {
		m := judged(t, replay.Config{Kind: replay.LossAware, Capacity: 4}, judge)
		r := rng.New(seed, "loss", 0)
		for _, id := range []string{"a0", "a1", "a2"} {
			m.Add(of(id, 0), r)
		}
		m.Add(of("b0", 1), r)
		// a2 turns out to be hard when it is rehearsed.
		m.(replay.Observer).Observe([]*replay.Example{of("a2", 0), of("gone", 0)}, []float32{1.5, 9})
		m.Add(of("c0", 2), r)
		held := ids(all(m))
		if !slices.Contains(held, "c0") {
			require.Equal(t, []string{"a0", "a1", "a2", "b0"}, held)
			continue
		}
		entered++
		for _, id := range []string{"a0", "a1", "a2", "b0"} {
			if !slices.Contains(held, id) {
				victims[id]++
			}
		}
	}
	likely(t, map[string]int{"in": entered, "out": runs - entered}, map[string]float64{"in": runs * 4 / 5.0, "out": runs / 5.0})
	loss := map[string]float64{"a0": 0.5, "a1": 2, "a2": 1.5, "b0": 1}
	much := map[string]float64{"a0": 3, "a1": 3, "a2": 3, "b0": 1}
	want := map[string]float64{}
	for id := range loss {
		want[id] = float64(entered) * (0.5*much[id]/10 + 0.5*(2-loss[id])/(1.5+0+0.5+1))
	}
	likely(t, victims, want)
}

// The mean moves from what is held to what comes. The first search of a turn takes it, and the second,
// which looks at the same member, has nothing to gain: so every other arrival comes in, each in the place of
// the next member.
func TestHerdingLooksTwiceAtAMember(t *testing.T) {
	judge := &script{feature: map[string][2]float32{}}
	m := judged(t, replay.Config{Kind: replay.Herding, Capacity: 4, Compare: 1}, judge)
	r := rng.New(1, "herding", 0)
	held := []string{"h0", "h1", "h2", "h3"}
	for _, id := range held {
		judge.feature[id] = [2]float32{1, 0}
		m.Add(of(id, 0), r)
	}
	for i := range 4 {
		id := fmt.Sprint("a", i)
		judge.feature[id] = [2]float32{0, 1}
		m.Add(of(id, 0), r)
		held[i/2] = fmt.Sprint("a", i/2*2)
		var got []string
		for _, ex := range all(m) {
			got = append(got, ex.ID)
		}
		require.ElementsMatch(t, held, got, "after arrival %d", i)
	}
}

func TestHerdingHoldsAClassByItsMean(t *testing.T) {
	for _, tc := range []struct {
		compare int
		within  float64
	}{{0, 0.02}, {10, 0.01}, {4096, 0.01}} {
		r := rng.New(4, "herding", 0)
		judge := &script{feature: map[string][2]float32{}}
		herd := judged(t, replay.Config{Kind: replay.Herding, Capacity: 20, Compare: tc.compare}, judge)
		chance := newMemory(t, replay.Config{Kind: replay.ClassBalanced, Capacity: 20})
		sums, counts := [2][2]float64{}, [2]float64{}
		for i := range 900 {
			class := i % 2
			angle := float64(class)*2 + 0.8*r.NormFloat64()
			s, c := math.Sincos(angle)
			ex := of(fmt.Sprint("p", i), class)
			judge.feature[ex.ID] = [2]float32{float32(5 * c), float32(5 * s)} // of norm 5: only the direction counts
			sums[class][0], sums[class][1], counts[class] = sums[class][0]+c, sums[class][1]+s, counts[class]+1
			herd.Add(ex, r)
			chance.Add(ex, r)
		}
		distance := func(m replay.Memory, class int) float64 {
			x, y, n := 0.0, 0.0, 0.0
			for _, ex := range all(m) {
				if int(ex.Target) == class {
					f := judge.feature[ex.ID]
					x, y, n = x+float64(f[0])/5, y+float64(f[1])/5, n+1
				}
			}
			require.InDelta(t, 10, n, 1, "half of the places")
			return math.Hypot(x/n-sums[class][0]/counts[class], y/n-sums[class][1]/counts[class])
		}
		for class := range 2 {
			require.Less(t, distance(herd, class), tc.within, "compare %d", tc.compare)
			require.Less(t, 5*distance(herd, class), distance(chance, class))
		}
	}
}

// TestHerdingLooksAtEachMemberInTurn gives up members of one class that stand for nothing near its
// mean. They lie anywhere among the others, so that a search which always began at the same
// member would never meet some.
func TestHerdingLooksAtEachMemberInTurn(t *testing.T) {
	const size = 40
	judge := &script{feature: map[string][2]float32{}}
	m := judged(t, replay.Config{Kind: replay.Herding, Capacity: size, Compare: 3}, judge)
	offer := func(id string, x, y float32) {
		judge.feature[id] = [2]float32{x, y}
		m.Add(of(id, 0), nil)
	}
	for i := range size {
		offer(fmt.Sprint("far", i), -1, 0)
	}
	for i := range 6000 { // until the mean has forgotten the others
		offer(fmt.Sprint("near", i), 1, 0)
	}
	for _, ex := range all(m) {
		require.Contains(t, ex.ID, "near")
	}
}

// TestHerdingDependsOnWhatIsHeldAlone takes a memory through arrivals, changes of class, and
// removals, and beside it one that is restored from its state before each of them: sums that miss
// a change would part them.
func TestHerdingDependsOnWhatIsHeldAlone(t *testing.T) {
	r := rng.New(9, "herding", 0)
	judge := &script{feature: map[string][2]float32{}}
	cfg := replay.Config{Kind: replay.Herding, Capacity: 60}
	m := judged(t, cfg, judge)
	for i := range 1500 {
		beside := judged(t, cfg, judge)
		require.NoError(t, beside.Restore(m.Snapshot()))
		ex := of(fmt.Sprint("p", r.IntN(700)), r.IntN(3))
		judge.feature[ex.ID] = [2]float32{float32(r.NormFloat64() / 3), float32(r.NormFloat64())}
		remove := i%7 == 0
		for _, each := range []replay.Memory{m, beside} {
			if remove {
				each.RemoveID(ex.ID)
			}
			each.Add(ex, nil)
		}
		require.Equal(t, ids(all(m)), ids(all(beside)), "arrival %d", i)
	}
}

func TestOfferAsksTheJudgeOnceForAList(t *testing.T) {
	for _, kind := range replay.Kinds() {
		judge := &script{}
		m := judged(t, replay.Config{Kind: kind, Capacity: 30}, judge)
		var list []*replay.Example
		for i := range 20 {
			list = append(list, of(fmt.Sprint(i), i%3))
		}
		replay.Offer(m, list, rng.New(1, "offer", 0))
		require.Equal(t, 20, m.Len())
		if kind.Judged() {
			require.Equal(t, 1, judge.asked, "kind %s", kind)
		}
	}
}

func TestBoundedBytesKeepAUniformSample(t *testing.T) {
	cfg := replay.Config{MaxBytes: 4200}
	counts := kept(t, cfg, 60, 4_000, func(m replay.Memory, seed uint64) {
		for i := range 60 {
			ex := example(i)
			ex.Subject, ex.Logits = "s", nil // all of one size
			m.Add(ex, rng.New(seed, "add", uint64(i)))
		}
		require.LessOrEqual(t, m.Bytes(), 4200)
		require.Greater(t, m.Len(), 10)
	})
	require.Less(t, chiSquared(counts), unlikely(59))
}

func TestAnExampleBeyondTheBoundIsNotKept(t *testing.T) {
	for _, kind := range replay.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			m := newMemory(t, replay.Config{Kind: kind, MaxBytes: 10_000, MaxGroups: 4})
			r := rng.New(1, "add", 0)
			for i := range 40 {
				m.Add(example(i), r)
			}
			before := m.Len()
			huge := example(40)
			huge.Dense = make([]float32, 4000)
			m.Add(huge, r)
			require.Equal(t, before, m.Len())
			require.False(t, m.RemoveID(huge.ID))
		})
	}
}

func TestReplaceKeepsTheLogits(t *testing.T) {
	for name, cfg := range configs() {
		t.Run(name, func(t *testing.T) {
			m := newMemory(t, cfg)
			ex := example(3)
			require.NotEmpty(t, ex.Logits)
			m.Add(ex, rng.New(1, "add", 0))
			revised := *ex
			revised.Logits, revised.LogitsAt, revised.Weight = nil, 0, 7
			require.True(t, m.Replace(&revised))
			got := all(m)[0]
			require.EqualValues(t, 7, got.Weight)
			require.Equal(t, ex.Logits, got.Logits)
			require.Equal(t, ex.LogitsAt, got.LogitsAt)
			require.Nil(t, revised.Logits, "what others share is left alone")
		})
	}
}
