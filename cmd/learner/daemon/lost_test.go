package daemon_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/cmd/learner/daemon"
)

// The log alone is enough: what rollback records name is computed from it when the store
// has lost it, nested rollbacks included.
func TestLogAloneGivesTheStateBackPastRollbacks(t *testing.T) {
	folder := t.TempDir()
	versions := taught(t, oneModel, folder, 2)
	d := start(t, oneModel, folder, daemon.Options{})
	d.control("shop", map[string]any{"action": "rollback", "version": versions[0], "learner": true})
	between := d.durable("shop", d.teach("shop", "between", 40, lesson)).Learner.Durable
	d.control("shop", map[string]any{"action": "rollback", "version": versions[1], "learner": true})
	d.durable("shop", d.teach("shop", "after", 40, lesson))
	d.control("shop", map[string]any{"action": "rollback", "version": between, "learner": true})
	d.teach("shop", "last", 40, lesson)
	d.learned("shop", 200)
	d.stop()
	want, whole := hashes(t, oneModel, folder)
	require.Equal(t, want, whole)

	require.NoError(t, os.RemoveAll(filepath.Join(folder, "models")))
	recovered, whole := hashes(t, oneModel, folder)
	require.Equal(t, want, whole)
	require.Equal(t, want, recovered)
	entries, err := filepath.Glob(filepath.Join(folder, "models", "shop", "blobs", "sha256", "*"))
	require.NoError(t, err)
	require.Empty(t, entries, "computing a version writes none")

	d = start(t, oneModel, folder, daemon.Options{})
	s := d.learned("shop", 200)
	require.Equal(t, between, s.Channels["stable"].Version)
	d.stop()
	recovered, whole = hashes(t, oneModel, folder) // of a log that may have a tick more
	require.Equal(t, whole, recovered)
}

// Where the log has lost what made the version, nothing is guessed.
func TestRollbackToAVersionThatNothingCanGiveBackStopsTheScan(t *testing.T) {
	folder := t.TempDir()
	versions := taught(t, oneModel, folder, 2)
	d := start(t, oneModel, folder, daemon.Options{})
	at := d.control("shop", map[string]any{"action": "rollback", "version": versions[0], "learner": true})
	d.stop()
	require.NoError(t, os.RemoveAll(filepath.Join(folder, "models")))
	b := dismantle(t, oneModel, folder)
	s, err := b.Log.Broker().JetStream().Stream(t.Context(), b.Log.ID().Name)
	require.NoError(t, err)
	require.NoError(t, s.DeleteMsg(t.Context(), 2))
	state, err := b.Log.State(t.Context())
	require.NoError(t, err)
	err = b.ScanTo(t.Context(), state.Last, nil, nil)
	require.ErrorContains(t, err, "the record names sha256:")
	require.ErrorContains(t, err, "learner checkpoint rebuild")
	require.Less(t, b.Engine.Position(), at)
}
