package engine_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/engine"
	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/optim"
)

// bigConfig's model has a tensor of several chunks, with moments.
func bigConfig() engine.Config {
	cfg := config()
	cfg.Spec = models.Spec{Kind: "mlp", Task: models.Binary, Dense: cfg.Spec.Dense, Categories: cfg.Spec.Categories, Hidden: []int{600, 600}}
	cfg.Arms[0].Optimizer = []optim.Config{{AdamW: &optim.AdamW{}}}
	cfg.Batch.Wait = time.Nanosecond
	return cfg
}

func TestALargeModelIsRestoredFromItsPieces(t *testing.T) {
	cfg := bigConfig()
	e := newEngine(t, cfg)
	l := newTape()
	apply(t, e, lesson(l, 1, 40, false))
	parts := partsOf(t, e)
	for _, name := range []string{"weights.2.0", "weights.2.5", "candidate.2.0", "stable.2.5", "optimizer.2.1", "optimizer.8.5"} {
		require.Contains(t, parts, name)
	}
	again := newEngine(t, cfg)
	require.NoError(t, again.Restore(readFrom(parts)))
	require.Equal(t, hash(t, e), hash(t, again))
	more := lesson(l, 2, 40, true)
	require.Equal(t, apply(t, e, more), apply(t, again, more))
	require.Equal(t, hash(t, e), hash(t, again))

	for name := range parts {
		if !strings.Contains(name, ".2.") {
			continue
		}
		damaged := partsOf(t, e)
		delete(damaged, name)
		require.Error(t, again.Restore(readFrom(damaged)), "without %s", name)
		damaged[name] = parts[name][:len(parts[name])-4]
		require.Error(t, again.Restore(readFrom(damaged)), "with half of %s", name)
	}
	require.Equal(t, hash(t, e), hash(t, again), "a restore that failed changed the state")
}

// What has not changed since it was written must be known by its digest, so that nobody
// encodes it again; what has changed must not.
func TestPartsThatDidNotChangeStaySealed(t *testing.T) {
	e := newEngine(t, bigConfig())
	l := newTape()
	apply(t, e, lesson(l, 1, 40, false))
	unsealed := func() (names []string) {
		parts, err := e.Snapshot()
		require.NoError(t, err)
		for _, p := range parts {
			if p.Seal == nil || p.Seal.Digest() == "" {
				names = append(names, p.Name)
			}
			require.NoError(t, p.Write(&bytes.Buffer{}))
		}
		return names
	}
	require.Contains(t, unsealed(), "candidate.2.0", "which the weights share")
	idle := unsealed()
	for _, name := range idle {
		require.NotContains(t, name, ".2.")
	}
	apply(t, e, lesson(l, 2, 2, false))
	after := unsealed()
	require.True(t, slices.Contains(after, "weights.2.0") || slices.Contains(after, "candidate.2.0"))
	require.Contains(t, after, "optimizer.2.0")
}

// A memory of many examples is kept in pages, and the engine goes on from them.
func TestALargeMemoryIsRestoredFromItsPages(t *testing.T) {
	cfg := config()
	cfg.Arms[0].Replay.Capacity = 20_000
	e := newEngine(t, cfg)
	l := newTape()
	apply(t, e, lesson(l, 1, 17_000, false))
	parts := partsOf(t, e)
	require.Contains(t, parts, "replay.16")
	again := newEngine(t, cfg)
	require.NoError(t, again.Restore(readFrom(parts)))
	require.Equal(t, hash(t, e), hash(t, again))
	more := lesson(l, 2, 50, true)
	require.Equal(t, apply(t, e, more), apply(t, again, more))
	require.Equal(t, hash(t, e), hash(t, again))
	delete(parts, "replay.3")
	require.Error(t, again.Restore(readFrom(parts)))
}

// tableConfig's model has a table of 32 chunks, of which a batch touches few rows.
func tableConfig() engine.Config {
	cfg := bigConfig()
	cfg.Spec.Kind, cfg.Spec.Hidden = "deepfm", []int{8}
	cfg.Spec.Categories, cfg.Spec.Embedding = []int{1 << 17}, 16
	return cfg
}

// visits are labels of rows with one of n categories.
func visits(l *tape, seed uint64, count, n int) []engine.Record {
	from := len(l.records)
	r := rand.New(rand.NewPCG(seed, 7))
	for i := range count {
		x := row(r)
		x.Categories = []int32{int32(r.IntN(n))}
		l.add(time.Millisecond, selfContained(fmt.Sprintf("v%d-%d", seed, i), x, truth(x)))
	}
	return l.records[from:]
}

// Of a table, versions must share the chunks that nothing touched, with the state exact
// all the same.
func TestOnlyTouchedChunksOfATableAreNew(t *testing.T) {
	cfg := tableConfig()
	e := newEngine(t, cfg)
	l := newTape()
	apply(t, e, visits(l, 1, 50, 1<<17))
	before := e.Weights()
	apply(t, e, visits(l, 2, 50, 4096)) // one chunk's rows, if none is rehearsed
	after := e.Weights()
	changed, chunks := 0, 0
	for i, tensor := range after.Tensors() {
		if len(tensor.Chunks) == 1 {
			continue
		}
		for j, c := range tensor.Chunks {
			chunks++
			if c != before.Tensors()[i].Chunks[j] {
				changed++
			}
		}
	}
	require.GreaterOrEqual(t, chunks, 32)
	require.Less(t, changed, chunks)
	require.NotZero(t, changed)

	again := copied(t, cfg, e)
	more := visits(l, 3, 50, 1<<17)
	require.Equal(t, apply(t, e, more), apply(t, again, more))
	require.Equal(t, hash(t, e), hash(t, again))
	// Nothing that was written went unmarked: a copy of everything is the same.
	require.True(t, e.Weights().Params().Equal(again.Weights().Params()))
	fresh := copied(t, cfg, again)
	require.Equal(t, hash(t, e), hash(t, fresh))
}

// A rollback to weights that came in chunks must leave a chain of copies that follows what
// is learned from there.
func TestALargeModelLearnsOnFromWhatItWasRolledBackTo(t *testing.T) {
	s := shelf{}
	e, err := engine.New(bigConfig(), s)
	require.NoError(t, err)
	l := newTape()
	s.keep(t, e, lesson(l, 1, 40, false))
	partsOf(t, e)
	at := e.Report().Channels.Candidate
	s.keep(t, e, lesson(l, 2, 40, false))
	l.add(time.Millisecond, control("c", feedback.Control{Action: feedback.Rollback, Version: at, Digest: "sha256:any", Learner: true}))
	s.keep(t, e, l.records[len(l.records)-1:])
	require.True(t, e.Weights().Equal(s[at]))
	s.keep(t, e, lesson(l, 3, 40, false))
	require.False(t, e.Weights().Equal(s[at]))
	fresh := newEngine(t, bigConfig())
	require.NoError(t, fresh.Restore(readFrom(partsOf(t, e))))
	require.True(t, fresh.Weights().Equal(e.Weights()))
	require.Equal(t, hash(t, e), hash(t, fresh))
}
