package engine

import (
	"errors"
	"fmt"

	"github.com/perennial-ml/perennial/engine/prequential"
	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/guard"
	"github.com/perennial-ml/perennial/models"
)

const channelStable = feedback.ChannelStable

// A release is a version that a channel names, with its weights.
type release struct {
	version uint64
	weights *models.Frozen
	spec    models.Spec
}

// channels is what servers are told to serve.
type channels struct {
	candidate release
	stable    release
	pinned    bool
	probation bool          // stable was rolled back, and nothing promoted since
	verdict   guard.Verdict // the last one
}

// ChannelReport says what is served, and why.
type ChannelReport struct {
	Candidate uint64 `json:"candidate"`
	Stable    uint64 `json:"stable"`
	Pinned    bool   `json:"pinned"`
	Verdict   string `json:"verdict"`
	Reason    string `json:"reason"`
	// CandidateLoss and StableLoss are mean losses over the N examples of the
	// policy's window.
	N             int     `json:"n"`
	CandidateLoss float64 `json:"candidate_loss"`
	StableLoss    float64 `json:"stable_loss"`
}

func (c channels) report(p *prequential.Paired) ChannelReport {
	candidate, stable := p.Means()
	return ChannelReport{
		Candidate:     c.candidate.version,
		Stable:        c.stable.version,
		Pinned:        c.pinned,
		Verdict:       string(c.verdict.Action),
		Reason:        c.verdict.Reason,
		N:             p.Len(),
		CandidateLoss: candidate,
		StableLoss:    stable,
	}
}

// cadence is when versions were last published and written, in log time.
type cadence struct {
	changed     bool // weights changed since the last publish
	published   int64
	dirty       bool // something but a tick came since the last checkpoint
	checkpoint  int64
	sinceRecord uint64 // records since the last checkpoint
}

// Due returns the earliest log time at which a tick would make the engine do
// something that it would not do without one.
func (e *Engine) Due() (int64, bool) {
	at, ok := e.window.Due()
	sooner := func(t int64) {
		if !ok || t < at {
			at, ok = t, true
		}
	}
	if len(e.pending) > 0 {
		sooner(e.pending[0].Since + int64(e.cfg.Batch.Wait))
	}
	if e.cadence.changed {
		sooner(e.cadence.published + int64(e.cfg.Publish.Every))
	}
	if e.cadence.dirty {
		sooner(e.cadence.checkpoint + int64(e.cfg.Checkpoint.Every))
	}
	return at, ok
}

// Settled reports whether stable contains everything that was learned, and nothing
// waits to be.
func (e *Engine) Settled() bool {
	return len(e.pending) == 0 && !e.cadence.changed && e.channels.stable.version == e.channels.candidate.version
}

// release publishes and checkpoints when they are due. Both are functions of the log
// alone. A version that is checkpointed was always published.
func (e *Engine) release(rec Record) error {
	c := &e.cadence
	if rec.Event == nil || !rec.Event.Tick() {
		c.dirty = true
		c.sinceRecord++
	}
	if c.checkpoint == 0 {
		c.checkpoint = e.time // the first record starts the clock
	}
	durable := c.dirty &&
		(c.sinceRecord >= e.cfg.Checkpoint.Records || e.time >= c.checkpoint+int64(e.cfg.Checkpoint.Every))
	if c.changed && (durable || e.time >= c.published+int64(e.cfg.Publish.Every)) {
		if err := e.publish(); err != nil {
			return err
		}
	}
	if durable {
		c.dirty, c.sinceRecord, c.checkpoint = false, 0, e.time
		e.effects = append(e.effects, Checkpoint{Version: e.position})
	}
	return nil
}

