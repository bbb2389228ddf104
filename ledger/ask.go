package ledger

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
)

// askTimeout bounds one try of a question to the broker.
const askTimeout = 2 * time.Second

// ask puts a question to the broker that changes nothing, and again where no answer
// comes: a cluster that elects a leader leaves questions unanswered, and answers the next.
func ask[T any](ctx context.Context, question func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	for {
		answer, err := askOnce(ctx, question)
		lost := errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout) || errors.Is(err, nats.ErrNoResponders)
		if !lost || ctx.Err() != nil {
			return answer, err
		}
		if !sleep(ctx, awayPause) {
			return answer, err
		}
	}
}

func askOnce[T any](ctx context.Context, question func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	return question(ctx)
}
