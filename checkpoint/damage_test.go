package checkpoint_test

import (
	"bytes"
	"context"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/internal/durable"
)

const root = "/store"

func memStore(t testing.TB, m *durable.Mem, cfg checkpoint.Config, opts ...checkpoint.Option) *checkpoint.Store {
	return open(t, root, cfg, append(opts, checkpoint.WithFS(m))...)
}

// twoVersions is a disk with 100 and 200, which share the guard blob and most chunks of a
// tensor, and the files that only one of them needs.
func twoVersions(t *testing.T) (disk *durable.Mem, only100, only200, shared []string) {
	disk = durable.NewMem()
	s := memStore(t, disk, checkpoint.Config{})
	write(t, s, 100)
	before := disk.Files()
	write(t, s, 200)
	require.NoError(t, s.Close())
	list, err := s.Versions()
	require.ErrorIs(t, err, checkpoint.ErrClosed)
	require.Empty(t, list)

	reader, err := checkpoint.OpenReader(root, checkpoint.Config{}, checkpoint.WithFS(disk))
	require.NoError(t, err)
	list, err = reader.Versions()
	require.NoError(t, err)
	both := map[string]bool{}
	for _, b := range list[0].Blobs {
		both[b.Stored] = slices.Contains(list[1].Blobs, b)
	}
	for _, file := range disk.Files() {
		switch {
		case !strings.Contains(file, "/blobs/"):
		case both["sha256:"+file[strings.LastIndex(file, "/")+1:]]:
			shared = append(shared, file)
		case slices.Contains(before, file):
			only100 = append(only100, file)
		default:
			only200 = append(only200, file)
		}
	}
	require.Len(t, only100, 5, "weights, a chunk of them, replay, config, manifest")
	require.Len(t, only200, 5)
	require.Len(t, shared, 4, "guard, chunks that did not change")
	return disk, only100, only200, shared
}

// Flip a bit at every 64th byte, and cut at every 64th byte, of every file: Fsck
// names the file each time, and Latest hands out the newest version that does
// not need it, with a warning, or none. No damage is harmless enough to pass.
func TestDamageIsDetectedAndLatestFallsBack(t *testing.T) {
	disk, only100, only200, shared := twoVersions(t)
	trials := 0
	for _, file := range disk.Files() {
		raw, err := durable.ReadFile(disk, file, 1<<20)
		require.NoError(t, err)
		for at := 0; at < len(raw); at += 64 {
			for name, how := range map[string]func([]byte) []byte{
				"flip": func(b []byte) []byte { b[at] ^= 1 << (at / 64 % 8); return b },
				"cut":  func(b []byte) []byte { return b[:at] },
			} {
				trials++
				damaged := disk.Crash(nil)
				require.NoError(t, damaged.Damage(file, how))
				var log bytes.Buffer
				s, err := checkpoint.OpenReader(root, checkpoint.Config{}, checkpoint.WithFS(damaged),
					checkpoint.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
				require.NoError(t, err, "%s %s at %d", name, file, at)
				report, err := s.Fsck(context.Background(), nil)
				require.NoError(t, err)
				require.Len(t, report.Problems, 1, "%s %s at %d", name, file, at)
				require.Equal(t, file, root+"/"+report.Problems[0].File)

				log.Reset()
				latest, err := s.Latest(context.Background())
				switch {
				case slices.Contains(shared, file):
					require.ErrorIs(t, err, checkpoint.ErrCorrupt)
					continue
				case slices.Contains(only200, file), strings.HasSuffix(file, "/index.json"):
					require.NoError(t, err)
					requireWhole(t, latest, 100)
					require.Contains(t, log.String(), "level=WARN", "%s %s at %d: silently", name, file, at)
				case slices.Contains(only100, file), strings.HasSuffix(file, "/index.prev.json"), strings.HasSuffix(file, "/oci-layout"):
					require.NoError(t, err)
					requireWhole(t, latest, 200)
				default:
					t.Fatalf("%s is not accounted for", file)
				}
				latest.Close()
			}
		}
	}
	require.Greater(t, trials, 100)
}

func TestLostFilesAreDetected(t *testing.T) {
	disk, _, only200, _ := twoVersions(t)
	for _, file := range append(only200, root+"/index.json") {
		damaged := disk.Crash(nil)
		require.NoError(t, damaged.Remove(file))
		s := memStore(t, damaged, checkpoint.Config{})
		latest, err := s.Latest(context.Background())
		require.NoError(t, err, file)
		requireWhole(t, latest, 100)
		latest.Close()
	}
	damaged := disk.Crash(nil)
	require.NoError(t, damaged.Remove(root+"/index.json"))
	require.NoError(t, damaged.Remove(root+"/index.prev.json"))
	_, err := checkpoint.Open(root, checkpoint.Config{}, checkpoint.WithFS(damaged))
	require.ErrorIs(t, err, checkpoint.ErrCorrupt, "a store that lost its index is not taken for a new one")
}

// After a fall-back the learner scans on and writes the damaged version again.
// That must not refer to the damaged blobs.
func TestWritingADamagedVersionAgainHealsIt(t *testing.T) {
	disk, _, only200, shared := twoVersions(t)
	for _, file := range append(append(only200, shared...), root+"/index.json", root+"/oci-layout") {
		damaged := disk.Crash(nil)
		require.NoError(t, damaged.Damage(file, func(b []byte) []byte { b[len(b)/2] ^= 4; return b }))
		s, err := checkpoint.Open(root, checkpoint.Config{}, checkpoint.WithFS(damaged))
		require.NoError(t, err, file)
		write(t, s, 200)
		latest, err := s.Latest(context.Background())
		require.NoError(t, err, file)
		requireWhole(t, latest, 200)
		latest.Close()
		write(t, s, 300)
		report, err := s.Fsck(context.Background(), nil)
		require.NoError(t, err)
		require.Empty(t, report.Problems, file)
		require.NoError(t, s.Close())
	}
}

func TestImportsAndLayoutsFromTheFutureAreRefusedByName(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, checkpoint.Config{})
	write(t, s, 100)
	var archive bytes.Buffer
	require.NoError(t, s.Export(context.Background(), 100, &archive))

	future := "application/vnd.perennial.checkpoint.v2"
	raw := rewriteArchive(t, archive.Bytes(), func(doc *v1.Manifest) { doc.ArtifactType = future })
	_, err := s.Import(context.Background(), bytes.NewReader(raw))
	require.ErrorIs(t, err, checkpoint.ErrFormat)
	require.ErrorContains(t, err, future)

	require.NoError(t, s.Close())
	require.NoError(t, os.WriteFile(dir+"/oci-layout", []byte(`{"imageLayoutVersion":"2.0.0"}`), 0o644))
	_, err = checkpoint.Open(dir, checkpoint.Config{})
	require.ErrorIs(t, err, checkpoint.ErrFormat)
	require.ErrorContains(t, err, "2.0.0")
	_, err = checkpoint.OpenReader(dir, checkpoint.Config{})
	require.ErrorIs(t, err, checkpoint.ErrFormat)
}

