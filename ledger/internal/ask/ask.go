package ask

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// Timeout bounds one request to the broker whose context has no deadline.
	Timeout = 5 * time.Second
	// Pause is between two tries where nobody was there to answer.
	Pause = 20 * time.Millisecond
	// tryTimeout bounds one try of a question.
	tryTimeout = 2 * time.Second
	// patience bounds what is insisted on: an election takes some seconds, and more than one
	// try on a machine that has other work.
	patience = time.Minute
)

// Again puts a question to the broker that changes nothing, and again where no answer
// comes: a cluster that elects a leader leaves questions unanswered, and answers the next.
func Again[T any](ctx context.Context, question func(context.Context) (T, error)) (T, error) {
	return again(ctx, Timeout, tryTimeout, question)
}

// Insist is Again with the patience of whoever cannot go on without the answer, and more
// time for each try. The question may change something, if it may be put twice. Where nobody
// is there to answer for as long as Again asks, it gives up: the server may have no JetStream.
func Insist[T any](ctx context.Context, question func(context.Context) (T, error)) (T, error) {
	return again(ctx, patience, Timeout, question)
}

func again[T any](ctx context.Context, all, each time.Duration, question func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, all)
	defer cancel()
	for there := time.Now(); ; { // the last time at which somebody may have been
		answer, err := once(ctx, each, question)
		if !errors.Is(err, nats.ErrNoResponders) {
			there = time.Now()
		}
		if !Lost(err) || time.Since(there) > Timeout || !Sleep(ctx, Pause) {
			return answer, err
		}
	}
}

// Lost says that no answer came to a question: nobody was there, or nobody in time.
func Lost(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout) || errors.Is(err, nats.ErrNoResponders)
}

func once[T any](ctx context.Context, within time.Duration, question func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return question(ctx)
}

// Sleep reports false if ctx ended first.
func Sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
