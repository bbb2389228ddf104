package checkpoint

import (
	"bytes"
	"encoding/json"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/internal/durable"
)

// stored puts bytes where a blob of the given declaration would be.
func stored(t testing.TB, raw []byte, size int64, plain string, maxBlob int64) (*blobReader, error) {
	disk := durable.NewMem()
	require.NoError(t, durable.WriteFile(disk, "/blob", raw, nil, ""))
	info := BlobInfo{Name: "b", Digest: plain, Size: size, Stored: digestOf(raw), StoredLen: int64(len(raw))}
	return newBlobReader(disk, "/blob", info, maxBlob, nil, nil)
}

func zstdOf(t testing.TB, n int, opts ...zstd.EOption) []byte {
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, opts...)
	require.NoError(t, err)
	_, err = io.CopyN(w, zeros{}, int64(n))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestABombStopsAtTheDeclaredSize(t *testing.T) {
	bomb := zstdOf(t, 256<<20, zstd.WithWindowSize(window))
	require.Less(t, len(bomb), 64<<10, "a bomb")
	r, err := stored(t, bomb, 1000, digestOf(make([]byte, 1000)), 1<<20)
	require.NoError(t, err)
	defer r.Close()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	n, err := io.Copy(io.Discard, r)
	runtime.ReadMemStats(&after)
	require.ErrorIs(t, err, ErrCorrupt)
	require.LessOrEqual(t, n, int64(1000))
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<20))
	_, again := r.Read(make([]byte, 1))
	require.Equal(t, err, again, "the verdict stays")
}

func TestABlobDeclaredTooLargeIsNotOpened(t *testing.T) {
	_, err := stored(t, zstdOf(t, 2<<20), 2<<20, digestOf(make([]byte, 2<<20)), 1<<20)
	require.ErrorIs(t, err, ErrTooLarge)
}

func TestAFrameThatAsksForTooMuchMemoryIsRefused(t *testing.T) {
	r, err := stored(t, zstdOf(t, 64<<20, zstd.WithWindowSize(32<<20)), 64<<20, digestOf(nil), 1<<30)
	require.NoError(t, err)
	defer r.Close()
	_, err = io.Copy(io.Discard, r)
	require.ErrorIs(t, err, ErrCorrupt)
}

func TestBytesAfterTheFrameAreDamage(t *testing.T) {
	raw := append(zstdOf(t, 10), "tail"...)
	r, err := stored(t, raw, 10, digestOf(make([]byte, 10)), 1<<20)
	require.NoError(t, err)
	defer r.Close()
	_, err = io.Copy(io.Discard, r)
	require.ErrorIs(t, err, ErrCorrupt)
}

// Equal input gives equal compressed bytes, however it is cut into writes: a
// blob that is written again lands on its own name.
func TestCompressionIsDeterministic(t *testing.T) {
	input := bytes.Repeat([]byte("some state that repeats, "), 40_000)
	for effort := 1; effort <= 4; effort++ {
		var first []byte
		for _, piece := range []int{len(input), 1 << 16, 1000} {
			var b bytes.Buffer
			w, err := newCompressor(&b, effort)
			require.NoError(t, err)
			for rest := input; len(rest) > 0; rest = rest[min(piece, len(rest)):] {
				_, err := w.Write(rest[:min(piece, len(rest))])
				require.NoError(t, err)
			}
			require.NoError(t, w.Close())
			if first == nil {
				first = b.Bytes()
			}
			require.True(t, bytes.Equal(first, b.Bytes()), "effort %d, pieces of %d", effort, piece)
		}
	}
}

func sample() Manifest {
	blobs := []BlobInfo{{Name: WeightsBlob, MediaType: "a/b", Digest: digestOf([]byte("1")), Size: 1, Stored: digestOf([]byte("2")), StoredLen: 9}}
	return Manifest{Version: 7, Model: "m", LogTime: time.Unix(100, 0).UTC(), StateHash: StateHash(blobs), Spec: []byte(`{}`), Blobs: blobs}
}

func sampleIndex(t testing.TB) []byte {
	x := &index{generation: 3, refs: map[string]ref{"stable": {kindChannel, 7}, "pin": {kindTag, 7}}}
	x = x.with(entry{version: 9, logTime: time.Unix(101, 0).UTC(), digest: digest.FromString("9"), size: 90})
	x = x.with(entry{version: 7, logTime: time.Unix(100, 5).UTC(), digest: digest.FromString("7"), size: 70})
	raw, err := x.encode()
	require.NoError(t, err)
	return raw
}

func reseal(raw []byte) []byte {
	at, err := sealAt(raw)
	if err != nil {
		return raw
	}
	raw = bytes.Clone(raw)
	copy(raw[at:], noSeal)
	copy(raw[at:], digestOf(raw))
	return raw
}

