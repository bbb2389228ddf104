package cli

import (
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/perennial-ml/perennial/cmd/learner/demo"
)

func (a *app) demoCommand() *cobra.Command {
	var opt demo.Options
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Watch a served model learn from a real stream, be killed, and come back exactly",
		Long: `demo plays 45,312 half-hours of the electricity market of New South Wales to a learner
of its own, with outcomes a day late: it predicts through the HTTP face, sends what came
true, kills the learner with SIGKILL and proves that it came back as it was, flips labels
and rolls back. It takes under a minute and leaves its log and versions in a folder.`,
		Example: `  learner demo
  learner demo --folder /tmp/demo --rows 10000`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if opt.Program, err = os.Executable(); err != nil {
				return err
			}
			opt.Out = a.out
			opt.ASCII = !strings.Contains(strings.ToUpper(os.Getenv("LANG")+os.Getenv("LC_ALL")+os.Getenv("LC_CTYPE")), "UTF")
			return demo.Run(cmd.Context(), opt)
		},
	}
	cmd.Flags().StringVar(&opt.Folder, "folder", "demo-data", "folder for the demo's log and versions; an earlier demo's is replaced")
	cmd.Flags().IntVar(&opt.Rows, "rows", 0, "half-hours to play; 0 for all")
	return cmd
}
