package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/perennial-ml/perennial/cmd/learner/config"
	"github.com/perennial-ml/perennial/cmd/learner/daemon"
	"github.com/perennial-ml/perennial/cmd/learner/machine"
	"github.com/perennial-ml/perennial/internal/failpoint"
)

func (a *app) upCommand() *cobra.Command {
	var how machine.How
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run the log, the learners and the server in one process",
		Long: `up runs everything in one process: an embedded log, a learner for each model, and
the HTTP server. Its line "ready" says where it listens, where the dashboard is, and what
events without consent are taken to allow. It stops cleanly, within 5 s, on SIGTERM or
Ctrl-C; a second signal ends it at once, and loses nothing.`,
		Example: `  learner up
  learner up --config shop.yaml --log-format json`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.daemonConfig()
			if err != nil {
				return err
			}
			if cfg.Log.URL != "" {
				return usageError{errors.New("log.url names an external log: use 'learner run' beside it, or remove log.url")}
			}
			return a.daemon(cmd, cfg, how)
		},
	}
	adoptFlag(cmd, &how)
	return cmd
}

func (a *app) runCommand() *cobra.Command {
	var how machine.How
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the learners against an external NATS",
		Long: `run is up with a log that lives in an external NATS (log.url). Servers elsewhere
load what it learns with 'learner serve'. A learner that is started beside one that runs
takes its place; the other one stops.`,
		Example: `  PERENNIAL_LOG_URL=nats://nats.example:4222 learner run --config shop.yaml`,
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.daemonConfig()
			if err != nil {
				return err
			}
			if cfg.Log.URL == "" {
				return usageError{errors.New("log.url: must name an external NATS; 'learner up' brings a log of its own")}
			}
			return a.daemon(cmd, cfg, how)
		},
	}
	adoptFlag(cmd, &how)
	return cmd
}

func adoptFlag(cmd *cobra.Command, how *machine.How) {
	cmd.Flags().BoolVar(&how.AdoptConfig, "adopt-config", false,
		"go on from a version that was learned under another configuration")
}

func (a *app) daemonConfig() (*config.Config, error) {
	cfg, _, err := a.load()
	return cfg, err
}

// daemon runs learners until the command's context ends.
func (a *app) daemon(cmd *cobra.Command, cfg *config.Config, how machine.How) error {
	logger, err := a.logger()
	if err != nil {
		return err
	}
	points, err := failpoint.Parse(os.Getenv("PERENNIAL_FAILPOINTS"))
	if err != nil {
		return fmt.Errorf("PERENNIAL_FAILPOINTS: %w", err)
	}
	if address := os.Getenv("PERENNIAL_PPROF"); address != "" {
		ctx, stop := context.WithCancel(cmd.Context())
		wait, err := daemon.Profile(ctx, address, logger)
		if err != nil {
			stop()
			return fmt.Errorf("PERENNIAL_PPROF: %w", err)
		}
		defer wait()
		defer stop()
	}
	d, err := daemon.Open(cmd.Context(), cfg, daemon.Options{
		Logger: logger, Version: version(), Points: points, How: how,
	})
	if err != nil {
		return err
	}
	return errors.Join(d.Run(cmd.Context()), d.Close())
}
