package checkpoint_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/internal/durable"
	"github.com/perennial-ml/perennial/internal/leak"
	"github.com/perennial-ml/perennial/internal/seal"
	"github.com/perennial-ml/perennial/models"
)

func TestMain(m *testing.M) { leak.Check(m) }

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// weights are a function of the version, as in a learner. The table is in five small
// chunks, of which one changes.
func weights(v checkpoint.Version) *models.Frozen {
	r := rand.New(rand.NewPCG(uint64(v), 1))
	data := make([]float32, 60)
	for i := range data {
		data[i] = r.Float32()
	}
	tensors := models.Params{
		{Name: "w0", Shape: []int{6, 10}, Data: data}, models.NewParam("table", 9, 4),
		{Name: "b0", Shape: []int{2}, Data: []float32{float32(v), 1}},
	}.Freeze().Tensors()
	table := &tensors[1]
	table.Rows, table.Chunks = 2, nil
	for _, values := range [][]float32{{0: 1, 7: 0}, {3: float32(v), 7: 0}, {7: 0}, {7: 0}, {2, 3, 4, 5}} {
		table.Chunks = append(table.Chunks, models.NewChunk(values))
	}
	f, err := models.NewFrozen(tensors)
	if err != nil {
		panic(err)
	}
	return f
}

func blob(name string, content []byte) checkpoint.Blob {
	return checkpoint.Blob{Name: name, MediaType: "application/x-test", Write: func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	}}
}

// state is a small learner's: the weights change, the guard does not.
func state(v checkpoint.Version) []checkpoint.Blob {
	replay := bytes.Repeat([]byte(fmt.Sprintf("example of %d;", v)), 20)
	return append(checkpoint.Weights(weights(v)), blob("replay", replay), blob("guard", []byte("guard state")))
}

func manifest(v checkpoint.Version) checkpoint.Manifest {
	return checkpoint.Manifest{
		Version: v, Model: "churn",
		Log:     checkpoint.LogID{Name: "perennial_churn", Created: epoch},
		LogTime: epoch.Add(time.Duration(v) * time.Second),
		Config:  "sha256:config",
		Spec:    []byte(`{"kind":"linear", "task":"binary"}`),
		Summary: map[string]string{"loss": "0.31 <nats>"},
	}
}

func write(t testing.TB, s *checkpoint.Store, versions ...checkpoint.Version) {
	for _, v := range versions {
		_, err := s.Write(context.Background(), manifest(v), state(v))
		require.NoError(t, err)
	}
}

func open(t testing.TB, dir string, cfg checkpoint.Config, opts ...checkpoint.Option) *checkpoint.Store {
	s, err := checkpoint.Open(dir, cfg, opts...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// requireWhole reads everything of a version and holds it against its state.
func requireWhole(t testing.TB, saved *checkpoint.Saved, v checkpoint.Version) {
	m := saved.Manifest()
	require.Equal(t, v, m.Version)
	hash, _, err := checkpoint.HashBlobs(context.Background(), state(v))
	require.NoError(t, err)
	require.Equal(t, hash, m.StateHash)
	for _, b := range state(v) {
		var want bytes.Buffer
		require.NoError(t, b.Write(&want))
		got, err := saved.ReadBlob(b.Name)
		require.NoError(t, err)
		require.Equal(t, want.Bytes(), got, b.Name)
	}
	got, err := saved.Weights(nil)
	require.NoError(t, err)
	require.True(t, weights(v).Equal(got))
}

func TestWriteThenReadGivesTheSameState(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, checkpoint.Config{})
	written, err := s.Write(context.Background(), manifest(100), state(100))
	require.NoError(t, err)
	write(t, s, 200)

	require.NoError(t, s.Close())
	s = open(t, dir, checkpoint.Config{})
	latest, err := s.Latest(context.Background())
	require.NoError(t, err)
	defer latest.Close()
	requireWhole(t, latest, 200)

	list, err := s.Versions()
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.Equal(t, checkpoint.Version(200), list[0].Version, "newest first")
	require.Equal(t, written, list[1], "the manifest that Write returned is the one that is stored")
	require.JSONEq(t, `{"kind":"linear","task":"binary"}`, string(list[1].Spec))

	_, err = s.Get(150)
	require.ErrorIs(t, err, checkpoint.ErrNotFound)
	_, err = latest.Open("optimizer")
	require.ErrorIs(t, err, checkpoint.ErrNotFound)
}

func TestAnEmptyStoreSaysSo(t *testing.T) {
	s := open(t, t.TempDir(), checkpoint.Config{})
	_, err := s.Latest(context.Background())
	require.ErrorIs(t, err, checkpoint.ErrNone)
	_, err = checkpoint.OpenReader(filepath.Join(t.TempDir(), "none"), checkpoint.Config{})
	require.ErrorIs(t, err, checkpoint.ErrNotFound)
}

// A registry tool finds what the image-spec promises.
func TestTheFolderIsAnOCIImageLayout(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, checkpoint.Config{})
	write(t, s, 100)
	require.NoError(t, s.SetChannel("stable", 100))

	var layout v1.ImageLayout
	readJSON(t, filepath.Join(dir, "oci-layout"), &layout)
	require.Equal(t, "1.0.0", layout.Version)
	var index v1.Index
	readJSON(t, filepath.Join(dir, "index.json"), &index)
	var tags []string
	for _, d := range index.Manifests {
		tags = append(tags, d.Annotations[v1.AnnotationRefName])
	}
	require.Equal(t, []string{"v100", "stable"}, tags)
	var doc v1.Manifest
	readJSON(t, filepath.Join(dir, "blobs/sha256", index.Manifests[0].Digest.Encoded()), &doc)
	require.Equal(t, checkpoint.Type, doc.ArtifactType)
	require.Len(t, doc.Layers, 8)
	for _, d := range append(doc.Layers, doc.Config) {
		raw, err := os.ReadFile(filepath.Join(dir, "blobs/sha256", d.Digest.Encoded()))
		require.NoError(t, err)
		require.EqualValues(t, d.Size, len(raw))
		require.Equal(t, d.Digest, d.Digest.Algorithm().FromBytes(raw))
	}
}

