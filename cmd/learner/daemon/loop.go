package daemon

import (
	"context"
	"fmt"
	"time"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/engine"
	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/ledger"
)

// How often, at most, the loop gives its account to the servers, and when it has
// nothing else to do.
const (
	reportEvery = 100 * time.Millisecond
	reportIdle  = 10 * time.Millisecond
)

// loop owns the state: it applies what arrives, in order, and carries out the effects.
// It returns nil when arrivals close or ctx ends.
func (r *runner) loop(ctx context.Context, arrivals <-chan arrival) error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case a, ok := <-arrivals:
			if !ok {
				return nil
			}
			if err := r.apply(ctx, a); err != nil {
				return err
			}
			continue
		default:
		}
		pause := r.account(true)
		timer.Reset(min(pause, r.ticker.wait(r.machine.Engine, time.Now())))
		select {
		case a, ok := <-arrivals:
			if !ok {
				return nil
			}
			if err := r.apply(ctx, a); err != nil {
				return err
			}
		case <-r.writer.freed:
			if r.owed {
				if err := r.checkpoint(ctx); err != nil {
					return err
				}
			}
		case now := <-timer.C:
			r.tick(ctx, now)
		case <-ctx.Done():
			return nil
		}
	}
}

func (r *runner) apply(ctx context.Context, a arrival) error {
	if ev := a.rec.Event; ev != nil && ev.Control != nil {
		// Nobody prepared a record that came past the servers; what it names is needed
		// until a version after it is durable. If it is not there, Apply says so.
		if err := r.machine.Hold(ev.Control, ledger.Position(a.rec.Position)); err != nil {
			r.logger.Warn("a rollback's version is not held", "position", a.rec.Position, "error", err)
		}
	}
	effects, err := r.machine.Apply(ctx, a.rec)
	if err != nil {
		return err
	}
	moved := false
	for _, e := range effects {
		if _, ok := e.(engine.MoveChannel); ok {
			moved = true
		}
		if err := r.do(ctx, e, a.raw); err != nil {
			return err
		}
	}
	switch {
	case r.machine.Engine.Settled():
		r.behind.Store(0)
	case moved || r.behind.Load() == 0:
		r.behind.Store(r.machine.Engine.Time())
	}
	if r.adopt && r.machine.Engine.Position() > r.writer.durable.Load() {
		r.adopt = false
		if err := r.checkpoint(ctx); err != nil {
			return err
		}
	}
	r.account(false)
	r.catchUpTo(ledger.Position(a.rec.Position))
	return nil
}

// do carries out one effect, or hands it to whom it concerns.
func (r *runner) do(ctx context.Context, e engine.Effect, raw ledger.Raw) error {
	switch e := e.(type) {
	case engine.Publish:
		spec := r.machine.SpecJSON(e.Spec)
		r.candidate.set(e.Version, e.Weights, spec)
		r.stats.published.Inc()
		r.distribute.offer(release{channel: "candidate", version: e.Version, weights: e.Weights, spec: spec})
	case engine.MoveChannel:
		spec := r.machine.SpecJSON(e.Spec)
		r.stable.set(e.Version, e.Weights, spec)
		r.distribute.offer(release{channel: "stable", version: e.Version, weights: e.Weights, spec: spec})
		r.logger.Debug("channel moved", "channel", e.Channel, "version", e.Version, "reason", e.Reason)
	case engine.Checkpoint:
		return r.checkpoint(ctx)
	case engine.DeadLetter:
		r.logger.Warn("record refused", "position", e.Position, "code", e.Refusal.Code,
			"field", e.Refusal.Field, "rule", e.Refusal.Rule)
		r.outbox.deadLetter(ctx, e, raw)
	case engine.Erase:
		r.stats.erased.Inc()
		r.outbox.erase(ctx, ledger.Position(e.Position))
	}
	return nil
}

// checkpoint copies the state for the writer, if that is free. If not, one is owed: it is
// made of the state as it is when the writer is free and the log exhausted, as no other
// may fall due before more records come.
func (r *runner) checkpoint(ctx context.Context) error {
	start := time.Now()
	ok, err := r.writer.offer(func() (job, error) { return r.job(ctx) })
	if r.owed = !ok; r.owed {
		r.stats.checkpointSkipped.Inc()
	}
	r.stats.pauseSeconds.Observe(time.Since(start).Seconds())
	return err
}

func (r *runner) job(ctx context.Context) (job, error) {
	blobs, err := r.machine.Blobs()
	if err != nil {
		return job{}, err
	}
	stable := r.stable.Current()
	j := job{
		manifest: r.machine.Manifest(),
		blobs:    blobs,
		settled:  r.outbox.mark(ctx),
		stable:   stable.Version,
	}
	j.stableManifest, j.stableBlobs = r.machine.WeightsVersion(stable.Version, stable.Weights, stable.Spec)
	return j, nil
}

// account gives the engine's report to the servers: at most every reportEvery while
// records come, sooner when the log is exhausted, and never for more than a twentieth
// of the loop's time. It returns how long to wait for the next one; forever if the
// last one still holds.
func (r *runner) account(idle bool) time.Duration {
	const forever = 1 << 62
	pos := r.machine.Engine.Position()
	if pos == r.accounted {
		return forever
	}
	every := reportEvery
	if idle {
		every = reportIdle
	}
	every = max(every, 20*r.accountCost)
	now := time.Now()
	if rest := every - now.Sub(r.accountedAt); rest > 0 {
		return rest
	}
	report := r.machine.Engine.Report()
	r.stats.report.Store(&report)
	r.accounted, r.accountedAt = pos, now
	r.accountCost = time.Since(now)
	return forever
}

// tick moves log time forward when traffic pauses and something is due. The loop does
// not wait for it: the tick comes back as a record.
func (r *runner) tick(ctx context.Context, now time.Time) {
	if !r.ticker.fire(r.machine.Engine, now) {
		return
	}
	r.ticks.Go(func() {
		defer r.ticker.done()
		r.addTick(ctx)
	})
}

func (r *runner) addTick(ctx context.Context) {
	ev := feedback.NewTick(r.tickID(), r.source)
	if _, err := r.machine.Log.Append(ctx, []feedback.Event{ev}); err != nil && ctx.Err() == nil {
		r.logger.Warn("tick was not added", "error", err)
		return
	}
	r.stats.ticks.Inc()
}

// final makes the last state durable, so that a clean stop starts again at once.
func (r *runner) final(ctx context.Context) error {
	if r.machine.Engine.Position() == r.writer.durable.Load() || r.outbox.dropped.Load() {
		return nil
	}
	j, err := r.job(ctx)
	if err != nil {
		return err
	}
	err = r.writer.write(ctx, j)
	switch {
	case err == nil:
		r.writer.durable.Store(uint64(j.manifest.Version))
	case ctx.Err() != nil:
		// Nothing is lost: the log has it all.
		r.logger.Warn("no time was left for a last version; the next start scans the log from an earlier one",
			"version", r.writer.durable.Load(), "position", r.machine.Engine.Position())
	default:
		return fmt.Errorf("model %s: write version %s: %w", r.machine.Name, checkpoint.Version(j.manifest.Version), err)
	}
	return nil
}
