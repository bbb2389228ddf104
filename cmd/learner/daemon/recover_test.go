package daemon_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/cmd/learner/daemon"
	"github.com/perennial-ml/perennial/cmd/learner/machine"
	"github.com/perennial-ml/perennial/ledger"
)

// taught runs a daemon that learns n events in lessons apart, each with a durable
// version, and stops it cleanly. It returns the positions of the versions.
func taught(t *testing.T, yaml, folder string, lessons int) []uint64 {
	t.Helper()
	d := start(t, yaml, folder, daemon.Options{})
	var versions []uint64
	for i := range lessons {
		last := d.teach("shop", fmt.Sprint("lesson-", i, "-"), 40, lesson)
		versions = append(versions, d.durable("shop", last).Learner.Durable)
	}
	d.stop()
	return versions
}

// refuses returns why a daemon does not start over a folder.
func refuses(t *testing.T, yaml, folder string) error {
	t.Helper()
	d, err := daemon.Open(t.Context(), parse(t, yaml, folder), daemon.Options{Logger: discard()})
	if err == nil {
		require.NoError(t, d.Close())
	}
	require.Error(t, err)
	return err
}

func damage(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	data[len(data)/2] ^= 1
	require.NoError(t, os.Chmod(path, 0o600))
	require.NoError(t, os.WriteFile(path, data, 0o600))
}

func blobPath(folder string, b checkpoint.BlobInfo) string {
	return filepath.Join(folder, "models", "shop", "blobs", "sha256", b.Stored[len("sha256:"):])
}

func TestRollbackByHTTPIsKeptThroughACrash(t *testing.T) {
	for _, learner := range []bool{false, true} {
		t.Run(fmt.Sprintf("learner=%v", learner), func(t *testing.T) {
			folder := t.TempDir()
			versions := taught(t, oneModel, folder, 2)
			d := start(t, oneModel, folder, daemon.Options{})
			at := d.control("shop", map[string]any{"action": "rollback", "version": versions[0], "learner": learner})
			require.Equal(t, versions[0], d.status("shop").Channels["stable"].Version)
			d.durable("shop", d.teach("shop", "after", 40, lesson))
			d.learned("shop", 120)
			require.Equal(t, versions[0], d.status("shop").Channels["stable"].Version, "it is pinned")
			left := crash(t, folder)
			d.stop()
			forget(t, oneModel, left, at-1)

			d = start(t, oneModel, left, daemon.Options{})
			s := d.learned("shop", 120)
			require.Equal(t, versions[0], s.Channels["stable"].Version)
			require.True(t, s.Learner.Pinned)
			d.stop()
			recovered, whole := hashes(t, oneModel, left)
			require.Equal(t, whole, recovered)
		})
	}
}

// The store holds what rollback records name for as long as a scan could meet them, and
// no longer.
func TestVersionsThatRollbacksNameAreKeptAndThenLetGo(t *testing.T) {
	folder := t.TempDir()
	old := taught(t, roomy, folder, 2)[0]
	d := start(t, roomy, folder, daemon.Options{})
	d.control("shop", map[string]any{"action": "rollback", "version": old, "unpinned": true})
	d.control("shop", map[string]any{"action": "promote"})
	holds := func() (tags []string, kept bool) {
		r, err := checkpoint.OpenReader(filepath.Join(folder, "models", "shop"), checkpoint.Config{})
		require.NoError(t, err)
		all, err := r.Tags()
		require.NoError(t, err)
		for tag := range all {
			tags = append(tags, tag)
		}
		saved, err := r.Get(checkpoint.Version(old))
		if err == nil {
			saved.Close()
		}
		require.NoError(t, r.Close())
		return tags, err == nil
	}
	tags, kept := holds()
	require.Len(t, tags, 1)
	require.True(t, kept)
	for i := range 24 { // keep is 10
		d.durable("shop", d.teach("shop", fmt.Sprint("after-", i, "-"), 40, lesson))
		if i == 0 {
			_, kept = holds()
			require.True(t, kept, "an older version is kept, from which a scan meets the record")
		}
	}
	require.Eventually(t, func() bool {
		tags, kept = holds()
		return len(tags) == 0 && !kept
	}, patience, patience/100, "tags %v", tags)
}

