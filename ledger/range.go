package ledger

import (
	"context"
	"fmt"
	"time"
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
	c := l.cursor("range-"+newToken(), from)
	return c.visit(ctx, to, visit)
}

// visit opens c, passes on its records up to to, and closes it.
func (c *cursor) visit(ctx context.Context, to Position, visit func(Raw) error) error {
	defer c.close()
	if err := c.open(ctx); err != nil {
		return fmt.Errorf("range over stream %s: %w", c.stream, err)
	}
	done := c.pending == 0
	for !done {
		raw, ok, err := c.next(ctx, rangeIdle)
		switch {
		case err != nil:
			return fmt.Errorf("range over stream %s after %d: %w", c.stream, c.last, err)
		case !ok:
			// Silence. The rest may have been deleted since we were told of it.
			if done, err = c.drained(ctx); err != nil {
				return fmt.Errorf("range over stream %s after %d: %w", c.stream, c.last, err)
			}
		case raw.Position > to:
			return nil
		default:
			if err := visit(raw); err != nil {
				return err
			}
			done = raw.Position == to || c.pending == 0
		}
	}
	return nil
}
