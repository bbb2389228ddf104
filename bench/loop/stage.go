package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/perennial-ml/perennial/cmd/learner/cli/ui"
)

const (
	// drainWithin is how long a learner may take to learn what it accepted.
	drainWithin = 5 * time.Minute
	// drainSilence is how long it may learn nothing before examples count as missing.
	drainSilence = 2 * time.Second
)

// measure runs every stage on one learner. The report holds the stages that were
// finished, beside an error too.
func measure(ctx context.Context, o options, errw io.Writer) (_ *report, err error) {
	dir, err := os.MkdirTemp(o.dir, "perennial-loop-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if o.keep || err != nil && ctx.Err() == nil {
			fmt.Fprintln(errw, "kept", dir)
			return
		}
		err = errors.Join(err, os.RemoveAll(dir))
	}()
	if o.binary == "" {
		fmt.Fprintln(errw, "building the learner")
		if o.binary, err = build(ctx, dir); err != nil {
			return nil, err
		}
	}
	l, err := start(ctx, o.binary, dir)
	if err != nil {
		return nil, err
	}
	rep := &report{
		Processors: runtime.NumCPU(), Connections: o.connections, Batch: o.batch,
		EventBytes: eventSize, Joined: o.joined,
	}
	for i, rate := range o.rates {
		s, serr := l.stage(ctx, o, i, rate, errw)
		if serr != nil {
			err = fmt.Errorf("stage %d, %s: %w", i+1, offered(rate), serr)
			break
		}
		rep.Stages = append(rep.Stages, s)
	}
	began := time.Now()
	err = errors.Join(err, l.stop())
	rep.Stop = time.Since(began).Seconds()
	return rep, err
}

// stage measures one offered rate, until everything accepted is learned.
func (l *learner) stage(ctx context.Context, o options, index, rate int, errw io.Writer) (stage, error) {
	callers := newClient(o.connections + 4)
	defer callers.CloseIdleConnections()
	before, err := scrape(ctx, callers, l.base)
	if err != nil {
		return stage{}, err
	}
	work := &load{
		base: l.base, client: callers, connections: o.connections, batch: o.batch, rate: rate,
		events: o.events, joined: o.joined, seed: o.seed, name: fmt.Sprintf("s%d", index),
	}
	total := int64(o.events)
	if rate > 0 && o.stage > 0 {
		work.stage = o.stage
		total = min(total, int64(float64(rate)*o.stage.Seconds()))
	}
	probes := &prober{
		base: l.base, client: callers, pause: o.probe,
		events: newWriter(fmt.Sprintf("s%d-probe", index), o.seed, math.MaxUint64, false),
	}
	bar := ui.NewProgress(errw, offered(rate), total)
	defer bar.Close()

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	loaded := make(chan struct{})
	var probing, beside sync.WaitGroup
	probing.Go(func() {
		if err := probes.run(ctx, loaded); err != nil {
			cancel(err)
		}
	})
	var samples []sample
	watched := make(chan struct{})
	beside.Go(func() {
		var err error
		if samples, err = watch(ctx, callers, l.base, watched, func(figures) { bar.Set(work.accepted.Load()) }); err != nil {
			cancel(err)
		}
	})
	beside.Go(func() {
		select {
		case <-l.done:
			cancel(l.died())
		case <-ctx.Done():
		case <-watched:
		}
	})
	own, began := ownCPU(), time.Now()
	err = work.run(ctx)
	posted := time.Since(began)
	close(loaded)
	var after figures
	var drained time.Duration
	if err == nil { // the probe under way may be a straggler of its own
		after, err = l.drain(ctx, callers, float64(work.last.Load()), 0)
		drained = time.Since(began) - posted
	}
	probing.Wait()
	if err == nil {
		want := before.learned() + float64(work.examples.Load()) + float64(len(probes.accepted))
		after, err = l.drain(ctx, callers, float64(work.last.Load()), want)
	}
	own = ownCPU() - own
	close(watched)
	beside.Wait()
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if err != nil {
		return stage{}, err
	}
	s := stage{
		Offered:  rate,
		Events:   work.accepted.Load(),
		Examples: work.examples.Load(),
		Probes:   len(probes.accepted),
		Held:     probes.held,
		Busy:     work.busy.Load(),
		Posted:   posted.Seconds(),
		Drain:    drained.Seconds(),

		AcceptP50: seconds(probes.accepted, 0.5), AcceptP99: seconds(probes.accepted, 0.99),
		FreshP50: seconds(probes.fresh[candidate], 0.5), FreshP99: seconds(probes.fresh[candidate], 0.99),
		FreshMax:  seconds(probes.fresh[candidate], 1),
		StableP50: seconds(probes.fresh[stable], 0.5), StableP99: seconds(probes.fresh[stable], 0.99),

		LoadCPU: own,
		Samples: samples,
	}
	s.summarise(before, after)
	return s, s.logBytes(ctx, callers, l.base)
}

// drain waits until the learner is past a position and has learned so many examples, and
// returns its figures then. Where the position is passed and examples are missing for
// drainSilence, it returns the figures as they are.
func (l *learner) drain(ctx context.Context, c *http.Client, position, learned float64) (figures, error) {
	var still time.Time // since when nothing more was learned
	best := -1.0
	for deadline := time.Now().Add(drainWithin); ; {
		f, err := scrape(ctx, c, l.base)
		if err != nil {
			return nil, err
		}
		at, now := f.get("perennial_position"), time.Now()
		if n := f.learned(); n != best || at < position {
			best, still = n, now
		}
		switch {
		case at >= position && (best >= learned || now.Sub(still) > drainSilence):
			return f, nil
		case now.After(deadline):
			return nil, fmt.Errorf("position %.0f of %.0f after %v", at, position, drainWithin)
		case !sleep(ctx, 5*time.Millisecond):
			return nil, context.Cause(ctx)
		}
	}
}

func seconds(values []time.Duration, q float64) float64 { return quantile(values, q).Seconds() }

func sortBuckets(b []bucket) {
	slices.SortFunc(b, func(x, y bucket) int { return cmp.Compare(x.le, y.le) })
}
