package models

import (
	"encoding/binary"
	"io"
	"math"
	"sync/atomic"

	"github.com/perennial-ml/perennial/internal/seal"
)

// Sizes of chunks, in values.
const (
	// ChunkValues is the least that a chunk of a large tensor holds, rounded down to whole
	// rows: 256 KiB. It grows with the model, so that no copy of it has more than about
	// maxChunks.
	ChunkValues = 1 << 16
	// WholeValues is the most that a tensor of one chunk holds: smaller ones are copied,
	// stored and sent as a whole.
	WholeValues = 4 * ChunkValues

	maxChunks = 1 << 10
)

// Chunking says how one tensor falls into chunks: runs of leading rows, all of Rows but
// the last.
type Chunking struct {
	Rows  int // leading rows of a chunk
	Width int // values of a row
	Size  int // values of the tensor
}

// ChunkingOf returns how tensors of these shapes, of one model, fall into chunks.
func ChunkingOf(shapes ...[]int) []Chunking {
	out := make([]Chunking, len(shapes))
	total := 0
	for i, shape := range shapes {
		c := Chunking{Rows: 1, Width: 1}
		if len(shape) > 0 {
			c.Rows = shape[0]
			for _, d := range shape[1:] {
				c.Width *= d
			}
		}
		c.Size = c.Rows * c.Width
		total += c.Size
		out[i] = c
	}
	least := ChunkValues
	for total/least > maxChunks {
		least *= 2
	}
	for i := range out {
		if c := &out[i]; c.Size > max(WholeValues, least) {
			c.Rows = max(1, least/c.Width)
		}
	}
	return out
}

// Chunking returns how the tensors of p fall into chunks.
func (p Params) Chunking() []Chunking {
	shapes := make([][]int, len(p))
	for i, t := range p {
		shapes[i] = t.Shape
	}
	return ChunkingOf(shapes...)
}

// Chunks returns the number of chunks, at least one.
func (c Chunking) Chunks() int {
	per := c.Rows * c.Width
	if per == 0 {
		return 1
	}
	return max(1, (c.Size+per-1)/per)
}

// Of returns the chunk that holds a leading row.
func (c Chunking) Of(row int) int { return row / c.Rows }

// Span returns where the values of a chunk begin and end.
func (c Chunking) Span(chunk int) (from, to int) {
	per := c.Rows * c.Width
	return chunk * per, min((chunk+1)*per, c.Size)
}

// A Chunk is a run of a tensor's values that never changes. Copies of a tensor share it
// while its values are the same.
type Chunk struct {
	Seal seal.Seal // of the bytes that WriteTo writes

	values []float32
	finite atomic.Int32
}

// NewChunk returns a chunk of values, which it keeps and nobody may write to any more.
func NewChunk(values []float32) *Chunk { return &Chunk{values: values} }

// Values returns the values, which must not be written to.
func (c *Chunk) Values() []float32 { return c.values }

// chunkBuffer is how many bytes WriteTo converts at a time.
const chunkBuffer = 64 << 10

// WriteTo writes the values as little-endian bytes. It implements io.WriterTo.
func (c *Chunk) WriteTo(w io.Writer) (n int64, err error) {
	buf := make([]byte, 0, min(chunkBuffer, 4*len(c.values)))
	for rest := c.values; len(rest) > 0; {
		part := rest[:min(len(rest), cap(buf)/4)]
		rest = rest[len(part):]
		buf = buf[:0]
		for _, v := range part {
			buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(v))
		}
		k, err := w.Write(buf)
		if n += int64(k); err != nil {
			return n, err
		}
	}
	return n, nil
}

// Digest returns the SHA-256 of the bytes that WriteTo writes, as "sha256:hex", and
// computes it at most once.
func (c *Chunk) Digest() string {
	if c.Seal.Digest() == "" {
		// A hash takes everything.
		_ = c.Seal.Write(io.Discard, func(w io.Writer) error {
			_, err := c.WriteTo(w)
			return err
		})
	}
	return c.Seal.Digest()
}

// What a chunk knows about its values.
const (
	unknown = iota
	allFinite
	notFinite
)

// Finite reports whether there is no NaN and no infinity; it looks at most once.
func (c *Chunk) Finite() bool { return c.finiteBy(Finite) }

// finiteBy is Finite, of which the look is another's.
func (c *Chunk) finiteBy(look func([]float32) bool) bool {
	if known := c.finite.Load(); known != unknown {
		return known == allFinite
	}
	ok, state := look(c.values), int32(notFinite)
	if ok {
		state = allFinite
	}
	c.finite.Store(state)
	return ok
}
