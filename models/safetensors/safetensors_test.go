package safetensors_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/models/safetensors"
)

// file puts a header in front of data, padded as the format wants it.
func file(header string, data int) []byte {
	for len(header)%8 != 0 {
		header += " "
	}
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	b = append(b, header...)
	return append(b, make([]byte, data)...)
}

func encode(t testing.TB, tensors []safetensors.Tensor, metadata map[string]string) []byte {
	var b bytes.Buffer
	require.NoError(t, safetensors.Encode(&b, tensors, metadata))
	return b.Bytes()
}

func mixed() []safetensors.Tensor {
	big := make([]float32, 40_000) // over one chunk
	for i := range big {
		big[i] = float32(i) * 0.25
	}
	return []safetensors.Tensor{
		{Name: "step", DType: safetensors.U64, Shape: []int{}, U64: []uint64{math.MaxUint64}},
		{Name: "delta", DType: safetensors.I64, Shape: []int{2}, I64: []int64{math.MinInt64, 7}},
		{Name: "w<&>\"é", DType: safetensors.F32, Shape: []int{3}, F32: []float32{float32(math.Copysign(0, -1)), float32(math.Inf(1)), 1e-45}},
		{Name: "empty", DType: safetensors.F32, Shape: []int{0, 4}},
		{Name: "big", DType: safetensors.F32, Shape: []int{200, 200}, F32: big},
	}
}

func TestRoundTripKeepsOrderBitsAndMetadata(t *testing.T) {
	meta := map[string]string{"b": "2", "a": "1 <>"}
	raw := encode(t, mixed(), meta)
	got, gotMeta, err := safetensors.Decode(bytes.NewReader(raw), int64(len(raw)))
	require.NoError(t, err)
	require.Equal(t, mixed(), got)
	require.Equal(t, meta, gotMeta)
	size, err := safetensors.Size(mixed(), meta)
	require.NoError(t, err)
	require.EqualValues(t, len(raw), size)
	require.Equal(t, raw, encode(t, got, gotMeta), "the encoding is canonical")
}

func TestNaNsKeepTheirBits(t *testing.T) {
	nan := math.Float32frombits(0x7fc12345)
	var b bytes.Buffer
	require.NoError(t, safetensors.EncodeParams(&b, models.Params{{Name: "w", Shape: []int{1}, Data: []float32{nan}}}))
	got, err := safetensors.DecodeParams(&b, 1<<10)
	require.NoError(t, err)
	require.EqualValues(t, 0x7fc12345, math.Float32bits(got[0].Data[0]))
}

// The bytes that other implementations of the format read and write.
func TestEncodingIsTheFormatByteForByte(t *testing.T) {
	raw := encode(t, []safetensors.Tensor{
		{Name: "b", DType: safetensors.F32, Shape: []int{1, 2}, F32: []float32{1, -2}},
		{Name: "n", DType: safetensors.I64, Shape: []int{1}, I64: []int64{-1}},
	}, map[string]string{"k": "v"})
	header := `{"__metadata__":{"k":"v"},"n":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},` +
		`"b":{"dtype":"F32","shape":[1,2],"data_offsets":[8,16]}}`
	want := file(header, 0)
	want = append(want, 255, 255, 255, 255, 255, 255, 255, 255)
	want = append(want, 0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0)
	require.Equal(t, want, raw, "8-byte types come first, so every tensor is aligned")
}

