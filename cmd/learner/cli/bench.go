package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/perennial-ml/perennial/bench/campaign"
	"github.com/perennial-ml/perennial/bench/data"
	"github.com/perennial-ml/perennial/bench/measure"
	"github.com/perennial-ml/perennial/bench/protocol"
	"github.com/perennial-ml/perennial/bench/report"
	"github.com/perennial-ml/perennial/bench/result"
	"github.com/perennial-ml/perennial/bench/suites"
	"github.com/perennial-ml/perennial/cmd/learner/cli/ui"
)

func (a *app) benchCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "bench", Short: "Hold the engine against published tables of continual learning"}
	return group(cmd, a.benchListCommand(), a.benchDataCommand(), a.benchRunCommand(), a.benchReportCommand())
}

func (a *app) benchListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the suites that come with the binary, and their methods",
		Example: "  learner bench list",
		Args:    args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			names, err := protocol.Names(suites.FS)
			if err != nil {
				return err
			}
			type suite struct {
				Name    string   `json:"name"`
				Title   string   `json:"title"`
				Data    string   `json:"data"`
				Methods []string `json:"methods"`
			}
			var list []suite
			for _, name := range names {
				s, err := protocol.Open(suites.FS, name)
				if err != nil {
					return err
				}
				one := suite{Name: s.Name, Title: s.Title, Data: s.Data}
				for _, m := range s.Methods {
					one.Methods = append(one.Methods, m.Name)
				}
				list = append(list, one)
			}
			return a.answer(list, func(w io.Writer) error {
				table := ui.NewTable("suite", "data", "title", "methods")
				for _, s := range list {
					table.Row(s.Name, s.Data, s.Title, strings.Join(s.Methods, " "))
				}
				_, err := table.WriteTo(w)
				return err
			})
		},
	}
}

// benchFlags are what the commands that read data and results share.
type benchFlags struct{ data, results string }

func (f *benchFlags) addData(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.data, "data", envOr("PERENNIAL_DATASETS", "datasets"), "folder of the data sets (environment: PERENNIAL_DATASETS)")
}

func (f *benchFlags) addResults(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.results, "results", "bench-results", "folder of results, tables and plots")
}

func (a *app) benchRunCommand() *cobra.Command {
	var (
		flags      benchFlags
		methods    []string
		seeds      []string
		jobs       int
		validation float64
	)
	cmd := &cobra.Command{
		Use:   "run SUITE...",
		Short: "Run what a suite's results lack, and write its table and plots",
		Long: `run tells each method of a suite, under each seed, the suite's data as feedback records,
and scores the weights that the engine publishes on rows that it was never told. A run is
written down when it is finished: interrupt it, and the next call goes on with the rest.
SUITE is a name from 'learner bench list' or a file. With --validation that share of the
training rows is scored in place of the test rows: for choosing settings.`,
		Example: `  learner bench run d-avalanche
  learner bench run a-class --method none,er-1100 --seeds 1,2,3 --jobs 2`,
		Args: args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, names []string) error {
			for _, name := range names {
				s, err := protocol.Open(suites.FS, name)
				if err != nil {
					return usageError{err}
				}
				if !(validation >= 0 && validation < 1) {
					return usageError{fmt.Errorf("--validation: must be at least 0 and below 1, got %v", validation)}
				}
				if jobs < 1 {
					return usageError{fmt.Errorf("--jobs: must be at least 1, got %d", jobs)}
				}
				if validation > 0 {
					s.Name, s.Scenario.Validation = s.Name+"-validation", validation
					if err := s.Validate(); err != nil {
						return usageError{fmt.Errorf("--validation: %w", err)}
					}
				}
				c := campaign.Campaign{Suite: s, Methods: methods, Jobs: jobs, Origin: result.Here(a.line)}
				if err := c.Validate(); err != nil {
					return usageError{fmt.Errorf("--method: %w", err)}
				}
				for _, text := range seeds {
					seed, err := strconv.ParseUint(text, 10, 64)
					if err != nil || seed == 0 {
						return usageError{fmt.Errorf("--seeds: must be whole numbers from 1, got %q", text)}
					}
					if slices.Contains(c.Seeds, seed) {
						return usageError{fmt.Errorf("--seeds: must differ, got %d twice", seed)}
					}
					c.Seeds = append(c.Seeds, seed)
				}
				if err := a.campaign(cmd.Context(), c, flags); err != nil {
					return err
				}
			}
			return nil
		},
	}
	flags.addData(cmd)
	flags.addResults(cmd)
	cmd.Flags().StringSliceVar(&methods, "method", nil, "methods to run, separated by commas; by default all")
	cmd.Flags().StringSliceVar(&seeds, "seeds", nil, "seeds to run, separated by commas; by default the suite's")
	cmd.Flags().IntVar(&jobs, "jobs", runtime.NumCPU(), "runs at a time")
	cmd.Flags().Lookup("jobs").DefValue = "one a processor" // help and reference are the same on every machine
	cmd.Flags().Float64Var(&validation, "validation", 0, "share of the training rows to score in place of the test rows")
	return cmd
}

