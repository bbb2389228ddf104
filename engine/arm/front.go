package arm

import (
	"github.com/perennial-ml/perennial/engine/batch"
	"github.com/perennial-ml/perennial/engine/prequential"
	"github.com/perennial-ml/perennial/models"
)

// A Front is what the arms of one engine share, so that they differ by their Config alone.
type Front struct {
	Seed    uint64 // the root of every random stream
	Spec    models.Spec
	Compute models.Compute // of one goroutine
	Rows    int            // new examples of a step, at most
	Heads   batch.Heads
	Meter   prequential.Config
}
