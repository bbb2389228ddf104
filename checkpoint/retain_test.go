package checkpoint_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/internal/durable"
	"github.com/perennial-ml/perennial/models/safetensors"
)

func TestRetainByCountAndAgeSparesWhatIsNamed(t *testing.T) {
	for _, tc := range []struct {
		name string
		cfg  checkpoint.Config
		want []checkpoint.Version
	}{
		{"count", checkpoint.Config{Keep: 2}, []checkpoint.Version{500, 400, 200, 100}},
		{"age", checkpoint.Config{Keep: 10, KeepFor: 150 * time.Second}, []checkpoint.Version{500, 400, 200, 100}},
		{"age spares the newest", checkpoint.Config{Keep: 10, KeepFor: 1}, []checkpoint.Version{500, 200, 100}},
		{"both", checkpoint.Config{Keep: 3, KeepFor: 250 * time.Second}, []checkpoint.Version{500, 400, 300, 200, 100}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			disk := durable.NewMem()
			s := memStore(t, disk, tc.cfg)
			write(t, s, 100, 200, 300, 400, 500)
			require.NoError(t, s.SetChannel("stable", 100))
			require.NoError(t, s.Tag("pin", 200))
			gone, err := s.Retain(context.Background())
			require.NoError(t, err)
			require.Len(t, gone, 5-len(tc.want))
			list, err := s.Versions()
			require.NoError(t, err)
			var got []checkpoint.Version
			for _, m := range list {
				got = append(got, m.Version)
				saved, err := s.Get(m.Version)
				require.NoError(t, err)
				requireWhole(t, saved, m.Version)
				saved.Close()
			}
			require.Equal(t, tc.want, got)
			report, err := s.Fsck(context.Background(), nil)
			require.NoError(t, err)
			require.True(t, report.OK())
			require.Empty(t, report.Orphans, "the blobs of what went are gone")
		})
	}
}

func TestAReaderKeepsItsVersionThroughRetention(t *testing.T) {
	disk := durable.NewMem()
	s := memStore(t, disk, checkpoint.Config{Keep: 2})
	write(t, s, 100)
	saved, err := s.Get(100)
	require.NoError(t, err)
	write(t, s, 200, 300, 400)
	gone, err := s.Retain(context.Background())
	require.NoError(t, err)
	require.Contains(t, gone, checkpoint.Version(100))
	requireWhole(t, saved, 100)
	_, err = s.Get(100)
	require.ErrorIs(t, err, checkpoint.ErrNotFound)

	files := len(disk.Files())
	saved.Close()
	saved.Close()
	_, err = s.Retain(context.Background())
	require.NoError(t, err)
	require.Equal(t, files-5, len(disk.Files()), "its weights, their changed chunk, replay, config and manifest go once it is closed")
}

func TestNothingIsCollectedWhileAVersionCannotBeRead(t *testing.T) {
	disk, _, _, _ := twoVersions(t)
	s := memStore(t, disk, checkpoint.Config{Keep: 2})
	saved, err := s.Get(200)
	require.NoError(t, err)
	saved.Close()
	require.NoError(t, s.Close())
	var lost string
	for _, file := range disk.Files() {
		if raw, _ := durable.ReadFile(disk, file, 1<<20); bytes.Contains(raw, []byte(`"version":200`)) {
			lost = file
		}
	}
	require.NotEmpty(t, lost)
	require.NoError(t, disk.Damage(lost, func(b []byte) []byte { b[9] ^= 1; return b }))
	s = memStore(t, disk, checkpoint.Config{Keep: 2})
	files := len(disk.Files())
	_, err = s.Retain(context.Background())
	require.NoError(t, err)
	require.Len(t, disk.Files(), files)
}

func TestReadersAndRetentionAtOnce(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, checkpoint.Config{Keep: 2})
	write(t, s, 1)
	outside, err := checkpoint.OpenReader(dir, checkpoint.Config{})
	require.NoError(t, err)
	done := make(chan struct{})
	var readers sync.WaitGroup
	for i := range 3 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				from := s
				if i == 2 {
					from = outside
				}
				saved, err := from.Latest(context.Background())
				if err != nil {
					t.Errorf("latest: %v", err)
					return
				}
				if i < 2 {
					if _, err := saved.ReadBlob("replay"); err != nil {
						t.Errorf("read %s: %v", saved.Manifest().Version, err)
					}
				}
				saved.Close()
			}
		})
	}
	for v := checkpoint.Version(2); v < 25; v++ {
		write(t, s, v)
		_, err := s.Retain(context.Background())
		require.NoError(t, err)
	}
	close(done)
	readers.Wait()
}

