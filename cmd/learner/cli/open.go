package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/cmd/learner/cli/ui"
	"github.com/perennial-ml/perennial/cmd/learner/config"
	"github.com/perennial-ml/perennial/cmd/learner/machine"
	"github.com/perennial-ml/perennial/engine"
	"github.com/perennial-ml/perennial/ledger"
)

// openLog opens a model's log: its own, or through the socket of the daemon that holds
// it. The caller closes the broker.
func openLog(ctx context.Context, cfg *config.Config, model string, logger *slog.Logger) (*ledger.Broker, *ledger.Log, error) {
	broker, err := ledger.Connect(ctx, cfg.Log, logger)
	if errors.Is(err, ledger.ErrLocked) && cfg.Log.Listen != "" {
		outside := cfg.Log
		outside.URL, outside.Dir, outside.Listen = "nats://"+cfg.Log.Listen, "", ""
		broker, err = ledger.Connect(ctx, outside, logger)
	}
	if errors.Is(err, ledger.ErrLocked) {
		return nil, nil, fmt.Errorf("%w: stop the daemon, or give its log a socket (log.listen)", err)
	}
	if err != nil {
		return nil, nil, err
	}
	log, err := broker.Open(ctx, model)
	if err != nil {
		return nil, nil, errors.Join(err, broker.Close())
	}
	return broker, log, nil
}

// withStore runs do with a model's store, opened for reading.
func (a *app) withStore(model string, do func(config.Model, *checkpoint.Store) error) error {
	cfg, logger, err := a.load()
	if err != nil {
		return err
	}
	m, err := pickModel(cfg, model)
	if err != nil {
		return err
	}
	store, err := machine.OpenStoreReader(cfg, m, logger)
	if err != nil {
		return err
	}
	return errors.Join(do(m, store), store.Close())
}

// withLog runs do with a model's log.
func (a *app) withLog(ctx context.Context, model string, do func(*ledger.Log) error) error {
	cfg, logger, err := a.load()
	if err != nil {
		return err
	}
	m, err := pickModel(cfg, model)
	if err != nil {
		return err
	}
	broker, log, err := openLog(ctx, cfg, m.Name, logger)
	if err != nil {
		return err
	}
	return errors.Join(do(log), broker.Close())
}

// withMachine runs do with a model's machine before the first record. The store is
// opened for writing if write is set.
func (a *app) withMachine(ctx context.Context, model string, write bool, do func(*machine.Machine) error) (err error) {
	cfg, logger, err := a.load()
	if err != nil {
		return err
	}
	m, err := pickModel(cfg, model)
	if err != nil {
		return err
	}
	broker, log, err := openLog(ctx, cfg, m.Name, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, broker.Close()) }()
	var store *checkpoint.Store
	if write {
		store, err = machine.OpenStore(cfg, m, nil, logger)
	} else {
		store, err = machine.OpenStoreReader(cfg, m, logger)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	mach, err := machine.New(cfg, m, log, store, logger)
	if err != nil {
		return err
	}
	return do(mach)
}

// scanTo takes a machine to a position, with a progress bar; 0 stands for the end of
// the log. It reports the position that the scan was for.
func (a *app) scanTo(ctx context.Context, m *machine.Machine, to ledger.Position) (ledger.Position, error) {
	state, err := m.Log.State(ctx)
	if err != nil {
		return 0, err
	}
	if to == 0 {
		to = state.Last
	}
	if to > state.Last {
		return 0, fmt.Errorf("position %d is after the end of the log, %d", to, state.Last)
	}
	from := ledger.Position(m.Engine.Position())
	bar := ui.NewProgress(a.err, "scanning", int64(to-min(from, to)))
	defer bar.Close()
	var ignore func(engine.Effect) error
	return to, m.ScanTo(ctx, to, ignore, func(p ledger.Position) { bar.Set(int64(p - from)) })
}
