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
func (s State) WriteTo(w io.Writer) (int64, error) {
	e := newEncoder(w)
	if err := e.counts(&s, wholeFormat); err != nil {
		return 0, err
	}
	e.slots(s.byAge())
	for _, gr := range s.groups() {
		e.group(&gr, s.width)
	}
	e.words(s.scores.List())
	for _, f := range s.features.List() {
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
	code := slices.Index(Kinds(), s.kind) + 1
	if code == 0 {
		return stateError("it is of kind %q, which has no code", s.kind)
	}
	e.u32(uint32(code))
	e.u32(uint32(s.Len()))
	e.u32(uint32(s.newer.Len()))
	e.u32(uint32(len(s.list)))
	e.u32(uint32(s.width))
	e.u64(s.sample.Population)
	e.u64(s.sample.Holes)
	e.u64(s.sample.Debt)
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
	e.u32(g.members.first)
	e.u32(uint32(g.members.n))
	if g.members.slots != nil {
		for i := range g.members.n {
			e.u32(uint32(g.members.at(i)))
		}
	}
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
