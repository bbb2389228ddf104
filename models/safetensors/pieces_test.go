package safetensors_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/models/safetensors"
)

// large has a table of five chunks between two tensors of one.
func large() models.Params {
	p := models.Params{models.NewParam("w", 2, 3), models.NewParam("table", 20_000, 16), models.NewParam("b", 3)}
	for _, t := range p {
		for i := range t.Data {
			t.Data[i] = float32(i%977) - 0.5
		}
	}
	return p
}

func counters() safetensors.Tensor {
	return safetensors.Tensor{Name: "counter:step", DType: safetensors.U64, Shape: []int{}, U64: []uint64{7}}
}

func pieces(t testing.TB, f *models.Frozen, more ...safetensors.Tensor) map[string][]byte {
	out := map[string][]byte{}
	for _, p := range safetensors.Pieces(f, more...) {
		var b bytes.Buffer
		require.NoError(t, p.Write(&b))
		out[p.Suffix] = b.Bytes()
	}
	return out
}

var errGone = errors.New("no such piece")

func join(m map[string][]byte) (*models.Frozen, []safetensors.Tensor, error) {
	return safetensors.Join(m[""], func(tensor, chunk int) (*models.Chunk, error) {
		data, ok := m[safetensors.Suffix(tensor, chunk)]
		if !ok {
			return nil, fmt.Errorf("%w: %d %d", errGone, tensor, chunk)
		}
		return safetensors.DecodeChunk(data)
	})
}

func TestPiecesJoinToTheSameBits(t *testing.T) {
	p := large()
	f := p.Freeze()
	raw := pieces(t, f, counters())
	require.Len(t, raw, 6)
	got, more, err := join(raw)
	require.NoError(t, err)
	require.True(t, got.Equal(f))
	require.Equal(t, []safetensors.Tensor{counters()}, more)
	require.Equal(t, raw, pieces(t, got, more...), "one encoding")

	var whole, want bytes.Buffer
	require.NoError(t, safetensors.EncodeFrozen(&whole, got))
	require.NoError(t, safetensors.EncodeParams(&want, p))
	require.True(t, bytes.Equal(want.Bytes(), whole.Bytes()), "an export is one plain file")
}

// What was written whole, before there were pieces, is read and falls into chunks.
func TestAWholeFileJoinsToo(t *testing.T) {
	var whole bytes.Buffer
	require.NoError(t, safetensors.EncodeParams(&whole, large()))
	got, _, err := join(map[string][]byte{"": whole.Bytes()})
	require.NoError(t, err)
	require.True(t, got.Params().Equal(large()))
	require.Equal(t, pieces(t, large().Freeze()), pieces(t, got))
}

// A model of small tensors is one piece, byte for byte the plain file.
func TestASmallModelIsOneFile(t *testing.T) {
	p := large()[:1]
	var whole bytes.Buffer
	require.NoError(t, safetensors.EncodeParams(&whole, p))
	require.Equal(t, map[string][]byte{"": whole.Bytes()}, pieces(t, p.Freeze()))
}

func TestOnlyChangedPiecesAreUnsealed(t *testing.T) {
	p := large()
	d := models.NewDirty(p)
	first := d.Freeze(p, nil)
	pieces(t, first)
	d.MarkRow(1, 10_000)
	var written []string
	for _, piece := range safetensors.Pieces(d.Freeze(p, first)) {
		if piece.Seal == nil || piece.Seal.Digest() == "" {
			written = append(written, piece.Suffix)
		}
	}
	require.Equal(t, []string{"", ".1.2"}, written)
}

func TestJoinRefuses(t *testing.T) {
	head := func(meta map[string]string, shape ...int) []byte {
		return encode(t, []safetensors.Tensor{
			{Name: "w", DType: safetensors.F32, Shape: []int{1}, F32: []float32{1}},
			{Name: "table", DType: safetensors.F32, Shape: shape, F32: make([]float32, product(shape))},
		}, meta)
	}
	chunk := make([]byte, 4*4*2)
	for _, tc := range []struct {
		name string
		head []byte
		want error
	}{
		{"rows that are no numbers", head(map[string]string{"chunked.table": "x/4"}, 0, 2), safetensors.ErrFormat},
		{"another spelling", head(map[string]string{"chunked.table": "08/4"}, 0, 2), safetensors.ErrFormat},
		{"no rows to a piece", head(map[string]string{"chunked.table": "8/0"}, 0, 2), safetensors.ErrFormat},
		{"negative rows", head(map[string]string{"chunked.table": "-8/4"}, 0, 2), safetensors.ErrFormat},
		{"one piece", head(map[string]string{"chunked.table": "4/4"}, 0, 2), safetensors.ErrFormat},
		{"rows in the head as well", head(map[string]string{"chunked.table": "8/4"}, 8, 2), safetensors.ErrFormat},
		{"empty rows", head(map[string]string{"chunked.table": "8/4"}, 0, 0), safetensors.ErrFormat},
		{"a scalar", head(map[string]string{"chunked.table": "8/4"}), safetensors.ErrFormat},
		{"overflow", head(map[string]string{"chunked.table": "4611686018427387904/4"}, 0, 2), safetensors.ErrFormat},
		{"a tensor that is not there", head(map[string]string{"chunked.table": "8/4", "chunked.x": "8/4"}, 0, 2), safetensors.ErrFormat},
		{"other metadata", head(map[string]string{"note": "hello"}, 8, 2), safetensors.ErrFormat},
		{"a short last piece", head(map[string]string{"chunked.table": "7/4"}, 0, 2), safetensors.ErrFormat},
		{"a piece too few", head(map[string]string{"chunked.table": "12/4"}, 0, 2), errGone},
		{"claims without end", head(map[string]string{"chunked.table": "1000000000000/4"}, 0, 2), errGone},
		{"damage", []byte("{}"), safetensors.ErrFormat},
	} {
		_, _, err := join(map[string][]byte{"": tc.head, ".1.0": chunk, ".1.1": chunk})
		require.ErrorIs(t, err, tc.want, tc.name)
	}
	f, _, err := join(map[string][]byte{
		"": head(map[string]string{"chunked.table": "8/4"}, 0, 2), ".1.0": chunk, ".1.1": chunk,
	})
	require.NoError(t, err, "as it should be")
	require.Equal(t, []int{8, 2}, f.Tensors()[1].Shape)
	_, err = safetensors.DecodeChunk(make([]byte, 7))
	require.ErrorIs(t, err, safetensors.ErrFormat)
}

func product(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// FuzzJoin gives every piece the same bytes. What joins must be what its own pieces join
// to again.
func FuzzJoin(f *testing.F) {
	raw := pieces(f, large().Freeze(), counters())
	f.Add(raw[""], raw[".1.0"])
	f.Add(encode(f, []safetensors.Tensor{{Name: "t", DType: safetensors.F32, Shape: []int{0, 2}}},
		map[string]string{"chunked.t": "4/2"}), make([]byte, 16))
	f.Add(encode(f, mixed(), nil), []byte{})
	f.Fuzz(func(t *testing.T, head, chunk []byte) {
		reads := 0
		got, more, err := safetensors.Join(head, func(int, int) (*models.Chunk, error) {
			if reads++; reads > 1000 {
				return nil, errGone
			}
			return safetensors.DecodeChunk(chunk)
		})
		if err != nil {
			return
		}
		again, moreAgain, err := join(pieces(t, got, more...))
		if err != nil {
			t.Fatal(err)
		}
		if !again.Equal(got) || len(moreAgain) != len(more) {
			t.Fatal("pieces of what was joined are another Frozen")
		}
	})
}
