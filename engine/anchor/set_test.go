package anchor_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/engine/anchor"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/replay"
)

// A pupil is a learner whose marks are given.
type pupil struct {
	now     float64
	earlier map[*models.Frozen]float64
	asked   int
}

func (p *pupil) Accuracy([]*replay.Example) (float64, error) {
	p.asked++
	return p.now, nil
}

func (p *pupil) AccuracyOf(w *models.Frozen, _ []*replay.Example) (float64, error) {
	return p.earlier[w], nil
}

// Freeze returns weights for which the mark is 0.4.
func (p *pupil) Freeze() *models.Frozen {
	w := weights()
	p.earlier[w] = 0.4
	return w
}

func weights() *models.Frozen { return models.Params{models.NewParam("w", 2)}.Freeze() }

// anchored returns a set and a pupil who knew a fifth before the first example.
func anchored(t *testing.T) (*anchor.Set, *pupil) {
	cfg := anchor.Config{Size: 4, Every: 10, Burst: anchor.Burst{Looks: 2}}.WithDefaults()
	require.NoError(t, cfg.Validate(models.Spec{Task: models.Binary}))
	first := weights()
	s, err := anchor.New(cfg, 1, first)
	require.NoError(t, err)
	return s, &pupil{earlier: map[*models.Frozen]float64{first: 0.2}}
}

func example(position uint64) *replay.Example {
	return &replay.Example{ID: fmt.Sprint("e", position), Position: position, Dense: []float32{1}, Weight: 1}
}

func learn(t *testing.T, s *anchor.Set, p *pupil, n int) {
	for range n {
		s.Learned(1)
		require.NoError(t, s.Measure(p))
	}
}

func TestLooksComeAtTheirDistanceAndCloserAfterADisturbance(t *testing.T) {
	s, p := anchored(t)
	s.Add(example(1), 1)
	learn(t, s, p, 9)
	require.Nil(t, s.Report(), "nothing was looked at")
	learn(t, s, p, 1)
	require.EqualValues(t, 1, s.Report().Looks)

	s.Disturbed()
	learn(t, s, p, 2)
	require.EqualValues(t, 3, s.Report().Looks)
	learn(t, s, p, 9)
	require.EqualValues(t, 3, s.Report().Looks, "the burst has two looks")
	learn(t, s, p, 1)
	require.EqualValues(t, 4, s.Report().Looks)
}

func TestAPhaseIsMeasuredByWhatWasKnownBeforeItAndSince(t *testing.T) {
	s, p := anchored(t)
	s.Add(example(1), 1)
	p.now = 0.9
	require.NoError(t, s.Close(5, p))
	s.Add(example(6), 6)
	p.now = 0.6
	require.NoError(t, s.Close(9, p))

	r := s.Report()
	require.Len(t, r.Phases, 2)
	first, second := r.Phases[0], r.Phases[1]
	require.EqualValues(t, 5, first.Ended)
	require.InDelta(t, 0.2, *first.First, 0)
	require.Nil(t, first.Before, "nothing came before the first phase")
	require.InDelta(t, 0.9, *first.AtEnd, 0)
	require.InDelta(t, 0.6, first.Current, 0)
	require.InDelta(t, 0.4, *second.Before, 0, "of the weights as the first phase ended")
	require.InDelta(t, -0.3, *r.BackwardTransfer, 1e-12)
	require.InDelta(t, 0.2, *r.ForwardTransfer, 1e-12)
}

func TestAPhaseOfWhichNothingIsHeldGoesOn(t *testing.T) {
	s, p := anchored(t)
	require.NoError(t, s.Close(5, p))
	s.Add(example(6), 6)
	s.Forget("e6")
	require.NoError(t, s.Close(9, p))
	require.Empty(t, s.State().Scores)
	require.Zero(t, p.asked)
}

func TestARollbackForgetsTheExamplesThatCameAfter(t *testing.T) {
	s, p := anchored(t)
	s.Add(example(1), 1)
	s.Add(example(8), 8)
	s.RollBack(5, weights())
	learn(t, s, p, 1)
	require.Equal(t, 1, s.Report().Phases[0].Examples)
}

func TestComplementaryLabelsAreNeverSetAside(t *testing.T) {
	s, _ := anchored(t)
	taken := 0
	for position := range uint64(2000) {
		ex := example(position)
		if s.Takes(ex) {
			taken++
		}
		ex.Negative = true
		require.False(t, s.Takes(ex))
	}
	require.InDelta(t, 20, taken, 15, "a share of 0.01")
}

func TestARestoredSetGoesOnAsTheOriginalDoes(t *testing.T) {
	s, p := anchored(t)
	for position := range uint64(40) {
		s.Add(example(position+1), position+1)
		p.now = float64(position) / 40
		learn(t, s, p, 1)
		if position%15 == 14 {
			require.NoError(t, s.Close(position+1, p))
		}
	}
	stored := partsOf(t, s)
	read := func(name string) ([]byte, error) { return stored[name], nil }
	fits := func(*replay.Example) error { return nil }
	knows := func(*models.Frozen) error { return nil }
	again, _ := anchored(t)
	require.NoError(t, again.Restore(s.State(), read, fits, knows))
	require.Equal(t, s.Report(), again.Report())

	p.now = 0.5
	for _, set := range []*anchor.Set{s, again} {
		for position := uint64(50); position < 80; position++ {
			set.Add(example(position), position)
			learn(t, set, p, 1)
		}
	}
	require.Equal(t, s.State(), again.State())
	require.Equal(t, partsOf(t, s), partsOf(t, again))

	broken, _ := anchored(t)
	unfit := func(ex *replay.Example) error { return fmt.Errorf("%s is too wide", ex.ID) }
	require.ErrorContains(t, broken.Restore(s.State(), read, unfit, knows), "is too wide")
}

func TestWithoutAnchorsNothingIsMeasured(t *testing.T) {
	s, err := anchor.New(anchor.Config{}.WithDefaults(), 1, weights())
	require.NoError(t, err)
	p := &pupil{}
	require.False(t, s.Takes(example(1)))
	learn(t, s, p, 1)
	require.NoError(t, s.Close(2, p))
	require.Nil(t, s.Report())
	require.Nil(t, s.State())
	require.Empty(t, s.Parts())
	require.Zero(t, p.asked)
}

func partsOf(t *testing.T, s *anchor.Set) map[string][]byte {
	stored := map[string][]byte{}
	for _, p := range s.Parts() {
		var buf bytes.Buffer
		require.NoError(t, p.Write(&buf))
		stored[p.Name] = buf.Bytes()
	}
	return stored
}
