package replay_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/internal/rng"
	"github.com/perennial-ml/perennial/replay"
)

// example i: of a class and a segment that follow from i.
func example(i int) *replay.Example {
	ex := &replay.Example{
		ID:         fmt.Sprintf("p-%06d", i),
		Subject:    fmt.Sprintf("s-%d", i%7),
		Position:   uint64(i) + 1,
		Time:       int64(i) * 1e6,
		Segment:    fmt.Sprintf("shop=%d", i%5),
		Dense:      []float32{float32(i), 1 / float32(i+1)},
		Categories: []int32{int32(i % 3)},
		Target:     float32(i % 4),
		Negative:   i%11 == 0,
		Weight:     1 / float32(1+i%2),
	}
	if i%3 == 0 {
		ex.Logits, ex.LogitsAt = []float32{float32(i), -1}, uint64(i)
	}
	if i%2 == 0 { // of another size, and representable as bytes
		ex.Subject = strings.Repeat("long", i%40)
		ex.Dense = []float32{float32(i%256) / 255, 1}
	}
	return ex
}

// oddJudge has an opinion that follows from an example's position and label alone.
type oddJudge struct{ opinions replay.Opinions }

func (j *oddJudge) Judge(list []*replay.Example) replay.Opinions {
	o := &j.opinions
	o.Losses, o.Features, o.Residuals, o.Width, o.Outputs = o.Losses[:0], o.Features[:0], o.Residuals[:0], 3, 2
	for _, ex := range list {
		p := float64(ex.Position)
		o.Losses = append(o.Losses, float32(2+2*math.Sin(p)))
		o.Features = append(o.Features, float32(math.Cos(p)), float32(math.Sin(2*p)), ex.Target)
		o.Residuals = append(o.Residuals, float32(math.Sin(3*p)), float32(math.Cos(5*p)))
	}
	return *o
}

func (j *oddJudge) Ahead(list, fresh []*replay.Example) []float32 {
	losses := j.Judge(list).Losses
	for i := range losses {
		losses[i] += float32(math.Cos(float64(list[i].Position * fresh[0].Position)))
	}
	return losses
}

func configs() map[string]replay.Config {
	return map[string]replay.Config{
		"reservoir":         {Kind: replay.Reservoir, Capacity: 20},
		"class_balanced":    {Kind: replay.ClassBalanced, Capacity: 20},
		"class few groups":  {Kind: replay.ClassBalanced, Capacity: 20, MaxGroups: 2},
		"stratified":        {Kind: replay.Stratified, Capacity: 20},
		"segments > places": {Kind: replay.Stratified, Capacity: 3},
		"recency":           {Kind: replay.RecencyMixed, Capacity: 20, Recent: 0.3},
		"recency one each":  {Kind: replay.RecencyMixed, Capacity: 2},
		"capacity one":      {Kind: replay.Reservoir, Capacity: 1},
		"ring":              {Kind: replay.RingBuffer, Capacity: 20},
		"ring of segments":  {Kind: replay.RingBuffer, Capacity: 21, By: replay.BySegment},
		"gdumb":             {Kind: replay.GDumb, Capacity: 20},
		"gdumb few groups":  {Kind: replay.GDumb, Capacity: 20, MaxGroups: 3},
		"herding":           {Kind: replay.Herding, Capacity: 20},
		"gss":               {Kind: replay.GSS, Capacity: 20, Compare: 4},
		"loss_aware":        {Kind: replay.LossAware, Capacity: 20},
		"grouped reservoir": {Capacity: 20, Retrieve: replay.Retrieve{Kind: replay.Balanced}},
		"packed":            {Kind: replay.ClassBalanced, Capacity: 20, Store: replay.Uint8},
		"reservoir bytes":   {Capacity: 20, MaxBytes: 4200},
		"recency bytes":     {Kind: replay.RecencyMixed, Capacity: 30, MaxBytes: 6000},
		"stratified bytes":  {Kind: replay.Stratified, Capacity: 20, MaxBytes: 7500, MaxGroups: 8},
		"class bytes":       {Kind: replay.ClassBalanced, Capacity: 20, MaxBytes: 7500, MaxGroups: 8},
		"ring bytes":        {Kind: replay.RingBuffer, Capacity: 20, MaxBytes: 7500, MaxGroups: 8},
		"gdumb bytes":       {Kind: replay.GDumb, Capacity: 20, MaxBytes: 7500, MaxGroups: 8},
		"herding bytes":     {Kind: replay.Herding, Capacity: 20, MaxBytes: 8000, MaxGroups: 8},
		"gss bytes":         {Kind: replay.GSS, Capacity: 20, MaxBytes: 8000, MaxGroups: 8},
		"loss_aware bytes":  {Kind: replay.LossAware, Capacity: 20, MaxBytes: 8000, MaxGroups: 8},
	}
}

func newMemory(t testing.TB, c replay.Config) replay.Memory {
	t.Helper()
	m, err := replay.NewJudged(c, &oddJudge{})
	require.NoError(t, err)
	return m
}

