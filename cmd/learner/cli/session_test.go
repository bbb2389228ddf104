package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/cmd/learner/cli"
	"github.com/perennial-ml/perennial/internal/natstest"
)

// patience is how long a test waits for what must come, on a machine that has other work.
const patience = time.Minute

const yaml = `
data: ./data
http: {address: "%s"}
models:
  - name: shop
    task: binary
    features: [{name: x, kind: numeric}]
    batch: {size: 4, wait: 5ms}
    publish: {every: 1ms}
    checkpoint: {every: 40ms, keep: 4}
`

// shell runs command lines over one configuration.
type shell struct {
	t       *testing.T
	folder  string
	address string
}

func newShell(t *testing.T) *shell {
	t.Helper()
	s := &shell{t: t, folder: t.TempDir(), address: natstest.Address(t)}
	s.write(fmt.Sprintf(yaml, s.address))
	return s
}

func (s *shell) write(config string) {
	s.t.Helper()
	require.NoError(s.t, os.WriteFile(filepath.Join(s.folder, "learner.yaml"), []byte(config), 0o600))
}

// run returns the exit status and what was printed.
func (s *shell) run(args ...string) (status int, out, errs string) {
	s.t.Helper()
	return s.runUntil(s.t.Context(), args...)
}

func (s *shell) runUntil(ctx context.Context, args ...string) (status int, out, errs string) {
	s.t.Helper()
	var stdout, stderr bytes.Buffer
	args = append(args, "--config", filepath.Join(s.folder, "learner.yaml"), "--log-level", "error")
	status = cli.Run(ctx, args, strings.NewReader(""), &stdout, &stderr)
	return status, stdout.String(), stderr.String()
}

// json runs a command that must succeed, and reads its answer.
func (s *shell) json(answer any, args ...string) {
	s.t.Helper()
	status, out, errs := s.run(append(args, "--json")...)
	require.Zero(s.t, status, "%v: %s", args, errs)
	require.NoError(s.t, json.Unmarshal([]byte(out), answer), "%v: %s", args, out)
}

// up runs the daemon until the function that it returns is called, which checks that
// it ended cleanly.
func (s *shell) up(args ...string) (stop func()) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan int, 1)
	var stderr bytes.Buffer
	args = append([]string{"up", "--config", filepath.Join(s.folder, "learner.yaml"), "--log-level", "error"}, args...)
	go func() { done <- cli.Run(ctx, args, strings.NewReader(""), &bytes.Buffer{}, &stderr) }()
	require.Eventually(s.t, func() bool {
		resp, err := http.Get("http://" + s.address + "/v2/health/ready")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	}, patience, 5*time.Millisecond)
	return func() {
		s.t.Helper()
		cancel()
		select {
		case status := <-done:
			require.Zero(s.t, status, stderr.String())
		case <-time.After(patience):
			require.Fail(s.t, "it does not stop")
		}
		http.DefaultClient.CloseIdleConnections()
	}
}

// teach sends n labels and waits until they are applied.
func (s *shell) teach(prefix string, n int) {
	s.t.Helper()
	var events []any
	for i := range n {
		events = append(events, map[string]any{
			"specversion": "1.0", "type": "perennial.feedback.v1", "source": "test", "id": fmt.Sprint(prefix, i),
			"data": map[string]any{
				"features": map[string]any{"x": i%5 - 2},
				"signal":   map[string]any{"kind": "label", "value": i % 2},
			},
		})
	}
	body, err := json.Marshal(events)
	require.NoError(s.t, err)
	resp, err := http.Post("http://"+s.address+"/v1/feedback", "application/cloudevents-batch+json", bytes.NewReader(body))
	require.NoError(s.t, err)
	defer resp.Body.Close()
	require.Equal(s.t, http.StatusAccepted, resp.StatusCode)
	var answer struct{ Results []struct{ Position uint64 } }
	require.NoError(s.t, json.NewDecoder(resp.Body).Decode(&answer))
	s.reach(answer.Results[n-1].Position)
}

type status struct {
	Channels map[string]struct{ Version uint64 }
	Learner  struct{ Position uint64 }
}

// reach waits until the running daemon has applied a position.
func (s *shell) reach(position uint64) status {
	s.t.Helper()
	var st status
	require.Eventually(s.t, func() bool {
		resp, err := http.Get("http://" + s.address + "/v1/models/shop")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return json.NewDecoder(resp.Body).Decode(&st) == nil && st.Learner.Position >= position
	}, patience, 5*time.Millisecond)
	return st
}

type versionInfo struct {
	Version  uint64
	Channels []string
}

type hashAnswer struct {
	Position uint64
	Hash     string
	From     uint64
	Learned  uint64
}

