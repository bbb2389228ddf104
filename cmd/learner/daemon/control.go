package daemon

import (
	"context"
	"sync"

	"github.com/perennial-ml/perennial/cmd/learner/machine"
	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/ledger"
)

// An intake is a model's log as the servers see it: controls are completed before
// they are appended. It is a serve.Log.
type intake struct {
	log     *ledger.Log
	machine *machine.Machine // nil where there is no learner, and then controls are refused

	deciding sync.Mutex // one control at a time
}

// Append appends the events. A control comes alone, as the servers send them.
func (l *intake) Append(ctx context.Context, events []feedback.Event) ([]ledger.Receipt, error) {
	if len(events) == 1 && events[0].Type == feedback.TypeControl {
		return l.decide(ctx, events[0])
	}
	return l.log.Append(ctx, events)
}

// decide appends a control after it was prepared. One that cannot be carried out is
// refused before anything is appended.
func (l *intake) decide(ctx context.Context, ev feedback.Event) ([]ledger.Receipt, error) {
	if l.machine == nil {
		return nil, &feedback.Refusal{
			Code: feedback.CodeNoLearner, Field: "type", Rule: "must go to the process that learns the model",
		}
	}
	l.deciding.Lock()
	defer l.deciding.Unlock()
	return l.machine.Decide(ctx, ev)
}