func encode(t testing.TB, s replay.State) []byte {
	t.Helper()
	var b bytes.Buffer
	n, err := s.WriteTo(&b)
	require.NoError(t, err)
	require.EqualValues(t, b.Len(), n)
	return b.Bytes()
}

func all(m replay.Memory) []*replay.Example {
	return m.Draw(nil, math.MaxInt32, rng.New(0, "all", 0))
}

// step performs one random operation and returns all that it answered.
func step(m replay.Memory, op *rand.Rand, at uint64) string {
	r := rng.New(3, "step", at)
	switch k := op.IntN(100); {
	case k < 40:
		m.Add(example(op.IntN(400)), r)
		return "add"
	case k < 60:
		var list []*replay.Example
		for range op.IntN(5) {
			list = append(list, example(op.IntN(400)))
		}
		replay.Offer(m, list, r)
		return "offer"
	case k < 65:
		retriever, err := replay.NewRetriever(replay.Retrieve{Kind: replay.Balanced}, m, nil)
		if err != nil {
			return "no groups"
		}
		ids := "balanced"
		list := retriever.Retrieve(nil, op.IntN(30), nil, r)
		losses := make([]float32, len(list))
		for i, ex := range list {
			ids += " " + ex.ID
			losses[i] = float32(r.Float64())
		}
		if o, ok := m.(replay.Observer); ok {
			o.Observe(list, losses)
		}
		return ids
	case k < 75:
		ids := "draw"
		for _, ex := range m.Draw(nil, op.IntN(30), r) {
			ids += " " + ex.ID
		}
		return ids
	case k < 90:
		return fmt.Sprint("remove ", m.RemoveID(example(op.IntN(400)).ID))
	case k < 94:
		ex := *example(op.IntN(400))
		ex.Target, ex.Segment = 2, "shop=moved"
		return fmt.Sprint("replace ", m.Replace(&ex))
	case k < 97:
		from := uint64(op.IntN(400))
		return fmt.Sprint("remove from ", m.Remove(func(ex *replay.Example) bool { return ex.Position > from && ex.Position < from+60 }))
	default:
		return fmt.Sprint("remove person ", m.Remove(func(ex *replay.Example) bool { return ex.Subject == "s-3" }))
	}
}

func TestRestoredMemoryGoesOnAsTheOriginal(t *testing.T) {
	for name, cfg := range configs() {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(60) {
				ops := rng.New(seed, "ops", 0)
				original := newMemory(t, cfg)
				at := uint64(0)
				for range ops.IntN(600) {
					step(original, ops, at)
					at++
				}
				data := encode(t, original.Snapshot())
				state, err := replay.Read(data)
				require.NoError(t, err)
				restored := newMemory(t, cfg)
				restored.Add(example(9999), rng.New(1, "stray", 0)) // to be replaced by the state
				require.NoError(t, restored.Restore(state))
				require.Equal(t, data, encode(t, restored.Snapshot()))
				require.Equal(t, original.Bytes(), restored.Bytes())

				a, b := rng.New(seed, "rest", 0), rng.New(seed, "rest", 0)
				for range 300 {
					require.Equal(t, step(original, a, at), step(restored, b, at), "seed %d", seed)
					require.Equal(t, original.Len(), restored.Len())
					at++
				}
				require.Equal(t, encode(t, original.Snapshot()), encode(t, restored.Snapshot()))
			}
		})
	}
}

func TestMemoryHoldsWhatAModelOfItHolds(t *testing.T) {
	for name, cfg := range configs() {
		t.Run(name, func(t *testing.T) {
			m := newMemory(t, cfg)
			ops := rng.New(5, "ops", 0)
			empty := m.Bytes()
			for at := range uint64(4000) {
				step(m, ops, at)
				held := all(m)
				require.Len(t, held, m.Len())
				require.LessOrEqual(t, m.Len(), cfg.Capacity)
				if cfg.MaxBytes > 0 {
					require.LessOrEqual(t, int64(m.Bytes()), cfg.MaxBytes)
				}
				ids := map[string]bool{}
				for _, ex := range held {
					require.False(t, ids[ex.ID], "%s is held twice", ex.ID)
					ids[ex.ID] = true
				}
				if at%97 == 0 { // a state that the memory wrote is one that it reads
					_, err := replay.Read(encode(t, m.Snapshot()))
					require.NoError(t, err)
				}
			}
			for _, ex := range all(m) {
				require.True(t, m.RemoveID(ex.ID))
				require.False(t, m.RemoveID(ex.ID), "%s was removed before", ex.ID)
			}
			require.Zero(t, m.Len())
			if (cfg.Kind == replay.Reservoir || cfg.Kind == replay.RecencyMixed) && cfg.Retrieve.Kind == "" {
				require.Equal(t, empty, m.Bytes())
			}
		})
	}
}

