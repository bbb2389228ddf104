package replay

import (
	"encoding/binary"
	"fmt"

	"github.com/perennial-ml/perennial/replay/internal/column"
	"github.com/perennial-ml/perennial/replay/internal/sample"
)

// Read decodes a whole that State.WriteTo wrote; data must hold it and nothing else. It
// allocates no more than a small multiple of len(data), and keeps no reference to it.
// The error is ErrFormat for a state of another format, ErrCorrupt for anything else.
func Read(data []byte) (State, error) {
	d := &decoder{data: data}
	s, whole, err := d.head(wholeFormat, earlierWholeFormat)
	if err != nil {
		return State{}, err
	}
	items := d.examples(whole.examples)
	if err := d.end(); err != nil {
		return State{}, err
	}
	s.hold(items, whole.latest, column.LeastPage)
	return s, s.check()
}

// Join reads the pieces of Pieces: page is asked by their suffixes for those that are not in
// head. It allocates no more than a small multiple of what it is given. The error is
// ErrFormat or ErrCorrupt, or page's.
func Join(head []byte, page func(suffix string) ([]byte, error)) (State, error) {
	if len(head) < len(magic)+4 {
		return Read(head)
	}
	format := binary.LittleEndian.Uint32(head[len(magic):])
	if format != headFormat && format != earlierHeadFormat {
		return Read(head)
	}
	d := &decoder{data: head}
	s, whole, err := d.head(headFormat, earlierHeadFormat)
	if err != nil {
		return State{}, err
	}
	counts := d.numbers(d.u32())
	if err := d.end(); err != nil {
		return State{}, err
	}
	left := uint64(whole.examples)
	for i, count := range counts {
		if count == 0 || uint64(count) > left {
			return State{}, corrupt("page %d of %d examples, of which %d are left", i, count, left)
		}
		left -= uint64(count)
	}
	if left > 0 {
		return State{}, corrupt("%d examples are in no page", left)
	}
	var items []*Example
	for i, count := range counts {
		err := readPage(page, suffix("", i), func(d *decoder) { items = append(items, d.examples(int(count))...) })
		if err != nil {
			return State{}, err
		}
	}
	length := column.LeastPage
	for _, count := range counts {
		for length < int(count) {
			length *= 2
		}
	}
	s.hold(items, whole.latest, length)
	if format == headFormat {
		if err := s.readColumns(whole.latest, length, page); err != nil {
			return State{}, err
		}
	}
	return s, s.check()
}

// readPage reads a page to its end.
func readPage(page func(suffix string) ([]byte, error), suffix string, read func(*decoder)) error {
	data, err := page(suffix)
	if err != nil {
		return err
	}
	d := &decoder{data: data}
	read(d)
	if err := d.end(); err != nil {
		return fmt.Errorf("page %s: %w", suffix, err)
	}
	return nil
}

// readColumns reads what a state holds beside its examples, whose pages are of that length.
func (s *State) readColumns(latest, length int, page func(suffix string) ([]byte, error)) error {
	n := s.items.Len()
	err := readColumn(&s.newer, columnLinks, latest, length*column.NumberPages, page, func(d *decoder, n int) []int32 {
		return words(d, uint32(n), func(v uint32) int32 { return int32(v) })
	})
	if err == nil && len(s.list) > 0 {
		err = readColumn(&s.seats, columnSeats, n, length*column.PairPages, page, func(d *decoder, n int) []seat {
			seats := words(d, uint32(n), func(v uint32) seat { return seat{home: v} })
			for i, v := range d.numbers(uint32(n)) {
				seats[i].ticket = v
			}
			return seats
		})
	}
	if err == nil && s.kind.scored() {
		err = readColumn(&s.scores, columnScores, n, length*column.NumberPages, page, func(d *decoder, n int) []uint32 { return d.numbers(uint32(n)) })
	}
	if err == nil && s.kind == Herding {
		err = readColumn(&s.features, columnFeatures, n, length, page, func(d *decoder, n int) [][]float32 {
			return d.features(uint32(n), uint32(s.width))
		})
	}
	return err
}