func readJSON(t *testing.T, name string, into any) {
	raw, err := os.ReadFile(name)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, into))
}

func TestUnchangedBlobsAreNotWrittenAgain(t *testing.T) {
	syncs := 0
	s := open(t, t.TempDir(), checkpoint.Config{}, checkpoint.WithHook(func(point string) error {
		if point == "checkpoint.blob.sync:before" {
			syncs++
		}
		return nil
	}))
	first, err := s.Write(context.Background(), manifest(100), state(100))
	require.NoError(t, err)
	require.Equal(t, 9, syncs, "three blobs, four different chunks, config, manifest")

	syncs = 0
	second, err := s.Write(context.Background(), manifest(200), state(200))
	require.NoError(t, err)
	require.Equal(t, 5, syncs, "weights, the chunk that changed, replay, config, manifest")
	require.Equal(t, first.Blobs[7], second.Blobs[7])

	// With its digest known, an unchanged blob is not even encoded.
	hinted := state(300)
	hinted[7].Digest = second.Blobs[7].Digest
	hinted[7].Write = func(io.Writer) error { t.Error("encoded although its digest is known"); return nil }
	third, err := s.Write(context.Background(), manifest(300), hinted)
	require.NoError(t, err)
	require.Equal(t, first.Blobs[7], third.Blobs[7])

	wrong := state(400)
	wrong[6].Digest = "sha256:" + strings.Repeat("0", 64)
	_, err = s.Write(context.Background(), manifest(400), wrong)
	require.ErrorIs(t, err, checkpoint.ErrInvalid, "a digest that the bytes do not have")
}

// A server that holds one version reads of the next only the chunks that differ.
func TestWeightsShareTheChunksThatAreThereAlready(t *testing.T) {
	disk := durable.NewMem()
	s := memStore(t, disk, checkpoint.Config{})
	write(t, s, 100, 200)
	first, err := s.Get(100)
	require.NoError(t, err)
	defer first.Close()
	second, err := s.Get(200)
	require.NoError(t, err)
	defer second.Close()
	have, err := first.Weights(nil)
	require.NoError(t, err)
	got, err := second.Weights(have)
	require.NoError(t, err)
	require.True(t, weights(200).Equal(got))
	for i, c := range got.Tensors()[1].Chunks {
		if i == 1 {
			require.NotSame(t, have.Tensors()[1].Chunks[i], c)
			continue
		}
		require.Same(t, have.Tensors()[1].Chunks[i], c)
	}
	alone, err := second.Weights(nil)
	require.NoError(t, err)
	require.True(t, alone.Equal(got))
	m, n := first.Manifest(), second.Manifest()
	a, _ := m.WeightsDigest()
	b, ok := n.WeightsDigest()
	require.True(t, ok)
	require.NotEqual(t, a, b, "one changed chunk is other weights")
}

