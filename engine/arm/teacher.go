package arm

import (
	"errors"

	"github.com/perennial-ml/perennial/engine/batch"
	"github.com/perennial-ml/perennial/models"
)

// A teacher is the arm as it was at its last consolidation, to whose answers later steps are
// held. It is part of the state.
type teacher struct {
	predictor *models.Predictor
	weights   *models.Frozen // in the predictor
	at        uint64         // position of that consolidation; 0 before the first
	known     []bool         // the classes it had seen
	groups    []float32
	logits    []float32
}

// newTeacher returns nil for a loss that needs none.
func newTeacher(cfg Config, f Front, capacity int) (*teacher, error) {
	if cfg.Loss.Kind != LossLwF {
		return nil, nil
	}
	spec := f.Spec
	p, err := models.NewPredictor(spec, capacity)
	if err != nil {
		return nil, err
	}
	if err := p.Use(f.Compute); err != nil {
		return nil, err
	}
	return &teacher{
		predictor: p,
		weights:   p.Params().Freeze(),
		known:     make([]bool, spec.Classes),
		groups:    make([]float32, spec.Classes),
		logits:    make([]float32, capacity*spec.Outputs()),
	}, nil
}

// replace makes the arm's weights the teacher's, with the classes that it has seen. Classes
// of a head are one group, and those without a head another.
func (t *teacher) replace(weights *models.Frozen, seen []bool, h batch.Heads, position uint64) error {
	if err := t.load(weights); err != nil {
		return err
	}
	t.at = position
	copy(t.known, seen)
	t.group(h)
	return nil
}

func (t *teacher) load(weights *models.Frozen) error {
	if err := t.predictor.Update(weights, t.weights); err != nil {
		return err
	}
	t.weights = weights
	return nil
}

func (t *teacher) group(h batch.Heads) {
	for c, ok := range t.known {
		t.groups[c] = 0
		if ok {
			t.groups[c] = float32(len(h) + 1)
		}
	}
	for i := len(h) - 1; i >= 0; i-- { // a class of several heads belongs to the first
		for _, c := range h[i].Classes {
			if t.known[c] {
				t.groups[c] = float32(i + 1)
			}
		}
	}
}

// consult gives the rows of a batch the teacher's logits. Before there is a teacher, and
// where its logits are not finite, they weigh nothing.
func (a *Arm) consult() {
	t, b := a.teacher, a.batch.View()
	k := a.batch.Spec().Outputs()
	b.Distill = b.Distill[:b.Rows*k]
	clear(b.Distill)
	for range b.Rows {
		b.Groups = append(b.Groups, t.groups...)
	}
	if t.at != 0 {
		features := models.Batch{Rows: b.Rows, Dense: b.Dense, Categories: b.Categories}
		err := t.predictor.Logits(t.logits[:b.Rows*k], &features)
		if err == nil {
			copy(b.Distill, t.logits)
			return
		}
		if !errors.Is(err, models.ErrNonFinite) {
			a.judge.err = errors.Join(a.judge.err, err)
		}
	}
	clear(b.DistillWeights)
}
