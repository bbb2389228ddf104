package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/perennial-ml/perennial/bench/data"
	"github.com/perennial-ml/perennial/cmd/learner/cli/ui"
)

// datum is the account of one file of a data set.
type datum struct {
	Set    string `json:"set"`
	File   string `json:"file"`
	Status string `json:"status"`
	URL    string `json:"url,omitempty"`
}

// What became of a file.
const (
	fileVerified = "verified" // its hash is the pinned one
	fileUnpinned = "unpinned" // it is there, and no hash is known to hold it against
	fileDiffers  = "differs"
	fileMissing  = "missing"
)

func (a *app) benchDataCommand() *cobra.Command {
	var flags benchFlags
	var fetch bool
	cmd := &cobra.Command{
		Use:   "data [SET...]",
		Short: "List the data sets, hold them against pinned hashes, and fetch what is missing",
		Long: `data lists the files of the data sets that the suites know, and holds what is in the folder
against pinned SHA-256 hashes. With --fetch it brings what is missing from the canonical
addresses. Where there is no network, it says what to put where.`,
		Example: `  learner bench data
  learner bench data mnist phishing --fetch`,
		Args: args(cobra.ArbitraryArgs),
		RunE: func(cmd *cobra.Command, names []string) error {
			var sets []data.Entry
			for _, name := range names {
				e, err := data.Find(name)
				if err != nil {
					return usageError{err}
				}
				sets = append(sets, e)
			}
			if len(sets) == 0 {
				sets = data.Catalog()
			}
			return a.benchData(cmd.Context(), sets, flags.data, fetch)
		},
	}
	flags.addData(cmd)
	cmd.Flags().BoolVar(&fetch, "fetch", false, "fetch missing files from their canonical addresses")
	return cmd
}

func (a *app) benchData(ctx context.Context, sets []data.Entry, folder string, fetch bool) error {
	var list []datum
	var failed error
	damaged := false
	for _, e := range sets {
		form, present := e.Present(folder)
		if !present && fetch {
			if err := a.fetch(ctx, e, folder); err != nil {
				failed = errors.Join(failed, err, errors.New(e.Wanted(folder)))
			}
			form, present = e.Present(folder)
		}
		if !present {
			form = e.Forms[0]
		}
		for _, f := range form.Files {
			d := datum{Set: e.Name, File: f.Path, URL: f.URL}
			pinned, err := f.Verify(folder)
			switch {
			case data.Missing(err):
				d.Status = fileMissing
			case err != nil:
				d.Status, damaged = fileDiffers, true
				failed = errors.Join(failed, err)
			case pinned:
				d.Status = fileVerified
			default:
				d.Status = fileUnpinned
			}
			list = append(list, d)
		}
		if !present && !fetch && !a.json {
			fmt.Fprintln(a.err, e.Wanted(folder))
		}
	}
	err := a.answer(list, func(w io.Writer) error {
		table := ui.NewTable("set", "file", "status")
		for _, d := range list {
			table.Row(d.Set, d.File, d.Status)
		}
		_, err := table.WriteTo(w)
		return err
	})
	if damaged {
		failed = errors.Join(errDamage, failed)
	}
	return errors.Join(err, failed)
}

// fetch brings the first form of a data set that has addresses.
func (a *app) fetch(ctx context.Context, e data.Entry, folder string) error {
	for _, form := range e.Forms {
		if form.Files[0].URL == "" {
			continue
		}
		for _, f := range form.Files {
			if _, err := f.Verify(folder); err == nil {
				continue
			}
			bar := ui.NewProgress(a.err, "fetching "+f.Path, -1)
			err := f.Fetch(ctx, http.DefaultClient, folder, bar.Add)
			bar.Close()
			if err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("data set %s: it has no public address", e.Name)
}
