package engine

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/perennial-ml/perennial/engine/prequential"
	"github.com/perennial-ml/perennial/engine/signal"
	"github.com/perennial-ml/perennial/guard"
	"github.com/perennial-ml/perennial/internal/rng"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/optim"
	"github.com/perennial-ml/perennial/replay"
)

// An arm is one learner behind the front: weights, optimizer and memory of its own.
type arm struct {
	cfg    Arm
	seed   uint64
	use    models.Compute
	model  *models.Model
	step   *optim.Pipeline
	memory replay.Memory
	choose *replay.Retriever
	judge  *judge
	meter  *prequential.Meter
	counts ArmCounts

	objective models.Objective
	classes   classes
	heads     *heads
	phase     replay.Memory // examples since the last consolidation; nil if nothing asks for them
	since     uint64        // their number

	noise     uint64       // of the step in progress: what its dropout leaves out
	drift     *guard.Drift // nil if it does not look for drift
	drifted   bool         // in the batch in progress
	teacher   *teacher     // nil unless the loss needs one
	projector *projector   // nil without a projection

	dirty     *models.Dirty  // of the weights, since they were frozen
	frozen    *models.Frozen // the last copy of the weights
	batch     *batch
	rehearsed [2][]*replay.Example // by draw
	offered   []*replay.Example
}

// ArmCounts counts what an arm did. It only grows.
type ArmCounts struct {
	Steps     uint64 `json:"steps"`
	Learned   uint64 `json:"learned"`    // new examples that were part of a step
	Rehearsed uint64 `json:"rehearsed"`  // drawn from the memory
	NonFinite uint64 `json:"non_finite"` // steps dropped whole, and batches not scored, for a NaN or an infinity
	Unusable  uint64 `json:"unusable"`   // examples whose own gradient is a NaN or an infinity
	Forgotten uint64 `json:"forgotten"`  // examples taken out of the memory: revised, retracted, rolled back
	// Consolidations counts the phases of learning that ended.
	Consolidations uint64 `json:"consolidations"`
	Drifts         uint64 `json:"drifts"` // alarms of the drift detector
}

func newArm(cfg Arm, c Config) (*arm, error) {
	draw := int(math.Ceil(max(0, cfg.Rehearsal.Ratio) * float64(c.Batch.Size)))
	capacity := c.Batch.Size + cfg.Loss.draws()*draw
	model, err := models.New(c.Spec, capacity)
	if err != nil {
		return nil, fmt.Errorf("arm %s: %w", cfg.Name, err)
	}
	if err := model.Use(c.Compute); err != nil {
		return nil, fmt.Errorf("arm %s: %w", cfg.Name, err)
	}
	objective := cfg.Loss.objective(c.Spec)
	objective.Masked = objective.Masked || len(c.Heads) > 0
	if err := model.SetObjective(objective); err != nil {
		return nil, fmt.Errorf("arm %s: %w", cfg.Name, err)
	}
	// Every arm starts from the same weights, so that they differ by their
	// settings alone.
	model.Init(rng.New(c.Seed, "init", 0))
	step, err := newStep(cfg, c.Compute, model.Params())
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
	taught, err := newTeacher(cfg, c, capacity)
	if err != nil {
		return nil, fmt.Errorf("arm %s: teacher: %w", cfg.Name, err)
	}
	projector, err := newProjector(cfg, model.Params())
	if err != nil {
		return nil, fmt.Errorf("arm %s: %w", cfg.Name, err)
	}
	meter, err := prequential.New(c.meter())
	if err != nil {
		return nil, fmt.Errorf("arm %s: %w", cfg.Name, err)
	}
	a := &arm{
		cfg:       cfg,
		seed:      c.Seed,
		use:       c.Compute,
		model:     model,
		step:      step,
		memory:    memory,
		choose:    choose,
		judge:     j,
		meter:     meter,
		objective: objective,
		heads:     newHeads(c),
		phase:     phase,
		drift:     newDrift(cfg),
		teacher:   taught,
		projector: projector,
		batch:     newBatch(c.Spec, objective, capacity),
		dirty:     models.NewDirty(model.Params()),
	}
	j.arm = a
	if cfg.Loss.asymmetric(c.Spec) || taught != nil {
		a.classes.seen = make([]bool, c.Spec.Classes)
	}
	if cfg.Loss.asymmetric(c.Spec) {
		a.classes.fresh = make([]bool, c.Spec.Classes)
	}
	return a, nil
}

