package arm

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/perennial-ml/perennial/engine/batch"
	"github.com/perennial-ml/perennial/engine/prequential"
	"github.com/perennial-ml/perennial/guard"
	"github.com/perennial-ml/perennial/internal/rng"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/optim"
	"github.com/perennial-ml/perennial/replay"
)

// An Arm is one learner behind the front: weights, optimizer and memory of its own.
type Arm struct {
	cfg    Config
	seed   uint64
	use    models.Compute
	model  *models.Model
	step   *optim.Pipeline
	memory replay.Memory
	choose *replay.Retriever
	judge  *judge
	meter  *prequential.Meter
	counts Counts

	objective models.Objective
	classes   classes
	heads     *batch.Masks
	phase     replay.Memory // examples since the last consolidation; nil if nothing asks for them
	since     uint64        // their number

	noise     uint64       // of the step in progress: what its dropout leaves out
	drift     *guard.Drift // nil if it does not look for drift
	drifted   bool         // since it was last asked
	teacher   *teacher     // nil unless the loss needs one
	projector *projector   // nil without a projection

	dirty     *models.Dirty  // of the weights, since they were frozen
	frozen    *models.Frozen // the last copy of the weights
	batch     *batch.Batch
	rehearsed [2][]*replay.Example // by draw
	notes     notes
}

// New returns an arm before its first step. cfg is complete and valid.
func New(cfg Config, f Front) (*Arm, error) {
	draw := int(math.Ceil(max(0, cfg.Rehearsal.Ratio) * float64(f.Rows)))
	capacity := f.Rows + cfg.Loss.draws()*draw
	model, err := models.New(f.Spec, capacity)
	if err != nil {
		return nil, fmt.Errorf("arm %s: %w", cfg.Name, err)
	}
	if err := model.Use(f.Compute); err != nil {
		return nil, fmt.Errorf("arm %s: %w", cfg.Name, err)
	}
	objective := cfg.Loss.objective(f.Spec)
	objective.Masked = objective.Masked || len(f.Heads) > 0
	if err := model.SetObjective(objective); err != nil {
		return nil, fmt.Errorf("arm %s: %w", cfg.Name, err)
	}
	// Every arm starts from the same weights, so that they differ by their
	// settings alone.
	model.Init(rng.New(f.Seed, "init", 0))
	step, err := newStep(cfg, f.Compute, model.Params())
	if err != nil {
		return nil, err
	}
	j := &judge{}
	memory, err := replay.NewJudged(cfg.Replay, j)
	if err != nil {
		return nil, fmt.Errorf("arm %s: %w", cfg.Name, err)
	}
	choose, err := replay.NewRetriever(cfg.Replay.Retrieve, memory, j)
	if err != nil {
		return nil, fmt.Errorf("arm %s: %w", cfg.Name, err)
	}
	phase, err := newPhase(cfg)
	if err != nil {
		return nil, fmt.Errorf("arm %s: %w", cfg.Name, err)
	}
	taught, err := newTeacher(cfg, f, capacity)
	if err != nil {
		return nil, fmt.Errorf("arm %s: teacher: %w", cfg.Name, err)
	}
	projector, err := newProjector(cfg, model.Params())
	if err != nil {
		return nil, fmt.Errorf("arm %s: %w", cfg.Name, err)
	}
	meter, err := prequential.New(f.Meter)
	if err != nil {
		return nil, fmt.Errorf("arm %s: %w", cfg.Name, err)
	}
	a := &Arm{
		cfg:       cfg,
		seed:      f.Seed,
		use:       f.Compute,
		model:     model,
		step:      step,
		memory:    memory,
		choose:    choose,
		judge:     j,
		meter:     meter,
		objective: objective,
		heads:     batch.NewMasks(f.Heads, f.Spec),
		phase:     phase,
		drift:     newDrift(cfg),
		teacher:   taught,
		projector: projector,
		batch:     batch.New(f.Spec, objective, capacity),
		dirty:     models.NewDirty(model.Params()),
	}
	j.arm = a
	if cfg.Loss.asymmetric(f.Spec) || taught != nil {
		a.classes.seen = make([]bool, f.Spec.Classes)
	}
	if cfg.Loss.asymmetric(f.Spec) {
		a.classes.fresh = make([]bool, f.Spec.Classes)
	}
	return a, nil
}

// Name returns the arm's name.
func (a *Arm) Name() string { return a.cfg.Name }

// Counts returns what the arm did so far.
func (a *Arm) Counts() Counts { return a.counts }

// Meter returns the account of the arm's answers, each given before its label was learned.
func (a *Arm) Meter() *prequential.Meter { return a.meter }

// Predict writes the arm's answers to a batch. It returns models.ErrNonFinite if they are no
// numbers.
func (a *Arm) Predict(dst []float32, b *models.Batch) error { return a.model.Predict(dst, b) }

// Unscored notes a batch that the arm gave no numbers for.
func (a *Arm) Unscored() { a.counts.NonFinite++ }

// Streams are an arm's random streams at one position.
type Streams struct{ draw, keep, noise *rand.Rand }

