package engine_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/engine"
	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/models"
)

// shelf is a store of versions in memory.
type shelf map[uint64]*models.Frozen

var errNoVersion = errors.New("no such version")

func (s shelf) Weights(version uint64, _ string) (*models.Frozen, error) {
	p, ok := s[version]
	if !ok {
		return nil, errNoVersion
	}
	return p, nil
}

// keep shelves every published version.
func (s shelf) keep(t *testing.T, e *engine.Engine, records []engine.Record) []string {
	t.Helper()
	var out []string
	for _, rec := range records {
		effects, err := e.Apply(rec)
		require.NoError(t, err)
		for _, f := range effects {
			if p, ok := f.(engine.Publish); ok {
				s[p.Version] = p.Weights
			}
			out = append(out, describe(f))
		}
	}
	return out
}

// lesson is n self-contained labels that the engine can learn from.
func lesson(l *tape, seed uint64, n int, flip bool) []engine.Record {
	from := len(l.records)
	r := rand.New(rand.NewPCG(seed, 1))
	for i := range n {
		x := row(r)
		y := truth(x)
		if flip {
			y = 1 - y
		}
		l.add(time.Millisecond, selfContained(fmt.Sprintf("s%d-%d", seed, i), x, y))
	}
	return l.records[from:]
}

func rolled(t *testing.T, c feedback.Control) (*engine.Engine, shelf, *tape, []string) {
	t.Helper()
	s := shelf{}
	e, err := engine.New(config(), s)
	require.NoError(t, err)
	l := newTape()
	s.keep(t, e, lesson(l, 1, 400, false))
	c.Action, c.Version, c.Digest = feedback.Rollback, e.Report().Channels.Candidate, "sha256:any"
	s.keep(t, e, lesson(l, 2, 400, true))
	l.add(time.Millisecond, control("c", c))
	effects := s.keep(t, e, l.records[len(l.records)-1:])
	return e, s, l, effects
}

func TestRollbackMovesAndPinsStable(t *testing.T) {
	e, s, l, effects := rolled(t, feedback.Control{})
	rep := e.Report()
	require.True(t, rep.Channels.Pinned)
	require.Contains(t, effects, fmt.Sprint("stable ", rep.Channels.Stable))
	require.Less(t, rep.Channels.Stable, uint64(401))

	for _, f := range s.keep(t, e, lesson(l, 3, 400, false)) {
		require.False(t, strings.HasPrefix(f, "stable"), "a pinned channel moved: %s", f)
	}
	l.add(time.Millisecond, control("u", feedback.Control{Action: feedback.Unpin}))
	s.keep(t, e, l.records[len(l.records)-1:])
	s.keep(t, e, lesson(l, 4, 2000, false))
	require.Greater(t, e.Report().Channels.Stable, uint64(1200), "an unpinned channel stays behind")
}

func TestUnpinnedRollbackIsNotUndoneBeforeThereIsEvidence(t *testing.T) {
	e, s, l, _ := rolled(t, feedback.Control{Unpinned: true})
	at := e.Report().Channels.Stable
	s.keep(t, e, lesson(l, 3, 90, false))
	require.Equal(t, at, e.Report().Channels.Stable)
	require.Contains(t, e.Report().Channels.Reason, "since the rollback")
	s.keep(t, e, lesson(l, 4, 1000, false))
	require.Greater(t, e.Report().Channels.Stable, at, "a candidate as good as stable is never promoted again")
}

func TestRollbackOfTheLearnerForgetsWhatCameAfter(t *testing.T) {
	e, s, _, _ := rolled(t, feedback.Control{Learner: true})
	rep := e.Report()
	require.True(t, e.Weights().Equal(s[rep.Channels.Stable]), "the learner's weights are not the version's")
	require.NotZero(t, rep.Arms[0].Counts.Forgotten)
	require.Zero(t, rep.Waiting.Examples, "examples from after the version wait to be learned")

	kept, _, _, _ := rolled(t, feedback.Control{})
	require.Zero(t, kept.Report().Arms[0].Counts.Forgotten)
}

func TestRollbackToAVersionThatIsGoneLeavesTheState(t *testing.T) {
	e, err := engine.New(config(), shelf{})
	require.NoError(t, err)
	apply(t, e, traffic(1, 100).records)
	before := hash(t, e)
	_, err = e.Apply(engine.Record{
		Position: e.Position() + 1,
		Event:    control("c", feedback.Control{Action: feedback.Rollback, Version: 3, Digest: "sha256:any"}),
	})
	require.ErrorIs(t, err, engine.ErrVersion)
	require.ErrorIs(t, err, errNoVersion)
	require.Equal(t, before, hash(t, e))
	apply(t, e, []engine.Record{{Position: e.Position() + 1, Event: tick("t")}})
}

func TestRollbackThatNobodyPreparedIsSetAside(t *testing.T) {
	e, err := engine.New(config(), shelf{})
	require.NoError(t, err)
	l := newTape()
	l.add(0, control("c", feedback.Control{Action: feedback.Rollback, Version: 3}))
	l.add(0, control("c", feedback.Control{Action: feedback.Pin}))
	require.Equal(t, []string{"dead letter 1 false"}, apply(t, e, l.records))
	require.True(t, e.Report().Channels.Pinned, "the refused record's id counts as seen")
}

func TestPromoteMovesStableWhateverThePolicySays(t *testing.T) {
	e, s, l, _ := rolled(t, feedback.Control{})
	s.keep(t, e, lesson(l, 3, 64, false))
	l.add(time.Millisecond, control("p", feedback.Control{Action: feedback.Promote}))
	s.keep(t, e, l.records[len(l.records)-1:])
	rep := e.Report()
	require.Equal(t, rep.Channels.Candidate, rep.Channels.Stable)
}

func TestAnnounceNamesWhatARestoredStateServes(t *testing.T) {
	s := shelf{}
	cfg := config()
	e, err := engine.New(cfg, s)
	require.NoError(t, err)
	l := newTape()
	s.keep(t, e, lesson(l, 1, 400, false))
	l.add(time.Millisecond, control("c", feedback.Control{Action: feedback.Pin}))
	s.keep(t, e, l.records[len(l.records)-1:])
	s.keep(t, e, lesson(l, 2, 400, false))
	var want, got []string
	for _, f := range e.Announce() {
		want = append(want, describe(f))
	}
	for _, f := range copied(t, cfg, e).Announce() {
		got = append(got, describe(f))
	}
	require.Equal(t, want, got)
	rep := e.Report()
	require.NotEqual(t, rep.Channels.Candidate, rep.Channels.Stable)
}
