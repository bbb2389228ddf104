package safetensors

import (
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/perennial-ml/perennial/models"
)

// MediaType names the format in an OCI descriptor.
const MediaType = "application/vnd.safetensors"

var (
	// ErrFormat says that bytes are not safetensors as this package reads them.
	ErrFormat = errors.New("safetensors: bad format")
	// ErrTooLarge says that a file passes the bound that its reader set.
	ErrTooLarge = errors.New("safetensors: too large")
	// ErrTensor says that a tensor cannot be written.
	ErrTensor = errors.New("safetensors: bad tensor")
)

// Bounds on what a header may claim.
const (
	MaxHeader  = 4 << 20 // bytes of JSON
	MaxTensors = 1 << 16
	MaxRank    = 16
	MaxName    = 1 << 10 // bytes
)

// DType is the type of a tensor's elements.
type DType string

// The element types of this package: weights and moments are F32, counters are
// 64-bit integers.
const (
	F32 DType = "F32"
	I64 DType = "I64"
	U64 DType = "U64"
)

// Width returns the bytes of one element, 0 for a type that is not supported.
func (d DType) Width() int64 {
	switch d {
	case F32:
		return 4
	case I64, U64:
		return 8
	}
	return 0
}

// A Tensor is a named array in row-major order. The slice that DType names holds
// the elements, as many as the product of Shape; a scalar has an empty Shape.
type Tensor struct {
	Name  string
	DType DType
	Shape []int
	F32   []float32
	I64   []int64
	U64   []uint64

	chunks []*models.Chunk // the elements, instead of F32
}

func (t *Tensor) len() int {
	if t.chunks != nil {
		n := 0
		for _, c := range t.chunks {
			n += len(c.Values())
		}
		return n
	}
	switch t.DType {
	case F32:
		return len(t.F32)
	case I64:
		return len(t.I64)
	default:
		return len(t.U64)
	}
}

const metadataKey = "__metadata__"

func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("name is empty")
	case name == metadataKey:
		return fmt.Errorf("name %q is reserved", name)
	case len(name) > MaxName:
		return fmt.Errorf("name of %d bytes, at most %d", len(name), MaxName)
	case !utf8.ValidString(name):
		return fmt.Errorf("name %q is not UTF-8", name)
	}
	return nil
}

// elements multiplies a shape, refusing what overflows or is negative.
func elements(shape []int) (int64, error) {
	if len(shape) > MaxRank {
		return 0, fmt.Errorf("rank %d, at most %d", len(shape), MaxRank)
	}
	n := int64(1)
	for _, d := range shape {
		if d < 0 {
			return 0, fmt.Errorf("shape %v has a negative dimension", shape)
		}
		if d != 0 && n > math.MaxInt64/8/int64(d) {
			return 0, fmt.Errorf("shape %v overflows", shape)
		}
		n *= int64(d)
	}
	return n, nil
}

func (t *Tensor) check() error {
	if err := checkName(t.Name); err != nil {
		return fmt.Errorf("%w: %w", ErrTensor, err)
	}
	if t.DType.Width() == 0 {
		return fmt.Errorf("%w: %s: dtype %q is not F32, I64 or U64", ErrTensor, t.Name, t.DType)
	}
	n, err := elements(t.Shape)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrTensor, t.Name, err)
	}
	if int64(t.len()) != n {
		return fmt.Errorf("%w: %s: shape %v wants %d elements, has %d", ErrTensor, t.Name, t.Shape, n, t.len())
	}
	return nil
}