func TestDamagedVersionsArePassedOverForTheSameState(t *testing.T) {
	folder := t.TempDir()
	versions := taught(t, oneModel, folder, 3)
	_, want := hashes(t, oneModel, folder)
	harm := func(v uint64) {
		b := dismantle(t, oneModel, folder)
		defer b.close()
		saved, err := b.Store.Get(checkpoint.Version(v))
		require.NoError(t, err)
		defer saved.Close()
		man := saved.Manifest()
		info, ok := man.Blob("engine") // every version has its own
		require.True(t, ok)
		damage(t, blobPath(folder, info))
	}
	b := dismantle(t, oneModel, folder)
	list, err := b.Store.Versions()
	require.NoError(t, err)
	b.close()
	newest := uint64(list[0].Version)
	harm(newest)
	b = dismantle(t, oneModel, folder)
	v, err := b.Restore(t.Context(), machine.How{})
	require.NoError(t, err)
	require.Less(t, uint64(v), newest)
	require.NotZero(t, v)
	b.close()
	recovered, _ := hashes(t, oneModel, folder)
	require.Equal(t, want, recovered)

	// None is whole: the log's start is exact too.
	for _, m := range list[1:] {
		if machine.Resumable(&m) {
			harm(uint64(m.Version))
		}
	}
	b = dismantle(t, oneModel, folder)
	v, err = b.Restore(t.Context(), machine.How{})
	require.NoError(t, err)
	require.Zero(t, v)
	b.close()
	recovered, _ = hashes(t, oneModel, folder)
	require.Equal(t, want, recovered)

	// Unless the log has lost it.
	b = dismantle(t, oneModel, folder)
	s, err := b.Log.Broker().JetStream().Stream(t.Context(), b.Log.ID().Name)
	require.NoError(t, err)
	require.NoError(t, s.DeleteMsg(t.Context(), 1))
	b.close()
	require.ErrorIs(t, refuses(t, oneModel, folder), machine.ErrNoStart)
	require.Len(t, versions, 3)
}

func TestALogThatIsNotTheVersionsOwnIsRefused(t *testing.T) {
	for _, tc := range []struct {
		name string
		lose func(t *testing.T, folder, earlier string)
		want error
		says string
	}{
		{"re-created", func(t *testing.T, folder, _ string) {
			require.NoError(t, os.RemoveAll(filepath.Join(folder, "log")))
		}, ledger.ErrRecreated, "empty checkpoint folder"},
		{"truncated", func(t *testing.T, folder, earlier string) {
			require.NoError(t, os.RemoveAll(filepath.Join(folder, "log")))
			require.NoError(t, os.Rename(filepath.Join(earlier, "log"), filepath.Join(folder, "log")))
		}, ledger.ErrTruncated, "restore the log from a copy"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			folder := t.TempDir()
			taught(t, oneModel, folder, 1)
			earlier := crash(t, folder)
			d := start(t, oneModel, folder, daemon.Options{})
			d.teach("shop", "more", 40, lesson)
			d.learned("shop", 80)
			d.stop()
			tc.lose(t, folder, earlier)
			err := refuses(t, oneModel, folder)
			require.ErrorIs(t, err, tc.want)
			require.ErrorContains(t, err, tc.says)
		})
	}
}

func TestAVersionThatThisProgramCannotReadIsNotTakenForADamagedOne(t *testing.T) {
	folder := t.TempDir()
	taught(t, oneModel, folder, 1)
	// Whole, and of another shape: what another program or architecture wrote.
	wide := "models:\n  - name: shop\n    task: binary\n    features: [{name: x, kind: numeric}, {name: y, kind: numeric}]\n    model: {kind: linear}\n"
	require.ErrorIs(t, refuses(t, wide, folder), machine.ErrConfig)
	d, err := daemon.Open(t.Context(), parse(t, wide, folder), daemon.Options{Logger: discard(), How: machine.How{AdoptConfig: true}})
	if err == nil {
		require.NoError(t, d.Close())
	}
	require.ErrorIs(t, err, machine.ErrUnreadable)
}

