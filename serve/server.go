package serve

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/perennial-ml/perennial/feedback/feature"
	"github.com/perennial-ml/perennial/serve/oip"
)

// predictorRows is the capacity of a predictor; larger requests go in steps.
const predictorRows = 64

// Options are what the server takes from its surroundings. A zero field means what its
// comment says.
type Options struct {
	Logger   *slog.Logger         // silent
	Registry *prometheus.Registry // one of the server's own; GET /metrics shows all of it
	Now      func() time.Time     // time.Now; for the time attribute of events alone
	NewID    func() string        // crypto/rand.Text: 128 random bits; ids of predictions and controls
	Version  string               // "devel"; of the program, for GET /v2
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Registry == nil {
		o.Registry = prometheus.NewRegistry()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.NewID == nil {
		o.NewID = rand.Text
	}
	if o.Version == "" {
		o.Version = "devel"
	}
	return o
}

// A Server answers HTTP for one or more models. Create it with New.
type Server struct {
	cfg      Config
	opt      Options
	names    []string // of the models, as given
	models   map[string]*inferrer
	metrics  *metrics
	handler  http.Handler
	slots    chan struct{} // one token a request being handled
	draining atomic.Bool
	bodies   sync.Pool // of *[]byte, for ingest
}

// New returns a server. It fills in the configuration's defaults and returns an error
// that names what is wrong with it or with a model. It starts nothing.
func New(cfg Config, models []Model, opt Options) (*Server, error) {
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("serve: %w", err)
	}
	if cfg.Limits.Predictors == 0 {
		cfg.Limits.Predictors = runtime.GOMAXPROCS(0)
	}
	if len(models) == 0 {
		return nil, errors.New("serve: models must hold at least one")
	}
	opt = opt.withDefaults()
	m, err := newMetrics(opt.Registry)
	if err != nil {
		return nil, fmt.Errorf("serve: %w", err)
	}
	s := &Server{cfg: cfg, opt: opt, metrics: m, models: map[string]*inferrer{}, slots: make(chan struct{}, cfg.Limits.Concurrency)}
	for i, model := range models {
		f, err := s.newInferrer(model)
		if err != nil {
			return nil, fmt.Errorf("serve: models[%d] %q: %w", i, model.Name, err)
		}
		if _, twice := s.models[model.Name]; twice {
			return nil, fmt.Errorf("serve: models[%d].name: %q must not appear twice", i, model.Name)
		}
		s.names = append(s.names, model.Name)
		s.models[model.Name] = f
	}
	s.handler = s.routes()
	return s, nil
}

func (s *Server) newInferrer(m Model) (*inferrer, error) {
	switch {
	case m.Name == "" || strings.ContainsAny(m.Name, "/\\ "):
		return nil, errors.New("name must be given, without slashes and spaces")
	case m.Dictionary == nil, m.Stable == nil, m.Decoder == nil, m.Log == nil:
		return nil, errors.New("dictionary, stable, decoder and log must be set")
	}
	if m.NewPredictor == nil {
		m.NewPredictor = newPredictor
	}
	var features []oip.Feature
	for _, f := range m.Dictionary.Features() {
		o := oip.Feature{Name: f.Name, Dim: f.Dim, Kind: map[feature.Kind]oip.Kind{
			feature.Numeric: oip.Numeric, feature.Vector: oip.Vector, feature.Categorical: oip.Categorical}[f.Kind]}
		if f.Max > 0 {
			o.Kind, o.Dim = oip.Categories, f.Max
		}
		features = append(features, o)
	}
	schema, err := oip.NewSchema(features)
	if err != nil {
		return nil, err
	}
	f := &inferrer{
		model: m, schema: schema, cfg: s.cfg, metrics: s.metrics, now: s.opt.Now, newID: s.opt.NewID,
		split:    split{candidate: s.cfg.Traffic.Candidate, salt: s.cfg.Traffic.Salt},
		shadow:   s.cfg.Traffic.Shadow,
		pool:     newPool(m.NewPredictor, s.cfg.Limits.Predictors, min(predictorRows, s.cfg.Limits.Rows)),
		recorder: newRecorder(m.Name, m.Log, s.cfg.Record, s.opt.Logger, s.metrics),
	}
	for _, t := range m.outputs() {
		f.outputs = append(f.outputs, t.Name)
	}
	f.scratch.New = func() any { return new(scratch) }
	return f, nil
}

