package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/cmd/learner/config"
	"github.com/perennial-ml/perennial/cmd/learner/machine"
	"github.com/perennial-ml/perennial/ledger"
)

func (a *app) rebuildCommand() *cobra.Command {
	var model string
	cmd := &cobra.Command{
		Use:   "rebuild POSITION",
		Short: "Write the version of a position, from the version before it and the log",
		Long: `rebuild computes the state after the record at POSITION and writes it as a version:
one that was published and never written, or any other. The result is the same, bit for
bit, as when it was first computed. The tag rebuilt-vPOSITION keeps it from retention,
until 'checkpoint untag'. The daemon must not be running.`,
		Example: `  learner checkpoint rebuild 120034`,
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) error {
			p, err := strconv.ParseUint(strings.TrimPrefix(list[0], "v"), 10, 64)
			if err != nil || p == 0 {
				return usageError{fmt.Errorf("POSITION: must be a number from 1, got %q", list[0])}
			}
			return a.withMachine(cmd.Context(), model, true, func(m *machine.Machine) error {
				if _, err := m.Restore(cmd.Context(), machine.How{Until: checkpoint.Version(p)}); err != nil {
					return err
				}
				if _, err := a.scanTo(cmd.Context(), m, ledger.Position(p)); err != nil {
					return err
				}
				if m.Engine.Position() != p {
					return fmt.Errorf("position %d is a gap: the record before it is %d", p, m.Engine.Position())
				}
				blobs, err := m.Blobs()
				if err != nil {
					return err
				}
				man, err := m.Store.Complete(cmd.Context(), m.Manifest(), blobs)
				if err != nil {
					return err
				}
				tag := "rebuilt-" + man.Version.String()
				if err := m.Store.Tag(tag, man.Version); err != nil {
					return fmt.Errorf("version %s is written, and not kept from retention: %w", man.Version, err)
				}
				return a.answer(man, func(w io.Writer) error {
					_, err := fmt.Fprintf(w, "wrote version %s, state %s; tag %s keeps it\n", man.Version, man.StateHash, tag)
					return err
				})
			})
		},
	}
	a.modelFlag(cmd, &model)
	return cmd
}

func (a *app) untagCommand() *cobra.Command {
	var model string
	cmd := &cobra.Command{
		Use:   "untag NAME",
		Short: "Remove a tag, and leave its version to retention",
		Long: `untag removes a tag, such as the rebuilt-v123 of 'rebuild'. Its version goes when the
next one is written, unless it is among those that are kept anyway. The daemon must not be
running. Tags of rollbacks go by themselves, and not before they may.`,
		Example: `  learner checkpoint untag rebuilt-v120034`,
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, list []string) (err error) {
			if machine.IsHold(list[0]) {
				return usageError{fmt.Errorf("NAME: %s holds what a rollback in the log needs", list[0])}
			}
			cfg, logger, err := a.load()
			if err != nil {
				return err
			}
			m, err := pickModel(cfg, model)
			if err != nil {
				return err
			}
			store, err := machine.OpenStore(cfg, m, nil, logger)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, store.Close()) }()
			if err := store.Untag(list[0]); err != nil {
				return err
			}
			return a.answer(map[string]any{"untagged": list[0]}, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "removed tag %s\n", list[0])
				return err
			})
		},
	}
	a.modelFlag(cmd, &model)
	return cmd
}

func (a *app) exportCommand() *cobra.Command {
	var (
		model, output string
		weights       bool
	)
	cmd := &cobra.Command{
		Use:   "export VERSION",
		Short: "Write a version as an OCI image layout in a tar, or its weights as safetensors",
		Example: `  learner checkpoint export stable -o clicks.tar
  learner checkpoint export v120034 --weights -o clicks.safetensors`,
		ValidArgsFunction: a.completeVersions,
		Args:              args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) (err error) {
			return a.withStore(model, func(_ config.Model, s *checkpoint.Store) error {
				v, err := resolve(s, list[0])
				if err != nil {
					return err
				}
				write := s.Export
				if weights {
					write = s.ExportWeights
				}
				if output == "-" {
					return write(cmd.Context(), v, a.out)
				}
				f, err := os.Create(output)
				if err != nil {
					return err
				}
				if err := errors.Join(write(cmd.Context(), v, f), f.Close()); err != nil {
					return errors.Join(err, os.Remove(output))
				}
				return a.answer(map[string]any{"version": uint64(v), "written": output}, func(w io.Writer) error {
					_, err := fmt.Fprintf(w, "wrote version %s to %s\n", v, output)
					return err
				})
			})
		},
	}
	a.modelFlag(cmd, &model)
	cmd.Flags().StringVarP(&output, "output", "o", "", "file to write; - for standard output")
	cmd.Flags().BoolVar(&weights, "weights", false, "only the weights, as safetensors")
	if err := cmd.MarkFlagRequired("output"); err != nil {
		panic(err) // the flag is declared two lines above
	}
	return cmd
}

func (a *app) importCommand() *cobra.Command {
	var model string
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Put a version that was exported back into the store",
		Long: `import reads an archive of 'checkpoint export', or one that a registry tool made of a
copy, checks every byte, and enters the version that it holds; - reads standard input. The
daemon must not be running. Retention counts an imported version as any other: give it
to rollback before it is an old one.`,
		Example: `  learner checkpoint import clicks.tar
  ssh other learner checkpoint export stable -o - | learner checkpoint import -`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) error {
			in := cmd.InOrStdin()
			if list[0] != "-" {
				f, err := os.Open(list[0])
				if err != nil {
					return err
				}
				defer f.Close()
				in = f
			}
			return a.withMachine(cmd.Context(), model, true, func(m *machine.Machine) error {
				man, err := m.Store.Import(cmd.Context(), in)
				if err != nil {
					return err
				}
				if err := ours(cmd.Context(), m, man); err != nil {
					// A daemon would refuse to start over it.
					return errors.Join(err, m.Store.Remove(cmd.Context(), man.Version))
				}
				return a.answer(man, func(w io.Writer) error {
					_, err := fmt.Fprintf(w, "imported version %s of model %s, state %s\n", man.Version, man.Model, man.StateHash)
					return err
				})
			})
		},
	}
	a.modelFlag(cmd, &model)
	return cmd
}

// ours refuses a version of another model, or of another log.
func ours(ctx context.Context, m *machine.Machine, man checkpoint.Manifest) error {
	if man.Model != m.Name {
		return fmt.Errorf("version %s is of model %s: %w", man.Version, man.Model, machine.ErrModel)
	}
	id := ledger.ID{Name: man.Log.Name, Created: man.Log.Created}
	if err := m.Log.Check(ctx, id, ledger.Position(man.Version)); err != nil {
		return fmt.Errorf("version %s: %w", man.Version, err)
	}
	return nil
}
