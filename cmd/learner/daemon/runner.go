package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perennial-ml/perennial/checkpoint/distribute"
	"github.com/perennial-ml/perennial/cmd/learner/machine"
	"github.com/perennial-ml/perennial/ledger"
)

// A runner drives one model's machine.
type runner struct {
	machine    *machine.Machine
	outbox     *outbox
	writer     *writer
	distribute *distributor // nil if nobody could listen
	stats      *stats
	logger     *slog.Logger

	stable, candidate channel

	source string // of the ticks: names this process
	nextID atomic.Uint64
	ticker ticker
	owed   bool // a version fell due while the writer was at work
	adopt  bool // the next record's version makes an adopted configuration durable
	// behind is the log time, in nanoseconds, since which stable lacks something that
	// was accepted; 0 if it lacks nothing.
	behind atomic.Int64
	ticks  sync.WaitGroup
	// backlog is the last record that was in the log when this process began; caughtUp
	// says that it, or one after it, was applied.
	backlog  ledger.Position
	caughtUp atomic.Bool
	began    time.Time
	grace    time.Duration // for a stop's last work

	accounted   uint64
	accountedAt time.Time
	accountCost time.Duration
}

// newRunner restores a model's machine and announces what it serves.
func newRunner(ctx context.Context, m *machine.Machine, how machine.How, logger *slog.Logger) (*runner, error) {
	start := time.Now()
	v, err := m.Restore(ctx, how)
	if err != nil {
		return nil, err
	}
	logger = logger.With("model", m.Name)
	r := &runner{
		machine: m,
		outbox:  newOutbox(m.Log, logger),
		stats:   newStats(m.Name),
		logger:  logger,
		source:  fmt.Sprintf("perennial/learner/%s/%d", m.Name, start.UnixNano()),
		began:   start,
	}
	r.writer = newWriter(m, r.outbox.dropped.Load, logger, r.stats)
	r.writer.durable.Store(uint64(v))
	r.adopt = m.Adopted()
	state, err := m.Log.State(ctx)
	if err != nil {
		return nil, err
	}
	if err := m.Settle(state.Last); err != nil {
		return nil, fmt.Errorf("model %s: %w", m.Name, err)
	}
	if r.backlog, err = m.Log.End(ctx); err != nil {
		return nil, err
	}
	r.catchUpTo(ledger.Position(m.Engine.Position()))
	logger.Info("restored", "version", uint64(v), "log_last", uint64(state.Last), "took", time.Since(start).Round(time.Millisecond))
	return r, nil
}

// publishTo makes the runner distribute its versions through NATS.
func (r *runner) publishTo(p *distribute.Publisher) {
	r.distribute = newDistributor(p, r.logger)
}

// announce gives the servers the versions that the state names.
func (r *runner) announce(ctx context.Context) error {
	for _, e := range r.machine.Engine.Announce() {
		if err := r.do(ctx, e, ledger.Raw{}); err != nil {
			return err
		}
	}
	r.account(true)
	return nil
}

// run scans the log until ctx ends, and leaves a durable version behind, for as long as
// working lasts.
func (r *runner) run(ctx, working context.Context) error {
	scan, err := r.machine.Log.Scan(ctx, ledger.Position(r.machine.Engine.Position())+1)
	if err != nil && ctx.Err() != nil {
		return nil // stopped before it began
	}
	if err != nil {
		return fmt.Errorf("model %s: %w", r.machine.Name, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	// The outbox and the writer outlive the loop, so that what it asked for last
	// is still done.
	after, stop := context.WithCancel(working)
	var posting, writing sync.WaitGroup
	posting.Go(func() { r.outbox.run(after) })
	writing.Go(func() { r.writer.run(after) })

	var (
		ahead sync.WaitGroup
		errs  = make([]error, 3)
	)
	if r.adopt {
		r.ticks.Go(func() { r.addTick(ctx) }) // for want of a record
	}
	arrivals := make(chan arrival, readAhead)
	fail := func(i int, err error) {
		if errs[i] = err; err != nil {
			cancel()
		}
	}
	ahead.Go(func() { fail(0, read(ctx, r.machine, scan, arrivals, r.logger)) })
	if r.distribute != nil {
		ahead.Go(func() { fail(1, r.distribute.run(ctx)) })
	}
	err = r.loop(ctx, arrivals)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		err = nil // a record was not applied, and the next start meets it again
	}
	fail(2, err)
	cancel()
	r.ticks.Wait()
	ahead.Wait()
	scan.Stop()

	err = errors.Join(errs...)
	grace := time.AfterFunc(r.grace, stop) // a learner may end while ctx goes on
	close(r.writer.jobs)
	writing.Wait()
	if err == nil {
		err = r.final(after)
	}
	if err == nil {
		r.logger.Info("stopped", "version", r.writer.durable.Load(), "position", r.machine.Engine.Position())
	}
	grace.Stop()
	stop()
	posting.Wait()
	return err
}

// catchUpTo notes that the records up to a position were applied. Until those that were
// there at the start are, answers come from a model that may be long out of date.
func (r *runner) catchUpTo(p ledger.Position) {
	if p < r.backlog || r.caughtUp.Load() {
		return
	}
	report := r.machine.Engine.Report() // so that who hears of it finds it there
	r.stats.report.Store(&report)
	r.caughtUp.Store(true)
	r.logger.Info("caught up with the log", "position", uint64(p), "took", time.Since(r.began).Round(time.Millisecond))
}

// reached reports whether the loop has applied a position, by its last account.
func (r *runner) reached(position uint64) bool {
	report := r.stats.report.Load()
	return report != nil && report.Position >= position
}

func (r *runner) tickID() string {
	return r.source + "/" + strconv.FormatUint(r.nextID.Add(1), 10)
}
