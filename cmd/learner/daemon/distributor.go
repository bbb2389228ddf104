package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/checkpoint/distribute"
	"github.com/perennial-ml/perennial/models"
)

// A release is weights that a channel names.
type release struct {
	channel string
	version uint64
	weights models.Params
}

// A distributor publishes releases through NATS, the newest of each channel: what it
// could not publish before something newer came is left out.
type distributor struct {
	publisher *distribute.Publisher
	spec      json.RawMessage
	logger    *slog.Logger

	mu    sync.Mutex
	next  map[string]release
	ready chan struct{}
}

func newDistributor(p *distribute.Publisher, spec json.RawMessage, logger *slog.Logger) *distributor {
	return &distributor{
		publisher: p, spec: spec, logger: logger,
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
	select {
	case d.ready <- struct{}{}:
	default:
	}
}

// run publishes until ctx ends. It returns an error only if another learner took over.
func (d *distributor) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.ready:
		}
		d.mu.Lock()
		batch := d.next
		d.next = map[string]release{}
		d.mu.Unlock()
		for _, channel := range []string{"candidate", "stable"} {
			r, ok := batch[channel]
			if !ok {
				continue
			}
			err := d.publisher.Publish(ctx, checkpoint.Version(r.version), d.spec, r.weights, channel)
			switch {
			case err == nil || ctx.Err() != nil:
			case errors.Is(err, distribute.ErrFenced):
				return fmt.Errorf("publish version %d: %w: another learner publishes this model now, and this one stops", r.version, err)
			default:
				d.logger.Warn("version was not distributed", "version", r.version, "channel", channel, "error", err)
			}
		}
	}
}