// An index that carries a right seal and yet says what cannot be.
func TestIndexRefuses(t *testing.T) {
	good := string(sampleIndex(t))
	_, err := parseIndex([]byte(good))
	require.NoError(t, err)
	for _, tc := range []struct {
		name, old, new string
		want           error
	}{
		{"store of the future", StoreType, storeStem + "9", ErrFormat},
		{"store of another kind", StoreType, "application/other", ErrCorrupt},
		{"generation", `"` + noteGeneration + `":"3"`, `"` + noteGeneration + `":"x"`, ErrCorrupt},
		{"version name", `"v7"`, `"v07"`, ErrCorrupt},
		{"version twice", `"v9"`, `"v7"`, ErrCorrupt},
		{"versions out of order", `"v7"`, `"v10"`, ErrCorrupt},
		{"kind", `"channel"`, `"flag"`, ErrCorrupt},
		{"name", `"stable"`, `"sta/ble"`, ErrCorrupt},
		{"name of a version", `"stable"`, `"v8"`, ErrCorrupt},
		{"name twice", `"pin"`, `"stable"`, ErrCorrupt},
		{"log time", `"1970-`, `"197-`, ErrCorrupt},
		{"size", `"size":90`, `"size":0`, ErrCorrupt},
		{"size over the bound", `"size":90`, `"size":99999999`, ErrCorrupt},
		{"digest", digest.FromString("9").String(), "sha256:9", ErrCorrupt},
		{"digest algorithm", digest.FromString("9").String(), digest.SHA512.FromString("9").String(), ErrCorrupt},
		{"media type", "image.manifest.v1", "image.manifest.v9", ErrCorrupt},
		{"seal twice", `"mediaType"`, `"` + noteSeal + `":"","mediaType"`, ErrCorrupt},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Contains(t, good, tc.old)
			_, err := parseIndex(reseal([]byte(strings.Replace(good, tc.old, tc.new, 1))))
			require.ErrorIs(t, err, tc.want)
		})
	}
}

func TestConfigAndManifestHoldEachOther(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*Manifest)
	}{
		{"state hash", func(m *Manifest) { m.StateHash = digestOf(nil) }},
		{"no blobs", func(m *Manifest) { m.Blobs = nil }},
		{"blob name", func(m *Manifest) { m.Blobs[0].Name = "../x"; m.StateHash = StateHash(m.Blobs) }},
		{"plain digest", func(m *Manifest) { m.Blobs[0].Digest = "md5:1"; m.StateHash = StateHash(m.Blobs) }},
		{"another plain digest", func(m *Manifest) { m.Blobs[0].Digest = digestOf(nil); m.StateHash = StateHash(m.Blobs) }},
		{"stored digest", func(m *Manifest) { m.Blobs[0].Stored = digestOf(nil) }},
		{"negative size", func(m *Manifest) { m.Blobs[0].Size = -1 }},
		{"stored size", func(m *Manifest) { m.Blobs[0].StoredLen++ }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			honest, err := json.Marshal(sample())
			require.NoError(t, err)
			raw, err := ociManifest(sample(), honest)
			require.NoError(t, err)
			doc, err := parseOCI(raw)
			require.NoError(t, err)
			_, err = parseConfig(honest, doc)
			require.NoError(t, err)
			m := sample()
			tc.change(&m)
			config, err := json.Marshal(m)
			require.NoError(t, err)
			_, err = parseConfig(config, doc)
			require.ErrorIs(t, err, ErrCorrupt)
		})
	}
}

func FuzzIndex(f *testing.F) {
	f.Add(sampleIndex(f))
	f.Add([]byte(`{"annotations":{"ml.perennial.seal":"` + noSeal + `"}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		x, err := parseIndex(reseal(raw))
		if err != nil {
			return
		}
		first, err := x.encode()
		require.NoError(t, err)
		again, err := parseIndex(first)
		require.NoError(t, err)
		second, err := again.encode()
		require.NoError(t, err)
		require.Equal(t, string(first), string(second))
	})
}

func FuzzManifest(f *testing.F) {
	config, err := json.Marshal(sample())
	require.NoError(f, err)
	raw, err := ociManifest(sample(), config)
	require.NoError(f, err)
	f.Add(raw, config)
	f.Fuzz(func(t *testing.T, raw, config []byte) {
		doc, err := parseOCI(raw)
		if err != nil {
			return
		}
		m, err := parseConfig(config, doc)
		if err != nil {
			return
		}
		require.Equal(t, StateHash(m.Blobs), m.StateHash)
		for i, b := range m.Blobs {
			require.Equal(t, doc.Layers[i].Digest.String(), b.Stored)
			require.NotContains(t, b.Name, "/")
		}
	})
}

// Whatever the bytes are, no more comes out than was declared, and never with a
// clean end under a digest that they do not have.
func FuzzBlob(f *testing.F) {
	f.Add(zstdOf(f, 100), int64(100))
	f.Add(zstdOf(f, 8<<20), int64(100))
	f.Add([]byte("not zstd"), int64(8))
	f.Fuzz(func(t *testing.T, raw []byte, size int64) {
		r, err := stored(t, raw, size, digestOf([]byte("something else")), 1<<20)
		if err != nil {
			return
		}
		defer r.Close()
		n, err := io.Copy(io.Discard, r)
		require.ErrorIs(t, err, ErrCorrupt)
		require.LessOrEqual(t, n, size)
	})
}

// The newest version is of a format that this build does not know: to pass over
// it would be to learn on from the past.
func TestLatestStopsAtAFormatFromTheFuture(t *testing.T) {
	s, err := Open("/store", Config{}, WithFS(durable.NewMem()))
	require.NoError(t, err)
	defer s.Close()
	one := Blob{Name: "a", MediaType: "a/b", Write: func(w io.Writer) error { _, err := w.Write([]byte("1")); return err }}
	old, err := s.Write(t.Context(), Manifest{Version: 1, Model: "m"}, []Blob{one})
	require.NoError(t, err)

	raw, err := ociManifest(old, []byte("{}"))
	require.NoError(t, err)
	future := bytes.Replace(raw, []byte(Type), []byte(typeStem+"2"), 1)
	require.NoError(t, s.putBytes(future))
	require.NoError(t, s.commit(s.index.with(entry{version: 2, digest: digest.FromBytes(future), size: int64(len(future))})))
	_, err = s.Latest(t.Context())
	require.ErrorIs(t, err, ErrFormat)
	require.ErrorContains(t, err, typeStem+"2")
	_, err = s.Get(2)
	require.ErrorIs(t, err, ErrFormat)
}
