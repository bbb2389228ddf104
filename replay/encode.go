package replay

import (
	"bufio"
	"encoding/binary"
	"io"
	"math"
	"slices"
)

// magic begins every state.
const magic = "PRNLRPLY"

// format is raised with each incompatible change of the layout.
const format = 2

// Flags of a group in a state.
const (
	flagFull = 1 << iota
	flagShared
	flagNegative
)

// WriteTo writes the state in the layout of docs/format/replay.md. Equal states give
// equal bytes. It implements io.WriterTo.
func (s State) WriteTo(w io.Writer) (int64, error) {
	e := &encoder{w: bufio.NewWriterSize(w, 1<<16)}
	if err := e.head(&s, format); err != nil {
		return 0, err
	}
	e.examples(s.examples())
	err := e.flush()
	return e.n - int64(e.w.Buffered()), err
}

func (e *encoder) flush() error {
	if e.err == nil {
		e.err = e.w.Flush()
	}
	return e.err
}

// head writes all but the examples. The error is that of a state of no kind.
func (e *encoder) head(s *State, format uint32) error {
	e.raw(magic)
	e.u32(format)
	code := slices.Index(Kinds(), s.kind) + 1
	if code == 0 {
		return stateError("it is of kind %q, which has no code", s.kind)
	}
	e.u32(uint32(code))
	e.u32(uint32(s.Len()))
	e.u32(uint32(len(s.recent)))
	e.u32(uint32(len(s.list)))
	e.u32(uint32(s.width))
	e.u64(s.sample.population)
	e.u64(s.sample.holes)
	e.u64(s.sample.debt)
	e.slots(s.recent)
	for i := range s.list {
		e.group(&s.list[i], s.width)
	}
	for _, v := range s.scores {
		e.u32(v)
	}
	for _, f := range s.features {
		e.floats(f)
	}
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

func (e *encoder) floats(list []float32) {
	for _, v := range list {
		e.u32(math.Float32bits(v))
	}
}

func (e *encoder) group(g *group, width int) {
	flags := uint8(0)
	for _, f := range [...]struct {
		set  bool
		flag uint8
	}{{g.full, flagFull}, {g.shared, flagShared}, {g.key.negative, flagNegative}} {
		if f.set {
			flags |= f.flag
		}
	}
	e.u8(flags)
	e.u32(math.Float32bits(g.key.class))
	e.u64(g.seen)
	e.u32(uint32(len(g.key.segment)))
	e.raw(g.key.segment)
	e.u32(uint32(len(g.members)))
	e.slots(g.members)
	if width == 0 {
		return
	}
	e.u32(g.heard)
	e.floats(g.mean)
	for range width - len(g.mean) {
		e.u32(0)
	}
}

// examples writes the fields of all examples, one field after the other.
func (e *encoder) examples(items []*Example) {
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
func texts() [3]func(*Example) *string {
	return [...]func(*Example) *string{
		func(ex *Example) *string { return &ex.ID },
		func(ex *Example) *string { return &ex.Subject },
		func(ex *Example) *string { return &ex.Segment },
	}
}