// stream returns one of the arm's random streams at a position.
func (a *arm) stream(name string, position uint64) *rand.Rand {
	return rng.New(a.seed, a.cfg.Name+"/"+name, position)
}

// learn makes one optimizer step on new examples and rehearsed ones, and then offers
// the new ones to the memory. Where the step gives no numbers, the examples that alone
// are to blame leave it, and the memory, and the rest makes the step.
func (a *arm) learn(fresh []*replay.Example, position uint64, streams armStreams) error {
	n := int(math.Round(max(0, a.cfg.Rehearsal.Ratio) * float64(len(fresh))))
	a.noise = streams.noise.Uint64()
	if a.cfg.Projection.Kind == ProjectGEM {
		n = 0 // it looks at the whole memory
	}
	a.classes.note(fresh)
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
func (a *arm) sift(p *portion) error {
	var kept []*replay.Example
	for _, ex := range p.examples {
		alone := *p
		alone.examples = []*replay.Example{ex}
		a.compose([]portion{alone})
		_, err := a.model.Gradients(a.batch.view())
		switch {
		case err == nil:
			kept = append(kept, ex)
		case errors.Is(err, models.ErrNonFinite):
			a.counts.Unusable++
			a.forget(ex.ID)
		default:
			return err
		}
	}
	p.examples = kept
	return nil
}

// forget takes an example out of the memory.
func (a *arm) forget(id string) {
	if a.phase != nil {
		a.phase.RemoveID(id)
	}
	if a.memory.RemoveID(id) {
		a.counts.Forgotten++
	}
}

// memoryBytes estimates what the arm's examples take.
func (a *arm) memoryBytes() int {
	if a.phase != nil {
		return a.memory.Bytes() + a.phase.Bytes()
	}
	return a.memory.Bytes()
}

// replace revises an example that the arm may remember.
func (a *arm) replace(ex *replay.Example) {
	if a.phase != nil {
		a.phase.Replace(ex)
	}
	a.memory.Replace(ex)
}

// newStep makes an arm's optimizer.
func newStep(cfg Arm, compute models.Compute, params models.Params) (*optim.Pipeline, error) {
	step, err := optim.New(cfg.Optimizer, params)
	if err == nil {
		err = step.Use(compute)
	}
	if err != nil {
		return nil, fmt.Errorf("arm %s: %w", cfg.Name, err)
	}
	return step, nil
}

// freeze returns a copy of the weights, in time proportional to what changed since the
// last one.
func (a *arm) freeze() *models.Frozen {
	a.frozen = a.dirty.Freeze(a.model.Params(), a.frozen)
	return a.frozen
}

// load replaces the weights.
func (a *arm) load(weights *models.Frozen) error {
	frozen, err := a.dirty.Thaw(a.model.Params(), weights)
	if err != nil {
		return err
	}
	a.frozen = frozen
	return nil
}

// rollBack takes the arm to earlier weights: the optimizer starts afresh, and the
// memory forgets what came later.
func (a *arm) rollBack(version uint64, weights *models.Frozen) error {
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

// pending is one example that waits for its micro-batch.
type pending struct {
	Example *replay.Example `cbor:"1,keyasint"`
	Score   bool            `cbor:"2,keyasint"` // not scored yet
	Learn   bool            `cbor:"3,keyasint"`
	Outputs []float32       `cbor:"4,keyasint"` // as served; nil if nothing was
	Since   int64           `cbor:"5,keyasint"` // log time
}

func newPending(r signal.Resolution, now int64) pending {
	return pending{
		Example: r.Example,
		Score:   r.Outcome == signal.New || r.Unscored,
		Learn:   r.Learn,
		Outputs: r.Outputs,
		Since:   now,
	}
}