// Handler answers every endpoint. With record: async, predictions are appended only
// while Serve runs, and requests wait once the queue is full.
func (s *Server) Handler() http.Handler { return s.handler }

// Run listens on the configured address and serves until ctx is done.
func (s *Server) Run(ctx context.Context) error {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", s.cfg.Address)
	if err != nil {
		return fmt.Errorf("serve: listen on %s: %w", s.cfg.Address, err)
	}
	return s.Serve(ctx, ln)
}

// Serve serves on ln, which it closes, until ctx is done; then it turns away new
// requests, lets those under way finish, appends what was recorded, all within
// Limits.Drain, and returns nil if that was enough. A server serves once.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	s.announce(ln)
	logs, cancelLogs := context.WithCancel(context.WithoutCancel(ctx))
	defer cancelLogs()
	stop := make(chan struct{})
	var recorders sync.WaitGroup
	for _, name := range s.names {
		recorders.Go(func() { s.models[name].recorder.run(logs, stop) })
	}
	requests, cancelRequests := context.WithCancel(context.WithoutCancel(ctx))
	defer cancelRequests()
	waiting := unused{conns: map[net.Conn]struct{}{}}
	server := &http.Server{
		Handler:           s.handler,
		ConnState:         waiting.note,
		ReadHeaderTimeout: min(5*time.Second, s.cfg.Limits.ReadTimeout),
		ReadTimeout:       s.cfg.Limits.ReadTimeout,
		WriteTimeout:      s.cfg.Limits.ReadTimeout + s.cfg.Limits.Timeout,
		IdleTimeout:       s.cfg.Limits.IdleTimeout,
		MaxHeaderBytes:    s.cfg.Limits.Header,
		BaseContext:       func(net.Listener) context.Context { return requests },
		ErrorLog:          slog.NewLogLogger(s.opt.Logger.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(ln) }()
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
		err = fmt.Errorf("serve: %w", err)
	}
	s.draining.Store(true)
	deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.Limits.Drain)
	defer cancel()
	// Requests get three quarters of the time, the recorders what is left of it.
	forRequests, cancelShutdown := context.WithTimeout(deadline, s.cfg.Limits.Drain*3/4)
	defer cancelShutdown()
	waiting.close()
	if e := server.Shutdown(forRequests); e != nil {
		cancelRequests()
		err = errors.Join(err, fmt.Errorf("serve: drain requests: %w", e), server.Close())
	}
	close(stop)
	drained := context.AfterFunc(deadline, cancelLogs)
	recorders.Wait()
	drained()
	return err
}

// announce says at start what is open to whom.
func (s *Server) announce(ln net.Listener) {
	control := "bearer token"
	if s.cfg.AdminToken == "" {
		control = "loopback only, without a token"
		if !s.loopbackOnly() {
			control = "closed: set admin_token, or listen on a loopback address"
		}
	}
	s.opt.Logger.Info("serving", "address", ln.Addr().String(), "models", strings.Join(s.names, ","), "control", control,
		"record", string(s.cfg.Record.Mode), "candidate_fraction", s.cfg.Traffic.Candidate, "shadow", s.cfg.Traffic.Shadow)
}

// loopbackOnly reports whether the configured address is a loopback one.
func (s *Server) loopbackOnly() bool {
	host, _, err := net.SplitHostPort(s.cfg.Address)
	return err == nil && isLoopback(host)
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return ip != nil && ip.IsLoopback()
}

// model returns the model of a name; with an empty name the only one.
func (s *Server) model(name string) (*inferrer, error) {
	if name == "" {
		if len(s.names) == 1 {
			return s.models[s.names[0]], nil
		}
		return nil, newProblem(http.StatusBadRequest, codeModelChoice, "this server has several models: "+strings.Join(s.names, ", ")).
			at("path", "must name one: /v1/models/{model}/feedback")
	}
	if f, ok := s.models[name]; ok {
		return f, nil
	}
	sorted := slices.Sorted(slices.Values(s.names))
	return nil, newProblem(http.StatusNotFound, codeModelUnknown, fmt.Sprintf("no model %q; there is %s", name, strings.Join(sorted, ", "))).
		at("model", "must be a model of this server")
}