func TestASessionOnTheCommandLine(t *testing.T) {
	s := newShell(t)
	stop := s.up()
	for i := range 12 {
		s.teach(fmt.Sprint("a", i, "-"), 25)
		time.Sleep(20 * time.Millisecond)
	}

	// Beside the running daemon.
	var versions []versionInfo
	require.Eventually(t, func() bool {
		s.json(&versions, "checkpoint", "list")
		return len(versions) >= 2
	}, patience, 10*time.Millisecond)
	status, _, errs := s.run("ledger", "stat")
	require.Equal(t, 1, status)
	require.Contains(t, errs, "in use by another process")

	var rolled struct {
		Position uint64
		By       string
	}
	back := versions[0].Version // retention may be taking the oldest just now
	s.json(&rolled, "checkpoint", "rollback", fmt.Sprint("v", back), "--reason", "a test")
	require.Equal(t, "daemon", rolled.By)
	s.reach(rolled.Position)
	stop()

	// And without it.
	var recovered, whole hashAnswer
	s.json(&recovered, "state", "hash")
	s.json(&whole, "state", "hash", "--from-start")
	require.Equal(t, whole.Hash, recovered.Hash)
	require.Equal(t, whole.Position, recovered.Position)
	require.GreaterOrEqual(t, recovered.From, rolled.Position, "a clean stop left no version behind")
	require.Equal(t, uint64(300), whole.Learned)

	versions = nil // encoding/json leaves what an element held before
	s.json(&versions, "checkpoint", "list")
	named := map[string]uint64{}
	for _, v := range versions {
		for _, c := range v.Channels {
			named[c] = v.Version
		}
	}
	require.Equal(t, back, named["stable"], "stable is not where the rollback took it")
	require.Equal(t, recovered.From, named["candidate"])

	var stat struct{ Last, Records uint64 }
	s.json(&stat, "ledger", "stat")
	require.GreaterOrEqual(t, stat.Records, uint64(301))
	status, out, _ := s.run("ledger", "scan", "--limit", "3")
	require.Zero(t, status)
	require.Len(t, strings.Split(strings.TrimSpace(out), "\n"), 3)
	var letters []any
	s.json(&letters, "ledger", "deadletters")
	require.Empty(t, letters)

	for _, args := range [][]string{
		{"checkpoint", "show", "candidate"}, {"checkpoint", "verify", "stable"}, {"checkpoint", "fsck"},
		{"checkpoint", "export", "stable", "--weights", "-o", filepath.Join(s.folder, "w.safetensors")},
		{"config", "check"}, {"version"}, {"schema"},
	} {
		var answer any
		s.json(&answer, args...)
		require.NotEmpty(t, answer, "%v", args)
	}
}

// A version that was only published is computed again, and is the same.
func TestRebuildWritesWhatTheLearnerHad(t *testing.T) {
	s := newShell(t)
	stop := s.up()
	s.teach("a", 200)
	stop()
	var at hashAnswer
	s.json(&at, "state", "hash", "--from-start", "--at", "117")
	var man struct {
		Version   uint64
		StateHash string `json:"state_hash"`
	}
	s.json(&man, "checkpoint", "rebuild", "117")
	require.Equal(t, uint64(117), man.Version)
	require.Equal(t, at.Hash, man.StateHash)

	// Retention, at the next version, leaves it until it is untagged.
	stop = s.up()
	s.teach("b", 100)
	stop()
	status, _, errs := s.run("checkpoint", "verify", "rebuilt-v117")
	require.Equal(t, 0, status, errs)
	status, _, errs = s.run("checkpoint", "untag", "rebuilt-v117")
	require.Equal(t, 0, status, errs)
	status, _, _ = s.run("checkpoint", "untag", "rebuilt-v117")
	require.Equal(t, 1, status)

	status, _, errs = s.run("checkpoint", "rebuild", "100000")
	require.Equal(t, 1, status)
	require.Contains(t, errs, "after the end of the log")
}

func TestRollbackWithoutADaemonWaitsInTheLog(t *testing.T) {
	s := newShell(t)
	stop := s.up()
	s.teach("a", 100)
	stop()
	stop = s.up()
	s.teach("b", 100)
	stop()
	var versions []versionInfo
	s.json(&versions, "checkpoint", "list")
	require.GreaterOrEqual(t, len(versions), 2)
	old := versions[len(versions)-1].Version
	var rolled struct {
		Position uint64
		By       string
	}
	s.json(&rolled, "checkpoint", "rollback", fmt.Sprint(old), "--learner")
	require.Equal(t, "log", rolled.By)

	stop = s.up()
	require.Equal(t, old, s.reach(rolled.Position).Channels["stable"].Version)
	stop()
	var recovered, whole hashAnswer
	s.json(&recovered, "state", "hash")
	s.json(&whole, "state", "hash", "--from-start")
	require.Equal(t, whole.Hash, recovered.Hash)
}

func TestAnotherConfigurationIsRefusedUntilItIsAdopted(t *testing.T) {
	s := newShell(t)
	stop := s.up()
	s.teach("a", 60)
	stop()
	s.write(strings.Replace(fmt.Sprintf(yaml, s.address), "size: 4", "size: 5", 1))
	status, _, errs := s.run("up")
	require.Equal(t, 1, status)
	require.Contains(t, errs, "--adopt-config")
	stop = s.up("--adopt-config")
	s.teach("b", 60)
	stop()
}

func TestDamageIsReportedByItsExitStatus(t *testing.T) {
	s := newShell(t)
	stop := s.up()
	s.teach("a", 60)
	stop()
	blobs, err := filepath.Glob(filepath.Join(s.folder, "data", "models", "shop", "blobs", "sha256", "*"))
	require.NoError(t, err)
	for _, b := range blobs {
		data, err := os.ReadFile(b)
		require.NoError(t, err)
		data[len(data)/2] ^= 1
		require.NoError(t, os.Chmod(b, 0o600))
		require.NoError(t, os.WriteFile(b, data, 0o600))
	}
	status, _, errs := s.run("checkpoint", "fsck")
	require.Equal(t, 3, status, errs)
}

func TestWrongCallsExitWithTwoAndSayWhatIsWrong(t *testing.T) {
	s := newShell(t)
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"teach"}, `unknown command "teach"`},
		{[]string{"checkpoint", "show"}, "accepts 1 arg"},
		{[]string{"checkpoint", "rebuild", "x"}, "POSITION"},
		{[]string{"up", "--colour"}, "unknown flag"},
		{[]string{"run"}, "log.url"},
		{[]string{"state", "hash", "--model", "other"}, `no model "other"`},
	} {
		status, _, errs := s.run(tc.args...)
		require.Equal(t, 2, status, "%v: %s", tc.args, errs)
		require.Contains(t, errs, tc.want)
	}
}
