package commit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"

	"github.com/perennial-ml/perennial/ledger/internal/ask"
)

// maxAnswers bounds the answers that wait to be read. A thousand are awaited at once, when
// ids are asked about, and some times as many may come late to questions given up.
const maxAnswers = 16 << 10

// await returns the answer that comes to reply, or ErrStalled at the deadline.
func (c *Committer) await(ctx context.Context, reply string, deadline time.Time) (pubAck, error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	for {
		m, err := c.receive(ctx)
		if err != nil {
			return pubAck{}, fmt.Errorf("wait for acknowledgement: %w", err)
		}
		if m.Subject == reply {
			return parseAck(m)
		}
	}
}

// receive returns the next answer, ErrStalled when ctx's deadline has passed, or ErrClosed.
// The answer to the batch sent ahead is kept until that batch has its turn; what was given
// up is left out by the caller.
func (c *Committer) receive(ctx context.Context) (*nats.Msg, error) {
	if m := c.parked; m != nil && c.ahead == "" {
		c.parked = nil
		return m, nil
	}
	for {
		m, err := c.answer(ctx)
		switch {
		case err != nil:
			return nil, err
		case c.ahead != "" && m.Subject == c.ahead:
			c.parked = m
		default:
			return m, nil
		}
	}
}

// answer returns what came, or waits for it until ctx ends.
func (c *Committer) answer(ctx context.Context) (*nats.Msg, error) {
	select {
	case m := <-c.answers:
		return m, nil
	default:
	}
	select {
	case m := <-c.answers:
		return m, nil
	case <-ctx.Done():
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		c.stalled = true
		return nil, fmt.Errorf("no answer within %v: %w", c.cfg.Timeout, ErrStalled)
	}
	return nil, ErrClosed
}

// recovered waits until the broker, having left a request unanswered, answers again.
// Meanwhile nothing is sent but one question for each AppendTimeout, so that a stalled
// broker's queues do not grow. It reports false if ctx ended or the wait must go on.
func (c *Committer) recovered(ctx context.Context) bool {
	known, err := c.known(ctx, []string{nuid.Next()}, time.Now().Add(c.cfg.Timeout))
	if err == nil && len(known) == 1 {
		c.stalled = false
		c.log.Info("the log answers again")
		return true
	}
	c.queue.signal()
	ask.Sleep(ctx, 50*time.Millisecond)
	return false
}