// What one part of a state has sealed, another that shares it must not encode again, also
// if it was listed before.
func TestABlobSealedMeanwhileIsNotEncodedAgain(t *testing.T) {
	s := memStore(t, durable.NewMem(), checkpoint.Config{})
	var shared seal.Seal
	encoded := 0
	twice := func(name string) checkpoint.Blob {
		return checkpoint.Blob{Name: name, MediaType: "application/x-test", Seal: &shared, Write: func(w io.Writer) error {
			encoded++
			return shared.Write(w, func(w io.Writer) error {
				_, err := io.WriteString(w, "content")
				return err
			})
		}}
	}
	m, err := s.Write(t.Context(), manifest(100), []checkpoint.Blob{twice("candidate"), twice("stable")})
	require.NoError(t, err)
	require.Equal(t, 1, encoded)
	require.Equal(t, m.Blobs[0].Stored, m.Blobs[1].Stored)
}

func TestWritingAVersionAgain(t *testing.T) {
	s := open(t, t.TempDir(), checkpoint.Config{})
	write(t, s, 100, 100)
	list, err := s.Versions()
	require.NoError(t, err)
	require.Len(t, list, 1, "the same state again is harmless")

	_, err = s.Write(context.Background(), manifest(100), state(101))
	require.ErrorIs(t, err, checkpoint.ErrConflict)
	require.NoError(t, s.Remove(context.Background(), 100))
	_, err = s.Write(context.Background(), manifest(100), state(101))
	require.NoError(t, err, "after Remove another state may take the place: erasure rewrites the past")
}

func TestWriteRefuses(t *testing.T) {
	s := open(t, t.TempDir(), checkpoint.Config{MaxBlob: 1000})
	good := blob("a", []byte("a"))
	for _, tc := range []struct {
		name     string
		manifest func(*checkpoint.Manifest)
		blobs    []checkpoint.Blob
		want     error
	}{
		{"no blobs", nil, nil, checkpoint.ErrInvalid},
		{"a name twice", nil, []checkpoint.Blob{good, good}, checkpoint.ErrInvalid},
		{"a name with a slash", nil, []checkpoint.Blob{blob("a/b", nil)}, checkpoint.ErrInvalid},
		{"no media type", nil, []checkpoint.Blob{{Name: "a", Write: good.Write}}, checkpoint.ErrInvalid},
		{"no model", func(m *checkpoint.Manifest) { m.Model = "" }, []checkpoint.Blob{good}, checkpoint.ErrInvalid},
		{"a spec that is not JSON", func(m *checkpoint.Manifest) { m.Spec = []byte("{") }, []checkpoint.Blob{good}, checkpoint.ErrInvalid},
		{"a blob over the bound", nil, []checkpoint.Blob{blob("a", make([]byte, 1001))}, checkpoint.ErrTooLarge},
		{"a blob that cannot be encoded", nil, []checkpoint.Blob{{Name: "a", MediaType: "x", Write: func(io.Writer) error { return io.ErrClosedPipe }}}, io.ErrClosedPipe},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := manifest(1)
			if tc.manifest != nil {
				tc.manifest(&m)
			}
			_, err := s.Write(context.Background(), m, tc.blobs)
			require.ErrorIs(t, err, tc.want)
			_, err = s.Latest(context.Background())
			require.ErrorIs(t, err, checkpoint.ErrNone, "the store is as before")
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := s.Write(ctx, manifest(1), []checkpoint.Blob{good})
	require.ErrorIs(t, err, context.Canceled)
}

func TestOneWriterAndAnyReaders(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, checkpoint.Config{})
	_, err := checkpoint.Open(dir, checkpoint.Config{})
	require.ErrorIs(t, err, checkpoint.ErrLocked)

	reader, err := checkpoint.OpenReader(dir, checkpoint.Config{})
	require.NoError(t, err)
	_, err = reader.Latest(context.Background())
	require.ErrorIs(t, err, checkpoint.ErrNone)
	write(t, s, 100)
	latest, err := reader.Latest(context.Background())
	require.NoError(t, err, "a reader sees the newest commit")
	requireWhole(t, latest, 100)
	require.ErrorIs(t, reader.SetChannel("stable", 100), checkpoint.ErrReadOnly)
	_, err = reader.Write(context.Background(), manifest(200), state(200))
	require.ErrorIs(t, err, checkpoint.ErrReadOnly)

	require.NoError(t, s.Close())
	_, err = s.Write(context.Background(), manifest(200), state(200))
	require.ErrorIs(t, err, checkpoint.ErrClosed)
}

