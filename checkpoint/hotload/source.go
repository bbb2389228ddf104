package hotload

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/models"
)

var (
	// ErrDigest says that what was fetched is not what was announced.
	ErrDigest = errors.New("hotload: digest mismatch")
	// ErrEpoch says that an announcement is of a learner that was replaced.
	ErrEpoch = errors.New("hotload: announced by a learner that was replaced")
	// ErrRunning says that Run was called twice.
	ErrRunning = errors.New("hotload: already running")
)

// Loaded is a version in memory. Nothing in it is ever changed.
type Loaded struct {
	Version checkpoint.Version
	Spec    json.RawMessage // models.Spec
	// Weights share the chunks that did not change with those of the versions before.
	Weights *models.Frozen
	// Digest names the weights: equal digests, equal weights, from sources of one kind.
	// Empty from Memory, where nothing can be damaged.
	Digest string
	// Epoch is that of the learner that published it; 0 where there are none.
	Epoch uint64
}

// An Announcement says that a channel names a version.
type Announcement struct {
	Version checkpoint.Version
	Digest  string // of the weights, as Loaded.Digest; empty if not known yet
	Epoch   uint64
	Detail  any // for the source's own Fetch
}

// A Source is where versions come from: one channel of one model.
type Source interface {
	// Watch calls announce, one call at a time, with what the channel names, soon
	// after it is called and at each change, until ctx ends or the source breaks.
	// It does not wait for a fetch: announce returns at once. Nothing there yet is no error.
	Watch(ctx context.Context, announce func(Announcement)) error
	// Fetch returns what was announced, proven. It may share memory with have,
	// the version in use, which may be nil. It may be called while Watch runs.
	Fetch(ctx context.Context, a Announcement, have *Loaded) (*Loaded, error)
}
