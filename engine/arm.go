package engine

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/perennial-ml/perennial/engine/prequential"
	"github.com/perennial-ml/perennial/engine/signal"
	"github.com/perennial-ml/perennial/internal/rng"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/optim"
	"github.com/perennial-ml/perennial/replay"
)

// An arm is one learner behind the front: weights, optimizer and memory of its own.
type arm struct {
	cfg    Arm
	seed   uint64
	model  *models.Model
	step   *optim.Pipeline
	memory replay.Memory
	meter  *prequential.Meter
	counts ArmCounts

	batch     *batch
	rehearsed []*replay.Example
}

// ArmCounts counts what an arm did. It only grows.
type ArmCounts struct {
	Steps     uint64 `json:"steps"`
	Learned   uint64 `json:"learned"`    // new examples that were part of a step
	Rehearsed uint64 `json:"rehearsed"`  // drawn from the memory
	NonFinite uint64 `json:"non_finite"` // steps dropped whole, and batches not scored, for a NaN or an infinity
	Unusable  uint64 `json:"unusable"`   // examples whose own gradient is a NaN or an infinity
	Forgotten uint64 `json:"forgotten"`  // examples taken out of the memory: revised, retracted, rolled back
}

func newArm(cfg Arm, c Config) (*arm, error) {
	draw := int(math.Ceil(max(0, cfg.Rehearsal.Ratio) * float64(c.Batch.Size)))
	model, err := models.New(c.Spec, c.Batch.Size+draw)
	if err != nil {
		return nil, fmt.Errorf("arm %s: %w", cfg.Name, err)
	}
	// Every arm starts from the same weights, so that they differ by their
	// settings alone.
	model.Init(rng.New(c.Seed, "init", 0))
	step, err := optim.New(cfg.Optimizer, model.Params())
	if err != nil {
		return nil, fmt.Errorf("arm %s: %w", cfg.Name, err)
	}
	memory, err := replay.New(cfg.Replay)
	if err != nil {
		return nil, fmt.Errorf("arm %s: %w", cfg.Name, err)
	}
	meter, err := prequential.New(c.meter())
	if err != nil {
		return nil, fmt.Errorf("arm %s: %w", cfg.Name, err)
	}
	return &arm{
		cfg:    cfg,
		seed:   c.Seed,
		model:  model,
		step:   step,
		memory: memory,
		meter:  meter,
		batch:  newBatch(c.Spec, c.Batch.Size+draw),
	}, nil
}

// stream returns one of the arm's random streams at a position.
func (a *arm) stream(name string, position uint64) *rand.Rand {
	return rng.New(a.seed, a.cfg.Name+"/"+name, position)
}

// learn makes one optimizer step on new examples and rehearsed ones, and then offers
// the new ones to the memory. Where the step gives no numbers, the examples that alone
// are to blame leave it, and the memory, and the rest makes the step.
func (a *arm) learn(fresh []*replay.Example, draw, keep *rand.Rand) error {
	n := int(math.Round(max(0, a.cfg.Rehearsal.Ratio) * float64(len(fresh))))
	a.rehearsed = a.memory.Draw(a.rehearsed[:0], n, draw)
	rehearsed := a.rehearsed
	err := a.update(fresh, rehearsed)
	if errors.Is(err, models.ErrNonFinite) {
		a.counts.NonFinite++
		if fresh, err = a.sift(fresh); err != nil {
			return fmt.Errorf("arm %s: %w", a.cfg.Name, err)
		}
		if rehearsed, err = a.sift(rehearsed); err != nil {
			return fmt.Errorf("arm %s: %w", a.cfg.Name, err)
		}
		err = a.update(fresh, rehearsed)
	}
	switch {
	case errors.Is(err, models.ErrNonFinite): // together they overflow: the step is dropped whole
	case err != nil:
		return fmt.Errorf("arm %s: %w", a.cfg.Name, err)
	case len(fresh)+len(rehearsed) > 0:
		a.counts.Steps++
		a.counts.Learned += uint64(len(fresh))
		a.counts.Rehearsed += uint64(len(rehearsed))
	}
	for _, ex := range fresh {
		a.memory.Add(ex, keep)
	}
	return nil
}

// sift returns the examples whose own gradient is finite; the others leave the memory.
func (a *arm) sift(list []*replay.Example) ([]*replay.Example, error) {
	var kept []*replay.Example
	for _, ex := range list {
		a.batch.reset()
		a.batch.add(ex)
		_, err := a.model.Gradients(a.batch.view())
		switch {
		case err == nil:
			kept = append(kept, ex)
		case errors.Is(err, models.ErrNonFinite):
			a.counts.Unusable++
			a.forget(ex.ID)
		default:
			return nil, err
		}
	}
	return kept, nil
}

// update makes a step on the examples, if there are any.
func (a *arm) update(lists ...[]*replay.Example) error {
	a.batch.reset()
	for _, list := range lists {
		for _, ex := range list {
			a.batch.add(ex)
		}
	}
	if a.batch.b.Rows == 0 {
		return nil
	}
	if _, err := a.model.Gradients(a.batch.view()); err != nil {
		return err
	}
	return a.step.Step(a.model.Grads(), a.model.Params())
}

// forget takes an example out of the memory.
func (a *arm) forget(id string) {
	if a.memory.RemoveID(id) {
		a.counts.Forgotten++
	}
}

// rollBack takes the arm to earlier weights: the optimizer starts afresh, and the
// memory forgets what came later.
func (a *arm) rollBack(version uint64, weights models.Params) error {
	if err := a.model.Params().CopyFrom(weights); err != nil {
		return fmt.Errorf("arm %s: %w", a.cfg.Name, err)
	}
	step, err := optim.New(a.cfg.Optimizer, a.model.Params())
	if err != nil {
		return fmt.Errorf("arm %s: %w", a.cfg.Name, err)
	}
	a.step = step
	a.counts.Forgotten += uint64(a.memory.Remove(func(ex *replay.Example) bool {
		return ex.Position > version
	}))
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
		Score:   r.Outcome == signal.New,
		Learn:   r.Learn,
		Outputs: r.Outputs,
		Since:   now,
	}
}
