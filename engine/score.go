package engine

import (
	"errors"
	"fmt"
	"slices"

	"github.com/perennial-ml/perennial/engine/anchor"
	"github.com/perennial-ml/perennial/engine/arm"
	"github.com/perennial-ml/perennial/engine/batch"
	"github.com/perennial-ml/perennial/engine/prequential"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/replay"
)

// worstLoss stands for the loss of an answer that is no number, so that a candidate
// which gives such answers is held.
const worstLoss = 1e300

// scores judges predictions before anything learns from their outcomes: what was
// served, what stable would say, and (in each arm's own meter) what each arm would.
type scores struct {
	spec   models.Spec
	served *prequential.Meter
	stable *prequential.Meter
	// paired holds the first arm's and stable's losses on the same examples.
	paired *prequential.Paired

	predictor *models.Predictor // holds stable's weights
	loaded    *models.Frozen    // and these are they
	known     int               // outputs that stable has; the others are masked
	masks     []float32         // scratch of knownTo
	heads     *batch.Masks
	batch     *batch.Batch
	outputs   [2][]float32 // the first arm's, or stable's; a challenger's
	target    []float32
	answer    []float32 // scratch of padded
	fresh     []*replay.Example
	scored    []pending
}

func newScores(cfg Config) (*scores, error) {
	s := &scores{spec: cfg.Spec, heads: batch.NewMasks(cfg.Heads, cfg.Spec)}
	s.batch = batch.New(cfg.Spec, models.Objective{Masked: s.heads != nil}, cfg.Batch.Size)
	var err error
	if s.served, err = prequential.New(cfg.meter()); err != nil {
		return nil, err
	}
	if s.stable, err = prequential.New(cfg.meter()); err != nil {
		return nil, err
	}
	if s.paired, err = prequential.NewPaired(cfg.Promote.Window); err != nil {
		return nil, err
	}
	if s.predictor, err = models.NewPredictor(cfg.Spec, cfg.Batch.Size); err != nil {
		return nil, fmt.Errorf("stable: %w", err)
	}
	if err = s.predictor.Use(cfg.Compute); err != nil {
		return nil, fmt.Errorf("stable: %w", err)
	}
	for i := range s.outputs {
		s.outputs[i] = make([]float32, cfg.Batch.Size*cfg.Spec.Outputs())
	}
	return s, nil
}

// load takes over the weights that answers are asked of, as a rule stable's. They may know
// fewer classes than the arms.
func (s *scores) load(weights *models.Frozen, spec models.Spec) error {
	s.known = spec.Outputs()
	if s.known < s.spec.Outputs() {
		wide, err := models.GrowFrozen(spec, weights, s.spec.Classes)
		if err != nil {
			return fmt.Errorf("stable: %w", err)
		}
		weights = wide
	}
	if err := s.predictor.Update(weights, s.loaded); err != nil {
		return fmt.Errorf("stable: %w", err)
	}
	s.loaded = weights
	return nil
}

// widened returns the scores so far, to be gone on with by arms that know more classes.
func (s *scores) widened(c Config) (*scores, error) {
	n, err := newScores(c)
	if err != nil {
		return nil, err
	}
	if err := models.Widen(n.predictor.Params(), s.predictor.Params()); err != nil {
		return nil, err
	}
	n.served, n.stable, n.paired, n.known = s.served, s.stable, s.paired, s.known
	return n, nil
}

// knownTo returns the batch as a model is asked it that knows so many of the outputs: without
// the classes that it does not know.
func (s *scores) knownTo(known int) *models.Batch {
	b := *s.batch.View()
	k := s.spec.Outputs()
	if known == k {
		return &b
	}
	s.masks = slices.Grow(s.masks[:0], b.Rows*k)[:b.Rows*k]
	for i := range s.masks {
		s.masks[i] = 0
		if i%k < known {
			s.masks[i] = 1
		}
	}
	b.Mask = s.masks
	return &b
}

