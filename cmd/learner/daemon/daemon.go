package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/checkpoint/distribute"
	"github.com/perennial-ml/perennial/cmd/learner/config"
	"github.com/perennial-ml/perennial/cmd/learner/machine"
	"github.com/perennial-ml/perennial/internal/failpoint"
	"github.com/perennial-ml/perennial/ledger"
	"github.com/perennial-ml/perennial/serve"
)

// Options are what a daemon takes from its surroundings.
type Options struct {
	Logger  *slog.Logger
	Version string // of the program
	// Points are failpoints for crash tests; nil for none.
	Points *failpoint.Set
	// How says what Restore may start from.
	How machine.How
	// Grace is how long the work of a clean stop may take, the servers' requests and the
	// last versions together; 0 for 4 s, so that the process has gone within 5 s, the
	// log's closing included.
	Grace time.Duration
	// Listener takes the HTTP requests instead of the configured address; the
	// daemon closes it, also where Open fails.
	Listener net.Listener
}

// A Daemon runs the learners of a configuration, and serves what they learn.
type Daemon struct {
	cfg      *config.Config
	opt      Options
	registry *prometheus.Registry
	broker   *ledger.Broker
	stores   []*checkpoint.Store
	runners  []*runner
	server   *serve.Server
	listener net.Listener
	kernels  string // the family in use
}

// Open connects to the log, restores every model, and prepares the server. Nothing is
// served or learned before Run. The caller closes the Daemon.
func Open(ctx context.Context, cfg *config.Config, opt Options) (_ *Daemon, err error) {
	// First: where the port is taken, another daemon may well run, and nothing is touched.
	ln, err := listen(cfg, opt)
	if err != nil {
		return nil, err
	}
	opt.Grace = cmp.Or(opt.Grace, stopGrace)
	d := &Daemon{cfg: cfg, opt: opt, registry: prometheus.NewRegistry(), listener: ln}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.Close())
		}
	}()
	kernels, err := cfg.Compute.Arithmetic()
	if err != nil {
		return nil, err
	}
	d.kernels = kernels.Name()
	d.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	lc := cfg.Log
	lc.Failpoints = opt.Points
	if d.broker, err = ledger.Connect(ctx, lc, opt.Logger); err != nil {
		return nil, err
	}
	var served []serve.Model
	for _, m := range cfg.Models {
		r, err := d.open(ctx, m)
		if err != nil {
			return nil, err
		}
		d.runners = append(d.runners, r)
		served = append(served, d.serves(r))
	}
	d.server, err = serve.New(cfg.HTTP, served, serve.Options{
		Logger: opt.Logger, Registry: d.registry, Version: opt.Version,
	})
	return d, err
}

// open restores one model and makes its runner.
func (d *Daemon) open(ctx context.Context, m config.Model) (*runner, error) {
	log, err := d.broker.Open(ctx, m.Name)
	if err != nil {
		return nil, err
	}
	store, err := machine.OpenStore(d.cfg, m, d.opt.Points, d.opt.Logger)
	if err != nil {
		return nil, err
	}
	d.stores = append(d.stores, store)
	mach, err := machine.New(d.cfg, m, log, store, d.opt.Logger)
	if err != nil {
		return nil, err
	}
	r, err := newRunner(ctx, mach, d.opt.How, d.opt.Logger)
	if err != nil {
		return nil, err
	}
	r.grace = d.opt.Grace
	if d.cfg.Log.URL != "" || d.cfg.Log.Listen != "" {
		p, err := distribute.NewPublisher(ctx, d.broker.JetStream(), m.Name, distribute.Config{Replicas: d.cfg.Log.Replicas})
		if err != nil {
			return nil, err
		}
		r.publishTo(p)
	}
	for _, c := range append(r.stats.own(), r.stats) {
		if err := d.registry.Register(c); err != nil {
			return nil, fmt.Errorf("model %s: metrics: %w", m.Name, err)
		}
	}
	return r, r.announce(ctx)
}

// serves describes a runner to the server.
func (d *Daemon) serves(r *runner) serve.Model {
	m := r.machine
	return serve.Model{
		Name:       m.Name,
		Dictionary: m.Decoder.Config().Dictionary,
		Spec:       m.Spec,
		Classes:    m.Config.Heads.Classes(m.Spec, m.Config.Segment),
		Grows:      m.Config.MaxClasses > m.Spec.Classes,
		Stable:     &r.stable,
		Candidate:  &r.candidate,
		Decoder:    m.Decoder,
		Log:        &intake{log: m.Log, machine: m},
		Status:     r,
		CaughtUp:   r.caughtUp.Load,

		NewPredictor: predictors(d.cfg.Compute),
	}
}

