package engine_test

import (
	"bytes"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/engine"
	"github.com/perennial-ml/perennial/engine/arm"
	"github.com/perennial-ml/perennial/internal/rng"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/replay"
)

func TestRestoreRefusesLogitsThatTheModelCannotHaveGiven(t *testing.T) {
	for _, tc := range []struct {
		name   string
		logits []float32
		want   string
	}{
		{"more than the model's outputs", []float32{1, 2}, "example p1 has 2 logits, the model 1 outputs"},
		{"not finite", []float32{float32(math.NaN())}, "example p1 has a logit that is not finite"},
		{"one an output", []float32{-3}, ""},
		{"none kept", nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := config()
			memory, err := replay.New(cfg.Arms[0].Replay)
			require.NoError(t, err)
			memory.Add(&replay.Example{
				ID: "p1", Dense: []float32{1, 2, 3}, Categories: []int32{0}, Weight: 1,
				Logits: tc.logits, LogitsAt: 3,
			}, rng.New(1, "keep", 0))
			var part bytes.Buffer
			_, err = memory.Snapshot().WriteTo(&part)
			require.NoError(t, err)
			stored := partsOf(t, newEngine(t, cfg))
			stored[arm.PartReplay] = part.Bytes()
			err = newEngine(t, cfg).Restore(readFrom(stored))
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.want)
		})
	}
}

func TestMemoriesThatMakeNoSenseAreRefusedWithAReason(t *testing.T) {
	for _, tc := range []struct {
		task       models.Task
		memory     replay.Config
		ratio      float64
		projection string
		want       string
	}{
		{models.Binary, replay.Config{Logits: true}, 1, arm.ProjectAGEM,
			"arms[0].replay.logits: must be false with projection.kind agem: such a step has no one batch whose logits they would be"},
		{models.Binary, replay.Config{Retrieve: replay.Retrieve{Kind: replay.Interfered}}, 1, arm.ProjectGEM,
			"arms[0].replay.retrieve.kind: must be random with projection.kind gem: that looks at the whole memory"},
		{models.Binary, replay.Config{Retrieve: replay.Retrieve{Kind: replay.Interfered}}, 1, arm.ProjectAGEM, ""},
		{models.Regression, replay.Config{Kind: replay.Herding}, 1, "",
			"arms[0].replay.kind: must not be herding for task regression: it keeps what is typical of a class, and values are none; reservoir does without"},
		{models.Regression, replay.Config{Kind: replay.GDumb}, 1, "",
			"arms[0].replay.kind: must not be gdumb for task regression: it evens out classes, and values are none; class_balanced evens out rounded ones"},
		{models.Binary, replay.Config{Kind: replay.LossAware}, -1, "",
			"arms[0].replay.kind: must not be loss_aware with rehearsal.ratio -1: it goes by the losses of rehearsed examples"},
		{models.Binary, replay.Config{Retrieve: replay.Retrieve{Kind: replay.Interfered}}, -1, "",
			"arms[0].replay.retrieve.kind: must be random with rehearsal.ratio -1: nothing is rehearsed"},
		{models.Binary, replay.Config{Kind: replay.RecencyMixed, Retrieve: replay.Retrieve{Kind: replay.Balanced}}, 1, "",
			"arms[0].replay.retrieve.kind: must not be balanced for kind recency, which tells no groups apart; reservoir and class_balanced do"},
		{models.Binary, replay.Config{MaxBytes: 100}, 1, "",
			"arms[0].replay.max_bytes: must be 0, or at least 4096 with max_groups 1024, got 100"},
		{models.Regression, replay.Config{Kind: replay.ClassBalanced, Retrieve: replay.Retrieve{Kind: replay.Balanced}}, 1, "", ""},
		{models.Regression, replay.Config{Kind: replay.GSS, Retrieve: replay.Retrieve{Kind: replay.Interfered}}, 1, "", ""},
		{models.Binary, replay.Config{Kind: replay.Herding}, -1, "", ""},
	} {
		cfg := config()
		cfg.Spec.Task = tc.task
		cfg.Arms[0].Replay, cfg.Arms[0].Rehearsal.Ratio = tc.memory, tc.ratio
		cfg.Segment, cfg.Arms[0].Projection.Kind = "shop", tc.projection
		_, err := engine.New(cfg, nil)
		if tc.want == "" {
			require.NoError(t, err)
			continue
		}
		require.EqualError(t, err, tc.want)
	}
}

// What an arm keeps for itself is its own: arms share the examples that they are shown.
func TestArmsThatHoldAnExampleInTheirOwnWayLeaveItToOthers(t *testing.T) {
	cfg := config()
	packed := learner("packed", replay.Reservoir, 0.01)
	packed.Replay.Store, packed.Replay.Logits = replay.Uint8, true
	cfg.Arms = append(cfg.Arms, packed)
	l := newTape()
	r := rng.New(1, "pixels", 0)
	for i := range 200 {
		x := row(r)
		for k := range x.Dense {
			x.Dense[k] = float32(r.IntN(256)) / 255
		}
		l.add(time.Millisecond, selfContained(fmt.Sprint("s", i), x, float64(i%2)))
	}
	both := newEngine(t, cfg)
	apply(t, both, l.records)
	plain := newEngine(t, config())
	apply(t, plain, l.records)
	require.Equal(t, plain.Report().Arms[0], both.Report().Arms[0])

	cfg = config()
	cfg.Arms[0].Replay.Store = replay.Uint8
	bytes := newEngine(t, cfg)
	apply(t, bytes, l.records)
	want, got := plain.Report().Arms[0], bytes.Report().Arms[0]
	require.Equal(t, want.Prequential, got.Prequential, "pixels come back bit for bit, so that the learning is the same")
	require.Equal(t, want.Counts, got.Counts)
	require.Zero(t, got.MemoryWhole)
}
