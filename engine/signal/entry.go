package signal

import (
	"slices"

	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/feedback/feature"
	"github.com/perennial-ml/perennial/replay"
)

// phase is where an entry stands between its prediction and its example.
type phase uint8

const (
	open     phase = iota // no vote yet
	settling              // voted on; waiting for further votes until settleAt
	resolved              // became an example, or was found to carry none
	closed                // withdrawn or expired: further signals are only counted
)

// An entry is one prediction, or one self-contained event, in the window. Its slices
// are never written after it was made; votes is replaced, not edited. A snapshot shares
// the entry itself: see Window.own.
type entry struct {
	Seq      uint64      `cbor:"0,keyasint"` // number of its arrival, the order of everything
	ID       string      `cbor:"1,keyasint"`
	Subject  string      `cbor:"2,keyasint"`
	Segment  string      `cbor:"3,keyasint"`
	Time     int64       `cbor:"4,keyasint"`
	Learn    bool        `cbor:"5,keyasint"` // consent given with the prediction
	Row      feature.Row `cbor:"6,keyasint"`
	Outputs  []float32   `cbor:"7,keyasint"` // nil for a self-contained event
	Version  uint64      `cbor:"8,keyasint"`
	Channel  string      `cbor:"9,keyasint"`
	Votes    []vote      `cbor:"10,keyasint"`
	Phase    phase       `cbor:"11,keyasint"`
	SettleAt int64       `cbor:"12,keyasint"`
	// Verdict is the last one that was emitted, if Emitted.
	Verdict verdict `cbor:"13,keyasint"`
	Emitted bool    `cbor:"14,keyasint"`
	// Unscored: what was emitted was taken back before it was scored.
	Unscored bool `cbor:"15,keyasint,omitempty"`

	epoch uint64 // of the window when the entry was made, or copied
}

// entryOverhead stands for the struct, its places in maps and queues, and headers.
const (
	entryOverhead = 320
	voteOverhead  = 96
	claimOverhead = 160
)

// size estimates the entry's memory from its contents alone, so that eviction is the
// same in every process.
func (e *entry) size() int64 {
	n := entryOverhead + len(e.ID) + len(e.Subject) + len(e.Segment) + len(e.Channel) +
		4*(len(e.Row.Dense)+len(e.Row.Categories)+len(e.Outputs))
	for i := range e.Votes {
		n += voteOverhead + e.Votes[i].Events.size()
	}
	return int64(n)
}

// example makes the training example of a verdict.
func (e *entry) example(v verdict, position uint64, now int64) *replay.Example {
	return &replay.Example{
		ID:         e.ID,
		Subject:    e.Subject,
		Position:   position,
		Time:       now,
		Segment:    e.Segment,
		Dense:      e.Row.Dense,
		Categories: e.Row.Categories,
		Target:     v.Target,
		Negative:   v.Negative,
		Weight:     v.Weight,
	}
}

// amended returns the votes with what an event said taken out or, by an amendment, put
// anew at the end; and how many votes that concerned.
func (e *entry) amended(event string, o orphan, r reader) (votes []vote, n uint64) {
	var anew []vote
	for _, v := range e.Votes {
		if !slices.Contains(v.Events, event) {
			votes = append(votes, v)
			continue
		}
		n++
		if o.Operation != feedback.Amend {
			continue
		}
		if c, ok := o.claim.amend(v.Events, v.Rejected); ok {
			anew = append(anew, r.read(c, e.Outputs))
		}
	}
	return append(votes, anew...), n
}
