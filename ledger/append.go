package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/ledger/internal/commit"
)

// A Receipt says what became of one event.
type Receipt struct {
	// Position of the record; for a duplicate that of the original, or 0 where the
	// broker doesn't tell.
	Position Position
	// Duplicate: an event with this id is stored already, and this one was left out.
	Duplicate bool
	// Err: the event was not stored, and why (ErrTooLarge, ErrUnstorable, or the
	// broker's refusal). The other events of the call stand on their own.
	Err error
}

// Append stores events and returns when they are on disk: receipts[i] is events[i]'s.
// It may be called by many goroutines; what they bring is committed together.
//
// If some events alone were refused, Append returns all the receipts and an error that
// joins theirs. Without receipts, the error concerns the whole call: ErrBusy and
// ErrTooLarge when nothing was stored; ErrFull, when some may be; ErrStalled, ErrClosed
// or ctx's error when it is unknown what was. Then a retry with the same ids, within the
// duplicate window, stores what is missing and nothing twice. ctx ends the wait of this
// call alone.
func (l *Log) Append(ctx context.Context, events []feedback.Event) ([]Receipt, error) {
	if len(events) == 0 {
		return nil, nil
	}
	receipts := make([]Receipt, len(events))
	messages := make([]commit.Message, 0, len(events))
	for i := range events {
		msg, size, err := encode(l.model, &events[i], l.limit)
		if err != nil {
			receipts[i].Err = fmt.Errorf("event %d, id %q: %w", i, events[i].ID, err)
			continue
		}
		messages = append(messages, commit.Message{Msg: msg, Size: size})
	}
	stored, err := l.committer.Append(ctx, messages)
	if err != nil {
		return nil, fmt.Errorf("append %d events: %w", len(events), err)
	}
	var errs []error
	for i := range receipts {
		r := &receipts[i]
		if r.Err == nil {
			*r = Receipt{Position: Position(stored[0].Sequence), Duplicate: stored[0].Duplicate, Err: stored[0].Err}
			stored = stored[1:]
		}
		if r.Err != nil {
			errs = append(errs, r.Err)
		}
	}
	return receipts, errors.Join(errs...)
}
