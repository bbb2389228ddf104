package engine

import (
	"errors"
	"fmt"
	"slices"

	"github.com/perennial-ml/perennial/engine/anchor"
	"github.com/perennial-ml/perennial/engine/arm"
	"github.com/perennial-ml/perennial/engine/signal"
	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/guard"
	"github.com/perennial-ml/perennial/internal/rng"
	"github.com/perennial-ml/perennial/models"
)

var (
	// ErrOrder is returned for a record that does not come after the last one.
	ErrOrder = errors.New("record is out of order")
	// ErrVersion is returned for a control record whose version cannot be read.
	ErrVersion = errors.New("version cannot be read")
	// ErrFailed is returned by an Engine that an earlier error left undefined;
	// Restore makes it usable again.
	ErrFailed = errors.New("engine failed earlier")
)

// Versions reads the weights of durable versions, for rollbacks. A digest names the
// same weights for ever; how they are kept is the implementation's business.
type Versions interface {
	Weights(version uint64, digest string) (*models.Frozen, error)
}

// An Engine is the state machine.
type Engine struct {
	cfg      Config
	spec     models.Spec // of the arms: the configured one, or grown from it
	grown    []Growth
	versions Versions
	policy   guard.Policy

	position uint64
	time     int64
	seen     *seen
	window   *signal.Window
	pending  []pending
	arms     []*arm.Arm
	channels channels
	cadence  cadence
	scores   *scores
	anchors  *anchor.Set // nil if there are none
	counts   Counts

	effects []Effect
	failed  error
}

// Counts counts the records by what became of them. It only grows.
type Counts struct {
	Records     uint64 `json:"records"`
	Predictions uint64 `json:"predictions"`
	Feedback    uint64 `json:"feedback"`
	Controls    uint64 `json:"controls"`
	Ticks       uint64 `json:"ticks"`
	Refused     uint64 `json:"refused"`
	Duplicates  uint64 `json:"duplicates"` // ids that were applied before
}

// New returns an engine before the first record. cfg is completed by its defaults.
// versions may be nil if the log holds no rollbacks.
func New(cfg Config, versions Versions) (*Engine, error) {
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.Compute = cfg.Compute.Shared() // Apply is one goroutine
	e := &Engine{
		cfg:      cfg,
		spec:     cfg.Spec,
		versions: versions,
		policy:   guard.New(cfg.Promote),
		seen:     newSeen(cfg.Seen.MaxIDs),
		window:   signal.NewWindow(cfg.Signals, cfg.Spec.Task, cfg.Segment),
	}
	for _, c := range cfg.Arms {
		a, err := arm.New(c, cfg.front())
		if err != nil {
			return nil, err
		}
		e.arms = append(e.arms, a)
	}
	var err error
	if e.scores, err = newScores(cfg); err != nil {
		return nil, err
	}
	first := e.arms[0].Freeze()
	if e.anchors, err = anchor.New(cfg.Metrics.Anchors, cfg.Seed, first); err != nil {
		return nil, err
	}
	e.channels = channels{candidate: release{weights: first, spec: e.spec}, stable: release{weights: first, spec: e.spec}}
	return e, e.scores.load(first, e.spec)
}

// Position returns the position of the last record applied; 0 before the first.
func (e *Engine) Position() uint64 { return e.position }

// Time returns the log time of the last record applied, in nanoseconds.
func (e *Engine) Time() int64 { return e.time }

// Weights returns the weights that the next version would have: the first arm's.
func (e *Engine) Weights() *models.Frozen { return e.arms[0].Freeze() }

// Spec returns the spec of Weights: the configured one, or one with more classes.
func (e *Engine) Spec() models.Spec { return e.spec }

// Announce returns the effects that tell servers what they should be serving now:
// the candidate and the stable version. It is for the start of a process.
func (e *Engine) Announce() []Effect {
	c := e.channels
	return []Effect{
		Publish{Version: c.candidate.version, Time: e.time, Weights: c.candidate.weights, Spec: c.candidate.spec},
		MoveChannel{Channel: channelStable, Version: c.stable.version, Reason: "start", Weights: c.stable.weights, Spec: c.stable.spec},
	}
}

// Apply advances the state by one record. The effects are valid until the next call.
//
// ErrOrder and ErrVersion leave the state as it was. An error of a model or memory
// means that the configuration and the state do not fit each other; the engine then
// refuses every further record with ErrFailed.
func (e *Engine) Apply(rec Record) ([]Effect, error) {
	if e.failed != nil {
		return nil, fmt.Errorf("%w: %w", ErrFailed, e.failed)
	}
	if rec.Position <= e.position {
		return nil, fmt.Errorf("%w: position %d after %d", ErrOrder, rec.Position, e.position)
	}
	rec = checkControl(rec)
	rollback, err := e.fetch(rec)
	if err != nil {
		return nil, err
	}
	e.effects = e.effects[:0]
	if rec.Event == nil && !rec.Keep {
		e.expel(rec)
		return e.effects, nil
	}
	e.position = rec.Position
	e.time = max(e.time, rec.Time)
	if err := e.advance(rec, rollback); err != nil {
		e.failed = err
		return nil, err
	}
	return e.effects, nil
}

func (e *Engine) advance(rec Record, rollback *models.Frozen) error {
	e.counts.Records++
	e.window.Advance(e.position, e.time)
	e.collect()
	if err := e.dispatch(rec, rollback); err != nil {
		return err
	}
	e.collect()
	if err := e.learn(false); err != nil {
		return err
	}
	return e.release(rec)
}

