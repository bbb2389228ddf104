package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// rangeIdle is how long a Range waits for a record before it asks whether any is left.
const rangeIdle = 100 * time.Millisecond

// Range calls visit for each record from from to to, both included, in order, and
// returns when the last of those that exist now is done, or with visit's error. It has
// its own consumer: any number of Ranges may run beside a Scan. A to beyond the end
// means the end as it is now.
func (l *Log) Range(ctx context.Context, from, to Position, visit func(Raw) error) error {
	state, err := l.State(ctx)
	if err != nil {
		return err
	}
	from, to = max(from, state.First, 1), min(to, state.Last)
	if from > to {
		return nil
	}
	c := l.cursor(rangeName(), from)
	return c.visit(ctx, to, visit)
}

// rangeName names a consumer that one reader has to itself.
func rangeName() string { return "range-" + newToken() }

// visit opens c, passes on its records up to to, and closes it.
func (c *cursor) visit(ctx context.Context, to Position, visit func(Raw) error) error {
	defer c.close()
	if err := c.open(ctx); err != nil {
		return fmt.Errorf("range over stream %s: %w", c.stream, err)
	}
	for c.last < to {
		if c.pending == 0 {
			// The consumer knows of no more: but it may lie on a server that lags.
			left, err := c.left(ctx, to)
			if err != nil {
				return fmt.Errorf("range over stream %s after %d: %w", c.stream, c.last, err)
			}
			if !left {
				return nil
			}
		}
		raw, ok, err := c.next(ctx, rangeIdle)
		switch {
		case err != nil:
			return fmt.Errorf("range over stream %s after %d: %w", c.stream, c.last, err)
		case !ok:
			// Silence. The rest may have been deleted since we were told of it.
			c.pending = 0
		case raw.Position > to:
			return nil
		default:
			if err := visit(raw); err != nil {
				return err
			}
		}
	}
	return nil
}

// left asks the server that leads the stream whether any record is left after the
// cursor's last one, up to to.
func (c *cursor) left(ctx context.Context, to Position) (bool, error) {
	subject := c.filter
	if subject == "" {
		subject = ">"
	}
	next, err := ask(ctx, func(ctx context.Context) (*jetstream.RawStreamMsg, error) {
		s, err := c.js.Stream(ctx, c.stream)
		if err != nil {
			return nil, err
		}
		return s.GetMsg(ctx, uint64(c.last)+1, jetstream.WithGetMsgSubject(subject))
	})
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return Position(next.Sequence) <= to, nil
}

// End returns the position of the last record that exists; 0 if none does.
func (l *Log) End(ctx context.Context) (Position, error) {
	last, err := ask(ctx, func(ctx context.Context) (*jetstream.RawStreamMsg, error) {
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
