package example

import (
	"reflect"
	"slices"

	"github.com/perennial-ml/perennial/internal/pixel"
)

// Tolerance is how far a feature may be from k/255 to be held as the byte k. It covers
// six decimals; a producer that sends float32 or more digits is off by nothing.
const Tolerance = pixel.Tolerance

// An Unpacker gives dense features back as numbers.
type Unpacker struct{ codec *pixel.Codec }

// NewUnpacker returns an Unpacker.
func NewUnpacker() *Unpacker { return &Unpacker{pixel.Best()} }

// Append appends an example's dense features to dst, whichever way they are held.
func (u *Unpacker) Append(dst []float32, ex *Example) []float32 {
	if ex.Packed == nil {
		return append(dst, ex.Dense...)
	}
	from := len(dst)
	dst = slices.Grow(dst, len(ex.Packed))[:from+len(ex.Packed)]
	u.codec.Unpack(dst[from:], ex.Packed)
	return dst
}

// A Packer turns dense features into bytes. It belongs to one goroutine.
type Packer struct {
	codec *pixel.Codec
	width int          // of the last row that there was room made for
	row   reflect.Type // a struct of an Example and as many bytes
}

// NewPacker returns a Packer.
func NewPacker() *Packer { return &Packer{codec: pixel.Best()} }

// room returns an example and its bytes in one piece of memory. Memories are larger than what a
// processor has at hand, and half as many pages have to be found if the two lie together.
func (p *Packer) room(width int) (*Example, []uint8) {
	if p.width != width {
		p.width, p.row = width, reflect.StructOf([]reflect.StructField{
			{Name: "Example", Type: reflect.TypeFor[Example]()},
			{Name: "Levels", Type: reflect.ArrayOf(width, reflect.TypeFor[uint8]())},
		})
	}
	row := reflect.New(p.row).Elem()
	return row.Field(0).Addr().Interface().(*Example), row.Field(1).Slice(0, width).Bytes()
}

// Pack returns a copy of ex with its dense features as bytes, or ex itself if it has none
// or one that no byte stands for.
func (p *Packer) Pack(ex *Example) *Example { return p.PackOver(nil, ex, ex.Dense) }

// PackOver is Pack, but may make the copy in place of another example, whose contents are lost
// in any case. That must be one that Pack made, and which nobody holds; or nil. It reads the dense
// features in dense, which are those of ex, there or elsewhere.
func (p *Packer) PackOver(old, ex *Example, dense []float32) *Example {
	if len(dense) == 0 {
		return ex
	}
	var levels []uint8
	if old != nil && len(old.Packed) == len(dense) {
		levels = old.Packed
	} else {
		old, levels = p.room(len(dense))
	}
	if !p.codec.Pack(levels, dense) {
		return ex
	}
	*old = *ex
	old.Dense, old.Packed = nil, levels
	return old
}
