package replay_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/internal/rng"
	"github.com/perennial-ml/perennial/replay"
)

func retriever(t testing.TB, cfg replay.Retrieve, m replay.Memory, judge replay.Judge) *replay.Retriever {
	t.Helper()
	r, err := replay.NewRetriever(cfg, m, judge)
	require.NoError(t, err)
	return r
}

func TestRetrieversNeedWhatTheyGoBy(t *testing.T) {
	for _, tc := range []struct {
		cfg  replay.Config
		want string
	}{
		{replay.Config{Retrieve: replay.Retrieve{Kind: "best"}}, `replay.retrieve.kind: must be one of random, balanced, max_interfered, got "best"`},
		{replay.Config{Retrieve: replay.Retrieve{Candidates: -1}}, "replay.retrieve.candidates: must be in [1, 4096], got -1"},
		{replay.Config{Kind: replay.RecencyMixed, Retrieve: replay.Retrieve{Kind: replay.Balanced}},
			"replay.retrieve.kind: must not be balanced for kind recency, which tells no groups apart; reservoir and class_balanced do"},
	} {
		_, err := replay.New(tc.cfg)
		require.EqualError(t, err, tc.want)
	}
	_, err := replay.NewRetriever(replay.Retrieve{Kind: replay.Interfered}, newMemory(t, replay.Config{}), nil)
	require.EqualError(t, err, "replay.retrieve.kind: max_interfered needs a judge")
	_, err = replay.NewRetriever(replay.Retrieve{Kind: replay.Balanced}, newMemory(t, replay.Config{}), nil)
	require.ErrorContains(t, err, "needs a memory that tells groups apart")
}

// uneven holds 40 examples of class 0, 12 of class 1 and 3 of class 2.
func uneven(t testing.TB, kind replay.Kind) replay.Memory {
	m := newMemory(t, replay.Config{Kind: kind, Capacity: 100, Retrieve: replay.Retrieve{Kind: replay.Balanced}})
	for i := range 55 {
		class := 0
		switch {
		case i >= 52:
			class = 2
		case i >= 40:
			class = 1
		}
		m.Add(of(fmt.Sprintf("%d-%02d", class, i), class), rng.New(1, "add", uint64(i)))
	}
	return m
}

func TestBalancedRetrievalIsEvenAndUniformWithinAClass(t *testing.T) {
	m := uneven(t, replay.Reservoir)
	choose := retriever(t, replay.Retrieve{Kind: replay.Balanced}, m, nil)
	for _, tc := range []struct {
		n    int
		want map[float32]int
	}{
		{6, map[float32]int{0: 2, 1: 2, 2: 2}},
		{21, map[float32]int{0: 9, 1: 9, 2: 3}},
		{100, map[float32]int{0: 40, 1: 12, 2: 3}},
	} {
		got := map[float32]int{}
		seen := map[string]bool{}
		for _, ex := range choose.Retrieve(nil, tc.n, nil, rng.New(2, "draw", uint64(tc.n))) {
			got[ex.Target]++
			require.False(t, seen[ex.ID], "%s twice", ex.ID)
			seen[ex.ID] = true
		}
		require.Equal(t, tc.want, got)
	}
	const runs = 6000
	classes, members := map[string]int{}, make([]int, 40)
	for at := range uint64(runs) {
		list := choose.Retrieve(nil, 4, nil, rng.New(3, "draw", at)) // one of each, and one more
		require.Len(t, list, 4)
		extra := map[float32]int{}
		for _, ex := range list {
			extra[ex.Target]++
			if ex.Target == 0 {
				i := 0
				_, err := fmt.Sscanf(ex.ID, "0-%d", &i)
				require.NoError(t, err)
				members[i]++
			}
		}
		for class, n := range extra {
			if n == 2 {
				classes[fmt.Sprint(class)]++
			}
		}
	}
	likely(t, classes, map[string]float64{"0": runs / 3.0, "1": runs / 3.0, "2": runs / 3.0})
	require.Less(t, chiSquared(members), unlikely(39))
}

func TestBalancedRetrievalLeavesNoTrace(t *testing.T) {
	for _, kind := range replay.Kinds() {
		if kind == replay.RecencyMixed {
			continue
		}
		m := uneven(t, kind)
		before := encode(t, m.Snapshot())
		choose := retriever(t, replay.Retrieve{Kind: replay.Balanced}, m, nil)
		for n := range 60 {
			require.Len(t, choose.Retrieve(nil, n, nil, rng.New(1, "draw", uint64(n))), min(n, 55))
		}
		require.Equal(t, before, encode(t, m.Snapshot()), "kind %s", kind)
	}
}

func TestMaxInterferedTakesThoseWhoseLossWouldRiseMost(t *testing.T) {
	judge := &script{loss: map[string]float32{}, ahead: map[string]float32{}}
	m := newMemory(t, replay.Config{})
	for i := range 30 {
		id := fmt.Sprintf("%02d", i)
		judge.loss[id] = float32(i % 7)
		judge.ahead[id] = float32(i%7) + float32((i*11)%30) // rises by 0..29, each once
		m.Add(of(id, 0), rng.New(1, "add", uint64(i)))
	}
	choose := retriever(t, replay.Retrieve{Kind: replay.Interfered, Candidates: 30}, m, judge)
	fresh := []*replay.Example{of("new", 1)}
	for n := 1; n < 30; n++ {
		got := choose.Retrieve(nil, n, fresh, rng.New(2, "draw", uint64(n)))
		require.Len(t, got, n)
		for i, ex := range got {
			require.EqualValues(t, 29-i, judge.ahead[ex.ID]-judge.loss[ex.ID], "the %d-th of %d", i, n)
		}
	}
	// With fewer candidates, the best of a random draw.
	choose = retriever(t, replay.Retrieve{Kind: replay.Interfered, Candidates: 5}, m, judge)
	mean := 0.0
	for at := range uint64(2000) {
		ex := choose.Retrieve(nil, 1, fresh, rng.New(3, "draw", at))[0]
		mean += float64(judge.ahead[ex.ID]-judge.loss[ex.ID]) / 2000
	}
	// The largest of 5 drawn from 0..29 without replacement is 5·31/6 - 1 in the mean.
	require.InDelta(t, 5*31/6.0-1, mean, 0.4)
	require.Empty(t, choose.Retrieve(nil, 3, fresh, rng.New(1, "draw", 0))[3:])
}

func TestRetrievalAllocatesNothing(t *testing.T) {
	for _, kind := range replay.Retrievals() {
		m := uneven(t, replay.ClassBalanced)
		choose := retriever(t, replay.Retrieve{Kind: kind}, m, &oddJudge{})
		r := rng.New(1, "draw", 0)
		fresh := []*replay.Example{of("new", 1)}
		dst := choose.Retrieve(nil, 20, fresh, r)
		require.Zero(t, testing.AllocsPerRun(100, func() { dst = choose.Retrieve(dst[:0], 20, fresh, r) }), "kind %s", kind)
	}
}
