package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/cmd/learner/cli/ui"
	"github.com/perennial-ml/perennial/cmd/learner/config"
)

// Exit statuses.
const (
	exitOK = iota
	exitError
	exitUsage
	exitDamage
	exitInterrupted = 130 // as a shell reports a process that ended by SIGINT
)

// errDamage is returned by a check that did its work and found damage.
var errDamage = errors.New("damage found")

// usageError is a wrong call, as opposed to one that failed.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// app is what the commands share: the global flags and the streams.
type app struct {
	out, err io.Writer
	line     []string // as it was called

	configPath string
	json       bool
	logLevel   string
	logFormat  string
}

// Run executes one command line and returns the process's exit status.
func Run(ctx context.Context, args []string, in io.Reader, out, errw io.Writer) int {
	out = watch(out, args)
	a := &app{out: out, err: errw, line: append([]string{"learner"}, args...)}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errw)
	err := root.ExecuteContext(ctx)
	err = errors.Join(err, fail(out, err))
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		fmt.Fprintln(errw, "interrupted")
		return exitInterrupted
	case errors.Is(err, errDamage), errors.Is(err, checkpoint.ErrCorrupt):
		fmt.Fprintln(errw, "learner:", err)
		return exitDamage
	case errors.As(err, &usage), strings.HasPrefix(err.Error(), "required flag(s)"): // cobra has no type for it
		fmt.Fprintln(errw, "learner:", err)
		fmt.Fprintln(errw, "Run 'learner --help' for the commands.")
		return exitUsage
	}
	fmt.Fprintln(errw, "learner:", err)
	return exitError
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "learner",
		Short: "Learn from feedback while serving, and forget nothing",
		Long: `learner runs online learners: it serves predictions, takes feedback about them,
and learns from it within milliseconds. Its state is a function of one ordered log:
kill it anywhere, and it comes back exactly.

Begin with 'learner demo', or write a configuration with 'learner init' and start it
with 'learner up'.`,
		Example: `  learner demo
  learner init && learner up
  learner checkpoint list --json`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	flags := root.PersistentFlags()
	flags.StringVarP(&a.configPath, "config", "c", envOr("PERENNIAL_CONFIG", "learner.yaml"), "configuration file (environment: PERENNIAL_CONFIG)")
	flags.BoolVar(&a.json, "json", false, "print the answer as JSON")
	flags.StringVar(&a.logLevel, "log-level", "info", "debug, info, warn or error")
	flags.StringVar(&a.logFormat, "log-format", "text", "text or json")
	root.SetFlagErrorFunc(flagError)
	return group(root,
		a.upCommand(), a.runCommand(), a.serveCommand(), a.demoCommand(),
		a.initCommand(), a.configCommand(), a.schemaCommand(),
		a.boundaryCommand(), a.checkpointCommand(), a.ledgerCommand(), a.stateCommand(),
		a.benchCommand(), a.versionCommand(),
	)
}

// group makes cmd hold others. Alone it prints its help; anything but one of its commands
// is a wrong call.
func group(cmd *cobra.Command, commands ...*cobra.Command) *cobra.Command {
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, list []string) error {
		if len(list) == 0 {
			return cmd.Help()
		}
		err := fmt.Errorf("unknown command %q for %q", list[0], cmd.CommandPath())
		if near := cmd.SuggestionsFor(list[0]); len(near) > 0 {
			err = fmt.Errorf("%w; did you mean %s?", err, strings.Join(near, ", "))
		}
		return usageError{err}
	}
	cmd.SuggestionsMinimumDistance = 2
	cmd.AddCommand(commands...)
	return cmd
}

func envOr(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

// logger writes structured logs to standard error.
func (a *app) logger() (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(a.logLevel)); err != nil {
		return nil, usageError{fmt.Errorf("--log-level: must be debug, info, warn or error, got %q", a.logLevel)}
	}
	opt := &slog.HandlerOptions{Level: level}
	switch a.logFormat {
	case "text":
		return slog.New(slog.NewTextHandler(a.err, opt)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(a.err, opt)), nil
	}
	return nil, usageError{fmt.Errorf("--log-format: must be text or json, got %q", a.logFormat)}
}

// load reads the configuration and makes the logger.
func (a *app) load() (*config.Config, *slog.Logger, error) {
	logger, err := a.logger()
	if err != nil {
		return nil, nil, err
	}
	cfg, err := config.Load(a.configPath)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil, fmt.Errorf("%w; 'learner init' writes one to begin with, --config names another", err)
	}
	return cfg, logger, err
}

// model returns the model that a flag names; with one model configured, that one.
func pickModel(cfg *config.Config, name string) (config.Model, error) {
	var names []string
	for _, m := range cfg.Models {
		names = append(names, m.Name)
	}
	if name == "" {
		if len(cfg.Models) == 1 {
			return cfg.Models[0], nil
		}
		return config.Model{}, usageError{fmt.Errorf("--model: must be one of %s", strings.Join(names, ", "))}
	}
	m, ok := cfg.Model(name)
	if !ok {
		return config.Model{}, usageError{fmt.Errorf("--model: no model %q; there is %s", name, strings.Join(names, ", "))}
	}
	return m, nil
}

// answer prints v as JSON, or for a person.
func (a *app) answer(v any, human func(w io.Writer) error) error {
	return ui.Output{Out: a.out, JSON: a.json}.Answer(v, human)
}

// args wraps cobra's checks of positional arguments into usage errors.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, list []string) error {
		if err := check(cmd, list); err != nil {
			return usageError{fmt.Errorf("%s: %w", cmd.CommandPath(), err)}
		}
		return nil
	}
}