// knows says that an example's class is one that the arms have. Of others only those come
// here that may not be learned, or that say what is wrong: neither makes a class known.
func (s *scores) knows(ex *replay.Example) bool {
	return s.spec.Task != models.Multiclass || int(ex.Target) < s.spec.Classes
}

// learnable returns the examples of a batch that may be learned; valid until the next
// call. Some are set aside as anchors instead.
func (s *scores) learnable(items []pending, aside *anchor.Set, position uint64) []*replay.Example {
	s.fresh = s.fresh[:0]
	for _, p := range items {
		switch {
		case !p.Learn || !s.knows(p.Example):
		case aside.Takes(p.Example):
			aside.Add(p.Example, position)
		default:
			s.fresh = append(s.fresh, p.Example)
		}
	}
	return s.fresh
}

// add scores a micro-batch. Complementary labels say only what is wrong and are not
// scored.
func (s *scores) add(items []pending, arms []*arm.Arm) error {
	s.batch.Reset()
	s.scored = s.scored[:0]
	rows := s.batch.View()
	for _, p := range items {
		if p.Score && !p.Example.Negative {
			s.scored = append(s.scored, p)
			s.batch.Add(p.Example)
			rows.Mask = append(rows.Mask, s.heads.Of(p.Example.Segment)...)
		}
	}
	n := len(s.scored)
	if n == 0 {
		return nil
	}
	first, err := s.addArms(arms)
	if err != nil {
		return err
	}
	w := s.spec.Outputs()
	stable, err := s.predict(s.predictor, s.outputs[1][:n*w], s.knownTo(s.known))
	if err != nil {
		return fmt.Errorf("stable: %w", err)
	}
	for j, p := range s.scored {
		ex := p.Example
		if p.Outputs != nil {
			s.served.Add(ex.Segment, s.padded(p.Outputs), ex.Target, ex.Weight)
		}
		if stable == nil {
			continue
		}
		s.stable.Add(ex.Segment, stable[j*w:(j+1)*w], ex.Target, ex.Weight)
		if !s.knows(ex) {
			continue
		}
		s.target = batch.AppendTarget(s.target[:0], s.spec, ex)
		loss := worstLoss
		if first != nil {
			loss = models.Loss(s.spec.Task, first[j*w:(j+1)*w], s.target)
		}
		s.paired.Add(loss, models.Loss(s.spec.Task, stable[j*w:(j+1)*w], s.target))
	}
	return nil
}

// padded returns outputs that were served, with 0 for classes that are known since.
func (s *scores) padded(outputs []float32) []float32 {
	if len(outputs) >= s.spec.Outputs() {
		return outputs
	}
	s.answer = append(s.answer[:0], outputs...)
	for len(s.answer) < s.spec.Outputs() {
		s.answer = append(s.answer, 0)
	}
	return s.answer
}

// addArms scores the batch with every arm and returns the first one's outputs; nil if
// they are not finite.
func (s *scores) addArms(arms []*arm.Arm) (first []float32, err error) {
	n, w := len(s.scored), s.spec.Outputs()
	for i, a := range arms {
		out, err := s.predict(a, s.outputs[min(i, 1)][:n*w], s.batch.View())
		if err != nil {
			return nil, fmt.Errorf("arm %s: %w", a.Name(), err)
		}
		if i == 0 {
			first = out
		}
		if out == nil {
			a.Unscored()
			continue
		}
		for j, p := range s.scored {
			a.Score(p.Example, out[j*w:(j+1)*w])
		}
	}
	return first, nil
}

// A responder gives the outputs of a batch.
type responder interface {
	Predict(dst []float32, b *models.Batch) error
}

// predict returns dst filled in, or nil if weights that grew without bound give
// answers that are no numbers.
func (s *scores) predict(m responder, dst []float32, b *models.Batch) ([]float32, error) {
	err := m.Predict(dst, b)
	if errors.Is(err, models.ErrNonFinite) {
		return nil, nil
	}
	return dst, err
}