func TestDecodeRefuses(t *testing.T) {
	const two = `"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}`
	for _, tc := range []struct {
		name string
		raw  []byte
		want error
	}{
		{"empty file", nil, safetensors.ErrFormat},
		{"length cut", []byte{1, 0, 0}, safetensors.ErrFormat},
		{"header longer than the file", binary.LittleEndian.AppendUint64(nil, 80), safetensors.ErrFormat},
		{"header of 16 EiB", bytes.Repeat([]byte{255}, 64), safetensors.ErrTooLarge},
		{"header not padded", append(binary.LittleEndian.AppendUint64(nil, 2), "{}"...), safetensors.ErrFormat},
		{"space before the header", file(` {}`, 0), safetensors.ErrFormat},
		{"header is a list", file(`[]`, 0), safetensors.ErrFormat},
		{"header followed by more", file(`{}{}`, 0), safetensors.ErrFormat},
		{"header not closed", file(`{`+two, 8), safetensors.ErrFormat},
		{"duplicate name", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8), safetensors.ErrFormat},
		{"empty name", file(`{"":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4), safetensors.ErrFormat},
		{"unknown field", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}}`, 4), safetensors.ErrFormat},
		{"field twice", file(`{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4), safetensors.ErrFormat},
		{"dtype missing", file(`{"a":{"shape":[1],"data_offsets":[0,4]}}`, 4), safetensors.ErrFormat},
		{"dtype unknown", file(`{"a":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}}`, 2), safetensors.ErrFormat},
		{"shape missing", file(`{"a":{"dtype":"F32","data_offsets":[0,4]}}`, 4), safetensors.ErrFormat},
		{"shape negative", file(`{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}`, 4), safetensors.ErrFormat},
		{"shape fractional", file(`{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}`, 4), safetensors.ErrFormat},
		{"shape overflows", file(`{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, 0), safetensors.ErrFormat},
		{"shape of high rank", file(`{"a":{"dtype":"F32","shape":[`+strings.Repeat("1,", 16)+`1],"data_offsets":[0,4]}}`, 4), safetensors.ErrFormat},
		{"size disagrees with shape", file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, 4), safetensors.ErrFormat},
		{"offsets reversed", file(`{"a":{"dtype":"F32","shape":[0],"data_offsets":[4,0]}}`, 4), safetensors.ErrFormat},
		{"one offset", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4]}}`, 4), safetensors.ErrFormat},
		{"gap", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8), safetensors.ErrFormat},
		{"overlap", file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8), safetensors.ErrFormat},
		{"data cut", file(`{`+two+`}`, 7), safetensors.ErrFormat},
		{"data too long", file(`{`+two+`}`, 9), safetensors.ErrFormat},
		{"more data than the bound", file(`{"a":{"dtype":"F32","shape":[1000000],"data_offsets":[0,4000000]}}`, 0), safetensors.ErrTooLarge},
		{"metadata not strings", file(`{"__metadata__":{"k":1}}`, 0), safetensors.ErrFormat},
		{"metadata key twice", file(`{"__metadata__":{"k":"1","k":"2"}}`, 0), safetensors.ErrFormat},
		{"metadata twice", file(`{"__metadata__":{},"__metadata__":{}}`, 0), safetensors.ErrFormat},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, _, err := safetensors.Decode(bytes.NewReader(tc.raw), 1<<20)
			require.ErrorIs(t, err, tc.want)
		})
	}
}

func TestDecodeAllocatesWhatIsThereNotWhatIsClaimed(t *testing.T) {
	raw := file(`{"a":{"dtype":"F32","shape":[1073741824],"data_offsets":[0,4294967296]}}`, 1000)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _, err := safetensors.Decode(bytes.NewReader(raw), 8<<30)
	runtime.ReadMemStats(&after)
	require.ErrorIs(t, err, safetensors.ErrFormat)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(4<<20), "a claim of 4 GiB over 1000 bytes")
}

func TestEncodeRefuses(t *testing.T) {
	good := safetensors.Tensor{Name: "a", DType: safetensors.F32, Shape: []int{1}, F32: []float32{1}}
	for name, tensors := range map[string][]safetensors.Tensor{
		"duplicate":      {good, good},
		"reserved name":  {{Name: "__metadata__", DType: safetensors.F32, Shape: []int{0}}},
		"no name":        {{DType: safetensors.F32, Shape: []int{0}}},
		"not UTF-8":      {{Name: "\xff", DType: safetensors.F32, Shape: []int{0}}},
		"unknown dtype":  {{Name: "a", DType: "BF16", Shape: []int{0}}},
		"missing values": {{Name: "a", DType: safetensors.F32, Shape: []int{2}, F32: []float32{1}}},
	} {
		require.ErrorIs(t, safetensors.Encode(&bytes.Buffer{}, tensors, nil), safetensors.ErrTensor, name)
	}
}

func TestParamsRefuseCounters(t *testing.T) {
	raw := encode(t, []safetensors.Tensor{{Name: "n", DType: safetensors.U64, Shape: []int{}, U64: []uint64{1}}}, nil)
	_, err := safetensors.DecodeParams(bytes.NewReader(raw), 1<<10)
	require.ErrorIs(t, err, safetensors.ErrFormat)
}

func TestDigestsTellTensorsApart(t *testing.T) {
	base := models.Params{{Name: "a", Shape: []int{2}, Data: []float32{1, 2}}, {Name: "b", Shape: []int{1}, Data: []float32{3}}}
	digest := safetensors.FrozenDigest(base.Freeze())
	require.Equal(t, digest, safetensors.FrozenDigest(base.Clone().Freeze()))
	for name, other := range map[string]models.Params{
		"value": {{Name: "a", Shape: []int{2}, Data: []float32{1, 2.0000002}}, base[1]},
		"shape": {{Name: "a", Shape: []int{1, 2}, Data: []float32{1, 2}}, base[1]},
		"name":  {{Name: "c", Shape: []int{2}, Data: []float32{1, 2}}, base[1]},
		"order": {base[1], base[0]},
		"fewer": base[:1],
	} {
		require.NotEqual(t, digest, safetensors.FrozenDigest(other.Freeze()), name)
	}
	table := large()
	digest = safetensors.FrozenDigest(table.Freeze())
	table[1].Data[len(table[1].Data)-1]++
	require.NotEqual(t, digest, safetensors.FrozenDigest(table.Freeze()), "the last row of a large tensor")
}

// Whatever decodes is canonical once it is written again, and says the same.
func FuzzDecode(f *testing.F) {
	f.Add(encode(f, mixed()[:4], map[string]string{"k": "v"}))
	f.Add(encode(f, nil, nil))
	f.Add(file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4))
	f.Add(file(`{"a":{"dtype":"F32","shape":[1073741824],"data_offsets":[0,4294967296]}}`, 8))
	f.Fuzz(func(t *testing.T, raw []byte) {
		const limit = 1 << 20
		tensors, meta, err := safetensors.Decode(bytes.NewReader(raw), limit)
		if err != nil {
			return
		}
		require.LessOrEqual(t, len(raw), limit)
		first := encode(t, tensors, meta)
		again, _, err := safetensors.Decode(bytes.NewReader(first), int64(len(first)))
		require.NoError(t, err)
		require.Equal(t, first, encode(t, again, meta))
		require.Len(t, again, len(tensors))
	})
}

func ExampleEncodeParams() {
	var file bytes.Buffer
	err := safetensors.EncodeParams(&file, models.Params{
		{Name: "w", Shape: []int{2, 1}, Data: []float32{0.5, -1}},
		{Name: "b", Shape: []int{1}, Data: []float32{3}},
	})
	fmt.Println(file.Len(), err)
	params, err := safetensors.DecodeParams(&file, 1<<10)
	for _, p := range params {
		fmt.Println(p.Name, p.Shape, p.Data)
	}
	fmt.Println(err)
	// Output:
	// 132 <nil>
	// w [2 1] [0.5 -1]
	// b [1] [3]
	// <nil>
}
