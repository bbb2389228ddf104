package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/ledger"
)

// errClosed says that the recorder stopped: the server shuts down.
var errClosed = errors.New("recorder is stopped")

// A recorder takes the prediction events of one model to its log, behind the requests
// that made them.
//
//	add ──▶ queue (bounded) ──▶ run: Append, all that waits at once
//
// Under load a group grows to whatever came during the append before it, so that the
// cost of a disk flush is shared and the queue is as short as the disk allows. A full
// queue makes add wait. One goroutine calls run.
type recorder struct {
	log       Log
	logger    *slog.Logger
	metrics   *metrics
	model     string
	maxEvents int
	maxBytes  int64

	mu     sync.Mutex
	queue  []feedback.Event
	bytes  int64
	closed bool
	ailing error         // why the log takes nothing at the moment; nil if it does
	room   chan struct{} // closed and renewed when the queue was taken
	wake   chan struct{} // holds one token while the queue may hold something
}

func newRecorder(model string, log Log, cfg Record, logger *slog.Logger, m *metrics) *recorder {
	return &recorder{
		log: log, logger: logger, metrics: m, model: model,
		maxEvents: cfg.QueueEvents, maxBytes: cfg.QueueBytes,
		room: make(chan struct{}), wake: make(chan struct{}, 1),
	}
}

// add queues events together. It waits while there is no room and returns ctx's error
// if that takes too long, or the log's if that is why; nothing was queued then. Events
// that are larger than the whole queue go in alone.
func (r *recorder) add(ctx context.Context, events []feedback.Event) error {
	size := sizeOf(events)
	for {
		r.mu.Lock()
		if r.closed {
			r.mu.Unlock()
			return errClosed
		}
		if len(r.queue) == 0 || len(r.queue)+len(events) <= r.maxEvents && r.bytes+size <= r.maxBytes {
			r.queue = append(r.queue, events...)
			r.bytes += size
			r.mu.Unlock()
			select {
			case r.wake <- struct{}{}:
			default:
			}
			return nil
		}
		room := r.room
		r.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return fmt.Errorf("wait for the prediction log: %w", r.why(ctx))
		}
	}
}

// why says what an add that waited for room until ctx's end waited for.
func (r *recorder) why(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ailing != nil {
		return r.ailing
	}
	return ctx.Err()
}

func sizeOf(events []feedback.Event) int64 {
	n := int64(0)
	for i := range events {
		n += int64(len(events[i].Data) + len(events[i].Subject) + len(events[i].ID) + 64)
	}
	return n
}

// take empties the queue into spare and makes room.
func (r *recorder) take(spare []feedback.Event) []feedback.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	taken := r.queue
	clear(spare)
	r.queue, r.bytes = spare[:0], 0
	close(r.room)
	r.room = make(chan struct{})
	return taken
}

// run appends what add queues until stop is closed and the queue is empty, or ctx is
// done. It retries as long as the log asks for it.
func (r *recorder) run(ctx context.Context, stop <-chan struct{}) {
	var taken []feedback.Event
	for {
		select {
		case <-r.wake:
		case <-stop:
			r.mu.Lock()
			r.closed = true
			r.mu.Unlock()
			r.flush(ctx, r.take(taken))
			return
		}
		taken = r.take(taken)
		r.flush(ctx, taken)
	}
}

// flush appends events. What cannot be appended is logged and counted.
func (r *recorder) flush(ctx context.Context, events []feedback.Event) {
	if len(events) == 0 {
		return
	}
	wait := 5 * time.Millisecond
	for {
		receipts, err := r.log.Append(ctx, events)
		again := receipts == nil && (errors.Is(err, ledger.ErrBusy) || errors.Is(err, ledger.ErrStalled) || errors.Is(err, ledger.ErrFull))
		r.mu.Lock()
		if r.ailing = nil; again {
			r.ailing = err
		}
		r.mu.Unlock()
		if err == nil || receipts != nil {
			refused := 0
			for _, receipt := range receipts {
				if receipt.Err != nil {
					refused++
				}
			}
			r.metrics.recorded.WithLabelValues(r.model).Add(float64(len(events) - refused))
			if refused > 0 {
				r.lose(refused, err)
			}
			return
		}
		if !again || ctx.Err() != nil {
			r.lose(len(events), err)
			return
		}
		select {
		case <-time.After(wait):
			wait = min(2*wait, 250*time.Millisecond)
		case <-ctx.Done():
		}
	}
}

func (r *recorder) lose(n int, err error) {
	r.metrics.lost.WithLabelValues(r.model).Add(float64(n))
	r.logger.Error("served predictions were not recorded", "model", r.model, "events", n, "error", err)
}
