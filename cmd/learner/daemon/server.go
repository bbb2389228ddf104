package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/perennial-ml/perennial/checkpoint/hotload"
	"github.com/perennial-ml/perennial/cmd/learner/config"
	"github.com/perennial-ml/perennial/compute"
	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/ledger"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/serve"
)

// Serve answers for the models of a configuration without learning: it loads what a
// learner publishes through NATS, and appends what it served and heard to the log
// there. It returns when ctx ends.
func Serve(ctx context.Context, cfg *config.Config, opt Options) (err error) {
	if cfg.Log.URL == "" {
		return errors.New("log.url: must name the NATS that the learner publishes through")
	}
	ln, err := listen(cfg, opt)
	if err != nil {
		return err
	}
	defer ln.Close()
	kernels, err := cfg.Compute.Arithmetic()
	if err != nil {
		return err
	}
	broker, err := ledger.Connect(ctx, cfg.Log, opt.Logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, broker.Close()) }()

	ctx, cancel := context.WithCancel(ctx)
	var loaders sync.WaitGroup
	defer loaders.Wait()
	defer cancel()
	var served []serve.Model
	for _, m := range cfg.Models {
		sm, handles, err := follow(ctx, broker, cfg, m, opt)
		if err != nil {
			return err
		}
		for _, h := range handles {
			loaders.Go(func() {
				if err := h.Run(ctx); err != nil && ctx.Err() == nil {
					opt.Logger.Error("loader stopped", "model", m.Name, "error", err)
					cancel()
				}
			})
		}
		served = append(served, sm)
	}
	srv, err := serve.New(cfg.HTTP, served, serve.Options{Logger: opt.Logger, Version: opt.Version})
	if err != nil {
		return err
	}
	names := make([]string, len(served))
	for i, m := range served {
		names[i] = m.Name
	}
	ready(opt.Logger, ln, broker, cfg, kernels.Name(), names)
	return drained(ctx, srv.Serve(ctx, ln), opt.Logger)
}

// follow describes a model whose learner is elsewhere.
func follow(ctx context.Context, broker *ledger.Broker, cfg *config.Config, m config.Model, opt Options) (serve.Model, []*hotload.Handle, error) {
	log, err := broker.Open(ctx, m.Name)
	if err != nil {
		return serve.Model{}, nil, err
	}
	dc, err := m.Decoder(cfg.Consent)
	if err != nil {
		return serve.Model{}, nil, err
	}
	decoder, err := feedback.NewDecoder(dc)
	if err != nil {
		return serve.Model{}, nil, fmt.Errorf("model %s: %w", m.Name, err)
	}
	spec, err := m.Spec()
	if err != nil {
		return serve.Model{}, nil, err
	}
	channel := func(name string) *hotload.Handle {
		return hotload.New(hotload.NewNATS(broker.JetStream(), m.Name, name),
			hotload.WithLogger(opt.Logger.With("model", m.Name, "channel", name)),
			hotload.WithCheck(func(l *hotload.Loaded) error { return fits(l, spec, m.MaxClasses) }))
	}
	stable, candidate := channel(serve.Stable), channel(serve.Candidate)
	return serve.Model{
		Name:       m.Name,
		Dictionary: dc.Dictionary,
		Spec:       spec,
		Classes:    m.Heads.Classes(spec, m.Segment),
		Grows:      m.MaxClasses > spec.Classes,
		Stable:     stable,
		Candidate:  candidate,
		Decoder:    decoder,
		Log:        &intake{log: log},

		NewPredictor: predictors(cfg.Compute),
	}, []*hotload.Handle{stable, candidate}, nil
}

// fits refuses weights of another model than the configuration describes.
func fits(l *hotload.Loaded, spec models.Spec, maxClasses int) error {
	var own models.Spec
	if err := json.Unmarshal(l.Spec, &own); err != nil {
		return fmt.Errorf("read the spec of version %d: %w", l.Version, err)
	}
	if !own.GrewFrom(spec, maxClasses) {
		return fmt.Errorf("version %d was learned as %s; the configuration describes another model", l.Version, l.Spec)
	}
	classes, err := models.Grown(spec, l.Weights.Shapes())
	if err == nil && classes != own.Classes {
		err = fmt.Errorf("version %d has weights for %d classes, its spec says %d", l.Version, classes, own.Classes)
	}
	return err
}

// predictors builds the predictors of a server: with the graph for one row built ahead.
func predictors(how compute.Settings) func(models.Spec, int) (serve.Predictor, error) {
	return func(spec models.Spec, rows int) (serve.Predictor, error) {
		p, err := models.NewPredictor(spec, rows)
		if err == nil {
			err = p.Use(how)
		}
		if err != nil {
			return nil, err
		}
		return p, p.Warm(1)
	}
}
