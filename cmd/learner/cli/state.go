package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/cmd/learner/machine"
	"github.com/perennial-ml/perennial/ledger"
)

// stateHash answers 'state hash'.
type stateHash struct {
	Model    string `json:"model"`
	Position uint64 `json:"position"`
	Hash     string `json:"hash"`
	From     uint64 `json:"from"` // the version that the scan began at; 0 for the log's start
	Records  uint64 `json:"records"`
	Learned  uint64 `json:"learned"`
}

func (a *app) stateCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "state", Short: "Compute states from the log"}
	var (
		model     string
		fromStart bool
		at        uint64
	)
	hash := &cobra.Command{
		Use:   "hash",
		Short: "Print the hash of the state after a record, by default the last",
		Long: `hash takes the newest version, or with --from-start the empty state, scans the log to
the position, and prints the hash of the state there. Equal hashes prove equal states:
weights, optimizer, memory, window and metrics, bit for bit.`,
		Example: `  learner state hash
  learner state hash --from-start --at 120034 --json`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withMachine(cmd.Context(), model, false, func(m *machine.Machine) error {
				var from checkpoint.Version
				if !fromStart {
					var err error
					if from, err = m.Restore(cmd.Context(), machine.How{Until: checkpoint.Version(at)}); err != nil {
						return err
					}
				}
				if _, err := a.scanTo(cmd.Context(), m, ledger.Position(at)); err != nil {
					return err
				}
				h, err := m.Engine.Hash()
				if err != nil {
					return err
				}
				r := m.Engine.Report()
				s := stateHash{
					Model: m.Name, Position: r.Position, Hash: h, From: uint64(from),
					Records: r.Counts.Records, Learned: r.Arms[0].Counts.Learned,
				}
				return a.answer(s, func(w io.Writer) error {
					_, err := fmt.Fprintf(w, "%s  model %s, position %d\n", s.Hash, s.Model, s.Position)
					return err
				})
			})
		},
	}
	a.modelFlag(hash, &model)
	hash.Flags().BoolVar(&fromStart, "from-start", false, "scan the whole log instead of starting at a version")
	hash.Flags().Uint64Var(&at, "at", 0, "position of the last record to apply; 0 for the end of the log")
	return group(cmd, hash)
}
