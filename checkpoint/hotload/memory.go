package hotload

import (
	"context"
	"sync"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/models"
)

// Memory is a Source for a learner and its servers in one process: versions are
// handed over as they are. The zero value is ready; one Memory is one channel
// and may feed several Handles.
type Memory struct {
	mu      sync.Mutex
	newest  *Loaded
	watches map[chan struct{}]bool
}

var _ Source = (*Memory)(nil)

// Offer makes a version the newest. The caller gives spec away: it must not
// change from here on.
func (m *Memory) Offer(v checkpoint.Version, spec []byte, weights *models.Frozen) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.newest = &Loaded{Version: v, Spec: spec, Weights: weights}
	for w := range m.watches {
		select {
		case w <- struct{}{}:
		default: // it will see the newest anyway
		}
	}
}

// Watch implements Source.
func (m *Memory) Watch(ctx context.Context, announce func(Announcement)) error {
	changed := make(chan struct{}, 1)
	m.mu.Lock()
	if m.watches == nil {
		m.watches = map[chan struct{}]bool{}
	}
	m.watches[changed] = true
	newest := m.newest
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		delete(m.watches, changed)
		m.mu.Unlock()
	}()
	for {
		if newest != nil {
			announce(Announcement{Version: newest.Version, Detail: newest})
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
		m.mu.Lock()
		newest = m.newest
		m.mu.Unlock()
	}
}

// Fetch implements Source.
func (m *Memory) Fetch(_ context.Context, a Announcement, _ *Loaded) (*Loaded, error) {
	loaded, ok := a.Detail.(*Loaded)
	if !ok {
		return nil, errForeign
	}
	return loaded, nil
}
