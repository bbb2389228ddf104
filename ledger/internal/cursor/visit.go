package cursor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/perennial-ml/perennial/ledger/internal/ask"
)

// visitIdle is how long Visit waits for a message before it asks whether any is left.
const visitIdle = 100 * time.Millisecond

// Visit opens c, passes on its messages up to the sequence to, and closes it. It returns
// when the last of those that exist is done, or with visit's error.
func (c *Cursor) Visit(ctx context.Context, to uint64, visit func(Message) error) error {
	defer c.Close()
	if err := c.open(ctx); err != nil {
		return fmt.Errorf("range over stream %s: %w", c.cfg.Stream, err)
	}
	for c.last < to {
		if c.pending == 0 {
			// The consumer knows of no more: but it may lie on a server that lags.
			left, err := c.left(ctx, to)
			if err != nil {
				return fmt.Errorf("range over stream %s after %d: %w", c.cfg.Stream, c.last, err)
			}
			if !left {
				return nil
			}
		}
		m, ok, err := c.Next(ctx, visitIdle)
		switch {
		case err != nil:
			return fmt.Errorf("range over stream %s after %d: %w", c.cfg.Stream, c.last, err)
		case !ok:
			// Silence. The rest may have been deleted since we were told of it.
			c.pending = 0
		case m.Sequence > to:
			return nil
		default:
			if err := visit(m); err != nil {
				return err
			}
		}
	}
	return nil
}

// left asks the server that leads the stream whether any message is left after the
// cursor's last one, up to to.
func (c *Cursor) left(ctx context.Context, to uint64) (bool, error) {
	subject := c.cfg.Filter
	if subject == "" {
		subject = ">"
	}
	next, err := ask.Insist(ctx, func(ctx context.Context) (*jetstream.RawStreamMsg, error) {
		s, err := c.js.Stream(ctx, c.cfg.Stream)
		if err != nil {
			return nil, err
		}
		return s.GetMsg(ctx, c.last+1, jetstream.WithGetMsgSubject(subject))
	})
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return next.Sequence <= to, nil
}
