package models_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/models"
)

// table has one tensor of many chunks between two of one.
func table(r *rand.Rand) models.Params {
	p := models.Params{models.NewParam("w", 3, 4), models.NewParam("table", 50_001, 16), models.NewParam("b", 4)}
	for _, t := range p {
		for i := range t.Data {
			t.Data[i] = r.Float32()
		}
	}
	return p
}

func TestChunksCoverEachTensorOnce(t *testing.T) {
	for _, tc := range []struct {
		shapes [][]int
		chunks []int
	}{
		{[][]int{{}}, []int{1}},
		{[][]int{{0, 5}, {5, 0}, {7}}, []int{1, 1, 1}},
		{[][]int{{models.WholeValues}}, []int{1}},
		{[][]int{{models.WholeValues + 1}}, []int{5}},
		{[][]int{{784, 256}, {256}}, []int{1, 1}},
		{[][]int{{1_000_000, 16}}, []int{245}},
		{[][]int{{5, 1_000_000}}, []int{5}},           // a row alone is more than a chunk
		{[][]int{{1, 1_000_000}}, []int{1}},           // rows are never split
		{[][]int{{1 << 25, 16}, {9}}, []int{1024, 1}}, // chunks grow with the model
	} {
		for i, c := range models.ChunkingOf(tc.shapes...) {
			require.Equal(t, tc.chunks[i], c.Chunks(), tc.shapes)
			at := 0
			for j := range c.Chunks() {
				from, to := c.Span(j)
				require.Equal(t, at, from)
				if c.Width > 0 {
					require.Zero(t, from%c.Width, "a chunk begins with a row")
				}
				at = to
			}
			require.Equal(t, c.Size, at)
		}
	}
}

// A chain of copies must always hold what the tensors held when each was made, whoever
// marks what in which order; two chains on one Dirty must not disturb each other.
func TestEachCopyHoldsTheValuesOfItsTime(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	p := table(r)
	d := models.NewDirty(p)
	type taken struct {
		frozen *models.Frozen
		want   models.Params
	}
	var all []taken
	var chains [2]*models.Frozen
	target := p.Zeros()
	var held *models.Frozen
	for range 60 {
		switch r.IntN(5) {
		case 0:
			p[0].Data[r.IntN(12)]++
			d.MarkTensor(0)
		case 1:
			row := r.IntN(50_001)
			p[1].Data[row*16+r.IntN(16)]++
			d.MarkRow(1, row)
		case 2:
			rows := []int32{int32(r.IntN(50_001)), int32(r.IntN(50_001))}
			for _, row := range rows {
				p[1].Data[row*16]--
			}
			d.MarkRows(1, rows)
			p[2].Data[1]++
			d.MarkRows(2, []int32{1})
		case 3:
			d.MarkRows(1, nil)
		case 4:
			if r.IntN(5) == 0 {
				p[1].Data[r.IntN(50_001*16)]++
				d.MarkAll()
			}
		}
		if chain := r.IntN(4); chain < len(chains) {
			chains[chain] = d.Freeze(p, chains[chain])
			all = append(all, taken{chains[chain], p.Clone()})
			require.NoError(t, chains[chain].Update(target, held))
			held = chains[chain]
			require.True(t, target.Equal(p), "an update of an older copy")
		}
	}
	require.Greater(t, len(all), 10)
	for _, c := range all {
		require.True(t, c.frozen.Params().Equal(c.want))
		out := p.Zeros()
		require.NoError(t, c.frozen.CopyTo(out))
		require.True(t, out.Equal(c.want))
	}
}

func TestUnchangedChunksAreSharedAndChangedOnesAreNot(t *testing.T) {
	p := table(rand.New(rand.NewPCG(3, 4)))
	d := models.NewDirty(p)
	first := d.Freeze(p, nil)
	require.Len(t, first.Tensors()[1].Chunks, 13)
	p[1].Data[4096*16]++ // the first value of the second chunk
	d.MarkRow(1, 4096)
	second := d.Freeze(p, first)
	for i, s := range second.Tensors() {
		for j, c := range s.Chunks {
			if i == 1 && j == 1 {
				require.NotSame(t, first.Tensors()[i].Chunks[j], c)
				continue
			}
			require.Same(t, first.Tensors()[i].Chunks[j], c, "tensor %d chunk %d", i, j)
		}
	}
	other := models.NewDirty(p).Freeze(p, first)
	require.NotSame(t, first.Tensors()[0].Chunks[0], other.Tensors()[0].Chunks[0], "another Dirty knows nothing of the copy")
	require.True(t, other.Equal(second))
	require.False(t, first.Equal(second))
}

