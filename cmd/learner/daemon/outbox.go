package daemon

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/perennial-ml/perennial/engine"
	"github.com/perennial-ml/perennial/ledger"
)

// outboxSize bounds the effects on the log that wait to be carried out; a full outbox
// holds the loop up.
const outboxSize = 1024

// An outbox carries out dead letters and erasures, in order, and tries again until
// they succeed: they are idempotent, and the records behind them would only bring
// them back.
type outbox struct {
	log    *ledger.Log
	logger *slog.Logger
	queue  chan errand
	// dropped says that an errand found no room while the learner was stopping: a
	// version that contains its record must not be written.
	dropped atomic.Bool
}

// An errand is one thing to do on the log, or a mark to close when everything before
// it is done.
type errand struct {
	do   func(context.Context) error
	what string
	at   ledger.Position
	done chan struct{}
}

func newOutbox(log *ledger.Log, logger *slog.Logger) *outbox {
	return &outbox{log: log, logger: logger, queue: make(chan errand, outboxSize)}
}

// deadLetter sets a record aside with its reason.
func (o *outbox) deadLetter(ctx context.Context, e engine.DeadLetter, raw ledger.Raw) {
	letter := ledger.DeadLetter{Position: raw.Position, Time: raw.Time, Refusal: e.Refusal}
	if !e.Bare {
		letter.Header, letter.Body = raw.Header, raw.Data
	}
	o.add(ctx, errand{what: "dead letter", at: raw.Position, do: func(ctx context.Context) error {
		return o.log.DeadLetter(ctx, letter)
	}})
}

// erase deletes a record from the log.
func (o *outbox) erase(ctx context.Context, at ledger.Position) {
	o.add(ctx, errand{what: "erasure", at: at, do: func(ctx context.Context) error {
		return o.log.Erase(ctx, at)
	}})
}

// mark returns a channel that closes when everything added before is done.
func (o *outbox) mark(ctx context.Context) <-chan struct{} {
	done := make(chan struct{})
	o.add(ctx, errand{done: done})
	return done
}

// add queues an errand. A learner that is stopping still takes what there is room for:
// its last version stands after the record that asked for it.
func (o *outbox) add(ctx context.Context, e errand) {
	select {
	case o.queue <- e:
		return
	default:
	}
	select {
	case o.queue <- e:
	case <-ctx.Done():
		o.dropped.Store(true)
	}
}

// run works until ctx ends.
func (o *outbox) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-o.queue:
			if e.done != nil {
				close(e.done)
				continue
			}
			o.insist(ctx, e)
		}
	}
}

func (o *outbox) insist(ctx context.Context, e errand) {
	const longest = 5 * time.Second
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, longest) {
		err := e.do(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		o.logger.Warn(e.what+" failed; trying again", "position", uint64(e.at), "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}
