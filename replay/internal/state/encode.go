package state

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/perennial-ml/perennial/replay/example"
	"github.com/perennial-ml/perennial/replay/internal/store"
)

// magic begins every state.
const magic = "PRNLRPLY"

// The formats; they are raised with each incompatible change of the layout. A state is a
// whole, or a head with its pages. The earlier ones are read, and written no more: they have
// no tickets, and that of a head has the lists of slots in it.
const (
	wholeFormat        = 4
	headFormat         = 5
	earlierWholeFormat = 2
	earlierHeadFormat  = 3
)

// Flags of a group in a state.
const (
	flagFull = 1 << iota
	flagShared
	flagNegative
)

// WriteTo writes the state as a whole, in the layout of docs/format/replay.md. Equal states
// give equal bytes. It implements io.WriterTo.
func (s *State) WriteTo(w io.Writer) (int64, error) {
	e := newEncoder(w)
	if err := e.counts(s, wholeFormat); err != nil {
		return 0, err
	}
	e.slots(s.byAge())
	for _, gr := range s.Groups() {
		e.group(&gr, s.Width)
	}
	e.words(s.Scores.List())
	for _, f := range s.Features.List() {
		e.floats(f)
	}
	e.examples(s.examples())
	err := e.flush()
	return e.n - int64(e.w.Buffered()), err
}

func newEncoder(w io.Writer) *encoder { return &encoder{w: bufio.NewWriterSize(w, 1<<16)} }

func (e *encoder) flush() error {
	if e.err == nil {
		e.err = e.w.Flush()
	}
	return e.err
}

// counts writes what a whole and a head begin with. The error is that of a state of no kind.
func (e *encoder) counts(s *State, format uint32) error {
	e.raw(magic)
	e.u32(format)
	if s.Form.Code == 0 {
		return fmt.Errorf("%w: it is of kind %q, which has no code", ErrState, s.Form.Name)
	}
	e.u32(s.Form.Code)
	e.u32(uint32(s.Len()))
	e.u32(uint32(s.Newer.Len()))
	e.u32(uint32(len(s.List)))
	e.u32(uint32(s.Width))
	e.u64(s.Sample.Population)
	e.u64(s.Sample.Holes)
	e.u64(s.Sample.Debt)
	return nil
}

// An encoder writes little-endian numbers until one fails.
type encoder struct {
	w   *bufio.Writer
	buf [8]byte
	n   int64
	err error
}

func (e *encoder) bytes(b []byte) {
	if e.err == nil {
		_, e.err = e.w.Write(b)
		e.n += int64(len(b))
	}
}

func (e *encoder) raw(s string) {
	if e.err == nil {
		_, e.err = e.w.WriteString(s)
		e.n += int64(len(s))
	}
}

func (e *encoder) u8(v uint8) {
	e.buf[0] = v
	e.bytes(e.buf[:1])
}

func (e *encoder) u32(v uint32) {
	binary.LittleEndian.PutUint32(e.buf[:], v)
	e.bytes(e.buf[:4])
}

func (e *encoder) u64(v uint64) {
	binary.LittleEndian.PutUint64(e.buf[:], v)
	e.bytes(e.buf[:8])
}

func (e *encoder) slots(list []int) {
	for _, slot := range list {
		e.u32(uint32(slot))
	}
}

func (e *encoder) words(list []uint32) {
	for _, v := range list {
		e.u32(v)
	}
}

func (e *encoder) floats(list []float32) {
	for _, v := range list {
		e.u32(math.Float32bits(v))
	}
}

// group writes a group, without its slots if they are not known.
func (e *encoder) group(g *store.Group, width int) {
	flags := uint8(0)
	for _, f := range [...]struct {
		set  bool
		flag uint8
	}{{g.Full, flagFull}, {g.Shared, flagShared}, {g.Key.Negative, flagNegative}} {
		if f.set {
			flags |= f.flag
		}
	}
	e.u8(flags)
	e.u32(math.Float32bits(g.Key.Class))
	e.u64(g.Seen)
	e.u32(uint32(len(g.Key.Segment)))
	e.raw(g.Key.Segment)
	e.u32(g.Members.First)
	e.u32(uint32(g.Members.N))
	if g.Members.Known() {
		for i := range g.Members.N {
			e.u32(uint32(g.Members.At(i)))
		}
	}
	if width == 0 {
		return
	}
	e.u32(g.Heard)
	e.floats(g.Mean)
	for range width - len(g.Mean) {
		e.u32(0)
	}
}

// examples writes the fields of all examples, one field after the other.
func (e *encoder) examples(items []*example.Example) {
	for _, ex := range items {
		e.u64(ex.Position)
	}
	for _, ex := range items {
		e.u64(uint64(ex.Time))
	}
	for _, ex := range items {
		e.u32(math.Float32bits(ex.Target))
	}
	for _, ex := range items {
		e.u32(math.Float32bits(ex.Weight))
	}
	for _, ex := range items {
		if ex.Negative {
			e.u8(1)
		} else {
			e.u8(0)
		}
	}
	for _, text := range texts() {
		for _, ex := range items {
			e.u32(uint32(len(*text(ex))))
		}
		for _, ex := range items {
			e.raw(*text(ex))
		}
	}
	for _, ex := range items {
		e.u32(uint32(len(ex.Dense)))
	}
	for _, ex := range items {
		e.floats(ex.Dense)
	}
	for _, ex := range items {
		e.u32(uint32(len(ex.Packed)))
	}
	for _, ex := range items {
		e.bytes(ex.Packed)
	}
	for _, ex := range items {
		e.u32(uint32(len(ex.Categories)))
	}
	for _, ex := range items {
		for _, v := range ex.Categories {
			e.u32(uint32(v))
		}
	}
	for _, ex := range items {
		e.u32(uint32(len(ex.Logits)))
	}
	for _, ex := range items {
		e.floats(ex.Logits)
	}
	for _, ex := range items {
		e.u64(ex.LogitsAt)
	}
}

// texts lists the fields that are strings, in the order of the layout.
func texts() [3]func(*example.Example) *string {
	return [...]func(*example.Example) *string{
		func(ex *example.Example) *string { return &ex.ID },
		func(ex *example.Example) *string { return &ex.Subject },
		func(ex *example.Example) *string { return &ex.Segment },
	}
}