// Stable is pinned to a version that was published and never written: the store holds its
// weights alone, until it is rebuilt in their place.
func TestRebuildCompletesTheWeightsThatStableNames(t *testing.T) {
	folder := t.TempDir()
	d := start(t, oneModel, folder, daemon.Options{})
	d.teach("shop", "a", 40, lesson)
	d.learned("shop", 40)
	d.control("shop", map[string]any{"action": "pin"})
	d.control("shop", map[string]any{"action": "promote"})
	stable := d.status("shop").Channels["stable"].Version
	s := d.durable("shop", d.teach("shop", "b", 40, lesson))
	d.stop()

	b := dismantle(t, oneModel, folder)
	defer b.close()
	before, err := b.Store.Get(checkpoint.Version(stable))
	require.NoError(t, err)
	defer before.Close()
	weights, err := before.Weights(nil)
	require.NoError(t, err)
	man := before.Manifest()
	if machine.Resumable(&man) {
		require.NoError(t, b.Store.SetChannel("stable", checkpoint.Version(s.Learner.Durable)))
		t.Log("a version fell due just there")
	}
	_, err = b.Restore(t.Context(), machine.How{Until: checkpoint.Version(stable)})
	require.NoError(t, err)
	require.NoError(t, b.ScanTo(t.Context(), ledger.Position(stable), nil, nil))
	blobs, err := b.Blobs()
	require.NoError(t, err)
	whole, err := b.Store.Complete(t.Context(), b.Manifest(), blobs)
	require.NoError(t, err)
	hash, err := b.Engine.Hash()
	require.NoError(t, err)
	require.Equal(t, hash, whole.StateHash)
	require.True(t, machine.Resumable(&whole))
	after, err := b.Store.Get(checkpoint.Version(stable))
	require.NoError(t, err)
	defer after.Close()
	rebuilt, err := after.Weights(nil)
	require.NoError(t, err)
	require.True(t, weights.Equal(rebuilt))
}

// A learner that lost its versions has the whole log to learn again: it says that it is
// ready once it has.
func TestReadinessWaitsForTheCatchUp(t *testing.T) {
	folder := t.TempDir()
	d := start(t, oneModel, folder, daemon.Options{})
	var last uint64
	for i := range 20 {
		last = d.teach("shop", fmt.Sprint("lesson-", i, "-"), 1000, lesson)
	}
	d.durable("shop", last)
	d.stop()
	b := dismantle(t, oneModel, folder)
	end, err := b.Log.End(t.Context())
	require.NoError(t, err)
	require.GreaterOrEqual(t, uint64(end), last)
	require.NoError(t, b.Log.Erase(t.Context(), end), "an erased end must not be waited for")
	b.close()
	require.NoError(t, os.RemoveAll(filepath.Join(folder, "models")))

	d = start(t, oneModel, folder, daemon.Options{})
	require.Eventually(t, func() bool {
		return d.call(http.MethodGet, "/v2/health/ready", "", nil, nil) == http.StatusOK
	}, 2*patience, time.Millisecond)
	require.GreaterOrEqual(t, d.status("shop").Learner.Counters["learner_learned"], uint64(20_000-64), "it was ready too early")
}

// Whoever adopted a configuration has said so once: a crash right after must not ask again,
// though nobody sent anything meanwhile.
func TestAnAdoptedConfigurationIsDurableAtOnce(t *testing.T) {
	folder := t.TempDir()
	taught(t, oneModel, folder, 1)
	b := dismantle(t, oneModel, folder)
	list, err := b.Store.Versions()
	require.NoError(t, err)
	old := uint64(list[0].Version) // the clock's marks may have made it newer than the last lesson
	b.close()

	yaml := strings.Replace(oneModel, "size: 4", "size: 5", 1)
	yaml = strings.Replace(yaml, "every: 50ms", "every: 1h", 1)
	require.ErrorIs(t, refuses(t, yaml, folder), machine.ErrConfig)

	d := start(t, yaml, folder, daemon.Options{How: machine.How{AdoptConfig: true}})
	d.await("shop", "a version under the new configuration", func(s modelStatus) bool {
		return s.Learner.Durable > old
	})
	left := crash(t, folder)
	d.stop()
	d = start(t, yaml, left, daemon.Options{})
	d.teach("shop", "more", 40, lesson)
	d.learned("shop", 80)
}