// readColumn reads a column of n slots.
func readColumn[T any](c *column.Column[T], name string, n, length int, page func(suffix string) ([]byte, error), read func(d *decoder, n int) []T) error {
	var list []T
	for i := 0; len(list) < n; i++ {
		least := len(list) + min(length, n-len(list))
		err := readPage(page, suffix(name, i), func(d *decoder) { list = append(list, read(d, least-len(list))...) })
		if err != nil {
			return err
		}
		if len(list) < least {
			return corrupt("page %s is short", suffix(name, i))
		}
	}
	*c = frozen(length, list)
	return nil
}

// frozen returns a column of a list, as a state has it.
func frozen[T any](length int, list []T) column.Column[T] {
	c := column.Of(length, list)
	return c.Freeze()
}

// counts are how many examples a state has, and how many of them are the latest.
type counts struct{ examples, latest int }

// head reads all that stands before the examples, or before the list of their pages, of a
// state in one of two formats.
func (d *decoder) head(format, earlier uint32) (State, counts, error) {
	if string(d.take(uint64(len(magic)))) != magic {
		return State{}, counts{}, corrupt("it does not begin with %q", magic)
	}
	v := d.u32()
	if d.err == nil && v != format && v != earlier {
		return State{}, counts{}, fmt.Errorf("%w: it was written in format %d, this program reads formats %d and %d", ErrFormat, v, earlier, format)
	}
	format = v
	code := d.u32()
	n, latest, groups, width := d.u32(), d.u32(), d.u32(), d.u32()
	s := State{sample: sample.Uniform{Population: d.u64(), Holes: d.u64(), Debt: d.u64()}, oldest: none}
	if d.err != nil {
		return State{}, counts{}, d.err
	}
	known := Kinds()
	if code < 1 || int(code) > len(known) {
		return State{}, counts{}, corrupt("kind %d is unknown", code)
	}
	s.kind, s.width = known[code-1], int(width)
	inPages := format == headFormat || format == earlierHeadFormat
	switch {
	case !inPages && uint64(n)*minExample > uint64(len(d.data)):
		return State{}, counts{}, corrupt("%d examples do not fit in %d bytes", n, len(d.data))
	case width > 0 && s.kind != Herding:
		return State{}, counts{}, corrupt("kind %s holds no features", s.kind)
	case width > 0 && groups == 0:
		return State{}, counts{}, corrupt("features of width %d belong to no group", width)
	case latest > n || latest > 0 && s.kind != RecencyMixed:
		return State{}, counts{}, corrupt("%d of %d examples of kind %s are the latest", latest, n, s.kind)
	}
	if format == headFormat {
		if latest > 0 {
			s.oldest = int(d.u32())
		}
		s.list = d.groups(groups, width, format)
		return s, counts{int(n), int(latest)}, d.err
	}
	d.order(&s, latest)
	s.list = d.groups(groups, width, format)
	if s.kind.scored() {
		s.scores = frozen(column.NumberPages*column.LeastPage, d.numbers(n))
	}
	if s.kind == Herding {
		s.features = frozen(column.LeastPage, d.features(n, width))
	}
	d.seat(&s, n)
	return s, counts{int(n), int(latest)}, d.err
}

// order reads the slots of a ring from the oldest to the newest.
func (d *decoder) order(s *State, n uint32) {
	order := d.numbers(n)
	newer := make([]int32, len(order))
	last := none
	for _, slot := range order {
		if slot >= n {
			d.err = corrupt("slot %d does not exist", slot)
			return
		}
		if last == none {
			s.oldest = int(slot)
		} else {
			newer[last] = int32(slot)
		}
		last = int(slot)
	}
	if last != none {
		newer[last] = none
	}
	s.newer = frozen(column.NumberPages*column.LeastPage, newer)
}