// Stop the machine at every step of a write, a promotion and a retention, and
// let the disk keep any part of what was not synced.
func TestACrashAtAnyStepLeavesTheOldOrTheNew(t *testing.T) {
	base := durable.NewMem()
	s := memStore(t, base, checkpoint.Config{Keep: 2})
	write(t, s, 100, 200)
	require.NoError(t, s.SetChannel("stable", 200))
	require.NoError(t, s.Close())

	for step := 0; ; step++ {
		disk := base.Crash(nil)
		s := memStore(t, disk, checkpoint.Config{Keep: 2})
		disk.FailFrom(step)
		newest, stable := checkpoint.Version(200), checkpoint.Version(200)
		_, err := s.Write(context.Background(), manifest(300), state(300))
		if err == nil {
			newest = 300
			if err = s.SetChannel("stable", 300); err == nil {
				stable = 300
				_, err = s.Retain(context.Background())
			}
		}
		for seed := range 6 {
			var random *rand.Rand
			if seed > 0 {
				random = rand.New(rand.NewPCG(uint64(step), uint64(seed)))
			}
			afterCrash(t, disk.Crash(random), newest, stable)
		}
		if err == nil {
			require.Greater(t, step, 30)
			return
		}
		require.ErrorIs(t, err, durable.ErrCrashed)
	}
}

func afterCrash(t *testing.T, disk *durable.Mem, newest, stable checkpoint.Version) {
	s, err := checkpoint.Open(root, checkpoint.Config{Keep: 2}, checkpoint.WithFS(disk))
	require.NoError(t, err)
	defer s.Close()
	report, err := s.Fsck(context.Background(), nil)
	require.NoError(t, err)
	require.Empty(t, report.Problems, "a crash is no damage")
	latest, err := s.Latest(context.Background())
	require.NoError(t, err)
	got := latest.Manifest().Version
	require.Contains(t, []checkpoint.Version{newest, 300}, got, "lost, or invented")
	requireWhole(t, latest, got)
	latest.Close()
	channel, err := s.Channel("stable")
	require.NoError(t, err)
	require.Contains(t, []checkpoint.Version{stable, 300}, channel)

	// And life goes on: the same steps again, and nothing stays behind.
	write(t, s, 300)
	require.NoError(t, s.SetChannel("stable", 300))
	_, err = s.Retain(context.Background())
	require.NoError(t, err)
	report, err = s.Fsck(context.Background(), nil)
	require.NoError(t, err)
	require.Empty(t, report.Problems)
	require.Empty(t, report.Orphans)
}

func TestACrashWhileTheStoreIsMade(t *testing.T) {
	for step := 0; ; step++ {
		disk := durable.NewMem()
		disk.FailFrom(step)
		s, err := checkpoint.Open(root, checkpoint.Config{}, checkpoint.WithFS(disk))
		for seed := range 6 {
			again, err := checkpoint.Open(root, checkpoint.Config{}, checkpoint.WithFS(disk.Crash(rand.New(rand.NewPCG(uint64(step), uint64(seed))))))
			require.NoError(t, err, "step %d, seed %d", step, seed)
			write(t, again, 100)
			require.NoError(t, again.Close())
		}
		if err == nil {
			require.NoError(t, s.Close())
			return
		}
	}
}

func TestFailpointsAreAllThereAndEachCanFail(t *testing.T) {
	seen := map[string]bool{}
	failAt := ""
	disk := durable.NewMem()
	s := memStore(t, disk, checkpoint.Config{Keep: 2}, checkpoint.WithHook(func(point string) error {
		seen[point] = true
		if point == failAt {
			return os.ErrDeadlineExceeded
		}
		return nil
	}))
	write(t, s, 100, 200, 300)
	_, err := s.Retain(context.Background())
	require.NoError(t, err)
	require.Len(t, seen, len(checkpoint.Failpoints))
	next := checkpoint.Version(400)
	for _, point := range checkpoint.Failpoints {
		require.True(t, seen[point], point)
		failAt = point
		_, err := s.Write(context.Background(), manifest(next), state(next))
		if err == nil {
			_, err = s.Retain(context.Background())
		}
		require.ErrorIs(t, err, os.ErrDeadlineExceeded, point)
		failAt = ""
		write(t, s, next)
		latest, err := s.Latest(context.Background())
		require.NoError(t, err)
		requireWhole(t, latest, next)
		latest.Close()
		next += 100
	}
}
