package engine

import (
	"errors"
	"fmt"
	"math"

	"github.com/perennial-ml/perennial/internal/rng"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/replay"
)

// Anchors configures the examples that forgetting is measured on: set aside from what is
// learned, phase by phase, and never trained on.
type Anchors struct {
	// Size is the number of examples kept of each phase. Default 0: none, and nothing is
	// measured.
	Size int `yaml:"size" json:"size,omitempty"`
	// Share is the share of the examples that are set aside, drawn by position, in
	// (0, 0.5]. Default 0.01.
	Share float64 `yaml:"share" json:"share,omitempty"`
	// Every is the number of examples learned between two measurements. Default 1,000.
	Every uint64 `yaml:"every" json:"every,omitempty"`
	// Phases is the number of phases kept; the oldest goes first. Default 16.
	Phases int `yaml:"phases" json:"phases,omitempty"`
}

func (c Anchors) withDefaults() Anchors {
	if c.Size != 0 {
		setDefault(&c.Share, 0.01)
		setDefault(&c.Every, 1000)
		setDefault(&c.Phases, 16)
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
	}
	return nil
}

// A phaseScore is what was measured of one phase that ended, with the first arm.
type phaseScore struct {
	Ended   uint64  `cbor:"ended"`   // position at which the phase ended
	AtEnd   float64 `cbor:"at_end"`  // accuracy then
	Best    float64 `cbor:"best"`    // the highest so far
	Worst   float64 `cbor:"worst"`   // the lowest since
	Current float64 `cbor:"current"` // the latest
}

// anchors are the examples set aside, and how the first arm does on them.
type anchors struct {
	cfg    Anchors
	seed   uint64
	since  uint64          // examples learned since the last measurement
	open   replay.Memory   // of the phase in progress
	closed []replay.Memory // of phases that ended, the oldest first
	scores []phaseScore    // of those
	held   uint64          // examples set aside, ever
	list   []*replay.Example
	out    []float32
}

// newAnchors returns nil for an engine that keeps none.
func newAnchors(c Config) (*anchors, error) {
	if c.Metrics.Anchors.Size == 0 {
		return nil, nil
	}
	a := &anchors{cfg: c.Metrics.Anchors, seed: c.Seed}
	var err error
	a.open, err = a.memory()
	return a, err
}

func (a *anchors) memory() (replay.Memory, error) {
	return replay.New(replay.Config{Kind: replay.Reservoir, Capacity: a.cfg.Size})
}

// takes reports whether an example is set aside: a function of the seed and its position.
func (a *anchors) takes(ex *replay.Example) bool {
	return a != nil && !ex.Negative && rng.New(a.seed, "anchors", ex.Position).Float64() < a.cfg.Share
}

func (a *anchors) add(ex *replay.Example, position uint64) {
	a.held++
	a.open.Add(ex, rng.New(a.seed, "anchors/keep", position))
}

// each calls f for every memory.
func (a *anchors) each(f func(replay.Memory)) {
	if a == nil {
		return
	}
	for _, m := range a.closed {
		f(m)
	}
	f(a.open)
}

// close ends a phase. One of which nothing was set aside leaves no trace.
func (e *Engine) closeAnchors() error {
	a := e.anchors
	if a == nil || a.open.Len() == 0 {
		return nil
	}
	score, err := e.accuracy(a.open)
	if err != nil {
		return err
	}
	a.closed = append(a.closed, a.open)
	a.scores = append(a.scores, phaseScore{Ended: e.position, AtEnd: score, Best: score, Worst: score, Current: score})
	if extra := len(a.closed) - a.cfg.Phases; extra > 0 {
		a.closed, a.scores = a.closed[extra:], a.scores[extra:]
	}
	if a.open, err = a.memory(); err != nil {
		return err
	}
	return nil
}

// measure scores the first arm on every phase that ended, if it is time to.
func (e *Engine) measure(learned int) error {
	a := e.anchors
	if a == nil {
		return nil
	}
	if a.since += uint64(learned); a.since < a.cfg.Every {
		return nil
	}
	a.since = 0
	for i, m := range a.closed {
		if m.Len() == 0 {
			continue // withdrawn, all of them
		}
		score, err := e.accuracy(m)
		if err != nil {
			return err
		}
		s := &a.scores[i]
		s.Current, s.Best, s.Worst = score, math.Max(s.Best, score), math.Min(s.Worst, score)
	}
	return nil
}

