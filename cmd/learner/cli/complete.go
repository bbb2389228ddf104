package cli

import (
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/cmd/learner/config"
	"github.com/perennial-ml/perennial/cmd/learner/machine"
)

// modelFlag declares --model, which the shell can complete.
func (a *app) modelFlag(cmd *cobra.Command, model *string) {
	cmd.Flags().StringVarP(model, "model", "m", "", "model, where several are configured")
	err := cmd.RegisterFlagCompletionFunc("model", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		cfg, err := config.Load(a.configPath)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp // there is nothing to propose
		}
		var names []string
		for _, m := range cfg.Models {
			names = append(names, m.Name)
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	})
	if err != nil {
		panic(err) // the flag is declared three lines above
	}
}

// completeVersions proposes the channels, tags and versions of the store.
func (a *app) completeVersions(cmd *cobra.Command, list []string, _ string) ([]string, cobra.ShellCompDirective) {
	const nothingElse = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	if len(list) > 0 {
		return nil, nothingElse
	}
	var names []string
	err := a.withStore(cmd.Flag("model").Value.String(), func(_ config.Model, s *checkpoint.Store) error {
		channels, err := s.Channels()
		if err != nil {
			return err
		}
		tags, err := s.Tags()
		if err != nil {
			return err
		}
		versions, err := machine.List(s)
		names = append(slices.Sorted(maps.Keys(channels)), slices.Sorted(maps.Keys(tags))...)
		for _, v := range versions {
			names = append(names, checkpoint.Version(v.Version).String()+"\t"+v.LogTime.Format("2006-01-02 15:04:05"))
		}
		return err
	})
	if err != nil { // a completion has nobody to tell
		return nil, nothingElse
	}
	return names, nothingElse
}
