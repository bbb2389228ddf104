package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/perennial-ml/perennial/ledger/internal/ask"
	"github.com/perennial-ml/perennial/ledger/internal/cursor"
)

// Range calls visit for each record from from to to, both included, in order, and
// returns when the last of those that exist now is done, or with visit's error. It has
// its own consumer: any number of Ranges may run beside a Scan. A to beyond the end
// means the end as it is now.
func (l *Log) Range(ctx context.Context, from, to Position, visit func(Raw) error) error {
	state, err := ask.Insist(ctx, l.State)
	if err != nil {
		return err
	}
	from, to = max(from, state.First, 1), min(to, state.Last)
	if from > to {
		return nil
	}
	return l.visit(ctx, cursor.Config{Stream: l.id.Name, Created: l.id.Created, After: uint64(from) - 1}, to, visit)
}

// visit calls visit for each message that cfg asks for, up to to.
func (l *Log) visit(ctx context.Context, cfg cursor.Config, to Position, visit func(Raw) error) error {
	err := l.cursor(cfg).Visit(ctx, uint64(to), func(m cursor.Message) error { return visit(rawOf(m)) })
	return closedOr(err)
}

// End returns the position of the last record that exists; 0 if none does.
func (l *Log) End(ctx context.Context) (Position, error) {
	last, err := ask.Again(ctx, func(ctx context.Context) (*jetstream.RawStreamMsg, error) {
		s, err := l.js.Stream(ctx, l.id.Name)
		if err != nil {
			return nil, err
		}
		// Not ">", for which the broker looks at the last position alone, erased or not.
		return s.GetLastMsgForSubject(ctx, subjectPrefix+l.model+".*")
	})
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("ask for the end of log %s: %w", l.id.Name, err)
	}
	return Position(last.Sequence), nil
}
