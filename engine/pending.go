package engine

import (
	"fmt"

	"github.com/perennial-ml/perennial/engine/batch"
	"github.com/perennial-ml/perennial/engine/signal"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/replay"
)

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

// check holds a pending example that was read back against the model's shapes.
func (p pending) check(cfg Config, spec models.Spec) error {
	known := spec.Outputs()
	spec.Classes = max(spec.Classes, cfg.MaxClasses) // a class that waits to be learned may be new
	if err := batch.Check(p.Example, spec); err != nil {
		return err
	}
	if p.Outputs != nil && (len(p.Outputs) < cfg.Spec.Outputs() || len(p.Outputs) > known) {
		return fmt.Errorf("example %s has %d outputs, the model %d", p.Example.ID, len(p.Outputs), known)
	}
	return nil
}

// replacePending revises an example that has not been learned yet, in its place.
func (e *Engine) replacePending(r signal.Resolution) bool {
	for i := range e.pending {
		if e.pending[i].Example.ID == r.ID {
			e.pending[i].Example = r.Example
			e.pending[i].Learn = r.Learn
			return true
		}
	}
	return false
}

func (e *Engine) dropPending(id string) (dropped pending, ok bool) {
	for i, p := range e.pending {
		if p.Example.ID == id {
			e.pending = append(e.pending[:i], e.pending[i+1:]...)
			return p, true
		}
	}
	return pending{}, false
}

// dropAfter forgets the pending examples that came after a version.
func dropAfter(list []pending, version uint64) []pending {
	kept := list[:0]
	for _, p := range list {
		if p.Example.Position <= version {
			kept = append(kept, p)
		}
	}
	clear(list[len(kept):])
	return kept
}
