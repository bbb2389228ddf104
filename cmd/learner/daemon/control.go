package daemon

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/cmd/learner/machine"
	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/ledger"
)

// An intake is a model's log as the servers see it: controls are completed before
// they are appended. It is a serve.Log.
type intake struct {
	log   *ledger.Log
	store *checkpoint.Store // nil where there is no learner, and then controls are refused
}

// Append appends the events, each control after it was prepared. A control that
// cannot be carried out is refused before anything is appended.
func (l intake) Append(ctx context.Context, events []feedback.Event) ([]ledger.Receipt, error) {
	for i := range events {
		if events[i].Type != feedback.TypeControl {
			continue
		}
		if l.store == nil {
			return nil, &feedback.Refusal{
				Code: feedback.CodeNoLearner, Field: "type", Rule: "must go to the process that learns the model",
			}
		}
		var c feedback.Control
		if err := json.Unmarshal(events[i].Data, &c); err != nil {
			return nil, fmt.Errorf("decode control: %w", err)
		}
		if err := machine.Prepare(l.store, &c); err != nil {
			return nil, err
		}
		data, err := json.Marshal(c)
		if err != nil {
			return nil, fmt.Errorf("encode control: %w", err)
		}
		events[i].Data = data
	}
	return l.log.Append(ctx, events)
}
