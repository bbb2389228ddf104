package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/cmd/learner/cli/ui"
	"github.com/perennial-ml/perennial/cmd/learner/config"
	"github.com/perennial-ml/perennial/cmd/learner/machine"
)

func (a *app) checkpointCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "checkpoint",
		Aliases: []string{"ckpt"},
		Short:   "Inspect, verify, rebuild and roll back versions",
	}
	return group(cmd,
		a.listCommand(), a.showCommand(), a.verifyCommand(), a.fsckCommand(),
		a.rollbackCommand(), a.promoteCommand(), a.pinCommand(), a.unpinCommand(),
		a.rebuildCommand(), a.untagCommand(), a.exportCommand(), a.importCommand(),
	)
}

func (a *app) listCommand() *cobra.Command {
	var model string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the durable versions, the newest first",
		Example: `  learner checkpoint list
  learner checkpoint list --json | jq '.[0].version'`,
		Args: args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			return a.withStore(model, func(_ config.Model, s *checkpoint.Store) error {
				list, err := machine.List(s)
				if err != nil {
					return err
				}
				return a.answer(list, func(w io.Writer) error {
					t := ui.NewTable("version", "log time", "size", "named by", "state")
					for _, v := range list {
						t.Row(checkpoint.Version(v.Version).String(), v.LogTime.Format(time.DateTime), ui.Bytes(v.Bytes),
							strings.Join(v.Channels, ", "), short(v.StateHash))
					}
					_, err := t.WriteTo(w)
					return err
				})
			})
		},
	}
	a.modelFlag(cmd, &model)
	return cmd
}

// short abbreviates a digest for a table.
func short(digest string) string {
	_, hex, _ := strings.Cut(digest, ":")
	return hex[:min(12, len(hex))]
}

// resolve reads a version, or the name of a channel or tag.
func resolve(s *checkpoint.Store, name string) (checkpoint.Version, error) {
	if v, err := s.Channel(name); err == nil {
		return v, nil
	}
	tags, err := s.Tags()
	if err != nil {
		return 0, err
	}
	if v, ok := tags[name]; ok {
		return v, nil
	}
	v, err := checkpoint.ParseVersion(name)
	if err != nil {
		return 0, usageError{fmt.Errorf("VERSION: must be a version, a channel or a tag, got %q", name)}
	}
	return v, nil
}

func (a *app) showCommand() *cobra.Command {
	var model string
	cmd := &cobra.Command{
		Use:   "show VERSION",
		Short: "Describe a version: VERSION is v123, 123, a channel or a tag",
		Example: `  learner checkpoint show stable
  learner checkpoint show v120034 --json`,
		ValidArgsFunction: a.completeVersions,
		Args:              args(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, list []string) error {
			return a.withStore(model, func(_ config.Model, s *checkpoint.Store) error {
				v, err := resolve(s, list[0])
				if err != nil {
					return err
				}
				saved, err := s.Get(v)
				if err != nil {
					return err
				}
				defer saved.Close()
				m := saved.Manifest()
				return a.answer(m, func(w io.Writer) error {
					fmt.Fprintf(w, "version     %s of model %s\nlog         %s, created %s\nlog time    %s\nstate hash  %s\nconfig      %s\nspec        %s\n\n",
						m.Version, m.Model, m.Log.Name, m.Log.Created.Format(time.RFC3339), m.LogTime.Format(time.RFC3339Nano),
						m.StateHash, m.Config, m.Spec)
					t := ui.NewTable("blob", "size", "stored", "digest")
					for _, b := range m.Blobs {
						t.Row(b.Name, ui.Bytes(b.Size), ui.Bytes(b.StoredLen), short(b.Digest))
					}
					_, err := t.WriteTo(w)
					return err
				})
			})
		},
	}
	a.modelFlag(cmd, &model)
	return cmd
}

func (a *app) verifyCommand() *cobra.Command {
	var model string
	cmd := &cobra.Command{
		Use:               "verify VERSION",
		Short:             "Read every byte of a version and check it",
		Example:           `  learner checkpoint verify candidate`,
		ValidArgsFunction: a.completeVersions,
		Args:              args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) error {
			return a.withStore(model, func(_ config.Model, s *checkpoint.Store) error {
				v, err := resolve(s, list[0])
				if err != nil {
					return err
				}
				saved, err := s.Get(v)
				if err == nil {
					defer saved.Close()
					bar := ui.NewProgress(a.err, "verifying", -1)
					err = saved.Verify(cmd.Context(), bar.SetOf)
					bar.Close()
				}
				if err != nil {
					return err
				}
				return a.answer(map[string]any{"version": uint64(v), "ok": true}, func(w io.Writer) error {
					_, err := fmt.Fprintf(w, "version %s is whole\n", v)
					return err
				})
			})
		},
	}
	a.modelFlag(cmd, &model)
	return cmd
}

func (a *app) fsckCommand() *cobra.Command {
	var model string
	cmd := &cobra.Command{
		Use:     "fsck",
		Short:   "Read every byte of the store and report all damage",
		Example: `  learner checkpoint fsck`,
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withStore(model, func(_ config.Model, s *checkpoint.Store) error {
				bar := ui.NewProgress(a.err, "checking", -1)
				r, err := s.Fsck(cmd.Context(), bar.SetOf)
				bar.Close()
				if err != nil {
					return err
				}
				err = a.answer(r, func(w io.Writer) error {
					fmt.Fprintf(w, "%d versions, %d blobs, %s\n", r.Versions, r.Blobs, ui.Bytes(r.Bytes))
					for _, p := range r.Problems {
						fmt.Fprintf(w, "%s: %s (versions %v)\n", p.File, p.Reason, p.Versions)
					}
					return nil
				})
				if err == nil && !r.OK() {
					err = fmt.Errorf("%w: %d problem(s)", errDamage, len(r.Problems))
				}
				return err
			})
		},
	}
	a.modelFlag(cmd, &model)
	return cmd
}
