package engine

import (
	"cmp"
	"fmt"

	"github.com/perennial-ml/perennial/engine/continual"
	"github.com/perennial-ml/perennial/internal/rng"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/replay"
)

// Anchors configures the examples that the figures of continual learning are measured on: set
// aside from what is learned, phase by phase, and never trained on.
type Anchors struct {
	// Size is the number of examples kept of each phase. Default 0: none, and nothing is
	// measured.
	Size int `yaml:"size" json:"size,omitempty"`
	// Share is the share of the examples that are set aside, drawn by position, in
	// (0, 0.5]. Default 0.01.
	Share float64 `yaml:"share" json:"share,omitempty"`
	// Every is the number of examples learned between two looks. Default 1,000.
	Every uint64 `yaml:"every" json:"every,omitempty"`
	// Phases is the number of phases that ended that are kept; the oldest goes first.
	// Default 16.
	Phases int `yaml:"phases" json:"phases,omitempty"`
	// Burst has looks follow closer upon what may disturb what was learned.
	Burst Burst `yaml:"burst" json:"burst,omitzero"`
}

// A Burst is the looks that follow the end of a phase, the growth of the head and the
// rollback of the learner, for what is lost for some steps alone: the stability gap.
type Burst struct {
	// Looks is their number. Default 20; negative for none.
	Looks int `yaml:"looks" json:"looks,omitempty"`
	// Every is the number of examples learned between two of them. Default 1: a look after
	// every micro-batch.
	Every uint64 `yaml:"every" json:"every,omitempty"`
}

func (c Anchors) withDefaults() Anchors {
	if c.Size != 0 {
		c.Share = cmp.Or(c.Share, 0.01)
		c.Every = cmp.Or(c.Every, 1000)
		c.Phases = cmp.Or(c.Phases, 16)
		c.Burst.Looks = cmp.Or(c.Burst.Looks, 20)
		c.Burst.Every = cmp.Or(c.Burst.Every, 1)
	}
	return c
}

func (c Anchors) validate(s models.Spec) error {
	switch {
	case c.Size == 0 && c != Anchors{}:
		return fmt.Errorf("metrics.anchors.size: must be set beside other fields of anchors")
	case c.Size == 0:
		return nil
	case s.Task == models.Regression:
		return fmt.Errorf("metrics.anchors: must be absent for task regression: forgetting is a loss of accuracy")
	case c.Size < 1 || c.Size > 1<<16:
		return fmt.Errorf("metrics.anchors.size: must be in [1, %d], got %d", 1<<16, c.Size)
	case !(c.Share > 0 && c.Share <= 0.5):
		return fmt.Errorf("metrics.anchors.share: must be in (0, 0.5], got %v", c.Share)
	case c.Phases < 1 || c.Phases > 256:
		return fmt.Errorf("metrics.anchors.phases: must be in [1, 256], got %d", c.Phases)
	case c.Burst.Looks > maxLooks:
		return fmt.Errorf("metrics.anchors.burst.looks: must be at most %d, got %d", maxLooks, c.Burst.Looks)
	}
	return nil
}

// maxLooks bounds the looks of one burst.
const maxLooks = 1 << 16

// A phase is what was set aside of a phase of learning, and how the first arm does on it.
type phase struct {
	examples replay.Memory
	ended    uint64 // position; 0 for the one in progress
	task     continual.Task
}

// anchors are the examples set aside, and how the first arm does on them.
type anchors struct {
	cfg    Anchors
	seed   uint64
	since  uint64  // examples learned since the last look
	burst  int     // looks that are left of a burst
	open   phase   // in progress
	closed []phase // that ended, the oldest first
	held   uint64  // examples set aside, ever
	looks  uint64  // ever

	anytime continual.Mean // of the average accuracy, over the looks
	first   *models.Frozen // the weights that nothing was learned into
	before  *models.Frozen // those as the phase in progress began; nil in the first one

	list []*replay.Example
	out  []float32
}

// newAnchors returns nil for an engine that keeps none; first are its weights before the
// first record.
func newAnchors(c Config, first *models.Frozen) (*anchors, error) {
	if c.Metrics.Anchors.Size == 0 {
		return nil, nil
	}
	a := &anchors{cfg: c.Metrics.Anchors, seed: c.Seed, first: first}
	var err error
	a.open, err = a.newPhase()
	return a, err
}

func (a *anchors) newPhase() (phase, error) {
	m, err := replay.New(replay.Config{Kind: replay.Reservoir, Capacity: a.cfg.Size})
	return phase{examples: m, task: continual.NewTask()}, err
}

// takes reports whether an example is set aside: a function of the seed and its position.
func (a *anchors) takes(ex *replay.Example) bool {
	return a != nil && !ex.Negative && rng.New(a.seed, "anchors", ex.Position).Float64() < a.cfg.Share
}

func (a *anchors) add(ex *replay.Example, position uint64) {
	a.held++
	a.open.examples.Add(ex, rng.New(a.seed, "anchors/keep", position))
}

// each calls f for every memory.
func (a *anchors) each(f func(replay.Memory)) {
	if a == nil {
		return
	}
	for _, p := range a.closed {
		f(p.examples)
	}
	f(a.open.examples)
}

// learned notes how many examples the arms are about to learn.
func (a *anchors) learned(n int) {
	if a != nil {
		a.since += uint64(n)
	}
}

// disturbed begins a burst of looks.
func (a *anchors) disturbed() {
	if a != nil {
		a.burst = max(a.cfg.Burst.Looks, 0)
	}
}

// rollBack forgets the examples that came after a version to which the first arm goes back,
// with those weights. A phase that began later now begins with them.
func (a *anchors) rollBack(version uint64, weights *models.Frozen) {
	if a == nil {
		return
	}
	a.each(func(m replay.Memory) {
		m.Remove(func(ex *replay.Example) bool { return ex.Position > version })
	})
	if n := len(a.closed); a.before != nil && n > 0 && a.closed[n-1].ended > version {
		a.before = weights
	}
	a.disturbed()
}
