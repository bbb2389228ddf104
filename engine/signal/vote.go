package signal

import (
	"math"
	"slices"

	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/models"
)

// A vote is one signal, read as a target and a weight.
type vote struct {
	Events   chain   `cbor:"1,keyasint"`
	Position uint64  `cbor:"2,keyasint"`
	Learn    bool    `cbor:"3,keyasint"` // its person agreed to learning
	None     bool    `cbor:"4,keyasint"` // the signal has no target for this task
	Target   float32 `cbor:"5,keyasint"`
	Negative bool    `cbor:"6,keyasint"` // the class is known not to be Target
	Weight   float32 `cbor:"7,keyasint"`
	Rejected bool    `cbor:"8,keyasint"` // the other side of a preference
}

// A chain holds the ids of the event that said something and of those that amended it,
// in order: whoever names any of them means what was said. It is never written to.
type chain []string

// maxChain bounds a chain. The first id stays; of the amendments the latest ones do.
const maxChain = 16

// and returns the chain with an amendment's id at its end.
func (c chain) and(event string) chain {
	longer := append(c[:len(c):len(c)], event)
	if len(longer) > maxChain {
		longer = slices.Delete(longer, 1, 2)
	}
	return longer
}

func (c chain) size() (n int) {
	for _, id := range c {
		n += len(id)
	}
	return n
}

// A claim is a signal on its way to the prediction that it is about.
type claim struct {
	Events   chain           `cbor:"1,keyasint"`
	Position uint64          `cbor:"2,keyasint"`
	Learn    bool            `cbor:"3,keyasint"`
	Signal   feedback.Signal `cbor:"4,keyasint"`
	// Rejected marks the other side of a preference.
	Rejected bool `cbor:"5,keyasint"`
}

// amend returns the claim that takes the place of what was said under a chain of ids.
// It reports false if nothing does: another kind of signal speaks of the prediction that
// was preferred, and no longer of the one that was not.
func (c claim) amend(said chain, rejected bool) (claim, bool) {
	if rejected && c.Signal.Kind != feedback.Preference {
		return claim{}, false
	}
	c.Events, c.Rejected = said.and(c.Events[0]), rejected
	return c, true
}

// reader reads signals as votes for one task.
type reader struct {
	task   models.Task
	rating feedback.Scale
	dwell  float64 // seconds
	spread float64
	weight map[feedback.SignalKind]float64
}

func newReader(cfg Config, task models.Task) reader {
	return reader{
		task:   task,
		rating: cfg.Rating,
		dwell:  cfg.DwellThreshold.Seconds(),
		spread: cfg.Spread,
		weight: cfg.Reliability,
	}
}

// read maps a claim to a vote, given the outputs that were served; outputs are nil
// for a self-contained event. The table is in docs/signals.md.
func (r reader) read(c claim, outputs []float32) vote {
	s := c.Signal
	v := vote{Events: c.Events, Position: c.Position, Learn: c.Learn, Rejected: c.Rejected}
	confidence := 1.0
	if s.Confidence != nil {
		confidence = *s.Confidence
	}
	v.Weight = float32(r.weight[s.Kind] * confidence)
	switch s.Kind {
	case feedback.Label, feedback.Correction:
		v.Target = float32(*s.Value)
	case feedback.Correctness:
		r.confirm(&v, *s.Correct, outputs)
	case feedback.Preference:
		r.confirm(&v, !c.Rejected, outputs)
	case feedback.Rating:
		r.rate(&v, *s.Value, outputs)
	case feedback.Click:
		r.react(&v, true, outputs)
	case feedback.Skip:
		r.react(&v, false, outputs)
	case feedback.TaskCompletion:
		r.react(&v, *s.Correct, outputs)
	case feedback.Dwell:
		if r.task == models.Regression {
			v.Target = float32(*s.Value)
		} else {
			r.react(&v, *s.Value >= r.dwell, outputs)
		}
	case feedback.Conversion:
		switch {
		case r.task != models.Regression:
			r.react(&v, true, outputs)
		case s.Value != nil:
			v.Target = float32(*s.Value)
		default:
			v.None = true
		}
	default:
		v.None = true
	}
	return v
}

// confirm reads "the answer was right" or "was wrong".
func (r reader) confirm(v *vote, right bool, outputs []float32) {
	switch {
	case len(outputs) == 0:
		v.None = true
	case r.task == models.Binary:
		v.Target = decided(outputs[0])
		if !right {
			v.Target = 1 - v.Target
		}
	case r.task == models.Multiclass:
		v.Target, v.Negative = float32(argmax(outputs)), !right
	case right:
		v.Target = outputs[0]
	default:
		v.None = true
	}
}

// react reads a positive or negative reaction: in a binary task the event itself, in
// a multiclass task an assent to the class that was served.
func (r reader) react(v *vote, positive bool, outputs []float32) {
	switch r.task {
	case models.Binary:
		if positive {
			v.Target = 1
		}
	case models.Multiclass:
		r.confirm(v, positive, outputs)
	default:
		v.None = true
	}
}

// rate reads a rating: a soft target (binary), an assent or dissent as strong as its
// distance from the middle of the scale (multiclass), the value itself (regression).
func (r reader) rate(v *vote, value float64, outputs []float32) {
	share := (value - r.rating.Min) / (r.rating.Max - r.rating.Min)
	switch r.task {
	case models.Binary:
		v.Target = float32(share)
	case models.Multiclass:
		v.Weight *= float32(math.Abs(2*share - 1))
		r.confirm(v, share > 0.5, outputs)
	default:
		v.Target = float32(value)
	}
}

func decided(p float32) float32 {
	if p >= 0.5 {
		return 1
	}
	return 0
}

func argmax(x []float32) int {
	best := 0
	for i := range x {
		if x[i] > x[best] {
			best = i
		}
	}
	return best
}
