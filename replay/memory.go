package replay

import (
	"fmt"
	"math/rand/v2"
)

// A Memory decides which examples of the past to keep and which to draw for
// rehearsal. It holds no random state: each call brings its own stream, so that a
// memory is a function of the calls made on it. It is not safe for concurrent use.
type Memory interface {
	// Add offers an example; the memory may keep it, and forget another. If the
	// memory holds an example of the same ID, Add is Replace.
	Add(ex *Example, r *rand.Rand)
	// Replace puts ex in the place of the example of the same ID, and reports
	// whether there was one. It is no arrival: nothing else is forgotten for it.
	Replace(ex *Example) bool
	// Draw appends n examples to dst, or every one if it holds fewer, without
	// replacement, and returns dst. It takes O(n) time and changes nothing.
	Draw(dst []*Example, n int, r *rand.Rand) []*Example
	// Remove forgets the examples that match and returns how many it forgot.
	Remove(match func(*Example) bool) int
	// RemoveID forgets the example with that id, in constant time; in kind ring those of its
	// group that are older, or those that are newer, close ranks.
	RemoveID(id string) bool
	Len() int
	// Bytes estimates the memory used, from the contents alone.
	Bytes() int
	// Whole returns how many examples are held with dense features as they came where
	// the configuration asks for bytes.
	Whole() int
	// Snapshot returns the state; it may be encoded later and from another
	// goroutine while the memory goes on.
	Snapshot() State
	// Restore replaces the state. It returns an error, and changes nothing, if
	// the state does not fit the memory's configuration.
	Restore(State) error
}

// A Returner is a memory that makes new rows in the place of old ones where it can. It may do so
// with a row of bytes that it packed itself, if no state, no match of Remove and no draw has shown
// it to anybody, or nobody keeps what was drawn.
type Returner interface {
	// Returned says that nobody keeps an example that was drawn so far, nor a copy of one that
	// shares its bytes. Whoever never says so may keep what was drawn for good.
	Returned()
}

// Returned tells a memory that wants to know.
func Returned(m Memory) {
	if r, ok := m.(Returner); ok {
		r.Returned()
	}
}

// New returns an empty memory. It returns an error if the configuration, with its
// defaults, is not valid, or needs a Judge.
func New(cfg Config) (Memory, error) { return NewJudged(cfg, nil) }

// NewJudged is New for any kind: those that need a Judge ask this one.
func NewJudged(cfg Config, judge Judge) (Memory, error) {
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Kind.Judged() && judge == nil {
		return nil, fmt.Errorf("replay.kind: %s needs a judge", cfg.Kind)
	}
	switch cfg.Kind {
	case ClassBalanced:
		return newClassBalanced(cfg), nil
	case Stratified:
		return newStratified(cfg), nil
	case RecencyMixed:
		return newRecency(cfg), nil
	case RingBuffer:
		return newRingBuffer(cfg), nil
	case GDumb:
		return newGDumb(cfg), nil
	case Herding:
		return newHerding(cfg, judge), nil
	case GSS:
		return newGSS(cfg, judge), nil
	case LossAware:
		return newLossAware(cfg, judge), nil
	default:
		if cfg.Retrieve.Kind == Balanced {
			return newGroupedReservoir(cfg), nil
		}
		return newReservoir(cfg, cfg.page()), nil
	}
}
