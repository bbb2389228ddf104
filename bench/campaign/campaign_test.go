package campaign_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/bench/campaign"
	"github.com/perennial-ml/perennial/bench/data"
	"github.com/perennial-ml/perennial/bench/protocol"
	"github.com/perennial-ml/perennial/bench/report"
	"github.com/perennial-ml/perennial/bench/result"
	"github.com/perennial-ml/perennial/internal/durable"
)

const suite = `
name: small
title: Split-MNIST on a sample
source: nobody
data: mnist
scenario: {kind: split, tasks: 5, mean: 0.13, scale: 0.31}
seeds: [1, 2]
look: {every: 2, rows: 5}
learner:
  model: {kind: mlp, hidden: [16]}
  batch: {size: 16}
  optimizer: [{adamw: {learning_rate: 0.003}}]
  rehearsal: {ratio: -1}
methods:
  - {name: none, published: 1}
  - {name: er, published: 99, default: true, note: A note., learner: {replay: {capacity: 100}, rehearsal: {ratio: 1}}}
  - {name: majority, baseline: majority}
  - {name: joint, joint: true}
`

// start returns a campaign whose results are in folder.
func start(t *testing.T, folder string) campaign.Campaign {
	t.Helper()
	s, err := protocol.Read("test", strings.NewReader(suite))
	require.NoError(t, err)
	e, err := data.Find(s.Data)
	require.NoError(t, err)
	split, err := e.Load("../data/testdata")
	require.NoError(t, err)
	store, err := result.Open(folder, s.Name)
	require.NoError(t, err)
	t.Cleanup(func() { _ = store.Close() })
	return campaign.Campaign{
		Suite: s, Data: split, Store: store, Jobs: 2,
		Origin: result.Origin{Commit: "abc", Command: "learner bench run small", Machine: "a machine"},
		Clock:  func() time.Time { return time.Unix(1000, 0) },
	}
}

func TestACampaignRunsWhatIsMissingAndNothingTwice(t *testing.T) {
	c := start(t, t.TempDir())
	var mu sync.Mutex
	var names []string
	last := int64(-1)
	c.Finished = func(r result.Run) { names = append(names, r.Method) }
	c.Progress = func(done, total int64) {
		mu.Lock()
		defer mu.Unlock()
		require.GreaterOrEqual(t, done, last, "progress went back")
		last = done
	}
	c.Methods, c.Seeds = []string{"er", "majority"}, []uint64{1}
	skipped, err := c.Run(context.Background())
	require.NoError(t, err)
	require.Zero(t, skipped)
	require.ElementsMatch(t, []string{"er", "majority"}, names)
	require.EqualValues(t, 2000, last)

	c.Methods, c.Seeds, last = nil, nil, -1
	skipped, err = c.Run(context.Background())
	require.NoError(t, err)
	require.Equal(t, 2, skipped)
	require.Len(t, c.Store.Runs(), 8)

	c.Methods = []string{"nothing"}
	_, err = c.Run(context.Background())
	require.ErrorContains(t, err, `no method "nothing"; there is `)
}

func TestWorkersDecideNoFigure(t *testing.T) {
	one, two := start(t, t.TempDir()), start(t, t.TempDir())
	one.Jobs = 1
	for _, c := range []campaign.Campaign{one, two} {
		_, err := c.Run(context.Background())
		require.NoError(t, err)
	}
	for _, a := range one.Store.Runs() {
		found := false
		for _, b := range two.Store.Runs() {
			if a.Method == b.Method && a.Seed == b.Seed {
				found = true
				require.Equal(t, a.Figures, b.Figures)
			}
		}
		require.True(t, found)
	}
}

func TestAnInterruptionLeavesWholeRunsAndTheNextCallGoesOn(t *testing.T) {
	folder := t.TempDir()
	c := start(t, folder)
	ctx, cancel := context.WithCancel(context.Background())
	c.Finished = func(result.Run) { cancel() }
	_, err := c.Run(ctx)
	require.ErrorIs(t, err, context.Canceled)
	n := len(c.Store.Runs())
	require.Less(t, n, 8)
	require.NotZero(t, n)
	require.NoError(t, c.Store.Close())

	// A power cut in the middle of a line.
	path := result.Path(folder, "small")
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, append(raw, []byte(`{"suite":"small","met`)...), 0o644))
	c = start(t, folder)
	require.Len(t, c.Store.Runs(), n)
	skipped, err := c.Run(context.Background())
	require.NoError(t, err)
	require.Equal(t, n, skipped)
	runs, whole, err := result.Read(path)
	require.NoError(t, err)
	require.Len(t, runs, 8)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, info.Size(), whole)
}

func TestResultsHaveOneWriterAndRefuseDamage(t *testing.T) {
	folder := t.TempDir()
	c := start(t, folder)
	_, err := result.Open(folder, "small")
	require.ErrorIs(t, err, durable.ErrLocked)
	require.NoError(t, c.Store.Close())
	require.NoError(t, os.WriteFile(result.Path(folder, "small"), []byte("{\"suite\":\"small\"}\n{}\n"), 0o644))
	_, err = result.Open(folder, "small")
	require.ErrorIs(t, err, result.ErrCorrupt)
	require.ErrorContains(t, err, "line 1")
}

func TestTheReportHoldsEveryMethodAgainstItsPublishedFigure(t *testing.T) {
	folder := t.TempDir()
	c := start(t, folder)
	c.Methods = []string{"none", "er", "majority"}
	_, err := c.Run(context.Background())
	require.NoError(t, err)
	stale := c.Store.Runs()[0]
	stale.Digest = "another"
	require.NoError(t, report.Write(folder, c.Suite, append(c.Store.Runs(), stale)))
	raw, err := os.ReadFile(filepath.Join(folder, "small.md"))
	require.NoError(t, err)
	page := string(raw)
	require.Regexp(t, `\| none \| [\d.]+ ± [\d.]+ \| 2 \| 1.00 \| passed \|`, page)
	require.Regexp(t, `\| \*\*er\*\* \| [\d.]+ ± [\d.]+ \| 2 \| 99.00 \| missed by [\d.]+ \|`, page)
	require.Contains(t, page, "| joint | not measured | 0 |")
	require.Contains(t, page, "- er: A note.")
	require.Regexp(t, `\| none .*\| – \| [\d.]+ \|`, page, "a memory that is not rehearsed from is no cost of the method")
	require.Regexp(t, `\| \*\*er\*\* .*\| \d+ KiB \|`, page)
	require.Contains(t, page, "Left out: 1 run(s)")
	require.Contains(t, page, "`learner bench run small` at commit abc on a machine")
	for _, name := range []string{"time", "seconds", "memory", "forgetting", "matrix"} {
		require.Contains(t, page, "(small-"+name+".svg)")
		require.FileExists(t, filepath.Join(folder, "small-"+name+".svg"))
	}
	require.NoError(t, report.Write(folder, c.Suite, append(c.Store.Runs(), stale)))
	again, err := os.ReadFile(filepath.Join(folder, "small.md"))
	require.NoError(t, err)
	require.Equal(t, page, string(again))
	files, err := filepath.Glob(filepath.Join(folder, "*"+durable.TempSuffix))
	require.NoError(t, err)
	require.Empty(t, files)
}
