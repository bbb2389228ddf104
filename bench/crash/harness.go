package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/perennial-ml/perennial/bench/crash/traffic"
	"github.com/perennial-ml/perennial/cmd/learner/cli/ui"
)

// A harness is one run.
type harness struct {
	opt     options
	set     setting
	binary  string
	log     io.Writer // the learner's own words, of all its lives
	quiet   *slog.Logger
	http    *http.Client
	book    *traffic.Book
	plan    *planner
	store   *sightings
	report  *report
	strange int // lives in a row that ended of themselves
}

// errGaveUp ends the cycles of a run that has failed already.
var errGaveUp = errors.New("the learner does not come up any more")

// prove makes a run in dir. The report is never nil; the error says why the run could
// not be finished.
func prove(ctx context.Context, opt options, dir string, errw io.Writer) (*report, error) {
	h := &harness{
		opt: opt, binary: opt.binary, quiet: slog.New(slog.DiscardHandler),
		http:   &http.Client{Timeout: 10 * time.Second},
		plan:   newPlanner(opt.seed, opt.failpointsOnly),
		report: newReport(opt),
	}
	began := time.Now()
	defer func() { h.report.took = time.Since(began) }()
	var err error
	if h.set, err = newSetting(dir, opt.seed); err != nil {
		return h.report, err
	}
	if h.binary == "" {
		h.binary = filepath.Join(dir, "learner")
		if err := build(ctx, h.binary); err != nil {
			return h.report, err
		}
	}
	log, err := os.Create(filepath.Join(dir, "learner.log"))
	if err != nil {
		return h.report, err
	}
	defer log.Close()
	h.log = log
	names := make([]string, len(h.set.config.Models))
	for i, m := range h.set.config.Models {
		names[i] = m.Name
	}
	h.book = traffic.NewBook(names...)
	h.store = newSightings(h.set, h.quiet, opt.seed)

	err = h.cycles(ctx, errw)
	if err == nil {
		err = h.audit(ctx, errw)
	}
	h.report.gather(h.book, h.plan, h.store)
	if errors.Is(err, errGaveUp) {
		err = nil // the report says why
	}
	return h.report, err
}

// build compiles the program that is to be killed.
func build(ctx context.Context, to string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", to, "github.com/perennial-ml/perennial/cmd/learner")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the learner: %w\n%s", err, out)
	}
	return nil
}

// cycles lets the learner live and die under traffic, and brings the last life to rest.
func (h *harness) cycles(ctx context.Context, errw io.Writer) error {
	flow := traffic.New(traffic.Config{
		HTTP: h.set.http, NATS: h.set.nats, Seed: h.opt.seed, Models: clientModels(), Clients: 2,
		Rollbacks: 1 + h.opt.cycles/100, Damaged: h.store.broken,
	}, h.book)
	sending, hangUp := context.WithCancel(ctx)
	defer hangUp()
	var sender sync.WaitGroup
	var sent error
	sender.Go(func() { sent = flow.Run(sending) })
	defer sender.Wait()
	defer hangUp()

	bar := ui.NewProgress(errw, "cycles", int64(h.opt.cycles))
	defer bar.Close()
	lines := newTicker(errw)
	for n := range h.opt.cycles {
		if err := h.cycle(ctx, n); err != nil {
			return err
		}
		bar.Set(int64(n + 1))
		lines.say("cycle %d of %d: %d events accepted, %d violations", n+1, h.opt.cycles,
			h.book.Stats().Accepted, len(h.report.violations))
	}
	bar.Close()
	if err := h.rest(ctx, flow, &sender); err != nil {
		return err
	}
	return sent
}

// cycle is one life, and what happens to its remains.
func (h *harness) cycle(ctx context.Context, n int) error {
	c := h.plan.next()
	l, err := start(h.binary, h.set, c.kernels, c.points, h.log)
	if err != nil {
		return err
	}
	h.report.families[c.kernels]++
	defer l.kill()
	if err := h.live(ctx, l, c); err != nil {
		return err
	}
	h.report.kinds[c.kind]++
	h.store.check(l, h.report)
	if err := h.store.look(h.report); err != nil {
		return err
	}
	if h.opt.sabotage != "" && n == h.opt.cycles/2 {
		return h.sabotage(ctx)
	}
	if c.damage {
		what, err := h.store.damage()
		if err != nil {
			return err
		}
		if what != "" {
			h.report.damages[what]++
			fmt.Fprintf(h.log, "--- the harness damages: %s\n", what)
		}
	}
	return nil
}