func TestFsckShowsProgressAndOrphans(t *testing.T) {
	disk := durable.NewMem()
	s := memStore(t, disk, checkpoint.Config{})
	write(t, s, 100, 200)
	require.NoError(t, durable.WriteFile(disk, root+"/blobs/sha256/stray", nil, nil, ""))
	var last, total int64
	report, err := s.Fsck(context.Background(), func(done, of int64) {
		require.Greater(t, done, last)
		last, total = done, of
	})
	require.NoError(t, err)
	require.Equal(t, total, last)
	require.Equal(t, report.Bytes, total)
	require.Equal(t, 2, report.Versions)
	require.Equal(t, 10, report.Blobs, "seven of one version, and of the other those that changed")
	require.Equal(t, []string{"blobs/sha256/stray"}, report.Orphans)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = s.Fsck(ctx, nil)
	require.ErrorIs(t, err, context.Canceled)
}

func TestExportThenImportMovesAVersion(t *testing.T) {
	from := open(t, t.TempDir(), checkpoint.Config{})
	write(t, from, 100, 200)
	var archive, again bytes.Buffer
	require.NoError(t, from.Export(context.Background(), 100, &archive))
	require.NoError(t, from.Export(context.Background(), 100, &again))
	require.Equal(t, archive.Bytes(), again.Bytes(), "equal versions, equal archives")

	to := open(t, t.TempDir(), checkpoint.Config{})
	m, err := to.Import(context.Background(), bytes.NewReader(archive.Bytes()))
	require.NoError(t, err)
	require.Equal(t, checkpoint.Version(100), m.Version)
	saved, err := to.Get(100)
	require.NoError(t, err)
	defer saved.Close()
	requireWhole(t, saved, 100)
	_, err = to.Import(context.Background(), bytes.NewReader(archive.Bytes()))
	require.NoError(t, err, "twice is harmless")

	var weightsFile bytes.Buffer
	require.NoError(t, from.ExportWeights(context.Background(), 200, &weightsFile))
	params, err := safetensors.DecodeParams(&weightsFile, 1<<20)
	require.NoError(t, err)
	require.Equal(t, weights(200).Params(), params, "one plain file, however it is kept")
}

func TestImportRefusesDamageAndLeavesNothing(t *testing.T) {
	from := open(t, t.TempDir(), checkpoint.Config{})
	write(t, from, 100)
	var archive bytes.Buffer
	require.NoError(t, from.Export(context.Background(), 100, &archive))
	disk := durable.NewMem()
	to := memStore(t, disk, checkpoint.Config{})
	empty := disk.Files()
	for at := 0; at < archive.Len(); at += 64 {
		_, err := to.Import(context.Background(), bytes.NewReader(archive.Bytes()[:at]))
		if err == nil {
			// Only padding and the end marker of the tar were cut off.
			saved, err := to.Get(100)
			require.NoError(t, err)
			requireWhole(t, saved, 100)
			saved.Close()
			require.NoError(t, to.Remove(context.Background(), 100))
			continue
		}
		list, err := to.Versions()
		require.NoError(t, err)
		require.Empty(t, list)
		require.Subset(t, append(empty, root+"/index.prev.json"), disk.Files(), "cut at %d", at)
	}
	for _, tc := range []struct {
		name   string
		change func(*v1.Manifest)
		want   error
	}{
		{"another type", func(m *v1.Manifest) { m.ArtifactType = "application/vnd.other" }, checkpoint.ErrCorrupt},
		{"a layer less", func(m *v1.Manifest) { m.Layers = m.Layers[1:] }, checkpoint.ErrCorrupt},
		{"layers swapped", func(m *v1.Manifest) { m.Layers[0], m.Layers[1] = m.Layers[1], m.Layers[0] }, checkpoint.ErrCorrupt},
		{"a config that is not there", func(m *v1.Manifest) { m.Config.Digest = digest.FromString("none") }, checkpoint.ErrCorrupt},
	} {
		t.Run(tc.name, func(t *testing.T) {
			raw := rewriteArchive(t, archive.Bytes(), tc.change)
			_, err := to.Import(context.Background(), bytes.NewReader(raw))
			require.ErrorIs(t, err, tc.want)
		})
	}
}

// rewriteArchive changes the OCI manifest in an archive, and the index with it.
func rewriteArchive(t *testing.T, archive []byte, change func(*v1.Manifest)) []byte {
	files := map[string][]byte{}
	r := tar.NewReader(bytes.NewReader(archive))
	for {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		files[h.Name], err = io.ReadAll(r)
		require.NoError(t, err)
	}
	var index v1.Index
	require.NoError(t, json.Unmarshal(files["index.json"], &index))
	var doc v1.Manifest
	old := "blobs/sha256/" + index.Manifests[0].Digest.Encoded()
	require.NoError(t, json.Unmarshal(files[old], &doc))
	delete(files, old)
	change(&doc)
	raw, err := json.Marshal(doc)
	require.NoError(t, err)
	index.Manifests[0].Digest, index.Manifests[0].Size = digest.FromBytes(raw), int64(len(raw))
	files["blobs/sha256/"+digest.FromBytes(raw).Encoded()] = raw
	files["index.json"], err = json.Marshal(index)
	require.NoError(t, err)

	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for name, content := range files {
		require.NoError(t, w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), Typeflag: tar.TypeReg}))
		_, err := w.Write(content)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}