// seat turns the slots of groups into a column.
func (d *decoder) seat(s *State, n uint32) {
	held := 0
	for i := range s.list {
		held += s.list[i].members.n
	}
	if d.err != nil || held == 0 && len(s.list) == 0 {
		return
	}
	if held != int(n) {
		d.err = corrupt("%d examples have a group, of %d", held, n)
		return
	}
	seats := make([]seat, n)
	taken := make([]bool, n)
	for home := range s.list {
		m := &s.list[home].members
		for i := range m.n {
			slot := uint32(m.at(i))
			if slot >= n || taken[slot] {
				d.err = corrupt("slot %d does not exist or is taken twice", slot)
				return
			}
			taken[slot] = true
			seats[slot] = seat{uint32(home), m.first + uint32(i)}
		}
		m.slots = nil
	}
	s.seats = frozen(column.PairPages*column.LeastPage, seats)
}

// hold gives a state its examples, in pages of that length.
func (s *State) hold(items []*Example, latest, length int) {
	if s.kind == RecencyMixed {
		s.items, s.rest = frozen(length, items[:latest]), frozen(length, items[latest:])
		return
	}
	s.items = frozen(length, items)
}

// check reports ErrCorrupt unless the parts of a state belong together.
func (s State) check() error {
	grouped := s.kind.grouped() || s.kind == Reservoir && len(s.list) > 0
	switch {
	case !grouped && len(s.list) > 0:
		return corrupt("kind %s has no groups", s.kind)
	case !s.kind.sampled() && s.sample != sample.Uniform{}:
		return corrupt("kind %s has no reservoir", s.kind)
	}
	ids := make(map[string]struct{}, s.Len())
	for i, ex := range s.examples() {
		if _, ok := ids[ex.ID]; ok && ex.ID != "" {
			return corrupt("examples %d has the id %q of an earlier one", i, ex.ID)
		}
		ids[ex.ID] = struct{}{}
	}
	if err := s.checkOrder(); err != nil || !grouped {
		return err
	}
	return s.checkGroups()
}

// checkOrder follows the links of a ring, which must lead once through all of it.
func (s State) checkOrder() error {
	slot := s.oldest
	for range s.newer.Len() {
		if slot < 0 || slot >= s.newer.Len() {
			return corrupt("slot %d does not exist or is taken twice", slot)
		}
		slot = int(s.newer.At(slot))
	}
	if slot != none {
		return corrupt("slot %d comes after the newest", slot)
	}
	return nil
}

func (s State) checkGroups() error {
	members := 0
	keys := make(map[groupKey]struct{}, len(s.list))
	first := make([]int, len(s.list)) // of each group's members, among all
	for i, g := range s.list {
		if g.seen < uint64(g.members.n) {
			return corrupt("group %d has %d members of %d arrivals", i, g.members.n, g.seen)
		}
		if g.members.first != 0 && s.kind != RingBuffer {
			return corrupt("group %d has tickets from %d, of kind %s they are from 0", i, g.members.first, s.kind)
		}
		if _, ok := keys[g.key]; ok && !g.shared {
			return corrupt("group %d has the key of an earlier one", i)
		}
		if !g.shared {
			keys[g.key] = struct{}{}
		}
		first[i] = members
		members += g.members.n
	}
	if members != s.items.Len() || s.seats.Len() != s.items.Len() {
		return corrupt("%d examples have a group, of %d", members, s.items.Len())
	}
	taken := make([]bool, members)
	for slot := range s.seats.Len() {
		at := s.seats.At(slot)
		if int(at.home) >= len(s.list) {
			return corrupt("slot %d is in group %d, which does not exist", slot, at.home)
		}
		m := &s.list[at.home].members
		if i := at.ticket - m.first; i >= uint32(m.n) || taken[first[at.home]+int(i)] {
			return corrupt("ticket %d of group %d does not exist or is taken twice", at.ticket, at.home)
		}
		taken[first[at.home]+int(at.ticket-m.first)] = true
	}
	return nil
}
