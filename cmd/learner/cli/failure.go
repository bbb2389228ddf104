package cli

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// answered is standard output that knows whether anything was printed.
type answered struct {
	io.Writer
	any bool
}

func (w *answered) Write(p []byte) (int, error) {
	w.any = w.any || len(p) > 0
	return w.Writer.Write(p)
}

// watch returns standard output, watched if the command line asks for JSON. It reads the
// words itself: what is wrong with them may come up before their flags are read.
func watch(out io.Writer, words []string) io.Writer {
	for _, word := range words {
		switch word {
		case "--":
			return out
		case "--json", "--json=true":
			return &answered{Writer: out}
		}
	}
	return out
}

// fail prints an error for a program as the one JSON document of its command: on an
// output that is watched and that has nothing else on it.
func fail(out io.Writer, failure error) error {
	w, ok := out.(*answered)
	if !ok || w.any || failure == nil {
		return nil
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(map[string]string{"error": failure.Error()}); err != nil {
		return fmt.Errorf("print the error as JSON: %w", err)
	}
	return nil
}

// flagError makes a wrong flag a wrong call. The flags of a command that is not there are
// unknown too; then it is the command that should be named.
func flagError(cmd *cobra.Command, err error) error {
	if words := cmd.Flags().Args(); cmd.HasSubCommands() && len(words) > 0 {
		err = fmt.Errorf("unknown command %q for %q: %w", words[0], cmd.CommandPath(), err)
	}
	return usageError{err}
}
