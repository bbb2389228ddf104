package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/cmd/learner/cli"
)

type decided struct {
	Action   string
	Position uint64
	By       string
}

type liveStatus struct {
	Channels map[string]struct{ Version uint64 }
	Learner  struct {
		Position uint64
		Pinned   bool
	}
}

// get reads an answer of the running daemon.
func (s *shell) get(path string, answer any) {
	s.t.Helper()
	resp, err := http.Get("http://" + s.address + path)
	require.NoError(s.t, err)
	defer resp.Body.Close()
	require.NoError(s.t, json.NewDecoder(resp.Body).Decode(answer))
}

// complete asks for the completions of a command line, as the shell's script does.
func (s *shell) complete(words ...string) (status int, out, errs string) {
	var stdout, stderr bytes.Buffer
	status = cli.Run(s.t.Context(), append([]string{"__complete"}, words...), strings.NewReader(""), &stdout, &stderr)
	return status, stdout.String(), stderr.String()
}

// live asks the daemon once it has applied a position.
func (s *shell) live(position uint64) liveStatus {
	s.t.Helper()
	s.reach(position)
	var st liveStatus
	s.get("/v1/models/shop", &st)
	return st
}

func TestDecisionsReachADaemonAndWaitForOne(t *testing.T) {
	s := newShell(t)
	stop := s.up()
	s.teach("a", 40)
	var d decided
	s.json(&d, "checkpoint", "pin", "--reason", "a test")
	require.Equal(t, "daemon", d.By)
	require.True(t, s.live(d.Position).Learner.Pinned)
	held := s.live(d.Position).Channels["stable"].Version
	s.teach("b", 40)
	s.json(&d, "checkpoint", "promote")
	at := s.live(d.Position)
	require.Greater(t, at.Channels["stable"].Version, held, "a person may promote what is pinned")
	require.True(t, at.Learner.Pinned)
	s.json(&d, "boundary", "spring")
	require.Equal(t, "daemon", d.By)
	s.live(d.Position)
	s.json(&d, "checkpoint", "unpin")
	require.False(t, s.live(d.Position).Learner.Pinned)
	stop()

	s.json(&d, "checkpoint", "pin")
	require.Equal(t, "log", d.By)
	stop = s.up()
	require.True(t, s.live(d.Position).Learner.Pinned, "the decision waited in the log")
	stop()

	status, out, _ := s.run("ledger", "scan", "--json")
	require.Zero(t, status)
	require.Contains(t, out, `"actor"`, "nobody is named")
}

func TestARefusedDecisionSaysFieldAndRuleInWords(t *testing.T) {
	s := newShell(t)
	status, _, errs := s.run("checkpoint", "list")
	require.Equal(t, 1, status)
	require.Contains(t, errs, "'learner up' writes the first version")

	stop := s.up()
	s.teach("a", 40)
	status, _, errs = s.run("checkpoint", "rollback", "v999999")
	require.Equal(t, 1, status)
	require.Contains(t, errs, "control: data.version: must be a durable version (")
	require.NotContains(t, errs, "{")
	stop()
}

func TestImportPutsBackWhatExportTook(t *testing.T) {
	s := newShell(t)
	stop := s.up()
	s.teach("a", 60)
	stop()
	archive := filepath.Join(s.folder, "stable.tar")
	var before, after struct {
		Version   uint64
		StateHash string `json:"state_hash"`
	}
	s.json(&before, "checkpoint", "show", "candidate")
	status, _, errs := s.run("checkpoint", "export", "candidate", "-o", archive)
	require.Zero(t, status, errs)
	require.NoError(t, os.RemoveAll(filepath.Join(s.folder, "data", "models")))
	s.json(&after, "checkpoint", "import", archive)
	require.Equal(t, before, after)
	var recovered, whole hashAnswer
	s.json(&recovered, "state", "hash")
	s.json(&whole, "state", "hash", "--from-start")
	require.Equal(t, before.Version, recovered.From)
	require.Equal(t, whole.Hash, recovered.Hash)

	// Into another log it must not go: the daemon would refuse to start over it.
	other := newShell(t)
	stop = other.up()
	other.teach("a", 10)
	stop()
	status, _, errs = other.run("checkpoint", "import", archive)
	require.Equal(t, 1, status)
	require.Contains(t, errs, "re-created")
	other.up()()

	data, err := os.ReadFile(archive)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(archive, data[:len(data)/2], 0o600))
	require.NoError(t, os.RemoveAll(filepath.Join(s.folder, "data", "models"))) // what is there need not be in the archive
	status, _, errs = s.run("checkpoint", "import", archive)
	require.Equal(t, 3, status, errs)
}

func TestShellCompletionKnowsModelsAndVersions(t *testing.T) {
	s := newShell(t)
	stop := s.up()
	s.teach("a", 60)
	stop()
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		status, out, errs := s.run("completion", shell)
		require.Zero(t, status, errs)
		require.Contains(t, out, "learner")
	}
	config := filepath.Join(s.folder, "learner.yaml")
	status, out, _ := s.complete("state", "hash", "--config", config, "--model", "")
	require.Zero(t, status)
	require.Contains(t, strings.Split(out, "\n"), "shop")
	status, out, _ = s.complete("checkpoint", "rollback", "--config", config, "")
	require.Zero(t, status)
	require.Contains(t, strings.Split(out, "\n"), "stable")
	var versions []versionInfo
	s.json(&versions, "checkpoint", "list")
	require.Contains(t, out, fmt.Sprintf("v%d\t", versions[0].Version))
	_, out, _ = s.complete("checkpoint", "rollback", "--config", "none.yaml", "")
	require.NotContains(t, out, "stable", "without a store there is nothing to propose")
}

func TestLockedFoldersSayWhoHoldsThem(t *testing.T) {
	s := newShell(t)
	stop := s.up()
	defer stop()
	for _, args := range [][]string{{"up"}, {"ledger", "stat"}, {"checkpoint", "rebuild", "1"}} {
		status, _, errs := s.run(args...)
		require.Equal(t, 1, status)
		if args[0] == "up" && strings.Contains(errs, "address already in use") {
			continue // that is found first
		}
		require.Contains(t, errs, fmt.Sprintf("process %d", os.Getpid()), "%v", args)
	}
}
