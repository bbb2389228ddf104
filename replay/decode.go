package replay

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
)

// The least that an item of each list takes in a state. They bound what a count may make
// a reader allocate by the bytes that it was given.
const (
	minGroup   = 1 + 4 + 8 + 4 + 4
	minExample = 8 + 8 + 4 + 4 + 1 + 7*4 + 8
)

// Read decodes a state that State.WriteTo wrote; data must hold it and nothing else. It
// allocates no more than a small multiple of len(data), and keeps no reference to it.
// The error is ErrFormat for a state of another format, ErrCorrupt for anything else.
func Read(data []byte) (State, error) {
	d := &decoder{data: data}
	s, n, err := d.head(format)
	if err != nil {
		return State{}, err
	}
	s.items = d.examples(n)
	if d.err == nil && len(d.data) > 0 {
		return State{}, corrupt("%d bytes follow its end", len(d.data))
	}
	if d.err != nil {
		return State{}, d.err
	}
	return s, s.check()
}

// head reads all but the examples, and returns their number.
func (d *decoder) head(format uint32) (State, int, error) {
	if string(d.take(uint64(len(magic)))) != magic {
		return State{}, 0, corrupt("it does not begin with %q", magic)
	}
	if v := d.u32(); d.err == nil && v != format {
		return State{}, 0, fmt.Errorf("%w: it was written in format %d, this program reads format %d", ErrFormat, v, format)
	}
	code := d.u32()
	n, recent, groups, width := d.u32(), d.u32(), d.u32(), d.u32()
	s := State{sample: sampler{population: d.u64(), holes: d.u64(), debt: d.u64()}}
	if d.err != nil {
		return State{}, 0, d.err
	}
	known := Kinds()
	if code < 1 || int(code) > len(known) {
		return State{}, 0, corrupt("kind %d is unknown", code)
	}
	s.kind = known[code-1]
	if format != pagedFormat && uint64(n)*minExample > uint64(len(d.data)) {
		return State{}, 0, corrupt("%d examples do not fit in %d bytes", n, len(d.data))
	}
	s.recent = d.slots(recent)
	if width > 0 && s.kind != Herding {
		return State{}, 0, corrupt("kind %s holds no features", s.kind)
	}
	if width > 0 && groups == 0 {
		return State{}, 0, corrupt("features of width %d belong to no group", width)
	}
	s.width = int(width)
	s.list = d.groups(groups, width)
	if s.kind.scored() {
		s.scores = words(d, n, func(v uint32) uint32 { return v })
	}
	if s.kind == Herding {
		s.features = d.features(n, width)
	}
	return s, int(n), d.err
}

// check reports ErrCorrupt unless the parts of a state belong together.
func (s State) check() error {
	grouped := s.kind.grouped() || s.kind == Reservoir && len(s.list) > 0
	switch {
	case s.kind != RecencyMixed && len(s.recent) > 0:
		return corrupt("kind %s has no latest examples", s.kind)
	case !grouped && len(s.list) > 0:
		return corrupt("kind %s has no groups", s.kind)
	case !s.kind.sampled() && s.sample != sampler{}:
		return corrupt("kind %s has no reservoir", s.kind)
	case len(s.recent) > len(s.items):
		return corrupt("%d latest examples are more than the %d held", len(s.recent), len(s.items))
	}
	ids := make(map[string]struct{}, len(s.items))
	for i, ex := range s.items {
		if _, ok := ids[ex.ID]; ok && ex.ID != "" {
			return corrupt("examples %d has the id %q of an earlier one", i, ex.ID)
		}
		ids[ex.ID] = struct{}{}
	}
	taken := make([]bool, len(s.items))
	if err := take(taken[:len(s.recent)], s.recent); err != nil {
		return err
	}
	if !grouped {
		return nil
	}
	members := 0
	keys := make(map[groupKey]struct{}, len(s.list))
	for i, g := range s.list {
		if err := take(taken, g.members); err != nil {
			return err
		}
		if g.seen < uint64(len(g.members)) {
			return corrupt("group %d has %d members of %d arrivals", i, len(g.members), g.seen)
		}
		if _, ok := keys[g.key]; ok && !g.shared {
			return corrupt("group %d has the key of an earlier one", i)
		}
		if !g.shared {
			keys[g.key] = struct{}{}
		}
		members += len(g.members)
	}
	if members != len(s.items) {
		return corrupt("%d examples have a group, of %d", members, len(s.items))
	}
	return nil
}