// dispatch gives the record to whom it concerns.
func (e *Engine) dispatch(rec Record, rollback *models.Frozen) error {
	ev := rec.Event
	switch {
	case ev == nil:
		e.refuse(rec)
		return nil
	case ev.Tick():
		e.counts.Ticks++
		return nil
	case !e.seen.add(eventSpace, ev.ID):
		e.counts.Duplicates++
		return nil
	case ev.Prediction != nil:
		e.counts.Predictions++
		e.window.Predict(ev, e.position, e.time, e.seen)
		e.seen.add(predictionSpace, ev.Prediction.ID)
		return nil
	case ev.Feedback != nil:
		e.counts.Feedback++
		e.window.Feedback(ev, e.position, e.time, e.seen)
		return nil
	default:
		e.counts.Controls++
		return e.control(ev.Control, rollback)
	}
}

// refuse sets a record aside that is no valid event.
func (e *Engine) refuse(rec Record) {
	e.counts.Refused++
	e.effects = append(e.effects, DeadLetter{Position: rec.Position, Refusal: *rec.Refusal})
}

// expel has a record erased that may not stay in the log. It leaves no trace in the
// state, not even its time: a scan of the log after the erasure never sees it, and has
// to come to the same state.
func (e *Engine) expel(rec Record) {
	e.effects = append(e.effects, Erase{Position: rec.Position})
	if rec.Refusal.Code != feedback.CodeConsentRefused {
		// After the erasure, which would take the letter along.
		e.effects = append(e.effects, DeadLetter{Position: rec.Position, Refusal: *rec.Refusal, Bare: true})
	}
}

// collect takes what the window resolved: new examples wait for their micro-batch;
// what was withdrawn leaves it, and the memories.
func (e *Engine) collect() {
	var dropped []string // taken back before they were scored, and not said again since
	for _, r := range e.window.Take() {
		if i := slices.Index(dropped, r.ID); i >= 0 {
			dropped = slices.Delete(dropped, i, i+1)
			r.Unscored = true
		}
		switch {
		case r.Outcome == signal.Retract:
			p, waited := e.dropPending(r.ID)
			if !waited {
				e.forget(r.ID)
			} else if p.Score {
				dropped = append(dropped, r.ID)
			}
		case r.Outcome == signal.New || r.Unscored:
			e.pending = append(e.pending, newPending(r, e.time))
		case e.replacePending(r):
		case r.Outcome == signal.Reweigh:
			for _, a := range e.arms {
				a.Replace(r.Example)
			}
			e.anchors.Replace(r.Example)
		default:
			e.forget(r.ID)
			if r.Learn {
				e.pending = append(e.pending, newPending(r, e.time))
			}
		}
	}
	for _, id := range dropped {
		e.window.Unscored(id)
	}
}

func (e *Engine) forget(id string) {
	for _, a := range e.arms {
		a.Forget(id)
	}
	e.anchors.Forget(id)
}

// learn turns pending examples into micro-batches: full ones at once, and a smaller
// one when its oldest example has waited long enough, or all must be learned now.
func (e *Engine) learn(now bool) error {
	var streams []arm.Streams // made when the first batch is due: few records bring one
	for len(e.pending) > 0 {
		n := e.cfg.Batch.Size
		if len(e.pending) < n {
			if !now && e.time < e.pending[0].Since+int64(e.cfg.Batch.Wait) {
				return nil
			}
			n = len(e.pending)
		}
		if streams == nil {
			streams = make([]arm.Streams, len(e.arms))
			for i, a := range e.arms {
				streams[i] = a.Streams(e.position)
			}
		}
		if err := e.microBatch(e.pending[:n], streams); err != nil {
			return err
		}
		rest := copy(e.pending, e.pending[n:])
		clear(e.pending[rest:])
		e.pending = e.pending[:rest]
	}
	return nil
}

// sampled reports whether the batches that this record completes are scored.
func (e *Engine) sampled() bool {
	share := e.cfg.Metrics.Share
	return share >= 1 || rng.New(e.cfg.Seed, "score", e.position).Float64() < share
}

// microBatch scores a batch with every arm and with stable, and then lets every arm
// learn it.
func (e *Engine) microBatch(batch []pending, streams []arm.Streams) error {
	if err := e.growFor(batch); err != nil {
		return err
	}
	if e.sampled() {
		if err := e.scores.add(batch, e.arms); err != nil {
			return err
		}
	}
	for i, a := range e.arms {
		if a.Drifted() { // what comes is another phase's
			if err := e.consolidate(i); err != nil {
				return err
			}
		}
	}
	fresh := e.scores.learnable(batch, e.anchors, e.position)
	if len(fresh) == 0 {
		return nil
	}
	e.anchors.Learned(len(fresh))
	for i, a := range e.arms {
		before := a.Counts().Steps
		if err := a.Learn(fresh, e.position, streams[i]); err != nil {
			return err
		}
		if i == 0 && a.Counts().Steps != before {
			e.cadence.changed = true
		}
		if a.Due() {
			if err := e.consolidate(i); err != nil {
				return err
			}
		}
	}
	return e.anchors.Measure(exam{e})
}

// consolidate ends a phase of an arm; with the first arm's ends one of the anchors.
func (e *Engine) consolidate(i int) error {
	if i == 0 {
		if err := e.anchors.Close(e.position, exam{e}); err != nil {
			return err
		}
	}
	return e.arms[i].Consolidate(e.position)
}