// campaign runs a suite, and writes the table also of what an interruption left.
func (a *app) campaign(ctx context.Context, c campaign.Campaign, flags benchFlags) (err error) {
	entry, err := data.Find(c.Suite.Data)
	if err != nil {
		return err
	}
	if c.Data, err = entry.Load(flags.data); err != nil {
		return err
	}
	switch err := entry.Verify(flags.data); {
	case errors.Is(err, data.ErrHash):
		fmt.Fprintf(a.err, "warning: %v; what is measured does not compare with published figures\n", err)
	case err != nil:
		return err
	}
	if c.Store, err = result.Open(flags.results, c.Suite.Name); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Store.Close()) }()
	bar := ui.NewProgress(a.err, c.Suite.Name, -1)
	defer bar.Close()
	c.Progress = bar.SetOf
	c.Finished = func(r result.Run) {
		fmt.Fprintf(a.err, "%s/%s, seed %d: %.2f %% in %.1f s\n",
			r.Suite, r.Method, r.Seed, 100*r.Figures[c.Suite.Figure], r.Outcome.Train+r.Outcome.Look)
	}
	skipped, err := c.Run(ctx)
	bar.Close()
	if skipped > 0 {
		fmt.Fprintf(a.err, "%s: %d run(s) were there already\n", c.Suite.Name, skipped)
	}
	return errors.Join(err, a.table(c.Suite, c.Store.Runs(), flags.results))
}

func (a *app) benchReportCommand() *cobra.Command {
	var flags benchFlags
	cmd := &cobra.Command{
		Use:     "report SUITE...",
		Short:   "Write table and plots anew from a suite's results",
		Example: "  learner bench report d-avalanche --results docs/results",
		Args:    args(cobra.MinimumNArgs(1)),
		RunE: func(_ *cobra.Command, names []string) error {
			for _, name := range names {
				s, err := protocol.Open(suites.FS, name)
				if err != nil {
					return usageError{err}
				}
				runs, _, err := result.Read(result.Path(flags.results, s.Name))
				if err != nil {
					return err
				}
				if err := a.table(s, runs, flags.results); err != nil {
					return err
				}
			}
			return nil
		},
	}
	flags.addResults(cmd)
	return cmd
}

// table writes page and plots, and shows the figures.
func (a *app) table(s protocol.Suite, runs []result.Run, folder string) error {
	if err := report.Write(folder, s, runs); err != nil {
		return err
	}
	type line struct {
		Suite     string         `json:"suite"`
		Method    string         `json:"method"`
		Figure    measure.Sample `json:"figure"` // of each run
		Published *float64       `json:"published_percent,omitempty"`
	}
	var lines []line
	for _, m := range s.Methods {
		l := line{Suite: s.Name, Method: m.Name, Published: m.Published}
		for _, r := range runs {
			if v, ok := r.Figures[s.Figure]; ok && r.Method == m.Name && r.Digest == s.Digest(m) {
				l.Figure = append(l.Figure, v)
			}
		}
		lines = append(lines, l)
	}
	return a.answer(lines, func(w io.Writer) error {
		table := ui.NewTable(s.Name, s.Figure, "spread", "seeds", "published")
		for _, l := range lines {
			published := "-"
			if l.Published != nil {
				published = fmt.Sprintf("%.2f", *l.Published)
			}
			table.Row(l.Method, share(l.Figure.Mean()), share(l.Figure.Deviation()), fmt.Sprint(len(l.Figure)), published)
		}
		_, err := table.WriteTo(w)
		return err
	})
}

// share writes a share in per cent.
func share(v float64) string {
	if v != v {
		return "-"
	}
	return fmt.Sprintf("%.2f", 100*v)
}
