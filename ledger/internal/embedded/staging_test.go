package embedded

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/internal/leak"
)

func TestMain(m *testing.M) { leak.Check(m) }

const stream = "BATCHES"

// start runs a server with a stream that takes batches, staged in memory, until stop or
// the test's end.
func start(t *testing.T, dir string) (s *Server, nc *nats.Conn, stop func()) {
	t.Helper()
	s, err := Start(t.Context(), Config{Dir: dir}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	nc, err = nats.Connect("", nats.InProcessServer(s), nats.Timeout(time.Minute))
	require.NoError(t, err)
	stop = sync.OnceFunc(func() {
		nc.Close()
		require.NoError(t, s.Stop())
	})
	t.Cleanup(stop)
	if s.staged.root == "" {
		t.Skip("no file system in memory, or no room there at the moment")
	}
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	_, err = js.CreateOrUpdateStream(t.Context(), jetstream.StreamConfig{
		Name: stream, Subjects: []string{"batches"}, AllowAtomicPublish: true,
	})
	require.NoError(t, err)
	require.True(t, s.Stage(stream))
	return s, nc, stop
}

// commit stores n messages as one batch.
func commit(t *testing.T, nc *nats.Conn, batch string, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for i := 1; i <= n; i++ {
		m := &nats.Msg{Subject: "batches", Data: []byte("x"), Header: nats.Header{
			"Nats-Batch-Id": {batch}, "Nats-Batch-Sequence": {fmt.Sprint(i)},
		}}
		if i < n {
			require.NoError(t, nc.PublishMsg(m))
			continue
		}
		m.Header["Nats-Batch-Commit"] = []string{"1"}
		answer, err := nc.RequestMsgWithContext(ctx, m)
		require.NoError(t, err)
		require.Contains(t, string(answer.Data), fmt.Sprintf(`"count":%d`, n))
	}
}

func linkOf(t *testing.T, dir string) (link, target string) {
	t.Helper()
	link = filepath.Join(streamFolder(dir, stream), "batches")
	target, err := os.Readlink(link)
	require.NoError(t, err, "the server stages elsewhere: the link serves nothing")
	return link, target
}

func TestBatchesAreStagedInMemoryAndNothingIsLeftBehind(t *testing.T) {
	dir := t.TempDir()
	s, nc, stop := start(t, dir)
	link, target := linkOf(t, dir)
	before := time.Now().Add(-time.Hour) // a file system's clock may stand still for some milliseconds
	require.NoError(t, os.Chtimes(target, before, before))

	commit(t, nc, "a", 50)

	// The server has made and removed a folder there.
	after, err := os.Stat(target)
	require.NoError(t, err)
	require.True(t, after.ModTime().After(before.Add(time.Minute)), "the batch was staged elsewhere")

	require.True(t, s.Stage(stream))
	_, same := linkOf(t, dir)
	require.Equal(t, target, same, "one stream has one staging")
	commit(t, nc, "b", 50)

	stop()
	require.NoFileExists(t, link)
	require.NoDirExists(t, target)
}

func TestAnUnstagedStreamStagesOnDiskForGood(t *testing.T) {
	dir := t.TempDir()
	s, nc, _ := start(t, dir)
	link, target := linkOf(t, dir)
	commit(t, nc, "a", 50)
	require.NoError(t, s.Unstage(stream))
	require.NoDirExists(t, target)
	commit(t, nc, "b", 50)
	require.False(t, s.Stage(stream))
	if info, err := os.Lstat(link); err == nil {
		require.True(t, info.IsDir(), "the link is still there")
	}
}

// left makes what a killed process leaves: a link to a staging folder.
func left(t *testing.T, s *Server, owner string) string {
	t.Helper()
	dir := s.cfg.Dir
	target, err := os.MkdirTemp(s.staged.root, stagingPrefix)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(target)) })
	require.NoError(t, os.WriteFile(filepath.Join(target, stagingOwner), []byte(owner), 0o600))
	folder := streamFolder(dir, stream)
	require.NoError(t, os.RemoveAll(filepath.Join(folder, "batches")))
	require.NoError(t, os.Symlink(target, filepath.Join(folder, "batches")))
	return target
}

func TestAStartTakesAwayWhatAKilledProcessStaged(t *testing.T) {
	dir := t.TempDir()
	s, nc, stop := start(t, dir)
	commit(t, nc, "a", 50)
	stop()

	mine := left(t, s, dir)
	_, nc, _ = start(t, dir)
	require.NoDirExists(t, mine)
	_, target := linkOf(t, dir)
	require.NotEqual(t, mine, target)
	commit(t, nc, "b", 50)
}

func TestAStartTakesAwayWhatServesALogThatIsGoneAndNothingElse(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	s, _, stop := start(t, dir)
	stop()

	gone := left(t, s, filepath.Join(other, "removed"))
	dead := left(t, s, other) // its next start may want it
	used := left(t, s, dir)   // another container's log, of the same path
	lock, err := lockDir(used)
	require.NoError(t, err)
	defer func() { require.NoError(t, lock.release()) }()

	start(t, dir)
	require.NoDirExists(t, gone)
	require.DirExists(t, dead)
	require.DirExists(t, used)
}