// Streams returns the random streams of the steps at a position.
func (a *Arm) Streams(position uint64) Streams {
	return Streams{draw: a.stream("draw", position), keep: a.stream("keep", position), noise: a.stream("noise", position)}
}

// stream returns one of the arm's random streams at a position.
func (a *Arm) stream(name string, position uint64) *rand.Rand {
	return rng.New(a.seed, a.cfg.Name+"/"+name, position)
}

// Learn makes one optimizer step on new examples and rehearsed ones, and then offers
// the new ones to the memory. Where the step gives no numbers, the examples that alone
// are to blame leave it, and the memory, and the rest makes the step.
func (a *Arm) Learn(fresh []*replay.Example, position uint64, streams Streams) error {
	n := int(math.Round(max(0, a.cfg.Rehearsal.Ratio) * float64(len(fresh))))
	a.noise = streams.noise.Uint64()
	if a.cfg.Projection.Kind == ProjectGEM {
		n = 0 // it looks at the whole memory
	}
	a.classes.note(fresh)
	replay.Returned(a.memory)
	for i := range a.cfg.Loss.draws() {
		a.rehearsed[i] = a.choose.Retrieve(a.rehearsed[i][:0], n, fresh, streams.draw)
	}
	if err := a.judge.take(); err != nil {
		return err
	}
	portions := a.portions(fresh, a.rehearsed)
	err := a.update(portions)
	if errors.Is(err, models.ErrNonFinite) {
		a.counts.NonFinite++
		for i := range portions {
			if err := a.sift(&portions[i]); err != nil {
				return fmt.Errorf("arm %s: %w", a.cfg.Name, err)
			}
		}
		err = a.update(portions)
	}
	fresh = portions[0].examples
	rehearsed := 0
	for _, p := range portions[1:] {
		rehearsed += len(p.examples)
	}
	learned := err == nil
	switch {
	case errors.Is(err, models.ErrNonFinite): // together they overflow: the step is dropped whole
	case err != nil:
		return fmt.Errorf("arm %s: %w", a.cfg.Name, err)
	case len(fresh)+rehearsed > 0:
		a.counts.Steps++
		a.counts.Learned += uint64(len(fresh))
		a.counts.Rehearsed += uint64(rehearsed)
	}
	if learned {
		a.observe(portions)
	}
	a.remember(fresh, learned, position, streams.keep)
	return a.judge.take()
}

// sift leaves in a portion the examples whose own gradient is finite; the others leave the
// memory, too.
func (a *Arm) sift(p *portion) error {
	var kept []*replay.Example
	for _, ex := range p.examples {
		alone := *p
		alone.examples = []*replay.Example{ex}
		a.compose([]portion{alone})
		_, err := a.model.Gradients(a.batch.View())
		switch {
		case err == nil:
			kept = append(kept, ex)
		case errors.Is(err, models.ErrNonFinite):
			a.counts.Unusable++
			a.Forget(ex.ID)
		default:
			return err
		}
	}
	p.examples = kept
	return nil
}

// Forget takes an example out of the memory.
func (a *Arm) Forget(id string) {
	if a.phase != nil {
		a.phase.RemoveID(id)
	}
	if a.memory.RemoveID(id) {
		a.counts.Forgotten++
	}
}

// Replace revises an example that the arm may remember.
func (a *Arm) Replace(ex *replay.Example) {
	if a.phase != nil {
		a.phase.Replace(ex)
	}
	a.memory.Replace(ex)
}

// newStep makes an arm's optimizer.
func newStep(cfg Config, compute models.Compute, params models.Params) (*optim.Pipeline, error) {
	step, err := optim.New(cfg.Optimizer, params)
	if err == nil {
		err = step.Use(compute)
	}
	if err != nil {
		return nil, fmt.Errorf("arm %s: %w", cfg.Name, err)
	}
	return step, nil
}

// Freeze returns a copy of the weights, in time proportional to what changed since the
// last one.
func (a *Arm) Freeze() *models.Frozen {
	a.frozen = a.dirty.Freeze(a.model.Params(), a.frozen)
	return a.frozen
}

// load replaces the weights. It returns models.ErrNonFinite, and changes nothing, if one is not
// finite.
func (a *Arm) load(weights *models.Frozen) error {
	if !weights.Finite() {
		return fmt.Errorf("%w: weights to load", models.ErrNonFinite)
	}
	frozen, err := a.dirty.Thaw(a.model.Params(), weights)
	if err != nil {
		return err
	}
	a.frozen = frozen
	return nil
}

// RollBack takes the arm to earlier weights: the optimizer starts afresh, and the
// memory forgets what came later.
func (a *Arm) RollBack(version uint64, weights *models.Frozen) error {
	if err := a.load(weights); err != nil {
		return fmt.Errorf("arm %s: %w", a.cfg.Name, err)
	}
	step, err := newStep(a.cfg, a.use, a.model.Params())
	if err != nil {
		return err
	}
	a.step = step
	if a.teacher != nil && a.teacher.at > version {
		a.teacher.at = 0 // it knows what is taken back
	}
	later := func(ex *replay.Example) bool { return ex.Position > version }
	if a.phase != nil {
		a.phase.Remove(later)
	}
	a.counts.Forgotten += uint64(a.memory.Remove(later))
	return nil
}
