package state

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/perennial-ml/perennial/replay/example"
	"github.com/perennial-ml/perennial/replay/internal/column"
	"github.com/perennial-ml/perennial/replay/internal/sample"
	"github.com/perennial-ml/perennial/replay/internal/store"
)

// Read decodes a whole that State.WriteTo wrote; data must hold it and nothing else. It
// allocates no more than a small multiple of len(data), and keeps no reference to it. The
// forms are those of the kinds that there are.
// The error is ErrFormat for a state of another format, ErrCorrupt for anything else.
func Read(data []byte, forms []Form) (State, error) {
	d := &decoder{data: data}
	s, whole, err := d.head(forms, wholeFormat, earlierWholeFormat)
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
func Join(head []byte, forms []Form, page func(suffix string) ([]byte, error)) (State, error) {
	if len(head) < len(magic)+4 {
		return Read(head, forms)
	}
	format := binary.LittleEndian.Uint32(head[len(magic):])
	if format != headFormat && format != earlierHeadFormat {
		return Read(head, forms)
	}
	d := &decoder{data: head}
	s, whole, err := d.head(forms, headFormat, earlierHeadFormat)
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
	var items []*example.Example
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
	n := s.Items.Len()
	err := readColumn(&s.Newer, columnLinks, latest, length*column.NumberPages, page, func(d *decoder, n int) []int32 {
		return words(d, uint32(n), func(v uint32) int32 { return int32(v) })
	})
	if err == nil && len(s.List) > 0 {
		err = readColumn(&s.Seats, columnSeats, n, length*column.PairPages, page, func(d *decoder, n int) []store.Seat {
			seats := words(d, uint32(n), func(v uint32) store.Seat { return store.Seat{Home: v} })
			for i, v := range d.numbers(uint32(n)) {
				seats[i].Ticket = v
			}
			return seats
		})
	}
	if err == nil && s.Form.Scored {
		err = readColumn(&s.Scores, columnScores, n, length*column.NumberPages, page, func(d *decoder, n int) []uint32 { return d.numbers(uint32(n)) })
	}
	if err == nil && s.Form.Featured {
		err = readColumn(&s.Features, columnFeatures, n, length, page, func(d *decoder, n int) [][]float32 {
			return d.features(uint32(n), uint32(s.Width))
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

// An extent is how many examples a state has, and how many of them are the latest.
type extent struct{ examples, latest int }

// head reads all that stands before the examples, or before the list of their pages, of a
// state in one of two formats.
func (d *decoder) head(forms []Form, format, earlier uint32) (State, extent, error) {
	if string(d.take(uint64(len(magic)))) != magic {
		return State{}, extent{}, corrupt("it does not begin with %q", magic)
	}
	v := d.u32()
	if d.err == nil && v != format && v != earlier {
		return State{}, extent{}, fmt.Errorf("%w: it was written in format %d, this program reads formats %d and %d", ErrFormat, v, earlier, format)
	}
	format = v
	code := d.u32()
	n, latest, groups, width := d.u32(), d.u32(), d.u32(), d.u32()
	s := State{Sample: sample.Uniform{Population: d.u64(), Holes: d.u64(), Debt: d.u64()}, Oldest: store.None}
	if d.err != nil {
		return State{}, extent{}, d.err
	}
	form := slices.IndexFunc(forms, func(f Form) bool { return f.Code == code })
	if form < 0 {
		return State{}, extent{}, corrupt("kind %d is unknown", code)
	}
	s.Form, s.Width = forms[form], int(width)
	inPages := format == headFormat || format == earlierHeadFormat
	switch {
	case !inPages && uint64(n)*minExample > uint64(len(d.data)):
		return State{}, extent{}, corrupt("%d examples do not fit in %d bytes", n, len(d.data))
	case width > 0 && !s.Form.Featured:
		return State{}, extent{}, corrupt("kind %s holds no features", s.Form.Name)
	case width > 0 && groups == 0:
		return State{}, extent{}, corrupt("features of width %d belong to no group", width)
	case latest > n || latest > 0 && !s.Form.Latest:
		return State{}, extent{}, corrupt("%d of %d examples of kind %s are the latest", latest, n, s.Form.Name)
	}
	if format == headFormat {
		if latest > 0 {
			s.Oldest = int(d.u32())
		}
		s.List = d.groups(groups, width, format)
		return s, extent{int(n), int(latest)}, d.err
	}
	d.order(&s, latest)
	s.List = d.groups(groups, width, format)
	if s.Form.Scored {
		s.Scores = frozen(column.NumberPages*column.LeastPage, d.numbers(n))
	}
	if s.Form.Featured {
		s.Features = frozen(column.LeastPage, d.features(n, width))
	}
	d.seat(&s, n)
	return s, extent{int(n), int(latest)}, d.err
}

// order reads the slots of a ring from the oldest to the newest.
func (d *decoder) order(s *State, n uint32) {
	order := d.numbers(n)
	newer := make([]int32, len(order))
	last := store.None
	for _, slot := range order {
		if slot >= n {
			d.err = corrupt("slot %d does not exist", slot)
			return
		}
		if last == store.None {
			s.Oldest = int(slot)
		} else {
			newer[last] = int32(slot)
		}
		last = int(slot)
	}
	if last != store.None {
		newer[last] = store.None
	}
	s.Newer = frozen(column.NumberPages*column.LeastPage, newer)
}

// seat turns the slots of groups into a column.
func (d *decoder) seat(s *State, n uint32) {
	held := 0
	for i := range s.List {
		held += s.List[i].Members.N
	}
	if d.err != nil || held == 0 && len(s.List) == 0 {
		return
	}
	if held != int(n) {
		d.err = corrupt("%d examples have a group, of %d", held, n)
		return
	}
	seats := make([]store.Seat, n)
	taken := make([]bool, n)
	for home := range s.List {
		m := &s.List[home].Members
		for i := range m.N {
			slot := uint32(m.At(i))
			if slot >= n || taken[slot] {
				d.err = corrupt("slot %d does not exist or is taken twice", slot)
				return
			}
			taken[slot] = true
			seats[slot] = store.Seat{Home: uint32(home), Ticket: m.First + uint32(i)}
		}
		m.Forget()
	}
	s.Seats = frozen(column.PairPages*column.LeastPage, seats)
}

// hold gives a state its examples, in pages of that length.
func (s *State) hold(items []*example.Example, latest, length int) {
	if s.Form.Latest {
		s.Items, s.Rest = frozen(length, items[:latest]), frozen(length, items[latest:])
		return
	}
	s.Items = frozen(length, items)
}