// accuracy is the share of a memory's examples whose class the first arm gives. Weights that
// give no numbers get none right.
func (e *Engine) accuracy(m replay.Memory) (float64, error) {
	a, arm, b := e.anchors, e.arms[0], e.scores.batch
	a.list = a.list[:0]
	m.Remove(func(ex *replay.Example) bool {
		a.list = append(a.list, ex)
		return false
	})
	k, right := e.spec.Outputs(), 0
	for from := 0; from < len(a.list); from += e.cfg.Batch.Size {
		part := a.list[from:min(from+e.cfg.Batch.Size, len(a.list))]
		b.reset()
		for _, ex := range part {
			b.add(ex)
			b.b.Mask = append(b.b.Mask, e.scores.heads.of(ex.Segment)...)
		}
		a.out = room(a.out, len(part)*k)
		err := arm.model.Predict(a.out, b.view())
		if errors.Is(err, models.ErrNonFinite) {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("anchors: %w", err)
		}
		for i, ex := range part {
			if correct(a.out[i*k:(i+1)*k], ex.Target) {
				right++
			}
		}
	}
	return float64(right) / float64(len(a.list)), nil
}

// correct is the accuracy of docs/metrics.md for one example.
func correct(outputs []float32, target float32) bool {
	if len(outputs) == 1 {
		return (outputs[0] >= 0.5) == (target >= 0.5)
	}
	top := 0
	for c, p := range outputs {
		if p > outputs[top] {
			top = c
		}
	}
	return top == int(target)
}

// A ForgettingReport says what the first arm kept of the phases that ended, on examples that
// it never learned. The formulas are in docs/metrics.md.
type ForgettingReport struct {
	Held             uint64        `json:"held"` // examples set aside, ever
	Forgetting       float64       `json:"forgetting"`
	BackwardTransfer float64       `json:"backward_transfer"`
	Retention        float64       `json:"retention"`
	WorstCase        float64       `json:"worst_case"`
	Phases           []PhaseReport `json:"phases"` // the oldest first
}

// A PhaseReport is the account of one phase that ended.
type PhaseReport struct {
	Ended    uint64  `json:"ended"` // position
	Examples int     `json:"examples"`
	AtEnd    float64 `json:"at_end"` // accuracy when it ended
	Best     float64 `json:"best"`
	Worst    float64 `json:"worst"` // since it ended
	Current  float64 `json:"current"`
}

// report is nil without anchors, and before the first phase ended.
func (a *anchors) report() *ForgettingReport {
	if a == nil || len(a.scores) == 0 {
		return nil
	}
	r := &ForgettingReport{Held: a.held}
	retained := 0
	for i, s := range a.scores {
		r.Phases = append(r.Phases, PhaseReport{
			Ended: s.Ended, Examples: a.closed[i].Len(), AtEnd: s.AtEnd, Best: s.Best, Worst: s.Worst, Current: s.Current,
		})
		r.Forgetting += s.Best - s.Current
		r.BackwardTransfer += s.Current - s.AtEnd
		r.WorstCase += s.Worst
		if s.AtEnd > 0 {
			r.Retention += s.Current / s.AtEnd
			retained++
		}
	}
	n := float64(len(a.scores))
	r.Forgetting, r.BackwardTransfer, r.WorstCase = r.Forgetting/n, r.BackwardTransfer/n, r.WorstCase/n
	r.Retention /= float64(max(retained, 1))
	return r
}

// anchorsDoc is the part of the engine's document that is about anchors.
type anchorsDoc struct {
	Since  uint64       `cbor:"since"`
	Held   uint64       `cbor:"held"`
	Scores []phaseScore `cbor:"scores"`
}

// anchorsPart names the part of phase i, the open one being the last.
func anchorsPart(i int) string { return fmt.Sprintf("anchors-%03d", i) }

func (a *anchors) document() *anchorsDoc {
	if a == nil {
		return nil
	}
	return &anchorsDoc{Since: a.since, Held: a.held, Scores: append([]phaseScore(nil), a.scores...)}
}

func (a *anchors) parts() (parts []Part) {
	i := 0
	a.each(func(m replay.Memory) {
		parts = append(parts, memoryParts(anchorsPart(i), m)...)
		i++
	})
	return parts
}

func (e *Engine) restoreAnchors(doc *anchorsDoc, read func(string) ([]byte, error)) error {
	a := e.anchors
	if a == nil || doc == nil {
		return nil
	}
	if len(doc.Scores) > a.cfg.Phases {
		return fmt.Errorf("decode %s: %d phases of anchors, configured are at most %d", PartEngine, len(doc.Scores), a.cfg.Phases)
	}
	for i := range len(doc.Scores) + 1 {
		m, err := a.memory()
		if err != nil {
			return err
		}
		if err := e.arms[0].restoreMemory(read, anchorsPart(i), m); err != nil {
			return err
		}
		if i == len(doc.Scores) {
			a.open = m
		} else {
			a.closed = append(a.closed, m)
		}
	}
	a.since, a.held, a.scores = doc.Since, doc.Held, doc.Scores
	return nil
}
