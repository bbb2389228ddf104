package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/perennial-ml/perennial/cmd/learner/config"
	"github.com/perennial-ml/perennial/feedback"
)

func (a *app) initCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "init",
		Short: "Write a commented configuration to begin with",
		Example: `  learner init
  learner init --config shop.yaml`,
		Args: args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			f, err := os.OpenFile(a.configPath, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
			if errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("%s exists; it was left as it is", a.configPath)
			}
			if err != nil {
				return err
			}
			_, err = f.Write(config.Starter())
			if err = errors.Join(err, f.Close()); err != nil {
				return err
			}
			return a.answer(map[string]string{"written": a.configPath}, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "wrote %s; edit it, then start it with: learner up\n", a.configPath)
				return err
			})
		},
	}
}

func (a *app) configCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Check the configuration, or print its schema"}
	return group(cmd,
		&cobra.Command{
			Use:     "check",
			Short:   "Report every error of the configuration, with file, line, field and rule",
			Example: `  learner config check --config learner.yaml`,
			Args:    args(cobra.NoArgs),
			RunE: func(*cobra.Command, []string) error {
				cfg, _, err := a.load()
				if err != nil {
					return err
				}
				return a.answer(map[string]any{"ok": true, "models": len(cfg.Models)}, func(w io.Writer) error {
					_, err := fmt.Fprintf(w, "%s is correct; it has %d model(s)\n", a.configPath, len(cfg.Models))
					return err
				})
			},
		},
		&cobra.Command{
			Use:     "schema",
			Short:   "Print the JSON Schema of the configuration",
			Example: `  learner config schema > learner.schema.json`,
			Args:    args(cobra.NoArgs),
			RunE: func(*cobra.Command, []string) error {
				_, err := a.out.Write(config.Schema())
				return err
			},
		},
	)
}

func (a *app) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema [NAME]",
		Short: "List the JSON Schemas of the events, or print one",
		Example: `  learner schema
  learner schema feedback.json`,
		Args: args(cobra.MaximumNArgs(1)),
		RunE: func(_ *cobra.Command, list []string) error {
			if len(list) == 1 {
				data, err := feedback.Schema(list[0])
				if err != nil {
					return err
				}
				_, err = a.out.Write(data)
				return err
			}
			names, err := fs.Glob(feedback.Schemas(), "*.json")
			if err != nil {
				return err
			}
			return a.answer(names, func(w io.Writer) error {
				for _, n := range names {
					fmt.Fprintln(w, n)
				}
				return nil
			})
		},
	}
}
