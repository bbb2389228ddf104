package safetensors

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

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

// FrozenDigest names f by content: the SHA-256 over the lines "name\0shape\0digest\n" of its
// tensors, in order, where shape is as in "[2 3]" and digest is the tensor's. It hashes only
// chunks whose digest is not known yet.
func FrozenDigest(f *models.Frozen) string {
	h := sha256.New()
	for _, t := range f.Tensors() {
		fmt.Fprintf(h, "%s\x00%v\x00%s\n", t.Name, t.Shape, TensorDigest(t))
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// TensorDigest names a tensor's elements by content: the digest of its one chunk, or the
// SHA-256 over the lines "digest\n" of several.
func TensorDigest(t models.FrozenTensor) string {
	if len(t.Chunks) == 1 {
		return t.Chunks[0].Digest()
	}
	h := sha256.New()
	for _, c := range t.Chunks {
		fmt.Fprintln(h, c.Digest())
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}