func TestOnlyChunksThatDifferAreCopied(t *testing.T) {
	p := table(rand.New(rand.NewPCG(3, 4)))
	d := models.NewDirty(p)
	first := d.Freeze(p, nil)
	d.MarkRow(1, 0)
	second := d.Freeze(p, first)
	target := p.Zeros()
	require.NoError(t, first.CopyTo(target))
	target[1].Data[len(target[1].Data)-1] = -1 // Update believes that target holds first
	require.NoError(t, second.Update(target, first))
	require.EqualValues(t, -1, target[1].Data[len(target[1].Data)-1])
	// Copies of another model are no ground to leave anything out.
	require.NoError(t, second.Update(target, models.Params{models.NewParam("w", 1)}.Freeze()))
	require.True(t, target.Equal(p))
	require.ErrorIs(t, second.CopyTo(p[:2]), models.ErrParams)
	require.ErrorIs(t, second.CopyTo(models.Params{p[1], p[0], p[2]}), models.ErrParams)
}

func TestAFrozenCanBePutTogetherFromItsChunks(t *testing.T) {
	p := table(rand.New(rand.NewPCG(5, 6)))
	f := p.Freeze()
	g, err := models.NewFrozen(f.Tensors())
	require.NoError(t, err)
	require.True(t, g.Params().Equal(p))
	for name, break_ := range map[string]func(*models.FrozenTensor){
		"a chunk is missing": func(t *models.FrozenTensor) { t.Chunks = t.Chunks[1:] },
		"chunks in disorder": func(t *models.FrozenTensor) { t.Chunks = append(t.Chunks[12:13:13], t.Chunks[:12]...) },
		"other rows":         func(t *models.FrozenTensor) { t.Rows-- },
		"no rows":            func(t *models.FrozenTensor) { t.Rows = 0 },
		"a shape of its own": func(t *models.FrozenTensor) { t.Shape = []int{16, 50_001} },
		"a wrong size":       func(t *models.FrozenTensor) { t.Size++ },
	} {
		tensors := append([]models.FrozenTensor(nil), f.Tensors()...)
		break_(&tensors[1])
		_, err := models.NewFrozen(tensors)
		require.ErrorIs(t, err, models.ErrParams, name)
	}
	both := models.Concat(f.Rename(func(s string) string { return "m/" + s }), g)
	require.Equal(t, "m/w", both.Tensors()[0].Name)
	require.Equal(t, "w", both.Tensors()[3].Name)
	require.Equal(t, "w", f.Tensors()[0].Name)
	require.True(t, both.Params()[3:].Equal(p))
}

func TestAChunkKnowsItsDigestAndWhetherItIsFinite(t *testing.T) {
	values := make([]float32, 40_000)
	for i := range values {
		values[i] = float32(i)
	}
	c := models.NewChunk(values)
	var raw, want bytes.Buffer
	n, err := c.WriteTo(&raw)
	require.NoError(t, err)
	require.EqualValues(t, 160_000, n)
	require.NoError(t, binary.Write(&want, binary.LittleEndian, values))
	require.True(t, bytes.Equal(want.Bytes(), raw.Bytes()))
	require.Empty(t, c.Seal.Digest())
	require.Equal(t, fmt.Sprintf("sha256:%x", sha256.Sum256(want.Bytes())), c.Digest())
	require.Equal(t, c.Digest(), c.Seal.Digest())
	require.True(t, c.Finite())
	require.True(t, c.Finite())
	bad := models.Params{{Name: "w", Shape: []int{2}, Data: []float32{1, float32(math.NaN())}}}.Freeze()
	require.False(t, bad.Finite())
	require.False(t, bad.Finite())
}

// BenchmarkFreeze is what publishing costs of a table with 16 million values: with all of
// it marked, and with 32 rows.
func BenchmarkFreeze(b *testing.B) {
	p := models.Params{models.NewParam("table", 1_000_000, 16)}
	r := rand.New(rand.NewPCG(1, 2))
	d := models.NewDirty(p)
	f := d.Freeze(p, nil)
	for _, bc := range []struct {
		name string
		mark func()
	}{
		{"all", d.MarkAll},
		{"rows=32", func() {
			for range 32 {
				d.MarkRow(0, r.IntN(1_000_000))
			}
		}},
		{"rows=1", func() { d.MarkRow(0, r.IntN(1_000_000)) }},
		{"none", func() {}},
	} {
		b.Run(bc.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				bc.mark()
				f = d.Freeze(p, f)
			}
		})
	}
}

// A learner marks rows as it learns them, and a server is brought up to date by the
// chunks that differ.
func ExampleDirty() {
	weights := models.Params{models.NewParam("embedding", 1_000_000, 16), models.NewParam("bias", 1)}
	dirty := models.NewDirty(weights)
	first := dirty.Freeze(weights, nil)

	weights[0].Data[123_456*16] = 0.5
	dirty.MarkRow(0, 123_456)
	second := dirty.Freeze(weights, first)

	shared := 0
	for i, t := range second.Tensors() {
		for j, c := range t.Chunks {
			if c == first.Tensors()[i].Chunks[j] {
				shared++
			}
		}
	}
	fmt.Println("chunks:", len(second.Tensors()[0].Chunks)+1, "shared:", shared)
	// Output: chunks: 246 shared: 245
}
