package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/checkpoint/distribute"
	"github.com/perennial-ml/perennial/models"
)

// A release is weights that a channel names.
type release struct {
	channel string
	version uint64
	weights *models.Frozen
	spec    json.RawMessage
}

// A distributor publishes releases through NATS, the newest of each channel, until it
// succeeds: what it could not publish before something newer came is left out.
type distributor struct {
	publisher publisher
	logger    *slog.Logger

	mu    sync.Mutex
	next  map[string]release
	ready chan struct{}
}

// A publisher points channels at weights: a *distribute.Publisher.
type publisher interface {
	Publish(ctx context.Context, v checkpoint.Version, spec []byte, weights *models.Frozen, channels ...string) error
}

func newDistributor(p publisher, logger *slog.Logger) *distributor {
	return &distributor{
		publisher: p, logger: logger,
		next: map[string]release{}, ready: make(chan struct{}, 1),
	}
}

// offer takes a release; it never waits. A nil distributor takes nothing.
func (d *distributor) offer(r release) {
	if d == nil {
		return
	}
	d.mu.Lock()
	d.next[r.channel] = r
	d.mu.Unlock()
	d.wake()
}

func (d *distributor) wake() {
	select {
	case d.ready <- struct{}{}:
	default:
	}
}

// run publishes until ctx ends, and tries again what failed. It returns an error only if
// another learner took over.
func (d *distributor) run(ctx context.Context) error {
	const shortest, longest = 50 * time.Millisecond, 5 * time.Second
	pause := shortest
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.ready:
		}
		failed, err := d.publish(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		case !failed:
			pause = shortest
			continue
		}
		// A release that comes meanwhile waits too: what failed just now would fail again.
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		pause = min(2*pause, longest)
		d.wake()
	}
}

// publish publishes the releases that wait. What fails waits again, unless something
// newer of its channel does.
func (d *distributor) publish(ctx context.Context) (failed bool, err error) {
	d.mu.Lock()
	batch := d.next
	d.next = map[string]release{}
	d.mu.Unlock()
	for _, channel := range []string{"candidate", "stable"} {
		r, ok := batch[channel]
		if !ok {
			continue
		}
		err := d.publisher.Publish(ctx, checkpoint.Version(r.version), r.spec, r.weights, channel)
		switch {
		case err == nil || ctx.Err() != nil:
			continue
		case errors.Is(err, distribute.ErrFenced):
			return false, fmt.Errorf("publish version %d: %w: another learner publishes this model now, and this one stops", r.version, err)
		}
		d.logger.Warn("version was not distributed; trying again", "version", r.version, "channel", channel, "error", err)
		failed = true
		d.mu.Lock()
		if _, newer := d.next[channel]; !newer {
			d.next[channel] = r
		}
		d.mu.Unlock()
	}
	return failed, nil
}
