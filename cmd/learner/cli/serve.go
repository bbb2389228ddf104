package cli

import (
	"github.com/spf13/cobra"

	"github.com/perennial-ml/perennial/cmd/learner/daemon"
)

func (a *app) serveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Serve only: load what a learner elsewhere publishes, as it does",
		Long: `serve answers predictions and takes feedback, but learns nothing: it loads the
versions that a learner publishes through the NATS that log.url names, and appends what
it served and heard to the log there. Decisions (rollback, pin) go to the learner.`,
		Example: `  PERENNIAL_LOG_URL=nats://nats.example:4222 learner serve --config shop.yaml`,
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, logger, err := a.load()
			if err != nil {
				return err
			}
			return daemon.Serve(cmd.Context(), cfg, daemon.Options{Logger: logger, Version: version()})
		},
	}
}
