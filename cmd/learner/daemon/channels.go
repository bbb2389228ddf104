package daemon

import (
	"encoding/json"
	"sync/atomic"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/checkpoint/hotload"
	"github.com/perennial-ml/perennial/models"
)

// A channel holds what a server of this process answers with. It is a serve.Source.
type channel struct {
	current atomic.Pointer[hotload.Loaded]
}

// Current returns the weights to answer with, or nil before the first.
func (c *channel) Current() *hotload.Loaded { return c.current.Load() }

// set swaps the weights; requests that began with the old ones finish with them.
func (c *channel) set(v uint64, weights *models.Frozen, spec json.RawMessage) {
	c.current.Store(&hotload.Loaded{Version: checkpoint.Version(v), Spec: spec, Weights: weights})
}
