package hotload

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perennial-ml/perennial/checkpoint"
)

// Pauses between attempts after a failure: they double from the first to the
// last.
const (
	minPause = 50 * time.Millisecond
	maxPause = 5 * time.Second
)

// A Handle holds the newest version of one channel.
type Handle struct {
	source  Source
	check   func(*Loaded) error
	onSwap  func(old, loaded *Loaded)
	onError func(error)

	current atomic.Pointer[Loaded]
	running atomic.Bool

	mu      sync.Mutex
	swapped chan struct{} // closed and replaced at each swap
	newest  *Announcement // not fetched yet; nil if none
	wake    chan struct{} // holds one token if newest was set
}

// An Option sets what a Handle does beside loading.
type Option func(*Handle)

// OnSwap is called after each swap, with the version before it (nil at first).
func OnSwap(f func(old, loaded *Loaded)) Option { return func(h *Handle) { h.onSwap = f } }

// OnError is called with each failed attempt; the version in use stays.
func OnError(f func(error)) Option { return func(h *Handle) { h.onError = f } }

// WithLogger tells failed attempts to log, unless OnError is given.
func WithLogger(log *slog.Logger) Option {
	return OnError(func(err error) { log.Warn("hot load failed, keeping the version in use", slog.Any("reason", err)) })
}

// WithCheck refuses versions before they are swapped in: build the model, try a
// prediction, return the error.
func WithCheck(f func(*Loaded) error) Option { return func(h *Handle) { h.check = f } }

// New returns a Handle that has nothing loaded until Run.
func New(source Source, opts ...Option) *Handle {
	h := &Handle{
		source:  source,
		check:   func(*Loaded) error { return nil },
		onSwap:  func(_, _ *Loaded) {},
		onError: func(error) {},
		swapped: make(chan struct{}),
		wake:    make(chan struct{}, 1),
	}
	for _, opt := range opts {
		opt(h)
	}
	return h
}

// Current returns the version in use, nil before the first. It is one atomic
// load.
func (h *Handle) Current() *Loaded { return h.current.Load() }

// Wait returns the version in use once it is v or a later one.
func (h *Handle) Wait(ctx context.Context, v checkpoint.Version) (*Loaded, error) {
	for {
		h.mu.Lock()
		swapped := h.swapped
		h.mu.Unlock()
		if l := h.Current(); l != nil && l.Version >= v {
			return l, nil
		}
		select {
		case <-swapped:
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for %s: %w", v, ctx.Err())
		}
	}
}

// Run follows the channel until ctx ends, and returns ctx's error. A source that
// breaks is watched again after a pause.
func (h *Handle) Run(ctx context.Context) error {
	if !h.running.CompareAndSwap(false, true) {
		return ErrRunning
	}
	defer h.running.Store(false)
	var watching sync.WaitGroup
	watching.Go(func() { h.watch(ctx) })
	h.load(ctx)
	watching.Wait()
	return ctx.Err()
}

func (h *Handle) watch(ctx context.Context) {
	for pause := minPause; ; pause = min(2*pause, maxPause) {
		err := h.source.Watch(ctx, func(a Announcement) {
			pause = minPause
			h.mu.Lock()
			h.newest = &a
			h.mu.Unlock()
			select {
			case h.wake <- struct{}{}:
			default: // a token is there already
			}
		})
		if ctx.Err() != nil {
			return
		}
		h.onError(fmt.Errorf("watch: %w", err))
		if !sleep(ctx, pause) {
			return
		}
	}
}

// load takes the newest announcement, again and again until it is in use.
func (h *Handle) load(ctx context.Context) {
	pause := minPause
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.wake:
		}
		h.mu.Lock()
		a := h.newest
		h.mu.Unlock()
		err := h.take(ctx, *a)
		if err == nil {
			pause = minPause
			continue
		}
		if ctx.Err() != nil {
			return
		}
		h.onError(fmt.Errorf("load %s: %w", a.Version, err))
		retry := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			retry.Stop()
			return
		case <-h.wake: // a newer one
			pause = minPause
		case <-retry.C:
			pause = min(2*pause, maxPause)
		}
		retry.Stop()
		select {
		case h.wake <- struct{}{}:
		default:
		}
	}
}

// take fetches, proves and swaps.
func (h *Handle) take(ctx context.Context, a Announcement) error {
	have := h.Current()
	if have != nil {
		if a.Epoch < have.Epoch {
			return fmt.Errorf("%w: epoch %d, in use is %d", ErrEpoch, a.Epoch, have.Epoch)
		}
		if a.Digest != "" && a.Version == have.Version && a.Digest == have.Digest {
			if a.Epoch != have.Epoch {
				same := *have
				same.Epoch = a.Epoch
				h.current.Store(&same)
			}
			return nil
		}
	}
	loaded, err := h.source.Fetch(ctx, a, have)
	if err != nil {
		return err
	}
	if loaded.Version != a.Version || a.Digest != "" && loaded.Digest != a.Digest {
		return fmt.Errorf("%w: announced %s %s, fetched %s %s", ErrDigest, a.Version, a.Digest, loaded.Version, loaded.Digest)
	}
	if have != nil && (loaded == have || loaded.Digest != "" && loaded.Digest == have.Digest &&
		loaded.Version == have.Version && loaded.Epoch == have.Epoch) {
		return nil // a source that was watched again tells what is in use
	}
	if err := h.check(loaded); err != nil {
		return fmt.Errorf("check: %w", err)
	}
	h.mu.Lock()
	h.current.Store(loaded)
	close(h.swapped)
	h.swapped = make(chan struct{})
	h.mu.Unlock()
	h.onSwap(have, loaded)
	return nil
}

// sleep returns false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
