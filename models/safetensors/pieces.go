package safetensors

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/perennial-ml/perennial/internal/seal"
	"github.com/perennial-ml/perennial/models"
)

// RowsType names a piece that is leading rows of one tensor: float32, little-endian,
// row-major, and nothing else.
const RowsType = "application/vnd.perennial.rows.v1"

// chunkedKey begins the metadata that says of a tensor in pieces how many rows it has, and
// how many there are to a piece: "chunked.NAME": "ROWS/EACH".
const chunkedKey = "chunked."

// A Piece is one of the blobs that tensors are kept in. Equal tensors have equal pieces.
type Piece struct {
	// Suffix tells pieces apart: empty for the head, else ".TENSOR.CHUNK".
	Suffix    string
	MediaType string
	Write     func(io.Writer) error
	// Seal knows the digest once Write has succeeded, as long as the chunk is shared; nil
	// for the head.
	Seal *seal.Seal
}

// Pieces returns f in pieces: a head in the safetensors format, and one piece for each
// chunk of a tensor that has more than one, of which the head holds no row. more are
// further tensors for the head, not of type F32.
func Pieces(f *models.Frozen, more ...Tensor) []Piece {
	pieces := []Piece{{MediaType: MediaType, Write: func(w io.Writer) error { return encodeHead(w, f, more) }}}
	for i, t := range f.Tensors() {
		if len(t.Chunks) == 1 {
			continue
		}
		for j, c := range t.Chunks {
			pieces = append(pieces, Piece{
				Suffix: Suffix(i, j), MediaType: RowsType, Seal: &c.Seal,
				Write: func(w io.Writer) error {
					return c.Seal.Write(w, func(w io.Writer) error {
						_, err := c.WriteTo(w)
						return err
					})
				},
			})
		}
	}
	return pieces
}

// Suffix returns the suffix of a chunk of the tensor with that index.
func Suffix(tensor, chunk int) string {
	return "." + strconv.Itoa(tensor) + "." + strconv.Itoa(chunk)
}

func encodeHead(w io.Writer, f *models.Frozen, more []Tensor) error {
	tensors := make([]Tensor, 0, len(f.Tensors())+len(more))
	var metadata map[string]string
	for _, t := range f.Tensors() {
		if len(t.Chunks) == 1 {
			tensors = append(tensors, Tensor{Name: t.Name, DType: F32, Shape: t.Shape, F32: t.Chunks[0].Values()})
			continue
		}
		if metadata == nil {
			metadata = map[string]string{}
		}
		metadata[chunkedKey+t.Name] = strconv.Itoa(t.Shape[0]) + "/" + strconv.Itoa(t.Rows)
		tensors = append(tensors, Tensor{Name: t.Name, DType: F32, Shape: append([]int{0}, t.Shape[1:]...)})
	}
	return Encode(w, append(tensors, more...), metadata)
}

// EncodeFrozen writes f whole, as EncodeParams writes f.Params().
func EncodeFrozen(w io.Writer, f *models.Frozen) error {
	tensors := make([]Tensor, len(f.Tensors()))
	for i, t := range f.Tensors() {
		tensors[i] = Tensor{Name: t.Name, DType: F32, Shape: t.Shape, chunks: t.Chunks}
	}
	return Encode(w, tensors, nil)
}

// Join reads the pieces of Pieces: chunk is asked for those that are not in head. It
// returns the float32 tensors, and apart from them those of other types. A tensor that the
// head holds whole falls into the chunks that its shape asks for. Errors match ErrFormat or
// ErrTooLarge, or come from chunk.
func Join(head []byte, chunk func(tensor, chunk int) (*models.Chunk, error)) (*models.Frozen, []Tensor, error) {
	all, metadata, err := Decode(bytes.NewReader(head), int64(len(head)))
	if err != nil {
		return nil, nil, err
	}
	var more []Tensor
	var tensors []models.FrozenTensor
	var shapes [][]int
	inPieces := 0
	for _, t := range all {
		if t.DType != F32 {
			more = append(more, t)
			continue
		}
		f := models.FrozenTensor{Name: t.Name, Shape: t.Shape}
		if rule, ok := metadata[chunkedKey+t.Name]; ok {
			inPieces++
			if f, err = joinTensor(t, rule, len(tensors), chunk); err != nil {
				return nil, nil, fmt.Errorf("tensor %s: %w", t.Name, err)
			}
		} else {
			f.Chunks = []*models.Chunk{models.NewChunk(t.F32)}
		}
		tensors, shapes = append(tensors, f), append(shapes, f.Shape)
	}
	if inPieces != len(metadata) {
		return nil, nil, fmt.Errorf("%w: metadata of no tensor", ErrFormat)
	}
	for i, c := range models.ChunkingOf(shapes...) {
		if t := &tensors[i]; t.Rows == 0 { // it was whole
			t.Chunking = c
			whole := t.Chunks[0].Values()
			t.Chunks = nil
			for j := range c.Chunks() {
				from, to := c.Span(j)
				t.Chunks = append(t.Chunks, models.NewChunk(whole[from:to:to]))
			}
		}
	}
	f, err := models.NewFrozen(tensors)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return f, more, nil
}

// joinTensor reads the pieces of one tensor, of which the head says t and rule.
func joinTensor(t Tensor, rule string, index int, chunk func(tensor, chunk int) (*models.Chunk, error)) (models.FrozenTensor, error) {
	fail := func(format string, args ...any) (models.FrozenTensor, error) {
		return models.FrozenTensor{}, fmt.Errorf("%w: %w", ErrFormat, fmt.Errorf(format, args...))
	}
	first, second, _ := strings.Cut(rule, "/")
	rows, err := strconv.Atoi(first)
	each, err2 := strconv.Atoi(second)
	if err != nil || err2 != nil || strconv.Itoa(rows)+"/"+strconv.Itoa(each) != rule || each < 1 || rows <= each {
		return fail("rows %q, want as in 9000/4096", rule)
	}
	if len(t.Shape) == 0 || t.Shape[0] != 0 {
		return fail("shape %v is not without rows", t.Shape)
	}
	shape := append([]int{rows}, t.Shape[1:]...)
	size, err := elements(shape)
	if err != nil {
		return fail("%w", err)
	}
	width := int(size) / rows
	if width == 0 {
		return fail("shape %v has empty rows", shape)
	}
	f := models.FrozenTensor{Name: t.Name, Shape: shape, Chunking: models.Chunking{Rows: each, Width: width, Size: int(size)}}
	for j := range f.Chunking.Chunks() {
		c, err := chunk(index, j)
		if err != nil {
			return models.FrozenTensor{}, err
		}
		if from, to := f.Span(j); len(c.Values()) != to-from {
			return fail("chunk %d has %d values, must have %d", j, len(c.Values()), to-from)
		}
		f.Chunks = append(f.Chunks, c)
	}
	return f, nil
}

// DecodeChunk reads a piece of type RowsType.
func DecodeChunk(data []byte) (*models.Chunk, error) {
	if len(data)%4 != 0 {
		return nil, fmt.Errorf("%w: %d bytes are no float32", ErrFormat, len(data))
	}
	out := make([]float32, len(data)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return models.NewChunk(out), nil
}
