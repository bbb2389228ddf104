package engine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/engine"
)

func TestScoringAShareOfTheBatchesLearnsTheSame(t *testing.T) {
	log := traffic(3, 4000).records
	run := func(share float64) *engine.Engine {
		cfg := config()
		cfg.Metrics.Share = share
		e := newEngine(t, cfg)
		apply(t, e, log)
		return e
	}
	all, some := run(1), run(0.25)
	a, b := all.Report().Arms[0], some.Report().Arms[0]
	require.Equal(t, a.Counts, b.Counts)
	require.Equal(t, a.MemoryLen, b.MemoryLen)
	ratio := float64(b.Prequential.Total) / float64(a.Prequential.Total)
	require.InDelta(t, 0.25, ratio, 0.08)
	require.Equal(t, hash(t, some), hash(t, run(0.25)), "which batches are scored is not a function of the log")
}

func TestShareOutsideItsRangeIsRefused(t *testing.T) {
	for _, share := range []float64{-0.1, 1.1} {
		cfg := config()
		cfg.Metrics.Share = share
		_, err := engine.New(cfg, nil)
		require.ErrorContains(t, err, "metrics.share: must be in (0, 1]")
	}
}
