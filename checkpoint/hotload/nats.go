package hotload

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/perennial-ml/perennial/checkpoint/distribute"
	"github.com/perennial-ml/perennial/models"
)

// NATS is a Source over a channel that distribute.Publisher writes. It fetches
// only the chunks that changed.
type NATS struct {
	js             jetstream.JetStream
	model, channel string

	mu      sync.Mutex
	fetcher *distribute.Fetcher
}

var _ Source = (*NATS)(nil)

// NewNATS follows a channel of a model. The caller keeps the connection.
func NewNATS(js jetstream.JetStream, model, channel string) *NATS {
	return &NATS{js: js, model: model, channel: channel}
}

// open returns the Fetcher, waiting for a model that was never published.
func (n *NATS) open(ctx context.Context) (*distribute.Fetcher, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for n.fetcher == nil {
		f, err := distribute.NewFetcher(ctx, n.js, n.model)
		if err == nil {
			n.fetcher = f
			break
		}
		if !errors.Is(err, distribute.ErrNotFound) {
			return nil, err
		}
		if !sleep(ctx, 250*time.Millisecond) {
			return nil, ctx.Err()
		}
	}
	return n.fetcher, nil
}

// Watch implements Source. A pointer that cannot be read ends the watch, so that
// its reason is reported; the Handle starts it again.
func (n *NATS) Watch(ctx context.Context, announce func(Announcement)) error {
	f, err := n.open(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	err = f.Watch(ctx, n.channel, func(p *distribute.Pointer, err error) {
		if err != nil {
			cancel(err)
			return
		}
		announce(Announcement{Version: p.Version, Digest: p.Digest, Epoch: p.Epoch, Detail: p})
	})
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// Fetch implements Source.
func (n *NATS) Fetch(ctx context.Context, a Announcement, have *Loaded) (*Loaded, error) {
	p, ok := a.Detail.(*distribute.Pointer)
	if !ok {
		return nil, errForeign
	}
	f, err := n.open(ctx)
	if err != nil {
		return nil, err
	}
	var known *models.Frozen
	if have != nil {
		known = have.Weights
	}
	w, err := f.Fetch(ctx, p, known)
	if err != nil {
		return nil, err
	}
	return &Loaded{
		Version: p.Version, Spec: p.Spec, Weights: w.Weights,
		Digest: p.Digest, Epoch: p.Epoch,
	}, nil
}
