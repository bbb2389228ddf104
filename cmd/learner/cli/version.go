package cli

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/perennial-ml/perennial/compute"
)

// build says which program this is.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	// Kernels are the families that this machine can compute by, the best first.
	Kernels []string `json:"kernels"`
}

func readBuild() build {
	b := build{Version: "devel", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Kernels: compute.Families()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		b.Version = v
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

func version() string { return readBuild().Version }

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version of this program",
		Example: `  learner version --json`,
		Args:    args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			b := readBuild()
			return a.answer(b, func(w io.Writer) error {
				words := []string{"learner", b.Version, b.Revision, b.Go, b.Platform}
				words = slices.DeleteFunc(words, func(s string) bool { return s == "" })
				_, err := fmt.Fprintf(w, "%s, kernels %s\n", strings.Join(words, " "), strings.Join(b.Kernels, " "))
				return err
			})
		},
	}
}
