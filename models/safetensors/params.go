package safetensors

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math"

	"github.com/perennial-ml/perennial/models"
)

// FromParams shares the memory of params as F32 tensors.
func FromParams(params models.Params) []Tensor {
	tensors := make([]Tensor, len(params))
	for i, p := range params {
		tensors[i] = Tensor{Name: p.Name, DType: F32, Shape: p.Shape, F32: p.Data}
	}
	return tensors
}

// EncodeParams writes params, in their order, without metadata.
func EncodeParams(w io.Writer, params models.Params) error {
	return Encode(w, FromParams(params), nil)
}

// DecodeParams reads what EncodeParams wrote, in the same order; other element
// types than F32 are ErrFormat.
func DecodeParams(r io.Reader, limit int64) (models.Params, error) {
	tensors, _, err := Decode(r, limit)
	if err != nil {
		return nil, err
	}
	params := make(models.Params, len(tensors))
	for i, t := range tensors {
		if t.DType != F32 {
			return nil, fmt.Errorf("%w: %q is %s, parameters are F32", ErrFormat, t.Name, t.DType)
		}
		params[i] = models.Param{Name: t.Name, Shape: t.Shape, Data: t.F32}
	}
	return params, nil
}

// AppendData appends the little-endian bytes of p's elements.
func AppendData(dst []byte, p models.Param) []byte {
	for _, v := range p.Data {
		dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(v))
	}
	return dst
}

// DecodeData reads the elements of one tensor of the given name and shape;
// ErrFormat if data has not their size.
func DecodeData(name string, shape []int, data []byte) (models.Param, error) {
	n, err := elements(shape)
	if err != nil {
		return models.Param{}, fmt.Errorf("%w: %q: %w", ErrFormat, name, err)
	}
	if n*4 != int64(len(data)) {
		return models.Param{}, fmt.Errorf("%w: %q: F32%v takes %d bytes, got %d", ErrFormat, name, shape, n*4, len(data))
	}
	t := Tensor{Name: name, DType: F32, Shape: shape, F32: make([]float32, 0, n)}
	if err := readData(bytes.NewReader(data), &t, n*4, make([]byte, chunk)); err != nil {
		return models.Param{}, err
	}
	return models.Param{Name: name, Shape: shape, Data: t.F32}, nil
}

// DataDigest returns the SHA-256 of p's elements, little-endian, as "sha256:hex".
func DataDigest(p models.Param) string {
	h := sha256.New()
	// A hash takes everything.
	_ = writeData(h, &Tensor{DType: F32, F32: p.Data}, make([]byte, 0, chunk))
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// ParamsDigest names params by content: the SHA-256 over the lines
// "name\0shape\0digest\n" of its tensors, in order, where shape is as in "[2 3]"
// and digest is the tensor's DataDigest. digests, if not nil, holds those.
func ParamsDigest(params models.Params, digests []string) string {
	h := sha256.New()
	for i, p := range params {
		var digest string
		if digests != nil {
			digest = digests[i]
		} else {
			digest = DataDigest(p)
		}
		fmt.Fprintf(h, "%s\x00%v\x00%s\n", p.Name, p.Shape, digest)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}
