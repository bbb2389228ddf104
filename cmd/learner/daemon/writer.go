package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/cmd/learner/machine"
)

// A writer makes versions durable behind the loop, one at a time. While it is at work
// the loop skips versions that fall due, and makes one up when it has nothing else to do:
// durability is no part of the state.
type writer struct {
	machine *machine.Machine // for its store and what the store holds on to
	logger  *slog.Logger
	stats   *stats
	dropped func() bool // whether the outbox gave an errand up

	jobs    chan job
	freed   chan struct{} // holds a token when the writer came free since it was taken
	busy    atomic.Bool
	durable atomic.Uint64
}

// A job is a version to write, with what its channels should name afterwards.
type job struct {
	manifest checkpoint.Manifest
	blobs    []checkpoint.Blob
	// settled closes when dead letters and erasures up to the version are done.
	settled <-chan struct{}
	// stable is the version that stable names; a version of its own is written
	// for it if the store has none, from stableManifest and stableBlobs.
	stable         checkpoint.Version
	stableManifest checkpoint.Manifest
	stableBlobs    []checkpoint.Blob
}

// errDropped refuses a version because the outbox dropped an errand of a record before
// it: the next start has to scan that record again.
var errDropped = errors.New("what a record asked for was not done before the learner stopped")

func newWriter(m *machine.Machine, dropped func() bool, logger *slog.Logger, stats *stats) *writer {
	return &writer{machine: m, dropped: dropped, logger: logger, stats: stats, jobs: make(chan job, 1), freed: make(chan struct{}, 1)}
}

// offer hands a job over unless the writer is at work, and reports whether it did.
func (w *writer) offer(make func() (job, error)) (bool, error) {
	if !w.busy.CompareAndSwap(false, true) {
		return false, nil
	}
	j, err := make()
	if err != nil {
		w.busy.Store(false)
		return false, err
	}
	w.jobs <- j
	return true, nil
}

// run writes jobs until the channel closes. Losing a version is not losing the state:
// it is reported, and the next one is tried.
func (w *writer) run(ctx context.Context) {
	for j := range w.jobs {
		start := time.Now()
		err := w.write(ctx, j)
		switch {
		case err == nil:
			w.durable.Store(uint64(j.manifest.Version))
			w.stats.checkpoint(time.Since(start))
			w.logger.Debug("version written", "version", uint64(j.manifest.Version), "took", time.Since(start))
		case ctx.Err() != nil || errors.Is(err, errDropped): // the learner is stopping
		default:
			w.stats.checkpointFailures.Inc()
			w.logger.Error("version was not written", "version", uint64(j.manifest.Version), "error", err)
		}
		w.busy.Store(false)
		select {
		case w.freed <- struct{}{}:
		default:
		}
	}
}

// write makes a version durable, in the place of its weights alone if a channel named
// those before, and moves the channels to it.
func (w *writer) write(ctx context.Context, j job) error {
	store := w.machine.Store
	select {
	case <-j.settled:
	case <-ctx.Done():
		return ctx.Err()
	}
	if w.dropped() {
		return errDropped
	}
	_, err := store.Complete(ctx, j.manifest, j.blobs)
	if errors.Is(err, checkpoint.ErrConflict) {
		return fmt.Errorf("the state differs from the one that was written of this position before: %w", err)
	}
	if err != nil {
		return err
	}
	if err := w.ensure(ctx, j); err != nil {
		return err
	}
	if err := store.SetChannels(map[string]checkpoint.Version{
		"candidate": j.manifest.Version,
		"stable":    j.stable,
	}); err != nil {
		return fmt.Errorf("move channels: %w", err)
	}
	if err := w.machine.LetGo(); err != nil {
		return err
	}
	_, err = store.Retain(ctx)
	return err
}

// ensure writes the weights that stable names if the store has no version of them.
func (w *writer) ensure(ctx context.Context, j job) error {
	if j.stable == j.manifest.Version {
		return nil
	}
	saved, err := w.machine.Store.Get(j.stable)
	if err == nil {
		saved.Close()
		return nil
	}
	if !errors.Is(err, checkpoint.ErrNotFound) {
		w.logger.Warn("stable's version is damaged", "version", uint64(j.stable), "error", err)
	}
	_, err = w.machine.Store.Write(ctx, j.stableManifest, j.stableBlobs)
	return err
}
