package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/perennial-ml/perennial/cmd/learner/cli/ui"
	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/ledger"
)

func (a *app) ledgerCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ledger",
		Short: "Look into the log",
		Long: `The commands open the log of the configuration: the folder, if no daemon holds it, or the
socket that the daemon opened (log.listen), or the external NATS (log.url).`,
	}
	return group(cmd, a.ledgerStatCommand(), a.ledgerScanCommand(), a.deadLettersCommand(), a.ledgerEraseCommand())
}

func (a *app) ledgerStatCommand() *cobra.Command {
	var model string
	cmd := &cobra.Command{
		Use:     "stat",
		Short:   "Say what the log holds",
		Example: `  learner ledger stat --json`,
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withLog(cmd.Context(), model, func(l *ledger.Log) error {
				state, err := l.State(cmd.Context())
				if err != nil {
					return err
				}
				return a.answer(struct {
					ledger.ID
					ledger.State
				}{l.ID(), state}, func(w io.Writer) error {
					t := ui.NewTable("log", "created", "first", "last", "records", "gaps", "size")
					t.Row(l.ID().Name, l.ID().Created.Format(time.RFC3339), position(state.First), position(state.Last),
						ui.Count(int64(state.Records)), ui.Count(int64(state.Deleted)), ui.Bytes(int64(state.Bytes)))
					_, err := t.WriteTo(w)
					return err
				})
			})
		},
	}
	a.modelFlag(cmd, &model)
	return cmd
}

func position(p ledger.Position) string { return strconv.FormatUint(uint64(p), 10) }

// scanned is one record as 'ledger scan' shows it.
type scanned struct {
	Position uint64          `json:"position"`
	Time     time.Time       `json:"time"`
	Event    *feedback.Event `json:"event,omitempty"`
	Refusal  string          `json:"refusal,omitempty"`
}

func (a *app) ledgerScanCommand() *cobra.Command {
	var (
		model    string
		from, to uint64
		limit    int
	)
	cmd := &cobra.Command{
		Use:   "scan",
		Short: "Print records in order, one line each",
		Example: `  learner ledger scan --from 1200 --limit 10
  learner ledger scan --json | jq -c 'select(.event.type == "perennial.control.v1")'`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withLog(cmd.Context(), model, func(l *ledger.Log) error {
				state, err := l.State(cmd.Context())
				if err != nil {
					return err
				}
				end := state.Last
				if to != 0 {
					end = min(end, ledger.Position(to))
				}
				out := ui.Output{Out: a.out, JSON: a.json}
				first := max(ledger.Position(from), state.First, 1)
				bar := ui.NewProgress(a.err, "scanning", int64(end-min(first, end)))
				defer bar.Close()
				n := 0
				err = l.Range(cmd.Context(), first, end, func(raw ledger.Raw) error {
					if limit > 0 && n == limit {
						return errEnough
					}
					n++
					if !ui.IsTerminal(a.out) { // where the records themselves show how far it is
						bar.Set(int64(raw.Position - first))
					}
					return out.Line(show(raw), func(w io.Writer) error {
						_, err := fmt.Fprintf(w, "%d\t%s\t%s\t%s\n", raw.Position, raw.Time.UTC().Format(time.RFC3339Nano), raw.Subject, raw.Data)
						return err
					})
				})
				if errors.Is(err, errEnough) {
					return nil
				}
				return err
			})
		},
	}
	a.modelFlag(cmd, &model)
	cmd.Flags().Uint64Var(&from, "from", 1, "first position")
	cmd.Flags().Uint64Var(&to, "to", 0, "last position; 0 for the end")
	cmd.Flags().IntVar(&limit, "limit", 0, "at most so many records; 0 for all")
	return cmd
}

// errEnough ends a scan that has shown what was asked for.
var errEnough = errors.New("enough records")

func show(raw ledger.Raw) scanned {
	s := scanned{Position: uint64(raw.Position), Time: raw.Time.UTC()}
	ev, err := feedback.FromHeaders(raw.Header, raw.Data)
	if err != nil || !json.Valid(ev.Data) {
		s.Refusal = "not a CloudEvent with JSON data"
		if err != nil {
			s.Refusal = err.Error()
		}
		return s
	}
	s.Event = &ev
	return s
}

func (a *app) deadLettersCommand() *cobra.Command {
	var (
		model string
		from  uint64
		limit int
	)
	cmd := &cobra.Command{
		Use:     "deadletters",
		Short:   "List the records that were refused, with the reason",
		Example: `  learner ledger deadletters --json`,
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withLog(cmd.Context(), model, func(l *ledger.Log) error {
				letters, err := l.DeadLetters(cmd.Context(), ledger.Position(from), limit)
				if err != nil {
					return err
				}
				return a.answer(letters, func(w io.Writer) error {
					t := ui.NewTable("position", "time", "code", "field", "rule", "bytes")
					for _, d := range letters {
						t.Row(position(d.Position), d.Time.UTC().Format(time.RFC3339), string(d.Refusal.Code), d.Refusal.Field,
							d.Refusal.Rule, strconv.Itoa(len(d.Body)))
					}
					_, err := t.WriteTo(w)
					return err
				})
			})
		},
	}
	a.modelFlag(cmd, &model)
	cmd.Flags().Uint64Var(&from, "from", 0, "first position")
	cmd.Flags().IntVar(&limit, "limit", 100, "at most so many")
	return cmd
}

func (a *app) ledgerEraseCommand() *cobra.Command {
	var model string
	cmd := &cobra.Command{
		Use:   "erase POSITION",
		Short: "Delete one record from the log, securely",
		Long: `erase overwrites a record on disk and leaves a gap in its place. States that contain
the record keep what they learned from it: this is for a record that should never have been
there, or that no learner can apply.`,
		Example: `  learner ledger erase 1534`,
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) error {
			p, err := strconv.ParseUint(list[0], 10, 64)
			if err != nil || p == 0 {
				return usageError{fmt.Errorf("POSITION: must be a number from 1, got %q", list[0])}
			}
			return a.withLog(cmd.Context(), model, func(l *ledger.Log) error {
				if err := l.Erase(cmd.Context(), ledger.Position(p)); err != nil {
					return err
				}
				return a.answer(map[string]uint64{"erased": p}, func(w io.Writer) error {
					_, err := fmt.Fprintf(w, "erased record %d\n", p)
					return err
				})
			})
		},
	}
	a.modelFlag(cmd, &model)
	return cmd
}
