package signal

import "github.com/perennial-ml/perennial/replay"

// Outcome says what a Resolution asks of the learner.
type Outcome uint8

const (
	// New is a first resolution: score it, and learn it if Learn.
	New Outcome = iota
	// Revise replaces an example whose target changed: forget the old one, learn
	// this one if Learn. It is not scored again.
	Revise
	// Reweigh replaces an example of equal target in the memory, without a step.
	Reweigh
	// Retract forgets the example; Example is nil.
	Retract
)

// A Resolution is one prediction's fate, as far as it is known.
type Resolution struct {
	ID      string
	Outcome Outcome
	Example *replay.Example
	Learn   bool
	// Outputs are those that were served, to be scored; nil for a self-contained
	// event, which was served nothing.
	Outputs []float32
	// Version and Channel name what served them.
	Version uint64
	Channel string
	// Unscored: what was said of this prediction before was retracted and, as Window's
	// Unscored was told, never scored.
	Unscored bool
}