// take marks slots as taken, and reports ErrCorrupt for one that is or does not exist.
func take(taken []bool, slots []int) error {
	for _, slot := range slots {
		if slot >= len(taken) || taken[slot] {
			return corrupt("slot %d does not exist or is taken twice", slot)
		}
		taken[slot] = true
	}
	return nil
}

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

// words reads n numbers of 32 bits; nil if there are none.
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

func (d *decoder) slots(n uint32) []int {
	return words(d, n, func(v uint32) int { return int(v) })
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

// finite reads n numbers, none of which may be a NaN or an infinity.
func (d *decoder) finite(n uint32) []float32 {
	list := words(d, n, math.Float32frombits)
	for _, v := range list {
		if v-v != 0 {
			d.err = corrupt("a feature is %v, must be finite", v)
		}
	}
	return list
}

func (d *decoder) groups(n, width uint32) []group {
	least := uint64(minGroup)
	if width > 0 {
		least += 4 + 4*uint64(width)
	}
	if d.err == nil && uint64(n)*least > uint64(len(d.data)) {
		d.err = corrupt("%d groups do not fit in %d bytes", n, len(d.data))
		return nil
	}
	var list []group
	for range n {
		flags := d.u8()
		if flags >= flagNegative<<1 {
			d.err = corrupt("a group has unknown flags %#x", flags)
		}
		g := group{full: flags&flagFull != 0, shared: flags&flagShared != 0}
		g.key.negative = flags&flagNegative != 0
		g.key.class = math.Float32frombits(d.u32())
		g.seen = d.u64()
		g.key.segment = string(d.take(uint64(d.u32())))
		g.members = d.slots(d.u32())
		if width > 0 {
			g.heard, g.mean = d.u32(), d.finite(width)
			if g.heard > herdingMemory && d.err == nil {
				d.err = corrupt("a mean is over %d arrivals, at most are %d", g.heard, herdingMemory)
			}
		}
		if d.err != nil {
			return nil
		}
		list = append(list, g)
	}
	return list
}

// examples reads n examples, field by field.
func (d *decoder) examples(n int) []*Example {
	if d.err != nil || uint64(n)*minExample > uint64(len(d.data)) {
		if d.err == nil {
			d.err = corrupt("%d examples do not fit in %d bytes", n, len(d.data))
		}
		return nil
	}
	items := make([]*Example, n)
	for i := range items {
		items[i] = &Example{Position: d.u64()}
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
	widths := words(d, uint32(n), func(v uint32) uint32 { return v })
	for i, w := range widths {
		items[i].Dense = words(d, w, math.Float32frombits)
	}
	widths = words(d, uint32(n), func(v uint32) uint32 { return v })
	for i, w := range widths {
		if b := d.take(uint64(w)); len(b) > 0 {
			items[i].Packed = bytes.Clone(b)
			if len(items[i].Dense) > 0 {
				d.err = corrupt("example %d has dense features in two forms", i)
			}
		}
	}
	widths = words(d, uint32(n), func(v uint32) uint32 { return v })
	for i, w := range widths {
		items[i].Categories = words(d, w, func(v uint32) int32 { return int32(v) })
	}
	widths = words(d, uint32(n), func(v uint32) uint32 { return v })
	for i, w := range widths {
		items[i].Logits = words(d, w, math.Float32frombits)
	}
	for _, ex := range items {
		ex.LogitsAt = d.u64()
	}
	return items
}

// strings reads a text field of all examples. Equal neighbours share their memory.
func (d *decoder) strings(items []*Example, field func(*Example) *string) {
	lengths := words(d, uint32(len(items)), func(v uint32) uint32 { return v })
	last := ""
	for i, n := range lengths {
		if b := d.take(uint64(n)); string(b) != last {
			last = string(b)
		}
		*field(items[i]) = last
	}
}