func TestChannelsAndTags(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, checkpoint.Config{})
	write(t, s, 100, 200)
	require.NoError(t, s.SetChannels(map[string]checkpoint.Version{"stable": 100, "candidate": 200}))
	require.NoError(t, s.Tag("rollback-100", 100))
	require.NoError(t, s.SetChannel("candidate", 100))

	require.NoError(t, s.Close())
	s = open(t, dir, checkpoint.Config{})
	channels, err := s.Channels()
	require.NoError(t, err)
	require.Equal(t, map[string]checkpoint.Version{"stable": 100, "candidate": 100}, channels)
	v, err := s.Channel("stable")
	require.NoError(t, err)
	require.Equal(t, checkpoint.Version(100), v)
	_, err = s.Channel("shadow")
	require.ErrorIs(t, err, checkpoint.ErrNotFound)

	require.ErrorIs(t, s.SetChannel("stable", 300), checkpoint.ErrNotFound)
	require.ErrorIs(t, s.SetChannel("v100", 100), checkpoint.ErrInvalid, "that name is a version's")
	require.ErrorIs(t, s.SetChannel("a/b", 100), checkpoint.ErrInvalid)
	require.ErrorIs(t, s.SetChannel("rollback-100", 100), checkpoint.ErrInvalid, "that name is a tag's")
	require.ErrorIs(t, s.Untag("stable"), checkpoint.ErrNotFound, "a channel is no tag")
	require.ErrorIs(t, s.Remove(context.Background(), 200, 100), checkpoint.ErrNamed)
	list, err := s.Versions()
	require.NoError(t, err)
	require.Len(t, list, 2, "a Remove that is refused removes nothing")
	require.NoError(t, s.Untag("rollback-100"))
	tags, err := s.Tags()
	require.NoError(t, err)
	require.Empty(t, tags)
}

func TestConfigNamesFieldAndRule(t *testing.T) {
	require.NoError(t, checkpoint.Config{}.WithDefaults().Validate())
	for field, cfg := range map[string]checkpoint.Config{
		"keep":           {Keep: 1},
		"keep_for":       {KeepFor: -1},
		"compression":    {Compression: 5},
		"max_blob_bytes": {MaxBlob: -1},
	} {
		err := cfg.WithDefaults().Validate()
		require.ErrorIs(t, err, checkpoint.ErrInvalid)
		require.ErrorContains(t, err, field+": must")
	}
}

func TestStateHashDependsOnNamesBytesAndOrder(t *testing.T) {
	hash := func(blobs ...checkpoint.Blob) string {
		h, _, err := checkpoint.HashBlobs(context.Background(), blobs)
		require.NoError(t, err)
		return h
	}
	base := hash(blob("a", []byte("1")), blob("b", []byte("2")))
	require.Equal(t, "sha256:14146be3677b3d303a8fda3075f609d8de2a4e3f887877248bff9f9cd125010f", base)
	require.NotEqual(t, base, hash(blob("b", []byte("2")), blob("a", []byte("1"))))
	require.NotEqual(t, base, hash(blob("a", []byte("1")), blob("c", []byte("2"))))
	require.NotEqual(t, base, hash(blob("a", []byte("1")), blob("b", []byte("3"))))
}

func TestStateHashDoesNotDependOnCompression(t *testing.T) {
	var hashes []string
	for effort := 1; effort <= 4; effort++ {
		s := open(t, t.TempDir(), checkpoint.Config{Compression: effort})
		m, err := s.Write(context.Background(), manifest(100), state(100))
		require.NoError(t, err)
		hashes = append(hashes, m.StateHash)
		latest, err := s.Latest(context.Background())
		require.NoError(t, err)
		requireWhole(t, latest, 100)
	}
	for _, h := range hashes {
		require.Equal(t, hashes[0], h)
	}
}

func ExampleStore() {
	disk := durable.NewMem() // any folder, without this option
	ctx := context.Background()
	store, err := checkpoint.Open("/models/churn", checkpoint.Config{}, checkpoint.WithFS(disk), checkpoint.WithLogger(slog.Default()))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()
	for position := checkpoint.Version(1000); position <= 3000; position += 1000 {
		params := models.Params{{Name: "w", Shape: []int{1}, Data: []float32{float32(position)}}}
		_, err := store.Write(ctx, checkpoint.Manifest{Version: position, Model: "churn"}, checkpoint.Weights(params.Freeze()))
		if err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(store.SetChannel("stable", 3000))
	fmt.Println(store.SetChannel("stable", 2000), "and back")

	stable, _ := store.Channel("stable")
	saved, _ := store.Get(stable)
	defer saved.Close()
	weights, _ := saved.Weights(nil)
	fmt.Println(stable, weights.Params())
	// Output:
	// <nil>
	// <nil> and back
	// v2000 [{w [1] [2000]}]
}
