package state

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/perennial-ml/perennial/replay/example"
	"github.com/perennial-ml/perennial/replay/internal/store"
)

// The least that an item of each list takes in a state. They bound what a count may make
// a reader allocate by the bytes that it was given.
const (
	minGroup   = 1 + 4 + 8 + 4 + 4 // in the earlier formats
	minExample = 8 + 8 + 4 + 4 + 1 + 7*4 + 8
)

func corrupt(rule string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(rule, args...))
}

// A decoder reads little-endian numbers off data; after an error it reads zeros.
type decoder struct {
	data []byte
	err  error
}

func (d *decoder) take(n uint64) []byte {
	if d.err != nil {
		return nil
	}
	if n > uint64(len(d.data)) {
		d.err = corrupt("it ends %d bytes too early", n-uint64(len(d.data)))
		return nil
	}
	b := d.data[:n]
	d.data = d.data[n:]
	return b
}

// end reports what went wrong, and bytes that are left.
func (d *decoder) end() error {
	if d.err == nil && len(d.data) > 0 {
		d.err = corrupt("%d bytes follow its end", len(d.data))
	}
	return d.err
}

func (d *decoder) u8() uint8 {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) u32() uint32 {
	if b := d.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (d *decoder) u64() uint64 {
	if b := d.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// words reads n numbers of 32 bits; nil if there are store.None.
func words[T any](d *decoder, n uint32, as func(uint32) T) []T {
	b := d.take(4 * uint64(n))
	if len(b) == 0 {
		return nil
	}
	list := make([]T, n)
	for i := range list {
		list[i] = as(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return list
}

func (d *decoder) numbers(n uint32) []uint32 {
	return words(d, n, func(v uint32) uint32 { return v })
}

// features reads n vectors of that width.
func (d *decoder) features(n, width uint32) [][]float32 {
	if uint64(n)*uint64(width)*4 > uint64(len(d.data)) || n > 0 && width == 0 {
		if d.err == nil {
			d.err = corrupt("%d features of width %d do not fit in %d bytes", n, width, len(d.data))
		}
		return nil
	}
	var list [][]float32
	for range n {
		list = append(list, d.finite(width))
	}
	return list
}

// finite reads n numbers, store.None of which may be a NaN or an infinity.
func (d *decoder) finite(n uint32) []float32 {
	list := words(d, n, math.Float32frombits)
	for _, v := range list {
		if v-v != 0 {
			d.err = corrupt("a feature is %v, must be finite", v)
		}
	}
	return list
}

// groups reads groups, of a head without their slots.
func (d *decoder) groups(n, width, format uint32) []store.Group {
	least := uint64(minGroup)
	if width > 0 {
		least += 4 + 4*uint64(width)
	}
	if d.err == nil && uint64(n)*least > uint64(len(d.data)) {
		d.err = corrupt("%d groups do not fit in %d bytes", n, len(d.data))
		return nil
	}
	var list []store.Group
	for range n {
		flags := d.u8()
		if flags >= flagNegative<<1 {
			d.err = corrupt("a group has unknown flags %#x", flags)
		}
		g := store.Group{Full: flags&flagFull != 0, Shared: flags&flagShared != 0}
		g.Key.Negative = flags&flagNegative != 0
		g.Key.Class = math.Float32frombits(d.u32())
		g.Seen = d.u64()
		g.Key.Segment = string(d.take(uint64(d.u32())))
		if format >= wholeFormat {
			g.Members.First = d.u32()
		}
		g.Members.N = int(d.u32())
		if format != headFormat {
			d.members(&g.Members)
		}
		if width > 0 {
			g.Heard, g.Mean = d.u32(), d.finite(width)
			if g.Heard > store.MaxHeard && d.err == nil {
				d.err = corrupt("a mean is over %d arrivals, at most are %d", g.Heard, store.MaxHeard)
			}
		}
		if d.err != nil {
			return nil
		}
		list = append(list, g)
	}
	return list
}

// members reads the slots of so many members.
func (d *decoder) members(m *store.Members) {
	slots := words(d, uint32(m.N), func(v uint32) int32 { return int32(v) })
	if d.err != nil {
		return
	}
	*m = store.NewMembers(m.First, m.N)
	for i, slot := range slots {
		*m.Of(m.First + uint32(i)) = slot
	}
}

// examples reads n examples, field by field.
func (d *decoder) examples(n int) []*example.Example {
	if d.err != nil || uint64(n)*minExample > uint64(len(d.data)) {
		if d.err == nil {
			d.err = corrupt("%d examples do not fit in %d bytes", n, len(d.data))
		}
		return nil
	}
	items := make([]*example.Example, n)
	for i := range items {
		items[i] = &example.Example{Position: d.u64()}
	}
	for _, ex := range items {
		ex.Time = int64(d.u64())
	}
	for _, ex := range items {
		ex.Target = math.Float32frombits(d.u32())
	}
	for _, ex := range items {
		ex.Weight = math.Float32frombits(d.u32())
	}
	for _, ex := range items {
		flag := d.u8()
		if flag > 1 {
			d.err = corrupt("an example has unknown flags %#x", flag)
		}
		ex.Negative = flag == 1
	}
	for _, text := range texts() {
		d.strings(items, text)
	}
	widths := d.numbers(uint32(n))
	for i, w := range widths {
		items[i].Dense = words(d, w, math.Float32frombits)
	}
	widths = d.numbers(uint32(n))
	for i, w := range widths {
		if b := d.take(uint64(w)); len(b) > 0 {
			items[i].Packed = bytes.Clone(b)
			if len(items[i].Dense) > 0 {
				d.err = corrupt("example %d has dense features in two forms", i)
			}
		}
	}
	widths = d.numbers(uint32(n))
	for i, w := range widths {
		items[i].Categories = words(d, w, func(v uint32) int32 { return int32(v) })
	}
	widths = d.numbers(uint32(n))
	for i, w := range widths {
		items[i].Logits = words(d, w, math.Float32frombits)
	}
	for _, ex := range items {
		ex.LogitsAt = d.u64()
	}
	return items
}

// strings reads a text field of all examples. Equal neighbours share their memory.
func (d *decoder) strings(items []*example.Example, field func(*example.Example) *string) {
	lengths := d.numbers(uint32(len(items)))
	last := ""
	for i, n := range lengths {
		if b := d.take(uint64(n)); string(b) != last {
			last = string(b)
		}
		*field(items[i]) = last
	}
}
