package engine

import (
	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/models"
)

// An Effect is something that Apply asks the outside to do. Effects are idempotent:
// they are carried out again when the records behind them are applied again.
type Effect interface{ effect() }

// Publish asks for weights to go to the servers, as candidate.
type Publish struct {
	Version uint64
	Time    int64 // log time
	Weights *models.Frozen
	Spec    models.Spec // of the weights
}

// MoveChannel asks for a channel to point at a version. Every version it names was
// in a Publish before, or in a Rollback record.
type MoveChannel struct {
	Channel string
	Version uint64
	Reason  string
	Weights *models.Frozen // of the version
	Spec    models.Spec    // of the weights
}

// Checkpoint asks for the state, as it is after this record, to be made durable.
type Checkpoint struct{ Version uint64 }

// DeadLetter asks for a refused record to be set aside with its reason, and with its
// payload unless Bare.
type DeadLetter struct {
	Position uint64
	Refusal  feedback.Refusal
	Bare     bool
}

// Erase asks for a record to be deleted from the log: its person refused consent, or
// what they allowed cannot be read.
type Erase struct{ Position uint64 }

func (Publish) effect()     {}
func (MoveChannel) effect() {}
func (Checkpoint) effect()  {}
func (DeadLetter) effect()  {}
func (Erase) effect()       {}
