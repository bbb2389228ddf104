package cli

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write docs/cli.md anew")

const docsPath = "../../../docs/cli.md"

// tree returns the commands as a person calls them, help and completion aside.
func tree(t *testing.T) []*cobra.Command {
	t.Helper()
	t.Setenv("PERENNIAL_CONFIG", "")
	var list []*cobra.Command
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		list = append(list, c)
		for _, child := range c.Commands() {
			walk(child)
		}
	}
	walk((&app{}).root())
	return list
}

func TestEveryCommandShowsHowItIsCalled(t *testing.T) {
	for _, c := range tree(t) {
		require.NotEmpty(t, c.Short, c.CommandPath())
		require.NotNil(t, c.RunE, "%q is no command", c.CommandPath())
		if c.HasSubCommands() {
			continue
		}
		require.Contains(t, c.Example, c.CommandPath(), "the help of %q has no example", c.CommandPath())
	}
}

func TestReferenceOfTheCommandLineIsUpToDate(t *testing.T) {
	got := reference(tree(t))
	if *update {
		require.NoError(t, os.WriteFile(docsPath, []byte(got), 0o644))
	}
	have, err := os.ReadFile(docsPath)
	require.NoError(t, err)
	require.Equal(t, string(have), got, "run: go test ./cmd/learner/cli -run Reference -update")
}

// reference is docs/cli.md.
func reference(list []*cobra.Command) string {
	var b strings.Builder
	root := list[0]
	fmt.Fprintf(&b, `# The command line

<!-- Written by: go test ./cmd/learner/cli -run Reference -update -->

%s

Answers go to standard output, everything else (logs, progress, errors) to standard error.
With `+"`--json`"+` an answer is one JSON document; of `+"`ledger scan`"+`, one a line.
A call that fails before it answers prints `+"`{\"error\": \"...\"}`"+` there.

| exit status | meaning |
|---|---|
| %d | done |
| %d | an error, said on standard error |
| %d | a wrong call: an unknown command or flag, a missing argument |
| %d | damage was found: by a check, or in what had to be read |
| %d | interrupted before the answer; a daemon that is told to stop ends with 0 |

Commands that only look at versions work beside a running daemon. Those that need the log
open it themselves: its folder if no daemon holds it, else the socket of `+"`log.listen`"+` or
the NATS of `+"`log.url`"+`. Decisions are asked of the daemon over HTTP, and without one are
added to the log for its next start.

## Flags of every command

%s
## Environment

| variable | in place of |
|---|---|
| `+"`PERENNIAL_CONFIG`"+` | `+"`--config`"+` |
| `+"`PERENNIAL_DATA`, `PERENNIAL_HTTP_ADDRESS`, `PERENNIAL_HTTP_ADMIN_TOKEN`, `PERENNIAL_LOG_URL`"+` | the configuration's `+"`data`, `http.address`, `http.admin_token`, `log.url`"+` |
| `+"`PERENNIAL_PPROF`"+` | none: a loopback address on which `+"`up` and `run`"+` serve Go's profiles |
| `+"`PERENNIAL_FAILPOINTS`"+` | none: places at which `+"`up` and `run`"+` break themselves, for crash tests |

## Commands

| command | |
|---|---|
`, root.Long, exitOK, exitError, exitUsage, exitDamage, exitInterrupted, flags(root.PersistentFlags()))
	for _, c := range list[1:] {
		if !c.HasSubCommands() {
			fmt.Fprintf(&b, "| [`%s`](#%s) | %s |\n", c.CommandPath(), strings.ReplaceAll(c.CommandPath(), " ", "-"), c.Short)
		}
	}
	b.WriteString("| `learner completion SHELL` | Print a completion script for bash, zsh, fish or powershell; it knows models and versions |\n")
	for _, c := range list[1:] {
		if c.HasSubCommands() {
			continue
		}
		fmt.Fprintf(&b, "\n### %s\n\n", c.CommandPath())
		text := c.Long
		if text == "" {
			text = c.Short + "."
		}
		fmt.Fprintf(&b, "%s\n\n```\n%s\n```\n", text, c.UseLine())
		if c.HasLocalFlags() {
			b.WriteString("\n" + flags(c.NonInheritedFlags()))
		}
		fmt.Fprintf(&b, "\n```sh\n%s\n```\n", strings.ReplaceAll(strings.TrimPrefix(c.Example, "  "), "\n  ", "\n"))
	}
	return b.String()
}

// flags is a table of flags.
func flags(set *pflag.FlagSet) string {
	var b strings.Builder
	set.VisitAll(func(f *pflag.Flag) {
		if b.Len() == 0 {
			b.WriteString("| flag | default | |\n|---|---|---|\n")
		}
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		fallback := "–"
		if f.DefValue != "" && f.DefValue != "false" {
			fallback = "`" + f.DefValue + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", name, fallback, f.Usage)
	})
	return b.String()
}