// live brings a life to the end that is planned for it.
func (h *harness) live(ctx context.Context, l *life, c cycle) error {
	if c.kind == atStart {
		if !l.within(c.after) {
			l.kill()
		}
		return h.ended(ctx, l, c, true)
	}
	took, err := l.ready(ctx, h.http, h.set)
	switch {
	case err == nil:
		h.report.recoveries = append(h.report.recoveries, took)
	case errors.Is(err, errDied):
		return h.ended(ctx, l, c, false)
	case ctx.Err() != nil:
		return ctx.Err()
	default:
		h.report.violate("%v; its last words:\n%s", err, l.lastWords())
		return errGaveUp
	}
	switch c.kind {
	case atFailpoint:
		if l.within(pointWithin) {
			return h.ended(ctx, l, c, false)
		}
		h.plan.missed[c.point]++
		l.kill()
	case cleanly:
		if l.within(c.after) {
			return h.ended(ctx, l, c, false)
		}
		took, err := l.stop(h.opt.stopWithin)
		if err != nil {
			h.report.violate("%v; its last words:\n%s", err, l.lastWords())
			return nil
		}
		h.report.stops = append(h.report.stops, took)
	default:
		if l.within(c.after) {
			return h.ended(ctx, l, c, false)
		}
		l.kill()
	}
	h.strange = 0
	return nil
}

// pointWithin is how long a life may take to reach its failpoint.
const pointWithin = 2 * time.Second

// ended judges a life that ended before the harness ended it; ours says that it was
// killed by the harness after all.
func (h *harness) ended(ctx context.Context, l *life, c cycle, ours bool) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	switch {
	case l.killed() && (ours || c.kind == atFailpoint):
		if !ours {
			h.plan.reached[c.point]++
		}
		h.strange = 0
		return nil
	case c.kind == withErrors && l.cmd.ProcessState.ExitCode() == 1:
		h.report.gaveUp++ // an injected error may stop a learner, in good order
		return nil
	}
	h.report.violate("the learner ended of itself (%v, planned: %s %s); its last words:\n%s",
		l.err, c.kind, c.points, l.lastWords())
	if h.strange++; h.strange == 3 {
		return errGaveUp
	}
	return nil
}

// rest lets the clients finish, and kills the learner when the log is still; the state
// then is the newest version and a tail. A last life ends cleanly.
func (h *harness) rest(ctx context.Context, flow *traffic.Traffic, sender *sync.WaitGroup) error {
	l, err := h.resume(ctx)
	if err != nil {
		return err
	}
	defer l.kill()
	flow.Drain()
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		sender.Wait()
	}()
	select {
	case <-drained:
	case <-time.After(drainWithin):
		h.report.violate("requests were still unacknowledged %v after the last crash", drainWithin)
		return errGaveUp
	case <-ctx.Done():
		return ctx.Err()
	}
	l.kill()
	if err := h.store.look(h.report); err != nil {
		return err
	}
	if err := h.tails(ctx); err != nil {
		return err
	}
	if l, err = h.resume(ctx); err != nil {
		return err
	}
	defer l.kill()
	if err := h.still(ctx); err != nil {
		return err
	}
	took, err := l.stop(h.opt.stopWithin)
	if err != nil {
		h.report.violate("%v; its last words:\n%s", err, l.lastWords())
	}
	h.report.stops = append(h.report.stops, took)
	return h.store.look(h.report)
}

// drainWithin is how long the clients may need to bring home what they had begun.
const drainWithin = 2 * time.Minute

// resume starts a life that nobody will disturb.
func (h *harness) resume(ctx context.Context) (*life, error) {
	kernels := h.plan.family()
	l, err := start(h.binary, h.set, kernels, "", h.log)
	if err != nil {
		return nil, err
	}
	h.report.families[kernels]++
	took, err := l.ready(ctx, h.http, h.set)
	if err != nil {
		l.kill()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		h.report.violate("%v; its last words:\n%s", err, l.lastWords())
		return nil, errGaveUp
	}
	h.report.recoveries = append(h.report.recoveries, took)
	h.store.check(l, h.report)
	return l, nil
}