func TestSnapshotStaysAsItWas(t *testing.T) {
	for name, cfg := range configs() {
		t.Run(name, func(t *testing.T) {
			m := newMemory(t, cfg)
			ops := rng.New(7, "ops", 0)
			for at := range uint64(300) {
				step(m, ops, at)
			}
			state := m.Snapshot()
			before := encode(t, state)
			other := newMemory(t, cfg)
			require.NoError(t, other.Restore(state))
			for at := range uint64(300) {
				step(m, ops, at)
				step(other, ops, at)
			}
			require.Equal(t, before, encode(t, state))
		})
	}
}

func TestReplaceIsNoArrival(t *testing.T) {
	for name, cfg := range configs() {
		t.Run(name, func(t *testing.T) {
			m := newMemory(t, cfg)
			for i := range 100 {
				m.Add(example(i), rng.New(1, "add", uint64(i)))
			}
			held := map[string]bool{}
			for _, ex := range all(m) {
				held[ex.ID] = true
			}
			for i := range 100 {
				ex := *example(i)
				ex.Weight = 9
				require.Equal(t, held[ex.ID], m.Replace(&ex))
			}
			for _, ex := range all(m) {
				require.True(t, held[ex.ID])
				require.EqualValues(t, 9, ex.Weight)
			}
			require.Len(t, held, m.Len())
		})
	}
}

func TestDrawIsWithoutReplacementAndLeavesNoTrace(t *testing.T) {
	for name, cfg := range configs() {
		t.Run(name, func(t *testing.T) {
			m := newMemory(t, cfg)
			for i := range 50 {
				m.Add(example(i), rng.New(1, "add", uint64(i)))
			}
			before := encode(t, m.Snapshot())
			for n := -1; n < cfg.Capacity+3; n++ {
				drawn := m.Draw([]*replay.Example{nil}, n, rng.New(2, "draw", uint64(n+1)))
				require.Nil(t, drawn[0], "what dst held was overwritten")
				require.Len(t, drawn, 1+max(0, min(n, m.Len())))
				seen := map[*replay.Example]bool{}
				for _, ex := range drawn[1:] {
					require.False(t, seen[ex])
					seen[ex] = true
				}
			}
			require.Equal(t, before, encode(t, m.Snapshot()))
		})
	}
}

func TestDrawAndAddDoNotAllocate(t *testing.T) {
	for name, cfg := range configs() {
		if cfg.Kind == replay.Herding || cfg.Store == replay.Uint8 {
			continue // what is kept takes memory: its features, its bytes
		}
		t.Run(name, func(t *testing.T) {
			m := newMemory(t, cfg)
			list := make([]*replay.Example, 1000)
			for i := range list {
				list[i] = example(i)
			}
			r := rng.New(1, "add", 0)
			for range 20 {
				for _, ex := range list {
					m.Add(ex, r)
				}
			}
			dst := m.Draw(nil, 20, r)
			require.Zero(t, testing.AllocsPerRun(100, func() { dst = m.Draw(dst[:0], 20, r) }))
			i := 0
			require.Zero(t, testing.AllocsPerRun(500, func() { m.Add(list[i%1000], r); i++ }))
		})
	}
}

func TestRestoreRefusesWhatDoesNotFitAndChangesNothing(t *testing.T) {
	fill := func(c replay.Config) replay.Memory {
		m := newMemory(t, c)
		for i := range 300 {
			m.Add(example(i), rng.New(1, "add", uint64(i)))
		}
		return m
	}
	for name, tc := range map[string]struct{ from, to replay.Config }{
		"another kind": {
			replay.Config{Kind: replay.Reservoir, Capacity: 10}, replay.Config{Kind: replay.RecencyMixed, Capacity: 10},
		},
		"reservoir beyond capacity": {
			replay.Config{Capacity: 11}, replay.Config{Capacity: 10},
		},
		"classes beyond capacity": {
			replay.Config{Kind: replay.ClassBalanced, Capacity: 11}, replay.Config{Kind: replay.ClassBalanced, Capacity: 10},
		},
		"too many groups": {
			replay.Config{Kind: replay.Stratified, Capacity: 10}, replay.Config{Kind: replay.Stratified, Capacity: 10, MaxGroups: 2},
		},
		"fewer groups than now": {
			replay.Config{Kind: replay.Stratified, Capacity: 10, MaxGroups: 2}, replay.Config{Kind: replay.Stratified, Capacity: 10},
		},
		"more latest examples": {
			replay.Config{Kind: replay.RecencyMixed, Capacity: 10, Recent: 0.5}, replay.Config{Kind: replay.RecencyMixed, Capacity: 10, Recent: 0.3},
		},
		"more older examples": {
			replay.Config{Kind: replay.RecencyMixed, Capacity: 10, Recent: 0.3}, replay.Config{Kind: replay.RecencyMixed, Capacity: 10, Recent: 0.5},
		},
	} {
		t.Run(name, func(t *testing.T) {
			to := fill(tc.to)
			before := encode(t, to.Snapshot())
			require.ErrorIs(t, to.Restore(fill(tc.from).Snapshot()), replay.ErrState)
			require.Equal(t, before, encode(t, to.Snapshot()))
		})
	}
	require.ErrorIs(t, newMemory(t, replay.Config{}).Restore(replay.State{}), replay.ErrState)
}