// collectAt is the garbage collector's target while a learner runs, as GOGC: the heap may
// grow to three times what is live. A learner's live heap is a join window and the broker's
// cache of blocks, large and long-lived, and at Go's 100 marking them again and again took
// a tenth of its processor time.
const collectAt = 200

// Run learns and serves until ctx ends, or something fails for good. The server stops
// first, so that what it accepted is in the log; each learner then leaves a durable
// version.
func (d *Daemon) Run(ctx context.Context) error {
	if os.Getenv("GOGC") == "" {
		defer debug.SetGCPercent(debug.SetGCPercent(collectAt))
	}
	serving, stopServing := context.WithCancel(ctx)
	defer stopServing()
	learning, stopLearning := context.WithCancel(context.WithoutCancel(ctx))
	defer stopLearning()
	// A clean stop has a time for everything together, from ctx's end.
	working, stopWorking := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWorking()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(d.opt.Grace, stopWorking) })()

	errs := make([]error, len(d.runners))
	var learners sync.WaitGroup
	running, ended := context.WithCancel(working)
	defer ended()
	for i, r := range d.runners {
		learners.Go(func() {
			defer ended()
			errs[i] = r.run(learning, working)
			if errs[i] != nil {
				d.opt.Logger.Error("learner stopped", "model", r.machine.Name, "error", errs[i])
			}
			stopServing()
		})
	}
	err := d.serve(serving)
	d.catchUp(running)
	stopLearning()
	learners.Wait()
	return errors.Join(append(errs, err)...)
}

// stopGrace is Options.Grace's default.
const stopGrace = 4 * time.Second

// catchUp waits until the learners have applied what the servers accepted, so that their
// last versions contain it: for a quarter of the grace at most, as the log has it anyway,
// and not once one of them has ended.
func (d *Daemon) catchUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, d.opt.Grace/4)
	defer cancel()
	for _, r := range d.runners {
		state, err := r.machine.Log.State(ctx)
		for err == nil && !r.reached(uint64(state.Last)) && ctx.Err() == nil {
			time.Sleep(2 * time.Millisecond)
		}
	}
}

func (d *Daemon) serve(ctx context.Context) error {
	names := make([]string, len(d.runners))
	for i, r := range d.runners {
		names[i] = r.machine.Name
	}
	ready(d.opt.Logger, d.listener, d.broker, d.cfg, d.kernels, names)
	return drained(ctx, d.server.Serve(ctx, d.listener), d.opt.Logger)
}

// drained takes the end of a server's patience with requests that were still under way
// for what it is: they were cut off, and the stop is clean all the same.
func drained(ctx context.Context, err error, logger *slog.Logger) error {
	if ctx.Err() == nil || !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	logger.Warn("requests were cut off: their time to end was over", "error", err)
	return nil
}

// listen opens the address of the HTTP requests, unless a listener was given.
func listen(cfg *config.Config, opt Options) (net.Listener, error) {
	if opt.Listener != nil {
		return opt.Listener, nil
	}
	ln, err := net.Listen("tcp", cfg.HTTP.Address)
	if err != nil {
		return nil, fmt.Errorf("http.address: %w", err)
	}
	return ln, nil
}

// ready says what a person needs to know at start: where to send what, and what events
// that say nothing of consent are taken to allow.
func ready(logger *slog.Logger, ln net.Listener, broker *ledger.Broker, cfg *config.Config, kernels string, models []string) {
	base := "http://" + ln.Addr().String()
	logger.Info("ready", "http", base, "dashboard", base+"/", "models", strings.Join(models, ","),
		"log", cmp.Or(broker.ClientURL(), "embedded, without a socket"), "default_consent", cfg.Consent.Default.String(),
		"kernels", kernels, "threads", cfg.Compute.Threads)
}

// Close releases the address, the stores and the log. It is safe after a failed Open.
func (d *Daemon) Close() error {
	var errs []error
	if err := d.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) { // Run closes it too
		errs = append(errs, err)
	}
	for _, s := range d.stores {
		errs = append(errs, s.Close())
	}
	if d.broker != nil {
		errs = append(errs, d.broker.Close())
	}
	return errors.Join(errs...)
}
