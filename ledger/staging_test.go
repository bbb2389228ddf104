package ledger

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/feedback"
)

func stagedLog(t *testing.T, dir string) (*Broker, *Log) {
	t.Helper()
	if memoryRoot() == "" {
		t.Skip("no file system in memory")
	}
	b, err := Connect(t.Context(), Config{Dir: dir}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	l, err := b.Open(t.Context(), "churn")
	require.NoError(t, err)
	return b, l
}

func batchOf(name string, n int) []feedback.Event {
	out := make([]feedback.Event, n)
	for i := range out {
		out[i] = feedback.Event{
			ID: fmt.Sprintf("%s-%d", name, i), Source: "test", Type: feedback.TypeFeedback,
			Consent: feedback.ConsentLearn, Data: []byte(`{}`),
		}
	}
	return out
}

func linkOf(t *testing.T, dir string) (link, target string) {
	t.Helper()
	link = filepath.Join(streamFolder(dir, StreamName("churn")), "batches")
	target, err := os.Readlink(link)
	require.NoError(t, err, "the server stages elsewhere: the link serves nothing")
	return link, target
}

func TestBatchesAreStagedInMemoryAndNothingIsLeftBehind(t *testing.T) {
	dir := t.TempDir()
	b, l := stagedLog(t, dir)
	link, target := linkOf(t, dir)
	before, err := os.Stat(target)
	require.NoError(t, err)

	_, err = l.Append(t.Context(), batchOf("a", 50))
	require.NoError(t, err)

	// The server has made and removed a folder there.
	after, err := os.Stat(target)
	require.NoError(t, err)
	require.True(t, after.ModTime().After(before.ModTime()), "the batch was staged elsewhere")

	again, err := b.Open(t.Context(), "churn")
	require.NoError(t, err)
	_, same := linkOf(t, dir)
	require.Equal(t, target, same, "one stream has one staging")
	_, err = again.Append(t.Context(), batchOf("b", 50))
	require.NoError(t, err)

	require.NoError(t, b.Close())
	require.NoFileExists(t, link)
	require.NoDirExists(t, target)
}

func TestStagingThatVanishesCostsTimeAndNoEvent(t *testing.T) {
	dir := t.TempDir()
	b, l := stagedLog(t, dir)
	link, target := linkOf(t, dir)
	require.NoError(t, os.RemoveAll(target))

	receipts, err := l.Append(t.Context(), batchOf("a", 50))
	require.NoError(t, err)
	for i, r := range receipts {
		require.Equal(t, Position(i+1), r.Position)
	}
	if info, err := os.Lstat(link); err == nil {
		require.True(t, info.IsDir(), "the dead link is still there")
	}
	_, err = l.Append(t.Context(), batchOf("b", 50))
	require.NoError(t, err)
	again, err := b.Open(t.Context(), "churn")
	require.NoError(t, err)
	_, err = again.Append(t.Context(), batchOf("c", 50))
	require.NoError(t, err)
	state, err := l.State(t.Context())
	require.NoError(t, err)
	require.Equal(t, uint64(150), state.Records)
}

// left makes what a killed process leaves: a link to a staging folder.
func left(t *testing.T, dir, owner string) string {
	t.Helper()
	target, err := os.MkdirTemp(memoryRoot(), stagingPrefix)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(target)) })
	require.NoError(t, os.WriteFile(filepath.Join(target, stagingOwner), []byte(owner), 0o600))
	folder := streamFolder(dir, StreamName("churn"))
	require.NoError(t, os.RemoveAll(filepath.Join(folder, "batches")))
	require.NoError(t, os.Symlink(target, filepath.Join(folder, "batches")))
	return target
}

func TestAStartTakesAwayWhatAKilledProcessStaged(t *testing.T) {
	dir := t.TempDir()
	b, l := stagedLog(t, dir)
	_, err := l.Append(t.Context(), batchOf("a", 50))
	require.NoError(t, err)
	require.NoError(t, b.Close())

	mine := left(t, dir, dir)
	_, l = stagedLog(t, dir)
	require.NoDirExists(t, mine)
	_, target := linkOf(t, dir)
	require.NotEqual(t, mine, target)
	_, err = l.Append(context.Background(), batchOf("b", 50))
	require.NoError(t, err)
}

func TestAStartTakesAwayWhatServesALogThatIsGoneAndNothingElse(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	b, _ := stagedLog(t, dir)
	require.NoError(t, b.Close())

	gone := left(t, dir, filepath.Join(other, "removed"))
	dead := left(t, dir, other) // its next start may want it
	used := left(t, dir, dir)   // another container's log, of the same path
	lock, err := lockDir(used)
	require.NoError(t, err)
	defer func() { require.NoError(t, lock.release()) }()

	stagedLog(t, dir)
	require.NoDirExists(t, gone)
	require.DirExists(t, dead)
	require.DirExists(t, used)
}