// publish makes the first arm's weights the candidate, and stable if the policy says
// so.
func (e *Engine) publish() error {
	e.cadence.changed = false
	e.cadence.published = e.time
	weights := e.arms[0].Freeze()
	e.channels.candidate = release{version: e.position, weights: weights, spec: e.spec}
	e.effects = append(e.effects, Publish{Version: e.position, Time: e.time, Weights: weights, Spec: e.spec})

	p := e.scores.paired
	candidate, stable := p.Means()
	e.channels.verdict = e.policy.Judge(guard.Evidence{
		N:         p.Len(),
		Candidate: candidate,
		Stable:    stable,
		Pinned:    e.channels.pinned,
		Probation: e.channels.probation,
	})
	if e.channels.verdict.Action == guard.Promote {
		e.channels.probation = false
		return e.moveStable(e.channels.candidate, e.channels.verdict.Reason)
	}
	return nil
}

func (e *Engine) moveStable(to release, reason string) error {
	e.channels.stable = to
	e.effects = append(e.effects, MoveChannel{
		Channel: channelStable, Version: to.version, Reason: reason, Weights: to.weights, Spec: to.spec,
	})
	return e.scores.load(to.weights, to.spec)
}

// checkControl refuses a rollback that does not say by digest which weights it means:
// it came into the log past the learner, which would have completed it, and nobody
// made sure that they can be read.
func checkControl(rec Record) Record {
	if rec.Event == nil || rec.Event.Control == nil {
		return rec
	}
	if c := rec.Event.Control; c.Action == feedback.Rollback && c.Digest == "" {
		rec.Event = nil
		rec.Keep = true
		rec.Refusal = &feedback.Refusal{
			Code: feedback.CodeUnprepared, Field: "data.digest",
			Rule: "must name the version's weights: send controls to the learner, by HTTP or its command line",
		}
	}
	return rec
}

// fetch reads the weights that a rollback record names, before anything changes.
func (e *Engine) fetch(rec Record) (*models.Frozen, error) {
	if rec.Event == nil || rec.Event.Control == nil || rec.Event.Control.Action != feedback.Rollback {
		return nil, nil
	}
	if e.seen.has(eventSpace, rec.Event.ID) {
		return nil, nil
	}
	c := rec.Event.Control
	if e.versions == nil {
		return nil, fmt.Errorf("record %d: roll back to version %d: %w: no store of versions is configured",
			rec.Position, c.Version, ErrVersion)
	}
	weights, err := e.versions.Weights(c.Version, c.Digest)
	if err != nil {
		return nil, fmt.Errorf("record %d: roll back to version %d: %w: %w: put the version back, "+
			"or take the record out of the log (learner ledger erase %d)", rec.Position, c.Version, ErrVersion, err, rec.Position)
	}
	if _, err := e.specOf(weights); err != nil {
		return nil, fmt.Errorf("record %d: roll back to version %d: %w", rec.Position, c.Version, errors.Join(ErrVersion, err))
	}
	return weights, nil
}

// control carries out a decision of a person or of a guard.
func (e *Engine) control(c *feedback.Control, rollback *models.Frozen) error {
	switch c.Action {
	case feedback.Boundary:
		return e.boundary()
	case feedback.Pin:
		e.channels.pinned = true
	case feedback.Unpin:
		e.channels.pinned = false
	case feedback.Promote:
		e.channels.probation = false
		return e.moveStable(e.channels.candidate, "promoted: "+c.Reason)
	case feedback.Rollback:
		spec, err := e.specOf(rollback)
		if err != nil {
			return err
		}
		e.channels.pinned = !c.Unpinned
		e.channels.probation = true
		e.scores.paired.Reset()
		if c.Learner {
			// The head stays as wide as it is: the classes are known, if no longer learned.
			weights, err := models.GrowFrozen(spec, rollback, e.spec.Classes)
			if err != nil {
				return err
			}
			if err := e.arms[0].RollBack(c.Version, weights); err != nil {
				return err
			}
			e.anchors.RollBack(c.Version, weights)
			e.pending = dropAfter(e.pending, c.Version)
			e.cadence.changed = true
		}
		return e.moveStable(release{version: c.Version, weights: rollback, spec: spec}, "rolled back: "+c.Reason)
	}
	return nil
}

// boundary ends a phase of learning for every arm, once it has learned what came before.
func (e *Engine) boundary() error {
	if err := e.learn(true); err != nil {
		return err
	}
	for i := range e.arms {
		if err := e.consolidate(i); err != nil {
			return err
		}
	}
	return nil
}
